import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { addGroup, groupNamed } from '../../src/engine/card-admin.ts'
import type { CardGroup } from '../../src/engine/cards.ts'
import { createCards, MOST_CARDS } from '../../src/engine/create-cards.ts'
import { looksLikePaymentCard } from '../../src/engine/pins.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import { cardAccount, code, givenCard, group, moneyOf, tariff, UNIT } from './cards-given.ts'

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await cardAccount(ctx)
})

const numbers = (count: number, first = 1_000_000_000) =>
  Array.from({ length: count }, (_, n) => String(first + n))

describe('a group', () => {
  test('is what was asked for, and otherwise as MOR makes them', async () => {
    expect(await addGroup(ctx, account, { name: 'gold' })).toEqual({
      ...{
        id: expect.any(Number),
        accountId: account.id,
        name: 'gold',
        description: '',
        numberLength: 10,
        pinLength: 4,
      },
      ...{ priceMicros: 0, balanceMicros: 0, tariffId: undefined, validMs: undefined },
    })
    const tariffId = await tariff(ctx, account, [{}], 'gold')
    const wanted = {
      name: 'all',
      description: 'x',
      numberLength: 20,
      pinLength: 15,
      priceMicros: 5,
      balanceMicros: 3,
      tariffId,
      validMs: 1,
    }
    expect(await addGroup(ctx, account, wanted)).toMatchObject(wanted)
  })

  test.each([
    ...[
      { numberLength: 3 },
      { numberLength: 21 },
      { numberLength: 4.5 },
      { pinLength: 3 },
      { pinLength: 16 },
    ],
    ...[{ name: ' ' }, { priceMicros: -1 }, { balanceMicros: 0.5 }, { balanceMicros: 1e13 }, { validMs: 0 }],
  ])('is refused with %j', async (wrong) =>
    expect(await code(addGroup(ctx, account, { name: 'x', ...wrong }))).toBe('invalid'),
  )

  test('has a name of its own in the account, and a tariff of the account', async () => {
    await addGroup(ctx, account, { name: 'gold' })
    expect(await code(addGroup(ctx, account, { name: 'gold' }))).toBe('duplicates')
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    await addGroup(ctx, other, { name: 'gold' })
    const tariffId = await tariff(ctx, other, [{}])
    expect(await code(addGroup(ctx, account, { name: 'theirs', tariffId }))).toBe('not_found')
  })

  test('that many want at once by its name is one', async () => {
    const made = await Promise.all(
      numbers(10).map(() => groupNamed(ctx, account, { name: '42com', pinLength: 9 })),
    )
    expect(new Set(made.map(({ id }) => id)).size).toBe(1)
    expect(await groupNamed(ctx, account, { name: '42com', pinLength: 5 })).toMatchObject({ pinLength: 9 })
    expect(await code(groupNamed(ctx, account, { name: 'x', pinLength: 99 }))).toBe('invalid')
  })
})

