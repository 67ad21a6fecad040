import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  CAMPAIGN_ID,
  expectPrinted,
  expectState,
  KEYWORD,
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

describe('a body', () => {
  test.each([
    ['JSON that says so', JSON.stringify(ALL), 'application/json'],
    ['with a charset', JSON.stringify(ALL), 'application/json; charset=utf-8'],
    ['JSON that says it is a form, as curl -d sends it', JSON.stringify(ALL), FORM],
    ['with blanks before it', `\n  ${JSON.stringify(ALL)}`, FORM],
    ['a form', new URLSearchParams(ALL).toString(), FORM],
    ['the number as one', JSON.stringify({ ...ALL, msisdn: Number(MSISDN) }), 'application/json'],
    [
      'fields that nobody knows',
      JSON.stringify({ ...ALL, x: 1, y: { z: [] }, Msisdn: 'x' }),
      'application/json',
    ],
    ['pin, which the vendor lists', JSON.stringify({ ...ALL, pin: '12345' }), 'application/json'],
    ['pin, whatever it is', JSON.stringify({ ...ALL, pin: [{}] }), 'application/json'],
    ['null and empty where it is as good as absent', JSON.stringify({ ...ALL, email: null, ip: '' }), FORM],
  ])('%s is understood', async (_what, body, type) => {
    expectState(await door.post('initiate', body, { type }), 200, 'pending_pin')
    expect((await door.kept()).subscription!.subscriber).toEqual({})
  })

  test('a PIN is understood as text and as a number', async () => {
    const asText = await door.pinOf()
    expectState(await door.ask('validate_pin', { pin: asText }), 200, 'subscribed')
    await door.ask('unsubscribe')
    const asNumber = Number(await door.pinOf())
    expectState(await door.ask('validate_pin', { pin: asNumber }), 200, 'subscribed')
  })

  const BAD = 'Bad request: '
  test.each([
    ['no JSON', '{', 'application/json', 'the body is not JSON'],
    ['a list', '[]', 'application/json', 'the body must be a JSON object'],
    ['text', '"x"', 'application/json', 'the body must be a JSON object'],
    [
      'two fields of one name',
      `{"msisdn":"1","msisdn":"${MSISDN}"}`,
      'application/json',
      'a parameter of the body comes twice',
    ],
    [
      'two of one name, further in',
      '{"custom_data":{"a":1,"a":2}}',
      'application/json',
      'a parameter of the body comes twice',
    ],
    [
      'two of one name, one escaped',
      '{"custom_data":[{"a":1,"\\u0061":2}]}',
      'application/json',
      'a parameter of the body comes twice',
    ],
    ['two of one name in a form', `msisdn=1&msisdn=${MSISDN}`, FORM, 'a parameter of the form comes twice'],
    [
      'a control character',
      '{"pin":"1\\u0000"}',
      'application/json',
      'a parameter has characters that are not allowed',
    ],
    [
      'half a character',
      '{"pin":"\\ud800"}',
      'application/json',
      'a parameter has characters that are not allowed',
    ],
    ['a line feed in a form', 'pin=1%0a', FORM, 'a parameter has control characters'],
    [
      'nested too deep',
      `{"custom_data":${'['.repeat(8)}${']'.repeat(8)}}`,
      'application/json',
      'the body is nested too deep',
    ],
    [
      'a key that programs trip over',
      '{"custom_data":{"__proto__":1}}',
      'application/json',
      'the body has a key that is not allowed',
    ],
    [
      'too many fields',
      JSON.stringify(Object.fromEntries(Array.from({ length: 51 }, (_, i) => [i, 1]))),
      'application/json',
      'too many parameters in the body',
    ],
    ['text, by its type', JSON.stringify(ALL), 'text/plain', 'the body must be a form or JSON'],
    ['parts', 'x', 'multipart/form-data; boundary=x', 'the body must be a form or JSON'],
  ])('%s: 400 in words', async (_what, body, type, words) => {
    expectPrinted(
      await door.post('initiate', body, { type }),
      { status: 400, state: null, error: BAD + words },
      { knowsCampaign: false },
    )
    expect(await door.kept()).toEqual({})
  })

  test('two equal names in two objects are two fields', async () => {
    const custom_data = { a: { x: 1 }, b: [{ x: 1 }, { x: '"x": 2' }] }
    expectState(await door.ask('initiate', { custom_data }), 200, 'pending_pin')
  })

  test('a body of more than 64 kB: 413', async () => {
    const answer = await door.post('initiate', { ...ALL, handset: 'x'.repeat(65_536) })
    const error = 'Bad request: the body is too large'
    expectPrinted(answer, { status: 413, state: null, error }, { knowsCampaign: false })
  })

  test('a query of a POST counts for nothing, and cannot contradict the body', async () => {
    const path = `/subscriptions/v1/${CAMPAIGN_ID}/initiate`
    const headers = { 'Content-Type': 'application/json' }
    const query = new URLSearchParams(ALL).toString()
    const none = await door.send(`${path}?${query}`, { method: 'POST', headers, body: '{}' })
    expect(none.status).toBe(401)
    const both = await door.send(`${path}?msisdn=1`, { method: 'POST', headers, body: JSON.stringify(ALL) })
    expectState(both, 200, 'pending_pin')
  })
})

