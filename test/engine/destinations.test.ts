import { beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parsePhoneNumberFromString as parse } from 'libphonenumber-js/max'
import type { AccountSettings } from '../../src/engine/accounts.ts'
import { DEFAULT_CARD_SETTINGS } from '../../src/engine/card-settings.ts'
import { destination } from '../../src/engine/destinations.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { cardAccount } from './cards-given.ts'
import { FORMS, type Parts } from './written-forms.ts'

type Settings = Pick<AccountSettings, 'country' | 'cards'>
const inCountry = (country: string, ...allowed: string[]): Settings => ({
  country,
  cards: { ...DEFAULT_CARD_SETTINGS, allowed },
})
const EVERYWHERE = ['1', '2', '3', '4', '5', '6', '7', '8', '9']
const GERMANY = inCountry('DE', '49')

/** What is read, or the word of the refusal. */
function read(written: string, settings: Settings): string {
  const result = destination(written, settings)
  return result instanceof Refusal ? result.code : result
}

describe('fifty written forms of a hundred numbers, in an account in Germany', () => {
  /** All of the satellites and premium numbers below would be allowed, were they numbers like others. */
  const allowed = [
    '49',
    '44',
    '33',
    '91',
    '1',
    '81',
    '87',
    '88',
    '97',
    '31',
    '41',
    '43',
    '34',
    '46',
    '48',
    '-4915',
    '-44778',
    '-1876',
    '-917',
  ]
  const settings = inCountry('DE', ...allowed, '491512')

  const parts = (codes: Record<string, string[]>): Parts[] =>
    Object.entries(codes).flatMap(([code, nationals]) => nationals.map((national) => ({ code, national })))

  /** Each in a row of consecutive ones. */
  const allowedNumbers = parts({
    '49': ['302312500', '891234500', '15123450000', '1701234000'].flatMap((first) => row(first, 5)),
    '44': [...row('2079460000', 5), ...row('7400123456', 5)],
    '33': [...row('142685300', 4), ...row('612345678', 4)],
    '91': row('1123456789', 4),
    '1': [...row('2025550100', 4), ...row('4165550100', 4)],
  })
  const deniedNumbers = parts({
    // Satellites, global networks, and what the called are paid for.
    ...{
      '870': ['773123456', '383123456'],
      '878': ['101234567890'],
      '881': ['612345678', '712345678', '812345678'],
    },
    ...{
      '882': ['16123456', '13123456', '99123456'],
      '883': ['510001234567', '130123456'],
      '888': ['12345678'],
    },
    ...{
      '979': ['912345678'],
      '49': ['9001234567', '9003123456', '1801234567', '18012345', ...row('1511234567', 3)],
    },
    ...{
      '44': ['9091234567', '8431234567', '8701234567', ...row('7780012345', 3)],
      '33': ['899123456', '810123456'],
    },
    ...{
      '1': ['9005550123', '8765550123', '8765550124'],
      '91': ['18601234567', ...row('7987686144', 2)],
    },
    ...{
      '31': ['90012345', '906123456'],
      '41': ['900123456', '901123456'],
      '43': ['900123456', '930123456'],
    },
    ...{ '34': ['803123456', '901123456'], '46': ['900123456'], '48': ['701234567'], '81': ['990123456'] },
    // Nobody has allowed these.
    ...{
      '7': ['9161234567'],
      '53': ['51234567'],
      '371': ['67012345'],
      '960': ['7712345'],
      '252': ['61234567'],
    },
  })

  let ctx: TestContext
  let tariffId: number
  beforeAll(async () => {
    ctx = testContext()
    // Its own rate for every number; those that may not be called are dearest to forget.
    const rates = [...allowedNumbers, ...deniedNumbers].map((of) => ({
      prefix: (of.code + of.national).slice(0, 15),
      name: nameOf(of),
    }))
    const account = await cardAccount(ctx, {
      rates: [...rates, ...['49', '44', '33', '91', '1'].map((prefix) => ({ prefix, name: prefix }))],
    })
    tariffId = account.settings.cards.tariffId ?? NaN
  })

  test('are 5,000, and of numbers that are what they are meant to be', () => {
    expect(FORMS).toHaveLength(50)
    expect(new Set([...allowedNumbers, ...deniedNumbers].map(nameOf)).size).toBe(100)
    expect(deniedNumbers).toHaveLength(50)
    for (const of of allowedNumbers)
      expect([nameOf(of), parse(nameOf(of))?.isValid()]).toEqual([nameOf(of), true])
  })

  test.each(FORMS)('$name: nobody gets through who may not', ({ write, reading }) => {
    for (const of of deniedNumbers) {
      const written = write(of)
      // Without its country code it may be somebody's in Germany.
      const not = reading === 'home' && of.code !== '49' ? /^\+49|_/ : REFUSED
      expect([written, read(written, settings)]).toEqual([written, expect.stringMatching(not)])
    }
  })

  test.each(FORMS)(
    '$name: whoever may is rated to the own destination, or told that it is no number',
    async ({ write, reading }) => {
      for (const of of allowedNumbers) {
        const written = write(of)
        const result = read(written, settings)
        const isRead =
          reading === 'read' ||
          (reading === 'trunk' && of.code !== '1') ||
          (reading === 'home' && of.code === '49')
        if (isRead) {
          expect([written, result]).toEqual([written, nameOf(of)])
          expect(await ctx.store.findRate(tariffId, result.slice(1))).toMatchObject({ name: nameOf(of) })
        } else if (reading === 'home') {
          // Somebody else's in Germany, or nobody's.
          expect(result).toMatch(/^(\+49[1-9]\d+|invalid_number|not_allowed_destination)$/)
        } else if (reading === 'another' && !REFUSED.test(result)) {
          expect(result.slice(1)).toBe(written.replaceAll(/^00|\D/g, ''))
        } else expect([written, result]).toEqual([written, expect.stringMatching(REFUSED)])
      }
    },
  )
})

