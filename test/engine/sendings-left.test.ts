import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import {
  type Campaign,
  type CampaignSettings,
  changeCampaign,
  type Means,
} from '../../src/engine/campaigns.ts'
import { abandonTry, beginSending, beginSpeaking, endTry } from '../../src/engine/sendings.ts'
import type { Sending } from '../../src/engine/subscription-store.ts'
import { unsubscribe } from '../../src/engine/subscriptions.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { callingCampaign, owePin, sendingOf, SUBSCRIBER } from '../support/sent-pins.ts'

const MINUTE_MS = 60_000
/** The defaults of a campaign. */
const [RETRY_MS, TTL_MS] = [30_000, 10 * MINUTE_MS]

let ctx: TestContext
let account: Account
let campaign: Campaign
let id: string
beforeEach(async () => {
  ctx = testContext()
  ;({ account, campaign } = await callingCampaign(ctx))
  await owe()
})
afterEach(() => ctx.store.close())

async function owe(): Promise<void> {
  ;({ id } = (await owePin(ctx, account, campaign)).sending)
}
const now = (): Promise<Sending> => sendingOf(ctx, { id, campaignId: campaign.id } as Sending)
const change = (wanted: Partial<CampaignSettings>) => changeCampaign(ctx, account, campaign.id, wanted)

describe('a try whose process is gone', () => {
  test('is followed by another one at once, though it was the last, as long as the PIN is good', async () => {
    await change({ tries: 1, retryMs: 60 * MINUTE_MS })
    for (let tries = 1; tries <= 3; tries++) {
      expect(await beginSending(ctx, id)).toBeDefined()
      ctx.clock.ms += MINUTE_MS
      await abandonTry(ctx, id)
      const dueAt = ctx.clock.ms
      expect(await now()).toMatchObject({ state: 'waiting', outcome: 'failed', tries, dueAt })
    }
    // A try that has ended counts as any other.
    expect(await beginSending(ctx, id)).toBeDefined()
    expect(await endTry(ctx, id, 'busy')).toMatchObject({ state: 'ended', outcome: 'busy', tries: 4 })
  })

  test('is followed by another one up to the last instant of its PIN, and by none from then on', async () => {
    ctx.clock.ms += TTL_MS - 1
    await beginSending(ctx, id)
    await abandonTry(ctx, id)
    expect(await now()).toMatchObject({ state: 'waiting', dueAt: ctx.clock.ms })
    expect(await beginSending(ctx, id)).toBeDefined()
    ctx.clock.ms += 1
    await abandonTry(ctx, id)
    expect(await now()).toMatchObject({ state: 'ended', outcome: 'failed', tries: 2, endedAt: ctx.clock.ms })
  })

  test('is the last one when nobody needs another', async () => {
    await beginSending(ctx, id)
    await unsubscribe(ctx, campaign, SUBSCRIBER)
    await abandonTry(ctx, id)
    expect(await now()).toMatchObject({ state: 'ended', outcome: 'not_needed' })
    await owe()
    await beginSending(ctx, id)
    await change({ status: 'paused' })
    await abandonTry(ctx, id)
    expect(await now()).toMatchObject({ state: 'ended', outcome: 'failed' })
  })

  test('is the last one when its digits were being said', async () => {
    await beginSending(ctx, id)
    await beginSpeaking(ctx, id)
    await abandonTry(ctx, id)
    expect(await now()).toMatchObject({ state: 'ended', outcome: 'hung_up', tries: 1 })
  })

  test('is none where none is under way', async () => {
    const before = await now()
    await abandonTry(ctx, id)
    expect(await now()).toEqual(before)
    await abandonTry(ctx, 'nobody')
  })
})

describe('a sending whose campaign has other means by now', () => {
  const GATEWAY: Means = {
    ...{ kind: 'webhook', url: 'https://sms.example/', contentType: 'text/plain', body: '{{pin}}' },
    headers: {},
  }
  const owed = async (means: Sending['means']) =>
    (await ctx.store.sendingsToMake(means, ctx.clock.ms, 9)).map((sending) => sending.id)

  test('waits for those, without a try of the old ones, and is made by them', async () => {
    const before = await now()
    await change({ means: GATEWAY })
    expect([await owed('call'), await owed('webhook')]).toEqual([[id], []])
    expect(await beginSending(ctx, id)).toBeUndefined()
    expect(await now()).toEqual({ ...before, means: 'webhook' })
    expect([await owed('call'), await owed('webhook')]).toEqual([[], [id]])
    expect(await beginSending(ctx, id)).toMatchObject({ sending: { tries: 1 }, campaign: { means: GATEWAY } })
  })

  test('keeps what it has of tries and waits as long as it would have', async () => {
    await beginSending(ctx, id)
    const before = await endTry(ctx, id, 'busy')
    await change({ means: GATEWAY })
    expect(await beginSending(ctx, id)).toBeUndefined()
    expect(await now()).toEqual(before)
    ctx.clock.ms += RETRY_MS
    expect(await beginSending(ctx, id)).toBeUndefined()
    expect(await now()).toEqual({ ...before, means: 'webhook' })
    expect(await beginSending(ctx, id)).toMatchObject({ sending: { tries: 2 } })
  })

  test('goes back with its campaign', async () => {
    await change({ means: GATEWAY })
    await beginSending(ctx, id)
    await change({ means: { kind: 'call' } })
    expect(await beginSending(ctx, id)).toBeUndefined()
    expect(await beginSending(ctx, id)).toMatchObject({ sending: { means: 'call', tries: 1 } })
  })

  test('ends all the same when its PIN is none or its campaign paused', async () => {
    await change({ means: GATEWAY, status: 'paused' })
    expect(await beginSending(ctx, id)).toBeUndefined()
    expect(await now()).toMatchObject({ state: 'ended', outcome: 'not_needed', tries: 0 })
  })

  test('is not changed while it is made', async () => {
    await beginSending(ctx, id)
    await change({ means: GATEWAY })
    expect(await beginSpeaking(ctx, id)).toBe(true)
    expect(await endTry(ctx, id, 'delivered')).toMatchObject({ means: 'call', outcome: 'delivered' })
  })
})