describe('new cards', () => {
  let of: CardGroup
  beforeEach(async () => {
    of = await group(ctx, account, { pinLength: 6, balanceMicros: 2 * UNIT })
  })

  test('have their numbers, PINs of their own and the group’s money, as a line of the ledger', async () => {
    const made = await createCards(ctx, account, {
      groupId: of.id,
      numbers: numbers(50),
      fields: { batch: 'b', language: 'de' },
    })
    expect(made.map(({ number }) => number)).toEqual(numbers(50))
    expect(new Set(made.map(({ pin }) => pin)).size).toBe(50)
    for (const card of made) {
      expect(card).toEqual({
        ...{
          id: card.id,
          accountId: account.id,
          groupId: of.id,
          number: card.number,
          name: '',
          pin: expect.stringMatching(/^\d{6}$/),
        },
        ...{
          cli: undefined,
          balanceMicros: 2 * UNIT,
          heldMicros: 0,
          minimalBalanceMicros: 0,
          language: 'de',
          batch: 'b',
        },
        ...{
          sold: false,
          distributorId: undefined,
          validFrom: undefined,
          validUntil: undefined,
          firstUsedAt: undefined,
        },
        ...{ dailyChargePaidTill: undefined, blocked: false, disabled: false, createdAt: ctx.now() },
      })
      expect(await ctx.store.findCard({ accountId: account.id, pin: card.pin })).toEqual(card)
      expect(await moneyOf(ctx, card)).toEqual({ balance: 2 * UNIT, held: 0, lines: [['opening', 2 * UNIT]] })
    }
  })

  test('have what is said of them instead, or nothing', async () => {
    expect(await moneyOf(ctx, await givenCard(ctx, account, 5, { of }))).toMatchObject({ balance: 5 })
    expect(await moneyOf(ctx, await givenCard(ctx, account, 0, { of }))).toMatchObject({
      balance: 0,
      lines: [],
    })
    const named = { pin: '135790', cli: '+493023125000', name: 'Ann', sold: true }
    expect(await givenCard(ctx, account, 0, { of, ...named })).toMatchObject(named)
  })

  test('are made where there are none with the number; those that are there stay as they are', async () => {
    const [first] = await createCards(ctx, account, { groupId: of.id, numbers: numbers(3) })
    const made = await createCards(ctx, account, { groupId: of.id, numbers: [...numbers(5), ...numbers(5)] })
    expect(made.map(({ number }) => number)).toEqual(numbers(5).slice(3))
    expect(await ctx.store.findCard({ accountId: account.id, number: first?.number ?? '' })).toEqual(first)
    expect(await createCards(ctx, account, { groupId: of.id, numbers: numbers(5) })).toEqual([])
    expect(await createCards(ctx, account, { groupId: of.id, numbers: [] })).toEqual([])
  })

  test('are asked for in parallel without one being made twice', async () => {
    const both = await Promise.all(
      [1, 2].map(() => createCards(ctx, account, { groupId: of.id, numbers: numbers(2_500) })),
    )
    expect(both.flat()).toHaveLength(2_500)
    expect((await ctx.store.cardGroups(account.id))[0]).toMatchObject({ cards: 2_500 })
  })

  test.each<[string, object, string]>([
    ['a number that is too short', { numbers: ['123456789'] }, 'invalid'],
    ['a number that is none', { numbers: ['12345678９0'] }, 'invalid'],
    ['a group that is not there', { groupId: 99 }, 'not_found'],
    ['money that is less than none', { openingMicros: -1 }, 'invalid'],
    ['half a micro-unit', { openingMicros: 0.5 }, 'invalid'],
    ['too much money', { openingMicros: 1_000_001 * UNIT }, 'invalid'],
    ['one PIN for two', { numbers: numbers(2), fields: { pin: '135790' } }, 'invalid'],
    ['one CLI for two', { numbers: numbers(2), fields: { cli: '+1' } }, 'invalid'],
    ['a PIN of another length', { fields: { pin: '1357' } }, 'invalid'],
    ['too many', { numbers: numbers(MOST_CARDS + 1) }, 'too_many'],
  ])('are refused for %s, and none is made', async (_, wrong, word) => {
    expect(await code(createCards(ctx, account, { groupId: of.id, numbers: numbers(1), ...wrong }))).toBe(
      word,
    )
    expect((await ctx.store.cardGroups(account.id))[0]).toMatchObject({ cards: 0 })
  })

  test('have no PIN, CLI or group that is another’s', async () => {
    const card = await givenCard(ctx, account, 0, { of, cli: '+493023125000' })
    const one = (fields: object) =>
      createCards(ctx, account, { groupId: of.id, numbers: numbers(1, 2_000_000_000), fields })
    expect(await code(one({ pin: card.pin }))).toBe('duplicate_card')
    expect(await code(one({ cli: card.cli }))).toBe('duplicate_card')
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    expect(await code(createCards(ctx, other, { groupId: of.id, numbers: numbers(1) }))).toBe('not_found')
    const theirs = await group(ctx, other, { pinLength: 6 })
    // Neither number, PIN nor CLI of one account is anything to another.
    const [made] = await createCards(ctx, other, {
      groupId: theirs.id,
      numbers: [card.number],
      fields: { pin: card.pin, cli: card.cli ?? '' },
    })
    expect(made).toMatchObject({ number: card.number, pin: card.pin, cli: card.cli })
  })

  test('leave four fifths of all PINs of a length to be wrong', async () => {
    const short = await group(ctx, account, { pinLength: 4 })
    const make = (count: number, first: number) =>
      createCards(ctx, account, { groupId: short.id, numbers: numbers(count, first) })
    expect(await code(make(2_001, 3_000_000_000))).toBe('no_free_pin')
    expect(await make(1_999, 3_000_000_000)).toHaveLength(1_999)
    // Those of another group with PINs as long count too.
    const alike = await group(ctx, account, { pinLength: 4 })
    const one = (first: number) =>
      createCards(ctx, account, { groupId: alike.id, numbers: numbers(1, first) })
    expect(await one(4_000_000_000)).toHaveLength(1)
    expect(await code(one(4_000_000_001))).toBe('no_free_pin')
    // What is there already takes none, and PINs of another length have room.
    expect(await make(1_999, 3_000_000_000)).toEqual([])
    expect(await createCards(ctx, account, { groupId: of.id, numbers: numbers(10) })).toHaveLength(10)
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    const theirs = await group(ctx, other, { pinLength: 4 })
    expect(await createCards(ctx, other, { groupId: theirs.id, numbers: numbers(10) })).toHaveLength(10)
  })

  test('never have a PIN that looks like a payment card, or that a guesser tries first', async () => {
    const long = await group(ctx, account, { pinLength: 13 })
    const made = await createCards(ctx, account, { groupId: long.id, numbers: numbers(500, 5_000_000_000) })
    for (const { pin } of made) expect([pin, looksLikePaymentCard(pin)]).toEqual([pin, false])
    // The first draws are 000000 and 000001.
    let next = 0
    const sequence = { ...ctx, randomInt: (max: number) => next++ % max }
    const [card] = await createCards(sequence, account, { groupId: of.id, numbers: numbers(1) })
    expect(card?.pin).toBe('000001')
  })
})
