import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DEFAULT_SETTINGS } from '../../src/engine/accounts.ts'
import {
  accountNumber,
  callerNumber,
  dialledNumber,
  maskNumber,
  mayBeRung,
  virtualNumber,
} from '../../src/engine/phone.ts'
import { allNumbers } from './plan-numbers.ts'

const INDIA = DEFAULT_SETTINGS
const WORLD = { ...INDIA, internationalNumbers: true }
const E164 = /^\+[1-9]\d{6,14}$/

describe('numbers as clients write them', () => {
  test.each([
    '7987686144',
    '07987686144',
    '917987686144',
    '+917987686144',
    '00917987686144',
    '+91 79876-86144',
    '+91 (0) 79876 86144',
    '798-768-6144',
  ])('%s is +917987686144', (raw) => expect(accountNumber(raw, INDIA)).toBe('+917987686144'))

  test.each([
    ...[
      '',
      ' ',
      '+',
      '0',
      '00',
      '123',
      '112',
      'abc',
      '79876x6144',
      '7987686144;ext=1',
      '7987686144#',
      '*7987686144',
    ],
    ...[
      '500&PJSIP/itsp/14165551212',
      '1/sip:x@evil',
      '7987686144@trunk2',
      '${SHELL(id)}',
      '$[1+1]',
      '1\r\nX-Evil: 1',
    ],
    ...[
      '+917987686144\n',
      '7987686144\0',
      "'7987686144'",
      '7987686144\\',
      '１２３４５６７８９０',
      '+91\u202e7987686144',
      '%2B917987686144',
    ],
    ...[
      '0000000000',
      '+910000000000',
      '+4400909123456',
      '++917987686144',
      '91+7987686144',
      '+91798768614412345',
      '9'.repeat(10_000),
    ],
    ...[
      '+999123456789',
      '+91798768',
      '798768',
      'tel:+917987686144',
      '1-800-FLOWERS',
      '7987686144,,1',
      '7987686144w',
      '[object Object]',
    ],
  ])('%j is none', (raw) => {
    expect(() => accountNumber(raw, WORLD)).toThrow(
      expect.objectContaining({ name: 'Refusal', code: 'invalid_number' }),
    )
  })

  test('numbers of other countries only where the account takes them', () => {
    for (const raw of ['+442079460000', '00442079460000', '+12025550123', '+80012345678']) {
      expect(() => accountNumber(raw, INDIA)).toThrow(expect.objectContaining({ code: 'invalid_number' }))
      expect(accountNumber(raw, WORLD)).toMatch(E164)
    }
    expect(virtualNumber('+442079460000', 'IN')).toBe('+442079460000')
  })

  test.each([
    ...['+870773123456', '+878101234567890', '+881612345678', '+882161234567', '+883510001234567'],
    ...['+88812345678', '+979912345678', '00870773123456', '00 881 6123 45678'],
  ])('%s of a global network is none, nor may it be rung', (raw) => {
    for (const settings of [INDIA, WORLD]) {
      expect(() => accountNumber(raw, settings)).toThrow(expect.objectContaining({ code: 'invalid_number' }))
      expect(mayBeRung(raw.replaceAll(' ', '').replace(/^00/, '+'), settings)).toBe(false)
    }
  })

  test.each([
    ...['+19005550123', '+449091234567', '+448431234567', '+499001234567', '+33899123456', '+611901123456'],
    ...['+3190012345', '+9118601234567', '+37181123456', '+80812345678'],
    // With digits to spare.
    ...['+4990012345678', '+499001234567890', '+3586001234567', '+91186012345678'],
  ])('%s costs more than a call: it is none, nor may it be rung', (raw) => {
    for (const settings of [INDIA, WORLD]) {
      expect(() => accountNumber(raw, settings)).toThrow(expect.objectContaining({ code: 'invalid_number' }))
      expect(mayBeRung(raw, settings)).toBe(false)
    }
  })

  test('those of the own country, without its code, neither', () => {
    for (const [raw, country] of [
      ['1860 123 4567', 'IN'],
      ['0909 123 4567', 'GB'],
      ['(900) 555-0123', 'US'],
    ] as const)
      for (const internationalNumbers of [false, true])
        expect(() => accountNumber(raw, { country, internationalNumbers })).toThrow(
          expect.objectContaining({ code: 'invalid_number' }),
        )
  })

  test('what only looks similar is a number like others', () => {
    for (const raw of ['+918701234567', '+48881234567', '+8801712345678', '+886912345678', '+911800123456'])
      expect(accountNumber(raw, WORLD)).toBe(raw)
  })

  test('callers and virtual numbers may be whatever they are', () => {
    expect(callerNumber('+870773123456', 'IN')).toBe('+870773123456')
    expect(callerNumber('+449091234567', 'IN')).toBe('+449091234567')
    expect(virtualNumber('18601234567', 'IN')).toBe('+9118601234567')
  })

  test('a shared calling code is not a shared country', () => {
    const states = { ...INDIA, country: 'US' }
    expect(accountNumber('(202) 555-0123', states)).toBe('+12025550123')
    expect(() => accountNumber('+18765551234', states)).toThrow(
      expect.objectContaining({ code: 'invalid_number' }),
    )
  })

  test('what would be somebody abroad if only it had a + is not guessed at', () => {
    expect(() => accountNumber('447911123456', WORLD)).toThrow(
      expect.objectContaining({ code: 'invalid_number' }),
    )
  })

  test('an account of an unknown country can still name numbers in full', () => {
    const nowhere = { country: 'XX', internationalNumbers: true }
    expect(accountNumber('+917987686144', nowhere)).toBe('+917987686144')
    expect(() => accountNumber('7987686144', nowhere)).toThrow(
      expect.objectContaining({ code: 'invalid_number' }),
    )
    expect(mayBeRung('+917987686144', { country: 'XX', internationalNumbers: false })).toBe(false)
  })

  test('whatever is sent, what comes out is E.164 that reads back as itself', () => {
    const piece = fc.constantFrom(
      '+',
      '0',
      '00',
      '44',
      '91',
      '1',
      '7',
      '882',
      '79876',
      '86144',
      ' ',
      '-',
      '(',
      ')',
      '.',
      ';',
      '@',
      '/',
      '&',
      '%2B',
    )
    const wild = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
      fc.string(),
    )
    fc.assert(
      fc.property(wild, fc.constantFrom('IN', 'GB', 'US', 'IT', 'DE'), (raw, country) => {
        const readers = [
          () => accountNumber(raw, { country, internationalNumbers: true }),
          () => callerNumber(raw, country),
          () => dialledNumber(raw, undefined),
        ]
        for (const read of readers) {
          let number: string | undefined
          try {
            number = read()
          } catch {
            continue
          }
          if (number === undefined) continue
          expect(number).toMatch(E164)
          expect(virtualNumber(number, country)).toBe(number)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('callers as SIP tells them', () => {
  test.each([
    '+447700900123',
    '00447700900123',
    '07700900123',
    '447700900123',
    '+44 7700 900 123',
    'tel:+447700900123',
    '+447700900123;user=phone',
    '%2B447700900123',
    'sip:+447700900123@trunk.example;user=phone',
    'TEL:+44-7700-900123;ext=1',
  ])('%s is one and the same caller', (raw) => expect(callerNumber(raw, 'GB')).toBe('+447700900123'))

  test.each([
    ...[
      '',
      'anonymous',
      'Anonymous',
      'unknown',
      'withheld',
      'Restricted',
      'sip:anonymous@anonymous.invalid',
      '1001',
      's',
      '0',
    ],
    ...[
      '0000000000',
      '500&PJSIP/itsp/14165551212',
      '7987686144@trunk2',
      'sip:7987686144',
      '1\r\nX-Evil: 1',
      '${CALLERID(num)}',
    ],
    ...[
      '9'.repeat(10_000),
      `tel:${'+'.repeat(100)}`,
      '<script>',
      '"Bob" <7987686144>',
      '+44770090012e',
      'tel:;',
      '%2B',
      '%',
    ],
  ])('%j is nobody', (raw) => expect(callerNumber(raw, 'IN')).toBeUndefined())

  test('a full number without + is understood from abroad too', () => {
    expect(callerNumber('447911123456', 'IN')).toBe('+447911123456')
    expect(callerNumber('7987686144', 'IN')).toBe('+917987686144')
  })

  test.each([
    ['491771234567', 'DE', '+491771234567'],
    ['4915112345678', 'DE', '+4915112345678'],
    ['493023125000', 'DE', '+493023125000'],
    ['4312345678', 'AT', '+4312345678'],
    ['436641234567', 'AT', '+436641234567'],
    ['390612345678', 'IT', '+390612345678'],
    ['393123456789', 'IT', '+393123456789'],
    ['17025550123', 'US', '+17025550123'],
    // A national number that only begins like the country's code.
    ['9123456789', 'IN', '+919123456789'],
    ['3912345678', 'IT', '+393912345678'],
    ['04921123456', 'DE', '+494921123456'],
    // Without a trunk prefix, and not abroad either.
    ['15123450000', 'DE', '+4915123450000'],
    ['3023125000', 'DE', '+493023125000'],
    // Truly ambiguous: a landline of Italy, and a mobile without its code.
    ['3905787155', 'IT', '+3905787155'],
  ])('%s in %s is %s', (raw, country, number) => expect(callerNumber(raw, country)).toBe(number))

  test('each of a hundred countries’ own numbers reads the same with +, with 00, with neither, and as at home', () => {
    const numbers = allNumbers(['FIXED_LINE', 'MOBILE'], 40).filter(({ country }) => country !== 'GA')
    expect(new Set(numbers.map(({ countryCallingCode }) => countryCallingCode)).size).toBeGreaterThan(190)
    const misread = numbers.flatMap((phone) => {
      const digits = phone.number.slice(1)
      const forms = [phone.number, `00${digits}`, digits, phone.formatNational().replaceAll(/\D/g, '')]
      const read = forms.map((written) => callerNumber(written, phone.country ?? ''))
      return read.every((number) => number === phone.number) ? [] : [[...forms, ...read]]
    })
    // Mobiles of Italy that begin like a landline with its code; in Gabon the national form changes the number.
    expect(misread.filter(([, , , national]) => !/^390/.test(national ?? ''))).toEqual([])
    expect(misread.length).toBeLessThan(numbers.length / 1_000)
  })

  test('hostile length takes no time', () => {
    const started = performance.now()
    for (const raw of ['0', '+', '(', ' ', 'sip:', 'tel:', '%2B', ';'])
      callerNumber(raw.repeat(65_536 / raw.length), 'IN')
    expect(performance.now() - started).toBeLessThan(20)
  })
})

describe('numbers that were dialled', () => {
  test.each(['+916292134464', '916292134464', '00916292134464', 'sip:+916292134464@10.0.0.1'])(
    '%s in full',
    (raw) => expect(dialledNumber(raw, undefined)).toBe('+916292134464'),
  )
  test('national ones need a country', () => {
    expect(dialledNumber('06292134464', 'IN')).toBe('+916292134464')
    expect(dialledNumber('06292134464', undefined)).toBeUndefined()
    expect(dialledNumber('s', 'IN')).toBeUndefined()
  })
})

test('log lines show the country and two digits', () => {
  expect(maskNumber('+917987686144')).toBe('+91…44')
  expect(maskNumber(undefined)).toBe('withheld')
  expect(maskNumber('1\nforged line')).toBe('…')
})
