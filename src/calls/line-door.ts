import type { Account } from '../engine/accounts.ts'
import { callerIdOf } from '../engine/callback-states.ts'
import type { Context } from '../engine/context.ts'
import { isE164 } from '../engine/phone.ts'
import { lineOfChannel } from './line-objects.ts'

/** First Stasis() argument of a call from a VoIP line; the second is the line's name. */
export const LINE = 'line'

/** A line that calls. */
export type CallingLine = {
  account: Account
  cardId: number
  /** What the called party sees, E.164: the card's CLI when it is a number, else what the account shows. */
  callerId: string | undefined
}

/**
 * The line that a channel comes from; undefined when from none. The argument is only what a dialplan says: what counts is the
 * name of the channel, which Asterisk makes from the endpoint whose password it has checked.
 */
export async function callingLine(
  ctx: Context,
  [, named]: readonly string[],
  channelName: string,
): Promise<CallingLine | undefined> {
  const username = lineOfChannel(channelName)
  if (username === undefined || username !== named) return undefined
  const line = await ctx.store.findLine(username)
  if (!line) return undefined
  const { accountId, cardId } = line
  const account = await ctx.store.findAccount(accountId)
  const card = await ctx.store.findCard({ accountId, id: cardId })
  if (!account || !card) return undefined
  const own = card.cli !== undefined && isE164(card.cli) ? card.cli : undefined
  return { account, cardId, callerId: own ?? (await callerIdOf(ctx, account)) }
}
