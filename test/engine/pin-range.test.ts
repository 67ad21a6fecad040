import { describe, expect, test } from '@jest/globals'
import { couldBeDatabasePin, inChunks, lastOf, pinRuns } from '../../src/engine/pin-range.ts'

const MILLION = 1_000_000
const FULL_WIDTH = '\uff11\uff12'
const why = (start: string, end: string, most = MILLION) => {
  try {
    return pinRuns(start, end, most)
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`
  }
}

describe('a range is', () => {
  test.each([
    ['7000', '7500', [{ first: '7000', count: 501 }]],
    ['0000', '0099', [{ first: '0000', count: 100 }]],
    ['0098', '0102', [{ first: '0098', count: 5 }]],
    ['5', '5', [{ first: '5', count: 1 }]],
    ['007', '007', [{ first: '007', count: 1 }]],
    [
      '98',
      '102',
      [
        { first: '98', count: 2 },
        { first: '100', count: 3 },
      ],
    ],
    [
      '0',
      '1000',
      [
        { first: '0', count: 10 },
        { first: '10', count: 90 },
        { first: '100', count: 900 },
        { first: '1000', count: 1 },
      ],
    ],
    ['999999999999998', '999999999999999', [{ first: '999999999999998', count: 2 }]],
    ['000000000000000', '000000000999999', [{ first: '000000000000000', count: MILLION }]],
    // One PIN, whatever it looks like.
    ...['abc', '1e5', '0x10', '12abc', '1-2', '1*#', 'Z.9_', '123456789012345'].map(
      (pin) => [pin, pin, [{ first: pin, count: 1 }]] as const,
    ),
  ])('%s to %s', (start, end, runs) => {
    expect(why(start, end)).toEqual(runs)
  })
})

describe('a range is not', () => {
  test.each([
    ['007', '9', 'invalid start-pin'],
    ['07', '123', 'invalid start-pin'],
    ['7', '009', 'invalid end-pin'],
    ['98', '0100', 'invalid end-pin'],
    ['1e5', '2e5', 'invalid start-pin'],
    ['1', '1e5', 'invalid end-pin'],
    ['0x10', '0x11', 'invalid start-pin'],
    ['abc', 'abd', 'invalid start-pin'],
    ['12abc', '12', 'invalid start-pin'],
    [' 12 ', ' 12 ', 'invalid start-pin'],
    ['12', '12 ', 'invalid end-pin'],
    ['12\n', '12\n', 'invalid start-pin'],
    ['-1', '1', 'invalid start-pin'],
    ['-1', '-1', 'invalid start-pin'],
    ['+1', '1', 'invalid start-pin'],
    ['=1', '=1', 'invalid start-pin'],
    ['1.5', '2.5', 'invalid start-pin'],
    [FULL_WIDTH, FULL_WIDTH, 'invalid start-pin'],
    ['1', FULL_WIDTH, 'invalid end-pin'],
    ['', '', 'invalid start-pin'],
    ['1', '', 'invalid end-pin'],
    ['1,2', '1,2', 'invalid start-pin'],
    ['"1"', '"1"', 'invalid start-pin'],
    ['1234567890123456', '1234567890123456', 'invalid start-pin'],
    ['1', '1234567890123456', 'invalid end-pin'],
    ['8', '7', 'invalid end-pin'],
    ['10', '9', 'invalid end-pin'],
    ['0010', '0009', 'invalid end-pin'],
  ])('%j to %j', (start, end, refusal) => {
    expect(why(start, end)).toBe(refusal)
  })

  test('more than was allowed, found out without counting', () => {
    expect(why('1', '100', 100)).toHaveLength(3)
    expect(why('0', '100', 100)).toBe('too_many end-pin')
    expect(why('000', '100', 100)).toBe('too_many end-pin')
    const started = performance.now()
    for (let n = 0; n < 1_000; n++) expect(why('0', '999999999999999')).toBe('too_many end-pin')
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})

test('chunks are the same PINs, none of them larger than asked', () => {
  const all = (runs: Iterable<{ first: string; count: number }>) =>
    [...runs].flatMap(({ first, count }) =>
      Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(first.length, '0')),
    )
  const runs = pinRuns('97', '1203', MILLION)
  for (const size of [1, 2, 3, 100, 2_000]) {
    const chunks = [...inChunks(runs, size)]
    expect(all(chunks)).toEqual(all(runs))
    expect(Math.max(...chunks.map(({ count }) => count))).toBeLessThanOrEqual(size)
    for (const { first, count } of chunks) {
      expect(count).toBeGreaterThan(0)
      expect(lastOf({ first, count })).toBe(all([{ first, count }]).at(-1))
    }
  }
  expect([...inChunks(pinRuns('a*1', 'a*1', 1), 5)]).toEqual([{ first: 'a*1', count: 1 }])
  expect(lastOf({ first: 'a*1', count: 1 })).toBe('a*1')
})

test('a PIN is 1 to 15 letters, digits and a few signs, of which none comes first', () => {
  for (const pin of ['1', 'a', 'Z9', '1#', '1*2#3', 'a.b_c-d', '1'.repeat(15)])
    expect([pin, couldBeDatabasePin(pin)]).toEqual([pin, true])
  for (const pin of ['', '#1', '*1', '.1', '_1', '-1', '1,', '1;', "1'", '1 ', 'é', '1\n', '1'.repeat(16)])
    expect([pin, couldBeDatabasePin(pin)]).toEqual([pin, false])
})
