import { describe, test } from '@jest/globals'
import fc from 'fast-check'
import {
  CALLERS,
  NUMBERS_A,
  NUMBERS_B,
  PINS,
  type Round,
  type Step,
  VNS,
  type Wishes,
  World,
} from './world.ts'

/**
 * Any interleaving of create, update, bulk update, delete, expiry, sweep and join never yields two equal PINs on a virtual
 * number (active, or cooling off after its allocation's end or after an update), never two ends of an allocation, never one
 * that a caller can reach after its end, never a party that nobody can get into, and refuses no PIN that is free.
 * `world.ts` says how that is known.
 */
describe('whatever happens in whatever order', () => {
  const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
  const pin = fc.constantFrom(...PINS)
  const durationMs = fc.integer({ min: 1, max: 25 }).map((seconds) => seconds * 1_000)
  const usage = fc.constantFrom('oneway' as const, 'twoway' as const)
  const nth = fc.nat(4)
  const party = (numbers: string[]) =>
    fc.record({
      numbers: fc.oneof(
        { weight: 4, arbitrary: fc.subarray(numbers, { minLength: 1 }) },
        { weight: 1, arbitrary: fc.subarray(numbers, { maxLength: 0 }) },
      ),
      vns: fc.subarray(VNS, { minLength: 1 }),
      pin: fc.option(pin, { nil: undefined, freq: 2 }),
      pinLength: fc.constant(2),
    })
  const partyChange = (own: string[], others: string[]) =>
    fc.record({
      // Now and then those of the other side: what is refused must change nothing.
      numbers: fc.oneof(
        { weight: 5, arbitrary: fc.constant(undefined) },
        { weight: 4, arbitrary: fc.subarray(own) },
        { weight: 1, arbitrary: fc.subarray(others, { minLength: 1 }) },
      ),
      vns: maybe(fc.subarray(VNS)),
      pin: maybe(pin),
      // The only other length: back and forth between the two draws anew.
      pinLength: fc.option(fc.constantFrom(2, 3), { nil: undefined, freq: 3 }),
    })
  const change = fc.record({
    a: maybe(partyChange(NUMBERS_A, NUMBERS_B)),
    b: maybe(partyChange(NUMBERS_B, NUMBERS_A)),
    usage: maybe(usage),
    durationMs: maybe(durationMs),
  })
  const update = fc.record({ nth, change })
  const create = fc.record({
    do: fc.constant('create' as const),
    wanted: fc.record({ a: party(NUMBERS_A), b: party(NUMBERS_B), usage, durationMs }),
    transaction: fc.option(fc.nat(2), { nil: undefined, freq: 1 }),
  })
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: create },
    { weight: 4, arbitrary: update.map((one) => ({ do: 'update' as const, ...one })) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('bulk' as const),
        updates: fc.array(update, { minLength: 2, maxLength: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), nth }) },
    { weight: 2, arbitrary: fc.constant({ do: 'sweep' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('join' as const),
        vn: fc.constantFrom(...VNS),
        pin,
        caller: maybe(fc.constantFrom(...CALLERS)),
      }),
    },
  )
  // The second is the cool-off to the millisecond.
  const passMs = fc.constantFrom(0, 2_000, 700, 2_500)
  const round = fc.record({ steps: fc.array(step, { minLength: 1, maxLength: 5 }), passMs })
  const rounds: fc.Arbitrary<Round[]> = fc
    .tuple(
      fc.record({ steps: fc.array(create, { minLength: 1, maxLength: 4 }), passMs }),
      fc.array(round, { maxLength: 5 }),
    )
    .map(([first, others]) => [first, ...others])
  const wishes: fc.Arbitrary<Wishes> = fc.record({
    coolOffMs: fc.constantFrom(0, 2_000),
    pinEnabled: fc.record({ a: fc.boolean(), b: fc.boolean() }),
  })

  test('steps that begin at once', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, wishes, async (played, wanted) => {
        const world = await World.begin(undefined, wanted)
        for (const round of played) await world.play(round, (work) => work)
        await world.end()
      }),
      { numRuns: 200 },
    )
  }, 60_000)

  test('steps whose every look and every change comes at any time between those of the others', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, wishes, fc.scheduler(), async (played, wanted, scheduler) => {
        const world = await World.begin(scheduler, wanted)
        for (const round of played) await world.play(round, (work) => scheduler.waitFor(work))
        await world.end()
      }),
      { numRuns: 300 },
    )
  }, 60_000)
})
