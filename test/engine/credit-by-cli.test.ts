import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { updateCard } from '../../src/engine/card-admin.ts'
import { creditByCli, type WantedCredit } from '../../src/engine/credit-by-cli.ts'
import { MOST_MICROS } from '../../src/engine/money.ts'
import { eventsOf, testAccount, testContext, type TestContext } from '../support/context.ts'
import { BERLIN, cardAccount, code, givenCard, LONDON, moneyOf, UNIT } from './cards-given.ts'

const HOUR = 3_600_000

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  const endpoints = { 'sms.requested': 'https://client.example/sms' }
  account = await cardAccount(ctx, { settings: { endpoints }, cards: { smsADay: 3 } })
})

const GROUP = { name: '42com', numberLength: 8, pinLength: 9 }
const credit = (wanted: Partial<WantedCredit> = {}) =>
  creditByCli(ctx, account, { cli: BERLIN, name: 'Ann', amountMicros: 100_000, group: GROUP, ...wanted })
const texts = async () =>
  (await eventsOf(ctx)).flatMap((event) => (event.type === 'sms.requested' ? [[event.to, event.text]] : []))
const cardsOf = async () => ctx.store.cardsMatching(account.id, {}, undefined, 100)

test('the first makes a card that is called with from that number; those that follow put money on it', async () => {
  const card = await credit()
  expect(card).toMatchObject({ cli: BERLIN, name: 'Ann', sold: true, blocked: false, balanceMicros: 100_000 })
  expect(card.number).toMatch(/^[1-9]\d{7}$/)
  expect(card.pin).toMatch(/^\d{9}$/)
  expect(await credit({ amountMicros: 50_000, name: 'Bob' })).toEqual({ ...card, balanceMicros: 150_000 })
  expect(await moneyOf(ctx, card)).toEqual({
    ...{ balance: 150_000, held: 0 },
    lines: [
      ['opening', 100_000],
      ['top_up', 50_000],
    ],
  })
  const other = await credit({ cli: LONDON })
  expect(other.number).not.toBe(card.number)
  expect(await cardsOf()).toHaveLength(2)
  expect(await texts()).toEqual([])
})

test('a card that was made elsewhere is credited, blocked or not', async () => {
  const card = await givenCard(ctx, account, UNIT, { cli: BERLIN })
  await updateCard(ctx, account, card, { blocked: true })
  expect(await credit()).toMatchObject({ id: card.id, blocked: true, balanceMicros: UNIT + 100_000 })
})

test('many first ones at once make one card, with all the money', async () => {
  const cards = await Promise.all(Array.from({ length: 20 }, () => credit()))
  expect(new Set(cards.map(({ id }) => id)).size).toBe(1)
  expect(await cardsOf()).toHaveLength(1)
  const money = cards[0] && (await moneyOf(ctx, cards[0]))
  expect(money).toMatchObject({ balance: 2 * UNIT })
  expect(money?.lines).toHaveLength(20)
})

test('the same number of two accounts is two cards', async () => {
  const other = await testAccount(ctx, { sid: 'other', vns: [] })
  const card = await credit()
  const theirs = await creditByCli(ctx, other, { cli: BERLIN, name: '', amountMicros: 5, group: GROUP })
  expect(theirs).toMatchObject({ accountId: other.id, balanceMicros: 5 })
  expect(await moneyOf(ctx, card)).toMatchObject({ balance: 100_000 })
})

test.each([0, -1, 0.5, NaN, MOST_MICROS + 1])('%d is no amount, and makes no card', async (amountMicros) => {
  expect(await code(credit({ amountMicros }))).toBe('invalid')
  expect(await cardsOf()).toEqual([])
})

test('a balance never becomes too large, and nobody is told of money that is not there', async () => {
  await credit({ amountMicros: MOST_MICROS })
  expect(await code(credit({ amountMicros: 1, sms: '' }))).toBe('invalid')
  expect(await texts()).toEqual([])
})

