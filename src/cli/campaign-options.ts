import { InvalidArgumentError, type Command } from 'commander'
import {
  CAMPAIGN_RANGES,
  DEFAULT_CAMPAIGN,
  isCampaignId,
  type Campaign,
  type CampaignSettings,
} from '../engine/campaigns.ts'
import { virtualNumber } from '../engine/phone.ts'
import { arePrefixes, isLine } from '../engine/settings-checks.ts'
import { addMeansOptions, meansFrom, type MeansOptions } from './campaign-means.ts'
import { NONE, prefixes, whole } from './card-options.ts'
import { given } from './options.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const UNITS_MS: Record<string, number> = {
  s: SECOND_MS,
  m: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: 1_440 * MINUTE_MS,
}

/** What commander makes of the options below; times in milliseconds. */
export type CampaignOptions = MeansOptions & {
  name?: string
  service?: string
  keyword?: string
  allow?: string[]
  callerId?: string
  pinLength?: number
  attempts?: number
  lifetime?: number
  tries?: number
  retry?: number
  pinsToANumber?: number
  pinsAnHour?: number
}

/** All that can be chosen for a campaign but its name and service, to which `add` and `change` stand differently. */
export function addCampaignOptions(command: Command): void {
  const { pinLength, attempts, tries, pinsOfNumberADay, pinsAnHour } = CAMPAIGN_RANGES
  const [leastRetryMs, mostRetryMs] = CAMPAIGN_RANGES.retryMs
  command
    .option('--keyword <word>', `what clients must name, or ${NONE}: whatever they do`, line(100))
    .option(
      '--allow <prefixes>',
      `where PINs may be sent: 49,254,-4990 is +49 and +254 without +4990; ${NONE}: nowhere`,
      allowed,
    )
  addMeansOptions(command)
  command
    .option(
      '--caller-id <number>',
      `call: what the called see, or ${NONE}: a number of the account is chosen`,
    )
    .option('--pin-length <n>', fallback('digits of a PIN', 'pinLength'), whole(...pinLength))
    .option(
      '--attempts <n>',
      fallback('wrong PINs until one is none any more', 'attempts'),
      whole(...attempts),
    )
    .option(
      '--lifetime <minutes>',
      'how long a PIN is good: 10, or 90s, 10m, 2h, 1d (default: 10m)',
      lifetime,
    )
    .option('--tries <n>', fallback('calls or requests for one PIN', 'tries'), whole(...tries))
    .option(
      '--retry <seconds>',
      `how long after a failed try the next one is made (default: ${DEFAULT_CAMPAIGN.retryMs / SECOND_MS})`,
      (value) => whole(leastRetryMs / SECOND_MS, mostRetryMs / SECOND_MS)(value) * SECOND_MS,
    )
    .option(
      '--pins-to-a-number <n>',
      fallback('to one number in any 24 hours, in all campaigns of the account', 'pinsOfNumberADay'),
      whole(...pinsOfNumberADay),
    )
    .option(
      '--pins-an-hour <n>',
      fallback('of this campaign in any hour', 'pinsAnHour'),
      whole(...pinsAnHour),
    )
}

/** The default is no default of the option: `change` changes only what is named. */
function fallback(what: string, setting: keyof typeof CAMPAIGN_RANGES): string {
  return `${what} (default: ${DEFAULT_CAMPAIGN[setting]})`
}

/** A parser of some text on one line. */
export function line(longest: number): (value: string) => string {
  return (value) => {
    if (isLine(value, longest)) return value
    throw new InvalidArgumentError(`Expected 1 to ${longest} printable characters.`)
  }
}

/** Of a campaign. */
export function campaignId(value: string): string {
  if (isCampaignId(value)) return value
  throw new InvalidArgumentError('Expected 8 to 64 letters, digits, - and _.')
}

function allowed(value: string): string[] {
  const list = [...new Set(prefixes(value))]
  if (arePrefixes(list)) return list
  throw new InvalidArgumentError('Expected at most 1000 prefixes, none of them both allowed and not.')
}

/** Minutes, or a number with its unit -> milliseconds. */
function lifetime(value: string): number {
  const [, count, unit = 'm'] = /^(\d{1,6})(s|m|h|d)?$/.exec(value) ?? []
  const ms = Number(count) * (UNITS_MS[unit] ?? NaN)
  const [leastMs, mostMs] = CAMPAIGN_RANGES.pinTtlMs
  if (ms >= leastMs && ms <= mostMs) return ms
  throw new InvalidArgumentError(
    'Expected minutes, or a time such as 90s, 10m, 2h or 1d, from a minute to a day.',
  )
}

/**
 * What options name, as settings. `old`: the campaign that is changed, undefined for a new one. Ends the command where options
 * contradict each other or the campaign; throws Refusal 'invalid_number'.
 */
export function settingsFrom(
  options: CampaignOptions,
  country: string,
  old: Campaign | undefined,
  command: Command,
): Partial<CampaignSettings> {
  const { name, service, keyword, allow, callerId, pinLength, attempts, lifetime: pinTtlMs } = options
  const { tries, retry: retryMs, pinsToANumber: pinsOfNumberADay, pinsAnHour } = options
  return {
    ...given('name', name),
    ...given('service', service),
    ...(keyword !== undefined && { keyword: keyword === NONE ? undefined : keyword }),
    ...given('allowed', allow),
    ...given('means', meansFrom(options, old?.means, command)),
    ...(callerId !== undefined && {
      callerId: callerId === NONE ? undefined : virtualNumber(callerId, country),
    }),
    ...{ ...given('pinLength', pinLength), ...given('attempts', attempts), ...given('pinTtlMs', pinTtlMs) },
    ...{ ...given('tries', tries), ...given('retryMs', retryMs) },
    ...{ ...given('pinsOfNumberADay', pinsOfNumberADay), ...given('pinsAnHour', pinsAnHour) },
  }
}
