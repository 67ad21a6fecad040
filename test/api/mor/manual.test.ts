import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { hashOf, isSigned } from '../../../src/api/dialects/mor/hash.ts'
import type { Card } from '../../../src/engine/cards.ts'
import { cardsIn, errorXml, hashFor, type Mor, openMor } from './client.ts'

let mor: Mor
beforeEach(async () => {
  mor = await openMor()
})
afterEach(() => mor.door.close())

const sentFrom = (parameters: Record<string, string>) => new Map(Object.entries(parameters))

describe('the hash: "SHA1 hash constructed using the parameters"', () => {
  const range = { card_group_id: '1', cards_from: '1000000025', cards_till: '1000000035' }
  const GOLDEN = [
    ['calling_cards_get', {}, 'secret', 'e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4'],
    [
      'calling_cards_get',
      { number: '1111111119', sold: '0' },
      'secret',
      'e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4',
    ],
    ['calling_cards_create', range, 'secret', '7e112ededcfee097cce21b6201c6d2a00dda1f4c'],
    ['calling_card_update', { card_id: '1' }, 'secret', 'bc2f114099d16656d37e45fd9e8744cb9386d462'],
    ['calling_card_update', { card_id: "'1" }, 'secret', '29cc8be07abc43c8e7e62394f8297d12be03b7df'],
    ['calling_card_update', { card_id: '22' }, 'secret', '215b5f23b2258f7fed84c02c8f291671b8f00c83'],
    // The same rule for methods of MOR that are not served here, whose only value is hashed like this one.
    ['calling_card_update', { card_id: '62' }, '456789', '37086d860581fabc278413cd1a417d5c079f6eba'],
    ['calling_card_update', { card_id: '6' }, '456789', '67df827dec80a7241fb3fc4de22a90e62c5e8d93'],
    [
      'calling_card_update',
      { card_id: '1231252454580answered' },
      'Very Sercet Key',
      'b93c35d5c6183288322122561a3da7e09abb63b7',
    ],
    ['card_balance_get', { number: '1111111000' }, 'secretkey', '0d43cbd508a63230032ef593089833543ea297ea'],
  ] as const
  test.each(GOLDEN)('%s %j with key %s', (method, parameters, key, hash) => {
    expect(hashOf(method, sentFrom(parameters), key)).toBe(hash)
    expect(isSigned(method, sentFrom({ ...parameters, hash }), key)).toBe(true)
    // The tests' own client signs the same way.
    expect(hashFor(method, parameters, key)).toBe(hash)
  })

  test('"a Username and a Password are not included into hash"', () => {
    expect(
      hashOf('calling_card_update', sentFrom({ u: 'admin', p: 'admin', card_id: '1', name: 'x' }), 'secret'),
    ).toBe('bc2f114099d16656d37e45fd9e8744cb9386d462')
  })

  test.each([
    ['none', undefined],
    ['an empty one', ''],
    ['capital letters', 'E5E9FA1BA31ECD1AE84F75CAAA474F3A663F05F4'],
    ['a sign more', 'e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4 '],
    ['a sign less', 'e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f'],
    ['another letter', 'e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f5'],
    ['as many signs, and more bytes', 'é5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4'],
  ])('%s is wrong', (_what, hash) => {
    const sent: Record<string, string> = hash === undefined ? {} : { hash }
    expect(isSigned('calling_cards_get', sentFrom(sent), 'secret')).toBe(false)
  })

  test('counts what was sent, as it was sent: leading zeros, spaces and letters too', async () => {
    const sign = (parameters: Record<string, string>) => mor.ask('card_balance_get', parameters)
    for (const number of ['0000000001', ' 1', 'ÄÖ', '1 '])
      expect((await sign({ number })).text).toBe(errorXml('Calling Card was not found'))
  })
})

/** The card of the manual's answer. */
async function sampleCard(): Promise<Card> {
  const { ctx, account } = mor.door
  for (const name of ['Nobody', 'Test User #1'])
    await ctx.store.addDistributor({ accountId: account.id, name })
  const settings = { ...account.settings, timeZone: 'Europe/Vilnius' }
  await ctx.store.changeAccount(account.id, () => ({
    save: { ...account, settings },
    result: undefined,
  }))
  // So that it is the 26th.
  for (let i = 1; i < 26; i++)
    await mor.card(`22222222${String(i).padStart(2, '0')}`, { pin: String(3_000 + i) })
  return mor.card(
    '1111111119',
    {
      ...{ name: 'test_card', pin: '2668', batch: '5', cli: '3', minimalBalanceMicros: 20_000_000 },
      ...{ language: 'en', sold: false, distributorId: 2, dailyChargePaidTill: Date.UTC(2015, 10, 5) },
    },
    10_084_033,
  )
}

const REQUEST =
  '/billing/api/calling_cards_get?u=admin&number=1111111119&name=test_card&pin=2668&min_balance=10&max_balance=50&language=en&callerid=3&sold=0&distributor=2&hash=e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4'

