import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { canaries, foundIn } from '../../support/canaries.ts'
import {
  ACCOUNT_ID,
  CAMPAIGN_ID,
  expectPrinted,
  KEYWORD,
  md5,
  type Method,
  type Mobivate,
  MSISDN,
  openMobivate,
  SECRET,
  SIGNATURE,
  v2,
} from './client.ts'

let door: Mobivate
beforeEach(async () => {
  door = await openMobivate({ pinLength: 9 })
})
afterEach(() => door.close())

const logged = async (count: number) => {
  while (door.lines.length < count) await new Promise(setImmediate)
  return door.lines.map((line) => JSON.parse(line) as { route: string; account?: string; status: number })
}
const route = (method: Method) => `/subscriptions/v1/:campaign/${method}`
const query = (fields: Record<string, string>) => new URLSearchParams(fields).toString()

test('the log has route and account, and nothing of an address, a query or a body: no PIN, number, name or signature', async () => {
  const [wrong = '', other = '', unsent = ''] = canaries(3)
  const pin = await door.pinOf()
  await door.ask('validate_pin', { pin: wrong })
  await door.ask('validate_pin', { pin: Number(other) })
  await door.ask('initiate', { first_name: 'canary-name', custom_data: { a: 'canary-data' }, pin: unsent })
  const fresh = (await door.kept()).subscription!.pin!.digits
  const strong = v2(Math.floor(door.ctx.now() / 1_000), 'validate_pin', {
    msisdn: MSISDN,
    keyword: KEYWORD,
    pin: fresh,
  })
  await door.ask('validate_pin', { pin: fresh, signature: strong })
  await door.send(
    `/subscriptions/v1/${CAMPAIGN_ID}/status?${query({ msisdn: MSISDN, signature: SIGNATURE })}`,
  )
  await door.ask('unsubscribe')
  await door.ask('status', { signature: md5('canary') })
  await door.post('status', `{"pin":"${unsent}"`)
  await door.ask('status', {}, { campaignId: 'canary-campaign' })
  await door.send(`/subscriptions/v1/${CAMPAIGN_ID}/validate_pin?${query({ msisdn: MSISDN, pin: unsent })}`)
  await door.send(`/subscriptions/v2/canary?pin=${unsent}`)
  door.ctx.store.changeSubscription = () => Promise.reject(new Error('no disk'))
  await door.ask('validate_pin', { pin: unsent })

  const lines = await logged(13)
  const log = door.lines.join('')
  expect(foundIn(log, [pin, fresh, wrong, other, unsent])).toEqual([])
  const secrets = [
    MSISDN,
    MSISDN.slice(3),
    CAMPAIGN_ID,
    ACCOUNT_ID,
    SIGNATURE,
    strong,
    strong.slice(14),
    SECRET,
    'canary',
  ]
  for (const secret of secrets) expect(log).not.toContain(secret)
  expect(lines.map(({ route, status, account }) => [route, status, account])).toEqual([
    [route('initiate'), 200, 'acme'],
    [route('validate_pin'), 417, 'acme'],
    [route('validate_pin'), 417, 'acme'],
    [route('initiate'), 200, 'acme'],
    [route('validate_pin'), 200, 'acme'],
    [route('status'), 200, 'acme'],
    [route('unsubscribe'), 200, 'acme'],
    // Whoever has not signed is nobody yet.
    [route('status'), 401, undefined],
    [route('status'), 400, undefined],
    [route('status'), 404, undefined],
    [route('validate_pin'), 405, undefined],
    ['none', 404, undefined],
    [route('validate_pin'), 500, 'acme'],
  ])
  expect(lines.at(-1)).toMatchObject({ level: 50, err: { message: 'no disk' } })
})

test('a bug is told as 500 and nothing more, in the nine fields, and is not remembered as an answer', async () => {
  const real = { ...door.ctx.store }
  const broken = { status: 500, state: null, error: 'Request could not be served' }
  for (const name of ['findCampaign', 'logins', 'changeSubscription'] as const) {
    door.ctx.store[name] = () => Promise.reject(new Error('canary'))
    expectPrinted(await door.ask('initiate'), broken, { knowsCampaign: false })
    Object.assign(door.ctx.store, real)
  }
  const fields = { msisdn: MSISDN, keyword: KEYWORD }
  const signature = v2(Math.floor(door.ctx.now() / 1_000), 'initiate', fields)
  door.ctx.store.changeSubscription = () => Promise.reject(new Error('canary'))
  expectPrinted(await door.ask('initiate', { signature }), broken, { knowsCampaign: false })
  Object.assign(door.ctx.store, real)
  expect((await door.ask('initiate', { signature })).status).toBe(409)
  expect(await door.kept()).toEqual({})
})

test('no answer may be stored, sniffed or named to another site, and no page of one may ask', async () => {
  for (const { headers } of [await door.ask('initiate'), await door.ask('status', { signature: 'x' })]) {
    expect(Object.fromEntries(headers)).toMatchObject({
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  }
})
