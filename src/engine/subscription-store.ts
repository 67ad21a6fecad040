import type { Account } from './accounts.ts'
import type { Campaign } from './campaigns.ts'
import type { Blame, Guesser, Suspicion } from './guard.ts'

/** A PIN that was sent to somebody, who alone may name it. */
export type SentPin = {
  digits: string
  /** From this instant on it is good for nothing. */
  expiresAt: number
  /** How many wrong ones have been compared with it, and how many may be; the last of them ends it. */
  wrong: number
  attempts: number
}

/** A number in a campaign. There is one row for each that was ever sent a PIN. */
export type Subscription = {
  /** UUID. Clients know it as their reference. */
  id: string
  accountId: string
  campaignId: string
  /** E.164. */
  msisdn: string
  /** `pending_pin` also when its PIN is no longer there: another one may be sent. */
  state: SubscriptionState
  /** Undefined once it was used, has expired, was guessed at too often, or is not wanted any more. */
  pin: SentPin | undefined
  /** What the client said of the subscriber when it asked for the PIN, as text or JSON. */
  subscriber: Readonly<Record<string, string>>
  createdAt: number
  subscribedAt: number | undefined
  unsubscribedAt: number | undefined
}

export const SUBSCRIPTION_STATES = ['pending_pin', 'subscribed', 'unsubscribed'] as const
export type SubscriptionState = (typeof SUBSCRIPTION_STATES)[number]

/** How a PIN gets, or got, to its subscriber: one call, or one request to a gateway, and others where that failed. */
export type Sending = {
  /** UUID. */
  id: string
  subscriptionId: string
  accountId: string
  campaignId: string
  /** E.164. */
  to: string
  /** Those of its campaign, as they were when it was made or a try was last due. */
  means: 'call' | 'webhook'
  state: SendingState
  /**
   * How it has ended, or how the last try did. `not_needed` before the end: the PIN is none any more, and whoever is being called
   * for it shall be left alone.
   */
  outcome: SendingOutcome | undefined
  /** How many have been begun. */
  tries: number
  createdAt: number
  /** While it waits: not before this instant. */
  dueAt: number
  endedAt: number | undefined
}

/** `speaking`: the digits are being said; whoever is called then is not called again for this PIN. */
export type SendingState = 'waiting' | 'trying' | 'speaking' | 'ended'

export type SendingOutcome =
  /** Its digits were said to their end once at least; the gateway has taken it. */
  | 'delivered'
  | 'busy'
  | 'no_answer'
  /** Answered, and nobody pressed a key: perhaps a machine. */
  | 'no_key'
  /** Answered, and left before the digits were at their end. */
  | 'hung_up'
  /** The gateway does not want it, or the subscriber has rejected the call (SIP 603); asking again would be in vain. */
  | 'refused'
  | 'failed'
  | 'not_needed'

/** What is there when something is wanted of a subscription. */
export type SubscriptionSeen = {
  subscription: Subscription | undefined
  /** The last one for it. */
  sending: Sending | undefined
  suspicion: Suspicion
  /** How many PINs were sent since the instants of the query, counted no further than its limits. */
  sent: SentCounts
}

/** To the number in all campaigns of the account; in the campaign; of the account. */
export type SentCounts = Record<'number' | 'campaign' | 'account', number>

export type SubscriptionQuery = {
  accountId: string
  campaignId: string
  /** E.164. */
  msisdn: string
  guesser: Guesser
  /**
   * What to count, from instants on and up to `until`, itself included: what lies further ahead a clock has written that was wrong.
   * Undefined: nothing, and `sent` is 0.
   */
  counting?: ({ until: number } & Record<keyof SentCounts, { since: number; limit: number }>) | undefined
}

/** Campaigns, and the PINs that are sent in them. Each method is one transaction; rules as with Store. */
export interface SubscriptionStore {
  /** Throws Refusal 'duplicates' when any account has a campaign of this id. */
  addCampaign(campaign: Campaign): Promise<void>
  changeCampaign<R>(
    accountId: string,
    id: string,
    decide: (campaign: Campaign | undefined) => { save?: Campaign; result: R },
  ): Promise<R>
  findCampaign(id: string): Promise<{ campaign: Campaign; account: Account } | undefined>
  /** Of one account, or all; by the instant they were made, then by id. */
  campaigns(accountId?: string): Promise<Campaign[]>
  /** How many numbers of the campaign are in each state. */
  subscriptionCounts(campaignId: string): Promise<Record<SubscriptionState, number>>

  /**
   * Decides about a number in a campaign, by an account that is still there. `endSending` is the last one, changed; `addSending`
   * a new one.
   */
  changeSubscription<R>(
    query: SubscriptionQuery,
    decide: (seen: SubscriptionSeen) => {
      save?: Subscription
      endSending?: Sending | undefined
      addSending?: Sending | undefined
      blame?: Blame | undefined
      result: R
    },
  ): Promise<R>
  findSubscription(
    campaignId: string,
    msisdn: string,
  ): Promise<{ subscription: Subscription; sending: Sending | undefined } | undefined>
  /**
   * Takes PINs that are not good at `now` (sent-pins.ts) out of the database, at most `limit`, those that have expired first, and
   * ends the sendings that wait to bring them; resolves to how many PINs.
   */
  forgetSentPins(now: number, limit: number): Promise<number>

  changeSending<R>(
    id: string,
    decide: (seen: { sending: Sending; subscription: Subscription; campaign: Campaign } | undefined) => {
      save?: Sending
      result: R
    },
  ): Promise<R>
  /**
   * Those that were begun and have not ended, then those that are due at `now`, at most so many of each campaign; of the latter
   * first what has been due longest.
   */
  sendingsToMake(means: Sending['means'], now: number, ofEach: number): Promise<Sending[]>
  /** Of a campaign, newest first. */
  sendings(campaignId: string, limit: number): Promise<Sending[]>
}
