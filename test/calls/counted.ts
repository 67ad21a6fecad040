import type { Ari } from '../../src/calls/ari.ts'

/** The same connection, telling of each listener that is registered (1) and taken back (-1). */
export function counted(connection: Ari, tell: (change: 1 | -1) => void): Ari {
  const count = (off: () => void) => {
    tell(1)
    let on = true
    return () => {
      if (on) tell(-1)
      on = false
      off()
    }
  }
  return {
    ...connection,
    onChannel: (id, listener) => count(connection.onChannel(id, listener)),
    onPlaybackFinished: (id, listener) => count(connection.onPlaybackFinished(id, listener)),
    onRecordingEnded: (name, listener) => count(connection.onRecordingEnded(name, listener)),
  }
}