const REFUSED = /^(invalid_number|not_allowed_destination)$/
const nameOf = ({ code, national }: Parts) => `+${code}${national}`
function row(first: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(Number(first) + n))
}

describe('what is understood', () => {
  test.each([
    // Germany, where nobody leaves the trunk prefix out.
    ['030 23125 000', 'DE', '+493023125000'],
    ['0302434299', 'DE', '+49302434299'],
    ['493023125000', 'DE', '+493023125000'],
    ['442079460000', 'DE', '+442079460000'],
    ['33142685300', 'DE', '+33142685300'],
    // India, whose plan writes numbers without it.
    ['7987686144', 'IN', '+917987686144'],
    ['07987686144', 'IN', '+917987686144'],
    ['917987686144', 'IN', '+917987686144'],
    ['447400123456', 'IN', '+447400123456'],
    // North America.
    ['(202) 555-0123', 'US', '+12025550123'],
    ['1 202 555 0123', 'US', '+12025550123'],
    ['011 49 30 23125000', 'US', '+493023125000'],
    ['011 49 30 23125000', 'CA', '+493023125000'],
    ['011442079460000', 'JM', '+442079460000'],
    ['00442079460000', 'US', '+442079460000'],
    // Others.
    ['0011 44 20 7946 0000', 'AU', '+442079460000'],
    ['0014930123456', 'HK', '+4930123456'],
    ['912345678', 'ES', '+34912345678'],
    ['06 1234 5678', 'IT', '+390612345678'],
    ['13012345678', 'CN', '+8613012345678'],
    ['812345', 'AD', '+376812345'],
    ['+493023125000', 'XX', '+493023125000'],
  ])('%s in %s is %s', (written, country, number) =>
    expect(read(written, inCountry(country, ...EVERYWHERE))).toBe(number),
  )

  test.each([
    ['3023125000', 'DE'],
    ['49179123456', 'DE'],
    ['202 555 0123', 'DE'],
    ['79460000', 'GB'],
    ['030 23125 000', 'XX'],
    ['', 'DE'],
    ['+', 'DE'],
    ['0049', 'XX'],
  ])('%j in %s is no number, or might be two', (written, country) =>
    expect(read(written, inCountry(country, ...EVERYWHERE))).toMatch(REFUSED),
  )

  test('what is none is told from what is not allowed', () => {
    expect(read('abc', GERMANY)).toBe('invalid_number')
    expect(read('', GERMANY)).toBe('invalid_number')
    expect(read('+999123456789', GERMANY)).toBe('invalid_number')
    expect(read('+442079460000', GERMANY)).toBe('not_allowed_destination')
  })
})

