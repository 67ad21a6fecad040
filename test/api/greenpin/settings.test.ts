import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { testAccount, VN1 } from '../../support/context.ts'
import { type Door, expectRefusal, granted, openDoor, sample } from '../door.ts'

const SETTINGS = '/v1/tenants/acme/settings'
const ALL = '/v1/tenants/acme/greenpin'

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

type Settings = Record<string, unknown>
const put = (body: object) => door.as('put', SETTINGS).send(body)
const get = async () => (await granted(door.as('get', SETTINGS))) as unknown as Settings
const changed = async (body: object) => (await granted(put(body))) as unknown as Settings

/** Of a new account whose events all go to one receiver. */
const url = 'https://client.example/events'
const DEFAULTS = {
  country: 'IN',
  intl_num_sup: 'false',
  max_deallocation_time: '170d',
  timezone: 'IST',
  deletion_time: 0,
  greenpin_call_complete_event_endpoint: url,
  failed_verification_event_endpoint: url,
  verified_caller_event_endpoint: url,
  deallocation_callback_event_endpoint: url,
  aparty_pin_length: 4,
  bparty_pin_length: 4,
  common_pin_length: 4,
  aparty_pin_enabled: true,
  bparty_pin_enabled: false,
  common_pin_enabled: null,
  default_flow_id: 'masking',
  ring_strategy: 'in_turn',
  ring_time: '30s',
  max_talk_time: '3h',
  max_pin_attempts: 3,
  recording_enabled: false,
  recording_announcement: false,
  recording_retention: '30d',
}

const OTHERS = {
  country: 'GB',
  intl_num_sup: 'true',
  max_deallocation_time: '36h',
  timezone: 'Europe/London',
  deletion_time: 86_400,
  greenpin_call_complete_event_endpoint: `${url}/1`,
  failed_verification_event_endpoint: `${url}/2`,
  verified_caller_event_endpoint: `${url}/3`,
  deallocation_callback_event_endpoint: null,
  aparty_pin_length: 6,
  bparty_pin_length: 9,
  common_pin_length: null,
  aparty_pin_enabled: false,
  bparty_pin_enabled: false,
  common_pin_enabled: false,
  default_flow_id: 'masking',
  ring_strategy: 'all',
  ring_time: '5s',
  max_talk_time: '90m',
  max_pin_attempts: 10,
  recording_enabled: true,
  recording_announcement: true,
  recording_retention: '7d',
}

describe('settings', () => {
  test("GET: all of them in the standard envelope, with the vendor's names, types and defaults", async () => {
    const answer = await door.as('get', SETTINGS)
    expect(answer.status).toBe(200)
    const envelope = { success: true, status: 200, code: null, message: null, data: DEFAULTS }
    expect(answer.text).toBe(JSON.stringify(envelope))
  })

  test('PUT: what it answers is what GET shows from then on, and a GET can be PUT back', async () => {
    expect(await changed(OTHERS)).toEqual(OTHERS)
    expect(await get()).toEqual(OTHERS)
    expect(await changed(OTHERS)).toEqual(OTHERS)
    expect(await changed(DEFAULTS)).toEqual(DEFAULTS)
    const answer = await put({})
    expect(answer.body).toMatchObject({
      request_id: answer.headers['x-request-id'] as unknown,
      method: 'PUT',
    })
  })

  test.each(Object.keys(DEFAULTS))('%s alone: the rest stays', async (name) => {
    const value = OTHERS[name as keyof typeof OTHERS]
    // These two are said of both sides, and null is no news.
    const common = name.startsWith('common_') || name.endsWith('_pin_length') || name.endsWith('_pin_enabled')
    const expected = { ...DEFAULTS, [name]: value }
    const settings = await changed({ [name]: value })
    if (!common) expect(settings).toEqual(expected)
    else if (value !== null) expect(settings[name]).toBe(value)
  })

  test('what is absent or null stays, and so do unknown keys: away', async () => {
    await changed(OTHERS)
    const nulls = Object.keys(OTHERS).filter((name) => !name.endsWith('_endpoint'))
    expect(await changed(Object.fromEntries(nulls.map((name) => [name, null])))).toEqual(OTHERS)
    expect(await changed({ sticky_agent_enabled: true, sms_config: {} })).toEqual(OTHERS)
  })

  test("both sides at once: a side's own wins", async () => {
    expect(await changed({ common_pin_length: '7', common_pin_enabled: 'true' })).toMatchObject({
      aparty_pin_length: 7,
      bparty_pin_length: 7,
      common_pin_length: 7,
      bparty_pin_enabled: true,
      common_pin_enabled: true,
    })
    for (const side of ['a', 'b']) {
      const own = { [`${side}party_pin_length`]: 5, [`${side}party_pin_enabled`]: false }
      const common = { common_pin_length: 3, common_pin_enabled: true }
      const none = { common_pin_length: null, common_pin_enabled: null }
      const others = {
        aparty_pin_length: 3,
        bparty_pin_length: 3,
        aparty_pin_enabled: true,
        bparty_pin_enabled: true,
      }
      expect(await changed({ ...own, ...common })).toMatchObject({ ...others, ...own, ...none })
    }
  })

  test('numbers and yes or no in the other of the two ways in which the vendor writes them', async () => {
    const body = { intl_num_sup: true, deletion_time: '60', max_pin_attempts: '5', recording_enabled: 'true' }
    expect(await changed({ ...body, aparty_pin_length: '6', aparty_pin_enabled: 'false' })).toMatchObject({
      intl_num_sup: 'true',
      deletion_time: 60,
      max_pin_attempts: 5,
      recording_enabled: true,
      aparty_pin_length: 6,
      aparty_pin_enabled: false,
    })
  })

  test('time zones: IST and UTC, and every IANA name', async () => {
    for (const [sent, shown] of [
      ['UTC', 'UTC'],
      ['IST', 'IST'],
      ['America/New_York', 'America/New_York'],
      ['Asia/Kolkata', 'IST'],
    ]) {
      expect((await changed({ timezone: sent }))['timezone']).toBe(shown)
    }
    await changed({ timezone: 'IST' })
    expect(await door.ctx.store.accounts()).toMatchObject([{ settings: { timeZone: 'Asia/Kolkata' } }])
  })

  test('receivers: the name of GreenVN too, and null or "" takes one away', async () => {
    const [name, alias] = ['greenpin_call_complete_event_endpoint', 'greencall_complete_event_endpoint']
    expect((await changed({ [alias]: `${url}/vn` }))[name]).toBe(`${url}/vn`)
    expect((await changed({ [alias]: `${url}/vn`, [name]: `${url}/pin` }))[name]).toBe(`${url}/pin`)
    expect((await changed({ [alias]: `${url}/vn`, [name]: null }))[name]).toBeNull()
    await changed({ [name]: url })
    expect(await changed({ [alias]: '', verified_caller_event_endpoint: null })).toEqual({
      ...DEFAULTS,
      [name]: null,
      verified_caller_event_endpoint: null,
    })
  })
})

