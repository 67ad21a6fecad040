import type { Logger } from 'pino'
import { AriError, openSocket, type AriSocket, type Method } from './ari-socket.ts'
import type * as Asterisk from './ari-types.ts'
import { deferred, within, type Deferred } from './deferred.ts'
import { listeners, type AnyEvent, type Listeners } from './listeners.ts'

/** All channels and bridges of Asterisk at one instant. */
export type Snapshot = { channels: Asterisk.Channel[]; bridges: Asterisk.Bridge[] }

/** The connection to Asterisk: requests that wait out a reconnect, and events by the id of what they concern. */
export type Ari = {
  /** The Stasis application; ids that we choose begin with it. */
  readonly application: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /**
   * One REST request. `urgent` ones have a socket of their own, where nothing can hold them up: Asterisk serves a
   * socket's requests in order, and some of them wait until a prompt has ended. Throws AriError.
   */
  request(method: Method, uri: string, body?: object, urgent?: 'urgent'): Promise<unknown>
  /** Register before the request that creates the channel: its first event can overtake the answer. */
  onChannel: Listeners['onChannel']
  onPlaybackFinished: Listeners['onPlaybackFinished']
  onRecordingEnded: Listeners['onRecordingEnded']
  waitsFor: Listeners['waitsFor']
  connected: () => boolean
  close: () => void
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
  /** Not connected: called when a connection is lost and for every attempt that fails. */
  onDisconnect?: () => void
  /** Another process has taken the application over: this one must not fight for it. */
  onReplaced: () => void
  /** Milliseconds since the epoch. Default: Date.now. */
  now?: () => number
  log: Logger
}

/**
 * What Asterisk sends us; every other event costs CPU on both sides for nothing. The answers to requests pass the
 * same filter (seen on 22.10.1), so without RESTResponse nothing is ever answered again.
 */
const WANTED = [
  ...['StasisStart', 'StasisEnd', 'Dial', 'ChannelDtmfReceived', 'ChannelDestroyed', 'PlaybackFinished'],
  ...['RecordingFinished', 'RecordingFailed', 'ApplicationReplaced', 'RESTResponse'],
]

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 2_000
/** How long a request waits for a lost connection to come back. */
const OUTAGE_PATIENCE_MS = 5_000

type Sockets = { events: AriSocket; lanes: AriSocket[]; closeAll: () => void }

/** Connects to Asterisk and stays connected until closed: the first connect too is tried for ever. */
export function connectAri(options: AriOptions): Ari {
  const { application, log, now = Date.now } = options
  const waiting = listeners()
  let sockets: Sockets | undefined
  let back: Deferred<undefined> = deferred()
  let closed = false
  const isClosed = () => closed
  let lostAt: number | undefined
  /** Events that arrive while we still compare notes with Asterisk; undefined when they are passed on at once. */
  let held: { type: string }[] | undefined

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
    } else if (!waiting.dispatch(event as AnyEvent) && event.type === 'StasisStart') {
      options.onStart(event as Asterisk.StasisStart)
    }
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
    waiting.tellChannels(snapshot.channels, lostAt ?? now())
    await options.reconcile(withoutNewcomers(snapshot, held))
    await waiting.tellEnds((uri) => exists(opened.events, uri))
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- set by the socket's end meanwhile
    if (broken) throw new AriError(0, 'the connection broke while it was being set up')
    established = true
    const missed = held
    held = undefined
    lostAt = undefined
    waiting.trust()
    for (const event of missed) onEventSafely(event)
  }

  function disconnect(): void {
    if (sockets) waiting.doubt()
    sockets?.closeAll()
    sockets = undefined
  }

  function onLost(): void {
    if (closed || !sockets) return
    lostAt ??= now()
    disconnect()
    back = deferred()
    log.warn('the connection to Asterisk is lost')
    options.onDisconnect?.()
    void stayConnected()
  }

  async function stayConnected(): Promise<void> {
    await retry(connect, isClosed, (error, first) => {
      disconnect()
      if (isClosed()) return
      // It may have died while we connected.
      options.onDisconnect?.()
      if (first) log.warn({ err: error }, 'no connection to Asterisk; trying on')
    })
    if (isClosed()) return
    log.info('connected to Asterisk')
    back.resolve(undefined)
  }

  function close(): void {
    closed = true
    disconnect()
  }

  void stayConnected()
  return {
    application,
    now,
    request,
    onChannel: waiting.onChannel,
    onPlaybackFinished: waiting.onPlaybackFinished,
    onRecordingEnded: waiting.onRecordingEnded,
    waitsFor: waiting.waitsFor,
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

async function exists(socket: AriSocket, uri: string): Promise<boolean> {
  return socket.request('GET', uri).then(
    () => true,
    () => false,
  )
}

function leastBusy(lanes: AriSocket[]): AriSocket {
  return lanes.reduce((best, lane) => (lane.inFlight() < best.inFlight() ? lane : best))
}

/** Repeats what fails, for ever and with growing pauses, until it succeeds or `over` says that nobody wants it any more. */
async function retry(
  attempt: () => Promise<void>,
  over: () => boolean,
  onFail: (error: unknown, first: boolean) => void,
): Promise<void> {
  for (let wait = FIRST_RETRY_MS; !over(); wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
    try {
      return await attempt()
    } catch (error) {
      onFail(error, wait === FIRST_RETRY_MS)
      if (over()) return
      // Jitter, so that several applications do not come back in step.
      await pause(wait * (0.5 + Math.random() / 2))
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
