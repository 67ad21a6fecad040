import type { Account } from './accounts.ts'
import { guesserOf, type KeyedCardPin, tooManyWrong } from './card-pins.ts'
import type { Movement, Voucher, VoucherSeen } from './card-store.ts'
import { type Card, isUsable } from './cards.ts'
import type { Context } from './context.ts'
import { couldBeCardPin, drawDigits } from './draw-digits.ts'
import { granted, Refusal } from './errors.ts'
import { blame, mayGuess } from './guard.ts'
import { isSum, MOST_MICROS } from './money.ts'
import { mostOfLength, withSpares } from './pin-space.ts'

/** Vouchers that one call makes at most, and how many of them in one transaction. */
export const MOST_VOUCHERS = 100_000
const CHUNK = 1_000

export type WantedVouchers = {
  count: number
  pinLength: number
  amountMicros: number
  validUntil: number | undefined
}

/** The name of an account's vouchers as a place at which PINs are guessed. */
export function vouchersPlace(accountId: string): string {
  return `vouchers ${accountId}`
}

/**
 * Makes vouchers with random PINs of so many digits, 6 to 15. Throws Refusal 'invalid', 'too_many', 'no_free_pin': of all PINs of a
 * length at most a fifth are good at a time. In chunks: those of the chunks before one that is refused are there.
 */
export async function makeVouchers(
  ctx: Context,
  account: Account,
  wanted: WantedVouchers,
): Promise<Voucher[]> {
  const { count, pinLength, amountMicros, validUntil } = wanted
  if (!Number.isInteger(count) || count < 1) throw new Refusal('invalid', 'count')
  if (count > MOST_VOUCHERS) throw new Refusal('too_many', 'count')
  if (!Number.isInteger(pinLength) || pinLength < 6 || pinLength > 15)
    throw new Refusal('invalid', 'pinLength')
  if (!isSum(amountMicros)) throw new Refusal('invalid', 'amountMicros')
  if (validUntil !== undefined && validUntil <= ctx.now()) throw new Refusal('invalid', 'validUntil')
  const made: Voucher[] = []
  while (made.length < count) made.push(...(await makeSome(ctx, account, wanted, count - made.length)))
  return made
}

/** How many vouchers of the account that are not used have PINs of this length. */
export async function vouchersAlike({ store }: Context, account: Account, length: number): Promise<number> {
  const query = { accountId: account.id, length, pins: [] }
  return store.addVouchers(query, ({ pinsAlike }) => ({ result: pinsAlike }))
}

/** Of `left` vouchers as many as one transaction makes. Throws Refusal 'no_free_pin' when not even one can be. */
async function makeSome(ctx: Context, { id: accountId }: Account, wanted: WantedVouchers, left: number) {
  const { pinLength: length, amountMicros, validUntil } = wanted
  const pins = drawDigits(ctx.randomInt, length, withSpares(Math.min(left, CHUNK)))
  const vouchers = pins.map((pin): Voucher => ({
    ...{ id: ctx.newId(), accountId, pin, amountMicros, validUntil },
    ...{ createdAt: ctx.now(), usedAt: undefined, usedBy: undefined },
  }))
  return granted(
    await ctx.store.addVouchers<Voucher[] | Refusal>({ accountId, length, pins }, ({ taken, pinsAlike }) => {
      const free = vouchers.filter(({ pin }) => !taken.has(pin))
      const save = free.slice(0, Math.min(left, CHUNK))
      // All of what is still to come must have room, so that a refusal comes before the first and not half-way.
      if (save.length === 0 || pinsAlike + left > mostOfLength(length))
        return { result: new Refusal('no_free_pin', 'too many vouchers have PINs of this length') }
      return { save, result: save }
    }),
  )
}

/** What a voucher has done: its card as it is now, and how much was on it. */
export type Redeemed = { card: Card; amountMicros: number }

/**
 * Moves a voucher's money to a card, once. Returns Refusals like cardByPin; 'card_not_usable', before anything is compared, when
 * the card cannot be called with now; 'invalid' when its balance would be too large. One that the card itself has used is as good
 * as any other wrong one, but costs nothing.
 */
export async function redeemVoucher(
  ctx: Context,
  keyed: KeyedCardPin,
  cardId: number,
): Promise<Redeemed | Refusal> {
  const { account, pin } = keyed
  if (!couldBeCardPin(pin)) return noSuchVoucher()
  const now = ctx.now()
  const query = { accountId: account.id, cardId, pin, guesser: guesserOf(keyed) }
  return ctx.store.useVoucher<Redeemed | Refusal>(query, (seen) => redeeming(seen, pin, now))
}

/** The rule behind `redeemVoucher`. */
function redeeming(seen: VoucherSeen, pin: string, now: number) {
  const { card, suspicion } = seen
  if (!card || !isUsable(card, now))
    return { result: new Refusal('card_not_usable', 'the card cannot be called with now') }
  const through = mayGuess(suspicion, pin, now)
  // Whoever has not heard the answer sends it again, and guesses nothing.
  if (seen.voucher?.usedBy === card.id) return { result: through ? noSuchVoucher() : tooManyWrong() }
  const voucher = through ? seen.voucher : undefined
  if (!voucher || !isGood(voucher, now))
    return { blame: blame(suspicion, pin, now), result: through ? noSuchVoucher() : tooManyWrong() }
  const { id, amountMicros } = voucher
  const balanceMicros = card.balanceMicros + amountMicros
  if (balanceMicros > MOST_MICROS) return { result: new Refusal('invalid', 'the balance would be too large') }
  const move: Movement = { at: now, kind: 'voucher', amountMicros, reference: id, note: '' }
  return { use: { at: now, move }, result: { card: { ...card, balanceMicros }, amountMicros } }
}

function isGood({ usedAt, validUntil = Infinity }: Voucher, now: number): boolean {
  return usedAt === undefined && now < validUntil
}

function noSuchVoucher(): Refusal {
  return new Refusal('not_found', 'no voucher of the account that is still good has this PIN')
}
