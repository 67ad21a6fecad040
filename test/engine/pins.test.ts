import { randomInt } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { couldBePin, drawPins, isWeak, looksLikePaymentCard } from '../../src/engine/pins.ts'

const everyPin = (length: number) =>
  Array.from({ length: 10 ** length }, (_, i) => String(i).padStart(length, '0'))

describe('what a PIN is', () => {
  test.each(['0', '000', '1234', '999999999'])('%s could be one', (text) =>
    expect(couldBePin(text)).toBe(true),
  )
  test.each(['', '1234567890', '12a', '１２３', '12\n', '+12', ' 12', '4111111111111111'])(
    '%j could not',
    (text) => expect(couldBePin(text)).toBe(false),
  )
  test('payment cards are recognised by their check digit', () => {
    expect(looksLikePaymentCard('4111111111111111')).toBe(true)
    expect(looksLikePaymentCard('4111111111111112')).toBe(false)
    expect(looksLikePaymentCard('411111111111')).toBe(false)
  })
})

describe('weak PINs', () => {
  test.each(['000', '9999', '123', '4321', '0123456789'])('%s is weak', (pin) =>
    expect(isWeak(pin)).toBe(true),
  )
  test.each(['0', '11', '12', '135', '1235', '7890'])('%s is not', (pin) => expect(isWeak(pin)).toBe(false))
})

describe('drawing PINs', () => {
  test('none is weak, none is drawn twice, all have the length that was asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 }), (length, count) => {
        const drawn = drawPins(randomInt, length, count)
        expect(new Set(drawn).size).toBe(drawn.length)
        expect(drawn).toHaveLength(length === 1 ? Math.min(count, 10) : count)
        expect(drawn.every((pin) => pin.length === length && couldBePin(pin) && !isWeak(pin))).toBe(true)
      }),
    )
  })

  test('none of ten thousand is weak, however few others are left', () => {
    const drawn = Array.from({ length: 400 }, () => drawPins(randomInt, 4, 25)).flat()
    expect(drawn).toHaveLength(10_000)
    expect(drawn.filter(isWeak)).toEqual([])
    for (const length of [3, 4, 5]) {
      const all = drawPins(randomInt, length, 10 ** length)
      expect([...all].sort()).toEqual(everyPin(length).filter((pin) => !isWeak(pin)))
    }
  })

  test('leading zeros are PINs like all others', () => {
    expect(drawPins(() => 0, 9, 1)).toEqual(['000000001'])
  })

  test('each free PIN has exactly one chance: the draw is uniform', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { maxLength: 999 }), (used) => {
        const inUse = new Set(used.map((n) => String(n).padStart(3, '0')))
        const free = everyPin(3).filter((pin) => !inUse.has(pin) && !isWeak(pin))
        const drawn = free.map((_, i) => drawPins(() => i, 3, 1, inUse)[0])
        expect(drawn).toEqual(free)
      }),
      { numRuns: 30 },
    )
  })

  test('the last free one is found at once, and then there is none', () => {
    const all = everyPin(4)
    const inUse = new Set(all.filter((pin) => pin !== '4711'))
    expect(drawPins(randomInt, 4, 32, inUse)).toEqual(['4711'])
    expect(drawPins(randomInt, 4, 32, new Set(all))).toEqual([])
  })

  test('PINs of other lengths do not matter', () => {
    expect(drawPins(() => 0, 1, 1, new Set(['00', '000']))).toEqual(['0'])
  })

  test('nine digits take no longer although there are a thousand million', () => {
    const inUse = new Set(everyPin(5).map((pin) => `1234${pin}`))
    const started = performance.now()
    expect(drawPins(randomInt, 9, 32, inUse)).toHaveLength(32)
    expect(performance.now() - started).toBeLessThan(500)
  })
})
