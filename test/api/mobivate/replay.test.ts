import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { openSqlite } from '../../../src/store/sqlite.ts'
import { testContext } from '../../support/context.ts'
import {
  ACCOUNT_ID,
  addLogin,
  type Answer,
  expectPrinted,
  expectState,
  type Fields,
  KEYWORD,
  type Method,
  type Mobivate,
  MSISDN,
  openMobivate,
  otherThan,
  v2,
} from './client.ts'

let door: Mobivate
beforeEach(async () => {
  door = await openMobivate()
})
afterEach(() => door.close())

/** A request that is signed with its time. */
function signed(method: Method, fields: Fields = {}, { at = door.ctx.now(), secret = '' } = {}): Fields {
  const sent = { msisdn: MSISDN, keyword: KEYWORD, ...fields }
  const signature = v2(Math.floor(at / 1_000), method, sent, secret === '' ? {} : { secret })
  return { ...sent, signature }
}

const UNKNOWN = 'Same request was sent before, its result is not known'

/** Sends the same thirty times at once. Who asks before there is an answer is told so; all others are told the same. */
async function thirtyTimes(method: Method, fields: Fields, at: Mobivate = door): Promise<Answer> {
  const answers = await Promise.all(Array.from({ length: 30 }, () => at.post(method, fields)))
  const early = answers.filter(({ status }) => status === 409)
  for (const one of early) expectPrinted(one, { status: 409, state: null, error: UNKNOWN })
  const told = [...answers.filter(({ status }) => status !== 409), await at.post(method, fields)]
  expect(new Set(told.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
  return told[0]!
}

describe('the same signed request thirty times at once', () => {
  test('initiate sends one PIN', async () => {
    expectState(await thirtyTimes('initiate', signed('initiate')), 200, 'pending_pin')
    expect(await door.ctx.store.sendings(door.campaign.id, 100)).toHaveLength(1)
    expect(door.woken()).toBe(1)
  })

  test('validate_pin with the right one is right once, and told so each time', async () => {
    const pin = await door.pinOf()
    const request = signed('validate_pin', { pin })
    expectState(await thirtyTimes('validate_pin', request), 200, 'subscribed')
    // Another signature, and it is a second use.
    const second = signed('validate_pin', { pin }, { at: door.ctx.now() + 1_000 })
    expectState(await door.post('validate_pin', second), 440, 'subscribed')
    expectState(await door.post('validate_pin', request), 200, 'subscribed')
  })

  test('validate_pin with a wrong one counts once', async () => {
    const pin = await door.pinOf()
    const request = signed('validate_pin', { pin: otherThan(pin) })
    expectState(await thirtyTimes('validate_pin', request), 417, 'pending_pin')
    expect((await door.kept()).subscription!.pin!.wrong).toBe(1)
    expectState(await door.post('validate_pin', signed('validate_pin', { pin })), 200, 'subscribed')
    expectState(await door.post('validate_pin', request), 417, 'pending_pin')
  })

  test('unsubscribe, sent again after the number has come back, does not throw it out', async () => {
    await door.ask('validate_pin', { pin: await door.pinOf() })
    const request = signed('unsubscribe')
    expectState(await thirtyTimes('unsubscribe', request), 200, 'unsubscribed')
    await door.ask('validate_pin', { pin: await door.pinOf() })
    expectState(await door.post('unsubscribe', request), 200, 'unsubscribed')
    expect((await door.kept()).subscription!.state).toBe('subscribed')
  })
})

describe('what is the same request', () => {
  test('what is not signed counts for nothing: the first answer, and the first data', async () => {
    const request = signed('initiate')
    const first = await door.post('initiate', { ...request, first_name: 'First' })
    const again = await door.post('initiate', { ...request, first_name: 'Second' })
    expect(again.text).toBe(first.text)
    expect((await door.kept()).subscription!.subscriber).toEqual({ first_name: 'First' })
  })

  test('as a form it is the same', async () => {
    const request = signed('initiate')
    const first = await door.post('initiate', request)
    const form = new URLSearchParams(request as Record<string, string>).toString()
    const again = await door.post('initiate', form, { type: 'application/x-www-form-urlencoded' })
    expect(again.text).toBe(first.text)
  })

  test('another second makes another request', async () => {
    await door.post('initiate', signed('initiate'))
    await door.post('initiate', signed('initiate', {}, { at: door.ctx.now() + 1_000 }))
    expect(await door.ctx.store.sendings(door.campaign.id, 100)).toHaveLength(2)
  })

  test('another login, which has signed the same with its own secret, has asked for something else', async () => {
    await addLogin(door.ctx, door.account, `${ACCOUNT_ID}-b`, 'second secret')
    await door.post('initiate', signed('initiate'))
    await door.post('initiate', signed('initiate', {}, { secret: 'second secret' }))
    expect(await door.ctx.store.sendings(door.campaign.id, 100)).toHaveLength(2)
  })

  test("the vendor's signature says no time, so each request with it is another one", async () => {
    await door.ask('initiate')
    await door.ask('initiate')
    expect(await door.ctx.store.sendings(door.campaign.id, 100)).toHaveLength(2)
  })

  test('looking is not remembered: it tells how things are', async () => {
    const request = signed('status')
    expectState(await door.post('status', request), 200, 'nf')
    await door.ask('initiate')
    expectState(await door.post('status', request), 200, 'doi-onhold')
  })

  test('what cannot be understood is not remembered; a refusal is, also when it would be granted by now', async () => {
    const request = signed('initiate')
    expect((await door.post('initiate', { ...request, ip: 'x' })).status).toBe(400)
    await door.change({ pinsADay: 0 })
    expectState(await door.post('initiate', request), 429, null)
    await door.change({ pinsADay: 10 })
    expectState(await door.post('initiate', request), 429, null)
    expectState(await door.ask('initiate'), 200, 'pending_pin')
  })
})

test('a request that broke off has no answer ever: whoever asks again is told that nobody knows', async () => {
  const request = signed('initiate')
  const real = { ...door.ctx.store }
  door.ctx.store.endRequest = () => Promise.reject(new Error('no disk'))
  expect((await door.post('initiate', request)).status).toBe(500)
  Object.assign(door.ctx.store, real)
  expectPrinted(await door.post('initiate', request), { status: 409, state: null, error: UNKNOWN })
  expect(await door.ctx.store.sendings(door.campaign.id, 100)).toHaveLength(1)
})

test('it is remembered for longer than it is good, whichever way our clock is turned', async () => {
  const request = signed('initiate', {}, { at: door.ctx.now() + 300_000 })
  const first = await door.post('initiate', request)
  expectState(first, 200, 'pending_pin')
  for (const ms of [0, 300_000, 300_000]) {
    door.ctx.clock.ms += ms
    await door.ctx.store.forgetRequests(door.ctx.now(), 1_000)
    expect((await door.post('initiate', request)).text).toBe(first.text)
  }
  door.ctx.clock.ms += 1
  expect((await door.post('initiate', request)).status).toBe(401)
  expect(await door.ctx.store.forgetRequests(door.ctx.now() + 3_599_998, 1_000)).toBe(0)
  expect(await door.ctx.store.forgetRequests(door.ctx.now() + 3_599_999, 1_000)).toBe(1)
  expect(await door.ctx.store.sendings(door.campaign.id, 100)).toHaveLength(1)
})

test('after a restart it is still known', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pinbridge-mobivate-'))
  const file = join(folder, 'test.db')
  try {
    const { store: inMemory, ...rest } = testContext()
    await inMemory.close()
    const ctx = { ...rest, store: openSqlite(file) }
    const before = await openMobivate({}, { ctx })
    const initiated = signed('initiate')
    const sent = await before.post('initiate', initiated)
    const pin = (await before.kept()).subscription!.pin!.digits
    const validated = signed('validate_pin', { pin })
    const right = await before.post('validate_pin', validated)
    expectState(right, 200, 'subscribed')
    await before.close()
    await ctx.store.close()

    const again = { ...ctx, store: openSqlite(file) }
    const after = await openMobivate({}, { ctx: again })
    expect((await thirtyTimes('initiate', initiated, after)).text).toBe(sent.text)
    expect((await thirtyTimes('validate_pin', validated, after)).text).toBe(right.text)
    expect(await again.store.sendings(after.campaign.id, 100)).toHaveLength(1)
    expect(after.woken()).toBe(0)
    await after.close()
    await again.store.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})
