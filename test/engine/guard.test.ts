import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { LEAST_A_DAY, RISK_A_DAY, strangersADay } from '../../src/engine/guard.ts'
import { DAY, Door, HOUR, MINUTE, SECOND, T0 } from './guarded-door.ts'

describe('a caller', () => {
  const CALLER = { caller: 'mallory' }
  /** Somewhere with so few PINs that only the caller is limited. */
  const wide = { by: CALLER, pinsAlike: 0 }

  test('has ten wrong PINs, and is heard no more for an hour, two, four … a day', () => {
    const door = new Door()
    const heard: number[] = []
    for (let at = T0; at < T0 + 5 * DAY; at += SECOND) if (door.wrong({ ...wide, at })) heard.push(at)
    const runs: number[][] = []
    for (const at of heard) {
      const last = runs.at(-1)
      if (last && at - last.at(-1)! < MINUTE) last.push(at)
      else runs.push([at])
    }
    expect(runs.slice(0, -1).map((run) => run.length)).toEqual(runs.slice(1).map(() => 10))
    // The hour begins with the tenth.
    const waits = runs.slice(1).map((run, i) => (run[0]! - runs[i]!.at(-1)!) / HOUR)
    expect(waits).toEqual([1, 2, 4, 8, 16, 24, 24, 24])
  })

  test('is forgiven after a day without another lock, and not before', () => {
    for (const [quietMs, hours] of [
      [DAY - SECOND, 2],
      [DAY, 1],
    ] as const) {
      const door = new Door()
      expect(door.wrongs(11, { ...wide, at: T0 })).toBe(10)
      const again = T0 + HOUR + quietMs
      expect(door.wrongs(11, { ...wide, at: again })).toBe(10)
      expect(door.wrong({ ...wide, at: again + hours * HOUR - 1 })).toBe(false)
      expect(door.wrong({ ...wide, at: again + hours * HOUR })).toBe(true)
    }
  })

  test('who is wrong once in six minutes goes on for ever', () => {
    const door = new Door()
    for (let n = 0; n < 1_000; n++) expect(door.wrong({ ...wide, at: T0 + n * 6 * MINUTE })).toBe(true)
  })

  test('who is locked out locks out nobody else, and pays no more for trying', () => {
    const door = new Door()
    door.wrongs(50, { ...wide, at: T0 })
    expect(door.wrong({ by: { caller: 'alice' }, at: T0 })).toBe(true)
    door.wrongs(50, { ...wide, at: T0 + HOUR - 1 })
    expect(door.wrong({ ...wide, at: T0 + HOUR })).toBe(true)
  })

  test('whose PIN it is is locked out all the same', () => {
    const door = new Door()
    expect(door.wrongs(20, { by: CALLER, known: true, at: T0 })).toBe(10)
  })
})

