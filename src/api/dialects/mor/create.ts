import { createCards, MOST_CARDS } from '../../../engine/create-cards.ts'
import type { CardFields, CardGroup } from '../../../engine/cards.ts'
import { Refusal } from '../../../engine/errors.ts'
import { parseAmount } from '../../../engine/money.ts'
import { XML_TYPE } from '../../xml.ts'
import { MorError, pageXml } from './answers.ts'
import type { Asked } from './mor.ts'
import { given, LONGEST_TEXT, type Sent } from './schema.ts'
import { idOf, isLanguage } from './values.ts'

const DEFAULT_LANGUAGE = 'en'

/** Makes cards with all numbers of a range that no card has yet. What is wrong is told in the order of the manual's list. */
export async function create(asked: Asked, sent: Sent<'calling_cards_create'>): Promise<void> {
  const { ctx, account, res } = asked
  const groupId = idOf(sent.card_group_id ?? '')
  const group = groupId === undefined ? undefined : await ctx.store.findCardGroup(account.id, groupId)
  if (!group) throw new MorError('Card Group was not found')
  const { from, count } = rangeOf(sent, group)
  if (count > MOST_CARDS) throw new Refusal('too_many', 'numbers')
  const numbers = Array.from({ length: count }, (_, i) =>
    String(from + BigInt(i)).padStart(group.numberLength, '0'),
  )
  const fields = await fieldsOf(asked, sent)
  const { length: made } = await createCards(ctx, account, { groupId: group.id, numbers, fields })
  if (made === 0) throw new MorError('Cards already exist')
  const xml = pageXml(['status', `Cards created: ${made}/${count}`])
  res.status(200).set('Content-Type', XML_TYPE).send(xml)
}

/** Throws MorError. */
function rangeOf(
  sent: Sent<'calling_cards_create'>,
  { numberLength }: CardGroup,
): { from: bigint; count: number } {
  const [from, till] = [given(sent.cards_from), given(sent.cards_till)]
  if (from === undefined) throw new MorError('Cards from was not found')
  if (till === undefined) throw new MorError('Cards till was not found')
  const isNumber = (text: string) => text.length === numberLength && /^\d+$/.test(text)
  if (!isNumber(from)) throw new MorError('Cards from is in incorrect format')
  if (!isNumber(till)) throw new MorError('Cards till is in incorrect format')
  if (from > till) throw new MorError('Cards from must not be greater than Cards till')
  return { from: BigInt(from), count: Number(BigInt(till) - BigInt(from)) + 1 }
}

/** Of optional parameters that are invalid MOR says nothing: the default stands in for them. */
async function fieldsOf(
  { ctx, account }: Asked,
  {
    batch_number: batch,
    min_balance: minimum,
    language,
    distributor_id: distributor,
  }: Sent<'calling_cards_create'>,
): Promise<CardFields> {
  const distributors = distributor === undefined ? [] : await ctx.store.distributors(account.id)
  return {
    batch: (given(batch) ?? '').slice(0, LONGEST_TEXT),
    minimalBalanceMicros: parseAmount(minimum ?? '') ?? 0,
    language: language !== undefined && isLanguage(language) ? language : DEFAULT_LANGUAGE,
    distributorId: distributors.find(({ id }) => id === idOf(distributor ?? ''))?.id,
  }
}
