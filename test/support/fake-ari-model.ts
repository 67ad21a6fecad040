import { fakeBridges } from './fake-ari-bridges.ts'
import { fakeSip } from './fake-ari-sip.ts'
import type { Answer, Asked } from './fake-ari.ts'

/** How a number that is dialled behaves: Q.850 cause and SIP status of its end, or what it does by itself. */
export type Behaviour = 'silent' | 'answers' | { cause: number; sip: number }

export type FakeChannel = {
  id: string
  /** As Asterisk calls it: `PJSIP/trunk-0000002a`. */
  name: string
  state: 'Down' | 'Ring' | 'Ringing' | 'Up'
  from: string
  exten: string
  args: string[]
  inStasis: boolean
  /** Came from the trunk: its destruction is not told, StasisEnd is the last word about it. */
  outside: boolean
  /** As it was dialled: `+4912345`. */
  number: string
  /** Playbacks by age; the first is heard, the others wait. */
  playing: string[]
  /** As they were set while it lived. */
  variables: Record<string, string>
}

export type FakeModel = ReturnType<typeof fakeModel>

type Emit = (event: { type: string }) => void
type Route = [pattern: RegExp, answer: (asked: Asked, id: string) => Answer]

const NO_CONTENT: Answer = { status: 204 }
const NOT_FOUND: Answer = { status: 404, body: { message: 'not found' } }

