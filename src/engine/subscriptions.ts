import type { Account } from './accounts.ts'
import type { Campaign } from './campaigns.ts'
import type { Context } from './context.ts'
import { destination } from './destinations.ts'
import { drawDigits } from './draw-digits.ts'
import { Refusal } from './errors.ts'
import { type Blame, blame, CLOCK_SLACK_MS, mayGuess, sentPinPlace, subscriberName } from './guard.ts'
import { overtaken } from './sendings.ts'
import { isGood } from './sent-pins.ts'
import type {
  Sending,
  SentPin,
  Subscription,
  SubscriptionQuery,
  SubscriptionSeen,
} from './subscription-store.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** What became of the wish that a PIN be sent. */
export type Initiated =
  /** `pending_pin`: it will be sent. `subscribed`: the number is subscribed already, and gets none. */
  | { status: 'pending_pin' | 'subscribed'; subscription: Subscription }
  /** `quota`: enough of them were sent. `locked`: too many wrong ones were named for this number. */
  | { status: 'quota' | 'locked'; subscription: Subscription | undefined }

/** A campaign and its account. */
export type OfCampaign = { campaign: Campaign; account: Account }

/**
 * A number in international form, with or without `+`, -> E.164. Returns Refusal 'invalid_number' for what is none, and
 * 'not_allowed_destination' unless the campaign allows its longest prefix (engine/destinations.ts), whatever the means: those who
 * are paid for what comes in on their numbers are paid for text messages too.
 */
export function msisdnOf({ campaign, account }: OfCampaign, written: string): string | Refusal {
  if (!/^\+?[1-9]\d{6,14}$/.test(written))
    return new Refusal('invalid_number', 'no number in international form')
  const { country, cards } = account.settings
  return destination(`+${written.replace('+', '')}`, {
    country,
    cards: { ...cards, allowed: campaign.allowed },
  })
}

/**
 * Has a new PIN sent to a number; the one before is none from now on. It is written down together with what is owed for it, so
 * that it is sent whatever happens. Throws nothing; a campaign that is paused is for the caller to see.
 */
export async function initiate(
  ctx: Context,
  { campaign, account }: OfCampaign,
  msisdn: string,
  subscriber: Readonly<Record<string, string>> = {},
): Promise<Initiated> {
  const now = ctx.now()
  // Clients take PINs for numbers, and would lose a leading zero.
  const [digits] = drawDigits(ctx.randomInt, campaign.pinLength, 1, { leadingZero: false })
  if (digits === undefined) throw new Error('no PIN could be drawn')
  const pin: SentPin = { digits, expiresAt: now + campaign.pinTtlMs, wrong: 0, attempts: campaign.attempts }
  const ids = { subscription: ctx.newId(), sending: ctx.newId() }
  const { number, campaign: ofCampaign, account: ofAccount } = quotas({ campaign, account })
  const counting = {
    until: now + CLOCK_SLACK_MS,
    number: { since: now - DAY_MS, limit: number },
    campaign: { since: now - HOUR_MS, limit: ofCampaign },
    account: { since: now - DAY_MS, limit: ofAccount },
  }
  return ctx.store.changeSubscription({ ...queryOf(campaign, msisdn), counting }, (seen): Initiating => {
    const { subscription: old, sending, sent, suspicion } = seen
    if (old?.state === 'subscribed') return { result: { status: 'subscribed', subscription: old } }
    if (!mayGuess(suspicion, digits, now)) return { result: { status: 'locked', subscription: old } }
    if (sent.number >= number || sent.campaign >= ofCampaign || sent.account >= ofAccount)
      return { result: { status: 'quota', subscription: old } }
    const begun = { ...ids, msisdn, pin, subscriber, now }
    const save = pending(campaign, old, begun)
    const addSending = newSending(campaign, save, begun)
    const endSending = sending && overtaken(sending, now)
    return { save, endSending, addSending, result: { status: 'pending_pin', subscription: save } }
  })
}

type Initiating = Changing<Initiated>
type Changing<R> = {
  save?: Subscription
  endSending?: Sending | undefined
  addSending?: Sending | undefined
  blame?: Blame | undefined
  result: R
}

function quotas({ campaign, account }: OfCampaign) {
  const { pinsOfNumberADay, pinsAnHour } = campaign
  return { number: pinsOfNumberADay, campaign: pinsAnHour, account: account.settings.subscriptions.pinsADay }
}

type Begun = Pick<Subscription, 'msisdn' | 'subscriber'> & {
  subscription: string
  sending: string
  pin: SentPin
  now: number
}

function pending(campaign: Campaign, old: Subscription | undefined, begun: Begun): Subscription {
  const { subscription: id, msisdn, pin, subscriber, now } = begun
  const { id: campaignId, accountId } = campaign
  const fresh = { id, accountId, campaignId, msisdn, createdAt: now, unsubscribedAt: undefined }
  // Who has left and comes back is the same number of the same campaign.
  return { ...(old ?? fresh), state: 'pending_pin', pin, subscriber, subscribedAt: undefined }
}

