import { randomInt } from 'node:crypto'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { couldBeCardPin, drawDigits } from '../../src/engine/draw-digits.ts'
import { isWeak, looksLikePaymentCard } from '../../src/engine/pins.ts'

test('what is drawn are different digits of that length, of which nobody would guess any first', () => {
  const wanted = fc.tuple(fc.integer({ min: 4, max: 20 }), fc.integer({ min: 1, max: 300 }), fc.boolean())
  fc.assert(
    fc.property(wanted, ([length, count, leadingZero]) => {
      const drawn = drawDigits(randomInt, length, count, { leadingZero })
      expect(new Set(drawn).size).toBe(count)
      for (const digits of drawn) {
        expect(digits).toMatch(leadingZero ? /^\d+$/ : /^[1-9]\d+$/)
        expect(digits).toHaveLength(length)
        expect(isWeak(digits) || looksLikePaymentCard(digits)).toBe(false)
      }
    }),
  )
})

test('every digit is drawn as often at every place', () => {
  const counts = Array.from({ length: 15 }, () => new Array<number>(10).fill(0))
  for (const digits of drawDigits(randomInt, 15, 20_000))
    for (const [place, digit] of Array.from(digits).entries()) {
      const at = counts[place]
      if (at) at[Number(digit)] = (at[Number(digit)] ?? 0) + 1
    }
  // 2,000 are expected; seven standard deviations are 300.
  for (const at of counts) for (const count of at) expect(Math.abs(count - 2_000)).toBeLessThan(300)
})

test('fewer come back where luck, or the space, runs out; never the same one twice', () => {
  expect(drawDigits(() => 4_711, 4, 5)).toEqual(['4711'])
  expect(drawDigits(() => 0, 6, 5)).toEqual([])
  const all = drawDigits(randomInt, 4, 10_000)
  expect(new Set(all).size).toBe(all.length)
  expect(all.length).toBeGreaterThan(9_900)
})

test('a card’s PIN is 4 to 15 digits that look like no payment card', () => {
  for (const pin of ['1234', '000000', '123456789012345']) expect(couldBeCardPin(pin)).toBe(true)
  for (const pin of [
    '',
    '123',
    '1'.repeat(16),
    '12a4',
    '１２３４',
    '1234 ',
    '1234\n',
    '4111111111111',
    '378282246310005',
  ])
    expect([pin, couldBeCardPin(pin)]).toEqual([pin, pin === '4111111111111' && !looksLikePaymentCard(pin)])
})
