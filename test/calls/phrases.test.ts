import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { amount, minutesLeft, timeLeft } from '../../src/calls/flows/phrases.ts'
import type { Spoken } from '../../src/calls/call.ts'
import { CURRENCIES, type Currency } from '../../src/engine/card-settings.ts'
import { MOST_MICROS } from '../../src/engine/money.ts'

/** What a caller hears, as text. */
const heard = (spoken: Spoken[] | undefined) =>
  spoken?.map((one) => (typeof one === 'string' ? one : 'number' in one ? one.number : one.digits)).join(' ')

describe('a sum in words', () => {
  test.each<[string, Currency, string | undefined]>([
    ['5.20', 'EUR', '5 euros and 20 cents'],
    ['1.01', 'EUR', '1 euro and 1 cent'],
    ['1.00', 'EUR', '1 euro'],
    ['2.00', 'EUR', '2 euros'],
    ['0.01', 'EUR', '1 cent'],
    ['0.99', 'EUR', '99 cents'],
    ['0.009999', 'EUR', undefined],
    ['0.00', 'EUR', undefined],
    ['0.019999', 'EUR', '1 cent'],
    ['1.999999', 'EUR', '1 euro and 99 cents'],
    ['1.009999', 'EUR', '1 euro'],
    ['21.50', 'USD', '21 dollars and 50 cents'],
    ['1.02', 'USD', '1 dollar and 2 cents'],
    ['1.01', 'GBP', '1 pound and 1 penny'],
    ['3.02', 'GBP', '3 pounds and 2 pence'],
    ['1000000.00', 'GBP', '1000000 pounds'],
  ])('%s %s is said as %s', (written, currency, words) => {
    expect(heard(amount(Math.round(Number(written) * 1_000_000), currency))).toBe(words)
  })

  test('below nothing there is nothing to be said', () => {
    expect(amount(-1_000_000, 'EUR')).toBeUndefined()
  })

  test('never more than there is and never a whole cent less, with one and many in their places', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: MOST_MICROS }),
        fc.constantFrom(...CURRENCIES),
        (micros, currency) => {
          const words = amount(micros, currency)
          let said = 0
          for (const [i, one] of (words ?? []).entries()) {
            if (typeof one !== 'object' || !('number' in one)) continue
            const name = words?.[i + 1] as string
            const isUnit = ['euro', 'euros', 'dollar', 'dollars', 'pound', 'pounds'].includes(name)
            expect(['euro', 'dollar', 'pound', 'cent', 'penny'].includes(name)).toBe(one.number === 1)
            expect(one.number).toBeGreaterThan(0)
            if (!isUnit) expect(one.number).toBeLessThan(100)
            said += one.number * (isUnit ? 1_000_000 : 10_000)
          }
          expect(micros - said).toBeGreaterThanOrEqual(0)
          expect(micros - said).toBeLessThan(10_000)
        },
      ),
      { numRuns: 2_000 },
    )
  })
})

describe('minutes in words', () => {
  test.each([
    [1, 'you-have less-than 1 minute'],
    [59, 'you-have less-than 1 minute'],
    [60, 'you-have 1 minute'],
    [119, 'you-have 1 minute'],
    [120, 'you-have 2 minutes'],
    [12 * 60 + 59, 'you-have 12 minutes'],
    [10_800, 'you-have 180 minutes'],
  ])('%d seconds: %s', (seconds, words) => {
    expect(heard(minutesLeft(seconds))).toBe(words)
  })

  test('never more than there are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 14_400 }), (seconds) => {
        const number = minutesLeft(seconds).find((one) => typeof one === 'object' && 'number' in one)
        const minutes = (number as { number: number }).number
        expect(seconds - 60 * minutes).toBeGreaterThanOrEqual(0)
        expect(seconds - 60 * minutes).toBeLessThan(60)
      }),
    )
  })
})

test.each([
  [60_000, 'you-have 1 minute'],
  [120_000, 'you-have 2 minutes'],
  [90_000, 'you-have 90 seconds'],
  [5_000, 'you-have 5 seconds'],
  [1_000, 'you-have 1 second'],
  [500, 'you-have 1 second'],
])('a warning %d ms before the end: %s', (ms, words) => {
  expect(heard(timeLeft(ms))).toBe(words)
})
