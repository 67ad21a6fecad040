import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Account } from '../../src/engine/accounts.ts'
import { updateCard } from '../../src/engine/card-admin.ts'
import type { CallCaps } from '../../src/engine/card-settings.ts'
import type { Card, CardFields } from '../../src/engine/cards.ts'
import { Refusal } from '../../src/engine/errors.ts'
import {
  closeHold,
  connectedAt,
  type Hold,
  holdAlsoAnswered,
  holdAnswered,
  openHold,
  refundHold,
  whyNoCall,
} from '../../src/engine/holds.ts'
import { testContext, type TestContext } from '../support/context.ts'
import {
  BERLIN,
  cardAccount,
  changed,
  givenCard,
  group,
  LONDON,
  moneyOf,
  RATE,
  tariff,
  UNIT,
} from './cards-given.ts'

const SECOND = 1_000
const HOUR = 3_600 * SECOND
const DAY = 24 * HOUR

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await cardAccount(ctx)
})

const wanted = (card: Card, to = BERLIN) =>
  ({ account, cardId: card.id, callId: ctx.newId(), kind: 'card', from: undefined, to }) as const
async function held(card: Card, to = BERLIN): Promise<Hold> {
  const hold = await openHold(ctx, wanted(card, to))
  if (hold instanceof Refusal) throw hold
  return hold
}
async function refused(card: Card, to = BERLIN): Promise<string> {
  const hold = await openHold(ctx, wanted(card, to))
  const why = await whyNoCall(ctx, wanted(card, to))
  if (!(hold instanceof Refusal)) throw new Error('it was not refused')
  expect(why?.code).toBe(hold.code)
  return hold.code
}
const pass = (ms: number) => (ctx.clock.ms += ms)
/** A whole call: what was charged for it. */
async function talk(card: Card, seconds: number): Promise<number> {
  const { id } = await held(card)
  await holdAnswered(ctx, id)
  pass(seconds * SECOND)
  return (await closeHold(ctx, id, ctx.now()))?.chargedMicros ?? NaN
}

