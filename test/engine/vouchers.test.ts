import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { updateCard } from '../../src/engine/card-admin.ts'
import type { Voucher } from '../../src/engine/card-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import { clientWay, TRUNK } from '../../src/engine/guard.ts'
import { MOST_MICROS } from '../../src/engine/money.ts'
import {
  makeVouchers,
  MOST_VOUCHERS,
  redeemVoucher,
  vouchersPlace,
  type WantedVouchers,
} from '../../src/engine/vouchers.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import { cardAccount, code, givenCard, LONDON, moneyOf, UNIT } from './cards-given.ts'

const NOBODYS = '13579135791'

let ctx: TestContext
let account: Account
let card: Card
beforeEach(async () => {
  ctx = testContext()
  account = await cardAccount(ctx)
  card = await givenCard(ctx, account, UNIT)
})

const WANTED: WantedVouchers = { count: 1, pinLength: 11, amountMicros: 500_000, validUntil: undefined }
const make = (wanted: Partial<WantedVouchers> = {}, of = account) =>
  makeVouchers(ctx, of, { ...WANTED, ...wanted })
async function one(wanted: Partial<WantedVouchers> = {}): Promise<Voucher> {
  const [voucher] = await make(wanted)
  if (!voucher) throw new Error('none was made')
  return voucher
}
const keyed = (pin: string, caller: string | undefined = LONDON) => ({
  account,
  pin,
  caller,
  place: vouchersPlace(account.id),
  way: caller ? TRUNK : clientWay(account.id, 'vouchers'),
})
const redeem = (pin: string, cardId = card.id) => redeemVoucher(ctx, keyed(pin), cardId)

describe('vouchers', () => {
  test('are made with PINs of their own', async () => {
    const made = await make({ count: 2_500, validUntil: ctx.now() + 1 })
    expect(new Set(made.map(({ pin }) => pin)).size).toBe(2_500)
    expect(new Set(made.map(({ id }) => id)).size).toBe(2_500)
    for (const voucher of made)
      expect(voucher).toEqual({
        ...{
          id: voucher.id,
          accountId: account.id,
          pin: expect.stringMatching(/^\d{11}$/),
          amountMicros: 500_000,
        },
        ...{ validUntil: ctx.now() + 1, createdAt: ctx.now(), usedAt: undefined, usedBy: undefined },
      })
  })

  test.each<[string, Partial<WantedVouchers>, string]>([
    ['none', { count: 0 }, 'invalid'],
    ['one and a half', { count: 1.5 }, 'invalid'],
    ['too many', { count: MOST_VOUCHERS + 1 }, 'too_many'],
    ['too short', { pinLength: 5 }, 'invalid'],
    ['too long', { pinLength: 16 }, 'invalid'],
    ['without money', { amountMicros: 0 }, 'invalid'],
    ['with too much', { amountMicros: MOST_MICROS + 1 }, 'invalid'],
    ['good until now', { validUntil: Date.UTC(2020, 2, 27, 6, 27, 9) }, 'invalid'],
  ])('%s: refused', async (_, wrong, word) => expect(await code(make(wrong))).toBe(word))

  test('pass over PINs that others have, used or not', async () => {
    // Every draw gives one of few.
    let draws = 0
    const sequence = { ...ctx, randomInt: (max: number) => (123_457 + 7_919 * (draws++ % 40)) % max }
    const some = () => makeVouchers(sequence, account, { ...WANTED, count: 10, pinLength: 6 })
    const first = await some()
    await redeem(first[0]?.pin ?? '')
    draws = 0
    const second = await some()
    expect(new Set([...first, ...second].map(({ pin }) => pin)).size).toBe(20)
  })

  test('leave four fifths of all PINs of a length to be wrong, and are none at all rather than some', async () => {
    const real = ctx.store.addVouchers.bind(ctx.store)
    let written = 0
    ctx.store.addVouchers = (query, decide) =>
      real(query, (seen) => {
        const change = decide({ ...seen, pinsAlike: 198_000 + seen.pinsAlike })
        written += change.save?.length ?? 0
        return change
      })
    expect(await code(make({ count: 2_001, pinLength: 6 }))).toBe('no_free_pin')
    expect(written).toBe(0)
    expect(await make({ count: 2_000, pinLength: 6 })).toHaveLength(2_000)
  })
})

