import type { Account } from '../../engine/accounts.ts'
import { endCall, openCall } from '../../engine/calls.ts'
import type { Context } from '../../engine/context.ts'
import { destination } from '../../engine/destinations.ts'
import { Refusal } from '../../engine/errors.ts'
import type { Call } from '../call.ts'
import { whoLeft } from './connect.ts'
import { paidCall, type PaidCallEnd } from './paid-call.ts'

/** A call from a VoIP line. */
export type LineCall = {
  /** Whose money it is. */
  cardId: number
  /** As it was dialled. */
  dialled: string
  /** What the called party sees, E.164; undefined: that the number is withheld. */
  callerId: string | undefined
}

/**
 * Causes (Q.850) by which a phone is told why nothing comes of its call, before it is answered: user busy, no answer,
 * subscriber absent, incomplete number, call rejected. Phones show them in words.
 */
const CAUSES: Partial<Record<PaidCallEnd, number>> = {
  talked: 16,
  cut: 16,
  busy: 17,
  'no-answer': 19,
  failed: 20,
  invalid_number: 28,
}
export const REJECTED = 21

/** A phone that has registered calls somebody on its card. It is answered when the called party answers. */
export async function voipLine(
  call: Call,
  ctx: Context,
  account: Account,
  { cardId, dialled, callerId }: LineCall,
): Promise<void> {
  const { id, channelId, from } = call
  const to = destination(dialled, account.settings)
  const visit = { id, channelId, from, accountId: account.id, startedAt: ctx.now() }
  await openCall(ctx, { ...visit, vn: callerId ?? '' })
  try {
    const end =
      to instanceof Refusal
        ? to.code
        : await paidCall(call, ctx, account, {
            ...{ cardId, kind: 'line', to, callerId },
            onAnswer: () => call.answer(),
          })
    if (end === 'cut') await call.play('time-over')
    await call.hangup(CAUSES[end] ?? REJECTED)
  } finally {
    await endCall(ctx, id, whoLeft(call))
  }
}
