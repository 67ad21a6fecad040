import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Account, DEFAULT_SETTINGS } from '../../src/engine/accounts.ts'
import { type Campaign, type CampaignSettings, changeCampaign } from '../../src/engine/campaigns.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { subscriberName } from '../../src/engine/guard.ts'
import { changeSubscriptionSettings } from '../../src/engine/subscription-settings.ts'
import { initiate, msisdnOf, standing, unsubscribe, validatePin } from '../../src/engine/subscriptions.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import { addCallingCampaign, callingCampaign, SUBSCRIBER, SUBSCRIBER_TOO } from '../support/sent-pins.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const TTL_MS = 600_000

let ctx: TestContext
let account: Account
let campaign: Campaign
beforeEach(async () => {
  ctx = testContext()
  ;({ account, campaign } = await callingCampaign(ctx))
})
afterEach(() => ctx.store.close())

const begin = (msisdn = SUBSCRIBER, of = campaign, subscriber?: Record<string, string>) =>
  initiate(ctx, { campaign: of, account }, msisdn, subscriber)
const found = (msisdn = SUBSCRIBER, of = campaign) => ctx.store.findSubscription(of.id, msisdn)
const pinOf = async (msisdn = SUBSCRIBER, of = campaign) => (await found(msisdn, of))?.subscription.pin
const verdictOf = async (pin: string, msisdn = SUBSCRIBER, of = campaign) =>
  (await validatePin(ctx, of, msisdn, pin)).verdict
const where = async (msisdn = SUBSCRIBER) => (await standing(ctx, campaign, msisdn)).status
async function sent(msisdn = SUBSCRIBER, of = campaign): Promise<string> {
  expect(await begin(msisdn, of)).toMatchObject({ status: 'pending_pin' })
  return (await pinOf(msisdn, of))!.digits
}
/** Not this one. */
const wrong = (pin: string, n = 0) => String(((Number(pin) - 10_000 + 1 + n) % 90_000) + 10_000)
async function change(wanted: Partial<CampaignSettings>): Promise<void> {
  campaign = await changeCampaign(ctx, account, campaign.id, wanted)
}

describe('a number', () => {
  test.each([
    ['254700000000', '+254700000000'],
    ['+254700000000', '+254700000000'],
  ])('%s is %s', (written, msisdn) => {
    expect(msisdnOf({ campaign, account }, written)).toBe(msisdn)
  })

  test.each([
    ['', 'invalid_number'],
    ['0700000000', 'invalid_number'],
    ['00254700000000', 'invalid_number'],
    ['++254700000000', 'invalid_number'],
    ['254 700 000 000', 'invalid_number'],
    ['254700000000\n', 'invalid_number'],
    ['254700', 'invalid_number'],
    ['2547000000001234', 'invalid_number'],
    ['٢٥٤٧٠٠٠٠٠٠٠٠', 'invalid_number'],
    // Nobody allowed Germany; and premium numbers are nobody's whatever is allowed.
    ['4915201234567', 'not_allowed_destination'],
    ['254900123456', 'not_allowed_destination'],
  ])('%j is refused: %s', (written, code) => {
    const refused = msisdnOf({ campaign, account }, written)
    expect(refused).toBeInstanceOf(Refusal)
    expect(refused).toMatchObject({ code })
  })

  test('is refused by a campaign that allows none, though its account lets cards call it', () => {
    const cards = { ...DEFAULT_SETTINGS.cards, allowed: ['254'] }
    const of = {
      campaign: { ...campaign, allowed: [] },
      account: { ...account, settings: { ...account.settings, cards } },
    }
    expect(msisdnOf(of, '254700000000')).toMatchObject({ code: 'not_allowed_destination' })
  })
})

