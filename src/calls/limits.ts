import type { Ari } from './ari.ts'
import type { TalkLimit } from './call.ts'
import type { Caller } from './caller.ts'
import { alarm, type Monotonic, within } from './deferred.ts'
import type { Leg } from './leg.ts'
import { endHandler } from './noted-ends.ts'
import { STOP_MS, type Voice } from './voice.ts'

/** The longest a caller may stay, as the dialplan has set it (dialplan/inbound.conf), in milliseconds. */
export const VISIT_MS = 14_400_000

/**
 * How much later than we Asterisk ends a talk whose money is at its end, in milliseconds: the caller shall hear why, and
 * stay for another call. While we are dead it is Asterisk that ends it, and what it is late is not charged.
 */
const ASTERISK_LATER_MS = 1_000

/** Asterisk hangs a channel up after so long, whether this process lives then or not. */
const limitOf = (ms: number) => ({ variable: 'TIMEOUT(absolute)', value: String(Math.ceil(ms / 1_000)) })

function hangUpAfter(ari: Ari, channelId: string, ms: number, urgent?: 'urgent'): Promise<unknown> {
  return ari.request('POST', `channels/${channelId}/variable`, limitOf(ms), urgent)
}

/** From now on. Throws Hangup when the caller leaves, else AriError when Asterisk refuses. */
export function letStay(caller: Caller, longestMs: number): Promise<void> {
  return caller.act('POST', `channels/${caller.channelId}/variable`, limitOf(longestMs))
}

/**
 * Limits a talk by Asterisk itself, on both channels: a recording lasts until the last has left. A refusal leaves the caller the
 * limit of any visit. The other party has had little more time than it takes to answer (leg.ts): rejects when that is not changed.
 */
export async function limitBoth(
  ari: Ari,
  { callerId, otherId }: { callerId: string; otherId: string },
  longestMs: number,
): Promise<void> {
  hangUpAfter(ari, callerId, longestMs).catch(() => undefined)
  await hangUpAfter(ari, otherId, longestMs)
}

/** What keeps the limit of a caller's wait that is paid for (call.ts, `wait`). */
export type WaitKeeper = {
  begin: (holdId: string, longestMs: number) => Promise<void>
  /** Whether there was a wait. */
  readonly waited: boolean
  /** Asterisk notes the end of the caller's line under the hold no more. Never rejects. */
  over: () => Promise<void>
}

export function keepWaiting(ari: Ari, caller: Caller): WaitKeeper {
  const { channelId } = caller
  let state: 'none' | 'waits' | 'over' = 'none'
  return {
    async begin(holdId, longestMs) {
      state = 'waits'
      await Promise.all([letStay(caller, longestMs), noteEnd(ari, channelId, endHandler('caller', holdId))])
    },
    get waited() {
      return state !== 'none'
    },
    async over() {
      if (state !== 'waits') return
      state = 'over'
      if (caller.goneAt() === undefined) await noteNoMore(ari, channelId)
    },
  }
}

/** Pushes a handler. Refused, there is the heartbeat: that is no reason not to talk. */
async function noteEnd(ari: Ari, channelId: string, value: string): Promise<void> {
  const push = { variable: 'CHANNEL(hangup_handler_push)', value }
  await ari.request('POST', `channels/${channelId}/variable`, push).catch(() => undefined)
}

/** Takes away the handler that was pushed last. */
async function noteNoMore(ari: Ari, channelId: string): Promise<void> {
  const pop = { variable: 'CHANNEL(hangup_handler_pop)', value: '' }
  await ari.request('POST', `channels/${channelId}/variable`, pop, 'urgent').catch(() => undefined)
}

/** What keeps the limit of a talk that is paid for. */
export type LimitKeeper = {
  /** Before the two are joined: what Asterisk must know. Rejects when it refuses: then they must not be joined. */
  prepare: () => Promise<void>
  /** Whether the limit was reached. */
  readonly reached: boolean
  /** After the talk: nothing more happens by itself, and a caller who is still here may stay for another one. */
  over: () => Promise<void>
}

export type LimitedTalk = {
  ari: Ari
  caller: Caller
  other: Leg
  limit: TalkLimit
  voice: Voice
  clock: Monotonic
  /** How long the caller may stay after it, asked then. In milliseconds. */
  stayMs: () => number
}

/** Counts from now on. */
export function keepLimit(talk: LimitedTalk): LimitKeeper {
  const { ari, caller, other, limit, voice, clock, stayMs } = talk
  const { holdId, longestMs, warnMs, warning } = limit
  let reached = false
  let warned: ReturnType<Voice['start']> | undefined
  const offs = [alarm(longestMs, cut, clock)]
  if (warnMs > 0 && warnMs < longestMs) offs.push(alarm(longestMs - warnMs, warn, clock))

  function cut(): void {
    reached = true
    other.cancel()
  }

  /** On the caller's channel and not on the bridge: nobody else hears it. */
  function warn(): void {
    warned = voice.start(warning)
    warned.catch(() => undefined)
  }

  async function prepare(): Promise<void> {
    const latestMs = longestMs + ASTERISK_LATER_MS
    await Promise.all([
      hangUpAfter(ari, caller.channelId, latestMs),
      hangUpAfter(ari, other.channelId, latestMs),
      noteEnd(ari, caller.channelId, endHandler('caller', holdId, other.name)),
      noteEnd(ari, other.channelId, endHandler('called', holdId)),
    ])
  }

  async function silence(): Promise<void> {
    // Requests about a channel wait until what is played to it is over.
    const playing = await warned?.catch(() => undefined)
    playing?.stop()
    if (playing) await within(playing.ended, STOP_MS)
  }

  async function over(): Promise<void> {
    for (const off of offs) off()
    await silence()
    if (caller.goneAt() !== undefined) return
    const { channelId } = caller
    // Urgent: Asterisk's own limit is a second away.
    await Promise.allSettled([hangUpAfter(ari, channelId, stayMs(), 'urgent'), noteNoMore(ari, channelId)])
  }

  return {
    prepare,
    get reached() {
      return reached
    },
    over,
  }
}
