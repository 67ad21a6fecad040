import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { addGroup } from '../../../src/engine/card-admin.ts'
import { newCard } from '../../../src/engine/create-cards.ts'
import { until } from '../../support/until.ts'
import { type Answer, cardsIn, hashFor, type Mor, NONE, openMor, type Parameters } from './client.ts'

/** Cards that are read at once. */
const PAGE = 500

let mor: Mor
beforeEach(async () => {
  mor = await openMor()
})
afterEach(() => mor.door.close())

const ask = (parameters: Parameters) => mor.ask('calling_cards_get', parameters)
const numbersIn = (answer: Answer) =>
  answer.text === NONE ? [] : cardsIn(answer).map(({ card_number: number }) => number?.slice(-2))
const numbers = async (parameters: Parameters) => numbersIn(await ask(parameters))

describe('each parameter', () => {
  beforeEach(async () => {
    const { ctx, account } = mor.door
    for (const name of ['One', 'Two']) await ctx.store.addDistributor({ accountId: account.id, name })
    await mor.card(
      '1000000001',
      { ...{ name: 'test_card', pin: '0668', batch: '5', cli: '+917987686144' } },
      10_084_033,
    )
    await mor.card(
      '1000000002',
      { name: 'testXcard', pin: '2668', batch: '05', language: 'lt', sold: true },
      20_000_000,
    )
    await mor.card(
      '1000000003',
      { name: '100%', pin: '2669', batch: 'b 5', cli: '3', distributorId: 2 },
      30_000_000,
    )
    await mor.card('1000000004', { name: 'Gold', pin: '0669', distributorId: 1, sold: true })
  })

  test.each<[Parameters, string[]]>([
    [{}, ['01', '02', '03', '04']],
    [{ number: '1000000002' }, ['02']],
    [{ number: '1' }, []],
    [{ number: '1%' }, ['01', '02', '03', '04']],
    [{ number: '%2' }, ['02']],
    [{ number: '100000000_' }, ['01', '02', '03', '04']],
    [{ number: '_1' }, []],
    [{ name: 'test_card' }, ['01', '02']],
    [{ name: 'TEST%' }, ['01', '02']],
    [{ name: 'test' }, []],
    [{ name: '%\\%' }, []],
    [{ name: '100%' }, ['03']],
    [{ name: 'G__d' }, ['04']],
    [{ pin: '0668' }, ['01']],
    [{ pin: '668' }, []],
    [{ pin: '266_' }, ['02', '03']],
    [{ batch_number: '5' }, ['01']],
    [{ batch_number: '%5' }, ['01', '02', '03']],
    [{ min_balance: '10.084033' }, ['01', '02', '03']],
    [{ min_balance: '10.0840330000001' }, ['02', '03']],
    [{ min_balance: '10,084034' }, ['02', '03']],
    [{ max_balance: '10.0840336134454' }, ['01', '04']],
    [{ max_balance: '10.0840329999' }, ['04']],
    [{ max_balance: '0' }, ['04']],
    [{ min_balance: '10', max_balance: '20' }, ['01', '02']],
    [{ min_balance: '20', max_balance: '10' }, []],
    [{ min_balance: '-1', max_balance: '-0.5' }, []],
    [{ min_balance: '-1' }, ['01', '02', '03', '04']],
    [{ max_balance: '-0,000001' }, []],
    [{ min_balance: '-0.0000001', max_balance: '+0' }, ['04']],
    [{ min_balance: '999999999999' }, []],
    [{ callerid: '3' }, ['03']],
    [{ callerid: '+917987686144' }, ['01']],
    [{ callerid: '7987686144' }, ['01']],
    [{ callerid: '07987686144' }, ['01']],
    [{ callerid: ' 917987686144' }, ['01']],
    [{ callerid: '%7686144' }, ['01']],
    [{ callerid: '%' }, ['01', '03']],
    [{ language: 'en' }, ['01', '03', '04']],
    [{ language: 'lt' }, ['02']],
    [{ language: 'l%' }, []],
    [{ sold: 'yes' }, ['02', '04']],
    [{ sold: 'no' }, ['01', '03']],
    [{ sold: '1' }, ['02', '04']],
    [{ sold: '0' }, ['01', '03']],
    [{ sold: 'No' }, ['01', '03']],
    [{ distributor: '2' }, ['03']],
    [{ distributor: '1', sold: 'yes', name: 'gold', pin: '%9', max_balance: '1' }, ['04']],
    // "Extension": neither is MOR's.
    [{ limit: '2' }, ['01', '02']],
    [{ limit: '2', offset: '1' }, ['02', '03']],
    [{ offset: '3' }, ['04']],
    [{ offset: '4' }, []],
    [{ limit: '0' }, []],
    [{ limit: '999999999999999', offset: '2' }, ['03', '04']],
    [{ limit: '1', offset: '1', sold: 'no' }, ['03']],
    // What is empty asks for nothing.
    [
      { number: '', name: ' ', pin: '', min_balance: '', sold: '', distributor: '', limit: '' },
      ['01', '02', '03', '04'],
    ],
    // And what MOR does not know neither.
    [{ test: '1', p: 'x', card_id: '2' }, ['01', '02', '03', '04']],
  ])('%j finds %j', async (parameters, found) => {
    expect(await numbers(parameters)).toEqual(found)
  })

  test.each<Parameters>([
    ...['x', '1e3', '--1', '1.000,50', '1.', 'NaN', 'Infinity', '0x10', '１'].flatMap((value) => [
      { min_balance: value },
      { max_balance: value },
    ]),
    ...['maybe', 'All', '2', '-1', 'constructor'].map((sold) => ({ sold })),
    ...['x', '-1', '1.5', "1'", '9'.repeat(30), '0x1'].flatMap((value) => [
      { distributor: value },
      { limit: value },
      { offset: value },
    ]),
    { language: 'english' },
    { name: 'x'.repeat(1_001) },
    { name: '%'.repeat(1_001) },
    { number: "' or 1=1 --" },
    { pin: '７' },
  ])('%j is no error, and finds nothing', async (parameters) => {
    const answer = await ask(parameters)
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: NONE })
  })

  test('a text that is too long for any comparison, in JSON', async () => {
    const body = JSON.stringify({
      u: 'admin',
      hash: hashFor('calling_cards_get', {}),
      name: '%a'.repeat(25_000),
    })
    const init = { body, headers: { 'Content-Type': 'application/json' } }
    expect((await mor.send('/api/calling_cards_get', init)).text).toBe(NONE)
  })
})

