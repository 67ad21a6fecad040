import type { Answer, Asked } from './fake-ari.ts'

const NO_CONTENT: Answer = { status: 204 }
const NOT_FOUND: Answer = { status: 404, body: { message: 'not found' } }

type Route = [pattern: RegExp, answer: (asked: Asked, id: string) => Answer]

/** Bridges, and what is played to and recorded from them, in the order in which Asterisk 22.10.1 tells it. */
export function fakeBridges(
  emit: (event: { type: string }) => void,
  inStasis: (channelId: string) => boolean | undefined,
) {
  const bridges = new Map<string, string[]>()
  /** Running announcements, and to which bridge. */
  const announcements = new Map<string, { bridge: string; media: string }>()
  /** Recordings, and of which bridge; when that is undefined they have ended and lie in their folder. */
  const recordings = new Map<string, string | undefined>()
  const settings = {
    /** Whether the disk takes recordings: where it does not, Asterisk says so in no other way than by their early end. */
    diskTakes: true,
    /** Whether an announcement can be played. */
    announces: true,
  }

  function create(id: string): Answer {
    bridges.set(id, [])
    return { status: 200, body: { id } }
  }

  function addChannels(bridge: string, { body }: Asked): Answer {
    const members = bridges.get(bridge)
    const ids = [body['channel'] as string[]].flat()
    if (!members) return NOT_FOUND
    if (!ids.every((id) => inStasis(id) !== undefined))
      return { status: 400, body: { message: 'Channel not found' } }
    if (!ids.every(inStasis)) return { status: 422, body: { message: 'not in Stasis' } }
    bridges.set(bridge, [...members, ...ids])
    return NO_CONTENT
  }

  function removeChannel(bridge: string, { body }: Asked): Answer {
    if (!bridges.get(bridge)?.includes(String(body['channel']))) return NOT_FOUND
    leave(String(body['channel']))
    return NO_CONTENT
  }

  function record(bridge: string, { body }: Asked): Answer {
    const { name } = body as { name: string }
    if (!bridges.has(bridge)) return NOT_FOUND
    if (recordings.has(name)) return { status: 409, body: { message: 'already exists' } }
    recordings.set(name, bridge)
    const after = () => {
      tell('RecordingStarted', name, 'recording')
      if (settings.diskTakes) return
      recordings.delete(name)
      tell('RecordingFinished', name, 'done')
    }
    return { status: 201, body: { name, state: 'queued' }, after }
  }

  function play(bridge: string, { body }: Asked): Answer {
    const { playbackId, media } = body as { playbackId: string; media: string[] }
    if (!bridges.has(bridge)) return NOT_FOUND
    announcements.set(playbackId, { bridge, media: String(media) })
    const after = () => (settings.announces ? undefined : finish(playbackId, 'failed'))
    return { status: 201, body: { id: playbackId, state: 'queued' }, after }
  }

  function tell(type: string, name: string, state: string): void {
    emit({ type, recording: { name, format: 'wav', state, target_uri: 'bridge:' } } as never)
  }

  /** An announcement ends. */
  function finish(playbackId: string, state: 'done' | 'failed' = 'done'): void {
    const found = announcements.get(playbackId)
    if (!announcements.delete(playbackId)) return
    emit({ type: 'PlaybackFinished', playback: { id: playbackId, state, media_uri: found?.media } } as never)
  }

  /** A recording ends, by itself when nobody is left. `failed`: it has left nothing. */
  function endRecording(name: string, how: 'done' | 'failed' = 'done'): void {
    if (recordings.get(name) === undefined) return
    if (how === 'failed') recordings.delete(name)
    else recordings.set(name, undefined)
    tell(how === 'failed' ? 'RecordingFailed' : 'RecordingFinished', name, how)
  }

  function endAllOf(bridge: string): void {
    for (const [name, of] of recordings) if (of === bridge) endRecording(name)
    for (const [id, to] of announcements) if (to.bridge === bridge) finish(id, 'failed')
  }

  /** A channel is gone; with the last one everything in its bridge ends. */
  function leave(channelId: string): void {
    for (const [bridge, members] of bridges) {
      if (!members.includes(channelId)) continue
      const left = members.filter((id) => id !== channelId)
      bridges.set(bridge, left)
      if (left.length === 0) endAllOf(bridge)
    }
  }

  function remove(bridge: string): Answer {
    if (!bridges.delete(bridge)) return NOT_FOUND
    endAllOf(bridge)
    return NO_CONTENT
  }

  const found = (there: boolean, body: object): Answer => (there ? { status: 200, body } : NOT_FOUND)
  const routes: Route[] = [
    [
      /^GET bridges$/,
      () => ({ status: 200, body: [...bridges].map(([id, channels]) => ({ id, channels })) }),
    ],
    [/^GET bridges\/([^/]+)$/, (_, id) => found(bridges.has(id), { id, channels: bridges.get(id) })],
    [/^GET recordings\/live\/([^/]+)$/, (_, name) => found(recordings.get(name) !== undefined, { name })],
    [/^GET recordings\/stored\/([^/]+)$/, (_, name) => found(recordings.has(name), { name })],
    [/^POST bridges\/([^/]+)\/addChannel$/, (asked, id) => addChannels(id, asked)],
    [/^POST bridges\/([^/]+)\/removeChannel$/, (asked, id) => removeChannel(id, asked)],
    [/^POST bridges\/([^/]+)\/record$/, (asked, id) => record(id, asked)],
    [/^POST bridges\/([^/]+)\/play$/, (asked, id) => play(id, asked)],
    [/^POST bridges\/([^/]+)$/, (_, id) => create(id)],
    [/^DELETE bridges\/([^/]+)$/, (_, id) => remove(id)],
  ]

  return { bridges, announcements, recordings, settings, routes, leave, finish, endRecording }
}
