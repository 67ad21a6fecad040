import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { SendingOutcome } from '../../src/engine/subscription-store.ts'
import { type Step, SubscriptionWorld } from './subscription-world.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

const of = fc.record({ campaign: fc.nat(1), number: fc.nat(1) })
const nth = fc.nat(5)
const OUTCOMES: SendingOutcome[] = [
  ...(['busy', 'busy', 'busy', 'no_answer', 'no_answer', 'failed'] as const),
  ...(['delivered', 'no_key', 'hung_up', 'refused', 'not_needed'] as const),
]
/** Also back, and to the very instants at which PINs expire and tries are due. */
const passMs = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, SECOND_MS, 10 * SECOND_MS, 30 * SECOND_MS, 50 * SECOND_MS) },
  { weight: 3, arbitrary: fc.constantFrom(MINUTE_MS - 1, MINUTE_MS, 9 * MINUTE_MS, 10 * MINUTE_MS) },
  { weight: 2, arbitrary: fc.constantFrom(30 * MINUTE_MS, HOUR_MS, 12 * HOUR_MS) },
  { weight: 1, arbitrary: fc.constantFrom(-1, -SECOND_MS, -MINUTE_MS, -5 * MINUTE_MS) },
)
const maker = <T extends Step['do']>(what: T) => fc.constant(what)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: maker('initiate'), of }) },
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ do: maker('validate'), of },
      pin: fc.constantFrom(
        'last' as const,
        'wrong' as const,
        'wrong' as const,
        'replaced' as const,
        'nonsense' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: maker('unsubscribe'), of }) },
  { weight: 1, arbitrary: fc.record({ do: maker('status'), of }) },
  { weight: 6, arbitrary: fc.record({ do: maker('begin'), nth }) },
  { weight: 3, arbitrary: fc.record({ do: maker('speak'), nth }) },
  { weight: 6, arbitrary: fc.record({ do: maker('try'), nth, outcome: fc.constantFrom(...OUTCOMES) }) },
  { weight: 3, arbitrary: fc.record({ do: maker('end'), nth, outcome: fc.constantFrom(...OUTCOMES) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('pause' as const, 'resume' as const, 'resume' as const),
      campaign: fc.nat(1),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'sweep' as const }) },
  { weight: 4, arbitrary: fc.constant({ do: 'next try' as const }) },
  { weight: 6, arbitrary: fc.record({ do: maker('pass'), ms: passMs }) },
)

/**
 * Whatever is asked for, named, begun and ended in whatever order, with the clock going forth and back: no PIN is right twice, nor once
 * it has expired, was replaced or is not wanted; no more wrong ones are compared with it than may be; no window sees more PINs than its
 * quota; and of each number in a campaign no more than one sending is wanted.
 */
test('whatever happens, PINs are right once, and sent no more often than they may be', async () => {
  const met = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 120, size: 'max' }), async (steps) => {
      const world = await SubscriptionWorld.begin()
      try {
        for (const one of steps) await world.play(one)
      } finally {
        await world.end()
      }
      for (const [what, times] of world.met) met.set(what, (met.get(what) ?? 0) + times)
    }),
    { numRuns: 50 },
  )
  const wanted = [
    ...['initiate pending_pin', 'initiate subscribed', 'initiate quota'],
    ...['validate last right', 'validate last gone', 'validate wrong wrong', 'validate replaced gone'],
    ...['begin 1', 'begin 2', 'begin not', 'speak true', 'speak false', 'status pending', 'status lapsed'],
    ...['end waiting busy', 'end ended not_needed', 'end ended delivered', 'end ended hung_up'],
  ]
  expect(wanted.filter((what) => !met.has(what))).toEqual([])
})
