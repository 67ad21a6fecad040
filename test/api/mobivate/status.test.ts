import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { beginSending, beginSpeaking, endTry } from '../../../src/engine/sendings.ts'
import {
  type Answer,
  type Body,
  CAMPAIGN_ID,
  expectState,
  md5,
  type Mobivate,
  MSISDN,
  openMobivate,
  otherThan,
  SIGNATURE,
} from './client.ts'

let door: Mobivate
beforeEach(async () => {
  door = await openMobivate()
})
afterEach(() => door.close())

const BY_POST = { msisdn: MSISDN, signature: SIGNATURE }
const status = (fields: object = {}) => door.post('status', { ...BY_POST, ...fields })
const query = (fields: Record<string, string>) =>
  door.send(`/subscriptions/v1/${CAMPAIGN_ID}/status?${new URLSearchParams(fields).toString()}`)

type More = {
  delivery: Record<string, unknown> | null
  pin_expires_at: string | null
  attempts_left: number | null
}
const more = ({ body }: Answer): More => {
  const { delivery, pin_expires_at, attempts_left } = body as Body & More
  return { delivery, pin_expires_at, attempts_left }
}
const NONE = { pin_expires_at: null, attempts_left: null }

describe('"Checking Subscription Status (API)"', () => {
  test('"Successful response": the nine fields in their order, and ours after them', async () => {
    const answer = await status()
    const { reference } = answer.body
    const body = {
      ...{ authenticated: true, valid_msisdn: true, valid_campaign: true, campaign_status: 'active' },
      ...{ campaign_name: 'Test Campaign', campaign_service: '12345', state: 'nf', error: null, reference },
      ...{ delivery: null, ...NONE },
    }
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: JSON.stringify(body) })
    expect(reference).toBe(`AP:${answer.headers.get('x-request-id')!}`)
    expect(await door.kept()).toEqual({})
  })

  test('where a number stands, from nothing to the end', async () => {
    expectState(await status(), 200, 'nf')
    const pin = await door.pinOf()
    const reference = `AP:${(await door.kept()).subscription!.id}`
    expect(expectState(await status(), 200, 'doi-onhold').body.reference).toBe(reference)
    door.ctx.clock.ms += 600_000 - 1
    expectState(await status(), 200, 'doi-onhold')
    door.ctx.clock.ms += 1
    expect(more(expectState(await status(), 200, 'inactive'))).toMatchObject(NONE)
    expect((await door.kept()).subscription!.pin).toBeDefined()
    expectState(await door.ask('validate_pin', { pin }), 440, 'pending_pin')
    expectState(await door.ask('validate_pin', { pin: await door.pinOf() }), 200, 'subscribed')
    expect(expectState(await status(), 200, 'active').body.reference).toBe(reference)
    await door.ask('unsubscribe')
    expect(expectState(await status(), 200, 'unsub').body.reference).toBe(reference)
    await door.pinOf()
    expectState(await status(), 200, 'doi-onhold')
  })

  test('a PIN that was guessed at too often is as good as none', async () => {
    const pin = await door.pinOf()
    for (const left of [2, 1]) {
      await door.ask('validate_pin', { pin: otherThan(pin) })
      expect(more(expectState(await status(), 200, 'doi-onhold')).attempts_left).toBe(left)
    }
    await door.ask('validate_pin', { pin: otherThan(pin) })
    expect(more(expectState(await status(), 200, 'inactive'))).toMatchObject(NONE)
  })

  test.each([
    ...['doi-onhold', 'active,doi-onhold', 'active doi-onhold', "'active', 'doi-onhold'", '"doi-onhold"'],
    ...['["active","doi-onhold"]', "('active','inactive','doi-onhold')", '', ' , '],
  ])('"multiple statuses": %j has it, by POST, as a form and by GET', async (words) => {
    await door.ask('initiate')
    const type = 'application/x-www-form-urlencoded'
    const form = new URLSearchParams({ ...BY_POST, status: words }).toString()
    expectState(await status({ status: words }), 200, 'doi-onhold')
    expectState(await door.post('status', form, { type }), 200, 'doi-onhold')
    expectState(await query({ ...BY_POST, status: words }), 200, 'doi-onhold')
  })

  test('a list of JSON has it', async () => {
    await door.ask('initiate')
    for (const words of [['doi-onhold'], ['active', 'doi-onhold'], []])
      expectState(await status({ status: words }), 200, 'doi-onhold')
  })

  test('the number is in none of those that are looked for: null, and all else as it is', async () => {
    await door.ask('initiate')
    const all = await status()
    for (const words of [
      'active',
      "'active', 'inactive'",
      'nf nfi ping onhold blocked reinvite',
      ['unsub'],
    ]) {
      const answer = await status({ status: words })
      expect(answer).toMatchObject({ status: 200, body: { ...all.body, state: null } })
    }
  })

  test('every word that the vendor lists is known', async () => {
    const words =
      'active,inactive,nf,nfi,ping,onhold,blocked,reinvite,doi-onhold,doi-declined,suspended,investigate,unsub'
    expectState(await status({ status: words }), 200, 'nf')
    for (const word of words.split(',')) expect((await status({ status: word })).status).toBe(200)
  })

  test.each<unknown>([
    'ACTIVE',
    'subscribed',
    'active;inactive',
    'active, x',
    ['x'],
    [1],
    [['active']],
    1,
    {},
    true,
  ])('%j is no word of the vendor: 400', async (words) => {
    const answer = await status({ status: words })
    expect(answer).toMatchObject({
      status: 400,
      body: { error: 'Bad request: status is not valid', state: null },
    })
  })
})

