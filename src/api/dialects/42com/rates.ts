import { destination } from '../../../engine/destinations.ts'
import { granted, Refusal } from '../../../engine/errors.ts'
import { formatAmount } from '../../../engine/money.ts'
import { keyedNumber } from '../../../engine/phone.ts'
import type { Rate } from '../../../engine/rates.ts'
import { Fault } from './answers.ts'
import { type Asked, ownCard } from './asked.ts'
import { withoutPlus } from './numbers.ts'
import type { Sent } from './schema.ts'

/** "number-check": whether a number can be called for money, and how the tariff splits it. */
export async function numberCheck(asked: Asked, { prefix, number }: Sent<'number-check'>): Promise<object> {
  const code = prefix.trim().replace(/^\+/, '')
  const found = destination(`+${code} ${number}`, asked.account.settings)
  if (found instanceof Refusal && found.code === 'invalid_number') throw new Fault(1001)
  const e164 = granted(found)
  const rate = await rateOf(asked, await tariffOf(asked), e164)
  if (!rate) throw new Fault(1001)
  const completenumber = withoutPlus(e164)
  return {
    completenumber,
    prefix: rate.prefix,
    number: completenumber.slice(rate.prefix.length),
    name: rate.name,
  }
}

/** "rates": what a minute to each number costs. Numbers that the tariff does not have are left out. */
export async function rates(asked: Asked, { numbers }: Sent<'rates'>): Promise<object> {
  const { country, cards } = asked.account.settings
  const tariffId = await tariffOf(asked)
  const found = await Promise.all(
    numbers.map(async (number) => {
      const e164 = keyedNumber(number, country)
      const rate = e164 === undefined ? undefined : await rateOf(asked, tariffId, e164)
      return rate ? [{ number, ...priceOf(rate) }] : []
    }),
  )
  const rated = found.flat()
  if (rated.length === 0) throw new Fault(1001)
  return { currency: cards.currency, rates: [rated] }
}

function priceOf({ name, perMinuteMicros, prefix }: Rate) {
  return {
    destinationname: name,
    price: formatAmount(perMinuteMicros, 2, 6, ','),
    prefix: `00${prefix}`,
  }
}

function rateOf({ ctx }: Asked, tariffId: number | undefined, e164: string): Promise<Rate | undefined> {
  if (tariffId === undefined) return Promise.resolve(undefined)
  return ctx.store.findRate(tariffId, withoutPlus(e164))
}

/** By which tariff whoever asks is charged; for a login of no card the account's. */
async function tariffOf(asked: Asked): Promise<number | undefined> {
  const { ctx, account, cardId } = asked
  if (cardId === undefined) return account.settings.cards.tariffId
  const { groupId } = await ownCard(asked)
  const group = await ctx.store.findCardGroup(account.id, groupId)
  return group?.tariffId ?? account.settings.cards.tariffId
}
