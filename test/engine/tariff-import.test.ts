import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Account } from '../../src/engine/accounts.ts'
import { MOST_REFUSALS } from '../../src/engine/pin-import.ts'
import type { Rate } from '../../src/engine/rates.ts'
import { importRates, type ListedRate, type TariffImport } from '../../src/engine/tariff-import.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import { code, RATE } from './cards-given.ts'

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
})

type Says = Partial<Rate> | { wrong: string }
async function* list(lines: Says[]): AsyncGenerator<ListedRate> {
  for (const [i, says] of lines.entries()) {
    await Promise.resolve()
    yield { line: i + 1, ...('wrong' in says ? says : { rate: { ...RATE, ...says } }) }
  }
}
const run = (lines: Says[], how: Partial<TariffImport> = {}, name = 'standard') =>
  importRates(ctx, account, name, list(lines), { dryRun: false, ...how })
const tariffs = () => ctx.store.tariffs(account.id)
async function stored(name = 'standard'): Promise<Rate[]> {
  const tariff = (await tariffs()).find((one) => one.name === name)
  return tariff ? ctx.store.ratesAfter(tariff.id, undefined, 100_000) : []
}
const NONE = { created: 0, changed: 0, unchanged: 0, removed: 0, refused: 0, refusals: [] }
const many = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ prefix: String(100_000 + n), name: `n${n % 7}` }))

describe('an import', () => {
  test('makes a tariff, and tells what is new, other, the same and gone when it is put in its place', async () => {
    const first = await run([{ prefix: '1' }, { prefix: '49' }, { prefix: '491' }, { prefix: '7' }])
    expect(first).toEqual({
      ...{ ...NONE, created: 4 },
      tariff: {
        id: first.tariff?.id,
        accountId: account.id,
        name: 'standard',
        rates: 4,
        importedAt: ctx.now(),
      },
    })
    ctx.clock.ms += 1_000
    const second = await run([{ prefix: '49', name: 'x' }, { prefix: '44' }, { prefix: '7' }])
    expect(second).toEqual({
      ...{ ...NONE, created: 1, changed: 1, unchanged: 1, removed: 2 },
      tariff: { ...first.tariff, rates: 3, importedAt: ctx.now() },
    })
    expect(await stored()).toEqual(
      [{ prefix: '44' }, { prefix: '49', name: 'x' }, { prefix: '7' }].map((one) => ({ ...RATE, ...one })),
    )
    expect(await ctx.store.findRate(second.tariff?.id ?? NaN, '4912345')).toMatchObject({
      prefix: '49',
      name: 'x',
    })
  })

  test('writes prefixes in the order in which they are kept, however they are listed', async () => {
    const written: string[] = []
    const put = ctx.store.putRates.bind(ctx.store)
    ctx.store.putRates = (version, rates) => {
      written.push(...rates.map(({ prefix }) => prefix))
      return put(version, rates)
    }
    const listed = fc.sample(fc.shuffledSubarray(many(2_500), { minLength: 2_500 }), { numRuns: 1, seed: 3 })
    await run([{ prefix: '9' }, { prefix: '10' }, ...(listed[0] ?? []), { prefix: '1' }])
    expect(written).toHaveLength(2_503)
    expect(written).toEqual([...written].sort())
    expect(await stored()).toHaveLength(2_503)
  })

  test('of another tariff, or another account, leaves this one alone', async () => {
    await run([{ prefix: '1' }])
    expect(await run([{ prefix: '1' }], {}, 'other')).toMatchObject({ created: 1, removed: 0 })
    const theirs = await testAccount(ctx, { sid: 'other', vns: [] })
    expect(
      await importRates(ctx, theirs, 'standard', list([{ prefix: '2' }]), { dryRun: false }),
    ).toMatchObject({ created: 1 })
    expect(await stored()).toMatchObject([{ prefix: '1' }])
    expect(await tariffs()).toHaveLength(2)
  })

  test.each(['name', 'perMinuteMicros', 'setUpMicros', 'minimumSeconds', 'incrementSeconds'] as const)(
    'sees another %s',
    async (what) => {
      await run([{}])
      const other = what === 'name' ? { name: 'x' } : { [what]: 17 }
      expect(await run([other])).toMatchObject({ changed: 1, unchanged: 0 })
      expect(await stored()).toEqual([{ ...RATE, ...other }])
    },
  )

  test('dry tells the same and writes nothing', async () => {
    const write = () => Promise.reject(new Error('written'))
    await run([{ prefix: '1' }, { prefix: '2' }])
    const before = await tariffs()
    const store = { ...ctx.store, beginTariff: write, putRates: write, finishTariff: write }
    const lines = [{ prefix: '1' }, { prefix: '2', name: 'x' }, { prefix: '3' }, { prefix: '3' }]
    const dry = await importRates({ ...ctx, store }, account, 'standard', list(lines), { dryRun: true })
    expect(await tariffs()).toEqual(before)
    const { tariff, ...wet } = await run(lines, { skipRefused: true })
    expect(dry).toEqual({ ...wet, tariff: undefined })
    expect(tariff).toMatchObject({ rates: 3 })
  })

  test('with a line that is refused changes nothing, for calls would be charged by a shorter prefix', async () => {
    await run([{ prefix: '49' }])
    const lines = [
      { prefix: '49', name: 'x' },
      { wrong: 'the price is none' },
      { prefix: '44' },
      { prefix: '49' },
    ]
    const report = {
      ...{ created: 1, changed: 1, unchanged: 0, removed: 0, refused: 2 },
      refusals: [
        { line: 2, wrong: 'the price is none' },
        { line: 4, wrong: 'the prefix is listed before' },
      ],
    }
    expect(await run(lines)).toEqual({ ...report, tariff: undefined })
    expect(await stored()).toEqual([RATE])
    expect(await run(lines, { skipRefused: true })).toMatchObject({ ...report, tariff: { rates: 2 } })
    expect(await stored()).toMatchObject([{ prefix: '44' }, { prefix: '49', name: 'x' }])
  })

  test('that breaks off changes nothing', async () => {
    await run([{ prefix: '49' }])
    async function* broken() {
      yield* list(many(3_000))
      throw new Error('gone')
    }
    await expect(importRates(ctx, account, 'standard', broken(), { dryRun: false })).rejects.toThrow('gone')
    expect(await stored()).toEqual([RATE])
  })

  test('of which the process dies half-way changes nothing, and what it wrote is forgotten', async () => {
    await run([{ prefix: '49' }])
    const real = ctx.store.putRates.bind(ctx.store)
    let batches = 0
    ctx.store.putRates = (version, rates) =>
      ++batches === 3 ? Promise.reject(new Error('dead')) : real(version, rates)
    await expect(run(many(3_000))).rejects.toThrow('dead')
    expect(await stored()).toEqual([RATE])
    expect(await ctx.store.forgetRates(10_000, ctx.now() + 1)).toBe(2_000)
    expect(await stored()).toEqual([RATE])
  })

  test('of nothing changes nothing', async () => {
    await run([{ prefix: '49' }])
    expect(await run([])).toEqual({ ...NONE, removed: 1, tariff: undefined })
    expect(await run([{ wrong: 'x' }], { skipRefused: true })).toMatchObject({
      refused: 1,
      tariff: undefined,
    })
    expect(await stored()).toEqual([RATE])
  })

  test('writes in batches, tells how far it is, and names no more refused lines than it may', async () => {
    const sizes: number[] = []
    const real = ctx.store.putRates.bind(ctx.store)
    ctx.store.putRates = (version, rates) => {
      sizes.push(rates.length)
      return real(version, rates)
    }
    const told: number[] = []
    const lines = [...many(2_500), ...many(500)]
    const report = await run(lines, { skipRefused: true, onWritten: (rates) => told.push(rates) })
    expect(report).toMatchObject({ created: 2_500, refused: 500, tariff: { rates: 2_500 } })
    expect(report.refusals).toHaveLength(MOST_REFUSALS)
    expect(sizes).toEqual([1_000, 1_000, 500])
    expect(told).toEqual([1_000, 2_000, 2_500])
    expect(await run(many(2_500))).toMatchObject({ unchanged: 2_500, created: 0, changed: 0, removed: 0 })
  })

  test.each(['', ' ', 'x'.repeat(101), 'a\nb'])('under the name %j is refused', async (name) =>
    expect(await code(run([{}], {}, name))).toBe('invalid'),
  )
})