describe('asking for a PIN', () => {
  test('writes it down with the sending that is owed for it', async () => {
    const { status, subscription } = await begin(SUBSCRIBER, campaign, { first_name: 'Asha' })
    expect(status).toBe('pending_pin')
    const { ms } = ctx.clock
    expect(subscription).toMatchObject({
      ...{ accountId: account.id, campaignId: campaign.id, msisdn: SUBSCRIBER, state: 'pending_pin' },
      ...{ subscriber: { first_name: 'Asha' }, createdAt: ms },
      pin: { expiresAt: ms + TTL_MS, wrong: 0, attempts: 3 },
    })
    expect(subscription?.pin?.digits).toMatch(/^[1-9]\d{4}$/)
    const { id: subscriptionId = '' } = subscription ?? {}
    expect(await found()).toMatchObject({
      subscription,
      sending: { subscriptionId, to: SUBSCRIBER, means: 'call', state: 'waiting', tries: 0, dueAt: ms },
    })
    expect(await where()).toBe('pending')
  })

  test.each([4, 5, 6, 9])(
    'draws PINs of %i digits of which none begins with 0 or is weak',
    async (pinLength) => {
      await change({ pinLength })
      const drawn = new Set<string>()
      for (let n = 0; n < 200; n++) drawn.add(await sent())
      for (const pin of drawn) expect(pin).toMatch(new RegExp(`^[1-9]\\d{${pinLength - 1}}$`))
      for (const weak of ['1234', '1111', '9876', '12345', '123456']) expect(drawn).not.toContain(weak)
      expect(drawn.size).toBeGreaterThan(150)
    },
  )

  test('again makes another PIN of the same subscription, and the one before is none', async () => {
    const before = await sent()
    const { subscription } = (await found())!
    for (const pin of [wrong(before), wrong(before, 1)]) expect(await verdictOf(pin)).toBe('wrong')
    ctx.clock.ms += 1_000
    let after = await sent()
    while (after === before) after = await sent()
    expect(await pinOf()).toEqual({
      ...{ digits: after, wrong: 0, attempts: 3 },
      expiresAt: ctx.clock.ms + TTL_MS,
    })
    expect((await found())?.subscription).toMatchObject({
      id: subscription.id,
      createdAt: subscription.createdAt,
    })
    expect(await verdictOf(before)).toBe('wrong')
    expect(await verdictOf(after)).toBe('right')
  })

  test('of a subscribed number sends nothing', async () => {
    await verdictOf(await sent())
    const { subscription } = (await found())!
    expect(await begin()).toEqual({ status: 'subscribed', subscription })
    expect(await ctx.store.sendings(campaign.id, 10)).toHaveLength(1)
  })

  test('of a number that has left begins anew', async () => {
    await verdictOf(await sent())
    await unsubscribe(ctx, campaign, SUBSCRIBER)
    ctx.clock.ms += 1_000
    const pin = await sent()
    expect(await where()).toBe('pending')
    expect((await found())?.subscription).toMatchObject({ subscribedAt: undefined })
    expect(await verdictOf(pin)).toBe('right')
    expect((await found())?.subscription).toMatchObject({ state: 'subscribed', subscribedAt: ctx.clock.ms })
  })

  test('by many at once makes as many as the quota lets through, and the last is good', async () => {
    await change({ pinsOfNumberADay: 7 })
    const all = await Promise.all(Array.from({ length: 50 }, () => begin()))
    expect(all.filter(({ status }) => status === 'pending_pin')).toHaveLength(7)
    const sendings = await ctx.store.sendings(campaign.id, 100)
    expect(sendings).toHaveLength(7)
    expect(sendings.filter(({ state }) => state === 'waiting')).toHaveLength(1)
    expect(await verdictOf((await pinOf())!.digits)).toBe('right')
  })
})

