import { beginCallback, callerIdOf, endCallback, isStale } from '../engine/callback-states.ts'
import type { Callback, CallbackOutcome } from '../engine/paid-call-store.ts'
import { Refusal, type RefusalCode } from '../engine/errors.ts'
import { closeHold, openHold } from '../engine/holds.ts'
import type { Call } from './call.ts'
import { callback as script } from './flows/callback.ts'
import {
  ringFirst,
  serveOwed,
  type FirstRung,
  type OwedDesk,
  type OwedDeskParts,
  type OwedKind,
  type Placed,
} from './owed.ts'
import { MOST_OF_ACCOUNT, nextInTurn } from './turns.ts'

export type CallbackDeskParts = OwedDeskParts & {
  /** The calls whose scripts run, by id: those that an earlier process has connected among them. */
  live: ReadonlyMap<string, { call: Call; ended: boolean }>
}

type WhyNot = Extract<FirstRung, { unanswered: unknown }>['unanswered']

const WHY_NOT: Record<WhyNot, CallbackOutcome> = {
  busy: 'a_busy',
  'no-answer': 'a_no_answer',
  failed: 'a_failed',
  declined: 'a_busy',
  'not-rung': 'failed',
}

/** What becomes of one that cannot be paid for; others fail. */
const WHY_NOT_PAID: Partial<Record<RefusalCode, CallbackOutcome>> = {
  no_money: 'no_money',
  too_many_calls: 'too_many_calls',
}

/**
 * Places callbacks that are owed, and ends those that were stopped. What is begun is written down, and its money held, before anybody
 * is rung.
 */
export function serveCallbacks(parts: CallbackDeskParts): OwedDesk {
  const { ctx, live, keepTrying } = parts

  /** Two who talked are adopted as in any call; whoever was rung has been hung up. */
  async function leftBehind({ id, state, outcome, callId = id }: Callback): Promise<void> {
    const adopted = live.get(callId)
    if (!adopted || adopted.ended) return endCallback(ctx, id, state === 'talking' ? 'completed' : 'failed')
    if (outcome === 'stopped') void adopted.call.hangup()
  }

  async function place(one: Placed<Callback>): Promise<void> {
    const { id } = one.row
    const callback = await beginCallback(ctx, id)
    if (!callback) return
    const account = await ctx.store.findAccount(callback.accountId)
    if (!account) return endCallback(ctx, id, 'failed')
    const { cardId, a, b } = callback
    const wanted = { account, cardId, callId: id, kind: 'callback' as const, from: a, to: b, alsoPays: a }
    const hold = await openHold(ctx, wanted)
    if (hold instanceof Refusal) return endCallback(ctx, id, WHY_NOT_PAID[hold.code] ?? 'failed')
    const rung = await ringFirst(parts, kind, one, async () => {
      const callerId = await callerIdOf(ctx, account)
      return {
        ...{ callId: id, suffix: '-a', number: a, callerId, ringMs: account.settings.ringMs },
        // It closes the hold.
        script: (call) => script(call, ctx, account, { callback, hold, callerId }),
      }
    })
    if ('over' in rung) return rung.over
    const endedAt = ctx.now()
    await keepTrying(id, async () => {
      await closeHold(ctx, hold.id, endedAt)
    })
    await endCallback(ctx, id, WHY_NOT[rung.unanswered])
  }

  const kind: OwedKind<Callback> = {
    name: 'callback',
    owed: () => ctx.store.callbacksToPlace(MOST_OF_ACCOUNT),
    isStopped: ({ outcome }) => outcome === 'stopped',
    isStale: (callback) => isStale(callback, ctx.now()),
    next: nextInTurn,
    leftBehind,
    place,
  }
  return serveOwed(parts, kind)
}