describe('what is set aside', () => {
  test('is what the longest talk costs, which ends with the money', async () => {
    const card = await givenCard(ctx, account, 10_500)
    const hold = await held(card)
    expect(hold).toMatchObject({
      state: 'open',
      longestSeconds: 10,
      heldMicros: 10_000,
      openedAt: ctx.now(),
      to: BERLIN,
    })
    expect(hold).toMatchObject({ rate: RATE, answeredAt: undefined, chargedMicros: 0 })
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: 10_500, held: 10_000 })
    expect(await ctx.store.findHold(hold.id)).toEqual(hold)
  })

  test('leaves the minimal balance on the card', async () => {
    const card = await givenCard(ctx, account, 10_000, { minimalBalanceMicros: 4_000 })
    expect(await held(card)).toMatchObject({ longestSeconds: 6, heldMicros: 6_000 })
    expect(await refused(await givenCard(ctx, account, 4_999, { minimalBalanceMicros: 4_000 }))).toBe(
      'no_money',
    )
  })

  test('is no more than the longest talk of the account costs', async () => {
    account = await changed(ctx, account, { maxTalkMs: 90_999 })
    expect(await held(await givenCard(ctx, account, UNIT))).toMatchObject({
      longestSeconds: 90,
      heldMicros: 90_000,
    })
    await tariff(ctx, account, [{ incrementSeconds: 60 }])
    expect(await held(await givenCard(ctx, account, UNIT))).toMatchObject({ longestSeconds: 60 })
    await tariff(ctx, account, [{ minimumSeconds: 91 }])
    expect(await refused(await givenCard(ctx, account, UNIT))).toBe('no_rate')
  })

  test('is for one call what another has left', async () => {
    account = await cardAccountWith({ card: { callsAtOnce: 3 } })
    const card = await givenCard(ctx, account, 15_000)
    account = await changed(ctx, account, { maxTalkMs: 10 * SECOND })
    expect(await held(card)).toMatchObject({ longestSeconds: 10 })
    expect(await held(card)).toMatchObject({ longestSeconds: 5 })
    expect(await refused(card)).toBe('no_money')
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: 15_000, held: 15_000 })
  })

  test('needs the whole shortest talk', async () => {
    await tariff(ctx, account, [{ setUpMicros: 5_000, minimumSeconds: 30, incrementSeconds: 6 }])
    expect(await refused(await givenCard(ctx, account, 34_999))).toBe('no_money')
    expect(await held(await givenCard(ctx, account, 35_000))).toMatchObject({
      longestSeconds: 30,
      heldMicros: 35_000,
    })
    expect(await held(await givenCard(ctx, account, 40_999))).toMatchObject({
      longestSeconds: 30,
      heldMicros: 35_000,
    })
    expect(await held(await givenCard(ctx, account, 41_000))).toMatchObject({
      longestSeconds: 36,
      heldMicros: 41_000,
    })
  })

  test('is by the longest prefix, in the tariff of the group before that of the account', async () => {
    await tariff(ctx, account, [{}, { prefix: '4930', name: 'Berlin', perMinuteMicros: 120_000 }])
    const own = await tariff(ctx, account, [{ perMinuteMicros: 30_000 }], 'cheap')
    expect(await held(await givenCard(ctx, account, UNIT))).toMatchObject({ rate: { name: 'Berlin' } })
    const of = await group(ctx, account, { tariffId: own })
    expect(await held(await givenCard(ctx, account, UNIT, { of }))).toMatchObject({
      rate: { perMinuteMicros: 30_000 },
    })
    expect(await refused(await givenCard(ctx, account, UNIT), LONDON)).toBe('no_rate')
  })

  test.each<[string, Omit<CardFields, 'number'>, number]>([
    ['blocked', { blocked: true }, 0],
    ['given up', { disabled: true }, 0],
    ['not valid yet', { validFrom: Date.UTC(2020, 2, 27, 6, 27, 10) }, 0],
    ['not valid any more', { validUntil: Date.UTC(2020, 2, 27, 6, 27, 10) }, SECOND],
  ])('is nothing for a card that is %s', async (_, fields, later) => {
    const card = await givenCard(ctx, account, UNIT, fields)
    pass(later)
    expect(await refused(card)).toBe('card_not_usable')
    expect(await refused({ ...card, id: 999 })).toBe('card_not_usable')
  })

  test('is nothing for a card of another account', async () => {
    const card = await givenCard(ctx, account, UNIT)
    account = { ...account, id: 'somebody else' }
    expect(await refused(card)).toBe('card_not_usable')
  })

  test('asking why there is no call sets nothing aside', async () => {
    const card = await givenCard(ctx, account, UNIT)
    expect(await whyNoCall(ctx, wanted(card))).toBeUndefined()
    expect(await moneyOf(ctx, card)).toMatchObject({ held: 0 })
    expect(await ctx.store.openHolds()).toEqual([])
  })

  test('of a call that rings two numbers is for both, and neither without a rate', async () => {
    await tariff(ctx, account, [
      { setUpMicros: 1_000 },
      { prefix: '44', perMinuteMicros: 120_000, incrementSeconds: 10 },
    ])
    account = await changed(ctx, account, { ringMs: 25_000 })
    // Twenty seconds of both, and London for as long as Berlin may ring, in whole increments.
    const most = 1_000 + 60_000 + 60_000
    const card = await givenCard(ctx, account, most + 29_999)
    const hold = await openHold(ctx, { ...wanted(card, BERLIN), alsoPays: LONDON })
    expect(hold).toMatchObject({
      heldMicros: most,
      longestSeconds: 20,
      rate: { prefix: '49', perMinuteMicros: 180_000, incrementSeconds: 10 },
      alsoRate: { prefix: '44', perMinuteMicros: 120_000 },
      alsoAnsweredAt: undefined,
    })
    expect(await ctx.store.findHold((hold as Hold).id)).toEqual(hold)
    for (const [to, alsoPays] of [
      [BERLIN, '+33142685300'],
      ['+33142685300', BERLIN],
    ] as const)
      expect(await whyNoCall(ctx, { ...wanted(card, to), alsoPays })).toMatchObject({ code: 'no_rate' })
  })
})

async function cardAccountWith(caps: {
  card?: Partial<CallCaps>
  account?: Partial<CallCaps>
}): Promise<Account> {
  ctx = testContext()
  account = await cardAccount(ctx, { caps })
  return account
}