describe('quotas', () => {
  const statuses = async (...msisdns: string[]) => {
    const all: string[] = []
    for (const msisdn of msisdns) all.push((await begin(msisdn)).status)
    return all
  }

  test('of a number hold in all campaigns of the account for 24 hours, and for no other number', async () => {
    await change({ pinsOfNumberADay: 2 })
    const other = await addCallingCampaign(ctx, account, { pinsOfNumberADay: 2 })
    await sent()
    ctx.clock.ms += HOUR_MS
    await sent(SUBSCRIBER, other)
    expect(await statuses(SUBSCRIBER, SUBSCRIBER_TOO)).toEqual(['quota', 'pending_pin'])
    expect((await begin(SUBSCRIBER, other)).status).toBe('quota')
    ctx.clock.ms += 23 * HOUR_MS
    expect((await begin()).status).toBe('quota')
    ctx.clock.ms += 1
    expect(await statuses(SUBSCRIBER, SUBSCRIBER)).toEqual(['pending_pin', 'quota'])
  })

  test('of a campaign hold for an hour, and for no other campaign', async () => {
    await change({ pinsAnHour: 2 })
    const other = await addCallingCampaign(ctx, account)
    expect(await statuses(SUBSCRIBER, SUBSCRIBER_TOO, SUBSCRIBER)).toEqual([
      'pending_pin',
      'pending_pin',
      'quota',
    ])
    expect((await begin(SUBSCRIBER, other)).status).toBe('pending_pin')
    ctx.clock.ms += HOUR_MS + 1
    expect((await begin()).status).toBe('pending_pin')
  })

  test('of an account hold for a day, and for no other account', async () => {
    await changeSubscriptionSettings(ctx, account, { pinsADay: 1 })
    account = (await ctx.store.findAccount(account.id))!
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    const theirs = await addCallingCampaign(ctx, other)
    expect(await statuses(SUBSCRIBER, SUBSCRIBER_TOO)).toEqual(['pending_pin', 'quota'])
    expect(await initiate(ctx, { campaign: theirs, account: other }, SUBSCRIBER)).toMatchObject({
      status: 'pending_pin',
    })
    ctx.clock.ms += DAY_MS + 1
    expect(await statuses(SUBSCRIBER_TOO)).toEqual(['pending_pin'])
  })

  test.each<Partial<CampaignSettings>>([{ pinsOfNumberADay: 0 }, { pinsAnHour: 0 }])(
    'of none, %j, send none, and write nothing',
    async (none) => {
      await change(none)
      expect(await begin()).toEqual({ status: 'quota', subscription: undefined })
      expect(await where()).toBe('none')
    },
  )

  test('that are used up leave the PIN that was sent as it is', async () => {
    await change({ pinsOfNumberADay: 1 })
    const pin = await sent()
    const before = await found()
    expect(await begin()).toEqual({ status: 'quota', subscription: before!.subscription })
    expect(await found()).toEqual(before)
    expect(await verdictOf(pin)).toBe('right')
  })
})