describe('emergency, service and short numbers', () => {
  const numbers = [
    '110',
    '112',
    '911',
    '999',
    '000',
    '115',
    '116117',
    '11833',
    '118000',
    '100',
    '101',
    '17',
    '061',
    '7',
    '0800',
  ]
  const forms = [
    ...[
      (n: string) => n,
      (n: string) => `0${n}`,
      (n: string) => `00${n}`,
      (n: string) => `+${n}`,
      (n: string) => n.split('').join('-'),
    ],
    ...[
      (n: string) => `+49${n}`,
      (n: string) => `0049${n}`,
      (n: string) => `+49 (0) ${n}`,
      (n: string) => `${n} `,
      (n: string) => `+1${n}`,
    ],
    ...[
      (n: string) => `+44 ${n}`,
      (n: string) => `+91-${n}`,
      (n: string) => `011${n}`,
      (n: string) => `1${n}`,
    ],
  ]
  test.each(['DE', 'US', 'GB', 'IN', 'FR', 'XX'])('are called from %s in no form', (country) => {
    for (const number of numbers)
      for (const write of forms)
        expect([write(number), read(write(number), inCountry(country, ...EVERYWHERE))]).toEqual([
          write(number),
          expect.stringMatching(REFUSED),
        ])
  })

  test.each(['110', '112', '0112', '+49112', '0049 110', '1-1-2', '911', '000', '11833', '0115', '17'])(
    '%s is told to be a number that is not allowed, rather than none',
    (number) => expect(read(number, GERMANY)).toBe('not_allowed_destination'),
  )

  test('with digits to spare are called neither, where no number of the country has them', () => {
    for (const number of [
      '+49112000',
      '+491121234567',
      '+4911012345',
      '+4911833123',
      '+19115550123',
      '+49116117000',
    ])
      expect([number, read(number, inCountry('DE', ...EVERYWHERE))]).toEqual([
        number,
        expect.stringMatching(REFUSED),
      ])
    // In Delhi and in Reading they are the beginnings of numbers like others.
    for (const number of ['+911123456789', '+441189876543'])
      expect(read(number, inCountry('DE', ...EVERYWHERE))).toBe(number)
  })
})

