import { parsePhoneNumberFromString as parse, type PhoneNumber } from 'libphonenumber-js/max'
import type { AccountSettings } from './accounts.ts'
import { Refusal } from './errors.ts'
import { callingCode, isMainCountry, isPaidByCaller } from './paid-numbers.ts'
import { keyedNumber } from './phone.ts'

/** Digits without those by which one calls abroad: with so few it is an emergency, a service or a local number. */
const LONGEST_SHORT = 6

/**
 * What no number begins with after its country code, unless the country's plan says that this very number does: trunk prefixes and
 * carriers' selection codes that lead elsewhere, emergency and service numbers. Networks connect some of them however many digits
 * follow.
 */
const SERVICES = /^(0|1[01]|911|999)/

/**
 * A number that a card's money shall call, as somebody wrote or keyed it -> E.164, rebuilt from its digits. Returns Refusal
 * 'invalid_number' for what is none, and 'not_allowed_destination' unless the account allows its longest prefix; for emergency
 * and short numbers, and for those at which whoever answers is paid for it, whatever the account allows.
 *
 * A prefix that is no longer than the country code (`49`) opens what the plan of the country holds for an ordinary number there:
 * neither a number that it does not know, nor a corporate one (UAN), a mailbox, or one of another country that shares the code,
 * unless that is the account's own. A longer prefix (`4932`, `1876`) opens all that begins with it.
 */
export function destination(
  written: string,
  { country, cards: { allowed } }: Pick<AccountSettings, 'country' | 'cards'>,
): string | Refusal {
  const number = keyedNumber(written, country)
  if (number === undefined)
    return isShort(written) ? notAllowed() : new Refusal('invalid_number', 'not a telephone number')
  const digits = number.slice(1)
  const phone = parse(number)
  const code = callingCode(digits)
  if (!phone || code === undefined || isNeverCalled(number, phone)) return notAllowed()
  const prefix = allowedPrefix(digits, allowed)
  if (prefix === undefined) return notAllowed()
  return prefix.length > code.length || isOrdinary(phone, country) ? number : notAllowed()
}

function isShort(written: string): boolean {
  if (!/^\+?[\d ().-]{1,40}$/.test(written)) return false
  const digits = written.replaceAll(/\D/g, '')
  return digits !== '' && digits.replace(/^0+/, '').length <= LONGEST_SHORT
}

function isNeverCalled(e164: string, phone: PhoneNumber): boolean {
  return isPaidByCaller(e164) || (!phone.isValid() && SERVICES.test(phone.nationalNumber))
}

/** Whether whoever allows a whole country means this number of it. */
function isOrdinary(phone: PhoneNumber, home: string): boolean {
  const type = phone.getType()
  if (type === undefined || type === 'UAN' || type === 'VOICEMAIL') return false
  return phone.country === home || isMainCountry(phone)
}

/** The longest of the allowed prefixes that the digits begin with; undefined when there is none, or when one that is as long denies them. */
function allowedPrefix(digits: string, allowed: readonly string[]): string | undefined {
  const prefixes = new Set(allowed)
  for (let length = digits.length; length > 0; length--) {
    const prefix = digits.slice(0, length)
    if (prefixes.has(`-${prefix}`)) return undefined
    if (prefixes.has(prefix)) return prefix
  }
  return undefined
}

function notAllowed(): Refusal {
  return new Refusal('not_allowed_destination', 'the account does not allow calls to this number')
}
