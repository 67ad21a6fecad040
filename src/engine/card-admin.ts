import type { Account } from './accounts.ts'
import type { CardChange, Movement } from './card-store.ts'
import type { Card, CardFields, CardGroup } from './cards.ts'
import type { Context } from './context.ts'
import { couldBeCardPin } from './draw-digits.ts'
import { granted, Refusal } from './errors.ts'
import { isSum, MOST_MICROS } from './money.ts'

/** Which card of the account, without saying whose. */
export type Which = { id: number } | { number: string } | { cli: string } | { pin: string }

export type WantedGroup = Pick<CardGroup, 'name'> & Partial<Omit<CardGroup, 'id' | 'accountId' | 'name'>>

/** What a group is unless something else is asked for: MOR's own defaults. */
const NEW_GROUP: Omit<CardGroup, 'id' | 'accountId' | 'name'> = {
  description: '',
  numberLength: 10,
  pinLength: 4,
  priceMicros: 0,
  balanceMicros: 0,
  tariffId: undefined,
  validMs: undefined,
}

/**
 * Throws Refusal 'duplicates' for a name that the account has, 'invalid' (with the name of what is wrong) for lengths that no number
 * or PIN can have and for sums that are none, 'not_found' for a tariff that the account does not have.
 */
export async function addGroup(ctx: Context, account: Account, wanted: WantedGroup): Promise<CardGroup> {
  const group = { ...NEW_GROUP, ...wanted, accountId: account.id }
  checkGroup(group)
  const { tariffId } = group
  if (tariffId !== undefined && !(await ctx.store.tariffs(account.id)).some(({ id }) => id === tariffId))
    throw new Refusal('not_found', 'no such tariff')
  return ctx.store.addCardGroup(group)
}

/** The account's group of that name, made like this if there is none. Throws Refusals like addGroup, but for 'duplicates'. */
export async function groupNamed(ctx: Context, account: Account, wanted: WantedGroup): Promise<CardGroup> {
  const find = async () => (await ctx.store.cardGroups(account.id)).find(({ name }) => name === wanted.name)
  const found = await find()
  if (found) return found
  try {
    return await addGroup(ctx, account, wanted)
  } catch (error) {
    // Somebody else has made it meanwhile.
    const made = error instanceof Refusal && error.code === 'duplicates' ? await find() : undefined
    if (made) return made
    throw error
  }
}

