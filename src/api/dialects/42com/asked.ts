import type { Account } from '../../../engine/accounts.ts'
import type { Card } from '../../../engine/cards.ts'
import type { Context } from '../../../engine/context.ts'
import { formatAmount } from '../../../engine/money.ts'
import type { Phones } from '../../door.ts'
import { Fault } from './answers.ts'
import { withoutPlus } from './numbers.ts'

/** A request of a client who has signed it. */
export type Asked = {
  ctx: Context
  account: Account
  user: string
  /** The card that the user's login is for: the vendor's "current user". */
  cardId: number | undefined
  phones: Phones
}

/** The card of whoever asks. Throws Fault 1201 where the login is for none. */
export async function ownCard({ ctx, account, cardId }: Asked): Promise<Card> {
  const card =
    cardId === undefined ? undefined : await ctx.store.findCard({ accountId: account.id, id: cardId })
  if (!card) throw new Fault(1201)
  return card
}

/** What several modules tell of whoever asks, in the vendor's order; blank where the login is for no card. */
export function userFields({ account, user }: Asked, card: Card | undefined) {
  return {
    customernumber: card ? customerNumber(card) : '',
    accountnumber: card?.number ?? '',
    username: user,
    customercurrency: account.settings.cards.currency.toLowerCase(),
    customeraccountstate: card ? formatAmount(card.balanceMicros, 2, 2, ',') : '',
  }
}

/** `00216559`: eight digits and more. */
export function customerNumber({ id }: Card): string {
  return String(id).padStart(8, '0')
}

/** The CLI as this vendor writes it; a client of another API may have written something there that is no number. */
export function printedCli({ cli }: Card): string {
  return withoutPlus(cli ?? '')
}