describe('numbers that whoever answers is paid for', () => {
  const everywhere = inCountry('DE', ...EVERYWHERE)
  test.each([
    ...[
      '+19005550123',
      '+449091234567',
      '+448431234567',
      '+499001234567',
      '+491801234567',
      '+33899123456',
      '+39899123456',
    ],
    ...[
      '+611901123456',
      '+3190012345',
      '+9118601234567',
      '+37181123456',
      '+80812345678',
      '+979912345678',
      '+870773123456',
    ],
    ...['+878101234567890', '+881612345678', '+882161234567', '+883510001234567', '+88812345678'],
  ])('%s, also with digits to spare, and whatever the account allows of it', (number) => {
    for (const more of ['', '0', '1', '12', '123', '0000'])
      for (const allowed of [
        everywhere,
        inCountry('DE', number.slice(1)),
        inCountry('DE', number.slice(1, 4)),
      ])
        expect([number + more, read(number + more, allowed)]).toEqual([
          number + more,
          expect.stringMatching(REFUSED),
        ])
  })

  test('national ones, in their own country', () => {
    for (const [number, country] of [
      ...[
        ['0900 1 234567', 'DE'] as const,
        ['0909 123 4567', 'GB'] as const,
        ['(900) 555-0123', 'US'] as const,
      ],
      ...[['1860 123 4567', 'IN'] as const, ['0899 12 34 56', 'FR'] as const, ['899 123456', 'IT'] as const],
    ])
      expect([number, read(number, inCountry(country, ...EVERYWHERE))]).toEqual([
        number,
        'not_allowed_destination',
      ])
  })

  test('a number that only begins like one is a number like others', () => {
    for (const number of ['+390899123456', '+918701234567', '+48881234567'])
      expect(read(number, everywhere)).toBe(number)
  })
})

describe('a whole country', () => {
  const home = (country: string, number: string, ...allowed: string[]) =>
    read(number, inCountry(country, ...allowed)) === number

  test.each([
    // By a prefix that is no longer than its code: what its plan has for an ordinary number.
    [true, '+12025550123', 'DE', ['1']],
    [true, '+14165550123', 'DE', ['1']],
    [true, '+18005550123', 'DE', ['1']],
    ...['+18765550123', '+18095550123', '+12684641234', '+17875550123', '+12425550123'].map(
      (island): [boolean, string, string, string[]] => [false, island, 'DE', ['1', '49']],
    ),
    [true, '+18765550123', 'DE', ['1', '1876']],
    [true, '+18765550123', 'DE', ['18']],
    [false, '+18765550123', 'DE', ['1', '-1876']],
    [true, '+18765550123', 'JM', ['1']],
    [true, '+12025550123', 'JM', ['1']],
    [false, '+18095550123', 'JM', ['1']],
    [false, '+77012345678', 'DE', ['7']],
    [true, '+77012345678', 'KZ', ['7']],
    [true, '+77012345678', 'DE', ['77']],
    [true, '+79161234567', 'DE', ['7']],
    [false, '+447781123456', 'DE', ['44']],
    [true, '+447781123456', 'DE', ['4477811']],
    [true, '+447400123456', 'DE', ['4']],
    // Not what it does not know, corporate numbers and mailboxes.
    [false, '+491771234', 'DE', ['49']],
    [true, '+491771234', 'DE', ['49177']],
    [false, '+49177123456789', 'DE', ['49', '4']],
    [false, '+493', 'DE', ['49']],
    [false, '+4918112345', 'DE', ['49']],
    [true, '+4918112345', 'DE', ['49181']],
    [false, '+443331234567', 'DE', ['44']],
    [true, '+443331234567', 'DE', ['443']],
    [true, '+33912345678', 'DE', ['33']],
    [true, '+4932212345678', 'DE', ['49']],
  ] satisfies [boolean, string, string, string[]][])(
    '%s: %s in %s by %j',
    (isCalled, number, country, allowed) => expect(home(country, number, ...allowed)).toBe(isCalled),
  )

  test('numbers that no longer prefix names, whatever is keyed: all that is called is valid', () => {
    const likely = fc
      .tuple(fc.constantFrom('+', '00', ''), fc.constantFrom('49', '44', '1', '39', '43', '7', '1876', '599'))
      .chain(([form, code]) => fc.stringMatching(/^\d{3,12}$/).map((rest) => form + code + rest))
    let called = 0
    fc.assert(
      fc.property(likely, (written) => {
        const result = read(written, inCountry('DE', '49', '44', '1', '39', '43', '7', '599'))
        if (REFUSED.test(result)) return
        called++
        const phone = parse(result)
        expect(phone?.isValid()).toBe(true)
        expect(['DE', 'GB', 'US', 'CA', 'IT', 'AT', 'RU', 'CW']).toContain(phone?.country)
        expect(phone?.getType()).toMatch(/^(FIXED_LINE|MOBILE|FIXED_LINE_OR_MOBILE|TOLL_FREE|VOIP)$/)
      }),
      { numRuns: 20_000 },
    )
    expect(called).toBeGreaterThan(1_000)
  })
})