describe('caps, each at its edge', () => {
  test('calls at one time, of a card and of an account', async () => {
    await cardAccountWith({ card: { callsAtOnce: 2 }, account: { callsAtOnce: 3 } })
    account = await changed(ctx, account, { maxTalkMs: 10 * SECOND })
    const [one, other] = [await givenCard(ctx, account, UNIT), await givenCard(ctx, account, UNIT)]
    const first = await held(one)
    await held(one)
    expect(await refused(one)).toBe('too_many_calls')
    await held(other)
    expect(await refused(other)).toBe('too_many_calls')
    await closeHold(ctx, first.id, ctx.now())
    await held(other)
    expect(await refused(one)).toBe('too_many_calls')
  })

  test.each([
    ['an hour', 'callsAnHour', HOUR],
    ['a day', 'callsADay', DAY],
  ] as const)('calls within %s of a card, also those that nobody answered', async (_, cap, windowMs) => {
    await cardAccountWith({ card: { [cap]: 2 } })
    const [card, other] = [await givenCard(ctx, account, UNIT), await givenCard(ctx, account, UNIT)]
    for (let n = 0; n < 2; n++) await closeHold(ctx, (await held(card)).id, ctx.now())
    expect(await refused(card)).toBe('too_many_calls')
    await closeHold(ctx, (await held(other)).id, ctx.now())
    pass(windowMs - 1)
    expect(await refused(card)).toBe('too_many_calls')
    pass(1)
    await held(card)
  })

  test.each([
    ['an hour', 'callsAnHour', HOUR],
    ['a day', 'callsADay', DAY],
  ] as const)('calls within %s of an account, counted to five minutes', async (_, cap, windowMs) => {
    await cardAccountWith({ account: { [cap]: 2 } })
    const cards = [await givenCard(ctx, account, UNIT), await givenCard(ctx, account, UNIT)] as const
    for (const card of cards) await closeHold(ctx, (await held(card)).id, ctx.now())
    expect(await refused(cards[0])).toBe('too_many_calls')
    pass(windowMs - 1)
    expect(await refused(cards[1])).toBe('too_many_calls')
    pass(5 * 60 * SECOND + 1)
    await held(cards[1])
  })

  test.each([
    ['an hour', 'microsAnHour', HOUR],
    ['a day', 'microsADay', DAY],
  ] as const)('what a card costs within %s, to the last second', async (_, cap, windowMs) => {
    await cardAccountWith({ card: { [cap]: 10_000 } })
    const card = await givenCard(ctx, account, UNIT)
    expect(await talk(card, 4)).toBe(4_000)
    const { id, longestSeconds, heldMicros } = await held(card)
    expect({ longestSeconds, heldMicros }).toEqual({ longestSeconds: 6, heldMicros: 6_000 })
    await holdAnswered(ctx, id)
    await closeHold(ctx, id, pass(6 * SECOND))
    expect(await refused(card)).toBe('too_many_calls')
    pass(windowMs - 6 * SECOND - 1)
    expect(await refused(card)).toBe('too_many_calls')
    // The first has ended so long ago, and the second not.
    pass(1)
    expect(await held(card)).toMatchObject({ longestSeconds: 4 })
  })

  test.each(['microsAnHour', 'microsADay'] as const)(
    'what an account costs: %s, with what is held for others',
    async (cap) => {
      await cardAccountWith({ account: { [cap]: 10_000 } })
      const cards = [await givenCard(ctx, account, 7_000), await givenCard(ctx, account, UNIT)] as const
      const { id } = await held(cards[0])
      expect(await held(cards[1])).toMatchObject({ longestSeconds: 3 })
      await closeHold(ctx, id, ctx.now())
      expect(await held(cards[0])).toMatchObject({ longestSeconds: 7 })
      const third = await givenCard(ctx, account, UNIT)
      expect(await refused(third)).toBe('too_many_calls')
    },
  )

  test.each([
    [{ microsAnHour: 3_600_000 }, 3 * 3_600],
    [{ microsAnHour: 3_599_999 }, 3_599],
    [{ microsAnHour: 3_600_000, microsADay: 5_000_000 }, 5_000],
    [{ microsAnHour: 1_000_000, microsADay: 5_000_000 }, 1_000],
    [{ microsAnHour: 3_000_000, microsADay: 1_000_000 }, 1_000],
  ])(
    'what a cap of the hour pays an hour for, it pays for however long: %j',
    async (card, longestSeconds) => {
      for (const caps of [{ card }, { account: card }]) {
        await cardAccountWith(caps)
        account = await changed(ctx, account, { maxTalkMs: 3 * HOUR })
        const hold = await held(await givenCard(ctx, account, 20 * UNIT))
        expect(hold).toMatchObject({ longestSeconds, heldMicros: longestSeconds * 1_000 })
      }
    },
  )

  test('of what is held for long talks an hour’s cap counts an hour, and a day’s all of it', async () => {
    await cardAccountWith({ account: { microsAnHour: 7_200_000, microsADay: 100 * UNIT } })
    account = await changed(ctx, account, { maxTalkMs: 3 * HOUR })
    const some = () => givenCard(ctx, account, 20 * UNIT)
    for (let n = 0; n < 2; n++) expect(await held(await some())).toMatchObject({ longestSeconds: 3 * 3_600 })
    expect(await refused(await some())).toBe('too_many_calls')
    await cardAccountWith({ account: { microsAnHour: 7_200_000, microsADay: 12 * UNIT } })
    account = await changed(ctx, account, { maxTalkMs: 3 * HOUR })
    expect(await held(await some())).toMatchObject({ longestSeconds: 3 * 3_600 })
    expect(await held(await some())).toMatchObject({ longestSeconds: 1_200 })
  })

  test('an hour of a rate is what is charged for one: begun increments, the set-up and all', async () => {
    await cardAccountWith({ card: { microsAnHour: 4_000_000 + 500 } })
    account = await changed(ctx, account, { maxTalkMs: 3 * HOUR })
    const card = await givenCard(ctx, account, 20 * UNIT)
    await tariff(ctx, account, [{ incrementSeconds: 4_000, setUpMicros: 501 }])
    expect(await refused(card)).toBe('too_many_calls')
    await tariff(ctx, account, [{ incrementSeconds: 4_000, setUpMicros: 500 }])
    expect(await held(card)).toMatchObject({ longestSeconds: 8_000 })
  })

  test('a cap that leaves less than the shortest talk lets none begin', async () => {
    await cardAccountWith({ card: { microsAnHour: 59_999 } })
    await tariff(ctx, account, [{ incrementSeconds: 60 }])
    const card = await givenCard(ctx, account, UNIT)
    expect(await refused(card)).toBe('too_many_calls')
    await cardAccountWith({ card: { microsAnHour: 60_000 } })
    await tariff(ctx, account, [{ incrementSeconds: 60 }])
    expect(await held(await givenCard(ctx, account, UNIT))).toMatchObject({ longestSeconds: 60 })
  })

  test.each(['callsAtOnce', 'callsAnHour', 'callsADay', 'microsAnHour', 'microsADay'] as const)(
    'none at all: %s 0',
    async (cap) => {
      for (const caps of [{ card: { [cap]: 0 } }, { account: { [cap]: 0 } }]) {
        await cardAccountWith(caps)
        expect(await refused(await givenCard(ctx, account, UNIT))).toBe('too_many_calls')
      }
    },
  )

  test('of twenty calls at once on a card for one, one begins', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const results = await Promise.all(Array.from({ length: 20 }, () => openHold(ctx, wanted(card))))
    expect(results.filter((hold) => !(hold instanceof Refusal))).toHaveLength(1)
    expect(await ctx.store.openHolds()).toHaveLength(1)
  })
})

