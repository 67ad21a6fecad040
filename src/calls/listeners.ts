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

export type AnyEvent =
  ChannelEvent | Asterisk.PlaybackFinished | Asterisk.RecordingFinished | Asterisk.RecordingFailed

type ChannelListener = (event: ChannelEvent) => void
type EndListener = (state: string) => void

/** Who waits for news of which channel, playback and recording, across a gap in the events too. */
export type Listeners = {
  /** The function that it returns ends it. */
  onChannel: (id: string, listener: ChannelListener) => () => void
  onPlaybackFinished: (id: string, listener: EndListener) => () => void
  /** Finished or failed: Asterisk calls a recording that it could not write to the disk finished. */
  onRecordingEnded: (name: string, listener: EndListener) => () => void
  /** False when nobody waits for news of this. */
  dispatch: (event: AnyEvent) => boolean
  /** Whether somebody wants news of this channel. */
  waitsFor: (id: string) => boolean
  /** The events stop here: what is waited for now may end unheard. */
  doubt: () => void
  /** Tells how each channel is now; only what was waited for during the gap can have vanished. */
  tellChannels: (channels: Asterisk.Channel[], lastSeenAt: number) => void
  /** Ends the playbacks and recordings waited for during the gap that `exists` does not find any more. */
  tellEnds: (exists: (uri: string) => Promise<boolean>) => Promise<void>
  /** The gap is closed. */
  trust: () => void
}

export function listeners(): Listeners {
  const channels = new Map<string, ChannelListener>()
  /** By the URI at which what will end can be looked at. */
  const ends = new Map<string, EndListener>()
  const doubtful = new Set<string>()

  const keep = <T>(map: Map<string, T>, id: string, listener: T) => {
    map.set(id, listener)
    return () => {
      if (map.get(id) === listener) map.delete(id)
    }
  }

  return {
    onChannel: (id, listener) => keep(channels, id, listener),
    onPlaybackFinished: (id, listener) => keep(ends, playback(id), listener),
    onRecordingEnded: (name, listener) => keep(ends, recording(name), listener),
    dispatch(event) {
      if (event.type === 'PlaybackFinished') {
        ends.get(playback(event.playback.id))?.(event.playback.state)
        return true
      }
      if (event.type === 'RecordingFinished' || event.type === 'RecordingFailed') {
        ends.get(recording(event.recording.name))?.(event.recording.state)
        return true
      }
      const id = event.type === 'Dial' ? event.peer.id : 'channel' in event ? event.channel.id : ''
      const listener = channels.get(id)
      listener?.(event)
      return listener !== undefined
    },
    waitsFor: (id) => channels.has(id),
    doubt() {
      for (const id of [...channels.keys(), ...ends.keys()]) doubtful.add(id)
    },
    tellChannels(seen, lastSeenAt) {
      const byId = new Map(seen.map((channel) => [channel.id, channel]))
      for (const [id, listener] of [...channels]) {
        const channel = byId.get(id)
        if (channel) listener({ type: 'Seen', channel })
        else if (doubtful.has(id)) listener({ type: 'Vanished', lastSeenAt })
      }
    },
    async tellEnds(exists) {
      for (const [uri, listener] of [...ends]) if (doubtful.has(uri) && !(await exists(uri))) listener('done')
    },
    trust: () => doubtful.clear(),
  }
}

const playback = (id: string): string => `playbacks/${id}`
const recording = (name: string): string => `recordings/live/${name}`