const SUCCESS = `<?xml version="1.0" encoding="UTF-8"?>
<page>
  <cards>
    <card>
      <card_id>26</card_id>
      <card_number>1111111119</card_number>
      <card_name>test_card</card_name>
      <card_pin>2668</card_pin>
      <card_batch_number>5</card_batch_number>
      <card_callerid>3</card_callerid>
      <card_balance>10.084033</card_balance>
      <card_minimal_balance>20.0</card_minimal_balance>
      <card_first_use/>
      <card_daily_charge_paid_till>2015-11-05 02:00:00 +0200</card_daily_charge_paid_till>
      <card_sold>0</card_sold>
      <card_language>en</card_language>
      <card_distributor>Test User #1</card_distributor>
    </card>
  </cards>
</page>
`

describe('"Request" and "Returns"', () => {
  test('the request as it is printed has the answer as it is printed, but for digits of money that we do not have', async () => {
    await sampleCard()
    const { status, text, headers } = await mor.send(REQUEST)
    expect({ status, text }).toEqual({ status: 200, text: SUCCESS })
    expect(headers.get('content-type')).toBe('text/xml; charset=utf-8')
  })

  test('field by field', async () => {
    await sampleCard()
    expect(cardsIn(await mor.send(REQUEST))).toEqual([
      {
        ...{ card_id: '26', card_number: '1111111119', card_name: 'test_card', card_pin: '2668' },
        ...{ card_batch_number: '5', card_callerid: '3', card_balance: '10.084033' },
        ...{ card_minimal_balance: '20.0', card_first_use: '' },
        ...{ card_daily_charge_paid_till: '2015-11-05 02:00:00 +0200', card_sold: '0' },
        ...{ card_language: 'en', card_distributor: 'Test User #1' },
      },
    ])
  })

  test('"Call: /api/calling_cards_get": below /api it is the same', async () => {
    await sampleCard()
    expect((await mor.send(REQUEST.replace('/billing', ''))).text).toBe(SUCCESS)
  })

  test('each of its parameters counts', async () => {
    await sampleCard()
    const query = new URLSearchParams(REQUEST.split('?')[1])
    const other: Record<string, string> = {
      ...{
        number: '1111111118',
        name: 'test_cards',
        pin: '2669',
        min_balance: '10.084034',
        max_balance: '10.084032',
      },
      ...{ language: 'lt', callerid: '4', sold: '1', distributor: '1', batch_number: '6' },
    }
    for (const [name, value] of Object.entries(other)) {
      const changed = new URLSearchParams(query)
      changed.set(name, value)
      const { text } = await mor.send(`/billing/api/calling_cards_get?${changed.toString()}`)
      expect({ name, text }).toEqual({ name, text: errorXml('Cards were not found') })
    }
  })

  test('"Example" of an error', async () => {
    const { text } = await mor.ask('calling_cards_create', {
      ...{ card_group_id: String(mor.group.id), cards_from: '1000000035', cards_till: '1000000025' },
    })
    expect(text).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<page>
  <status>
    <error>Cards from must not be greater than Cards till</error>
  </status>
</page>
`)
  })
})

describe('"Methods: POST, GET(if allowed, not recomended)": parameters come', () => {
  const parameters = { u: 'admin', number: '1111111119', hash: 'e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4' }
  const path = '/billing/api/calling_cards_get'
  const json = (body: unknown) => ({
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  })

  beforeEach(async () => {
    await sampleCard()
  })

  test('in a form', async () => {
    expect((await mor.send(path, { body: new URLSearchParams(parameters) })).text).toBe(SUCCESS)
  })

  test('as JSON, as the Laravel client sends them, with a password that says nothing', async () => {
    expect((await mor.send(path, json({ ...parameters, p: 'admin' }))).text).toBe(SUCCESS)
  })

  test('as JSON with numbers and nulls', async () => {
    const sent = {
      ...parameters,
      number: 1111111119,
      min_balance: 10.084033,
      sold: false,
      distributor: 2,
      name: null,
    }
    expect((await mor.send(path, json(sent))).text).toBe(SUCCESS)
  })

  test('partly in the query and partly in the body', async () => {
    const { u, ...rest } = parameters
    expect((await mor.send(`${path}?u=${u}`, { body: new URLSearchParams(rest) })).text).toBe(SUCCESS)
    expect((await mor.send(`${path}?u=${u}`, json(rest))).text).toBe(SUCCESS)
  })

  test('as JSON that is declared and empty, with all in the query', async () => {
    const headers = { 'Content-Type': 'application/json' }
    expect((await mor.send(REQUEST, { headers })).text).toBe(SUCCESS)
  })

  test('by GET, once the account allows it', async () => {
    const get = () => mor.send(REQUEST, { method: 'GET' })
    expect((await get()).text).toBe(errorXml('GET Requests are disabled', { bare: true }))
    await mor.allow({ get: true })
    expect((await get()).text).toBe(SUCCESS)
  })

  test('by no other method: HEAD would be GET, and here GET can change cards', async () => {
    for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      expect({ method, status: (await mor.send(REQUEST, { method })).status }).toEqual({
        method,
        status: 404,
      })
  })

  test('and methods that MOR has and we do not are plain 404, as is all else below its paths', async () => {
    for (const method of ['users_get', 'card_payment_add', 'calling_cards_get/x', '', 'calling_cards_gets'])
      for (const base of ['/billing/api', '/api'])
        expect(
          (await mor.send(REQUEST.replace('/billing/api/calling_cards_get', `${base}/${method}`))).status,
        ).toBe(404)
  })
})