describe('by GET, which is ours', () => {
  test('the same answer', async () => {
    await door.ask('initiate')
    const [post, get] = [await status(), await query(BY_POST)]
    expect({ status: get.status, text: get.text }).toEqual({ status: 200, text: post.text })
    expectState(await query({ ...BY_POST, msisdn: 'x' }), 401, null)
  })

  test('a `+` that is not escaped', async () => {
    const signature = md5(`+${MSISDN}`)
    const path = `/subscriptions/v1/${CAMPAIGN_ID}/status?msisdn=+${MSISDN}&signature=${signature}`
    expectState(await door.send(path), 200, 'nf')
  })

  test.each([
    'msisdn=1&msisdn=2',
    'msisdn=%00',
    'msisdn=%ff',
    Array.from({ length: 51 }, (_, i) => `a${i}=1`).join('&'),
  ])('a query with %s: 400', async (text) => {
    const answer = await door.send(`/subscriptions/v1/${CAMPAIGN_ID}/status?${text}`)
    expect(answer).toMatchObject({ status: 400, body: { campaign_name: null } })
  })
})

describe('`delivery` tells what has become of the last PIN', () => {
  const at = (offsetMs: number) => new Date(Date.UTC(2020, 2, 27, 6, 27, 9) + offsetMs).toISOString()
  const sendingId = async () => (await door.kept()).sending!.id

  test('waiting, ringing, busy, ringing again, being told, delivered', async () => {
    const { ctx } = door
    const pin = await door.pinOf()
    const id = await sendingId()
    const common = { means: 'call', created_at: at(0), next_try_at: null, ended_at: null }
    const good = { pin_expires_at: at(600_000), attempts_left: 3 }
    const expectDelivery = async (wanted: object) => {
      const answer = await status()
      expect(more(answer)).toEqual({ delivery: { ...common, ...wanted }, ...good })
      expect(answer.text).not.toContain(pin)
    }
    await expectDelivery({ state: 'waiting', outcome: null, tries: 0, next_try_at: at(0) })
    await beginSending(ctx, id)
    await expectDelivery({ state: 'trying', outcome: null, tries: 1 })
    ctx.clock.ms += 2_000
    await endTry(ctx, id, 'busy')
    await expectDelivery({ state: 'waiting', outcome: 'busy', tries: 1, next_try_at: at(32_000) })
    ctx.clock.ms += 30_000
    await beginSending(ctx, id)
    await expectDelivery({ state: 'trying', outcome: 'busy', tries: 2 })
    await beginSpeaking(ctx, id)
    await expectDelivery({ state: 'speaking', outcome: 'busy', tries: 2 })
    ctx.clock.ms += 9_000
    await endTry(ctx, id, 'delivered')
    await expectDelivery({ state: 'ended', outcome: 'delivered', tries: 2, ended_at: at(41_000) })
    await door.ask('validate_pin', { pin })
    const { delivery, ...pinFields } = more(expectState(await status(), 200, 'active'))
    expect(delivery).toMatchObject({ state: 'ended', outcome: 'delivered' })
    expect(pinFields).toEqual(NONE)
  })

  test('of the last one: a new PIN, a new delivery', async () => {
    await door.ask('initiate')
    await beginSending(door.ctx, await sendingId())
    await endTry(door.ctx, await sendingId(), 'no_key')
    expect(more(await status()).delivery).toMatchObject({ state: 'ended', outcome: 'no_key' })
    door.ctx.clock.ms += 1_000
    await door.ask('initiate')
    expect(more(await status()).delivery).toMatchObject({ state: 'waiting', outcome: null, tries: 0 })
  })
})

describe('too many', () => {
  const change = (settings: object) =>
    door.ctx.store.changeCampaign(door.account.id, CAMPAIGN_ID, (found) => ({
      save: { ...found!, ...settings },
      result: undefined,
    }))
  const QUOTA = 'Too many PINs were sent'

  test.each([
    ['to the number within a day', () => change({ pinsOfNumberADay: 2 })],
    ['of the campaign within an hour', () => change({ pinsAnHour: 2 })],
    ['of the account within a day', () => door.change({ pinsADay: 2 })],
  ])('PINs %s: 429, and the number stands as it stood', async (_what, limit) => {
    await limit()
    await door.ask('initiate')
    const pin = await door.pinOf()
    const woken = door.woken()
    const answer = expectState(await door.ask('initiate'), 429, 'pending_pin')
    const reference = `AP:${(await door.kept()).subscription!.id}`
    expect(answer.body).toMatchObject({ error: QUOTA, authenticated: true, reference })
    expect(door.woken()).toBe(woken)
    expectState(await door.ask('validate_pin', { pin }), 200, 'subscribed')
  })

  test('for the account: a number that was never sent one has no state', async () => {
    await door.change({ pinsADay: 0 })
    const answer = expectState(await door.ask('initiate'), 429, null)
    expect(answer.body).toMatchObject({ error: QUOTA, campaign_name: 'Test Campaign' })
    expect(await door.kept()).toEqual({})
  })

  test('wrong PINs: none is compared for an hour, and none is sent', async () => {
    for (const attempts of [3, 3, 3, 1]) {
      const pin = await door.pinOf()
      for (let i = 0; i < attempts; i++) await door.ask('validate_pin', { pin: otherThan(pin) })
    }
    const pin = (await door.kept()).subscription!.pin!.digits
    expectState(await door.ask('validate_pin', { pin }), 440, 'pending_pin')
    const locked = expectState(await door.ask('initiate'), 429, 'pending_pin')
    expect(locked.body.error).toBe('Too many wrong PINs for this MSISDN')
    // Others go on.
    expectState(await door.ask('initiate', { msisdn: '254700000001' }), 200, 'pending_pin')
    door.ctx.clock.ms += 3_600_000
    expectState(await door.ask('validate_pin', { pin: await door.pinOf() }), 200, 'subscribed')
  })
})
