import {
  Metadata,
  parsePhoneNumberFromString as parse,
  type CountryCode,
  type PhoneNumber,
  type PhoneNumberType,
} from 'libphonenumber-js/max'
import metadata from 'libphonenumber-js/metadata.max.json'

/**
 * At which whoever answers is paid for it, or may be: premium rates and shared costs, personal numbers, which are rung wherever
 * their owner is at whatever that costs, and pagers. Corporate (UAN) and VoIP numbers are not: they cost what others in their
 * country do.
 */
const PAID: readonly PhoneNumberType[] = ['PREMIUM_RATE', 'SHARED_COST', 'PERSONAL_NUMBER', 'PAGER']

/**
 * Satellite, global, shared-cost and international premium-rate networks (ITU-T E.164 assigned country codes). Free numbers (800)
 * are none.
 */
const GLOBAL_NETWORKS = /^(808|870|878|881|882|883|888|979)/

/**
 * National service prefixes that are paid for, in whole, by country code. The tables know only those numbers of them that are
 * handed out, and some not at all: 976 is an exchange of every area, 0191 to 0194 of Germany are data services, 019 was premium
 * rate, 012 is an innovative service. 7624 is a mobile on the Isle of Man.
 */
export const SERVICE_PREFIXES: ReadonlyMap<string, RegExp> = new Map([
  ['1', /^(900|976|[2-9]\d{2}976)/],
  ['31', /^90[069]/],
  ['32', /^(70|90)/],
  ['33', /^8[129]/],
  ['34', /^(80[367]|90[57])/],
  ['39', /^(144|16[346]|178|199|84[0178]|89)/],
  ['41', /^(84|90)/],
  ['43', /^(8(10|2[018])|90|93)/],
  ['44', /^(70|76(?!24)|84|87|9)/],
  ['46', /^(900|939|944)/],
  ['48', /^70/],
  ['49', /^(118|12|137|138|180|19|700|900)/],
])

/** One kind of paid numbers: whether digits are the beginning of one, and whether they begin with one. */
type Kind = { couldBecome: RegExp; beginsWith: RegExp }

/**
 * Whether whoever answers this E.164 number is paid for it, or might be: it is such a number, begins with one (networks connect
 * at the last digit that they need), or is the beginning of one (they take what arrives). A number that the plan of its country
 * holds for an ordinary one is that, for plans tell all their numbers apart by how they begin.
 */
export function isPaidByCaller(e164: string): boolean {
  const digits = e164.slice(1)
  if (GLOBAL_NETWORKS.test(digits)) return true
  const code = callingCode(digits)
  if (code === undefined) return false
  const national = digits.slice(code.length)
  if (SERVICE_PREFIXES.get(code)?.test(national)) return true
  const type = parse(e164)?.getType()
  if (type !== undefined) return PAID.includes(type)
  return kindsOf(code).some((kind) => kind.couldBecome.test(national) || kind.beginsWith.test(national))
}

/** The country code that digits of E.164 begin with; undefined when none is assigned. */
export function callingCode(digits: string): string | undefined {
  return [1, 2, 3].map((length) => digits.slice(0, length)).find((code) => code in countriesByCode)
}

/** Whether a country code is meant for the country of the number first of all: not for Jamaica (`1`), or Kazakhstan (`7`). */
export function isMainCountry({ country, countryCallingCode }: PhoneNumber): boolean {
  const [main] = countriesByCode[countryCallingCode] ?? []
  return country !== undefined && (country === main || (countryCallingCode === '1' && country === 'CA'))
}

const countriesByCode = metadata.country_calling_codes

const kinds = new Map<string, Kind[]>()

/** Those that the plans of a country code know. */
function kindsOf(code: string): readonly Kind[] {
  const known = kinds.get(code)
  if (known) return known
  // North America has one pattern for two dozen countries.
  const patterns = new Set((countriesByCode[code] ?? []).flatMap(paidPatterns))
  const made = [...patterns].map((pattern) => ({
    couldBecome: new RegExp(`^(?:${endingAnywhere(pattern)})$`),
    beginsWith: new RegExp(`^(?:${pattern})`),
  }))
  kinds.set(code, made)
  return made
}

/** What the library has in it, and does not declare. */
type Plan = { type: (name: PhoneNumberType) => { pattern: () => string | undefined } | undefined }

function paidPatterns(country: CountryCode): string[] {
  const plans = new Metadata()
  plans.selectNumberingPlan(country)
  const plan = plans.numberingPlan as unknown as Plan
  // An empty one means that there are none, and would match all numbers.
  return PAID.map((type) => plan.type(type)?.pattern() ?? '').filter((pattern) => pattern !== '')
}

/** A pattern for numbers -> one for all beginnings of them: whatever stands for a digit may be the end instead. */
function endingAnywhere(pattern: string): string {
  return pattern.replaceAll(/\{[\d,]+\}|\\d|\[[^\]]+\]|\d/g, (part) =>
    part.startsWith('{') ? part : `(?:$|${part})`,
  )
}
