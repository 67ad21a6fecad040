import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  formatDuration,
  isTimeZone,
  parseDuration,
  parseWallClock,
  utcSeconds,
  wallClock,
  wholeSeconds,
} from '../../src/engine/time.ts'

describe('"Duration can be specified in any unit (d, m, s)  Eg: “20s”"', () => {
  test.each([
    ['20s', 20_000],
    ['1200s', 1_200_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['170d', 14_688_000_000],
    ['007s', 7_000],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms))

  test.each([
    '',
    '20',
    's',
    '-1',
    '-5s',
    '0s',
    '1.5h',
    '1e3s',
    '20 s',
    '20S',
    '20w',
    '1h30m',
    '٢٠s',
    '20s\n',
    `${'9'.repeat(13)}s`,
  ])('not %j', (text) => expect(parseDuration(text)).toBeUndefined())

  test('a long text takes no time', () => {
    const started = performance.now()
    parseDuration('0'.repeat(65_536))
    expect(performance.now() - started).toBeLessThan(5)
  })
})

test('"deallocation_time": "2020-03-27 12:17:09" is the clock of the account\'s time zone', () => {
  const instant = Date.UTC(2020, 2, 27, 6, 47, 9)
  expect(wallClock(instant, 'Asia/Kolkata')).toBe('2020-03-27 12:17:09')
  expect(wallClock(instant, 'UTC')).toBe('2020-03-27 06:47:09')
})

test('midnight is hour 00 of the new day, and summer time counts', () => {
  expect(wallClock(Date.UTC(2026, 0, 1), 'UTC')).toBe('2026-01-01 00:00:00')
  expect(wallClock(Date.UTC(2026, 2, 29, 0, 59, 59), 'Europe/London')).toBe('2026-03-29 00:59:59')
  expect(wallClock(Date.UTC(2026, 2, 29, 1), 'Europe/London')).toBe('2026-03-29 02:00:00')
})

test('"start_time": "2020-03-23T12:58:02+00:00" has an offset in digits and no milliseconds', () => {
  expect(utcSeconds(Date.UTC(2020, 2, 23, 12, 58, 2, 999))).toBe('2020-03-23T12:58:02+00:00')
})

test('a second counts once it is over', () => {
  expect([0, 999, 1_000, 17_400].map(wholeSeconds)).toEqual([0, 0, 1, 17])
})

describe('a duration in words', () => {
  test.each([
    [14_688_000_000, '170d'],
    [86_400_000, '1d'],
    [90_000_000, '25h'],
    [7_200_000, '2h'],
    [5_400_000, '90m'],
    [60_000, '1m'],
    [59_000, '59s'],
    [61_000, '61s'],
    [1_000, '1s'],
    [1_999, '1s'],
    [0, '0s'],
  ])('%d ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

  test('is read back as what it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40_000_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1_000))).toBe(seconds * 1_000)
      }),
    )
  })
})

describe('time zones', () => {
  test.each(['Asia/Kolkata', 'Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires'])('%s is one', (name) =>
    expect(isTimeZone(name)).toBe(true),
  )
  test.each(['', 'Europe/Bonn', '+05:30', '-08', '05:30', ' UTC', 'Asia/Kolkata\n', 'Asia'])(
    '%j is none',
    (name) => expect(isTimeZone(name)).toBe(false),
  )
})