describe('a place', () => {
  test.each([
    // PINs, digits, wrong ones at once: half of what a day has
    [1_000, 8, 500],
    [100, 6, 50],
    [1_000, 9, 5_000],
    [1, 5, 500],
    // no more than this risk allows, however few that is, down to the floor
    [100, 5, LEAST_A_DAY / 2],
    [1_000, 4, LEAST_A_DAY / 2],
    [100, 4, LEAST_A_DAY / 2],
    [10_000, 4, LEAST_A_DAY / 2],
  ])(
    'with %i PINs of %i digits lets %i wrong ones through at once and as many in a day',
    (n, digits, most) => {
      const door = new Door()
      const guess = { pin: '1'.repeat(digits), pinsAlike: n }
      expect(door.wrongs(most + 10, { ...guess, at: T0 })).toBe(most)
      expect(door.wrongs(most + 10, { ...guess, at: T0 + DAY / most - 1 })).toBe(0)
      expect(door.wrongs(most + 10, { ...guess, at: T0 + DAY / most })).toBe(1)
      expect(door.wrongs(most + 10, { ...guess, at: T0 + DAY })).toBe(most - 1)
    },
  )

  test('lets any number through of a length that no PIN there has', () => {
    expect(new Door().wrongs(5_000, { pinsAlike: 0, at: T0 })).toBe(5_000)
  })

  test('goes on serving those whose PIN it is, and they cost it nothing', () => {
    const door = new Door()
    door.wrongs(600, { at: T0 })
    expect(door.wrong({ at: T0 })).toBe(false)
    expect(door.wrong({ at: T0, known: true })).toBe(true)
    const before = structuredClone(door.tallies.get('place here'))
    expect(door.wrongs(100, { at: T0, known: true })).toBe(100)
    expect(door.tallies.get('place here')).toEqual(before)
  })

  test('that is full makes those pay who try whether a PIN is somebody’s own', () => {
    const door = new Door()
    door.wrongs(600, { at: T0 })
    const by = { caller: 'forged' }
    // Never let through as a stranger, and after ten not even with the right one.
    expect(door.wrongs(10, { by, at: T0 })).toBe(0)
    expect(door.wrong({ by, at: T0, known: true })).toBe(false)
  })

  test('whatever is guessed whenever: on no day are more than the hits expected that it says', () => {
    const step = fc.record({
      gapMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: MINUTE }), fc.integer({ min: 1, max: DAY })),
      count: fc.integer({ min: 1, max: 600 }),
      pinsAlike: fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 1_000_000 })),
      digits: fc.integer({ min: 1, max: 15 }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
        const door = new Door()
        const hits: { at: number; expected: number }[] = []
        let at = T0
        for (const { gapMs, count, pinsAlike, digits } of steps) {
          at += gapMs
          const [pin, risk] = ['1'.repeat(digits), pinsAlike / 10 ** digits]
          const expected = Math.min(risk, RISK_A_DAY / LEAST_A_DAY)
          for (let n = 0; n < count; n++) {
            // A guess that is refused changes nothing: nor would the rest.
            if (!door.wrong({ at, pin, pinsAlike })) break
            hits.push({ at, expected })
          }
        }
        expect(mostInADay(hits)).toBeLessThanOrEqual(RISK_A_DAY * (1 + 1e-9))
      }),
      { numRuns: 500 },
    )
  })

  test('and whoever tries hard enough gets nearly that many', () => {
    const door = new Door()
    const hits: { at: number; expected: number }[] = []
    for (let at = T0; at < T0 + 3 * DAY; at += MINUTE)
      if (door.wrong({ at })) hits.push({ at, expected: 1_000 / 1e8 })
    expect(mostInADay(hits)).toBeGreaterThan(RISK_A_DAY * 0.98)
  })
})

/** The largest sum within any day. */
function mostInADay(hits: { at: number; expected: number }[]): number {
  let [most, sum, from] = [0, 0, 0]
  for (const { at, expected } of hits) {
    sum += expected
    for (; hits[from]!.at <= at - DAY; from++) sum -= hits[from]!.expected
    most = Math.max(most, sum)
  }
  return most
}

describe('a way in', () => {
  test('lets a thousand through at once, and ten thousand more a day, wherever they go', () => {
    const door = new Door()
    const guess = (n: number, at: number) =>
      door.wrong({ by: { way: 'trunk', place: `p${n}` }, at, pinsAlike: 0 })
    expect(Array.from({ length: 1_100 }, (_, n) => guess(n, T0)).filter(Boolean)).toHaveLength(1_000)
    let more = 0
    for (let at = T0 + SECOND; at <= T0 + DAY; at += SECOND) if (guess(at, at)) more++
    expect(more).toBe(10_000)
    expect(door.wrong({ by: { way: 'fastagi' }, at: T0 + DAY })).toBe(true)
  })

  test('that is full goes on serving those whose PIN it is', () => {
    const door = new Door()
    door.wrongs(1_100, { by: { way: 'trunk' }, at: T0, pinsAlike: 0 })
    expect(door.wrong({ by: { way: 'trunk' }, at: T0, pinsAlike: 0 })).toBe(false)
    expect(door.wrong({ by: { way: 'trunk' }, at: T0, pinsAlike: 0, known: true })).toBe(true)
  })
})

describe('what strangers have on a day', () => {
  test.each([
    [10, 10_000, 10_000],
    [10, 1_000_000, 100],
    [8, 36_000, 27],
    [6, 100, 100],
    [4, 1, 100],
    [4, 50, 10],
  ])('with PINs of %d digits, %d of them, is %d', (digits, pins, tries) => {
    expect(strangersADay(digits, pins)).toBe(tries)
    // And that is what they get: half of it at once.
    const door = new Door()
    const pin = '1'.repeat(digits)
    let through = 0
    for (let n = 0; n < tries && door.wrong({ at: T0, pin, pinsAlike: pins }); n++) through++
    expect(Math.abs(through - tries / 2)).toBeLessThanOrEqual(1)
  })
})