describe('a card that is found', () => {
  test('has its times in the time zone of the account, with what the zone is from UTC at that time', async () => {
    const { ctx, account } = mor.door
    const [winter, summer] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 6, 1, 12, 30, 59, 999)]
    await mor.card('1000000001', { firstUsedAt: summer, dailyChargePaidTill: winter })
    const zones: Record<string, [string, string]> = {
      'Asia/Kolkata': ['2026-07-01 18:00:59 +0530', '2026-01-01 05:30:00 +0530'],
      'Europe/London': ['2026-07-01 13:30:59 +0100', '2026-01-01 00:00:00 +0000'],
      'America/New_York': ['2026-07-01 08:30:59 -0400', '2025-12-31 19:00:00 -0500'],
      'Pacific/Marquesas': ['2026-07-01 03:00:59 -0930', '2025-12-31 14:30:00 -0930'],
      'Asia/Kathmandu': ['2026-07-01 18:15:59 +0545', '2026-01-01 05:45:00 +0545'],
    }
    for (const [timeZone, [firstUse, paidTill]] of Object.entries(zones)) {
      await ctx.store.changeAccount(account.id, (found) => {
        return { save: { ...found!, settings: { ...found!.settings, timeZone } }, result: undefined }
      })
      expect(cardsIn(await ask({}))).toMatchObject([
        { card_first_use: firstUse, card_daily_charge_paid_till: paidTill },
      ])
    }
  })

  test('has money to the last micro-unit, and one decimal at the least', async () => {
    const sums: [number, string][] = [
      [0, '0.0'],
      [1, '0.000001'],
      [100_000, '0.1'],
      [20_000_000, '20.0'],
      [1_234_567_890, '1234.56789'],
      [1_000_000_000_000, '1000000.0'],
    ]
    for (const [i, [micros]] of sums.entries())
      await mor.card(`100000000${i}`, { minimalBalanceMicros: micros }, micros)
    expect(
      cardsIn(await ask({})).map((card) => [card['card_balance'], card['card_minimal_balance']]),
    ).toEqual(sums.map(([, text]) => [text, text]))
  })

  test('keeps the leading zeros of its number and PIN', async () => {
    await mor.card('0000000001', { pin: '0070' })
    expect(cardsIn(await ask({ number: '0000000001', pin: '0070' }))).toMatchObject([
      { card_number: '0000000001', card_pin: '0070' },
    ])
    expect((await ask({ number: '1' })).text).toBe(NONE)
  })

  test('is there when it is blocked or given up, too', async () => {
    await mor.card('1000000001', { blocked: true })
    await mor.card('1000000002', { disabled: true })
    expect(await numbers({})).toEqual(['01', '02'])
  })

  test('stands with all others in one <cards>, by group and then by number', async () => {
    const { ctx, account } = mor.door
    const second = await addGroup(ctx, account, { name: 'second', numberLength: 4, pinLength: 4 })
    await mor.card('0001', {}, 0, second)
    await mor.card('1000000002')
    await mor.card('1000000001')
    const answer = await ask({})
    expect(answer.text.match(/<cards>/g)).toHaveLength(1)
    expect(cardsIn(answer).map((card) => card['card_number'])).toEqual(['1000000001', '1000000002', '0001'])
  })
})

