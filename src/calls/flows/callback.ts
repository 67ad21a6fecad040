import type { Account } from '../../engine/accounts.ts'
import { callbackReached, endCallback } from '../../engine/callback-states.ts'
import { endCall, openCall } from '../../engine/calls.ts'
import type { Callback, CallbackOutcome } from '../../engine/paid-call-store.ts'
import type { Context } from '../../engine/context.ts'
import { type Hold, holdAlsoAnswered } from '../../engine/holds.ts'
import type { Call, PromptName } from '../call.ts'
import { whoLeft } from './connect.ts'
import { callOnHold, closeBooks } from './paid-call.ts'

/**
 * A callback, the hold that pays for both of its parties, and what they see as the caller; undefined: that the number is withheld.
 */
export type PlacedCallback = { callback: Callback; hold: Hold; callerId: string | undefined }

type End = Awaited<ReturnType<typeof callOnHold>>

const OUTCOMES: Record<End['how'], CallbackOutcome> = {
  talked: 'completed',
  cut: 'completed',
  busy: 'b_busy',
  'no-answer': 'b_no_answer',
  failed: 'b_failed',
}

/** What A is told afterwards. */
const WHY_NOT: Partial<Record<End['how'], PromptName>> = {
  busy: 'party-busy',
  'no-answer': 'party-no-answer',
  failed: 'party-unreachable',
  cut: 'time-over',
}

/** How much longer than B may ring A may wait, in milliseconds: until the two are joined, or A has heard why not. */
const WAIT_MORE_MS = 15_000

/**
 * A has answered, and is paid for from now on: rings B, joins the two and charges the card. Each step is written into the callback
 * before it is taken, and is not taken when the callback was stopped meanwhile.
 */
export async function callback(
  call: Call,
  ctx: Context,
  account: Account,
  { callback: { id, a }, hold, callerId }: PlacedCallback,
): Promise<void> {
  const { id: callId, channelId } = call
  let reached: 'ringing_a' | 'ringing_b' | 'talking' = 'ringing_a'
  const reach = async (state: 'ringing_b' | 'talking') => {
    if (!(await callbackReached(ctx, id, state))) return call.hangup()
    reached = state
  }
  let end: End | undefined
  try {
    const visit = { id: callId, channelId, from: a, accountId: account.id, startedAt: ctx.now() }
    await Promise.all([holdAlsoAnswered(ctx, hold.id), openCall(ctx, { ...visit, vn: callerId ?? '' })])
    await call.wait(hold.id, account.settings.ringMs + WAIT_MORE_MS)
    await reach('ringing_b')
    end = await callOnHold(call, ctx, account, { hold, callerId, onAnswer: () => reach('talking') })
    const why = WHY_NOT[end.how]
    if (why) await call.play(why)
  } finally {
    // Not before: where B has not answered A pays for hearing why.
    await closeBooks(call, ctx, hold, end?.talkedUntil)
    await endCall(ctx, callId, whoLeft(call))
    await endCallback(ctx, id, end ? OUTCOMES[end.how] : leftAt(reached, call))
  }
}

/** A has left, or we have hung up. */
function leftAt(reached: string, { dismissed }: Call): CallbackOutcome {
  if (reached === 'talking') return 'completed'
  return dismissed || reached !== 'ringing_b' ? 'failed' : 'b_no_answer'
}
