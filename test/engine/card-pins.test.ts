import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { topUp, updateCard } from '../../src/engine/card-admin.ts'
import {
  activateCard,
  cardByCli,
  cardByPin,
  cardsPlace,
  type KeyedCardPin,
} from '../../src/engine/card-pins.ts'
import type { Card, CardFields } from '../../src/engine/cards.ts'
import { clientWay, TRUNK } from '../../src/engine/guard.ts'
import { checkPin } from '../../src/engine/pin-check.ts'
import { makeVouchers, redeemVoucher, vouchersPlace } from '../../src/engine/vouchers.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import { BERLIN, cardAccount, changed, code, givenCard, group, LONDON, UNIT } from './cards-given.ts'

const NOBODYS = '135791357'
const ALWAYS = { beginsAt: undefined, expiresAt: undefined }

let ctx: TestContext
let account: Account
let card: Card
beforeEach(async () => {
  ctx = testContext()
  account = await cardAccount(ctx)
  card = await givenCard(ctx, account, UNIT)
})

const keyed = (pin: string, more: Partial<KeyedCardPin> = {}): KeyedCardPin => ({
  ...{ account, pin, caller: LONDON, place: cardsPlace(account.id), way: TRUNK },
  ...more,
})
/** As a client of the account sends it, for whomever. */
const sent = (pin: string) => keyed(pin, { caller: undefined, way: clientWay(account.id, 'cards') })
const stored = () => ctx.store.findCard({ accountId: account.id, id: card.id })

const UNUSABLE: [string, CardFields][] = [
  ['blocked', { blocked: true }],
  ['not valid yet', { validFrom: Date.UTC(2020, 2, 27, 6, 27, 10) }],
  ['not valid any more', { validUntil: Date.UTC(2020, 2, 27, 6, 27, 9) }],
]

describe('a PIN', () => {
  test('opens its card, from any number and from none', async () => {
    for (const caller of [LONDON, undefined])
      expect(await cardByPin(ctx, keyed(card.pin, { caller }))).toEqual(card)
    expect(await cardByPin(ctx, sent(card.pin))).toEqual(card)
  })

  test('of nobody opens nothing, nor does what cannot be one, and that costs nothing', async () => {
    expect(await code(cardByPin(ctx, keyed(NOBODYS)))).toBe('not_found')
    for (let n = 0; n < 20; n++)
      for (const text of ['', '123', 'abcde', '4111111111111111', '1'.repeat(16), `${card.pin}#`])
        expect(await code(cardByPin(ctx, keyed(text)))).toBe('not_found')
    expect(await cardByPin(ctx, keyed(card.pin))).toEqual(card)
  })

  test.each([...UNUSABLE, ['given up', { disabled: true }] as [string, CardFields]])(
    'of a card that is %s is like nobody’s',
    async (_, fields) => {
      await updateCard(ctx, account, card, fields)
      for (let n = 0; n < 10; n++) expect(await code(cardByPin(ctx, keyed(card.pin)))).toBe('not_found')
      // Also in that it counts as a wrong one.
      expect(await code(cardByPin(ctx, keyed(card.pin)))).toBe('forbidden')
    },
  )

  test('opens nothing in another account', async () => {
    const theirs = await testAccount(ctx, { sid: 'other', vns: [] })
    expect(await code(cardByPin(ctx, keyed(card.pin, { account: theirs })))).toBe('not_found')
  })

  test('is not compared any more after ten wrong ones of one caller, however right, and again after an hour', async () => {
    for (let n = 0; n < 10; n++) expect(await code(cardByPin(ctx, keyed(NOBODYS)))).toBe('not_found')
    expect(await code(cardByPin(ctx, keyed(card.pin)))).toBe('forbidden')
    expect(await cardByPin(ctx, keyed(card.pin, { caller: BERLIN }))).toEqual(card)
    ctx.clock.ms += 3_600_000
    expect(await cardByPin(ctx, keyed(card.pin))).toEqual(card)
  })

  test('sent by a client that names nobody is counted for no caller, but where and how it came in', async () => {
    for (let n = 0; n < 50; n++) await cardByPin(ctx, sent(NOBODYS))
    expect(await cardByPin(ctx, sent(card.pin))).toEqual(card)
    const tallies = await ctx.store.guessTallies(ctx.now(), 10)
    expect(tallies.map(({ scope, name }) => [scope, name]).sort()).toEqual([
      ['place', cardsPlace(account.id)],
      ['way', clientWay(account.id, 'cards')],
    ])
  })
})