/** Cards as they are in the store, a thousand at a time. */
async function fill(count: number): Promise<void> {
  const { ctx, account } = mor.door
  const group = await addGroup(ctx, account, { name: 'many', numberLength: 10, pinLength: 6 })
  const query = { accountId: account.id, groupId: group.id, numbers: [], pins: [], clis: [] }
  for (let done = 0; done < count; done += 1_000) {
    const save = Array.from({ length: Math.min(1_000, count - done) }, (_, i) => {
      const pin = String(done + i).padStart(6, '0')
      return newCard(group, { number: `2000${pin}`, pin, name: 'one of many cards' }, 0, ctx.now())
    })
    await ctx.store.addCards(query, () => ({ save, result: undefined }))
  }
}

/** What is asked of the store, and how much comes. */
function countReads() {
  const count = { pages: 0, largest: 0 }
  const real = { ...mor.door.ctx.store }
  mor.door.ctx.store.cardsMatching = async (...query) => {
    const cards = await real.cardsMatching(...query)
    count.pages++
    count.largest = Math.max(count.largest, cards.length)
    return cards
  }
  return count
}

async function unread(): Promise<IncomingMessage> {
  const query = new URLSearchParams({ u: 'admin', hash: hashFor('calling_cards_get', {}) }).toString()
  const sent = httpRequest(`${mor.door.url}/api/calling_cards_get?${query}`, { method: 'POST' }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return response
}

describe('a large answer', () => {
  test.each([1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])('of %d cards has each of them once', async (count) => {
    await fill(count)
    const found = cardsIn(await ask({})).map((card) => card['card_pin'])
    expect(found).toEqual(Array.from({ length: count }, (_, i) => String(i).padStart(6, '0')))
    const some = cardsIn(await ask({ offset: String(count - 1) })).map((card) => card['card_pin'])
    expect(some).toEqual([String(count - 1).padStart(6, '0')])
    expect((await ask({ offset: String(count) })).text).toBe(NONE)
  })

  test('limits and offsets go over pages', async () => {
    await fill(3 * PAGE)
    const reads = countReads()
    const parameters = { limit: String(PAGE), offset: String(PAGE + 1) }
    const found = cardsIn(await ask(parameters)).map((card) => Number(card['card_pin']))
    expect(found).toEqual(Array.from({ length: PAGE }, (_, i) => PAGE + 1 + i))
    expect(reads).toEqual({ pages: 3, largest: PAGE })
  })

  test('of 100,000 cards is read page by page, no faster than its client takes it', async () => {
    await fill(100_000)
    const reads = countReads()
    const response = await unread()
    let [seen, quiet] = [0, 0]
    // What the sockets take without being read is full at some time.
    await until(() => {
      quiet = reads.pages === seen ? quiet + 1 : 0
      seen = reads.pages
      expect(quiet).toBeGreaterThan(5)
    })
    expect(reads.pages).toBeLessThan(100)
    let cards = 0
    let rest = ''
    for await (const chunk of response) {
      const text = rest + String(chunk)
      const parts = text.split('</card>')
      cards += parts.length - 1
      rest = parts.at(-1)!
    }
    expect({ cards, rest }).toEqual({ cards: 100_000, rest: '\n  </cards>\n</page>\n' })
    // Nothing tells that the last full page is the last one.
    expect(reads).toEqual({ pages: 100_000 / PAGE + 1, largest: PAGE })
  }, 60_000)

  test('ends when its client leaves, and is no fault', async () => {
    await fill(50_000)
    const reads = countReads()
    const response = await unread()
    response.destroy()
    const log = () => mor.door.lines.join('')
    await until(() => expect(log()).toContain('request broken off'))
    expect(reads.pages).toBeLessThan(100)
    expect(log()).not.toContain('request failed')
  }, 30_000)

  test('that fails at once is an error that says so, and one that fails later is broken off', async () => {
    await fill(2 * PAGE)
    const { store } = mor.door.ctx
    const real = { ...store }
    store.cardsMatching = () => Promise.reject(new Error('no disk'))
    const { status, text, headers } = await ask({})
    expect({ status, text }).toEqual({
      status: 200,
      text: '<?xml version="1.0" encoding="UTF-8"?>\n<status>\n  <error>Internal error</error>\n</status>\n',
    })
    expect(headers.get('content-type')).toBe('text/xml; charset=utf-8')
    store.cardsMatching = (account, filter, after, limit) =>
      after ? Promise.reject(new Error('no disk')) : real.cardsMatching(account, filter, after, limit)
    await expect((async () => (await unread()).toArray())()).rejects.toThrow('aborted')
    await until(() => expect(mor.door.lines.join('').match(/no disk/g)?.length).toBeGreaterThanOrEqual(2))
  })
})