describe('addresses and methods', () => {
  const NO_METHOD = 'No such method: v1 has initiate, validate_pin, unsubscribe and status'
  test.each([
    ...['', '/', '/v1', `/v1/${CAMPAIGN_ID}`, `/v1/${CAMPAIGN_ID}/content`, `/v1/${CAMPAIGN_ID}/status/x`],
    ...[`/v2/${CAMPAIGN_ID}/status`, `/${CAMPAIGN_ID}/status`, `/v1//status`],
  ])('/subscriptions%s: 404', async (path) => {
    for (const method of ['GET', 'POST'])
      expectPrinted(
        await door.send(`/subscriptions${path}`, { method }),
        { status: 404, state: null, error: NO_METHOD },
        { knowsCampaign: false },
      )
  })

  test('a path that does not decode: 400', async () => {
    const answer = await door.send('/subscriptions/v1/%ff/status')
    expectPrinted(answer, { status: 400, state: null, error: 'Bad request' }, { knowsCampaign: false })
  })

  test('a campaign with a name longer than any is not repeated whole', async () => {
    const answer = await door.post('status', ALL, { campaignId: 'x'.repeat(5_000) })
    const error = `CampaignID '${'x'.repeat(64)}…' not found!`
    expect(answer).toMatchObject({ status: 404, body: { valid_campaign: false, error } })
  })

  test.each(['%00', '%0a', '..%2f', 'x'.repeat(64), '%F0%9F%98%80', "'%22%3C"])(
    'a campaign %s is not found',
    async (id) => {
      const answer = await door.post('status', ALL, { campaignId: id })
      const error = `CampaignID '${decodeURIComponent(id)}' not found!`
      expect(answer).toMatchObject({ status: 404, body: { valid_campaign: false, error } })
    },
  )

  test.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s: 405, and nothing happens', async (method) => {
    const query = new URLSearchParams(ALL).toString()
    for (const name of ['initiate', 'validate_pin', 'unsubscribe', 'status']) {
      if (method === 'GET' && name === 'status') continue
      const answer = await door.send(`/subscriptions/v1/${CAMPAIGN_ID}/${name}?${query}`, { method })
      expectPrinted(
        answer,
        { status: 405, state: null, error: 'Method not allowed' },
        { knowsCampaign: false },
      )
      expect(answer.headers.get('allow')).toBe(name === 'status' ? 'GET, POST' : 'POST')
    }
    expect(await door.kept()).toEqual({})
  })

  test('HEAD is not answered as GET is', async () => {
    const query = new URLSearchParams(ALL).toString()
    const url = `${door.url}/subscriptions/v1/${CAMPAIGN_ID}/status?${query}`
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(405)
  })
})