function newSending({ means }: Campaign, subscription: Subscription, { sending: id, now }: Begun): Sending {
  const { id: subscriptionId, accountId, campaignId, msisdn: to } = subscription
  return {
    ...{ id, subscriptionId, accountId, campaignId, to, means: means.kind },
    ...{ state: 'waiting', outcome: undefined, tries: 0, createdAt: now, dueAt: now, endedAt: undefined },
  }
}

/**
 * What a PIN was: `right`, and the number is subscribed; `wrong`, and another may be named; `gone`: there is none, as it was used,
 * has expired, another was sent, or too many wrong ones have been named, of which this may be the last.
 */
export type PinAnswer = { verdict: 'right' | 'wrong' | 'gone'; subscription: Subscription | undefined }

/** Compares a PIN with the one that the number was sent. A right one is right once; what cannot be one is not compared. */
export async function validatePin(
  ctx: Context,
  campaign: Campaign,
  msisdn: string,
  pin: string,
): Promise<PinAnswer> {
  const now = ctx.now()
  return ctx.store.changeSubscription(queryOf(campaign, msisdn), (seen) => validating(seen, pin, now))
}

/** The rule behind `validatePin`. */
function validating(seen: SubscriptionSeen, pin: string, now: number): Changing<PinAnswer> {
  const { subscription, sending, suspicion } = seen
  const sent = subscription?.pin
  if (!subscription || !isGood(sent, now)) return { result: { verdict: 'gone', subscription } }
  // Nothing is compared then, so that it costs nothing: others' wrong PINs must not lock out whoever has the right one.
  if (!mayGuess(suspicion, sent.digits, now)) return { result: { verdict: 'gone', subscription } }
  if (!/^\d{4,9}$/.test(pin)) return { result: { verdict: 'wrong', subscription } }
  if (pin === sent.digits) {
    const save: Subscription = { ...subscription, state: 'subscribed', pin: undefined, subscribedAt: now }
    return { save, endSending: notNeeded(sending, now), result: { verdict: 'right', subscription: save } }
  }
  const wrong = sent.wrong + 1
  const gone = wrong >= sent.attempts
  const save = { ...subscription, pin: gone ? undefined : { ...sent, wrong } }
  return {
    save,
    endSending: gone ? notNeeded(sending, now) : undefined,
    blame: blame(suspicion, sent.digits, now),
    result: { verdict: gone ? 'gone' : 'wrong', subscription: save },
  }
}

/** Nobody is called for a PIN that is none any more. Who hears it just now may hear it to its end. */
function notNeeded(sending: Sending | undefined, now: number): Sending | undefined {
  return sending && sending.state !== 'speaking' ? overtaken(sending, now) : undefined
}

/** Ends a subscription, or the wish for one. Resolves to it; undefined when there was none, which is as good. */
export async function unsubscribe(
  ctx: Context,
  campaign: Campaign,
  msisdn: string,
): Promise<Subscription | undefined> {
  const now = ctx.now()
  return ctx.store.changeSubscription<Subscription | undefined>(queryOf(campaign, msisdn), (seen) => {
    const { subscription, sending } = seen
    if (!subscription || subscription.state === 'unsubscribed') return { result: subscription }
    const save: Subscription = { ...subscription, state: 'unsubscribed', pin: undefined, unsubscribedAt: now }
    return { save, endSending: sending && overtaken(sending, now), result: save }
  })
}

/** Where a number stands. */
export type Standing = {
  /** `lapsed`: waits for a PIN, and has none that is good. `none`: never was sent one. */
  status: 'active' | 'pending' | 'lapsed' | 'unsubscribed' | 'none'
  subscription: Subscription | undefined
  /** How the last PIN got there. */
  sending: Sending | undefined
}

/** Looks where a number stands in a campaign; changes nothing. */
export async function standing(ctx: Context, campaign: Campaign, msisdn: string): Promise<Standing> {
  const found = await ctx.store.findSubscription(campaign.id, msisdn)
  if (!found) return { status: 'none', subscription: undefined, sending: undefined }
  return { status: statusOf(found.subscription, ctx.now()), ...found }
}

function statusOf({ state, pin }: Subscription, now: number): Standing['status'] {
  if (state === 'subscribed') return 'active'
  if (state === 'unsubscribed') return state
  return isGood(pin, now) ? 'pending' : 'lapsed'
}

/**
 * Wrong ones count for the number, wherever in the account they are named, and for the PIN that it was sent. Not for the account's
 * clients together: anybody at a client's form could use that up for everybody, and attempts and quotas bound what guessing can win.
 */
function queryOf({ id: campaignId, accountId }: Campaign, msisdn: string): SubscriptionQuery {
  const guesser = {
    caller: subscriberName(accountId, msisdn),
    place: sentPinPlace(campaignId, msisdn),
    way: undefined,
  }
  return { accountId, campaignId, msisdn, guesser }
}
