import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  type Answer,
  CAMPAIGN_ID,
  expectPrinted,
  KEYWORD,
  makeCampaign,
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

const GONE = 'Maximum number of failed attempts! PIN is no longer existing!'
/** The document's body, with the commas that it lacks. */
const request = (pin: string) => `{
    "msisdn":"${MSISDN}",
    "signature":"${SIGNATURE}",
    "keyword":"${KEYWORD}",
    "pin":"${pin}"
}`
const validate = (pin: string): Promise<Answer> => door.post('validate_pin', request(pin))
const referenceOf = async () => `AP:${(await door.kept()).subscription!.id}`

describe('"Validate PIN (API)"', () => {
  test('the request at the address that is printed, below our own host, is the one that is served', async () => {
    const pin = await door.pinOf()
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: request(pin) }
    const answer = await door.send(`/subscriptions/v1/${CAMPAIGN_ID}/validate_pin`, init)
    expect({ status: answer.status, state: answer.body.state }).toEqual({ status: 200, state: 'subscribed' })
  })

  test('"After calling the initiate method … receiving pending_pin state", "5-6 digits": five', async () => {
    const pin = await door.pinOf()
    expect(pin).toMatch(/^[1-9]\d{4}$/)
    expect((await door.kept()).sending).toMatchObject({ means: 'call', state: 'waiting', to: `+${MSISDN}` })
  })

  test('"Invalid PIN code response": 417', async () => {
    const pin = await door.pinOf()
    const answer = await validate(otherThan(pin))
    const reference = await referenceOf()
    expectPrinted(answer, { status: 417, state: 'pending_pin', error: 'Invalid PIN', reference })
    expect((await door.kept()).subscription!.pin).toMatchObject({ digits: pin, wrong: 1 })
  })

  test('"Expired PIN code response": 440, for the wrong one that uses the attempts up and for all that follow', async () => {
    const pin = await door.pinOf()
    const wrong = otherThan(pin)
    const reference = await referenceOf()
    expect([(await validate(wrong)).status, (await validate(wrong)).status]).toEqual([417, 417])
    const gone = { status: 440, state: 'pending_pin', error: GONE, reference }
    expectPrinted(await validate(wrong), gone)
    expect((await door.kept()).subscription!.pin).toBeUndefined()
    expectPrinted(await validate(pin), gone)
    expectPrinted(await validate(wrong), gone)
  })

  test('"Expired": 440 once its time is over, to the millisecond', async () => {
    const pin = await door.pinOf()
    const reference = await referenceOf()
    door.ctx.clock.ms += 10 * 60_000
    expectPrinted(await validate(pin), { status: 440, state: 'pending_pin', error: GONE, reference })
    const next = await door.pinOf()
    door.ctx.clock.ms += 10 * 60_000 - 1
    expectPrinted(await validate(next), { status: 200, state: 'subscribed', error: null, reference })
  })

  test('"Successful response": 200, once; 440 for its second use, which tells where the number stands', async () => {
    const pin = await door.pinOf()
    const reference = await referenceOf()
    expectPrinted(await validate(pin), { status: 200, state: 'subscribed', error: null, reference })
    expectPrinted(await validate(pin), { status: 440, state: 'subscribed', error: GONE, reference })
    expect((await door.kept()).subscription).toMatchObject({ state: 'subscribed', pin: undefined })
  })

  test('of a number that was never sent one: 440, in no state', async () => {
    const answer = await validate('12345')
    expectPrinted(answer, { status: 440, state: null, error: GONE })
    expect(answer.body.reference).toBe(`AP:${answer.headers.get('x-request-id')!}`)
  })

  test.each(['abcd', '1', '1234567890', '１２３４５', '12345-'])(
    'the pin %j is wrong like any other, and costs no attempt',
    async (pin) => {
      await door.pinOf()
      expectPrinted(await validate(pin), { status: 417, state: 'pending_pin', error: 'Invalid PIN' })
      expect((await door.kept()).subscription!.pin!.wrong).toBe(0)
    },
  )

  test('the body as it is printed, without its commas, is no JSON: 400 says so', async () => {
    const pin = await door.pinOf()
    const answer = await door.post('validate_pin', request(pin).replaceAll(',\n', '\n'))
    const error = 'Bad request: the body is not JSON'
    expectPrinted(answer, { status: 400, state: null, error }, { knowsCampaign: false })
    expect((await door.kept()).subscription!.pin!.wrong).toBe(0)
  })
})