describe('the end of a call', () => {
  test('that nobody answered costs nothing', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const { id } = await held(card)
    const end = pass(20 * SECOND)
    expect(await closeHold(ctx, id, end)).toMatchObject({
      state: 'void',
      endedAt: end,
      chargedMicros: 0,
      billedSeconds: 0,
    })
    expect(await moneyOf(ctx, card)).toEqual({ balance: UNIT, held: 0, lines: [['opening', UNIT]] })
  })

  test('is charged from the answer on, by begun increments', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const { id } = await held(card)
    pass(10 * SECOND)
    await holdAnswered(ctx, id)
    const end = pass(4 * SECOND + 1)
    const closed = await closeHold(ctx, id, end)
    expect(closed).toMatchObject({ state: 'settled', endedAt: end, billedSeconds: 5, chargedMicros: 5_000 })
    expect(await ctx.store.findHold(id)).toEqual(closed)
    expect(await moneyOf(ctx, card)).toEqual({
      ...{ balance: UNIT - 5_000, held: 0 },
      lines: [
        ['opening', UNIT],
        ['charge', -5_000],
      ],
    })
    expect((await ctx.store.ledger(card.id, undefined, 1))[0]).toMatchObject({ reference: id, at: end })
  })

  test.each([
    ['shorter than the minimum', 1, 30],
    ['just to the end of the money', 60_000, 60],
    ['a little longer, as Asterisk cuts', 60_400, 60],
    ['much longer', 600_000, 60],
  ])('%s costs at least the minimum and at most what was held', async (_, talkMs, seconds) => {
    await tariff(ctx, account, [{ minimumSeconds: 30, setUpMicros: 500 }])
    const card = await givenCard(ctx, account, 60_500)
    const { id } = await held(card)
    await holdAnswered(ctx, id)
    expect(await closeHold(ctx, id, pass(talkMs))).toMatchObject({
      billedSeconds: seconds,
      chargedMicros: seconds * 1_000 + 500,
    })
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: 60_000 - seconds * 1_000, held: 0 })
  })

  test('before its beginning, where the clock was set back, costs the shortest talk', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const { id, openedAt } = await held(card)
    const answered = pass(5 * SECOND)
    await holdAnswered(ctx, id)
    expect(await closeHold(ctx, id, pass(-HOUR))).toMatchObject({
      endedAt: answered,
      billedSeconds: 1,
      chargedMicros: 1_000,
    })
    const other = await held(card)
    expect(await closeHold(ctx, other.id, other.openedAt - HOUR)).toMatchObject({
      state: 'void',
      endedAt: other.openedAt,
    })
    expect(other.openedAt).toBeLessThan(openedAt)
  })

  test('counts once, whoever says it how often, and no answer comes after it', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const { id } = await held(card)
    await holdAnswered(ctx, id)
    const end = pass(5 * SECOND)
    const ends = await Promise.all([1, 2, 3].map((n) => closeHold(ctx, id, end + n * SECOND)))
    pass(HOUR)
    ends.push(await closeHold(ctx, id, ctx.now()))
    expect(new Set(ends.map((one) => JSON.stringify(one))).size).toBe(1)
    await holdAnswered(ctx, id)
    expect(await ctx.store.findHold(id)).toEqual(ends[0])
    expect((await moneyOf(ctx, card)).lines).toHaveLength(2)
    const unanswered = await held(card)
    await closeHold(ctx, unanswered.id, ctx.now())
    await holdAnswered(ctx, unanswered.id)
    expect(await closeHold(ctx, unanswered.id, pass(HOUR))).toMatchObject({
      state: 'void',
      answeredAt: undefined,
    })
  })

  test('is by the first answer, and by the rate that the tariff had', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const { id } = await held(card)
    await holdAnswered(ctx, id)
    pass(5 * SECOND)
    await holdAnswered(ctx, id)
    await tariff(ctx, account, [{ perMinuteMicros: 6_000_000 }])
    expect(await closeHold(ctx, id, pass(5 * SECOND))).toMatchObject({ chargedMicros: 10_000 })
  })

  test('of a free call moves nothing', async () => {
    await tariff(ctx, account, [{ perMinuteMicros: 0 }])
    const card = await givenCard(ctx, account, 0)
    expect(await talk(card, 60)).toBe(0)
    expect(await moneyOf(ctx, card)).toEqual({ balance: 0, held: 0, lines: [] })
  })

  test('that nobody has held is undefined', async () => {
    expect(await closeHold(ctx, 'none', ctx.now())).toBeUndefined()
    await holdAnswered(ctx, 'none')
  })

  test('of a card that was blocked meanwhile is charged all the same', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const { id } = await held(card)
    await holdAnswered(ctx, id)
    await updateCard(ctx, account, card, { blocked: true })
    await closeHold(ctx, id, pass(5 * SECOND))
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: UNIT - 5_000, held: 0 })
  })
})

