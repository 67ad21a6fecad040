import { isSupportedCountry } from 'libphonenumber-js/max'
import { MAX_ALLOCATION_MS, type Account, type AccountSettings } from './accounts.ts'
import type { PartyName } from './allocations.ts'
import type { Context } from './context.ts'
import { granted, Refusal } from './errors.ts'
import type { EventType } from './events.ts'
import { isPinLength } from './plan.ts'
import type { Change } from './store.ts'
import { isTimeZone } from './time.ts'

/** Settings to change; what is undefined stays. */
export type WantedSettings = {
  [K in Exclude<keyof AccountSettings, 'pinEnabled' | 'pinLength' | 'endpoints'>]?:
    AccountSettings[K] | undefined
} & {
  pinEnabled?: Partial<Record<PartyName, boolean | undefined>> | undefined
  pinLength?: Partial<Record<PartyName, number | undefined>> | undefined
  /** null: the event is not told any more. Whether a URL may be called is for the caller to check. */
  endpoints?: Partial<Record<EventType, string | null | undefined>> | undefined
}

const SECOND_MS = 1_000
const DAY_MS = 86_400_000

/** Smallest and largest value of each number, the unit being that of the setting. */
const RANGES = {
  coolOffMs: [0, DAY_MS], // GreenPin's settings page: deletion_time 0 to 86400 s
  ringMs: [5 * SECOND_MS, 120 * SECOND_MS],
  maxTalkMs: [SECOND_MS, DAY_MS],
  pinAttempts: [1, 10],
  keepRecordingsMs: [SECOND_MS, 3_650 * DAY_MS],
} as const

/**
 * Changes settings of the account; they hold for what begins from now on. Events that wait for an endpoint that is
 * taken away are given up. Throws Refusal: invalid (with the setting's name), region_not_supported, not_found (an account that is gone).
 */
export async function changeSettings(
  ctx: Context,
  account: Account,
  wanted: WantedSettings,
): Promise<AccountSettings> {
  checkSettings(wanted)
  return granted(await ctx.store.changeAccount(account.id, (found) => changing(found, wanted)))
}

/** The rule behind `changeSettings`. */
function changing(
  found: Account | undefined,
  wanted: WantedSettings,
): Change<Account, AccountSettings | Refusal> {
  if (!found) return { result: new Refusal('not_found', 'no such account') }
  const { settings: old } = found
  const { pinEnabled, pinLength, endpoints, ...rest } = wanted
  const settings: AccountSettings = {
    ...old,
    ...given(rest),
    pinEnabled: { ...old.pinEnabled, ...given(pinEnabled ?? {}) },
    pinLength: { ...old.pinLength, ...given(pinLength ?? {}) },
    endpoints: withoutNulls({ ...old.endpoints, ...given(endpoints ?? {}) }),
  }
  return { save: { ...found, settings }, result: settings }
}

/** Throws Refusal. */
function checkSettings(wanted: WantedSettings): void {
  const { country, timeZone, maxAllocationMs: longest, pinLength = {} } = wanted
  if (country !== undefined && !isSupportedCountry(country)) {
    throw new Refusal('region_not_supported', 'country')
  }
  if (timeZone !== undefined && !isTimeZone(timeZone)) throw new Refusal('invalid', 'timeZone')
  if (longest != null && !(longest > 0 && longest <= MAX_ALLOCATION_MS)) {
    throw new Refusal('invalid', 'maxAllocationMs')
  }
  for (const length of Object.values(pinLength)) {
    if (length !== undefined && !isPinLength(length)) throw new Refusal('invalid', 'pinLength')
  }
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = wanted[name as keyof typeof RANGES]
    if (value === undefined) continue
    if (!Number.isInteger(value) || value < least || value > most) throw new Refusal('invalid', name)
  }
}

/** The same without what is undefined, which would hide what was there before. */
function given<T extends object>(wanted: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(wanted).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

function withoutNulls<K extends string>(
  wanted: Partial<Record<K, string | null>>,
): Partial<Record<K, string>> {
  return Object.fromEntries(Object.entries(wanted).filter(([, url]) => url !== null)) as Partial<
    Record<K, string>
  >
}