describe('a number that calls', () => {
  test('opens its card without a PIN, as long as the card can be used', async () => {
    await updateCard(ctx, account, card, { cli: BERLIN })
    expect(await cardByCli(ctx, account, BERLIN)).toMatchObject({ id: card.id })
    expect(await cardByCli(ctx, account, LONDON)).toBeUndefined()
    const theirs = await testAccount(ctx, { sid: 'other', vns: [] })
    expect(await cardByCli(ctx, theirs, BERLIN)).toBeUndefined()
    await updateCard(ctx, account, card, { disabled: true })
    expect(await cardByCli(ctx, account, BERLIN)).toBeUndefined()
  })

  test('is asked for a PIN like any other where the account wants that', async () => {
    await updateCard(ctx, account, card, { cli: BERLIN })
    const cards = { ...account.settings.cards, pinless: false }
    const strict = await changed(ctx, account, { cards })
    expect(await cardByCli(ctx, strict, BERLIN)).toBeUndefined()
    expect(await cardByPin(ctx, keyed(card.pin, { account: strict }))).toMatchObject({ id: card.id })
  })

  test.each(UNUSABLE)('opens none that is %s', async (_, fields) => {
    await updateCard(ctx, account, card, { ...fields, cli: BERLIN })
    expect(await cardByCli(ctx, account, BERLIN)).toBeUndefined()
  })
})

describe('while strangers are turned away', () => {
  const fill = async () => {
    const of = await group(ctx, account, { pinLength: 6 })
    const short = await givenCard(ctx, account, UNIT, { of })
    const right = (caller: string | undefined) => cardByPin(ctx, keyed(short.pin, { caller }))
    return { short, right }
  }
  async function flood(): Promise<void> {
    // More than the trunk has.
    for (let n = 0; n < 1_100; n++) await cardByPin(ctx, keyed('999999', { caller: `+49301${100_000 + n}` }))
  }

  test('whoever keyed the right PIN before is served, also after a change of the card, and nobody else is', async () => {
    const { short, right } = await fill()
    expect(await right(LONDON)).toMatchObject({ id: short.id })
    expect(await right(undefined)).toMatchObject({ id: short.id })
    await topUp(ctx, account, short, 5)
    await flood()
    expect(await right(LONDON)).toMatchObject({ id: short.id })
    expect(await code(right(BERLIN))).toBe('forbidden')
    // All who withhold their number are nobody that is known.
    expect(await code(right(undefined))).toBe('forbidden')
    await updateCard(ctx, account, short, { pin: '424242' })
    expect(await code(cardByPin(ctx, keyed('424242')))).toBe('forbidden')
  }, 60_000)

  test('whoever keyed a wrong one, or that of a card that cannot be used, is a stranger', async () => {
    const { short, right } = await fill()
    await updateCard(ctx, account, short, { blocked: true })
    expect(await code(right(LONDON))).toBe('not_found')
    await updateCard(ctx, account, short, { blocked: false })
    await flood()
    expect(await code(right(LONDON))).toBe('forbidden')
  }, 60_000)
})

