import { AriError, type Method } from './ari-socket.ts'
import type * as Asterisk from './ari-types.ts'
import type { Ari } from './ari.ts'
import { Hangup } from './call.ts'
import { deferred, within } from './deferred.ts'
import { isRepeat, type Key } from './digits.ts'
import type { ChannelEvent } from './listeners.ts'
import { isIn } from './ours.ts'

/** The caller's channel: what is asked of it, the keys that come from it, and its end. */
export type Caller = {
  readonly channelId: string
  /** The instant at which the channel was last known to live; undefined while it does. */
  goneAt: () => number | undefined
  /** Whether it left while nobody told us: then `goneAt` is only the instant before that. */
  missed: () => boolean
  /** Resolves like `promise`, or rejects with Hangup when the caller leaves first. */
  whileHere: <T>(promise: Promise<T>) => Promise<T>
  /** One request about the channel. Throws Hangup when it is refused because the caller is gone, else AriError. */
  act: (method: Method, uri: string, body?: object) => Promise<void>
  /**
   * Makes the request that sends the channel elsewhere, and resolves when it is ours no more: gone, as after a hang-up.
   * Throws AriError when Asterisk has refused that and the channel is still here.
   */
  sendAway: (uri: string, body: object) => Promise<void>
  /** Resolves when a hang-up would have been told by now; rejects with Hangup as soon as one is. */
  stillHere: () => Promise<void>
  /** Takes the keys typed so far and all that follow, until one was enough or the function that it returns is called. */
  listen: (take: TakeKey) => () => void
  /** Calls back once when the caller leaves, at once if that has happened. */
  onGone: (then: () => void) => void
}

type TakeKey = (key: string) => 'more' | 'enough'

/** How long after a refused request the news of the hang-up behind it may take, in milliseconds. */
const HANGUP_NEWS_MS = 1_000

/** How long a channel that is sent away may take to go, in milliseconds. */
const LEAVING_MS = 1_000

/** Keys kept for the next question; more are what somebody keys during a talk. */
const MOST_TYPED_AHEAD = 32

/** What Asterisk answers about a channel that is gone or has left the application. */
const CHANNEL_IS_GONE = new Set([404, 409, 412, 422])

/** Watches a channel from the moment it enters the application: keys that come before anyone asks are kept. */
export function callerChannel(ari: Ari, channelId: string): Caller {
  const hungUp = deferred<never>()
  const typedAhead: string[] = []
  let goneAt: number | undefined
  let missed = false
  let lastKey: Key | undefined
  let take: TakeKey | undefined

  const off = ari.onChannel(channelId, (event) => {
    if (event.type === 'ChannelDtmfReceived') keyed(event)
    // A channel that came from outside ends with this: Asterisk 22.10.1 does not tell its destruction any more. One that
    // we have sent on in the dialplan leaves with it too, and is as little ours as if it were gone.
    else if (event.type === 'StasisEnd' || event.type === 'ChannelDestroyed') gone(ari.now())
    else if (event.type === 'Vanished') {
      missed = true
      gone(event.lastSeenAt)
    }
  })

  function gone(at: number): void {
    if (goneAt !== undefined) return
    goneAt = at
    off()
    hungUp.reject(new Hangup())
  }

  function keyed(event: Extract<ChannelEvent, { type: 'ChannelDtmfReceived' }>): void {
    const key = { digit: event.digit, atMs: Date.parse(event.timestamp), durationMs: event.duration_ms }
    const repeated = isRepeat(lastKey, key)
    lastKey = key
    if (!repeated) offer(key.digit)
  }

  function offer(key: string): void {
    if (take) {
      if (take(key) === 'enough') take = undefined
    } else if (typedAhead.length < MOST_TYPED_AHEAD) {
      typedAhead.push(key)
    }
  }

  const whileHere = <T>(promise: Promise<T>): Promise<T> => Promise.race([hungUp.promise, promise])

  async function act(method: Method, uri: string, body?: object): Promise<void> {
    if (goneAt !== undefined) throw new Hangup()
    try {
      await whileHere(ari.request(method, uri, body))
    } catch (error) {
      // A refusal is how a hang-up first shows; the event that says so is on its way.
      if (error instanceof AriError && CHANNEL_IS_GONE.has(error.status)) await stillHere()
      throw error
    }
  }

  async function sendAway(uri: string, body: object): Promise<void> {
    if (goneAt !== undefined) throw new Hangup()
    const left = hungUp.promise.catch(() => 'left' as const)
    const request = ari.request('POST', uri, body)
    const refusal = await Promise.race([left, request]).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (refusal === undefined && (await within(left, LEAVING_MS)) === 'left') return
    // Whether it went is unknown, as after a lost answer: hanging up one that is somebody else's would be worse than
    // leaving one alone, which the next look at Asterisk finds.
    if (await isStillOurs())
      throw refusal instanceof Error ? refusal : new AriError(0, 'the channel does not leave')
    gone(ari.now())
  }

  async function isStillOurs(): Promise<boolean> {
    const found = await ari.request('GET', `channels/${channelId}`).catch(() => undefined)
    return found !== undefined && isIn(ari.application, found as Asterisk.Channel)
  }

  async function stillHere(): Promise<void> {
    await within(hungUp.promise, HANGUP_NEWS_MS)
  }

  function listen(taker: TakeKey): () => void {
    take = taker
    for (const key of typedAhead.splice(0)) offer(key)
    return () => (take = undefined)
  }

  return {
    channelId,
    goneAt: () => goneAt,
    missed: () => missed,
    whileHere,
    act,
    sendAway,
    stillHere,
    listen,
    onGone: (then) => void hungUp.promise.catch(then),
  }
}
