import type { Account, AccountSettings } from '../../src/engine/accounts.ts'
import {
  addCampaign,
  type Campaign,
  type CampaignSettings,
  DEFAULT_CAMPAIGN,
} from '../../src/engine/campaigns.ts'
import type { Context } from '../../src/engine/context.ts'
import type { Sending } from '../../src/engine/subscription-store.ts'
import { initiate } from '../../src/engine/subscriptions.ts'
import { testAccount } from './context.ts'

/** Whoever is sent PINs, and another one. */
export const SUBSCRIBER = '+254700000000'
export const SUBSCRIBER_TOO = '+254700000001'

/** An account, and a campaign of it that calls numbers in Kenya. */
export async function callingCampaign(
  ctx: Context,
  change: Partial<CampaignSettings> = {},
  { sid = 'acme', settings = {} }: { sid?: string; settings?: Partial<AccountSettings> } = {},
): Promise<{ account: Account; campaign: Campaign }> {
  const account = await testAccount(ctx, { sid, settings, ...(sid !== 'acme' && { vns: [] }) })
  return { account, campaign: await addCallingCampaign(ctx, account, change) }
}

/** Its quotas are in nobody's way. */
export async function addCallingCampaign(
  ctx: Context,
  account: Account,
  change: Partial<CampaignSettings> = {},
): Promise<Campaign> {
  const wide = { pinsOfNumberADay: 1_000, pinsAnHour: 100_000, allowed: ['254'] }
  const named = { name: 'Test Campaign', service: '12345' }
  return addCampaign(ctx, account, { ...DEFAULT_CAMPAIGN, ...wide, ...named, ...change })
}

/** A PIN that is owed to a number, and how it is to get there. */
export type OwedPin = { digits: string; sending: Sending }

/** As an API has it sent. */
export async function owePin(
  ctx: Context,
  account: Account,
  campaign: Campaign,
  msisdn = SUBSCRIBER,
): Promise<OwedPin> {
  const { status } = await initiate(ctx, { campaign, account }, msisdn)
  const found = await ctx.store.findSubscription(campaign.id, msisdn)
  if (status !== 'pending_pin' || !found?.subscription.pin || !found.sending)
    throw new Error(`nothing is sent: ${status}`)
  return { digits: found.subscription.pin.digits, sending: found.sending }
}

/** As it is now. */
export async function sendingOf({ store }: Context, { id, campaignId }: Sending): Promise<Sending> {
  const sending = (await store.sendings(campaignId, 10_000)).find((one) => one.id === id)
  if (!sending) throw new Error('there is no such sending')
  return sending
}
