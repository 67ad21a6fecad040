import type { Account } from './accounts.ts'
import type { Context } from './context.ts'
import { granted, Refusal } from './errors.ts'
import { MOST_MICROS, UNIT_MICROS } from './money.ts'
import { isE164 } from './phone.ts'
import { arePrefixes, isWhole } from './settings-checks.ts'
import type { Change } from './store.ts'

/** How much may be called, by one card or by all cards of an account together. */
export type CallCaps = {
  /** Calls at one time. */
  callsAtOnce: number
  /** Calls begun within the last hour, and within the last day. */
  callsAnHour: number
  callsADay: number
  /**
   * What calls cost within the last hour, and within the last day, with what is held for those that run; for the hour no more of
   * that than an hour of a talk costs. Micro-units.
   */
  microsAnHour: number
  microsADay: number
}

/** What an account chooses for its prepaid cards. */
export type CardSettings = {
  /** ISO 4217. All money of the account is in it. */
  currency: Currency
  /** The tariff of cards whose group names none; undefined: they cannot call. */
  tariffId: number | undefined
  /**
   * Digits of E.164 numbers, without `+`, that may be called, by longest prefix; those after a `-` may not. Empty: none may.
   * What networks let the called be paid for is never called (destinations.ts), whatever this says. A prefix that is no longer
   * than a country code opens ordinary numbers of the country that it is meant for first of all: `1` no islands, `1876` Jamaica.
   */
  allowed: readonly string[]
  /** What the called see when the call did not come in on a number of the account; E.164. Undefined: nothing. */
  callerId: string | undefined
  card: CallCaps
  account: CallCaps
  /** Whether callers are known by their number, and asked for no PIN. Numbers that call can be forged. */
  pinless: boolean
  /** How long before the end of their money callers are warned, in milliseconds; 0: never. */
  warnMs: number
  /** How often a caller may key a destination that leads nowhere. */
  destinationAttempts: number
  /** How many text messages with a new card's PIN are asked for within a day. */
  smsADay: number
  mor: {
    /** Whether MOR's API answers at all, and by GET too. */
    enabled: boolean
    get: boolean
    /** Whether its updates may set a balance. MOR's hash signs neither the sum nor the time: who sees one can send another. */
    balance: boolean
  }
}

export const CURRENCIES = ['EUR', 'USD', 'GBP'] as const
/** Those that callers can be told in words. */
export type Currency = (typeof CURRENCIES)[number]

export const DEFAULT_CARD_SETTINGS: CardSettings = {
  currency: 'EUR',
  tariffId: undefined,
  allowed: [],
  callerId: undefined,
  card: {
    callsAtOnce: 1,
    callsAnHour: 60,
    callsADay: 300,
    microsAnHour: 50 * UNIT_MICROS,
    microsADay: 100 * UNIT_MICROS,
  },
  account: {
    callsAtOnce: 200,
    callsAnHour: 20_000,
    callsADay: 200_000,
    microsAnHour: 2_000 * UNIT_MICROS,
    microsADay: 10_000 * UNIT_MICROS,
  },
  pinless: true,
  warnMs: 60_000,
  destinationAttempts: 3,
  smsADay: 100,
  mor: { enabled: true, get: false, balance: true },
}

/** Settings to change; what is undefined stays, null takes away. */
export type WantedCardSettings = {
  [K in Exclude<keyof CardSettings, 'tariffId' | 'callerId' | 'card' | 'account' | 'mor'>]?:
    CardSettings[K] | undefined
} & {
  tariffId?: number | null | undefined
  callerId?: string | null | undefined
  card?: Partial<CallCaps>
  account?: Partial<CallCaps>
  mor?: Partial<CardSettings['mor']>
}

const MOST_CALLS = 1_000_000
/** 0 stops all calls. */
const CAPS: Record<keyof CallCaps, number> = {
  callsAtOnce: MOST_CALLS,
  callsAnHour: MOST_CALLS,
  callsADay: MOST_CALLS,
  microsAnHour: MOST_MICROS,
  microsADay: MOST_MICROS,
}
/** Smallest and largest value of each number, the unit being that of the setting. */
const RANGES = { warnMs: [0, 600_000], destinationAttempts: [1, 10], smsADay: [0, MOST_CALLS] } as const

/**
 * Changes what the account has chosen for its cards; it holds for calls that begin from now on. Throws Refusal 'invalid' (with the
 * setting's name), 'not_found' (no such tariff, or the account is gone), 'forbidden' for another currency once there are cards:
 * their money would become another sum.
 */
export async function changeCardSettings(
  ctx: Context,
  account: Account,
  wanted: WantedCardSettings,
): Promise<CardSettings> {
  checkCardSettings(wanted)
  const { tariffId, currency } = wanted
  if (tariffId != null && !(await ctx.store.tariffs(account.id)).some(({ id }) => id === tariffId))
    throw new Refusal('not_found', 'no such tariff')
  const groups = currency === undefined ? [] : await ctx.store.cardGroups(account.id)
  const hasCards = groups.some(({ cards }) => cards > 0)
  return granted(await ctx.store.changeAccount(account.id, (found) => changing(found, wanted, hasCards)))
}

/** The rule behind `changeCardSettings`. */
function changing(
  found: Account | undefined,
  wanted: WantedCardSettings,
  hasCards: boolean,
): Change<Account, CardSettings | Refusal> {
  if (!found) return { result: new Refusal('not_found', 'no such account') }
  const { cards: old } = found.settings
  const { currency = old.currency, tariffId, callerId, card, account, mor, ...rest } = wanted
  if (currency !== old.currency && hasCards)
    return { result: new Refusal('forbidden', 'there are cards, and their money would become another sum') }
  const cards: CardSettings = {
    ...old,
    currency,
    tariffId: tariffId === undefined ? old.tariffId : (tariffId ?? undefined),
    callerId: callerId === undefined ? old.callerId : (callerId ?? undefined),
    allowed: rest.allowed ? [...new Set(rest.allowed)] : old.allowed,
    pinless: rest.pinless ?? old.pinless,
    warnMs: rest.warnMs ?? old.warnMs,
    destinationAttempts: rest.destinationAttempts ?? old.destinationAttempts,
    smsADay: rest.smsADay ?? old.smsADay,
    card: { ...old.card, ...card },
    account: { ...old.account, ...account },
    mor: { ...old.mor, ...mor },
  }
  return { save: { ...found, settings: { ...found.settings, cards } }, result: cards }
}

/** Throws Refusal. */
function checkCardSettings(wanted: WantedCardSettings): void {
  const { allowed = [], callerId, card = {}, account = {} } = wanted
  if (!arePrefixes(allowed)) throw new Refusal('invalid', 'allowed')
  if (callerId != null && !isE164(callerId)) throw new Refusal('invalid', 'callerId')
  for (const caps of [card, account])
    for (const [name, most] of Object.entries(CAPS)) {
      const value = caps[name as keyof CallCaps]
      if (value !== undefined && !isWhole(value, 0, most)) throw new Refusal('invalid', name)
    }
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = wanted[name as keyof typeof RANGES]
    if (value !== undefined && !isWhole(value, least, most)) throw new Refusal('invalid', name)
  }
}