describe('what an account allows', () => {
  const [berlin, munich, london] = ['+493023125000', '+498912345678', '+442079460000'] as const
  const may = (...allowed: string[]) =>
    [berlin, munich, london].map((number) => read(number, inCountry('DE', ...allowed)) === number)

  test('is nothing unless it says so', () => {
    expect(may()).toEqual([false, false, false])
    expect(read(berlin, inCountry('DE'))).toBe('not_allowed_destination')
  })

  test('is by the longest prefix, whatever the order', () => {
    expect(may('49')).toEqual([true, true, false])
    expect(may('4930')).toEqual([true, false, false])
    expect(may('49', '-4930')).toEqual([false, true, false])
    expect(may('-4930', '49')).toEqual([false, true, false])
    expect(may('-49', '4930', '44')).toEqual([true, false, true])
    expect(may('49', '-4930', '493023125')).toEqual([true, true, false])
    expect(may('4', '-44')).toEqual([true, true, false])
    expect(may('493023125000', '-49302312500')).toEqual([true, false, false])
    expect(may('4930231250000')).toEqual([false, false, false])
  })

  test('is not what it denies with the same prefix', () => {
    expect(may('49', '-49')).toEqual([false, false, false])
    expect(may('-49', '49', '44')).toEqual([false, false, true])
  })
})

test('whatever is written, what comes out is allowed, is E.164, and reads back as itself', () => {
  const piece = fc.constantFrom(
    ...[
      '+',
      '0',
      '00',
      '011',
      '49',
      '44',
      '1',
      '91',
      '39',
      '30',
      '900',
      '909',
      '899',
      '112',
      '110',
      '870',
      '881',
      '882',
      '800',
    ],
    ...['23125', '000', '79460', ' ', '-', '(', ')', '.', ';', '@', '/', '&', '#', '*', '%2B', '7'],
  )
  const likely = fc
    .tuple(
      fc.constantFrom('+', '00', '0', '', '011', '0-', '++'),
      fc.constantFrom('49', '44', '1', '91', '39', '33', '881', '49 (0) ', '44-0', '30', '90'),
      fc.constantFrom('30', '20', '89', '900', '909', '112', '15', '202', '7', ''),
      fc.stringMatching(/^\d{4,9}$/),
    )
    .map((pieces) => pieces.join(''))
  const wild = fc.oneof(
    { weight: 4, arbitrary: likely },
    { weight: 4, arbitrary: fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join('')) },
    { weight: 1, arbitrary: fc.string() },
  )
  const country = fc.constantFrom('DE', 'US', 'IN', 'IT', 'GB', 'AU', 'XX')
  let called = 0
  fc.assert(
    fc.property(wild, country, (written, home) => {
      const result = read(written, inCountry(home, '1', '3', '4', '9', '8', '-4989'))
      if (REFUSED.test(result)) return
      called++
      expect(result).toMatch(/^\+[13489]\d{6,14}$/)
      expect(result).not.toMatch(/^\+(4989|87[08]|88[1238]|979)/)
      expect(['PREMIUM_RATE', 'SHARED_COST']).not.toContain(parse(result)?.getType())
      expect(parse(result)?.number).toBe(result)
      expect(read(result, inCountry('XX', ...EVERYWHERE))).toBe(result)
      // No digit comes from anywhere else, and none is lost but prefixes.
      expect(written.replaceAll(/\D/g, '')).toMatch(new RegExp(`${parse(result)?.nationalNumber}$`))
    }),
    { numRuns: 20_000 },
  )
  expect(called).toBeGreaterThan(1_000)
})