describe('the end of a call that rings two numbers', () => {
  /** The first costs two cents a second by tens, at least twenty, and five to set up; the second one by the second, and one. */
  const RATES = [
    { setUpMicros: 1_000 },
    { prefix: '44', perMinuteMicros: 120_000, setUpMicros: 5_000, minimumSeconds: 20, incrementSeconds: 10 },
  ]
  const RING = 25 * SECOND
  /** For the first, while the second rings. */
  const ASIDE = 30 * 2_000

  let card: Card
  beforeEach(async () => {
    account = await changed(ctx, account, { ringMs: RING })
    await tariff(ctx, account, RATES)
    card = await givenCard(ctx, account, UNIT)
  })

  async function both(): Promise<Hold> {
    const hold = await openHold(ctx, { ...wanted(card), kind: 'callback', alsoPays: LONDON })
    if (hold instanceof Refusal) throw hold
    return hold
  }
  const charges = async () => (await moneyOf(ctx, card)).lines.filter(([kind]) => kind === 'charge')

  test('neither of whom has answered costs nothing', async () => {
    const { id } = await both()
    expect(await closeHold(ctx, id, pass(9 * SECOND))).toMatchObject({ state: 'void', chargedMicros: 0 })
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: UNIT, held: 0 })
  })

  test.each([
    ['at least the minimum', 1, 20],
    ['begun increments', 20_001, 30],
    ['longer than the two might have talked', 100_000, 100],
  ])('of whom the first alone has answered costs its own price: %s', async (_, waitMs, seconds) => {
    // For ten seconds more than the shortest talk.
    card = await givenCard(ctx, account, 6_000 + 30 * 3_000 + ASIDE)
    const { id, heldMicros, longestSeconds } = await both()
    expect({ heldMicros, longestSeconds }).toEqual({ heldMicros: 156_000, longestSeconds: 30 })
    pass(5 * SECOND)
    await holdAlsoAnswered(ctx, id)
    const connected = ctx.now()
    const closed = (await closeHold(ctx, id, pass(waitMs)))!
    expect(closed).toMatchObject({
      ...{ state: 'settled', answeredAt: undefined, alsoAnsweredAt: connected, billedSeconds: seconds },
      chargedMicros: Math.min(5_000 + seconds * 2_000, heldMicros),
    })
    expect(connectedAt(closed)).toBe(connected)
    expect(await ctx.store.findHold(id)).toEqual(closed)
    expect(await charges()).toEqual([['charge', -closed.chargedMicros]])
    const filter = { accountId: account.id, from: connected, to: connected + 1 }
    expect(await ctx.store.holdsMatching(filter, undefined, 9)).toEqual([closed])
  })

  test.each([
    [0, 0],
    [1, 10],
    [20_001, 30],
  ])(
    'where the second answers %d ms later costs both for the talk, and the first %d s more',
    async (waitMs, waited) => {
      const { id } = await both()
      await holdAlsoAnswered(ctx, id)
      pass(waitMs)
      await holdAnswered(ctx, id)
      const connected = ctx.now()
      const closed = (await closeHold(ctx, id, pass(31 * SECOND)))!
      expect(closed).toMatchObject({ billedSeconds: 40, chargedMicros: 6_000 + 40 * 3_000 + waited * 2_000 })
      expect(connectedAt(closed)).toBe(connected)
      expect(await charges()).toEqual([['charge', -closed.chargedMicros]])
    },
  )

  test('costs what was held where the whole of it was used up, and no more however long it was', async () => {
    card = await givenCard(ctx, account, 6_000 + 30 * 3_000 + ASIDE)
    const { id, heldMicros } = await both()
    await holdAlsoAnswered(ctx, id)
    pass(RING)
    await holdAnswered(ctx, id)
    expect(await closeHold(ctx, id, pass(HOUR))).toMatchObject({
      billedSeconds: 30,
      chargedMicros: heldMicros,
    })
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: 0, held: 0 })
    card = await givenCard(ctx, account, 6_000 + 30 * 3_000 + ASIDE)
    const late = await both()
    await holdAlsoAnswered(ctx, late.id)
    pass(HOUR)
    await holdAnswered(ctx, late.id)
    expect(await closeHold(ctx, late.id, pass(SECOND))).toMatchObject({
      billedSeconds: 20,
      chargedMicros: heldMicros,
    })
  })

  test('is not less than nothing where the clock was set back', async () => {
    const { id } = await both()
    await holdAlsoAnswered(ctx, id)
    pass(-HOUR)
    await holdAnswered(ctx, id)
    expect(await closeHold(ctx, id, pass(-HOUR))).toMatchObject({ chargedMicros: 6_000 + 20 * 3_000 })
    const alone = await both()
    await holdAlsoAnswered(ctx, alone.id)
    const answered = ctx.now()
    expect(await closeHold(ctx, alone.id, pass(-HOUR))).toMatchObject({
      ...{ endedAt: answered, billedSeconds: 20, chargedMicros: 45_000 },
    })
  })

  test('is by the first answer of each, is charged once and given back once, and uses the card', async () => {
    const { id } = await both()
    await holdAlsoAnswered(ctx, id)
    const firstUsedAt = ctx.now()
    pass(9 * SECOND)
    await holdAlsoAnswered(ctx, id)
    expect(await ctx.store.findCard({ accountId: account.id, id: card.id })).toMatchObject({ firstUsedAt })
    const ends = await Promise.all([1, 2].map((n) => closeHold(ctx, id, ctx.now() + n)))
    await holdAnswered(ctx, id)
    await closeHold(ctx, id, pass(HOUR))
    expect(ends[1]).toEqual(ends[0])
    expect(await charges()).toEqual([['charge', -45_000]])
    const back = await Promise.all([1, 2].map(() => refundHold(ctx, account, id, '')))
    expect(back.filter((one) => one instanceof Refusal)).toHaveLength(1)
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: UNIT, held: 0 })
  })

  test('is bounded by the caps with what is set aside for the wait', async () => {
    const price = (seconds: number) => 6_000 + seconds * 3_000 + ASIDE
    const caps = { card: { ...account.settings.cards.card, microsAnHour: price(30) + 29_999 } }
    account = await changed(ctx, account, { cards: { ...account.settings.cards, ...caps } })
    const { id } = await both()
    expect(await ctx.store.findHold(id)).toMatchObject({ longestSeconds: 30, heldMicros: price(30) })
    const twenty = {
      ...account.settings.cards,
      card: { ...caps.card, callsAtOnce: 2, microsAnHour: 2 * price(30) - 30_000 },
    }
    account = await changed(ctx, account, { cards: twenty })
    expect(await both()).toMatchObject({ longestSeconds: 20 })
  })
})

