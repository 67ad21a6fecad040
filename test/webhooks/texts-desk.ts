import { afterEach, beforeEach, expect } from '@jest/globals'
import { type CampaignSettings, type Means } from '../../src/engine/campaigns.ts'
import type { Context } from '../../src/engine/context.ts'
import type { Sending } from '../../src/engine/subscription-store.ts'
import type { Loop } from '../../src/loop.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { sendTexts, type TextAttempt, type TextsOptions } from '../../src/webhooks/texts.ts'
import { testContext } from '../support/context.ts'
import { addCallingCampaign, callingCampaign, owePin, sendingOf, type OwedPin } from '../support/sent-pins.ts'
import { until } from '../support/until.ts'
import { type Received, type Sink, webhookSink } from '../support/webhook-sink.ts'

type Webhook = Extract<Means, { kind: 'webhook' }>
type Gateway = Partial<Omit<Webhook, 'kind'>> & Pick<Webhook, 'url'>
export type OfGateway = Awaited<ReturnType<typeof callingCampaign>>

export const TEMPLATE = '{"to":"{{msisdn}}","text":"{{campaign}} {{pin}}"}'

function meansOf(gateway: Gateway): Webhook {
  return { kind: 'webhook', contentType: 'application/json', body: TEMPLATE, headers: {}, ...gateway }
}

/** A real store with campaigns whose PINs go to gateways, what sends them, and a clock that the test turns. */
export function textsDesk(file = ':memory:') {
  const ctx = { ...testContext(), store: openSqlite(file) }
  const attempts: TextAttempt[] = []
  const errors: unknown[] = []
  let running: Loop | undefined

  return {
    ctx,
    attempts,
    errors,
    /** An account with a campaign that sends there. */
    campaign(sid: string, gateway: Gateway, change: Partial<CampaignSettings> = {}): Promise<OfGateway> {
      return callingCampaign(ctx, { means: meansOf(gateway), ...change }, { sid })
    },
    /** Another campaign of the same account. */
    async campaignToo({ account }: OfGateway, gateway: Gateway): Promise<OfGateway> {
      return { account, campaign: await addCallingCampaign(ctx, account, { means: meansOf(gateway) }) }
    },
    /** Has PINs sent to so many numbers. */
    async owe({ account, campaign }: OfGateway, count = 1): Promise<OwedPin[]> {
      const owed: OwedPin[] = []
      for (let n = 0; n < count; n++)
        owed.push(await owePin(ctx, account, campaign, `+25470000${String(1_000 + n)}`))
      running?.wake()
      return owed
    },
    now: ({ sending }: OwedPin) => sendingOf(ctx, sending),
    start(options: Partial<TextsOptions & { store: Context['store'] }> = {}): Loop {
      const { store = ctx.store, ...rest } = options
      running = sendTexts({
        ctx: { ...ctx, store },
        allowPrivate: true,
        onAttempt: (attempt) => attempts.push(attempt),
        onError: (error) => errors.push(error),
        ...rest,
      })
      return running
    },
    /** Turns the clock, and has it looked at. */
    pass(ms: number): void {
      ctx.clock.ms += ms
      running?.wake()
    },
    async close(): Promise<void> {
      await running?.stop()
      await ctx.store.close()
    },
  }
}

type TextsDesk = ReturnType<typeof textsDesk>

/** For each test a gateway, a desk, and a campaign of the account acme that sends there. */
export function useTexts() {
  let sink: Sink
  let desk: TextsDesk
  let acme: OfGateway

  beforeEach(async () => {
    sink = await webhookSink()
    desk = textsDesk()
    acme = await desk.campaign('acme', { url: sink.url })
  })
  afterEach(async () => {
    sink.answer(204)
    sink.release(204)
    await desk.close()
    await sink.close()
  })

  return {
    sink: () => sink,
    desk: () => desk,
    acme: () => acme,
    /** Has a PIN sent. */
    one: async (of = acme): Promise<OwedPin> => (await desk.owe(of))[0]!,
    untilIs: (owed: OwedPin, wanted: Partial<Sending>) =>
      until(async () => expect(await desk.now(owed)).toMatchObject(wanted)),
    ids: (received: Received[]) => received.map(({ headers }) => headers['webhook-id']),
  }
}
