import {
  getCountryCallingCode,
  isSupportedCountry,
  parsePhoneNumberFromString as parse,
  type PhoneNumber,
} from 'libphonenumber-js/max'
import type { AccountSettings } from './accounts.ts'
import { Refusal } from './errors.ts'
import { isPaidByCaller } from './paid-numbers.ts'

/** What a client may write between the digits. All else, letters and extensions too, makes it no number. */
const WRITTEN = /^\+?[\d ().-]{3,40}$/
const E164 = /^\+[1-9]\d{6,14}$/

/** Whether this is written as an E.164 number is, with `+`. */
export function isE164(text: string): boolean {
  return E164.test(text)
}

/**
 * A number as a client of the account writes it -> E.164, rebuilt from its digits.
 * Understood: `+`, `00`, national with or without a leading 0 (docs/dialects/greenpin.md, "Numbers").
 * It need only be possible: numbering plans grow faster than their tables.
 * Throws Refusal 'invalid_number', also for other countries unless the account takes them.
 */
export function accountNumber(
  raw: string,
  settings: Pick<AccountSettings, 'country' | 'internationalNumbers'>,
) {
  const number = toE164(raw, settings.country)
  if (number === undefined || !mayBeRung(number, settings)) {
    throw new Refusal('invalid_number', 'not a telephone number that this account may use')
  }
  return number
}

/** A virtual number as a client writes it -> E.164. Its country does not matter: owning it does. Throws Refusal 'invalid_number'. */
export function virtualNumber(raw: string, country: string): string {
  const number = toE164(raw, country)
  if (number === undefined) throw new Refusal('invalid_number', 'not a telephone number')
  return number
}

/**
 * Whether the account's settings let this E.164 number be called: its own country, or any where it says so. Never one at
 * which whoever answers is paid for it: callers get into a party by PIN, and are rung from then on.
 */
export function mayBeRung(
  e164: string,
  settings: Pick<AccountSettings, 'country' | 'internationalNumbers'>,
): boolean {
  if (isPaidByCaller(e164)) return false
  if (settings.internationalNumbers) return true
  const phone = parse(e164)
  const home = settings.country
  if (!phone || !isSupportedCountry(home)) return false
  // Countries share calling codes (+1, +7, +44); a number that its plan does not place counts as home.
  return phone.country ? phone.country === home : phone.countryCallingCode === getCountryCallingCode(home)
}

/**
 * A number as somebody keys it, or writes it down to be called for money -> E.164; undefined when it is none, or could be two.
 * Understood: `+`; `00`, or the prefix by which one calls abroad from the country (`011` in North America); national with its
 * trunk prefix, or without where the plan of the country writes it without; anything else that is a number abroad if only it
 * had its `+`. So `49179…` is German in Germany, where nobody leaves a trunk prefix out.
 */
export function keyedNumber(raw: string, country: string): string | undefined {
  if (!WRITTEN.test(raw)) return undefined
  const digits = raw.replaceAll(/\D/g, '')
  if (raw.startsWith('+')) return canonical(parse(`+${digits}`))
  const home = national(digits, country)
  if (digits.startsWith('00')) {
    // `0011 44…` is British in Australia, and nobody's elsewhere.
    const written = parse(`+${digits.slice(2)}`)
    return canonical(home?.isValid() && !written?.isValid() ? home : written)
  }
  // No number of E.164 begins with 0.
  if (digits.startsWith('0') || (home?.isValid() && isWrittenSo(home, digits))) return canonical(home)
  const abroad = parse(`+${digits}`)
  return abroad?.isValid() ? canonical(abroad) : undefined
}

/** Whether its plan writes the number like this, with or without a trunk prefix that may be left out. */
function isWrittenSo(phone: PhoneNumber, digits: string): boolean {
  return [true, false].some(
    (nationalPrefix) => phone.format('NATIONAL', { nationalPrefix }).replaceAll(/\D/g, '') === digits,
  )
}

/**
 * The caller as SIP tells it -> E.164; undefined for anonymous, withheld, internal and hostile ones.
 * `+44…`, `0044…`, `07…`, `44…`, with spaces, `tel:`, `;user=phone` and `%2B` are one and the same caller.
 *
 * Many trunks leave out the `+`, and some the trunk prefix. Digits with neither that could be both are those of the own country
 * with its code, where they begin with that and are a valid number then (`4915112345678` in Germany); else a national number
 * without its trunk prefix, where that is valid (`442079460000` in Germany, whose plan knows such long numbers); else a number
 * abroad. Two Italian numbers in a thousand read as the other: `3905787155` is a mobile of Italy, and a landline of it too.
 */
export function callerNumber(raw: string, country: string): string | undefined {
  return fromSip(raw, country)
}

/** The number that was dialled, as a trunk tells it -> E.164. Without a country only international forms, with or without `+`. */
export function dialledNumber(raw: string, country: string | undefined): string | undefined {
  return fromSip(raw, country)
}

/** For log lines: `+91…44`. Which country, and enough to tell two callers apart. */
export function maskNumber(e164: string | undefined): string {
  if (e164 === undefined) return 'withheld'
  return isE164(e164) ? `${e164.slice(0, 3)}…${e164.slice(-2)}` : '…'
}

function fromSip(raw: string, country: string | undefined): string | undefined {
  if (raw.length > 128) return undefined
  const [user = ''] = raw
    .trim()
    .replace(/^tel:|^sips?:([^@]*)@.*$/i, '$1')
    .split(';')
  const written = user.replaceAll(/%2b/gi, '+').replaceAll('%20', ' ').trim()
  if (!WRITTEN.test(written)) return undefined
  const digits = written.replaceAll(/\D/g, '')
  if (written.startsWith('+') || digits.startsWith('00')) return international(digits)
  const home = national(digits, country)
  const abroad = parse(`+${digits}`)
  if (abroad?.isValid() && beginsWithCodeOf(country, digits)) return canonical(abroad)
  if (home?.isValid()) return canonical(home)
  if (abroad?.isValid()) return canonical(abroad)
  return canonical(home) ?? (country === undefined ? canonical(abroad) : undefined)
}

function beginsWithCodeOf(country: string | undefined, digits: string): boolean {
  return (
    country !== undefined && isSupportedCountry(country) && digits.startsWith(getCountryCallingCode(country))
  )
}

function toE164(raw: string, country: string): string | undefined {
  if (!WRITTEN.test(raw)) return undefined
  const digits = raw.replaceAll(/\D/g, '')
  if (raw.startsWith('+') || digits.startsWith('00')) return international(digits)
  const home = national(digits, country)
  // `447911123456` in an Indian account is nobody's number there, but somebody's in Britain: not ours to guess.
  if (home && !home.isValid() && parse(`+${digits}`)?.isValid()) return undefined
  return canonical(home)
}

function international(digits: string): string | undefined {
  return canonical(parse(`+${digits.replace(/^00/, '')}`))
}

function national(digits: string, country: string | undefined): PhoneNumber | undefined {
  if (country === undefined || !isSupportedCountry(country)) return undefined
  return parse(digits, { defaultCountry: country, extract: false })
}

/** Reading it again must give the same: `+4400909…` and `+440909…` would otherwise be two spellings of one number. */
function canonical(phone: PhoneNumber | undefined): string | undefined {
  if (!phone?.isPossible() || !isE164(phone.number)) return undefined
  return parse(phone.number)?.number === phone.number ? phone.number : undefined
}
