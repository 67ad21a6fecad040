import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  affordableSeconds,
  billedSeconds,
  costOf,
  formatAmount,
  isSum,
  MOST_MICROS,
  parseAmount,
  type Price,
} from '../../src/engine/money.ts'
import { combinedRate, MOST_RATE_MICROS, MOST_RATE_SECONDS } from '../../src/engine/rates.ts'

describe('written amounts', () => {
  test.each([
    ...([
      ['0', 0],
      ['0.10', 100_000],
      ['0,10', 100_000],
      ['0.000001', 1],
      ['1.5', 1_500_000],
    ] as const),
    ...([
      [' 12\n', 12_000_000],
      ['007', 7_000_000],
      ['1000000', MOST_MICROS],
      ['0.1', 100_000],
    ] as const),
  ])('%j is %d micro-units', (written, micros) => expect(parseAmount(written)).toBe(micros))

  test.each([
    ...[
      '',
      ' ',
      '.',
      ',',
      '.5',
      '5.',
      '1.000,50',
      '1,000.50',
      '1 000',
      '1e3',
      'NaN',
      'Infinity',
      '0x10',
      '-5',
      '+5',
    ],
    ...[
      '--5',
      '0.0000001',
      '1000000.000001',
      '1000001',
      '9'.repeat(30),
      '٣',
      '１',
      '1.5.5',
      "1'000",
      '€5',

      '1\0',
    ],
  ])('%j is none', (written) => expect(parseAmount(written)).toBeUndefined())

  test('a minus only where it is asked for, and never before nothing', () => {
    expect(parseAmount('-5,25', 'signed')).toBe(-5_250_000)
    expect(parseAmount('5,25', 'signed')).toBe(5_250_000)
    expect(Object.is(parseAmount('-0.00', 'signed'), 0)).toBe(true)
    expect(parseAmount('--5', 'signed')).toBeUndefined()
    expect(parseAmount('-1000001', 'signed')).toBeUndefined()
  })

  test('every sum is read back as it was written, with a point and with a comma', () => {
    const micros = fc.integer({ min: -MOST_MICROS, max: MOST_MICROS })
    fc.assert(
      fc.property(micros, fc.constantFrom('.' as const, ',' as const), fc.nat(6), (sum, point, least) => {
        const written = formatAmount(sum, least, 6, point)
        expect(parseAmount(written, 'signed')).toBe(sum)
        expect(written.replace(/^.*[.,]|^[^.,]*$/, '').length).toBeGreaterThanOrEqual(least)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('sums for reading', () => {
  test.each([
    [0, '0.00'],
    [100_000, '0.10'],
    [1_234_567, '1.234567'],
    [1_230_000, '1.23'],
    [-4_000, '-0.004'],
    [MOST_MICROS, '1000000.00'],
  ])('%d is %s', (micros, written) => expect(formatAmount(micros)).toBe(written))

  test('are rounded half away from zero, never to a negative nothing', () => {
    expect([5_000, 4_999, -5_000, -4_999].map((micros) => formatAmount(micros, 2, 2))).toEqual([
      ...['0.01', '0.00', '-0.01', '0.00'],
    ])
    expect(formatAmount(999_995, 2, 2, ',')).toBe('1,00')
    expect(formatAmount(1_500_000, 0, 0)).toBe('2')
    expect(formatAmount(2_000_000, 0)).toBe('2')
  })

  test('what is cut off is less than, or just, half of the last place', () => {
    const places = fc.integer({ min: 0, max: 5 })
    fc.assert(
      fc.property(fc.nat(MOST_MICROS - 1_000_000), places, (sum, most) => {
        const read = parseAmount(formatAmount(sum, 0, most)) ?? NaN
        expect(Math.abs(read - sum)).toBeLessThanOrEqual(10 ** (6 - most) / 2)
      }),
    )
  })
})

test('a sum is a whole number of micro-units above zero that a card can have', () => {
  for (const micros of [1, MOST_MICROS]) expect(isSum(micros)).toBe(true)
  for (const micros of [0, -1, 0.5, NaN, Infinity, MOST_MICROS + 1]) expect(isSum(micros)).toBe(false)
})

const PER_MINUTE: Price = { perMinuteMicros: 60_000, setUpMicros: 0, minimumSeconds: 0, incrementSeconds: 1 }

describe('seconds that are paid for', () => {
  test.each([
    // Milliseconds; minimum and increment; seconds.
    [0, 0, 1, 1],
    [1, 0, 1, 1],
    [1_000, 0, 1, 1],
    [1_001, 0, 1, 2],
    [10_000, 0, 60, 60],
    [60_000, 60, 60, 60],
    [60_001, 60, 60, 120],
    [5_000, 30, 6, 30],
    [30_001, 30, 6, 36],
    [61_000, 60, 1, 61],
    [1_000, 7, 6, 12],
  ])(
    'a talk of %d ms is, with at least %d s and %d s at a time, %d s',
    (talkMs, minimum, increment, seconds) =>
      expect(
        billedSeconds(talkMs, { ...PER_MINUTE, minimumSeconds: minimum, incrementSeconds: increment }),
      ).toBe(seconds),
  )

  test('a talk is never negative', () => expect(() => billedSeconds(-1, PER_MINUTE)).toThrow(RangeError))
})

test.each([
  // Seconds; price a minute and a call; cost.
  [1, 60_000, 0, 1_000],
  [1, 1, 0, 1],
  [60, 1, 0, 1],
  [61, 1, 0, 2],
  [0, 60_000, 5, 5],
  [3, 100_000, 20_000, 25_000],
  [7, 100_000, 0, 11_667],
])('%d s at %d a minute and %d a call cost %d', (seconds, perMinuteMicros, setUpMicros, cost) =>
  expect(costOf(seconds, { ...PER_MINUTE, perMinuteMicros, setUpMicros })).toBe(cost),
)

/** As a tariff can have it, cheap and short ones as often as any. */
const small = (most: number) => fc.oneof(fc.nat(1_000), fc.nat(most))
const price: fc.Arbitrary<Price> = fc.record({
  perMinuteMicros: small(MOST_RATE_MICROS),
  setUpMicros: small(MOST_RATE_MICROS),
  minimumSeconds: fc.oneof(fc.nat(120), fc.nat(MOST_RATE_SECONDS)),
  incrementSeconds: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: MOST_RATE_SECONDS })),
})
const LONGEST_TALK = 86_400
/** The same without numbers that could lose anything. */
const exactCost = (seconds: number, { perMinuteMicros, setUpMicros }: Price): bigint =>
  BigInt(setUpMicros) + (BigInt(seconds) * BigInt(perMinuteMicros) + 59n) / 60n

describe('whatever the price', () => {
  test('a cost is exact, to the dearest and longest talk that there is', () => {
    const seconds = fc.nat(2 * LONGEST_TALK)
    fc.assert(
      fc.property(seconds, price, (talk, one) => {
        expect(BigInt(costOf(talk, one))).toBe(exactCost(talk, one))
      }),
      { numRuns: 5_000 },
    )
    const dearest = {
      ...PER_MINUTE,
      perMinuteMicros: 2 * MOST_RATE_MICROS,
      setUpMicros: 2 * MOST_RATE_MICROS,
    }
    for (const talk of [2 * LONGEST_TALK, 2 * LONGEST_TALK - 1, LONGEST_TALK - 1])
      expect(BigInt(costOf(talk, dearest))).toBe(exactCost(talk, dearest))
  })

  test('a longer talk never costs less, and is paid to its end', () => {
    fc.assert(
      fc.property(fc.nat(LONGEST_TALK * 1_000), fc.nat(100_000), price, (talkMs, moreMs, one) => {
        const [short, long] = [billedSeconds(talkMs, one), billedSeconds(talkMs + moreMs, one)]
        expect(long).toBeGreaterThanOrEqual(short)
        expect(short * 1_000).toBeGreaterThanOrEqual(talkMs)
        expect(short).toBeGreaterThanOrEqual(one.minimumSeconds)
        expect(short % one.incrementSeconds).toBe(0)
        // Not an increment too many.
        const least = Math.max(Math.ceil(talkMs / 1_000), one.minimumSeconds, 1)
        expect(short - least).toBeLessThan(one.incrementSeconds)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a talk that is cut where the money ends never costs more than there is, and an increment more would', () => {
    fc.assert(
      fc.property(
        small(MOST_MICROS),
        fc.integer({ min: 1, max: LONGEST_TALK }),
        price,
        (micros, most, one) => {
          const seconds = affordableSeconds(micros, most, one)
          expect(seconds % one.incrementSeconds).toBe(0)
          expect(seconds).toBeLessThanOrEqual(most)
          const shortest = billedSeconds(0, one)
          if (seconds === 0) {
            expect(shortest > most || exactCost(shortest, one) > BigInt(micros)).toBe(true)
            return
          }
          // Cut there, it is paid for just so long.
          expect(billedSeconds(seconds * 1_000, one)).toBe(seconds)
          expect(exactCost(seconds, one) <= BigInt(micros)).toBe(true)
          const more = seconds + one.incrementSeconds
          expect(more > most || exactCost(more, one) > BigInt(micros)).toBe(true)
        },
      ),
      { numRuns: 5_000 },
    )
  })

  test('money for just so much pays for just so much', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), price, (increments, one) => {
        const seconds = increments * one.incrementSeconds
        fc.pre(one.perMinuteMicros >= 60 && seconds >= billedSeconds(0, one) && seconds <= LONGEST_TALK)
        const cost = costOf(seconds, one)
        expect(affordableSeconds(cost, LONGEST_TALK, one)).toBe(seconds)
        expect(affordableSeconds(cost - 1, LONGEST_TALK, one)).toBeLessThan(seconds)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a free call lasts as long as any may', () => {
    const free = { ...PER_MINUTE, perMinuteMicros: 0 }
    expect(affordableSeconds(0, 3_600, free)).toBe(3_600)
    expect(affordableSeconds(0, 3_600, { ...free, setUpMicros: 1 })).toBe(0)
    expect(affordableSeconds(1, 3_601, { ...free, setUpMicros: 1, incrementSeconds: 60 })).toBe(3_600)
  })
})

test('a call that rings two numbers costs both prices, and counts as the coarser of the two', () => {
  const a = {
    prefix: '49',
    name: 'Germany',
    perMinuteMicros: 40_000,
    setUpMicros: 5,
    minimumSeconds: 30,
    incrementSeconds: 1,
  }
  const b = {
    prefix: '44',
    name: 'Britain',
    perMinuteMicros: 60_000,
    setUpMicros: 7,
    minimumSeconds: 0,
    incrementSeconds: 60,
  }
  expect(combinedRate(a, b)).toEqual({
    ...{ prefix: '44', name: 'Britain', perMinuteMicros: 100_000, setUpMicros: 12 },
    ...{ minimumSeconds: 30, incrementSeconds: 60 },
  })
})
