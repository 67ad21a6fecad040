import { type CardSettings, DEFAULT_CARD_SETTINGS } from './card-settings.ts'
import type { EventType } from './events.ts'

/** In which vendor's words a credential speaks. */
export type Dialect = 'greenpin' | 'stealthnet' | '42com' | 'mor' | 'mobivate'

/** How the other party's numbers are rung: one after another, or together with the first answer winning. */
export type RingStrategy = 'in_turn' | 'all'

/** What an account chooses for all its allocations and calls. */
export type AccountSettings = {
  /** ISO 3166-1 alpha-2: whose national numbers are understood without a country code. */
  country: string
  /** Whether numbers of other countries are accepted. */
  internationalNumbers: boolean
  /** IANA time zone in which instants are written for this account. */
  timeZone: string
  /** Whether callers whom party A or B lists must key their party's PIN all the same. */
  pinEnabled: { a: boolean; b: boolean }
  /** Digits of a generated PIN, 1 to 9. */
  pinLength: { a: number; b: number }
  /** Longest life of an allocation and its default, in milliseconds; null lets them live until they are ended. */
  maxAllocationMs: number | null
  /** How long a PIN stays reserved after its allocation has ended, in milliseconds, 0 to a day. */
  coolOffMs: number
  ringStrategy: RingStrategy
  /** How long one number rings, in milliseconds. */
  ringMs: number
  /** Longest talk, in milliseconds; Asterisk itself ends the call then. */
  maxTalkMs: number
  /** How often a caller may try a PIN in one call. */
  pinAttempts: number
  /** Whether talks are recorded, from the moment the two are joined. */
  recordTalks: boolean
  /** Whether both are told so first thing; of use only with `recordTalks`. */
  announceRecording: boolean
  /** How long a recording is kept, in milliseconds. A change holds for the calls that follow. */
  keepRecordingsMs: number
  /** Where each event is POSTed; an event without a receiver is not kept for delivery. */
  endpoints: Partial<Record<EventType, string>>
  /** Of its prepaid cards. */
  cards: CardSettings
  /** Of its campaigns. */
  subscriptions: SubscriptionSettings
}

/** What an account chooses for the PINs that it has sent to people. */
export type SubscriptionSettings = {
  /** Whether its clients must sign with their secret: Mobivate's own signature is made of names alone, and good for ever. */
  strongSignature: boolean
  /** PINs in all of its campaigns within any 24 hours, 0 to 1,000,000. */
  pinsADay: number
}

/** The API customer who owns numbers, allocations and later cards. */
export type Account = {
  id: string
  /** The name by which dialects address the account in a URL. */
  sid: string
  name: string
  settings: AccountSettings
  /** Standard Webhooks secret, `whsec_` and base64 of 24 to 64 bytes. */
  webhookSecret: string
}

/**
 * A way to log in. The secret is shown once. Kept is its hash, or where a dialect signs with the secret and sends it never
 * (`42com`, `mor`, `mobivate`), what it signs with: whoever reads the database could sign too.
 */
export type Credential = {
  dialect: Dialect
  user: string
  accountId: string
  secretHash: string
} & Partial<LoginScope>

/** What a login is for, beyond its account. */
export type LoginScope = {
  /** The card that this user talks about when no other is named: 42com's "current user"; undefined: none. */
  cardId: number | undefined
  /** What MOR's user of this name may do; undefined: everything. */
  role: Role | undefined
}

/**
 * MOR's kinds of user. `admin` may do everything, an `accountant` sees cards, one of the others without their PINs or not at all;
 * a `user` may not use the API.
 */
export const ROLES = ['admin', 'accountant', 'accountant-no-pins', 'accountant-no-cards', 'user'] as const
export type Role = (typeof ROLES)[number]

const DAY_MS = 86_400_000

/** GreenPin's settings page: "170d" is the default and the largest `max_deallocation_time`, unless it is unlimited. */
export const MAX_ALLOCATION_MS = 170 * DAY_MS

/** Defaults of an account (docs/dialects/greenpin.md names the source of each). */
export const DEFAULT_SETTINGS: AccountSettings = {
  country: 'IN',
  internationalNumbers: false,
  timeZone: 'Asia/Kolkata',
  pinEnabled: { a: true, b: false },
  pinLength: { a: 4, b: 4 },
  maxAllocationMs: MAX_ALLOCATION_MS,
  coolOffMs: 0,
  ringStrategy: 'in_turn',
  ringMs: 30_000,
  maxTalkMs: 3 * 3_600_000,
  pinAttempts: 3,
  recordTalks: false,
  announceRecording: false,
  keepRecordingsMs: 30 * DAY_MS,
  endpoints: {},
  cards: DEFAULT_CARD_SETTINGS,
  subscriptions: { strongSignature: false, pinsADay: 5_000 },
}

/** A number that callers dial, and the flow that answers it. */
export type VirtualNumber = {
  number: string
  accountId: string
  flow: FlowName
  /** Whose PINs its callers key: a number of the account's databases, for 'pin-line' only. */
  database?: number | undefined
}

export const FLOW_NAMES = ['masking', 'pin-line', 'calling-card'] as const
export type FlowName = (typeof FLOW_NAMES)[number]
