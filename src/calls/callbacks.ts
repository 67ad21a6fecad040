import type { Logger } from 'pino'
import type { Account } from '../engine/accounts.ts'
import { beginCallback, callerIdOf, endCallback, isStale } from '../engine/callback-states.ts'
import type { Unanswered } from '../engine/calls.ts'
import type { Callback, CallbackOutcome } from '../engine/paid-call-store.ts'
import type { Context } from '../engine/context.ts'
import { Refusal, type RefusalCode } from '../engine/errors.ts'
import { closeHold, type Hold, openHold } from '../engine/holds.ts'
import { maskNumber } from '../engine/phone.ts'
import { startLoop } from '../loop.ts'
import type { AriCallOptions } from './ari-call.ts'
import type { Ari } from './ari.ts'
import type { Call } from './call.ts'
import { deferred, within } from './deferred.ts'
import { callback as script } from './flows/callback.ts'
import { LEG_END_MS, ringLeg, type LegEnd } from './leg.ts'
import { RING_GRACE_MS } from './ring.ts'
import { MOST_OF_ACCOUNT, nextInTurn } from './turns.ts'

/** Places callbacks that are owed, and ends those that were stopped. */
export type CallbackDesk = {
  /** Look now. */
  wake: () => void
  /** Begins none any more, and gives up those in which A still rings. Where A has answered it is a call like others. */
  stop: () => Promise<void>
  /** Ids of the calls of those that were begun here; such a call may not be among those that run yet. */
  placing: () => Iterable<string>
}

export type CallbackDeskParts = {
  ctx: Context
  log: Logger
  ari: Ari
  /** The calls whose scripts run, by id: those that an earlier process has connected among them. */
  live: ReadonlyMap<string, { call: Call; ended: boolean }>
  newCall: (what: Pick<AriCallOptions, 'id' | 'channelId' | 'from'>) => Call
  /** Runs the script of a call, and resolves at its end. */
  run: (call: Call, script: () => Promise<void>) => Promise<void>
  /** Until it succeeds or the application stops. Never rejects. */
  keepTrying: (id: string, work: () => Promise<void>) => Promise<void>
}

/** How often is looked for callbacks that are due or stopped, in milliseconds: another process may have written them. */
const LOOK_MS = 1_000
const WHY_NOT: Record<Unanswered['status'], CallbackOutcome> = {
  busy: 'a_busy',
  'no-answer': 'a_no_answer',
  failed: 'a_failed',
}

/** What becomes of one that cannot be paid for; others fail. */
const WHY_NOT_PAID: Partial<Record<RefusalCode, CallbackOutcome>> = {
  no_money: 'no_money',
  too_many_calls: 'too_many_calls',
}

/** A callback that this process has begun. */
type Placed = {
  accountId: string
  /** Once A has answered. */
  call: Call | undefined
  stopped: boolean
  /** Stops ringing A. */
  giveUp: () => void
  /** Resolves when A rings no more. */
  settled: Promise<unknown>
}

/** A has answered, and the call's script runs, which closes the hold; or A will not. */
type Rung = { over: Promise<void> } | { outcome: CallbackOutcome }

/**
 * Looks for callbacks now, once a second, when it is woken and when one is over. What is begun is written down, and its money held,
 * before anybody is rung.
 */
