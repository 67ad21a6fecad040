import { formatAmount } from '../../../engine/money.ts'
import { XML_TYPE } from '../../xml.ts'
import { MorError, pageXml } from './answers.ts'
import type { Asked } from './mor.ts'
import type { Sent } from './schema.ts'

/** What is on a card, and in which currency. */
export async function balance({ ctx, account, res }: Asked, sent: Sent<'card_balance_get'>): Promise<void> {
  const card = await ctx.store.findCard({ accountId: account.id, number: sent.number ?? '' })
  if (!card) throw new MorError('Calling Card was not found')
  const { currency } = account.settings.cards
  const xml = pageXml([
    'calling_card',
    [
      ['balance', formatAmount(card.balanceMicros, 1)],
      ['currency', currency],
    ],
  ])
  res.status(200).set('Content-Type', XML_TYPE).send(xml)
}