function checkGroup({
  name,
  numberLength,
  pinLength,
  priceMicros,
  balanceMicros,
  validMs,
}: WantedGroup): void {
  const isWithin = (value = 0, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most
  if (name.trim() === '') throw new Refusal('invalid', 'name')
  if (!isWithin(numberLength, 4, 20)) throw new Refusal('invalid', 'numberLength')
  if (!isWithin(pinLength, 4, 15)) throw new Refusal('invalid', 'pinLength')
  if (!isWithin(priceMicros, 0, MOST_MICROS)) throw new Refusal('invalid', 'priceMicros')
  if (!isWithin(balanceMicros, 0, MOST_MICROS)) throw new Refusal('invalid', 'balanceMicros')
  if (validMs !== undefined && !isWithin(validMs, 1, Number.MAX_SAFE_INTEGER))
    throw new Refusal('invalid', 'validMs')
}

/**
 * Changes a card. `balanceMicros` moves its money to that sum, by a correction. Throws Refusal 'not_found'; 'duplicate_card' when
 * the number, the PIN or the CLI is another card's; 'invalid' (with the field's name) for a number or PIN of another length than the
 * group's, and for a balance below what is held.
 */
export async function updateCard(
  ctx: Context,
  account: Account,
  which: Which,
  fields: CardFields & { balanceMicros?: number },
): Promise<Card> {
  const { number, pin, cli } = fields
  if (number !== undefined || pin !== undefined) await checkLengths(ctx, account, which, fields)
  checkSums(fields)
  const now = ctx.now()
  const key = { accountId: account.id, ...which, takenBy: { number, pin, cli } }
  return granted(
    await ctx.store.changeCard<Card | Refusal>(key, (card, taken) => {
      if (!card) return { result: noSuchCard() }
      if (taken.number || taken.pin || taken.cli)
        return { result: new Refusal('duplicate_card', 'another card has this number, PIN or CLI') }
      return changing(card, fields, now)
    }),
  )
}

/** The rule behind `updateCard`. */
function changing(
  card: Card,
  { balanceMicros = card.balanceMicros, ...fields }: CardFields & { balanceMicros?: number },
  now: number,
): CardChange<Card | Refusal> {
  // What is held may be talked away at this moment.
  if (balanceMicros < card.heldMicros) return { result: new Refusal('invalid', 'balanceMicros') }
  const save: Card = { ...card, ...fields }
  const amountMicros = balanceMicros - card.balanceMicros
  if (amountMicros === 0) return { save, result: save }
  const move: Movement = { at: now, kind: 'correction', amountMicros, reference: undefined, note: '' }
  return { save, move, result: { ...save, balanceMicros } }
}

/** Throws Refusal. */
async function checkLengths(ctx: Context, account: Account, which: Which, { number, pin }: CardFields) {
  const card = await ctx.store.findCard({ accountId: account.id, ...which })
  if (!card) throw noSuchCard()
  const group = await ctx.store.findCardGroup(account.id, card.groupId)
  if (number !== undefined && !isNumberOf(group, number)) throw new Refusal('invalid', 'number')
  if (pin !== undefined && !isPinOf(group, pin)) throw new Refusal('invalid', 'pin')
}

/** Throws Refusal. */
function checkSums({ balanceMicros = 0, minimalBalanceMicros = 0 }: { balanceMicros?: number } & CardFields) {
  const isBalance = (micros: number) => micros === 0 || isSum(micros)
  if (!isBalance(balanceMicros)) throw new Refusal('invalid', 'balanceMicros')
  if (!isBalance(minimalBalanceMicros)) throw new Refusal('invalid', 'minimalBalanceMicros')
}

/** Whether a card of this group may have this number. */
export function isNumberOf(group: CardGroup | undefined, number: string): boolean {
  return number.length === group?.numberLength && /^\d+$/.test(number)
}

/** Whether a card of this group may have this PIN. */
export function isPinOf(group: CardGroup | undefined, pin: string): boolean {
  return pin.length === group?.pinLength && couldBeCardPin(pin)
}

/**
 * Moves money onto a card. Throws Refusal 'not_found', 'invalid' (not above zero, or the balance would be too large). `kind`: 'top_up'
 * unless it mends something.
 */
export async function topUp(
  ctx: Context,
  account: Account,
  which: Which,
  amountMicros: number,
  { kind = 'top_up', note = '' }: { kind?: 'top_up' | 'correction'; note?: string } = {},
): Promise<Card> {
  if (!isSum(amountMicros)) throw notASum()
  const now = ctx.now()
  return granted(
    await ctx.store.changeCard<Card | Refusal>({ accountId: account.id, ...which }, (card) => {
      if (!card) return { result: noSuchCard() }
      return crediting(card, { at: now, kind, amountMicros, reference: undefined, note })
    }),
  )
}

/** The rule behind every credit by hand: 'invalid' when the balance would be too large. */
export function crediting(card: Card, move: Movement): CardChange<Card | Refusal> {
  const balanceMicros = card.balanceMicros + move.amountMicros
  if (balanceMicros > MOST_MICROS) return { result: new Refusal('invalid', 'the balance would be too large') }
  return { move, result: { ...card, balanceMicros } }
}

export function notASum(): Refusal {
  return new Refusal('invalid', 'not a sum above zero that a card can have')
}

function noSuchCard(): Refusal {
  return new Refusal('not_found', 'the account has no such card')
}
