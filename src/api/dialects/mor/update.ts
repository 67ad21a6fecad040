import { updateCard } from '../../../engine/card-admin.ts'
import type { Card, CardFields } from '../../../engine/cards.ts'
import { couldBeCardPin } from '../../../engine/draw-digits.ts'
import { Refusal } from '../../../engine/errors.ts'
import { parseAmount } from '../../../engine/money.ts'
import { XML_TYPE } from '../../xml.ts'
import { MorError, pageXml } from './answers.ts'
import type { Asked } from './mor.ts'
import { given, LONGEST_TEXT, type Sent } from './schema.ts'
import { callerIdOf, idOf, isLanguage, unixTime } from './values.ts'

type Fields = CardFields & { balanceMicros?: number }
type Wanted = Sent<'calling_card_update'>

/** Changes a card, all that is asked for or nothing. What is wrong is told in the order in which MOR finds it. */
export async function update(asked: Asked, sent: Wanted): Promise<void> {
  const { ctx, account, res } = asked
  const id = idOf(sent.card_id ?? '')
  if (id === undefined) throw new MorError('Wrong Calling Card ID')
  const card = await ctx.store.findCard({ accountId: account.id, id })
  if (!card) throw new MorError('Calling Card was not found')
  if (given(sent.balance) !== undefined && !account.settings.cards.mor.balance)
    throw new MorError('You are not authorized to use this functionality')
  const fields: Fields = {
    ...(await digitsOf(asked, card, sent)),
    ...textsOf(sent, account.settings.country),
    ...moneyOf(sent),
    ...timesOf(sent),
    ...(await distributorOf(asked, sent)),
  }
  try {
    await updateCard(ctx, account, { id }, fields)
  } catch (error) {
    throw error instanceof Refusal ? await inWords(asked, id, fields, error) : error
  }
  const xml = pageXml(['success', 'Calling Card successfully updated'])
  res.status(200).set('Content-Type', XML_TYPE).send(xml)
}

/** Number and PIN, each as long as the card's group says. Throws MorError. */
async function digitsOf({ ctx, account }: Asked, card: Card, sent: Wanted): Promise<Fields> {
  const { pin } = sent
  const number = given(sent.number)
  if (number === undefined && pin === undefined) return {}
  const group = await ctx.store.findCardGroup(account.id, card.groupId)
  if (!group) throw new MorError('Calling Card was not found')
  if (number !== undefined) {
    if (!/^\d+$/.test(number)) throw new MorError('Calling Card number must be numerical')
    if (number.length !== group.numberLength)
      throw new MorError(`Bad number length, should be: ${group.numberLength}`)
  }
  if (pin !== undefined) {
    if (given(pin) === undefined) throw new MorError('Card PIN is blank')
    if (pin.length !== group.pinLength) throw new MorError(`Bad PIN length, should be: ${group.pinLength}`)
    if (!/^\d+$/.test(pin)) throw new MorError('Card PIN must be numerical')
    if (!couldBeCardPin(pin)) throw new MorError('Card PIN is not allowed')
  }
  return { ...(number !== undefined && { number }), ...(pin !== undefined && { pin }) }
}

/** What a caller id may be that is no telephone number. */
const CALLER_ID = /^[0-9A-Za-z+*#._-]{1,40}$/

function textsOf(sent: Wanted, country: string): Fields {
  const [name, batch, written, language] = [sent.name, sent.batch_number, sent.callerid, sent.language].map(
    given,
  )
  if ((name ?? '').length > LONGEST_TEXT) throw new MorError('Calling Card name is too long')
  if ((batch ?? '').length > LONGEST_TEXT) throw new MorError('Batch number is too long')
  const cli = written === undefined ? undefined : callerIdOf(written, country)
  if (cli !== undefined && !CALLER_ID.test(cli)) throw new MorError('CallerID is in incorrect format')
  if (language !== undefined && !isLanguage(language)) throw new MorError('Language is in incorrect format')
  return {
    ...(name !== undefined && { name }),
    ...(batch !== undefined && { batch }),
    ...(cli !== undefined && { cli }),
    ...(language !== undefined && { language }),
  }
}

function moneyOf(sent: Wanted): Fields {
  const [minimum, sum] = [sent.min_balance, sent.balance].map((text) => amountOf(given(text)))
  if (minimum !== undefined && minimum < 0) throw new MorError('Bad minimal balance')
  if (sum !== undefined && sum < 0) throw new MorError('Bad balance')
  return {
    ...(minimum !== undefined && { minimalBalanceMicros: minimum }),
    ...(sum !== undefined && { balanceMicros: sum }),
  }
}

function amountOf(written: string | undefined): number | undefined {
  if (written === undefined) return undefined
  const micros = parseAmount(written, 'signed')
  if (micros === undefined) throw new MorError('Balance is not a numerical value')
  return micros
}

function timesOf(sent: Wanted): Fields {
  const [firstUse, paidTill] = [given(sent.first_use), given(sent.daily_charge_paid_till)]
  return {
    ...(firstUse !== undefined && { firstUsedAt: firstUse === '-1' ? undefined : instantOf(firstUse) }),
    ...(paidTill !== undefined && { dailyChargePaidTill: instantOf(paidTill) }),
  }
}

function instantOf(written: string): number {
  const instant = unixTime(written)
  if (instant === undefined) throw new MorError('Wrong date entered')
  return instant
}

async function distributorOf({ ctx, account }: Asked, sent: Wanted): Promise<Fields> {
  const written = given(sent.distributor)
  if (written === undefined) return {}
  const wanted = idOf(written)
  if (wanted === undefined) throw new MorError('Wrong distributor')
  const known = await ctx.store.distributors(account.id)
  return { distributorId: known.find(({ id }) => id === wanted)?.id }
}

async function inWords(
  { ctx, account }: Asked,
  id: number,
  fields: Fields,
  refusal: Refusal,
): Promise<Error> {
  if (refusal.code === 'invalid' && fields.balanceMicros !== undefined) return new MorError('Bad balance')
  if (refusal.code !== 'duplicate_card') return refusal
  const { number, pin } = fields
  const isOthers = async (key: { number: string } | { pin: string }) => {
    const found = await ctx.store.findCard({ accountId: account.id, ...key })
    return found !== undefined && found.id !== id
  }
  if (number !== undefined && (await isOthers({ number }))) return new MorError('Number is already taken')
  if (pin !== undefined && (await isOthers({ pin }))) return new MorError('PIN is already taken')
  return new MorError('CallerID must be unique')
}
