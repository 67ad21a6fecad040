import { describe, expect, test } from '@jest/globals'
import { parseDuration, utcSeconds, wallClock, wholeSeconds } from '../../src/engine/time.ts'

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
