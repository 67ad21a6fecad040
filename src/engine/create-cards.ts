import type { Account } from './accounts.ts'
import { isNumberOf, isPinOf } from './card-admin.ts'
import type { CardsSeen, NewCard } from './card-store.ts'
import type { Card, CardFields, CardGroup } from './cards.ts'
import type { Context } from './context.ts'
import { drawDigits } from './draw-digits.ts'
import { granted, Refusal } from './errors.ts'
import { MOST_MICROS } from './money.ts'
import { mostOfLength, withSpares } from './pin-space.ts'

/** Cards that one call makes at most, and how many of them in one transaction: calls wait for no longer one. */
export const MOST_CARDS = 100_000
const CHUNK = 1_000

export type WantedCards = {
  groupId: number
  /** Each of the group's length. */
  numbers: string[]
  /** Of each; a PIN or a CLI only where one card is made. */
  fields?: Omit<CardFields, 'number'>
  /** Micro-units; the group's when left out. */
  openingMicros?: number
}

/**
 * Makes cards with these numbers, leaving out those that exist, each with a PIN of its own, drawn at random. In chunks: those of
 * the chunks before one that is refused are there, and asking again makes the rest.
 * Throws Refusal 'not_found' (no such group), 'invalid' (a number of another length, a sum that is none), 'too_many',
 * 'duplicate_card' (the PIN or CLI that is asked for is another card's), 'no_free_pin': of all PINs of a length at most a fifth are
 * given out, so that guessing stays hard.
 */
export async function createCards(ctx: Context, account: Account, wanted: WantedCards): Promise<Card[]> {
  const { groupId, numbers, openingMicros } = wanted
  if (numbers.length > MOST_CARDS) throw new Refusal('too_many', 'numbers')
  const isBalance = (micros: number) => Number.isInteger(micros) && micros >= 0 && micros <= MOST_MICROS
  if (openingMicros !== undefined && !isBalance(openingMicros)) throw new Refusal('invalid', 'openingMicros')
  // First without writing, so that a refusal comes before the first card and not half-way.
  const query = { accountId: account.id, groupId, numbers: [...new Set(numbers)], pins: [], clis: [] }
  const fresh = granted(
    await ctx.store.addCards<string[] | Refusal>(query, (seen) => {
      const checked = checking(seen, wanted, query.numbers)
      return { result: checked instanceof Refusal ? checked : checked.fresh }
    }),
  )
  const made: Card[] = []
  for (let at = 0; at < fresh.length; at += CHUNK)
    made.push(...(await createSome(ctx, account, wanted, fresh.slice(at, at + CHUNK))))
  return made
}

/** Those of the numbers that are free, and their group. */
function checking(
  { group, takenNumbers, pinsOfLength }: CardsSeen,
  { fields = {} }: WantedCards,
  numbers: string[],
): { group: CardGroup; fresh: string[] } | Refusal {
  if (!group) return new Refusal('not_found', 'no such group')
  if (!numbers.every((number) => isNumberOf(group, number))) return new Refusal('invalid', 'numbers')
  const { pin, cli } = fields
  if (numbers.length > 1 && (pin !== undefined || cli !== undefined)) return new Refusal('invalid', 'fields')
  if (pin !== undefined && !isPinOf(group, pin)) return new Refusal('invalid', 'pin')
  const fresh = numbers.filter((number) => !takenNumbers.has(number))
  const pins = (pinsOfLength.get(group.pinLength) ?? 0) + fresh.length
  if (fresh.length > 0 && pins > mostOfLength(group.pinLength)) return noFreePin()
  return { group, fresh }
}

/** Makes the cards of one transaction. Throws Refusal. */
async function createSome(
  ctx: Context,
  account: Account,
  wanted: WantedCards,
  numbers: string[],
): Promise<Card[]> {
  const { groupId, fields = {} } = wanted
  const { pin: ownPin, cli } = fields
  const now = ctx.now()
  const length = await pinLengthOf(ctx, account, groupId)
  const pins = ownPin === undefined ? drawDigits(ctx.randomInt, length, withSpares(numbers.length)) : [ownPin]
  const query = { accountId: account.id, groupId, numbers, pins, clis: cli === undefined ? [] : [cli] }
  return granted(
    await ctx.store.addCards<Card[] | Refusal>(query, (seen) => {
      const checked = checking(seen, wanted, numbers)
      if (checked instanceof Refusal) return { result: checked }
      const { group, fresh } = checked
      if (seen.takenClis.size > 0 || (ownPin !== undefined && seen.takenPins.size > 0))
        return { result: new Refusal('duplicate_card', 'another card has this PIN or CLI') }
      const free = pins.filter((pin) => pin.length === group.pinLength && !seen.takenPins.has(pin))
      const save = fresh.flatMap((number, i) => {
        const pin = free[i]
        const { openingMicros = group.balanceMicros } = wanted
        return pin === undefined ? [] : [newCard(group, { ...fields, number, pin }, openingMicros, now)]
      })
      if (save.length < fresh.length) return { result: noFreePin() }
      return { save, result: (made) => made }
    }),
  )
}

async function pinLengthOf(ctx: Context, { id }: Account, groupId: number): Promise<number> {
  const group = await ctx.store.findCardGroup(id, groupId)
  if (!group) throw new Refusal('not_found', 'no such group')
  return group.pinLength
}

/** A card that nobody has used yet. */
export function newCard(
  { id: groupId, accountId }: CardGroup,
  fields: CardFields & { number: string; pin: string },
  openingMicros: number,
  now: number,
): NewCard {
  return {
    ...{ accountId, groupId, name: '', cli: undefined, minimalBalanceMicros: 0, language: 'en', batch: '' },
    ...{ sold: false, distributorId: undefined, validFrom: undefined, validUntil: undefined },
    ...{ firstUsedAt: undefined, dailyChargePaidTill: undefined, blocked: false, disabled: false },
    ...fields,
    ...{ createdAt: now, openingMicros },
  }
}

export function noFreePin(): Refusal {
  return new Refusal('no_free_pin', 'too many cards have PINs of this length')
}