export function serveCallbacks(parts: CallbackDeskParts): CallbackDesk {
  const { ctx, log, ari, live, keepTrying } = parts
  const placed = new Map<string, Placed>()
  let stopping = false

  async function look(): Promise<number> {
    // Unconnected, we do not know who talks.
    const owed = ari.connected() ? await ctx.store.callbacksToPlace(MOST_OF_ACCOUNT) : []
    const waiting: Callback[] = []
    for (const callback of owed) {
      const mine = placed.get(callback.id)
      if (mine) {
        if (callback.outcome === 'stopped') end(mine)
      } else if (callback.state !== 'waiting') {
        await leftBehind(callback)
      } else if (isStale(callback, ctx.now())) {
        // It rings nobody.
        begin(callback)
      } else {
        waiting.push(callback)
      }
    }
    for (const callback of nextInTurn(waiting, ringing())) begin(callback)
    return ctx.now() + LOOK_MS
  }

  /** How many of each account. Those who talk are none of them. */
  function ringing(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { accountId, call } of placed.values())
      if (!call?.talking) counts.set(accountId, (counts.get(accountId) ?? 0) + 1)
    return counts
  }

  function end(one: Placed): void {
    one.stopped = true
    if (one.call) void one.call.hangup()
    else one.giveUp()
  }

  /** Begun by a process that is gone. Two who talked are adopted as in any call; whoever was rung has been hung up. */
  async function leftBehind({ id, state, outcome, callId = id }: Callback): Promise<void> {
    const adopted = live.get(callId)
    if (!adopted || adopted.ended) return endCallback(ctx, id, state === 'talking' ? 'completed' : 'failed')
    if (outcome === 'stopped') void adopted.call.hangup()
  }

  function begin({ id, accountId }: Callback): void {
    if (stopping || placed.has(id)) return
    const settled = deferred<undefined>()
    const one: Placed = {
      accountId,
      call: undefined,
      stopped: false,
      giveUp: () => undefined,
      settled: settled.promise,
    }
    placed.set(id, one)
    const over = place(id, one, () => settled.resolve(undefined)).finally(() => {
      settled.resolve(undefined)
      placed.delete(id)
    })
    // One that fails may wait still, and is looked at again in a second, not at once.
    over.then(loop.wake, (error: unknown) => log.error({ err: error, callback: id }, 'a callback failed'))
  }

  async function place(id: string, one: Placed, settled: () => void): Promise<void> {
    const callback = await beginCallback(ctx, id)
    if (!callback) return
    const account = await ctx.store.findAccount(callback.accountId)
    if (!account) return endCallback(ctx, id, 'failed')
    const { cardId, a, b } = callback
    const wanted = { account, cardId, callId: id, kind: 'callback' as const, from: a, to: b, alsoPays: a }
    const hold = await openHold(ctx, wanted)
    if (hold instanceof Refusal) return endCallback(ctx, id, WHY_NOT_PAID[hold.code] ?? 'failed')
    const rung = await ringA(parts, { callback, account, hold }, one).catch((error: unknown): Rung => {
      log.error({ err: error, callback: id }, 'a callback cannot be placed')
      return { outcome: 'failed' }
    })
    if ('over' in rung) {
      settled()
      return rung.over
    }
    const endedAt = ctx.now()
    await keepTrying(id, async () => {
      await closeHold(ctx, hold.id, endedAt)
    })
    await endCallback(ctx, id, rung.outcome)
  }

  const onError = (error: unknown) => log.error({ err: error }, 'callbacks cannot be looked after')
  const loop = startLoop(look, { now: ctx.now, onError })
  return {
    wake: loop.wake,
    placing: () => placed.keys(),
    async stop() {
      stopping = true
      await loop.stop()
      const ringingA = [...placed.values()].filter(({ call }) => !call)
      for (const one of ringingA) end(one)
      await within(Promise.all(ringingA.map(({ settled }) => settled)), LEG_END_MS)
    },
  }
}

/** Rings A, whose answer begins a call. */
async function ringA(
  { ctx, log, ari, newCall, run }: CallbackDeskParts,
  { callback, account, hold }: { callback: Callback; account: Account; hold: Hold },
  one: Placed,
): Promise<Rung> {
  const { id, a } = callback
  const callerId = await callerIdOf(ctx, account)
  if (one.stopped) return { outcome: 'failed' }
  const { ringMs } = account.settings
  const channelId = `${ari.application}-${id}-a`
  const answered = deferred<{ over: Promise<void> }>()
  log.info({ callback: id, channel: channelId, to: maskNumber(a) }, 'callback')
  const leg = ringLeg(ari, {
    ...{ channelId, number: a, callerId, ringMs, callId: id },
    onAnswer() {
      // In one turn with the event: from here on the call is told what happens to the channel, and the leg no more.
      const call = newCall({ id, channelId, from: () => a })
      one.call = call
      answered.resolve({ over: run(call, () => script(call, ctx, account, { callback, hold, callerId })) })
    },
    onEnd: (leg: LegEnd) => log.info({ callback: id, ...leg }, 'leg ended'),
  })
  one.giveUp = () => leg.cancel()
  const outcome = leg.failed.then(({ status }) => ({ outcome: WHY_NOT[status] }))
  const rung = await within(Promise.race([answered.promise, outcome]), ringMs + RING_GRACE_MS)
  if (rung !== 'timeout') return rung
  leg.cancel()
  return { outcome: 'a_no_answer' }
}
