import { type Campaign, DEFAULT_CAMPAIGN } from '../../../src/engine/campaigns.ts'
import type { Blame } from '../../../src/engine/guard.ts'
import type { Store } from '../../../src/engine/store.ts'
import type {
  Sending,
  SentPin,
  Subscription,
  SubscriptionQuery,
  SubscriptionSeen,
} from '../../../src/engine/subscription-store.ts'
import { newId, T0 } from './given.ts'

export const MSISDN = '+4915201234567'
export const GUESSER = { caller: 'caller', place: 'place', way: 'way' }

function campaign(change: Partial<Campaign> = {}): Campaign {
  const names = { id: newId('campaign'), accountId: 'acme', name: 'News', service: '82777' }
  return { ...DEFAULT_CAMPAIGN, ...names, allowed: ['49'], createdAt: T0, ...change }
}

export async function addCampaign(store: Store, change: Partial<Campaign> = {}): Promise<Campaign> {
  const made = campaign(change)
  await store.addCampaign(made)
  return made
}

export function sentPin(change: Partial<SentPin> = {}): SentPin {
  return { digits: '01234', expiresAt: T0 + 600_000, wrong: 0, attempts: 3, ...change }
}

export function subscription(
  { id: campaignId, accountId }: Campaign,
  change: Partial<Subscription> = {},
): Subscription {
  return {
    ...{ id: newId('subscription'), accountId, campaignId, msisdn: MSISDN, state: 'pending_pin' },
    ...{ pin: sentPin(), subscriber: {}, createdAt: T0, subscribedAt: undefined, unsubscribedAt: undefined },
    ...change,
  }
}

export function sendingOf(to: Subscription, change: Partial<Sending> = {}): Sending {
  const { id: subscriptionId, accountId, campaignId, msisdn } = to
  return {
    ...{ id: newId('sending'), subscriptionId, accountId, campaignId, to: msisdn, means: 'call' },
    ...{ state: 'waiting', outcome: undefined, tries: 0, createdAt: T0, dueAt: T0, endedAt: undefined },
    ...change,
  }
}

type Sought = Pick<SubscriptionQuery, 'accountId' | 'campaignId' | 'msisdn'>
type Wanted = { save?: Subscription; endSending?: Sending; addSending?: Sending; blame?: Blame }

export function queryOf({ accountId, campaignId, msisdn }: Sought): SubscriptionQuery {
  return { accountId, campaignId, msisdn, guesser: GUESSER }
}

/** Writes what is wanted of this number in its campaign, and resolves to what was there before. */
export function write(store: Store, of: Sought, wanted: Wanted): Promise<SubscriptionSeen> {
  return store.changeSubscription(queryOf(of), (seen) => ({ ...wanted, result: seen }))
}

export function look(
  store: Store,
  of: Sought,
  counting?: SubscriptionQuery['counting'],
): Promise<SubscriptionSeen> {
  return store.changeSubscription({ ...queryOf(of), counting }, (seen) => ({ result: seen }))
}

/** A number in the campaign that was sent this, one after the other. */
export async function addSent(
  store: Store,
  of: Campaign,
  change: Partial<Subscription> = {},
  ...sendings: Partial<Sending>[]
): Promise<{ subscription: Subscription; sendings: Sending[] }> {
  const save = subscription(of, change)
  await write(store, save, { save })
  const sent = sendings.map((one) => sendingOf(save, one))
  for (const addSending of sent) await write(store, save, { addSending })
  return { subscription: save, sendings: sent }
}
