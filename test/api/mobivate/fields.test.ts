import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  CAMPAIGN_ID,
  expectPrinted,
  expectState,
  type Fields,
  KEYWORD,
  md5,
  type Mobivate,
  MSISDN,
  openMobivate,
  SIGNATURE,
} from './client.ts'

let door: Mobivate
beforeEach(async () => {
  door = await openMobivate()
})
afterEach(() => door.close())

const FORM = 'application/x-www-form-urlencoded'
const ALL = { msisdn: MSISDN, signature: SIGNATURE, keyword: KEYWORD }

describe('msisdn', () => {
  test.each([MSISDN, `+${MSISDN}`])('%s is the same number, signed as it is sent', async (msisdn) => {
    expectState(await door.ask('initiate', { msisdn }), 200, 'pending_pin')
    expect((await door.kept()).subscription!.msisdn).toBe(`+${MSISDN}`)
  })

  test('a `+` that a form does not escape is one', async () => {
    const fields = `msisdn=+${MSISDN}&signature=${md5(`+${MSISDN}`)}&keyword=${KEYWORD}`
    expectState(await door.post('initiate', fields, { type: FORM }), 200, 'pending_pin')
  })

  const NOT_VALID: [string, unknown][] = [
    ...['', 'abc', '00254700000000', '0700000000', '254 700 000000', '+254-700-000000', '2547000000oo'],
    ...[
      '123456',
      '2547',
      '1234567890123456',
      '++254700000000',
      '254700000000+',
      '+',
      '２５４７００００００００',
    ],
    ...['999999999999', '254700000000;x=1', '${SHELL(id)}', '254700000000\u202e', "' or 1=1"],
  ].map((written) => [JSON.stringify(written), written])
  test.each<[string, unknown]>([
    ...NOT_VALID,
    ['1.5', 1.5],
    ['-254700000000', -254700000000],
    ['2.547e30', 2.547e30],
  ])('%s is none: 400, for every method', async (_what, msisdn) => {
    for (const method of ['initiate', 'validate_pin', 'unsubscribe', 'status'] as const)
      expectPrinted(await door.ask(method, { msisdn, pin: '12345' }), {
        ...{ status: 400, valid_msisdn: false, state: null, error: 'Invalid MSISDN' },
      })
  })

  test.each([undefined, null, [MSISDN], { a: 1 }, true])(
    '%j is none, and is signed as nothing',
    async (msisdn) => {
      const answer = await door.post('status', { msisdn, signature: md5('') })
      expectPrinted(answer, { status: 400, valid_msisdn: false, state: null, error: 'Invalid MSISDN' })
    },
  )

  const NOT_ALLOWED = 'MSISDN not allowed in this campaign'
  test.each([
    ['of a country that the campaign does not allow', '4915112345678'],
    ['at which whoever answers is paid', '254900223344'],
    ['of a satellite network', '881612345678'],
  ])('a number %s is sent no PIN: 400; it has none to name and nothing to leave', async (_what, msisdn) => {
    await allow('254', '881')
    expectPrinted(await door.ask('initiate', { msisdn }), {
      ...{ status: 400, valid_msisdn: false, state: null, error: NOT_ALLOWED },
    })
    expect(await door.ctx.store.sendings(CAMPAIGN_ID, 10)).toEqual([])
    expectState(await door.ask('validate_pin', { msisdn, pin: '12345' }), 440, null)
    expectState(await door.ask('unsubscribe', { msisdn }), 200, 'unsubscribed')
    expectState(await door.ask('status', { msisdn }), 200, 'nf')
  })

  test('a campaign that allows nothing sends nothing', async () => {
    await allow()
    expectPrinted(await door.ask('initiate'), {
      ...{ status: 400, valid_msisdn: false, state: null, error: NOT_ALLOWED },
    })
  })

  test('who was sent a PIN before the number was not allowed any more can name it, look, and leave', async () => {
    const pin = await door.pinOf()
    await allow()
    expectState(await door.ask('status'), 200, 'doi-onhold')
    expectState(await door.ask('validate_pin', { pin }), 200, 'subscribed')
    expectState(await door.ask('unsubscribe'), 200, 'unsubscribed')
    expect((await door.ask('initiate')).status).toBe(400)
  })
})

/** Lets the campaign send to these prefixes only. */
async function allow(...allowed: string[]): Promise<void> {
  await door.ctx.store.changeCampaign(door.account.id, CAMPAIGN_ID, (found) => ({
    save: { ...found!, allowed },
    result: undefined,
  }))
}

describe('keyword', () => {
  const setKeyword = (keyword: string | undefined) =>
    door.ctx.store.changeCampaign(door.account.id, CAMPAIGN_ID, (found) => ({
      save: { ...found!, keyword },
      result: undefined,
    }))

  test('"required except in the status method", nor in the table of unsubscribe', async () => {
    for (const method of ['initiate', 'validate_pin'] as const) {
      for (const keyword of [null, ''])
        expectPrinted(await door.ask(method, { keyword, pin: '12345' }), {
          ...{ status: 400, state: null, error: 'Missing keyword' },
        })
    }
    for (const [method, state] of [
      ['status', 'nf'],
      ['unsubscribe', 'unsubscribed'],
    ] as const)
      expectState(await door.ask(method, { keyword: null }), 200, state)
  })

  test.each(['test', 'TEST ', 'OTHER', 'x'.repeat(101)])(
    '%j is not that of the campaign: 400',
    async (keyword) => {
      for (const method of ['initiate', 'validate_pin', 'unsubscribe', 'status'] as const)
        expectPrinted(await door.ask(method, { keyword, pin: '12345' }), {
          ...{ status: 400, state: null, error: 'Invalid keyword' },
        })
      expect(await door.kept()).toEqual({})
    },
  )

  test('a campaign without one takes any, as long as there is one', async () => {
    await setKeyword(undefined)
    expectState(await door.ask('initiate', { keyword: 'whatever' }), 200, 'pending_pin')
    expect((await door.ask('initiate', { keyword: null })).status).toBe(400)
  })

  test('may be a number of JSON', async () => {
    await setKeyword('7')
    expectState(await door.ask('initiate', { keyword: 7 }), 200, 'pending_pin')
    expect((await door.ask('initiate', { keyword: ['7'] })).body.error).toBe('Missing keyword')
  })

  test('is looked at after the number and before the rest', async () => {
    const bad = { keyword: 'x', custom_data: 'x' }
    expect((await door.ask('initiate', { ...bad, msisdn: 'abc' })).body.error).toBe('Invalid MSISDN')
    expect((await door.ask('initiate', bad)).body.error).toBe('Invalid keyword')
  })
})

