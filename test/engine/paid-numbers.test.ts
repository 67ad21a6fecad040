import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parsePhoneNumberFromString as parse } from 'libphonenumber-js/max'
import { DEFAULT_CARD_SETTINGS } from '../../src/engine/card-settings.ts'
import { destination } from '../../src/engine/destinations.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { callingCode, isPaidByCaller, SERVICE_PREFIXES } from '../../src/engine/paid-numbers.ts'
import { mayBeRung } from '../../src/engine/phone.ts'
import { allNumbers } from './plan-numbers.ts'

const PAID = ['PREMIUM_RATE', 'SHARED_COST', 'PERSONAL_NUMBER', 'PAGER'] as const
const WORLD = { country: 'DE', internationalNumbers: true }

/** Whether a card may call it in an account that allows these prefixes. */
function isCalled(number: string, ...allowed: string[]): boolean {
  const settings = { country: 'XX', cards: { ...DEFAULT_CARD_SETTINGS, allowed } }
  return !(destination(number, settings) instanceof Refusal)
}

/** All that an account can say in favour of a number: every beginning of it. */
const everyPrefix = (number: string) =>
  Array.from({ length: number.length - 1 }, (_, n) => number.slice(1, n + 2))
const isOrdinary = (number: string) =>
  /^(FIXED_LINE|MOBILE|FIXED_LINE_OR_MOBILE|TOLL_FREE|VOIP|UAN|VOICEMAIL)$/.test(
    parse(number)?.getType() ?? '',
  )

describe('of every country', () => {
  const paid = allNumbers(PAID, 12).map(({ number }) => number)

  test('there are numbers of these kinds', () => {
    expect(new Set(paid.map((number) => callingCode(number.slice(1)))).size).toBeGreaterThan(110)
    for (const type of PAID)
      expect(paid.filter((number) => parse(number)?.getType() === type).length).toBeGreaterThan(30)
  })

  test('those that are paid for are not called whatever is allowed, nor without their last one to four digits', () => {
    const called = paid.flatMap((number) =>
      [0, 1, 2, 3, 4]
        .map((less) => number.slice(0, number.length - less))
        .filter((short) => !isOrdinary(short) && isCalled(short, ...everyPrefix(number))),
    )
    expect(called).toEqual([])
    const rung = paid.flatMap((number) =>
      [0, 1, 2, 3, 4]
        .map((less) => number.slice(0, number.length - less))
        .filter((short) => !isOrdinary(short) && mayBeRung(short, WORLD)),
    )
    expect(rung).toEqual([])
  })

  test('nor with up to four digits more', () => {
    const called = paid.flatMap((number) =>
      ['0', '7', '12', '999', '0000', '1234']
        .map((more) => number + more)
        .filter((long) => !isOrdinary(long) && isCalled(long, ...everyPrefix(long))),
    )
    expect(called).toEqual([])
  })

  test('next to none of them is an ordinary number when it is cut', () => {
    const cut = paid.flatMap((number) => [1, 2, 3, 4].map((less) => number.slice(0, number.length - less)))
    expect(cut.filter(isOrdinary).length).toBeLessThan(cut.length / 50)
  })

  test('mobiles and landlines are called where their country is allowed, and may be rung', () => {
    const ordinary = allNumbers(['FIXED_LINE', 'MOBILE'], 25)
    expect(new Set(ordinary.map(({ country }) => country)).size).toBeGreaterThan(235)
    const refused = ordinary.filter(({ number, countryCallingCode: code, country = '' }) => {
      const settings = { country, cards: { ...DEFAULT_CARD_SETTINGS, allowed: [code] } }
      return destination(number, settings) !== number || !mayBeRung(number, WORLD)
    })
    // Exchanges of North America at which services are.
    expect(refused.map(({ number }) => number).filter((number) => !/^\+1\d{3}976/.test(number))).toEqual([])
  })
})

describe('a national service prefix', () => {
  /** Short beginnings of each, as its pattern has them. */
  const families = [...SERVICE_PREFIXES].flatMap(([code, pattern]) =>
    fc
      .sample(fc.stringMatching(new RegExp(`${pattern.source.replace('(?!24)', '[013-9]')}$`)), {
        numRuns: 60,
        seed: 1,
      })
      .map((prefix) => ({ code, prefix })),
  )

  test('is that of all countries that are named', () => {
    expect(new Set(families.map(({ code, prefix }) => code + prefix)).size).toBeGreaterThan(70)
  })

  test('is not called with however many digits behind it, in any form', () => {
    const digits = '234567891234'
    for (const { code, prefix } of families)
      for (let length = 3; length + code.length + prefix.length <= 15; length++) {
        const national = prefix + digits.slice(0, length)
        const all = code + national
        const allowed = everyPrefix(`+${all}`)
        // In Italy the 0 is a digit of the number.
        const forms = [`+${all}`, `00${all}`, all, ...(code === '39' ? [] : [`+${code} (0) ${national}`])]
        for (const written of forms)
          expect([written, isCalled(written, ...allowed)]).toEqual([written, false])
        if (all.length > 6) expect([all, mayBeRung(`+${all}`, WORLD)]).toEqual([all, false])
      }
  })
})

test.each([
  // Too short for a number of their kind, and dialled as they are all the same.
  ...['+49900123456', '+4918051', '+49180512', '+4913712345', '+44871123456', '+4490912345', '+4390012345'],
  ...['+39899123', '+3190912', '+31909123', '+4870123456', '+33899123'],
  // Personal numbers, pagers, and services that the tables do not know.
  ...['+447012345678', '+4470123456', '+4970012345678', '+447612345678', '+4916412345', '+4919112345'],
  ...['+49194123', '+491901234567', '+12129761234', '+12425551976'.replace('5551976', '9761234')],
])('%s costs more than a call: no card calls it, and nobody is rung there', (number) => {
  expect(isPaidByCaller(number)).toBe(true)
  expect(isCalled(number, ...everyPrefix(number))).toBe(false)
  expect(mayBeRung(number, WORLD)).toBe(false)
})

test.each([
  ...['+493023125000', '+4915123450000', '+442079460000', '+447624123456', '+390899123456', '+390612345678'],
  ...['+12025550123', '+18005550123', '+41446681800', '+4312345', '+3292345678', '+46901234567'],
])('%s does not', (number) => expect(isPaidByCaller(number)).toBe(false))

test('a number that is merely possible may be rung, as plans grow faster than their tables', () => {
  // Neither is valid, and neither is like anything that is paid for.
  for (const number of ['+915012345678', '+4911512345', '+447512345', '+491512345678', '+33012345678']) {
    expect([number, parse(number)?.isPossible(), parse(number)?.isValid()]).toEqual([number, true, false])
    expect([number, mayBeRung(number, WORLD)]).toEqual([number, true])
  }
})

test('deciding takes no time on a call’s way', () => {
  const numbers = allNumbers(['FIXED_LINE', ...PAID], 4).map(({ number }) => number)
  for (const number of numbers) isCalled(number, number.slice(1))
  const started = performance.now()
  for (const number of numbers) isCalled(number.slice(0, -1), '1', number.slice(1, 4))
  expect((performance.now() - started) / numbers.length).toBeLessThan(1)
})
