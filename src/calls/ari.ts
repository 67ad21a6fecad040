import type { Logger } from 'pino'
import { AriError, openSocket, type AriSocket, type Method } from './ari-socket.ts'
import type * as Asterisk from './ari-types.ts'
import { deferred, within, type Deferred } from './deferred.ts'

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

/** All channels and bridges of Asterisk at one instant. */
export type Snapshot = { channels: Asterisk.Channel[]; bridges: Asterisk.Bridge[] }

/** The connection to Asterisk: requests that wait out a reconnect, and events by the id of what they concern. */
export type Ari = {
  /** The Stasis application; ids that we choose begin with it. */
  readonly application: string
  /**
   * One REST request. `urgent` ones have a socket of their own, where nothing can hold them up: Asterisk serves a
   * socket's requests in order, and some of them wait until a prompt has ended. Throws AriError.
   */
  request(method: Method, uri: string, body?: object, urgent?: 'urgent'): Promise<unknown>
  /** Register before the request that creates the channel: its first event can overtake the answer. */
  onChannel(id: string, listener: (event: ChannelEvent) => void): () => void
  onPlaybackFinished(id: string, listener: (state: string) => void): () => void
  connected(): boolean
  close(): void
}

export type AriOptions = {
  url: string
  user: string
  password: string
  application: string
  /** Sockets for requests, beside the one for events and urgent requests. */
  lanes?: number
  /** A channel nobody has registered for enters the application. */
  onStart: (event: Asterisk.StasisStart) => void
  /** After every connect, before any event is passed on: make the product agree with what Asterisk has. */
  reconcile: (snapshot: Snapshot) => Promise<void>
  /** The connection is gone; reconnecting has begun. */
  onDisconnect?: () => void
  /** Another process has taken the application over: this one must not fight for it. */
  onReplaced: () => void
  log: Logger
}

/**
 * What Asterisk sends us; every other event costs CPU on both sides for nothing. The answers to requests pass the
 * same filter (seen on 22.10.1), so without RESTResponse nothing is ever answered again.
 */
const WANTED = [
  ...['StasisStart', 'StasisEnd', 'Dial', 'ChannelDtmfReceived', 'ChannelDestroyed', 'PlaybackFinished'],
  ...['ApplicationReplaced', 'RESTResponse'],
]

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 2_000
/** How long a request waits for a lost connection to come back. */
const OUTAGE_PATIENCE_MS = 5_000

type Sockets = { events: AriSocket; lanes: AriSocket[]; closeAll: () => void }