describe('a PIN', () => {
  test('is right once, and none afterwards', async () => {
    const pin = await sent()
    ctx.clock.ms += 1_000
    expect(await validatePin(ctx, campaign, SUBSCRIBER, pin)).toMatchObject({
      verdict: 'right',
      subscription: { state: 'subscribed', subscribedAt: ctx.clock.ms, pin: undefined },
    })
    expect(await where()).toBe('active')
    const before = await found()
    expect([await verdictOf(pin), await verdictOf(wrong(pin))]).toEqual(['gone', 'gone'])
    expect(await found()).toEqual(before)
  })

  test('that 50 name at once is right once', async () => {
    const pin = await sent()
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => verdictOf(pin)))
    expect(verdicts.filter((one) => one === 'right')).toHaveLength(1)
    expect(verdicts.filter((one) => one === 'gone')).toHaveLength(49)
  })

  test.each([1, 2, 3, 10])('of %i attempts is ended by that many wrong ones', async (attempts) => {
    await change({ attempts })
    const pin = await sent()
    for (let n = 1; n < attempts; n++) {
      expect(await validatePin(ctx, campaign, SUBSCRIBER, wrong(pin, n))).toMatchObject({
        verdict: 'wrong',
        subscription: { state: 'pending_pin', pin: { digits: pin, wrong: n } },
      })
    }
    expect(await validatePin(ctx, campaign, SUBSCRIBER, wrong(pin))).toMatchObject({
      verdict: 'gone',
      subscription: { state: 'pending_pin', pin: undefined },
    })
    expect([await verdictOf(pin), await where()]).toEqual(['gone', 'lapsed'])
  })

  test('keeps the attempts and the life that it was sent with', async () => {
    const pin = await sent()
    await change({ attempts: 1, pinTtlMs: 60_000 })
    expect(await verdictOf(wrong(pin))).toBe('wrong')
    ctx.clock.ms += 60_000
    expect(await verdictOf(pin)).toBe('right')
  })

  test('at which 50 guess at once is ended by its attempts', async () => {
    const pin = await sent()
    const guesses = Array.from({ length: 50 }, (_, n) => (n === 10 ? pin : wrong(pin, n)))
    const verdicts = await Promise.all(guesses.map((guess) => verdictOf(guess)))
    expect(verdicts).toEqual(['wrong', 'wrong', ...Array<string>(48).fill('gone')])
    // What was not compared cost nothing.
    const tallies = await ctx.store.guessTallies(ctx.clock.ms, 10, 'caller')
    expect(tallies.map(({ name, tally }) => [name, tally.emptyAt - ctx.clock.ms])).toEqual([
      [subscriberName(account.id, SUBSCRIBER), 3 * (HOUR_MS / 10)],
    ])
  })

  test('is good until the instant at which it expires', async () => {
    const pin = await sent()
    ctx.clock.ms += TTL_MS - 1
    expect(await verdictOf(wrong(pin))).toBe('wrong')
    ctx.clock.ms += 1
    expect([await verdictOf(pin), await where()]).toEqual(['gone', 'lapsed'])
    ctx.clock.ms -= 1
    expect(await verdictOf(pin)).toBe('right')
  })

  test('that was swept does not come back with the clock', async () => {
    const pin = await sent()
    ctx.clock.ms += TTL_MS
    expect(await ctx.store.forgetSentPins(ctx.clock.ms, 10)).toBe(1)
    ctx.clock.ms -= TTL_MS
    expect([await verdictOf(pin), await where()]).toEqual(['gone', 'lapsed'])
  })

  test.each(['', '123', '1234567890', '12 345', '12345\n', 'abcde', '١٢٣٤٥', '-1234', '1e005', '0x123'])(
    'that cannot be one is not compared: %j',
    async (text) => {
      const pin = await sent()
      for (let n = 0; n < 20; n++) expect(await verdictOf(text)).toBe('wrong')
      expect(await pinOf()).toMatchObject({ wrong: 0 })
      expect(await ctx.store.guessTallies(ctx.clock.ms, 10)).toEqual([])
      expect(await verdictOf(pin)).toBe('right')
    },
  )

  test('is that of its number and its campaign alone', async () => {
    const other = await addCallingCampaign(ctx, account)
    const pin = await sent()
    await sent(SUBSCRIBER_TOO)
    await sent(SUBSCRIBER, other)
    for (const [msisdn, of] of [
      [SUBSCRIBER_TOO, campaign],
      [SUBSCRIBER, other],
    ] as const)
      expect(await verdictOf((await pinOf(msisdn, of))!.digits === pin ? wrong(pin) : pin, msisdn, of)).toBe(
        'wrong',
      )
    expect(await verdictOf(pin)).toBe('right')
  })

  test('of a number that was never sent one is none, and nothing is written', async () => {
    expect(await validatePin(ctx, campaign, SUBSCRIBER, '12345')).toEqual({
      ...{ verdict: 'gone', subscription: undefined },
    })
    expect([await found(), await ctx.store.guessTallies(ctx.clock.ms, 10)]).toEqual([undefined, []])
  })

  test('is good still in a campaign that was paused', async () => {
    const pin = await sent()
    await change({ status: 'paused' })
    expect(await verdictOf(pin)).toBe('right')
  })
})

