import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { type Campaign, type CampaignSettings, changeCampaign } from '../../src/engine/campaigns.ts'
import { beginSending, beginSpeaking, endTry } from '../../src/engine/sendings.ts'
import type { Sending, SendingOutcome } from '../../src/engine/subscription-store.ts'
import { initiate, unsubscribe, validatePin } from '../../src/engine/subscriptions.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { callingCampaign, owePin, sendingOf, SUBSCRIBER } from '../support/sent-pins.ts'

const MINUTE_MS = 60_000
/** The defaults of a campaign. */
const [RETRY_MS, TTL_MS, TRIES] = [30_000, 10 * MINUTE_MS, 3]

let ctx: TestContext
let account: Account
let campaign: Campaign
let digits: string
let id: string
beforeEach(async () => {
  ctx = testContext()
  ;({ account, campaign } = await callingCampaign(ctx))
  await owe()
})
afterEach(() => ctx.store.close())

async function owe(): Promise<Sending> {
  const owed = await owePin(ctx, account, campaign)
  ;({ digits } = owed)
  ;({ id } = owed.sending)
  return owed.sending
}

const now = async (of = id): Promise<Sending> =>
  sendingOf(ctx, { id: of, campaignId: campaign.id } as Sending)
const due = async () =>
  (await ctx.store.sendingsToMake('call', ctx.clock.ms, 10)).map(({ id: one, state }) => `${one} ${state}`)
const change = (wanted: Partial<CampaignSettings>) => changeCampaign(ctx, account, campaign.id, wanted)
/** A try that ends so, made as soon as it is due. */
async function tryOnce(outcome: SendingOutcome): Promise<Sending | undefined> {
  ctx.clock.ms = Math.max(ctx.clock.ms, (await now()).dueAt)
  expect(await beginSending(ctx, id)).toBeDefined()
  return endTry(ctx, id, outcome)
}

describe('a try', () => {
  test('is written down before it is made, with all that it needs', async () => {
    const owed = await now()
    expect(owed).toMatchObject({ state: 'waiting', tries: 0, to: SUBSCRIBER, dueAt: ctx.clock.ms })
    const begun = await beginSending(ctx, id)
    expect(begun).toMatchObject({ digits, campaign, subscription: { msisdn: SUBSCRIBER } })
    expect(begun?.sending).toEqual({ ...owed, state: 'trying', tries: 1 })
    expect(await now()).toEqual(begun?.sending)
  })

  test('is begun once, by however many at once', async () => {
    const begun = await Promise.all(Array.from({ length: 20 }, () => beginSending(ctx, id)))
    expect(begun.filter((one) => one !== undefined)).toHaveLength(1)
    expect((await now()).tries).toBe(1)
  })

  test('is not made of a sending that is not there', async () => {
    expect(await beginSending(ctx, 'nothing')).toBeUndefined()
    expect(await beginSpeaking(ctx, 'nothing')).toBe(false)
    expect(await endTry(ctx, 'nothing', 'failed')).toBeUndefined()
  })

  test.each<SendingOutcome>(['busy', 'no_answer', 'failed'])(
    'that was %s is made again when that is due, as often as the campaign says',
    async (outcome) => {
      for (let tries = 1; tries < TRIES; tries++) {
        const dueAt = ctx.clock.ms + RETRY_MS
        expect(await tryOnce(outcome)).toMatchObject({ state: 'waiting', outcome, tries, dueAt })
        ctx.clock.ms = dueAt - 1
        expect([await due(), await beginSending(ctx, id)]).toEqual([[], undefined])
        ctx.clock.ms = dueAt
        expect(await due()).toEqual([`${id} waiting`])
      }
      const endedAt = ctx.clock.ms
      expect(await tryOnce(outcome)).toMatchObject({ state: 'ended', outcome, tries: TRIES, endedAt })
      ctx.clock.ms += RETRY_MS
      expect([await due(), await beginSending(ctx, id)]).toEqual([[], undefined])
    },
  )

  test.each<SendingOutcome>(['delivered', 'no_key', 'hung_up', 'refused', 'not_needed'])(
    'that was %s is the last',
    async (outcome) => {
      expect(await tryOnce(outcome)).toMatchObject({ state: 'ended', outcome, endedAt: ctx.clock.ms })
      ctx.clock.ms += RETRY_MS
      expect(await beginSending(ctx, id)).toBeUndefined()
    },
  )

  test('is not made again when its PIN would be none by then', async () => {
    ctx.clock.ms += TTL_MS - RETRY_MS
    expect(await tryOnce('busy')).toMatchObject({ state: 'ended', outcome: 'busy' })
    await owe()
    ctx.clock.ms += TTL_MS - RETRY_MS - 1
    expect(await tryOnce('busy')).toMatchObject({ state: 'waiting', dueAt: ctx.clock.ms + RETRY_MS })
  })

  test('is not made at all once its PIN has expired, whether or not that was swept', async () => {
    ctx.clock.ms += TTL_MS
    expect(await due()).toEqual([`${id} waiting`])
    expect(await beginSending(ctx, id)).toBeUndefined()
    expect(await now()).toMatchObject({ state: 'ended', outcome: 'not_needed', tries: 0 })
    await owe()
    ctx.clock.ms += TTL_MS
    expect(await ctx.store.forgetSentPins(ctx.clock.ms, 10)).toBe(1)
    expect(await beginSending(ctx, id)).toBeUndefined()
    expect(await now()).toMatchObject({ state: 'ended', outcome: 'not_needed', tries: 0 })
  })

  test('is not made while the campaign is paused, and not again afterwards', async () => {
    await change({ status: 'paused' })
    expect(await beginSending(ctx, id)).toBeUndefined()
    expect(await now()).toMatchObject({ state: 'ended', outcome: 'not_needed', tries: 0 })
    await change({ status: 'active' })
    await owe()
    expect(await beginSending(ctx, id)).toBeDefined()
    await change({ status: 'paused' })
    expect(await endTry(ctx, id, 'busy')).toMatchObject({ state: 'ended', outcome: 'busy' })
  })

  test('follows what the campaign says of tries by then', async () => {
    await change({ tries: 1 })
    expect(await tryOnce('busy')).toMatchObject({ state: 'ended', tries: 1 })
  })

  test('ends once: what comes later changes nothing', async () => {
    const waits = await tryOnce('busy')
    expect(await endTry(ctx, id, 'failed')).toEqual(waits)
    ctx.clock.ms += RETRY_MS
    const over = await tryOnce('delivered')
    expect(await endTry(ctx, id, 'failed')).toEqual(over)
    expect(await now()).toEqual(over)
  })

  test('does not end before it began, though the clock was set back', async () => {
    expect(await beginSending(ctx, id)).toBeDefined()
    const { createdAt } = await now()
    ctx.clock.ms -= 3_600_000
    expect(await endTry(ctx, id, 'delivered')).toMatchObject({ state: 'ended', endedAt: createdAt })
  })
})

