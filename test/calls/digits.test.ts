import { describe, expect, test } from '@jest/globals'
import { EMPTY, isRepeat, press, type Entry } from '../../src/calls/digits.ts'

const keyed = (keys: string, maxDigits = 19): Entry =>
  Array.from(keys).reduce((entry, key) => press(entry, key, maxDigits), EMPTY)

describe('an input', () => {
  test.each([
    ['', '', false],
    ['7', '7', false],
    ['713', '713', false],
    ['713#', '713', true],
    ['#', '', true],
    ['##', '', true],
    ['71*', '', false],
    ['71*3', '3', false],
    ['71*3#', '3', true],
    ['*713#', '713', true],
    ['**', '', false],
    ['7A1B3C#D', '713', true],
    ['A', '', false],
    // Nothing changes what is complete.
    ['713#9', '713', true],
    ['713#*', '713', true],
  ])('%p is %p, complete: %p', (keys, digits, complete) => {
    expect(keyed(keys)).toEqual({ digits, complete })
  })

  test('is complete with the last digit allowed, and takes no more', () => {
    expect(keyed('712', 4)).toEqual({ digits: '712', complete: false })
    expect(keyed('7123', 4)).toEqual({ digits: '7123', complete: true })
    expect(keyed('71234', 4)).toEqual({ digits: '7123', complete: true })
    expect(keyed('7*123*4', 3)).toEqual({ digits: '123', complete: true })
  })

  test('what is no key of a telephone is no digit', () => {
    for (const key of ['', ' ', '77', '٣', '-', 'x']) expect(press(EMPTY, key, 4)).toEqual(EMPTY)
  })
})

describe('a key that is reported twice', () => {
  const key = (digit: string, atMs: number, durationMs = 100) => ({ digit, atMs, durationMs })

  test.each([
    ['at the same instant', key('7', 1_000), true],
    ['4 ms later', key('7', 1_004), true],
    ['125 ms later', key('7', 1_125), true],
    ['130 ms later: another press', key('7', 1_130), false],
    ['a long press that ends late', key('7', 1_500, 600), true],
    ['a short press after that: another', key('7', 1_500, 80), false],
    ['another digit', key('8', 1_001), false],
  ])('%s', (_, next, repeat) => {
    expect(isRepeat(key('7', 1_000), next)).toBe(repeat)
  })

  test('the first key of a call is none', () => {
    expect(isRepeat(undefined, key('7', 0))).toBe(false)
  })
})
