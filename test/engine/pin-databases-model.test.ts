import { afterEach, beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Account } from '../../src/engine/accounts.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { deletePins, writePins } from '../../src/engine/pin-databases.ts'
import type { DatabasePin, Validity } from '../../src/engine/pin-store.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'

/** The most PINs that one call may name in these tests: larger than a chunk, so that ranges span several. */
const MOST = 3_000
const PAGE = 700

let ctx: TestContext
let account: Account
let number = 0
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
  number = 0
})
afterEach(() => ctx.store.close())

type Model = Map<string, Validity>

/** What the ranges of the page say, in the plainest words: the strings from start to end, or what is wrong with them. */
function expand(start: string, end: string): string[] | 'refused' {
  const isPin = (text: string) => /^[0-9A-Za-z][0-9A-Za-z*#._-]*$/.test(text) && text.length <= 15
  if (!isPin(start) || !isPin(end)) return 'refused'
  if (start === end) return [start]
  if (!/^[0-9]+$/.test(start + end)) return 'refused'
  const [from, to] = [BigInt(start), BigInt(end)]
  const plain = String(from) === start && String(to) === end
  if (start.length !== end.length && !plain) return 'refused'
  if (to < from || to - from >= MOST) return 'refused'
  const pins: string[] = []
  for (let n = from; n <= to; n++) pins.push(plain ? String(n) : String(n).padStart(start.length, '0'))
  return pins
}

const HOSTILE = [
  ...['007', '9', '1e5', '0x10', ' 12 ', '12abc', '-1', '\uff11\uff12', '1234567890123456', '', '0', 'abc'],
  ...['999999999999999', '000', '1 ', '+5', '1_000', '٣'],
]
const instant = fc.option(fc.integer({ min: 0, max: 4_000_000_000_000 }), { nil: undefined })
const validity = fc
  .record({ beginsAt: instant, expiresAt: instant })
  .filter(({ beginsAt = -1, expiresAt = Infinity }) => beginsAt < expiresAt)
/** Near the ends of lengths, in a space so small that ranges meet. */
const low = fc.oneof(fc.integer({ min: 0, max: 130 }), fc.integer({ min: 950, max: 1_050 }))
const numbers = fc
  .tuple(low, fc.oneof({ weight: 9, arbitrary: fc.nat(120) }, { weight: 1, arbitrary: fc.nat(3_500) }))
  .map(([from, more]) => [from, from + more] as const)
const range = fc.oneof(
  { weight: 4, arbitrary: numbers.map(([from, to]) => ({ start: `${from}`, end: `${to}` })) },
  {
    weight: 4,
    arbitrary: fc.tuple(numbers, fc.integer({ min: 2, max: 15 })).map(([[from, to], width]) => ({
      start: `${from}`.padStart(width, '0'),
      end: `${to}`.padStart(width, '0'),
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(numbers, fc.nat(6), fc.nat(6)).map(([[from, to], more, less]) => ({
      start: `${from}`.padStart(more, '0'),
      end: `${to}`.padStart(less, '0'),
    })),
  },
  { weight: 1, arbitrary: numbers.map(([from, to]) => ({ start: `${to}`, end: `${from}` })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('a1', 'A1', '1*', '12abc').map((pin) => ({ start: pin, end: pin })),
  },
  {
    weight: 2,
    arbitrary: fc.record({ start: fc.constantFrom(...HOSTILE), end: fc.constantFrom(...HOSTILE) }),
  },
)
const one = fc.oneof(
  low.map(String),
  low.map((n) => String(n).padStart(4, '0')),
  fc.constantFrom('a1', 'zz'),
)
const listed = fc.uniqueArray(
  fc.tuple(one, validity).map(([pin, when]): DatabasePin => ({ pin, ...when })),
  { selector: ({ pin }) => pin, maxLength: 40 },
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), range, validity }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), range }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('put' as const), listed, dryRun: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

async function allPins(): Promise<[string, Validity][]> {
  const found: [string, Validity][] = []
  for (let after: string | undefined; ;) {
    const page = await ctx.store.pinsAfter(account.id, number, after, PAGE)
    for (const { pin, ...when } of page) found.push([pin, when])
    if (page.length < PAGE) return found
    after = page.at(-1)!.pin
  }
}

async function apply(model: Model, step: Step): Promise<void> {
  if (step.do === 'put') return put(model, step.listed, step.dryRun)
  const pins = expand(step.range.start, step.range.end)
  const work =
    step.do === 'write'
      ? writePins(ctx, account, number, { ...step.range, ...step.validity }, MOST)
      : deletePins(ctx, account, number, step.range, MOST)
  if (pins === 'refused') return expect(work).rejects.toBeInstanceOf(Refusal)
  await work
  for (const pin of pins)
    if (step.do === 'write') model.set(pin, step.validity)
    else model.delete(pin)
}

async function put(model: Model, pins: DatabasePin[], dryRun: boolean): Promise<void> {
  const expected = { created: 0, changed: 0, unchanged: 0 }
  for (const { pin, ...when } of pins) {
    const there = model.get(pin)
    const same = there?.beginsAt === when.beginsAt && there?.expiresAt === when.expiresAt
    expected[!there ? 'created' : same ? 'unchanged' : 'changed']++
    if (!dryRun) model.set(pin, when)
  }
  expect(await ctx.store.putPins(account.id, number, pins, dryRun)).toEqual(expected)
}

/** How many PINs of each length the guard is told of, for lengths that anybody has asked about. */
async function alike(length: number): Promise<number> {
  const guesser = { caller: 'c', place: 'p', way: 'w' }
  const query = { accountId: account.id, number, pin: 'x'.repeat(length), key: 'k', guesser }
  return ctx.store.checkPin(query, ({ suspicion }) => ({ result: suspicion.pinsAlike }))
}

test('whatever is written, overwritten, listed and deleted, the database has what a plain map has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      number = (number % 9_999) + 1
      const model: Model = new Map()
      for (const step of steps) await apply(model, step)
      const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
      expect(await allPins()).toEqual(expected)
      const all = await ctx.store.pinDatabases(account.id)
      expect(all.find((database) => database.number === number)?.pins ?? 0).toBe(model.size)
      for (let length = 1; length <= 15; length++)
        expect(await alike(length)).toBe([...model.keys()].filter((pin) => pin.length === length).length)
    }),
    { numRuns: 300 },
  )
}, 120_000)