describe('code 5 with the name of the parameter, and nothing is changed', () => {
  const WRONG: [string, unknown[]][] = [
    ['country', [1, ['IN'], true]],
    ['intl_num_sup', ['yes', 1, 'TRUE']],
    ['max_deallocation_time', ['171d', '0s', '-2', -2, 60, '1w', '']],
    ['timezone', ['Mars/Olympus', '', '+05:30', 5, 'x'.repeat(99)]],
    ['deletion_time', [-1, 86_401, '86401', 1.5, '1m', '']],
    ['aparty_pin_length', [0, 10, '10', 1.5, true]],
    ['bparty_pin_length', [0, 'four']],
    ['common_pin_length', [0, [4]]],
    ['aparty_pin_enabled', [1, 'on']],
    ['common_pin_enabled', ['yes', {}]],
    ['default_flow_id', [true, ['masking']]],
    ['ring_strategy', ['one', 1]],
    ['ring_time', ['4s', '121s', 30, '30']],
    ['max_talk_time', ['25h', '0s', 3_600]],
    ['max_pin_attempts', [0, 11, '11', 2.5]],
    ['recording_enabled', ['1', 0]],
    ['recording_announcement', [null, 'x'].slice(1)],
    ['recording_retention', ['3651d', '']],
    ['greenpin_call_complete_event_endpoint', [1, 'x', 'ftp://client.example/', 'x'.repeat(3_000)]],
    ['failed_verification_event_endpoint', ['http://client.example/', 'https://127.0.0.1/']],
    ['verified_caller_event_endpoint', ['https://169.254.169.254/latest', 'https://[::1]/']],
    [
      'deallocation_callback_event_endpoint',
      ['https://user:word@client.example/', 'https://client.example:22/'],
    ],
  ]
  test.each(WRONG)('%s', async (name, values) => {
    for (const value of values) {
      await expectRefusal(put({ max_pin_attempts: 9, [name]: value }), 400, 5, `^Bad or missing .*: ${name}$`)
    }
    expect(await get()).toEqual(DEFAULTS)
  })
})

describe('what the settings say holds for the next request', () => {
  test('PINs, time zone, longest life and numbers of other countries', async () => {
    await changed({
      common_pin_length: 9,
      common_pin_enabled: true,
      timezone: 'UTC',
      max_deallocation_time: '60s',
    })
    await changed({ intl_num_sup: 'true' })
    const body = sample({ a: { numbers: ['+442079460000'], vns: [VN1] } })
    const { a, b, deallocation_time } = await granted(door.as('post', ALL).send(body))
    expect([a.pin, b.pin]).toEqual([expect.stringMatching(/^\d{9}$/), expect.stringMatching(/^\d{9}$/)])
    expect(deallocation_time).toBe('2020-03-27 06:28:09')
    await changed({ max_deallocation_time: -1 })
    expect((await get())['max_deallocation_time']).toBe('-1')
    const endless = await granted(door.as('post', ALL).send({ ...body, transaction_id: 'endless' }))
    expect(endless).not.toHaveProperty('deallocation_time')
  })

  test('and for no other account', async () => {
    await testAccount(door.ctx, { sid: 'other', vns: [] })
    await changed(OTHERS)
    const theirs = await granted(door.as('get', '/v1/tenants/other/settings', 'other'))
    expect(theirs).toEqual(DEFAULTS)
    await expectRefusal(door.as('put', SETTINGS, 'other').send(DEFAULTS), 403, 8, '')
    await expectRefusal(door.as('get', SETTINGS, 'other'), 403, 8, '')
    expect(await get()).toEqual(OTHERS)
  })
})
