import type { Account } from '../../engine/accounts.ts'
import { callAnswered, callRinging, type Unanswered } from '../../engine/calls.ts'
import type { Context } from '../../engine/context.ts'
import { Refusal, type RefusalCode } from '../../engine/errors.ts'
import { closeHold, type Hold, holdAnswered, type HoldKind, openHold } from '../../engine/holds.ts'
import type { Answered, Call, TalkEnd } from '../call.ts'
import { timeLeft } from './phrases.ts'

/** A call that a card pays for. */
export type WantedPaidCall = {
  cardId: number
  kind: HoldKind
  /** Who is called: E.164, as `destination` (engine/destinations.ts) has allowed it. */
  to: string
  /** What the called party sees, E.164; undefined: that the number is withheld. */
  callerId: string | undefined
  /** Between the hold and the first ring: what the caller is told, for instance. */
  beforeRinging?: (hold: Hold) => Promise<void>
  /** The called party has answered; the two are joined after it. */
  onAnswer?: () => Promise<void>
}

/**
 * How a paid call ended while the caller stayed: the two have talked, and the other party left (`talked`) or the limit of the
 * talk was reached (`cut`); nobody answered, and why; or it was refused and nobody was rung.
 */
export type PaidCallEnd = 'talked' | 'cut' | Unanswered['status'] | RefusalCode

/**
 * Sets money aside, rings, joins the two until one of them leaves or the money is at its end, and charges what was talked.
 * Nobody is rung before the hold is durable, and whatever happens it is closed, or left to recovery. Throws Hangup when the
 * caller leaves. The record of the call (openCall, endCall) belongs to whoever calls this; it is left as `ringing` or `talking`.
 * Such talks are not recorded.
 */
export async function paidCall(
  call: Call,
  ctx: Context,
  account: Account,
  wanted: WantedPaidCall,
): Promise<PaidCallEnd> {
  const { cardId, kind, to } = wanted
  const hold = await openHold(ctx, { account, cardId, callId: call.id, kind, from: call.from, to })
  if (hold instanceof Refusal) return hold.code
  let talkedUntil: number | undefined
  try {
    await wanted.beforeRinging?.(hold)
    const end = await callOnHold(call, ctx, account, { ...wanted, hold })
    talkedUntil = end.talkedUntil
    return end.how
  } finally {
    await closeBooks(call, ctx, hold, talkedUntil)
  }
}

/** A call whose money is set aside already. */
export type HeldCall = Pick<WantedPaidCall, 'callerId' | 'onAnswer'> & { hold: Hold }

/** Rings who is called and so on, as `paidCall` does. Whoever has opened the hold closes it (`closeBooks`). */
export async function callOnHold(
  call: Call,
  ctx: Context,
  account: Account,
  { hold, callerId, onAnswer }: HeldCall,
): Promise<{ how: 'talked' | 'cut' | Unanswered['status']; talkedUntil: number | undefined }> {
  const { id, to, longestSeconds } = hold
  const longestMs = longestSeconds * 1_000
  await callRinging(ctx, call.id, to)
  const rung = await call.ring({
    ...{ numbers: [to], callerId, strategy: 'in_turn' },
    ...{ ringMs: account.settings.ringMs, maxTalkMs: longestMs },
  })
  if ('unanswered' in rung) return { how: rung.unanswered.status, talkedUntil: undefined }
  await Promise.all([holdAnswered(ctx, id), callAnswered(ctx, call.id, rung.answered)])
  await onAnswer?.()
  const { by, at: talkedUntil } = await talkOn(call, account, hold, longestMs, rung.answered)
  return { how: by === 'limit' ? 'cut' : 'talked', talkedUntil }
}

/** Goes on with a paid talk that an earlier process connected, until it ends, and charges it. */
export async function resumePaidTalk(
  call: Call,
  ctx: Context,
  { account, hold, answered }: { account: Account; hold: Hold; answered: Answered },
): Promise<TalkEnd> {
  let end: TalkEnd | undefined
  try {
    const { answeredAt = hold.openedAt, longestSeconds } = hold
    // The clock may have been set back meanwhile, and nobody gets more than was paid for.
    const talkedMs = Math.max(ctx.now() - answeredAt, 0)
    end = await talkOn(call, account, hold, Math.max(longestSeconds * 1_000 - talkedMs, 0), answered)
    return end
  } finally {
    await closeBooks(call, ctx, hold, end?.at)
  }
}

function talkOn(
  call: Call,
  { settings }: Account,
  { id: holdId }: Hold,
  longestMs: number,
  answered: Answered,
): Promise<TalkEnd> {
  const { warnMs } = settings.cards
  const warning = ['call-ends-soon' as const, ...timeLeft(warnMs)]
  return call.talk(answered, { limit: { holdId, longestMs, warnMs, warning } })
}

/** Closes the hold to the end of the talk, or where there was none that of the caller's line, which is now at the latest. */
export async function closeBooks(
  call: Call,
  ctx: Context,
  { id }: Hold,
  talkedUntil: number | undefined,
): Promise<void> {
  await call.settle(id, talkedUntil ?? call.goneAt ?? ctx.now(), async (at) => {
    await closeHold(ctx, id, at)
  })
}