describe('activating', () => {
  test('binds a number to the card whose PIN is known, in place of the one before', async () => {
    await updateCard(ctx, account, card, { cli: BERLIN })
    expect(await activateCard(ctx, sent(card.pin), LONDON)).toEqual({ ...card, cli: LONDON })
    expect(await stored()).toEqual({ ...card, cli: LONDON })
    expect(await cardByCli(ctx, account, BERLIN)).toBeUndefined()
  })

  test('ends its being given up, and nothing else does', async () => {
    await updateCard(ctx, account, card, { cli: BERLIN, disabled: true })
    await topUp(ctx, account, card, 5)
    expect(await stored()).toMatchObject({ disabled: true })
    expect(await activateCard(ctx, sent(card.pin), BERLIN)).toMatchObject({ cli: BERLIN, disabled: false })
    expect(await cardByPin(ctx, keyed(card.pin))).toMatchObject({ id: card.id })
  })

  test.each(UNUSABLE)('does nothing for a card that is %s', async (_, fields) => {
    await updateCard(ctx, account, card, { ...fields, disabled: true })
    expect(await code(activateCard(ctx, sent(card.pin), LONDON))).toBe('not_found')
    expect(await stored()).toMatchObject({ ...fields, disabled: true, cli: undefined })
  })

  test('does not take the number of another card', async () => {
    const other = await givenCard(ctx, account, 0, { cli: LONDON })
    expect(await code(activateCard(ctx, sent(card.pin), LONDON))).toBe('duplicate_card')
    expect(await stored()).toEqual(card)
    expect(await cardByCli(ctx, account, LONDON)).toEqual(other)
  })

  test('with a PIN that is wrong is guessing', async () => {
    for (let n = 0; n < 10; n++)
      expect(await code(activateCard(ctx, keyed(NOBODYS), LONDON))).toBe('not_found')
    expect(await code(activateCard(ctx, keyed(card.pin), LONDON))).toBe('forbidden')
    expect(await stored()).toEqual(card)
  })

  test('does nothing when the card gets another PIN, or is blocked, just then', async () => {
    for (const fields of [{ pin: NOBODYS }, { blocked: true }]) {
      const late = await givenCard(ctx, account, 0)
      const compare = ctx.store.checkCardPin.bind(ctx.store)
      const store: typeof ctx.store = {
        ...ctx.store,
        checkCardPin: async (query, decide) => {
          const result = await compare(query, decide)
          await updateCard(ctx, account, late, fields)
          return result
        },
      }
      expect(await code(activateCard({ ...ctx, store }, sent(late.pin), LONDON))).toBe('not_found')
      expect(await ctx.store.findCard({ accountId: account.id, id: late.id })).toMatchObject({
        cli: undefined,
      })
    }
  })
})

test('a client’s form for one kind of PINs does not use up what the others have', async () => {
  const [voucher] = await makeVouchers(ctx, account, {
    ...{ count: 1, pinLength: 12, amountMicros: 5, validUntil: undefined },
  })
  for (let n = 0; n < 1_100; n++) await cardByPin(ctx, sent('135791357913579'))
  expect(await code(cardByPin(ctx, sent(card.pin)))).toBe('forbidden')
  const at = { place: vouchersPlace(account.id), caller: undefined }
  const redeemed = redeemVoucher(
    ctx,
    keyed(voucher?.pin ?? '', { ...at, way: clientWay(account.id, 'vouchers') }),
    card.id,
  )
  expect(await redeemed).toMatchObject({ amountMicros: 5 })
  const check = { account, database: 1, pin: '4711', key: 'seat-1', way: clientWay(account.id, 'pins') }
  await ctx.store.writePins(account.id, 1, { first: '4711', count: 1 }, ALWAYS)
  expect(await checkPin(ctx, check)).toMatchObject({ status: 'ok' })
})

test('a client of whom it is known who it is, is limited as a caller and by the place only', async () => {
  const own = (pin: string) => keyed(pin, { caller: '42com anna', way: undefined })
  for (let n = 0; n < 10; n++) expect(await code(cardByPin(ctx, own(NOBODYS)))).toBe('not_found')
  expect(await code(cardByPin(ctx, own(card.pin)))).toBe('forbidden')
  const tallies = await ctx.store.guessTallies(ctx.now(), 10)
  expect(tallies.map(({ scope }) => scope).sort()).toEqual(['caller', 'place'])
})

test('the account’s owner goes past the guard: by the number that calls, a card is found however many PINs were wrong', async () => {
  await updateCard(ctx, account, card, { cli: BERLIN })
  for (let n = 0; n < 2_000; n++) await cardByPin(ctx, sent(NOBODYS))
  expect(await code(cardByPin(ctx, sent(card.pin)))).toBe('forbidden')
  expect(await updateCard(ctx, account, { cli: BERLIN }, { blocked: true })).toMatchObject({ blocked: true })
  expect(await topUp(ctx, account, { cli: BERLIN }, 5)).toMatchObject({ balanceMicros: UNIT + 5 })
})