describe('speaking', () => {
  test('is written down, and comes after a try was begun', async () => {
    expect(await beginSpeaking(ctx, id)).toBe(false)
    expect(await now()).toMatchObject({ state: 'waiting' })
    await beginSending(ctx, id)
    expect(await beginSpeaking(ctx, id)).toBe(true)
    expect(await now()).toMatchObject({ state: 'speaking', tries: 1 })
    // A second round.
    expect(await beginSpeaking(ctx, id)).toBe(true)
  })

  test.each<SendingOutcome>(['busy', 'no_answer', 'failed', 'hung_up', 'delivered'])(
    'that was %s is the last of it',
    async (outcome) => {
      await beginSending(ctx, id)
      await beginSpeaking(ctx, id)
      expect(await endTry(ctx, id, outcome)).toMatchObject({ state: 'ended', outcome })
      expect(await beginSpeaking(ctx, id)).toBe(false)
    },
  )

  test('is not begun of a PIN that expired while it rang', async () => {
    ctx.clock.ms += TTL_MS - 1
    expect(await beginSending(ctx, id)).toMatchObject({ digits })
    ctx.clock.ms += 1
    expect(await beginSpeaking(ctx, id)).toBe(false)
    expect(await now()).toMatchObject({ state: 'trying' })
    expect(await endTry(ctx, id, 'not_needed')).toMatchObject({ state: 'ended', outcome: 'not_needed' })
  })

  test('is not begun of a PIN that was swept while it rang', async () => {
    await beginSending(ctx, id)
    ctx.clock.ms += TTL_MS
    await ctx.store.forgetSentPins(ctx.clock.ms, 10)
    ctx.clock.ms -= TTL_MS
    expect(await beginSpeaking(ctx, id)).toBe(false)
  })
})

describe('a PIN that is none any more', () => {
  const wrong = () => (digits === '99998' ? '99997' : '99998')
  const ways: [string, () => Promise<unknown>][] = [
    ['was replaced', () => initiate(ctx, { campaign, account }, SUBSCRIBER)],
    ['is not wanted', () => unsubscribe(ctx, campaign, SUBSCRIBER)],
    ['was right', () => validatePin(ctx, campaign, SUBSCRIBER, digits)],
    [
      'was guessed at too often',
      async () => {
        for (let n = 0; n < 3; n++) await validatePin(ctx, campaign, SUBSCRIBER, wrong())
      },
    ],
  ]

  test.each(ways)('as it %s: the sending that waits has ended', async (_, end) => {
    await end()
    expect(await now()).toMatchObject({
      state: 'ended',
      outcome: 'not_needed',
      endedAt: ctx.clock.ms,
      tries: 0,
    })
    expect(await beginSending(ctx, id)).toBeUndefined()
  })

  test.each(ways)('as it %s: the one that rings says so, says nothing, and ends', async (_, end) => {
    await beginSending(ctx, id)
    await end()
    expect(await now()).toMatchObject({ state: 'trying', outcome: 'not_needed', endedAt: undefined })
    expect(await beginSpeaking(ctx, id)).toBe(false)
    expect(await endTry(ctx, id, 'busy')).toMatchObject({ state: 'ended', outcome: 'not_needed', tries: 1 })
  })

  test.each(ways)('as it %s: what had arrived by then has arrived', async (_, end) => {
    await beginSending(ctx, id)
    await end()
    expect(await endTry(ctx, id, 'delivered')).toMatchObject({ state: 'ended', outcome: 'delivered' })
  })

  // Who has heard enough of it to use it up may hear the rest; of another's or an unwanted one nobody shall hear more.
  test.each(ways)('as it %s while it is said', async (how, end) => {
    await beginSending(ctx, id)
    await beginSpeaking(ctx, id)
    await end()
    const stops = how === 'was replaced' || how === 'is not wanted'
    expect(await now()).toMatchObject({ state: 'speaking', outcome: stops ? 'not_needed' : undefined })
    expect(await beginSpeaking(ctx, id)).toBe(false)
    expect(await endTry(ctx, id, 'hung_up')).toMatchObject({ outcome: stops ? 'not_needed' : 'hung_up' })
  })

  test('leaves a sending as it is that has ended', async () => {
    const over = await tryOnce('delivered')
    ctx.clock.ms += 1_000
    await initiate(ctx, { campaign, account }, SUBSCRIBER)
    await unsubscribe(ctx, campaign, SUBSCRIBER)
    expect(await now()).toEqual(over)
  })
})