describe('pin', () => {
  test.each<[string, unknown, string]>([
    ['absent', undefined, 'pin is missing'],
    ['null', null, 'pin is missing'],
    ['empty', '', 'pin is missing'],
    ['a list', ['12345'], 'pin is not valid'],
    ['a fraction', 123.45, 'pin is not valid'],
    ['true', true, 'pin is not valid'],
    ['longer than any', '1'.repeat(101), 'pin is not valid'],
  ])('%s: 400, and costs no attempt', async (_what, pin, words) => {
    await door.pinOf()
    expectPrinted(await door.ask('validate_pin', { pin }), {
      ...{ status: 400, state: null, error: `Bad request: ${words}` },
    })
    expect((await door.kept()).subscription!.pin!.wrong).toBe(0)
  })

  test.each([
    (pin: string) => ` ${pin} `,
    (pin: string) => `${pin.slice(0, 2)} ${pin.slice(2)}`,
    (pin: string) => Number(pin),
  ])('is the right one with blanks, or as a number: %s', async (written) => {
    const pin = await door.pinOf()
    expectState(await door.ask('validate_pin', { pin: written(pin) }), 200, 'subscribed')
  })
})

describe('"Additional parameters/User Information"', () => {
  const WHO = {
    ...{ first_name: 'Wanjirũ', last_name: "O'Neill", email: 'w@example.org', dob: '1990-12-31' },
    ...{ ip: '192.0.2.17', handset: 'Nokia 3310', traffic_source: 'banner-7' },
  }

  test('all of it is kept with the subscription', async () => {
    await door.ask('initiate', { ...WHO, custom_data: '{"visit":17}' })
    const kept = { ...WHO, custom_data: '{"visit":17}' }
    expect((await door.kept()).subscription!.subscriber).toEqual(kept)
  })

  test('from a form too', async () => {
    const form = new URLSearchParams({ ...ALL, ...WHO }).toString()
    expectState(await door.post('initiate', form, { type: FORM }), 200, 'pending_pin')
    expect((await door.kept()).subscription!.subscriber).toEqual(WHO)
  })

  test('custom data may be an object, and is kept as JSON; names and dates may be numbers', async () => {
    const custom_data = { visit: 17, from: { page: 'a', tags: ['x', null, true] }, 'line\n': 'line\n' }
    await door.ask('initiate', { custom_data, traffic_source: 7, dob: 19901231 })
    expect((await door.kept()).subscription!.subscriber).toEqual({
      ...{ custom_data: JSON.stringify(custom_data), traffic_source: '7', dob: '19901231' },
    })
  })

  const json = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2))
  test.each<[string, Fields]>([
    ['of 1023 bytes', { custom_data: json(1_023) }],
    ['of 1023 bytes, as an object', { custom_data: { a: 'x'.repeat(1_023 - 8) } }],
    ['ip 0.0.0.0', { ip: '0.0.0.0' }],
    ['ip 255.255.255.255', { ip: '255.255.255.255' }],
  ])('%s is taken', async (_what, fields) => {
    expectState(await door.ask('initiate', fields), 200, 'pending_pin')
  })

  test.each<[string, Fields]>([
    ['of 1024 bytes', { custom_data: json(1_024) }],
    ['of 1024 bytes, as an object', { custom_data: { a: 'x'.repeat(1_024 - 8) } }],
    ['of 1024 bytes, fewer letters', { custom_data: JSON.stringify('é'.repeat(511)) }],
    ['that is no JSON', { custom_data: '{visit:17}' }],
    ['a list', { custom_data: [1] }],
    ...['::1', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', '1.2.3.'].map(
      (ip): [string, Fields] => [`ip ${ip}`, { ip }],
    ),
    ...['x', 'a b@c', '@', 'a@', 'a@b@c'].map((email): [string, Fields] => [`email ${email}`, { email }]),
    ['a name that is longer than any', { first_name: 'x'.repeat(256) }],
    ['a name that is a list', { last_name: ['x'] }],
  ])('%s is not: 400 names the field', async (_what, fields) => {
    const [name] = Object.keys(fields)
    expectPrinted(await door.ask('initiate', fields), {
      ...{ status: 400, state: null, error: `Bad request: ${name!} is not valid` },
    })
    expect(await door.kept()).toEqual({})
  })

  test('what a later request says takes the place of it', async () => {
    await door.ask('initiate', WHO)
    await door.ask('initiate', { first_name: 'Other' })
    expect((await door.kept()).subscription!.subscriber).toEqual({ first_name: 'Other' })
  })
})