describe('a voucher', () => {
  test('moves its money to a card, once, with a line that names it', async () => {
    const { id, pin } = await one()
    expect(await redeem(pin)).toEqual({ card: { ...card, balanceMicros: 1_500_000 }, amountMicros: 500_000 })
    expect(await code(redeem(pin))).toBe('not_found')
    expect(await moneyOf(ctx, card)).toEqual({
      ...{ balance: 1_500_000, held: 0 },
      lines: [
        ['opening', UNIT],
        ['voucher', 500_000],
      ],
    })
    expect((await ctx.store.ledger(card.id, undefined, 1))[0]).toMatchObject({ reference: id, at: ctx.now() })
  })

  test('of ten who want it at once, one gets it', async () => {
    const { pin } = await one()
    const cards = await Promise.all(Array.from({ length: 10 }, () => givenCard(ctx, account, 0)))
    const words = await Promise.all(cards.map(({ id }) => code(redeem(pin, id))))
    expect(words.filter((word) => word === 'no refusal')).toHaveLength(1)
    const money = await Promise.all(cards.map((each) => moneyOf(ctx, each)))
    expect(money.reduce((sum, { balance }) => sum + balance, 0)).toBe(500_000)
  })

  test('is good until its last instant, and not at it', async () => {
    const validUntil = ctx.now() + 1_000
    const [first, second] = [await one({ validUntil }), await one({ validUntil })]
    ctx.clock.ms = validUntil - 1
    expect(await redeem(first.pin)).toMatchObject({ amountMicros: 500_000 })
    ctx.clock.ms = validUntil
    expect(await code(redeem(second.pin))).toBe('not_found')
  })

  test('is not used up for a card that is not there, cannot be called with, or would have too much', async () => {
    const { pin } = await one()
    expect(await code(redeem(pin, 999))).toBe('card_not_usable')
    await updateCard(ctx, account, card, { blocked: true })
    expect(await code(redeem(pin))).toBe('card_not_usable')
    await updateCard(ctx, account, card, { blocked: false, balanceMicros: MOST_MICROS })
    expect(await code(redeem(pin))).toBe('invalid')
    await updateCard(ctx, account, card, { balanceMicros: 0 })
    expect(await redeem(pin)).toMatchObject({ card: { balanceMicros: 500_000 } })
  })

  test('is worth nothing in another account, nor for its card', async () => {
    const theirs = await testAccount(ctx, { sid: 'other', vns: [] })
    const [voucher] = await make({}, theirs)
    expect(await code(redeem(voucher?.pin ?? ''))).toBe('not_found')
    expect(await code(redeemVoucher(ctx, { ...keyed(voucher?.pin ?? ''), account: theirs }, card.id))).toBe(
      'card_not_usable',
    )
  })
})

describe('guessing', () => {
  test('a caller who has keyed ten wrong ones is heard no more, however right; others are', async () => {
    const { pin } = await one()
    for (let n = 0; n < 10; n++) expect(await code(redeem(NOBODYS))).toBe('not_found')
    expect(await code(redeem(pin))).toBe('forbidden')
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: UNIT })
    expect(await redeemVoucher(ctx, keyed(pin, '+493023125000'), card.id)).toMatchObject({
      amountMicros: 500_000,
    })
  })

  test('strangers have few guesses a day where many PINs are good, and none of them tells what is there', async () => {
    await make({ count: 1_000, pinLength: 6 })
    const { pin } = await one({ pinLength: 6 })
    const guess = (n: number) => code(redeemVoucher(ctx, keyed('999999', `+4930${10_000_000 + n}`), card.id))
    const words = []
    for (let n = 0; n < 20; n++) words.push(await guess(n))
    expect(words.filter((word) => word === 'not_found')).toHaveLength(5)
    expect(await code(redeemVoucher(ctx, keyed(pin, '+493012345678'), card.id))).toBe('forbidden')
    // Cards are another place.
    const tallies = await ctx.store.guessTallies(ctx.now(), 100, 'place')
    expect(tallies.map(({ name }) => name)).toEqual([vouchersPlace(account.id)])
  })

  test('used and run-out ones are wrong ones, and what cannot be one costs nothing', async () => {
    const { pin } = await one()
    await redeem(pin)
    const other = await givenCard(ctx, account, UNIT)
    for (let n = 0; n < 50; n++)
      for (const text of ['', '12', 'x'.repeat(8)]) expect(await code(redeem(text))).toBe('not_found')
    for (let n = 0; n < 10; n++) expect(await code(redeem(pin, other.id))).toBe('not_found')
    expect(await code(redeem(pin, other.id))).toBe('forbidden')
  })

  test('one that the card has used itself is refused however often it comes again, and costs nothing', async () => {
    const [first, second] = [await one(), await one()]
    await redeem(first.pin)
    for (let n = 0; n < 30; n++) expect(await code(redeem(first.pin))).toBe('not_found')
    expect(await ctx.store.guessTallies(ctx.now(), 10)).toEqual([])
    expect(await redeem(second.pin)).toMatchObject({ amountMicros: 500_000 })
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: 2 * UNIT })
    // Nor does it let anybody in who is locked out.
    for (let n = 0; n < 10; n++) await redeem(NOBODYS)
    expect(await code(redeem(first.pin))).toBe('forbidden')
  })
})
