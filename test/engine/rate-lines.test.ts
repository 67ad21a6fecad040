import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formatAmount } from '../../src/engine/money.ts'
import { readRateLine, rateHeader, type RateHeader } from '../../src/engine/rate-lines.ts'
import type { Rate } from '../../src/engine/rates.ts'

const line = (text: string, header?: string) => {
  const columns = header === undefined ? undefined : rateHeader(header.split(';'))
  if (columns && 'wrong' in columns) throw new Error(columns.wrong)
  return readRateLine(text.split(';'), columns)
}
const rate = (wanted: Partial<Rate> = {}) => ({
  rate: {
    ...{ prefix: '49177', name: 'Germany Mobile EPlus', perMinuteMicros: 100_000, setUpMicros: 0 },
    ...{ minimumSeconds: 0, incrementSeconds: 1, ...wanted },
  },
})

describe('a line', () => {
  test.each([
    ['49177;Germany Mobile EPlus;0.10', rate()],
    ['49177;Germany Mobile EPlus;0,10;;;', rate()],
    [' +49177 ; Germany Mobile EPlus ; 0.10 ', rate()],
    ['0049177;Germany Mobile EPlus;0.10', rate()],
    [
      '49177;Germany Mobile EPlus;0.10;0.05;30;6',
      rate({ setUpMicros: 50_000, minimumSeconds: 30, incrementSeconds: 6 }),
    ],
    [
      '1;Ü, "x"; 0.000001;10000;86400;86400',
      rate({
        prefix: '1',
        name: 'Ü, "x"',
        perMinuteMicros: 1,
        setUpMicros: 10_000_000_000,
        minimumSeconds: 86_400,
        incrementSeconds: 86_400,
      }),
    ],
    ['999999999999999;x;0', rate({ prefix: '999999999999999', name: 'x', perMinuteMicros: 0 })],
    ['49177;Germany Mobile EPlus;0.10;;;;;', rate()],
  ])('%s', (text, read) => expect(line(text)).toEqual(read))

  test.each([
    ['', 'prefix'],
    [';x;1', 'prefix'],
    ['049;x;1', 'prefix'],
    ['4 9;x;1', 'prefix'],
    ['49a;x;1', 'prefix'],
    ['=49;x;1', 'prefix'],
    ['1234567890123456;x;1', 'prefix'],
    ['000;x;1', 'prefix'],
    ['49;;1', 'name'],
    ['49;x\u0007;1', 'name'],
    ['49;x\u202E;1', 'name'],
    [`49;${'x'.repeat(101)};1`, 'name'],
    ['49;x', 'price'],
    ['49;x;', 'price'],
    ['49;x;-1', 'price'],
    ['49;x;1e3', 'price'],
    ['49;x;1.000,50', 'price'],
    ['49;x;0.0000001', 'price'],
    ['49;x;10000.000001', 'price'],
    ['49;x;1;-1', 'set-up'],
    ['49;x;1;10001', 'set-up'],
    ['49;x;1;0;-1', 'minimum'],
    ['49;x;1;0;86401', 'minimum'],
    ['49;x;1;0;1.5', 'minimum'],
    ['49;x;1;0;0;0', 'increment'],
    ['49;x;1;0;0;x', 'increment'],
    ['49;x;1;0;0;60;more', 'columns'],
  ])('%j has something wrong about its %s', (text, what) =>
    expect(line(text)).toEqual({ wrong: expect.stringContaining(what) }),
  )
})

describe('a header', () => {
  test.each<[string, RateHeader]>([
    ['prefix;name;price', ['prefix', 'name', 'price']],
    ['\uFEFFPrefix; Destination ;PRICE', ['prefix', 'name', 'price']],
    [
      'Country;price;code;billing_increments;destination',
      [undefined, 'price', 'prefix', 'increments', 'name'],
    ],
    [
      'prefix;name;price;set-up;minimum;increment;setup',
      ['prefix', 'name', 'price', undefined, 'minimum', 'increment', 'setup'],
    ],
  ])('%s', (text, columns) => expect(rateHeader(text.split(';'))).toEqual(columns))

  test('is none where the first row is a rate', () => {
    expect(rateHeader(['49177', 'Germany', '0.10'])).toBeUndefined()
    expect(rateHeader([''])).toBeUndefined()
    expect(rateHeader(['name', 'price'])).toBeUndefined()
  })

  test.each([
    ['prefix;price', 'name'],
    ['prefix;name', 'price'],
    ['prefix;name;price;code', 'prefix'],
    ['prefix;name;price;name', 'name'],
    ['prefix;name;price;increments;minimum', 'increments'],
    ['prefix;name;price;increment;increments', 'increments'],
  ])('%s: something is wrong about %s', (text, what) =>
    expect(rateHeader(text.split(';'))).toEqual({ wrong: expect.stringContaining(`'${what}'`) }),
  )

  test('puts columns in any order, and passes over those that it does not know', () => {
    const header = 'Valid from;increments;Price;Destination;Prefix'
    expect(line('2026-01-01;60/30;0.10;Germany Mobile EPlus;49177', header)).toEqual(
      rate({ minimumSeconds: 60, incrementSeconds: 30 }),
    )
    expect(line('x;;0.10;Germany Mobile EPlus;49177', header)).toEqual(rate())
    expect(line('x;1/1;0.10;Germany Mobile EPlus;49177;', header)).toEqual(rate({ minimumSeconds: 1 }))
    for (const [increments, what] of [
      ['60', 'increments'],
      ['60/0', 'increment'],
      ['/', 'increments'],
      ['1/2/3', 'increments'],
      ['86401/1', 'minimum'],
    ] as const)
      expect(line(`x;${increments};0.10;x;49177`, header)).toEqual({ wrong: expect.stringContaining(what) })
    expect(line('x;1/1;0.10', header)).toEqual({ wrong: expect.stringContaining('prefix') })
    expect(line('x;1/1;0.10;x;49;y', header)).toEqual({ wrong: expect.stringContaining('columns') })
  })
})

test('every rate is read back from the line that is written of it', () => {
  const rates = fc.record({
    prefix: fc.stringMatching(/^[1-9]\d{0,14}$/),
    name: fc.stringMatching(/^[A-Za-z]([ -~]{0,98}[A-Za-z])?$/),
    perMinuteMicros: fc.nat(10_000_000_000),
    setUpMicros: fc.nat(10_000_000_000),
    minimumSeconds: fc.nat(86_400),
    incrementSeconds: fc.integer({ min: 1, max: 86_400 }),
  })
  fc.assert(
    fc.property(rates, fc.constantFrom('.' as const, ',' as const), (one, point) => {
      const [price, setup] = [one.perMinuteMicros, one.setUpMicros].map((micros) =>
        formatAmount(micros, 0, 6, point),
      )
      const { prefix, name, minimumSeconds, incrementSeconds } = one
      const cells = [prefix, name, price ?? '', setup ?? '', String(minimumSeconds), String(incrementSeconds)]
      expect(readRateLine(cells, undefined)).toEqual({ rate: one })
      const header = rateHeader(['increments', 'setup', 'price', 'name', 'prefix'])
      if (!header || 'wrong' in header) throw new Error('no header')
      const turned = [`${minimumSeconds}/${incrementSeconds}`, setup ?? '', price ?? '', name, prefix]
      expect(readRateLine(turned, header)).toEqual({ rate: one })
    }),
  )
})
