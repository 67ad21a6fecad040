import type * as Asterisk from './ari-types.ts'

/** What happens to a channel. The last two are ours: what a fresh look at Asterisk shows after a gap in the events. */
export type ChannelEvent =
  | Asterisk.StasisStart
  | Asterisk.StasisEnd
  | Asterisk.Dial
  | Asterisk.ChannelDtmfReceived
  | Asterisk.ChannelDestroyed
  /** It is still there, in this state. */
  | { type: 'Seen'; channel: Asterisk.Channel }
  /** It was gone when we looked; it was last known to live at `lastSeenAt` (milliseconds since the epoch). */
  | { type: 'Vanished'; lastSeenAt: number }

export type AnyEvent = ChannelEvent | Asterisk.PlaybackFinished

type ChannelListener = (event: ChannelEvent) => void
type PlaybackListener = (state: string) => void

/** Who waits for news of which channel and playback, across a gap in the events too. */
export type Listeners = {
  /** The function that it returns ends it. */
  onChannel: (id: string, listener: ChannelListener) => () => void
  onPlaybackFinished: (id: string, listener: PlaybackListener) => () => void
  /** False when nobody waits for news of this. */
  dispatch: (event: AnyEvent) => boolean
  /** Whether somebody wants news of this channel. */
  waitsFor: (id: string) => boolean
  /** The events stop here: what is waited for now may end unheard. */
  doubt: () => void
  /** Tells how each channel is now; only what was waited for during the gap can have vanished. */
  tellChannels: (channels: Asterisk.Channel[], lastSeenAt: number) => void
  /** Ends the playbacks waited for during the gap that `exists` does not find any more. */
  tellPlaybacks: (exists: (id: string) => Promise<boolean>) => Promise<void>
  /** The gap is closed. */
  trust: () => void
}

export function listeners(): Listeners {
  const channels = new Map<string, ChannelListener>()
  const playbacks = new Map<string, PlaybackListener>()
  const doubtful = new Set<string>()

  const keep = <T>(map: Map<string, T>, id: string, listener: T) => {
    map.set(id, listener)
    return () => {
      if (map.get(id) === listener) map.delete(id)
    }
  }

  return {
    onChannel: (id, listener) => keep(channels, id, listener),
    onPlaybackFinished: (id, listener) => keep(playbacks, id, listener),
    dispatch(event) {
      if (event.type === 'PlaybackFinished') {
        playbacks.get(event.playback.id)?.(event.playback.state)
        return true
      }
      const id = event.type === 'Dial' ? event.peer.id : 'channel' in event ? event.channel.id : ''
      const listener = channels.get(id)
      listener?.(event)
      return listener !== undefined
    },
    waitsFor: (id) => channels.has(id),
    doubt() {
      for (const id of [...channels.keys(), ...playbacks.keys()]) doubtful.add(id)
    },
    tellChannels(seen, lastSeenAt) {
      const byId = new Map(seen.map((channel) => [channel.id, channel]))
      for (const [id, listener] of [...channels]) {
        const channel = byId.get(id)
        if (channel) listener({ type: 'Seen', channel })
        else if (doubtful.has(id)) listener({ type: 'Vanished', lastSeenAt })
      }
    },
    async tellPlaybacks(exists) {
      for (const [id, listener] of [...playbacks])
        if (doubtful.has(id) && !(await exists(id))) listener('done')
    },
    trust: () => doubtful.clear(),
  }
}
