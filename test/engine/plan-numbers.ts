import fc from 'fast-check'
import {
  getCountries,
  getCountryCallingCode,
  Metadata,
  parsePhoneNumberFromString as parse,
  type CountryCode,
  type PhoneNumber,
  type PhoneNumberType,
} from 'libphonenumber-js/max'

type Plan = { type: (name: PhoneNumberType) => { pattern: () => string | undefined } | undefined }

/** Numbers of one kind that the plan of a country holds valid, by its own patterns: `count` drawn, without repetitions. */
function numbersOf(country: CountryCode, type: PhoneNumberType, count: number): PhoneNumber[] {
  const plans = new Metadata()
  plans.selectNumberingPlan(country)
  const pattern = (plans.numberingPlan as unknown as Plan).type(type)?.pattern()
  if (pattern === undefined || pattern === '') return []
  const nationals = fc.sample(fc.stringMatching(new RegExp(`^(?:${pattern})$`)), { numRuns: count, seed: 5 })
  const code = getCountryCallingCode(country)
  return [...new Set(nationals)].flatMap((national) => {
    const number = `+${code}${national}`
    const phone = parse(number)
    // What is E.164 here has 7 to 15 digits, and countries that share a code have some patterns of each other's.
    if (!phone?.isValid() || phone.country !== country || !isKind(phone, type)) return []
    return phone.number === number && /^\+\d{7,15}$/.test(number) ? [phone] : []
  })
}

function isKind(phone: PhoneNumber, type: PhoneNumberType): boolean {
  const found = phone.getType()
  return found === type || (found === 'FIXED_LINE_OR_MOBILE' && /^(FIXED_LINE|MOBILE)$/.test(type))
}

/** Of all countries. */
export function allNumbers(types: readonly PhoneNumberType[], count: number): PhoneNumber[] {
  return getCountries().flatMap((country) => types.flatMap((type) => numbersOf(country, type, count)))
}
