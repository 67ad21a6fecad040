import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DAY, Door, HOUR, MINUTE, SECOND, T0 } from './guarded-door.ts'

describe('a clock', () => {
  /** A caller, a place and a way that are all full. */
  function full(): Door {
    const door = new Door()
    door.wrongs(600, { at: T0 })
    door.wrongs(11, { by: { caller: 'mallory' }, at: T0, known: true })
    door.wrongs(1_100, { by: { way: 'trunk', place: 'there' }, at: T0, pinsAlike: 0 })
    return door
  }

  test.each([1, SECOND, MINUTE, HOUR, 3 * HOUR, DAY, 365 * DAY])(
    'that is set back by %i ms locks nobody out for longer than that and a day',
    (backMs) => {
      for (const by of [{}, { caller: 'mallory' }, { way: 'trunk' }]) {
        const door = full()
        const from = T0 - backMs
        const latest = from + Math.min(backMs, HOUR) + DAY
        expect(door.wrong({ by, at: latest })).toBe(true)
      }
    },
  )

  test('that is set back by a little forgets nothing', () => {
    for (const by of [{}, { caller: 'mallory' }, { way: 'trunk' }])
      for (const backMs of [1, SECOND, 30 * MINUTE]) expect(full().wrong({ by, at: T0 - backMs })).toBe(false)
  })
})

test('what is forgotten when the guard says so makes no difference from then on', () => {
  const wrong = fc.record({
    gapMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: HOUR }), fc.integer({ min: 1, max: 2 * DAY })),
    count: fc.integer({ min: 1, max: 30 }),
    pinsAlike: fc.constantFrom(0, 1, 1_000, 1_000_000),
    known: fc.boolean(),
  })
  let forgotten = 0
  fc.assert(
    fc.property(fc.array(wrong, { maxLength: 30 }), (wrongs) => {
      const [remembers, forgets] = [new Door(), new Door()]
      const by = { caller: 'c', way: 'w' }
      let at = T0
      for (const { gapMs, count, ...guess } of wrongs) {
        at += gapMs
        for (const [name, { forgetAt }] of forgets.tallies)
          if (forgetAt <= at && forgets.tallies.delete(name)) forgotten++
        for (let n = 0; n < count; n++)
          expect(forgets.wrong({ ...guess, by, at })).toBe(remembers.wrong({ ...guess, by, at }))
      }
    }),
    { numRuns: 500 },
  )
  expect(forgotten).toBeGreaterThan(500)
})