test('numbers and PINs that others have are passed over', async () => {
  // Each draw is of as many digits as the one before: what comes first is taken by the first card.
  let draws = 0
  const sequence = { ...ctx, randomInt: (max: number) => (123_457 + 7_919 * (draws++ % 64)) % max }
  const wanted = { name: '', amountMicros: 5, group: GROUP }
  const one = await creditByCli(sequence, account, { ...wanted, cli: BERLIN })
  draws = 0
  const other = await creditByCli(sequence, account, { ...wanted, cli: LONDON })
  expect(other.number).not.toBe(one.number)
  expect(other.pin).not.toBe(one.pin)
})

test('where a fifth of all PINs is given out, no card is made', async () => {
  const group = { name: 'short', numberLength: 8, pinLength: 4 }
  const query = {
    accountId: account.id,
    groupId: (await credit({ group })).groupId,
    numbers: [],
    pins: [],
    clis: [],
  }
  const seen = await ctx.store.addCards(query, ({ pinsOfLength }) => ({ result: pinsOfLength.get(4) }))
  expect(seen).toBe(1)
  const real = ctx.store.addCards.bind(ctx.store)
  // As it would be with so many cards: making them takes longer than all else here.
  ctx.store.addCards = (asked, decide) =>
    real(asked, (found) => decide({ ...found, pinsOfLength: new Map([[4, 2_000]]) }))
  expect(await code(credit({ cli: LONDON, group }))).toBe('no_free_pin')
  expect(await credit({ group })).toMatchObject({ balanceMicros: 200_000 })
})

describe('text messages', () => {
  test('tell the card’s number, its PIN and what was put on it, in the client’s words', async () => {
    const card = await credit({ sms: 'Nr {serial}, PIN {pin}: {amount} {pin} {else} $& $1' })
    await credit({ amountMicros: 1_234_567, sms: '{amount}' })
    expect(await texts()).toEqual([
      [BERLIN, `Nr ${card.number}, PIN ${card.pin}: 0.10 EUR ${card.pin} {else} $& $1`],
      [BERLIN, '1.234567 EUR'],
    ])
  })

  test('have words of ours where the client has none', async () => {
    const { pin, number } = await credit({ sms: '' })
    const [[, text] = []] = await texts()
    for (const word of [pin, number, '0.10 EUR']) expect(text).toContain(word)
  })

  test('are as many as the account may have in 24 hours, of all its cards; beyond them nothing is done', async () => {
    await credit({ sms: 'a' })
    ctx.clock.ms += HOUR
    await credit({ sms: 'b' })
    await credit({ cli: LONDON, sms: 'c' })
    expect(await code(credit({ sms: 'd' }))).toBe('too_many')
    expect(await code(credit({ cli: '+33142685300', sms: 'd' }))).toBe('too_many')
    expect(await cardsOf()).toHaveLength(2)
    const card = await ctx.store.findCard({ accountId: account.id, cli: BERLIN })
    expect(card && (await moneyOf(ctx, card))).toMatchObject({ balance: 200_000 })
    expect(await credit()).toMatchObject({ balanceMicros: 300_000 })
    ctx.clock.ms += 23 * HOUR - 1
    expect(await code(credit({ sms: 'e' }))).toBe('too_many')
    ctx.clock.ms += 1
    await credit({ sms: 'f' })
    expect(await code(credit({ sms: 'g' }))).toBe('too_many')
    expect((await texts()).map(([, text]) => text)).toEqual(['a', 'b', 'c', 'f'])
  })

  test('asked for at once are no more either', async () => {
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        code(credit({ cli: n % 2 === 0 ? BERLIN : `+4930231250${n}0`, sms: 'x' })),
      ),
    )
    expect(results.filter((word) => word === 'no refusal')).toHaveLength(3)
    expect(await texts()).toHaveLength(3)
    const theirs = await testAccount(ctx, { sid: 'other', vns: [] })
    await creditByCli(ctx, theirs, { cli: BERLIN, name: '', amountMicros: 5, group: GROUP, sms: '' })
  })
})
