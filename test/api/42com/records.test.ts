import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { granted as enforced } from '../../../src/engine/errors.ts'
import { closeHold, holdAlsoAnswered, openHold, refundHold } from '../../../src/engine/holds.ts'
import {
  addCard,
  addLogin,
  cardAccount,
  type CardDoor,
  clientOf,
  expectFault,
  granted,
  openCardDoor,
  talk,
} from './client.ts'

let door: CardDoor
beforeEach(async () => {
  door = await openCardDoor()
})
afterEach(() => door.close())

type Callshop = {
  data: string
  caller: string
  callee: string
  duration: string
  billingduration: string
  amount: string
  amounttax: string
}
type Row = {
  datestart: string
  dateend: string
  time: string
  customername: string
  number: string
  destination: string
  amount: string
  amounttax: string
  type: string
}
async function callshop(search = '', client = door.demo): Promise<Callshop[]> {
  const body = granted(await client.get(`/v2/?cdr-callshop${search}`))
  return Array.isArray(body) ? [] : (body as { cdrs: Callshop[] }).cdrs
}
async function rows(search = '', client = door.demo): Promise<Row[]> {
  const body = granted(await client.get(`/v2/?cdrs${search}`)) as
    { table: { tbody: { tr: { td: Row[] } } } } | undefined
  return body?.table.tbody.tr.td ?? []
}

/** In Berlin a quarter past twelve. */
const NOON = Date.UTC(2020, 2, 20, 11, 15)
const call = (at: number, ms = 1_000, more = {}) =>
  talk(door.ctx, door.account, door.card, { at, ms, ...more })

test.each(['card', 'callback', 'line'] as const)('the type of a call by %s', async (kind) => {
  await call(NOON, 1_000, { kind })
  expect((await rows())[0]!.type).toBe({ card: 'CALLTHROUGH', callback: 'CALLBACK', line: 'VOIP' }[kind])
})

test('a callback whose B has not answered is a record of the way to A, from when A answered', async () => {
  const { ctx, account, card } = door
  const [from, to] = ['+4930123456', '+49179123456']
  const wanted = { account, cardId: card.id, callId: ctx.newId(), kind: 'callback' as const, from, to }
  ctx.clock.ms = NOON
  const { id } = enforced(await openHold(ctx, { ...wanted, alsoPays: from }))
  await holdAlsoAnswered(ctx, id)
  const { chargedMicros } = (await closeHold(ctx, id, NOON + 7_000))!
  expect(chargedMicros).toBeGreaterThan(0)
  const [row] = await rows()
  expect(row).toMatchObject({ time: '00:00:07', number: '0049179123456', destination: 'Germany' })
  expect(Number(row!.amount) * 1e6).toBeCloseTo(chargedMicros, -4)
})

test('a caller who withheld the number is blank', async () => {
  await call(NOON, 1_000, { from: undefined })
  expect(await callshop()).toMatchObject([{ caller: '', callee: '0049179123456' }])
})

test('calls that were not answered, or are not over, are no records; what was given back costs nothing', async () => {
  const hold = await call(NOON, 10_000)
  expect(await callshop()).toMatchObject([{ amount: '0,0120', amounttax: '0,0120' }])
  await refundHold(door.ctx, door.account, hold.id, 'x')
  expect(await callshop()).toMatchObject([{ amount: '0,0000' }])
  expect(await rows()).toMatchObject([{ amount: '0.00' }])
})

describe('from and to', () => {
  const DAY_MS = 86_400_000
  // Midnight in Berlin, and the millisecond before.
  const MIDNIGHT = Date.UTC(2020, 2, 19, 23)
  beforeEach(async () => {
    for (const at of [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + DAY_MS - 1, MIDNIGHT + DAY_MS]) await call(at)
  })

  test.each([
    ['&from=2020-03-20&to=2020-03-20', ['2020-03-20 00:00:00', '2020-03-20 23:59:59']],
    ['&from=20.03.2020&to=20.03.2020', ['2020-03-20 00:00:00', '2020-03-20 23:59:59']],
    ['&from=2020-03-20&to=21.03.2020', ['2020-03-20 00:00:00', '2020-03-20 23:59:59', '2020-03-21 00:00:00']],
    ['&from=2020-03-21', ['2020-03-21 00:00:00']],
    ['&to=2020-03-19', ['2020-03-19 23:59:59']],
    ['&from=2020-03-22', []],
    ['', ['2020-03-19 23:59:59', '2020-03-20 00:00:00', '2020-03-20 23:59:59', '2020-03-21 00:00:00']],
  ])('%s: whole days of the time zone of the account, both counted', async (search, dates) => {
    expect((await rows(search)).map(({ datestart }) => datestart)).toEqual(dates)
    expect((await callshop(search)).map(({ data }) => data)).toEqual(dates.map((date) => `${date}.000`))
  })

  test.each([1, 2, 3, 4, 1_000])('show=%d: the newest, the oldest of them first', async (show) => {
    const all = await rows()
    expect(await rows(`&show=${show}`)).toEqual(all.slice(-show))
    expect(await callshop(`&show=${show}`)).toHaveLength(Math.min(show, 4))
  })
})