describe('an instant as a clock on the wall shows it', () => {
  test.each([
    ['2020-03-27 12:17:09', 'Asia/Kolkata', '2020-03-27T06:47:09Z'],
    ['2020-03-27T12:17:09', 'Asia/Kolkata', '2020-03-27T06:47:09Z'],
    ['2020-03-27', 'Asia/Kolkata', '2020-03-26T18:30:00Z'],
    ['2026-01-15 12:00:00', 'Europe/Berlin', '2026-01-15T11:00:00Z'],
    ['2026-07-15 12:00:00', 'Europe/Berlin', '2026-07-15T10:00:00Z'],
    ['2024-02-29', 'UTC', '2024-02-29T00:00:00Z'],
    ['2026-12-31 23:59:59', 'UTC', '2026-12-31T23:59:59Z'],
  ])('%s in %s', (text, zone, utc) => expect(parseWallClock(text, zone)).toBe(Date.parse(utc)))

  test.each([
    ['2026-03-29T02:30:00+05:30', '2026-03-28T21:00:00Z'],
    ['2026-03-29 02:30:00Z', '2026-03-29T02:30:00Z'],
    ['2026-10-25 02:30:00+01:00', '2026-10-25T01:30:00Z'],
    ['2026-10-25 02:30:00-08:00', '2026-10-25T10:30:00Z'],
    ['2026-10-25Z', '2026-10-25T00:00:00Z'],
    ['2026-10-25+05:30', '2026-10-24T18:30:00Z'],
  ])('%s says its offset itself', (text, utc) =>
    expect(parseWallClock(text, 'Europe/Berlin')).toBe(Date.parse(utc)),
  )

  // The clock before the change says +01:00; the one after it shows 03:30.
  test.each([
    ['2026-03-29 01:59:59', 'Europe/Berlin', '2026-03-29T00:59:59Z'],
    ['2026-03-29 02:00:00', 'Europe/Berlin', '2026-03-29T01:00:00Z'],
    ['2026-03-29 02:30:00', 'Europe/Berlin', '2026-03-29T01:30:00Z'],
    ['2026-03-29 03:00:00', 'Europe/Berlin', '2026-03-29T01:00:00Z'],
    ['2026-03-08 02:30:00', 'America/New_York', '2026-03-08T07:30:00Z'],
    ['2026-10-04 02:15:00', 'Australia/Lord_Howe', '2026-10-03T15:45:00Z'],
    ['2011-12-30 12:00:00', 'Pacific/Apia', '2011-12-30T22:00:00Z'],
  ])('%s in %s, near an hour that is skipped', (text, zone, utc) =>
    expect(parseWallClock(text, zone)).toBe(Date.parse(utc)),
  )

  test.each([
    ['2026-10-25 01:59:59', 'Europe/Berlin', '2026-10-24T23:59:59Z'],
    ['2026-10-25 02:00:00', 'Europe/Berlin', '2026-10-25T00:00:00Z'],
    ['2026-10-25 02:30:00', 'Europe/Berlin', '2026-10-25T00:30:00Z'],
    ['2026-10-25 03:00:00', 'Europe/Berlin', '2026-10-25T02:00:00Z'],
    ['2026-11-01 01:30:00', 'America/New_York', '2026-11-01T05:30:00Z'],
  ])('%s in %s, near an hour that is shown twice: the first', (text, zone, utc) =>
    expect(parseWallClock(text, zone)).toBe(Date.parse(utc)),
  )

  test.each([
    ...['2026-02-30', '2025-02-29', '2026-13-01', '2026-00-10', '2026-01-00', '2026-04-31 12:00:00'],
    ...['2026-01-01 24:00:00', '2026-01-01 23:60:00', '2026-01-01 23:59:60', '2026-02-30T12:00:00+05:30'],
    ...[
      '2026-01-01 24:00:00Z',
      '2026-01-01 12:00:00+24:00',
      '2026-01-01 12:00:00+05:60',
      '2026-01-01 12:00:00+0530',
    ],
    ...[
      '',
      'now',
      '20260101',
      '2026-1-1',
      '2026-01-01 12:00',
      '2026-01-01  12:00:00',
      '2026-01-01 12:00:00.5',
    ],
    ...['2026-01-01\n', ' 2026-01-01', '2026-01-01 12:00:00 Europe/Berlin', '12026-01-01', '٢٠٢٦-٠١-٠١'],
    '1000-01-01',
    '0001-01-01 00:00:00',
  ])('%j is none', (text) => expect(parseWallClock(text, 'Europe/Berlin')).toBeUndefined())

  test('what a clock shows is read back as the instant, or as the earlier one that it showed so', () => {
    const zones = fc.constantFrom(
      'Asia/Kolkata',
      'Europe/Berlin',
      'America/St_Johns',
      'Australia/Lord_Howe',
      'UTC',
    )
    const seconds = fc.integer({ min: Date.UTC(2000, 0) / 1_000, max: Date.UTC(2040, 0) / 1_000 })
    fc.assert(
      fc.property(zones, seconds, (zone, second) => {
        const shown = wallClock(second * 1_000, zone)
        const read = parseWallClock(shown, zone) ?? NaN
        expect(wallClock(read, zone)).toBe(shown)
        expect(second * 1_000 - read).toBeGreaterThanOrEqual(0)
        expect(second * 1_000 - read).toBeLessThanOrEqual(3_600_000)
      }),
      { numRuns: 500 },
    )
  })
})