describe('the first answered call', () => {
  const cardNow = ({ id }: Card) => ctx.store.findCard({ accountId: account.id, id })

  test('begins the time that the group gives its cards, once and never beyond what was said of the card', async () => {
    const of = await group(ctx, account, { validMs: 30 * DAY })
    const [card, sooner] = [
      await givenCard(ctx, account, UNIT, { of }),
      await givenCard(ctx, account, UNIT, { of, validUntil: ctx.now() + DAY }),
    ]
    await closeHold(ctx, (await held(card)).id, ctx.now())
    expect(await cardNow(card)).toMatchObject({ firstUsedAt: undefined, validUntil: undefined })
    const firstUsedAt = pass(HOUR)
    for (const one of [card, sooner]) await talk(one, 0)
    expect(await cardNow(card)).toMatchObject({ firstUsedAt, validUntil: firstUsedAt + 30 * DAY })
    expect(await cardNow(sooner)).toMatchObject({ firstUsedAt, validUntil: sooner.validUntil })
    pass(2 * HOUR)
    await talk(card, 1)
    expect(await cardNow(card)).toMatchObject({ firstUsedAt, validUntil: firstUsedAt + 30 * DAY })
    pass(30 * DAY)
    expect(await refused(card)).toBe('card_not_usable')
  })

  test('is noted where the group gives no time', async () => {
    const card = await givenCard(ctx, account, UNIT)
    await talk(card, 1)
    expect(await cardNow(card)).toMatchObject({ firstUsedAt: expect.any(Number), validUntil: undefined })
  })
})