test('does to a tariff what a Map does, whatever the order of its lines', async () => {
  const line = fc.record({
    prefix: fc.constantFrom('1', '12', '123', '2', '49', '491', '8'),
    name: fc.constantFrom('a', 'b'),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(line, { minLength: 1, maxLength: 10 }), { maxLength: 4 }),
      async (imports) => {
        ctx = testContext()
        account = await testAccount(ctx)
        let old = new Map<string, string>()
        for (const lines of imports) {
          const next = new Map<string, string>()
          for (const { prefix, name } of lines) if (!next.has(prefix)) next.set(prefix, name)
          const report = await run(lines, { skipRefused: true })
          const same = [...next].filter(([prefix, name]) => old.get(prefix) === name).length
          const created = [...next.keys()].filter((prefix) => !old.has(prefix)).length
          expect(report).toMatchObject({
            ...{
              created,
              unchanged: same,
              changed: next.size - created - same,
              refused: lines.length - next.size,
            },
            removed: [...old.keys()].filter((prefix) => !next.has(prefix)).length,
          })
          const kept = (await stored()).map(({ prefix, name }): [string, string] => [prefix, name])
          expect(kept).toEqual([...next].sort(([x], [y]) => (x < y ? -1 : 1)))
          old = next
        }
        await ctx.store.close()
      },
    ),
    { numRuns: 60 },
  )
}, 30_000)
