import type { Account } from '../../../src/engine/accounts.ts'
import type { Campaign } from '../../../src/engine/campaigns.ts'
import type { Context } from '../../../src/engine/context.ts'
import { beginSending, beginSpeaking, endTry } from '../../../src/engine/sendings.ts'
import { initiate, unsubscribe, validatePin } from '../../../src/engine/subscriptions.ts'

/** A number of which something is wanted, time and again. */
export type Party = { ctx: Context; account: Account; campaign: Campaign; msisdn: string }

/** What was sent to it last. */
async function sendingOf({ ctx, campaign, msisdn }: Party): Promise<string> {
  const { sending } = (await ctx.store.findSubscription(campaign.id, msisdn)) ?? {}
  if (!sending) throw new Error('nothing was sent')
  return sending.id
}

/** A PIN that is not this one. */
export function wrongPin(digits: string): string {
  return digits.startsWith('1') ? `2${digits.slice(1)}` : `1${digits.slice(1)}`
}

async function name(party: Party, pinOf: (digits: string) => string): Promise<void> {
  const { ctx, campaign, msisdn } = party
  const found = await ctx.store.findSubscription(campaign.id, msisdn)
  await validatePin(ctx, campaign, msisdn, pinOf(found?.subscription.pin?.digits ?? '00000'))
}

/**
 * What happens to a number, one after the other, and what is there once it has: of the subscription, of its PIN, and of the sending.
 * No two of them leave the same.
 */
export const STEPS: { leaves: string; take: (party: Party) => Promise<unknown> }[] = [
  { leaves: 'pending_pin, 0 wrong, waiting', take: (of) => initiate(of.ctx, of, of.msisdn) },
  { leaves: 'pending_pin, 1 wrong, waiting', take: (of) => name(of, wrongPin) },
  {
    leaves: 'pending_pin, 1 wrong, trying 1',
    take: async (of) => beginSending(of.ctx, await sendingOf(of)),
  },
  {
    leaves: 'pending_pin, 1 wrong, waiting 1 busy',
    take: async (of) => endTry(of.ctx, await sendingOf(of), 'busy'),
  },
  { leaves: 'pending_pin, 2 wrong, waiting 1 busy', take: (of) => name(of, wrongPin) },
  {
    leaves: 'pending_pin, 2 wrong, trying 2 busy',
    take: async (of) => beginSending(of.ctx, await sendingOf(of)),
  },
  {
    leaves: 'pending_pin, 2 wrong, speaking 2 busy',
    take: async (of) => beginSpeaking(of.ctx, await sendingOf(of)),
  },
  { leaves: 'subscribed, no PIN, speaking 2 busy', take: (of) => name(of, (digits) => digits) },
  {
    leaves: 'subscribed, no PIN, ended 2 delivered',
    take: async (of) => endTry(of.ctx, await sendingOf(of), 'delivered'),
  },
  {
    leaves: 'unsubscribed, no PIN, ended 2 delivered',
    take: (of) => unsubscribe(of.ctx, of.campaign, of.msisdn),
  },
]

/** What is there of a number, in the words of STEPS; 'nothing' before the first of them. */
export async function stateOf({ ctx, campaign, msisdn }: Party): Promise<string> {
  const found = await ctx.store.findSubscription(campaign.id, msisdn)
  if (!found) return 'nothing'
  const { subscription, sending } = found
  const pin = subscription.pin ? `${subscription.pin.wrong} wrong` : 'no PIN'
  const how = sending && [sending.state, sending.tries || '', sending.outcome ?? ''].join(' ').trim()
  return `${subscription.state}, ${pin}, ${how ?? 'none'}`
}