describe('giving back', () => {
  test('what a call has cost happens once, however often and at once it is asked for', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const { id } = await held(card)
    await holdAnswered(ctx, id)
    await closeHold(ctx, id, pass(5 * SECOND))
    const results = await Promise.all([1, 2, 3].map(() => refundHold(ctx, account, id, 'bad line')))
    expect(results.map((one) => (one instanceof Refusal ? one.code : one.chargedMicros)).sort()).toEqual([
      ...[5_000, 'not_found', 'not_found'],
    ])
    expect(await moneyOf(ctx, card)).toMatchObject({
      balance: UNIT,
      lines: [
        ['opening', UNIT],
        ['charge', -5_000],
        ['refund', 5_000],
      ],
    })
    expect((await ctx.store.ledger(card.id, undefined, 1))[0]).toMatchObject({
      note: 'bad line',
      reference: id,
    })
    // It is over all the same, and asking for its end again charges nothing.
    await closeHold(ctx, id, pass(HOUR))
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: UNIT, held: 0 })
  })

  test('not what runs, what was never answered, what was free and what is another account’s', async () => {
    const card = await givenCard(ctx, account, UNIT)
    const { id } = await held(card)
    const code = async (of = account) => ((await refundHold(ctx, of, id, '')) as Refusal).code
    expect(await code()).toBe('not_found')
    await holdAnswered(ctx, id)
    expect(await code()).toBe('not_found')
    await closeHold(ctx, id, pass(SECOND))
    expect(await code({ ...account, id: 'somebody else' })).toBe('not_found')
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: UNIT - 1_000 })
    const unanswered = await held(card)
    await closeHold(ctx, unanswered.id, ctx.now())
    expect(await refundHold(ctx, account, unanswered.id, '')).toBeInstanceOf(Refusal)
    expect(await refundHold(ctx, account, 'none', '')).toBeInstanceOf(Refusal)
  })
})