/** Connects to Asterisk and stays connected until closed: the first connect too is tried for ever. */
export function connectAri(options: AriOptions): Ari {
  const { application, log } = options
  const channels = new Map<string, (event: ChannelEvent) => void>()
  const playbacks = new Map<string, (state: string) => void>()
  let sockets: Sockets | undefined
  let back: Deferred<undefined> = deferred()
  let closed = false
  const isClosed = () => closed
  let lostAt: number | undefined
  /** Events that arrive while we still compare notes with Asterisk; undefined when they are passed on at once. */
  let held: { type: string }[] | undefined
  /** Channels and playbacks that were waited for when the connection was lost; the others' requests wait for it too. */
  let unsure = new Set<string>()

  const keep = <T>(map: Map<string, T>, id: string, listener: T) => {
    map.set(id, listener)
    return () => {
      if (map.get(id) === listener) map.delete(id)
    }
  }

  async function request(method: Method, uri: string, body?: object, urgent?: 'urgent'): Promise<unknown> {
    if (!sockets) await within(back.promise, OUTAGE_PATIENCE_MS)
    if (!sockets) throw new AriError(0, `${method} ${uri.split('?', 1)[0] ?? ''}: not connected`)
    return (urgent ? sockets.events : leastBusy(sockets.lanes)).request(method, uri, body)
  }

  function onEvent(event: { type: string }): void {
    if (event.type === 'ApplicationReplaced') {
      close()
      options.onReplaced()
    } else if (held) {
      held.push(event)
    } else {
      dispatch(event as ChannelEvent | Asterisk.PlaybackFinished)
    }
  }

  function dispatch(event: ChannelEvent | Asterisk.PlaybackFinished): void {
    if (event.type === 'PlaybackFinished') {
      playbacks.get(event.playback.id)?.(event.playback.state)
      return
    }
    const id = event.type === 'Dial' ? event.peer.id : 'channel' in event ? event.channel.id : ''
    const listener = channels.get(id)
    if (listener) listener(event)
    else if (event.type === 'StasisStart') options.onStart(event)
  }

  function onEventSafely(event: { type: string }): void {
    try {
      onEvent(event)
    } catch (error) {
      log.error({ err: error, event: event.type }, 'an event could not be handled')
    }
  }

  async function connect(): Promise<void> {
    held = []
    let established = false
    let broken = false
    const opened = await openAll(options, onEventSafely, () => {
      broken = true
      if (established) onLost()
    })
    if (isClosed()) return opened.closeAll()
    sockets = opened
    const snapshot = await look(sockets.events, application)
    tellWhatWasMissed(snapshot)
    await options.reconcile(withoutNewcomers(snapshot, held))
    await askForPlaybacks(sockets.events)
    if (broken) throw new AriError(0, 'the connection broke while it was being set up')
    established = true
    const missed = held
    held = undefined
    lostAt = undefined
    unsure = new Set()
    for (const event of missed) onEventSafely(event)
  }

  /** Channels that somebody waits for may have changed while nobody listened. */
  function tellWhatWasMissed({ channels: seen }: Snapshot): void {
    const byId = new Map(seen.map((channel) => [channel.id, channel]))
    for (const [id, listener] of [...channels]) {
      const channel = byId.get(id)
      if (channel) listener({ type: 'Seen', channel })
      else if (unsure.has(id)) listener({ type: 'Vanished', lastSeenAt: lostAt ?? Date.now() })
    }
  }

  async function askForPlaybacks(socket: AriSocket): Promise<void> {
    for (const [id, listener] of [...playbacks].filter(([waited]) => unsure.has(waited))) {
      const there = await socket.request('GET', `playbacks/${id}`).then(
        () => true,
        () => false,
      )
      if (!there) listener('done')
    }
  }

  function disconnect(): void {
    if (sockets) for (const id of [...channels.keys(), ...playbacks.keys()]) unsure.add(id)
    sockets?.closeAll()
    sockets = undefined
  }

  function onLost(): void {
    if (closed || !sockets) return
    lostAt ??= Date.now()
    disconnect()
    back = deferred()
    log.warn('the connection to Asterisk is lost')
    options.onDisconnect?.()
    void stayConnected()
  }

  async function stayConnected(): Promise<void> {
    let complained = false
    for (let wait = FIRST_RETRY_MS; !closed; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        await connect()
        log.info('connected to Asterisk')
        back.resolve(undefined)
        return
      } catch (error) {
        disconnect()
        if (isClosed()) return
        if (!complained) log.warn({ err: error }, 'no connection to Asterisk; trying on')
        complained = true
        // Jitter, so that several applications do not come back in step.
        await pause(wait * (0.5 + Math.random() / 2))
      }
    }
  }

  function close(): void {
    closed = true
    disconnect()
  }

  void stayConnected()
  return {
    application,
    request,
    onChannel: (id, listener) => keep(channels, id, listener),
    onPlaybackFinished: (id, listener) => keep(playbacks, id, listener),
    connected: () => sockets !== undefined && held === undefined,
    close,
  }
}

async function openAll(
  options: AriOptions,
  onEvent: (event: { type: string }) => void,
  onClose: () => void,
): Promise<Sockets> {
  const { application, lanes: count = 2 } = options
  const opened: AriSocket[] = []
  const closeAll = () => {
    for (const socket of opened) socket.close()
  }
  try {
    const events = await openSocket({ ...options, onEvent, onClose })
    opened.push(events)
    const lanes: AriSocket[] = []
    for (let n = 1; n <= count; n++) {
      // Asterisk ties a socket to an application; these get names of their own, and no channel ever enters them.
      const lane = { ...options, application: `${application}-lane-${n}`, onEvent: () => undefined, onClose }
      lanes.push(await openSocket(lane))
      opened.push(...lanes.slice(-1))
    }
    return { events, lanes, closeAll }
  } catch (error) {
    closeAll()
    throw error
  }
}

async function look(socket: AriSocket, application: string): Promise<Snapshot> {
  const allowed = WANTED.map((type) => ({ type }))
  await socket.request('PUT', `applications/${application}/eventFilter`, { allowed })
  const channels = (await socket.request('GET', 'channels')) as Asterisk.Channel[]
  const bridges = (await socket.request('GET', 'bridges')) as Asterisk.Bridge[]
  return { channels, bridges }
}

/** Whose start is among the events still to be passed on has been missed by nobody. */
function withoutNewcomers({ channels, bridges }: Snapshot, held: { type: string }[]): Snapshot {
  const starts = held.filter((event): event is Asterisk.StasisStart => event.type === 'StasisStart')
  const newcomers = new Set(starts.map(({ channel }) => channel.id))
  return { channels: channels.filter(({ id }) => !newcomers.has(id)), bridges }
}

function leastBusy(lanes: AriSocket[]): AriSocket {
  return lanes.reduce((best, lane) => (lane.inFlight() < best.inFlight() ? lane : best))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