test('without any record cdr-callshop has an empty array as its body, and cdrs no body', async () => {
  const head = '{"error":false,"codes":[{"code":200,"description":"OK"}]'
  expect((await door.demo.get('/v2/?cdr-callshop')).text).toBe(`${head},"body":[]}`)
  expect((await door.demo.get('/v2/?cdrs')).text).toBe(`${head}}`)
})

test('a login of a card sees its calls; one of no card those of the whole account; neither those of another', async () => {
  const { ctx, account } = door
  const other = await addCard(ctx, account, { name: 'Doe, Jon' }, 5_000_000)
  const foreign = await cardAccount(ctx, 'foreign')
  await addLogin(ctx, foreign, 'foreign')
  await talk(ctx, foreign, await addCard(ctx, foreign, {}, 5_000_000), { at: NOON, ms: 1_000 })
  await call(NOON)
  await talk(ctx, account, other, { at: NOON + 60_000, ms: 1_000 })
  const names = async (client = door.demo) => (await rows('', client)).map(({ customername }) => customername)
  expect(await names()).toEqual(['Demo Kunde'])
  expect(await names(door.shop)).toEqual(['Demo Kunde', 'Doe, Jon'])
  expect(await names(clientOf(door, 'foreign'))).toEqual(['Demo Kunde'])
  expect([await callshop('', door.shop), await callshop()].map(({ length }) => length)).toEqual([2, 1])
  expect(granted(await door.shop.get('/v2/?cdrs'))).toMatchObject({
    ...{
      customernumber: '',
      accountnumber: '',
      username: 'shop',
      customercurrency: 'eur',
      customeraccountstate: '',
    },
  })
})

test('of any talk: times that fit each other, sums with four places and a comma, or two and a point', async () => {
  const lengths = fc.integer({ min: 0, max: 5_400_000 })
  const starts = fc.integer({ min: NOON, max: NOON + 6 * 3_600_000 })
  const { ctx, account } = door
  let users = 0
  const property = fc.asyncProperty(starts, lengths, async (at, ms) => {
    const card = await addCard(ctx, account, {}, 5_000_000)
    await addLogin(ctx, account, `user${++users}`, card.id)
    const client = clientOf(door, `user${users}`)
    const hold = await talk(ctx, account, card, { at, ms, to: '+41443643532' })
    const [[shop], [row]] = [await callshop('', client), await rows('', client)]
    if (!shop || !row) throw new Error('the call is not listed')
    const seconds = (text: string) => text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
    const clock = (date: string) => Date.parse(`${date.replace(' ', 'T')}Z`) / 1_000
    expect(clock(row.dateend) - clock(row.datestart)).toBe(seconds(row.time))
    expect(row.time).toMatch(/^\d{2}:[0-5]\d:[0-5]\d$/)
    expect(shop.duration).toBe(String(seconds(row.time)))
    expect(Math.abs(Number(shop.duration) - ms / 1_000)).toBeLessThan(1)
    expect(shop.billingduration).toBe(String(Math.max(Math.ceil(ms / 1_000), 1)))
    expect(shop.amount).toMatch(/^\d+,\d{4}$/)
    expect(row.amount).toMatch(/^\d+\.\d{2}$/)
    expect(Math.abs(Number(shop.amount.replace(',', '.')) * 1e6 - hold.chargedMicros)).toBeLessThanOrEqual(
      50.001,
    )
    expect(Math.abs(Number(row.amount) * 1e6 - hold.chargedMicros)).toBeLessThanOrEqual(5_000.001)
    expect([shop.amounttax, row.amounttax]).toEqual([shop.amount, row.amount])
  })
  const edges: [number, number][] = [
    [NOON, 0],
    [NOON, 999],
    [NOON + 1, 999],
    [NOON + 999, 1],
  ]
  await fc.assert(property, { numRuns: 100, examples: edges })
})

test('a login whose card is gone is for none', async () => {
  door.ctx.store.findCard = () => Promise.resolve(undefined)
  expectFault(await door.demo.get('/v2/?cdrs'), 1201, 'Account Not Connected To A Calling Card')
})