/** Channels, bridges and playbacks as the requests and the phones leave them. */
export function fakeModel(emit: Emit) {
  const channels = new Map<string, FakeChannel>()
  const bridging = fakeBridges(emit, (id) => channels.get(id)?.inStasis)
  const { bridges } = bridging
  const sip = fakeSip()
  const playbacks = new Map<string, { channelId: string; media: string[] }>()
  const parties = new Map<string, Behaviour>()
  /** Global variables. */
  const globals = new Map<string, string>()
  /** Requests that had to wait until a prompt ended: each would be silence in a caller's ear. */
  const stalls: string[] = []
  const missing = new Set<string>()
  /** What the dialplan has: `context,extension`. Undefined: the function that tells is not loaded. */
  const dialplan: { places: Set<string> | undefined } = { places: new Set() }
  const settings = {
    /** Whether a prompt lasts until the test ends it. */
    promptsLast: true,
    /** Whether a created channel enters the application by itself. */
    legsEnter: true,
  }
  let quiet: (() => void)[] = []
  let callers = 0

  const about = (type: string, channel: FakeChannel, more = {}) =>
    emit({ type, channel: toJson(channel), ...more } as { type: string })

  function enter(channel: FakeChannel): void {
    if (!channels.has(channel.id)) return
    channel.inStasis = true
    about('StasisStart', channel, { args: channel.args })
  }

  /** The end of a channel in Asterisk's order of events. */
  function end(id: string, cause = 16, sip?: number): void {
    const channel = channels.get(id)
    if (!channel) return
    about('ChannelHangupRequest', channel, { cause })
    for (const playback of [...channel.playing]) finish(playback, 'failed')
    bridging.leave(id)
    if (channel.inStasis) about('StasisEnd', channel)
    vanish(id)
    const why = { cause, cause_txt: '', ...(sip !== undefined && { tech_cause: sip }) }
    if (!channel.outside) about('ChannelDestroyed', channel, why)
  }

  /** The end of a channel that nobody hears of. */
  function vanish(id: string): void {
    for (const playback of channels.get(id)?.playing ?? []) playbacks.delete(playback)
    channels.delete(id)
    bridging.leave(id)
    wakeBlocked()
  }

  function finish(playbackId: string, state: 'done' | 'failed' = 'done'): void {
    const playback = playbacks.get(playbackId)
    const channel = channels.get(playback?.channelId ?? '')
    if (!playback || !channel) return
    playbacks.delete(playbackId)
    const heard = channel.playing[0] === playbackId
    channel.playing = without(channel.playing, playbackId)
    const { media } = playback
    emit({ type: 'PlaybackFinished', playback: { id: playbackId, state, media_uri: media.at(-1) } } as never)
    const [next] = channel.playing
    if (heard && next !== undefined) begin(next)
    wakeBlocked()
  }

  function begin(playbackId: string): void {
    const media = playbacks.get(playbackId)?.media ?? []
    emit({ type: 'PlaybackStarted', playback: { id: playbackId, state: 'playing' } } as never)
    if (media.some((uri) => missing.has(uri) || uri.includes(','))) finish(playbackId, 'failed')
    else if (!settings.promptsLast) finish(playbackId)
  }

  function wakeBlocked(): void {
    const woken = quiet
    quiet = []
    for (const wake of woken) wake()
  }

  /** Resolves when the request can be served: some wait until the channel's prompt is over. */
  async function unblocked({ method, path, what, body }: Asked): Promise<void> {
    if (method !== 'POST' || !/\/(answer|variable|addChannel)$/.test(path)) return
    const [, own = ''] = path.split('/')
    const ids = path.endsWith('addChannel') ? (body['channel'] as string[]) : [own]
    const busy = () => ids.some((id) => (channels.get(id)?.playing.length ?? 0) > 0)
    if (busy()) stalls.push(what)
    while (busy()) await new Promise<void>((wake) => quiet.push(wake))
  }

  function onChannel(id: string, act: (channel: FakeChannel) => Answer): Answer {
    const channel = channels.get(id)
    return channel ? act(channel) : NOT_FOUND
  }

  function create({ body }: Asked): Answer {
    const { channelId: id, endpoint, appArgs } = body as Record<'channelId' | 'endpoint' | 'appArgs', string>
    const [, number = ''] = /^PJSIP\/([^@]+)@trunk$/.exec(endpoint) ?? []
    if (channels.has(id)) return { status: 409, body: { message: 'id in use' } }
    if (number === '') return { status: 500, body: { message: 'Allocation failed' } }
    const args = appArgs.split(',')
    const channel: FakeChannel = { ...fresh(id), exten: 's', args, inStasis: false, number }
    channels.set(id, channel)
    return {
      status: 200,
      body: toJson(channel),
      after: () => (settings.legsEnter ? enter(channel) : undefined),
    }
  }

  function dial(channel: FakeChannel): Answer {
    if (!channel.inStasis) return { status: 409, body: { message: 'Channel not in Stasis' } }
    const behaviour = parties.get(channel.number) ?? 'silent'
    return {
      ...NO_CONTENT,
      after() {
        emitDial(channel, '')
        if (behaviour === 'answers') phones.answers(channel.id)
        else if (behaviour !== 'silent') end(channel.id, behaviour.cause, behaviour.sip)
      },
    }
  }

  function play(channel: FakeChannel, { body }: Asked): Answer {
    if (!channel.inStasis) return { status: 409, body: { message: 'Channel not in Stasis' } }
    const { playbackId, media } = body as { playbackId: string; media: string[] | string }
    if (playbacks.has(playbackId)) return { status: 409, body: { message: 'id in use' } }
    playbacks.set(playbackId, { channelId: channel.id, media: [media].flat() })
    channel.playing.push(playbackId)
    const after = () => (channel.playing[0] === playbackId ? begin(playbackId) : undefined)
    return { status: 201, body: { id: playbackId, state: 'queued' }, after }
  }

  function emitDial(channel: FakeChannel, dialstatus: string): void {
    emit({ type: 'Dial', peer: toJson(channel), dialstatus } as never)
  }

  const routes: Route[] = [
    [/^GET asterisk\/ping$/, () => ({ status: 200, body: { ping: 'pong' } })],
    [/^GET channels$/, () => ({ status: 200, body: [...channels.values()].map(toJson) })],
    ...bridging.routes,
    ...sip.routes,
    [/^GET asterisk\/variable$/, ({ query }) => global(query.get('variable') ?? '')],
    [
      /^POST asterisk\/variable$/,
      ({ query }) => {
        // Without a value it is removed.
        globals.delete(query.get('variable') ?? '')
        return NO_CONTENT
      },
    ],
    [
      /^GET playbacks\/([^/]+)$/,
      (_, id) =>
        playbacks.has(id) || bridging.announcements.has(id) ? { status: 200, body: { id } } : NOT_FOUND,
    ],
    [
      /^POST channels\/([^/]+)\/variable$/,
      ({ body }, id) =>
        onChannel(id, (channel) => {
          channel.variables[String(body['variable'])] = String(body['value'])
          return NO_CONTENT
        }),
    ],
    [
      /^GET channels\/([^/]+)$/,
      (_, id) => onChannel(id, (channel) => ({ status: 200, body: toJson(channel) })),
    ],
    [/^GET channels\/([^/]+)\/variable$/, (asked, id) => onChannel(id, () => variable(asked))],
    [/^POST channels\/([^/]+)\/continue$/, (asked, id) => onChannel(id, (channel) => goOn(channel, asked))],
    [/^POST channels\/create$/, create],
    [/^POST channels\/([^/]+)\/dial$/, (_, id) => onChannel(id, dial)],
    [/^POST channels\/([^/]+)\/play$/, (asked, id) => onChannel(id, (channel) => play(channel, asked))],
    [/^POST channels\/([^/]+)\/answer$/, (_, id) => onChannel(id, answer)],
    [/^(?:POST|DELETE) channels\/([^/]+)\/ring$/, (_, id) => onChannel(id, () => NO_CONTENT)],
    [
      /^DELETE channels\/([^/]+)$/,
      ({ query }, id) =>
        onChannel(id, () => {
          end(id, Number(query.get('reason_code') ?? 16))
          return NO_CONTENT
        }),
    ],
    [
      /^DELETE playbacks\/([^/]+)$/,
      (_, id) => {
        if (!playbacks.has(id)) return NOT_FOUND
        finish(id)
        return NO_CONTENT
      },
    ],
  ]

  /** Only places of the dialplan can be looked for. */
  function variable({ query }: Asked): Answer {
    const [, place = ''] = /^DIALPLAN_EXISTS\((.+),1\)$/.exec(query.get('variable') ?? '') ?? []
    if (!dialplan.places) return { status: 404, body: { message: 'Provided variable was not found' } }
    return { status: 200, body: { value: dialplan.places.has(place) ? '1' : '0' } }
  }

  const global = (name: string): Answer => ({ status: 200, body: { value: globals.get(name) ?? '' } })

  /** The channel goes on in the dialplan, where it may stay or end. */
  function goOn(channel: FakeChannel, { body }: Asked): Answer {
    if (!channel.inStasis) return { status: 409, body: { message: 'Channel not in Stasis' } }
    const after = () => {
      channel.inStasis = false
      channel.exten = String(body['extension'])
      about('StasisEnd', channel)
    }
    return { ...NO_CONTENT, after }
  }

  function answer(channel: FakeChannel): Answer {
    channel.state = 'Up'
    about('ChannelStateChange', channel)
    return NO_CONTENT
  }

  /** What happens at the other end of the line. */
  const phones = {
    /** A caller enters the application. */
    calls({
      id = `caller-${++callers}`,
      from = '+919812345678',
      to = '+916292134471',
      args = [] as string[],
      name = undefined as string | undefined,
    } = {}): string {
      const channel: FakeChannel = { ...fresh(id, name), state: 'Ring', from, exten: to, args, outside: true }
      channels.set(id, channel)
      enter(channel)
      return id
    },
    presses(id: string, keys: string, { durationMs = 100, at = Date.now() } = {}): void {
      for (const [n, digit] of Array.from(keys).entries()) {
        // Keys follow each other as fast as fingers can, by Asterisk's clock.
        const event = { digit, duration_ms: durationMs, timestamp: new Date(at + n * 200).toISOString() }
        const channel = channels.get(id)
        if (channel) about('ChannelDtmfReceived', channel, event)
      }
    },
    rings(id: string): void {
      const channel = channels.get(id)
      if (!channel) return
      channel.state = 'Ringing'
      about('ChannelStateChange', channel)
      emitDial(channel, 'RINGING')
    },
    answers(id: string): void {
      const channel = channels.get(id)
      if (!channel) return
      answer(channel)
      emitDial(channel, 'ANSWER')
    },
    hangsUp: end,
  }

  return {
    channels,
    bridges,
    bridging,
    sip,
    playbacks,
    parties,
    globals,
    stalls,
    missing,
    dialplan,
    settings,
    phones,
    finish,
    vanish,
    unblocked,
    /** A created channel enters the application. */
    enter(id: string): void {
      const channel = channels.get(id)
      if (channel) enter(channel)
    },
    /** The prompt that a caller hears now ends. */
    finishPrompt(channelId: string): void {
      const [playing] = channels.get(channelId)?.playing ?? []
      if (playing === undefined) throw new Error(`${channelId} hears no prompt`)
      finish(playing)
    },
    answer(asked: Asked): Answer {
      for (const [pattern, act] of routes) {
        const match = pattern.exec(`${asked.method} ${asked.path}`)
        if (match) return act(asked, match[1] ?? '')
      }
      return NOT_FOUND
    },
  }
}

function fresh(id: string, name = `PJSIP/trunk-${id}`): FakeChannel {
  return {
    id,
    name,
    state: 'Down',
    from: '',
    exten: '',
    args: [],
    inStasis: true,
    outside: false,
    number: '',
    playing: [],
    variables: {},
  }
}

function toJson({ id, name, state, from, exten, args, inStasis }: FakeChannel) {
  const application = ['pinbridge', ...args].join(',')
  return {
    id,
    protocol_id: id,
    name,
    state,
    caller: { name: '', number: from },
    connected: { name: '', number: '' },
    accountcode: '',
    dialplan: {
      context: 'inbound',
      exten,
      priority: 2,
      app_name: inStasis ? 'Stasis' : '',
      app_data: inStasis ? application : '',
    },
    creationtime: new Date().toISOString(),
    language: 'en',
  }
}

function without(list: string[], id: string): string[] {
  return list.filter((one) => one !== id)
}
