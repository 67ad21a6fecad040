import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Account, DEFAULT_SETTINGS } from '../../src/engine/accounts.ts'
import type { Campaign, CampaignSettings } from '../../src/engine/campaigns.ts'
import { beginSending, beginSpeaking, endTry } from '../../src/engine/sendings.ts'
import { isGood } from '../../src/engine/sent-pins.ts'
import { initiate, standing, validatePin } from '../../src/engine/subscriptions.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { callingCampaign, type OwedPin, owePin, sendingOf, SUBSCRIBER } from '../support/sent-pins.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

test('a PIN is good before it expires, unless it expires later than any that was sent by now', () => {
  const now = Date.UTC(2026, 0, 1)
  const good = (inMs: number) =>
    isGood({ digits: '12345', expiresAt: now + inMs, wrong: 0, attempts: 3 }, now)
  expect([-1, 0, 1, DAY_MS, DAY_MS + HOUR_MS, DAY_MS + HOUR_MS + 1, Infinity].map(good)).toEqual([
    ...[false, false, true, true, true, false, false],
  ])
  expect(isGood(undefined, now)).toBe(false)
})

describe('a clock that was ahead and is set right', () => {
  let ctx: TestContext
  let account: Account
  let campaign: Campaign
  let right: number
  beforeEach(() => {
    ctx = testContext()
    right = ctx.clock.ms
  })
  afterEach(() => ctx.store.close())

  const add = async (change: Partial<CampaignSettings> = {}, pinsADay = 5_000) => {
    const subscriptions = { ...DEFAULT_SETTINGS.subscriptions, pinsADay }
    ;({ account, campaign } = await callingCampaign(ctx, change, { settings: { subscriptions } }))
  }
  const owe = (msisdn = SUBSCRIBER) => owePin(ctx, account, campaign, msisdn)
  const begin = async (msisdn = SUBSCRIBER) => (await initiate(ctx, { campaign, account }, msisdn)).status
  const now = ({ sending }: OwedPin) => sendingOf(ctx, sending)

  describe('by a year', () => {
    beforeEach(async () => {
      await add()
      ctx.clock.ms += 365 * DAY_MS
    })

    test('leaves no PIN that may be named, nor one that is called for', async () => {
      const owed = await owe()
      ctx.clock.ms = right
      expect((await standing(ctx, campaign, SUBSCRIBER)).status).toBe('lapsed')
      expect((await validatePin(ctx, campaign, SUBSCRIBER, owed.digits)).verdict).toBe('gone')
      expect(await ctx.store.forgetSentPins(ctx.clock.ms, 9)).toBe(1)
      expect(await now(owed)).toMatchObject({ state: 'ended', outcome: 'not_needed', tries: 0 })
    })

    test('says nothing of one for which somebody is rung, and rings nobody again', async () => {
      const owed = await owe()
      await beginSending(ctx, owed.sending.id)
      ctx.clock.ms = right
      expect(await beginSpeaking(ctx, owed.sending.id)).toBe(false)
      expect(await endTry(ctx, owed.sending.id, 'busy')).toMatchObject({ state: 'ended', outcome: 'busy' })
    })

    test('has another one sent at once', async () => {
      const old = await owe()
      ctx.clock.ms = right
      const owed = await owe()
      expect(await now(old)).toMatchObject({ state: 'ended', outcome: 'not_needed' })
      expect(await beginSending(ctx, owed.sending.id)).toMatchObject({ digits: owed.digits })
      expect((await validatePin(ctx, campaign, SUBSCRIBER, owed.digits)).verdict).toBe('right')
    })
  })

  test('does not begin what fell due by a PIN that was sent a year ahead', async () => {
    await add()
    const owed = await owe()
    const { subscription } = (await ctx.store.findSubscription(campaign.id, SUBSCRIBER))!
    const query = { accountId: account.id, campaignId: campaign.id, msisdn: SUBSCRIBER }
    const guesser = { caller: undefined, place: '', way: undefined }
    await ctx.store.changeSubscription({ ...query, guesser }, () => ({
      save: { ...subscription, pin: { ...subscription.pin!, expiresAt: right + 365 * DAY_MS } },
      result: undefined,
    }))
    expect(await beginSending(ctx, owed.sending.id)).toBeUndefined()
    expect(await now(owed)).toMatchObject({ state: 'ended', outcome: 'not_needed', tries: 0 })
  })

  test.each<[string, Partial<CampaignSettings>, number]>([
    ['of a number', { pinsOfNumberADay: 3 }, 5_000],
    ['of a campaign', { pinsAnHour: 3 }, 5_000],
    ['of an account', {}, 3],
  ])('has used up no quota %s by more than an hour', async (_, change, pinsADay) => {
    await add(change, pinsADay)
    ctx.clock.ms += HOUR_MS + 1
    for (let n = 0; n < 3; n++) expect(await begin()).toBe('pending_pin')
    expect(await begin()).toBe('quota')
    // By an hour and less it may be right.
    ctx.clock.ms = right + 1
    expect(await begin()).toBe('quota')
    ctx.clock.ms = right
    for (let n = 0; n < 3; n++) expect(await begin()).toBe('pending_pin')
    expect(await begin()).toBe('quota')
  })
})