/** One step in the life of a card; `nth` of the calls that were made so far. */
type Step =
  | { do: 'call' }
  | { do: 'callback' }
  | { do: 'pass'; ms: number }
  | { do: 'answer' | 'first answer' | 'end' | 'refund'; nth: number; ms: number }

test('whatever happens to a card, nothing is charged beyond what was held, and every line has its reason', async () => {
  const nth = fc.nat(5)
  const ms = fc.constantFrom(-90_000, 0, 1, 999, 1_000, 1_001, 30_000, 61_000)
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.constantFrom({ do: 'call' } as const, { do: 'callback' } as const),
    fc.record({ do: fc.constant('pass' as const), ms }),
    fc.record({
      do: fc.constantFrom('answer' as const, 'first answer' as const, 'end' as const, 'refund' as const),
      nth,
      ms,
    }),
  )
  const rate = fc.record({
    perMinuteMicros: fc.constantFrom(0, 1, 59, 60_000, 100_001),
    setUpMicros: fc.constantFrom(0, 7, 20_000),
    minimumSeconds: fc.constantFrom(0, 7, 30),
    incrementSeconds: fc.constantFrom(1, 6, 60),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }),
      rate,
      rate,
      fc.nat(200_000),
      async (rounds, price, otherPrice, opening) => {
        await cardAccountWith({ card: { callsAtOnce: 3 } })
        await tariff(ctx, account, [price, { ...otherPrice, prefix: '44' }])
        const card = await givenCard(ctx, account, opening)
        const made: string[] = []
        const run = async (one: Step): Promise<unknown> => {
          if (one.do === 'pass') return pass(one.ms)
          if (one.do === 'call' || one.do === 'callback') {
            const also = one.do === 'callback' ? { kind: one.do, alsoPays: LONDON } : {}
            const hold = await openHold(ctx, { ...wanted(card), ...also })
            return hold instanceof Refusal || made.push(hold.id)
          }
          const id = made[one.nth % made.length] ?? 'none'
          if (one.do === 'answer') return holdAnswered(ctx, id)
          // Asked of a call that rings one number only, it is nobody's.
          if (one.do === 'first answer')
            return (await ctx.store.findHold(id))?.alsoRate && holdAlsoAnswered(ctx, id)
          if (one.do === 'refund') return refundHold(ctx, account, id, '')
          return closeHold(ctx, id, ctx.now() + one.ms)
        }
        for (const steps of rounds) {
          await Promise.all(steps.map(run))
          const holds = await Promise.all(made.map((id) => ctx.store.findHold(id)))
          const { balance, held, lines } = await moneyOf(ctx, card)
          expect(balance).toBeGreaterThanOrEqual(held)
          const running = holds.filter((hold) => hold?.state === 'open')
          expect(running.length).toBeLessThanOrEqual(3)
          expect(held).toBe(running.reduce((sum, hold) => sum + (hold?.heldMicros ?? NaN), 0))
          const charged = holds.reduce((sum, hold) => sum + (hold?.chargedMicros ?? NaN), 0)
          expect(balance).toBe(opening - charged)
          expect(lines.filter(([kind]) => kind === 'charge').length).toBeLessThanOrEqual(made.length)
          for (const hold of holds) expect(hold?.chargedMicros).toBeLessThanOrEqual(hold?.heldMicros ?? NaN)
        }
        // There are no records of the visits in which the calls were made.
        expect((await ctx.store.audit(100)).filter(({ what }) => what !== 'hold')).toEqual([])
        await ctx.store.close()
      },
    ),
    { numRuns: 150 },
  )
}, 60_000)