describe('"Initiate Subscription (API)"', () => {
  test('"Successful response": 200 pending_pin, and the sending is woken', async () => {
    const answer = await door.ask('initiate')
    const reference = await referenceOf()
    expectPrinted(answer, { status: 200, state: 'pending_pin', error: null, reference })
    expect(door.woken()).toBe(1)
  })

  test('"Failed response": 404 where there is no such campaign, signed or not', async () => {
    const error = "CampaignID 'c71e2c2ee68b410a82d6c5f910c2d429' not found!"
    const campaignId = 'c71e2c2ee68b410a82d6c5f910c2d429'
    for (const method of ['initiate', 'validate_pin', 'unsubscribe', 'status'] as const) {
      for (const signature of [SIGNATURE, '']) {
        const answer = await door.ask(method, { signature }, { campaignId })
        expectPrinted(
          answer,
          { status: 404, valid_campaign: false, state: null, error },
          { knowsCampaign: false },
        )
      }
    }
  })

  test('"or campaign is no longer available": a paused one is as good as none, but for those who were sent a PIN', async () => {
    const campaignId = 'paused-campaign'
    await makeCampaign(door.ctx, door.account, { id: campaignId })
    const of = { campaignId }
    const pinOf = async (msisdn: string) => {
      await door.ask('initiate', { msisdn }, of)
      const found = await door.ctx.store.findSubscription(campaignId, `+${msisdn}`)
      return found!.subscription.pin!.digits
    }
    const pin = await pinOf(MSISDN)
    await door.ctx.store.changeCampaign(door.account.id, campaignId, (found) => ({
      save: { ...found!, status: 'paused' },
      result: undefined,
    }))
    expectPrinted(
      await door.ask('initiate', {}, of),
      { status: 404, valid_campaign: false, state: null, error: "CampaignID 'paused-campaign' not found!" },
      { knowsCampaign: false },
    )
    const paused = { status: 200, campaign_status: 'paused', error: null }
    expectPrinted(await door.ask('validate_pin', { pin }, of), { ...paused, state: 'subscribed' })
    expect((await door.ask('status', {}, of)).body).toMatchObject({
      campaign_status: 'paused',
      state: 'active',
    })
    expectPrinted(await door.ask('unsubscribe', {}, of), { ...paused, state: 'unsubscribed' })
  })

  test('while one waits: a new PIN, and the old one is none any more', async () => {
    let drawn = 12_345
    door.ctx.randomInt = (max) => drawn++ % max
    const old = await door.pinOf()
    const { sending } = await door.kept()
    const fresh = await door.pinOf()
    expect(fresh).not.toBe(old)
    expect((await door.kept()).sending!.id).not.toBe(sending!.id)
    expectPrinted(await validate(old), { status: 417, state: 'pending_pin', error: 'Invalid PIN' })
    expectPrinted(await validate(fresh), { status: 200, state: 'subscribed', error: null })
  })

  test('of a number that is subscribed: 200 subscribed, and nothing is sent', async () => {
    await validate(await door.pinOf())
    const [{ sending }, woken] = [await door.kept(), door.woken()]
    const reference = await referenceOf()
    expectPrinted(await door.ask('initiate'), { status: 200, state: 'subscribed', error: null, reference })
    expect((await door.kept()).sending).toEqual(sending)
    expect(door.woken()).toBe(woken)
  })
})

describe('"Unsubscribing Users (API)"', () => {
  test('"Successful response": 200 unsubscribed, by msisdn and signature alone', async () => {
    await validate(await door.pinOf())
    const reference = await referenceOf()
    const answer = await door.post('unsubscribe', { msisdn: MSISDN, signature: SIGNATURE })
    expectPrinted(answer, { status: 200, state: 'unsubscribed', error: null, reference })
    expect((await door.kept()).subscription!.state).toBe('unsubscribed')
  })

  test('who waits for a PIN leaves too: it is none any more, and its sending is over', async () => {
    const pin = await door.pinOf()
    const woken = door.woken()
    await door.ask('unsubscribe')
    expect((await door.kept()).sending).toMatchObject({ state: 'ended', outcome: 'not_needed' })
    expect(door.woken()).toBe(woken + 1)
    expectPrinted(await validate(pin), { status: 440, state: 'unsubscribed', error: GONE })
  })

  test('of a number that has no subscription: the same answer, and nothing is written', async () => {
    const answer = await door.ask('unsubscribe')
    expectPrinted(answer, { status: 200, state: 'unsubscribed', error: null })
    expect(answer.body.reference).toBe(`AP:${answer.headers.get('x-request-id')!}`)
    expect(await door.kept()).toEqual({})
  })

  test('and who comes back has the same reference', async () => {
    await validate(await door.pinOf())
    const reference = await referenceOf()
    await door.ask('unsubscribe')
    expectPrinted(await validate(await door.pinOf()), {
      ...{ status: 200, state: 'subscribed', error: null, reference },
    })
  })
})