describe('guessing', () => {
  test('locks a number out after ten wrong PINs, however many it was sent, and others not', async () => {
    const verdicts: string[] = []
    let pin = ''
    while (verdicts.length < 10) {
      pin = await sent()
      for (let n = 0; n < 3 && verdicts.length < 10; n++) verdicts.push(await verdictOf(wrong(pin, n)))
    }
    expect(verdicts).toEqual([...Array.from({ length: 3 }, () => ['wrong', 'wrong', 'gone']).flat(), 'wrong'])
    const before = await found()
    // Neither the right one is compared, nor what cannot be one.
    expect([await verdictOf(pin), await verdictOf('x')]).toEqual(['gone', 'gone'])
    expect(await begin()).toEqual({ status: 'locked', subscription: before!.subscription })
    expect(await found()).toEqual(before)
    expect(await verdictOf(await sent(SUBSCRIBER_TOO), SUBSCRIBER_TOO)).toBe('right')
    ctx.clock.ms += HOUR_MS
    expect(await verdictOf(await sent())).toBe('right')
  })

  test('in one campaign counts in the others of the account, and in no other account', async () => {
    await change({ attempts: 10 })
    const other = await addCallingCampaign(ctx, account)
    const pin = await sent()
    for (let n = 0; n < 10; n++) await verdictOf(wrong(pin, n))
    expect((await begin(SUBSCRIBER, other)).status).toBe('locked')
    const theirs = await callingCampaign(ctx, {}, { sid: 'other' })
    expect(await initiate(ctx, theirs, SUBSCRIBER)).toMatchObject({ status: 'pending_pin' })
  })

  test('by others, however much, keeps nobody from naming the right PIN, or from being sent one', async () => {
    await change({ pinsAnHour: 1_000 })
    const pin = await sent()
    for (let n = 0; n < 400; n++) {
      const msisdn = `+25479${String(n).padStart(7, '0')}`
      const theirs = await sent(msisdn)
      for (let attempt = 0; attempt < 3; attempt++) await verdictOf(wrong(theirs, attempt), msisdn)
    }
    expect(await verdictOf(pin)).toBe('right')
    expect(await begin(SUBSCRIBER_TOO)).toMatchObject({ status: 'pending_pin' })
  })
})

describe('leaving', () => {
  test('ends a subscription, and the PIN that was sent', async () => {
    const pin = await sent()
    ctx.clock.ms += 1_000
    const left = await unsubscribe(ctx, campaign, SUBSCRIBER)
    expect(left).toMatchObject({ state: 'unsubscribed', pin: undefined, unsubscribedAt: ctx.clock.ms })
    expect([await verdictOf(pin), await where()]).toEqual(['gone', 'unsubscribed'])
    ctx.clock.ms += 1_000
    expect(await unsubscribe(ctx, campaign, SUBSCRIBER)).toEqual(left)
    expect((await found())?.subscription).toEqual(left)
  })

  test('of a number that never came writes nothing', async () => {
    expect(await unsubscribe(ctx, campaign, SUBSCRIBER)).toBeUndefined()
    expect([await found(), await where()]).toEqual([undefined, 'none'])
  })

  test('at the same time as coming ends in one or the other, whole', async () => {
    const pin = await sent()
    const [verdict, left] = await Promise.all([verdictOf(pin), unsubscribe(ctx, campaign, SUBSCRIBER)])
    expect([verdict, left?.state, await where()]).toEqual(['right', 'unsubscribed', 'unsubscribed'])
  })
})

test('standing tells how the last PIN got there', async () => {
  await sent()
  await sent()
  const { status, sending, subscription } = await standing(ctx, campaign, SUBSCRIBER)
  const all = await ctx.store.sendings(campaign.id, 10)
  expect(all).toHaveLength(2)
  expect({ status, sending }).toEqual({ status: 'pending', sending: all[0] })
  expect(subscription).toEqual((await found())?.subscription)
})
