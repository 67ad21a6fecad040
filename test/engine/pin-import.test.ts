import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Account } from '../../src/engine/accounts.ts'
import { importPins, type ImportReport, type ListedPin, MOST_REFUSALS } from '../../src/engine/pin-import.ts'
import type { DatabasePin } from '../../src/engine/pin-store.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'

const T1 = Date.UTC(2026, 0, 1)
const T2 = Date.UTC(2027, 0, 1)

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
})

type Says = Partial<DatabasePin> | { wrong: string }

async function* list(...lines: Says[]): AsyncGenerator<ListedPin> {
  for (const [i, says] of lines.entries()) {
    await Promise.resolve()
    yield {
      line: i + 1,
      ...('wrong' in says ? says : { pin: '', beginsAt: undefined, expiresAt: undefined, ...says }),
    }
  }
}
const run = (lines: Says[], dryRun = false): Promise<ImportReport> =>
  importPins(ctx, account, 1, list(...lines), dryRun)
const stored = () => ctx.store.pinsAfter(account.id, 1, undefined, 100_000)

describe('an import', () => {
  test('writes each PIN with its own validity, and tells what was new, other and the same', async () => {
    await run([{ pin: '1' }, { pin: '2', expiresAt: T1 }])
    const report = await run([
      { pin: '1' },
      { pin: '2', expiresAt: T2 },
      { pin: '3', beginsAt: T1, expiresAt: T2 },
    ])
    expect(report).toEqual({ created: 1, changed: 1, unchanged: 1, refused: 0, refusals: [] })
    expect(await stored()).toEqual([
      { pin: '1', beginsAt: undefined, expiresAt: undefined },
      { pin: '2', beginsAt: undefined, expiresAt: T2 },
      { pin: '3', beginsAt: T1, expiresAt: T2 },
    ])
  })

  test('refuses what no database can hold and what is never valid, and passes on what was refused before', async () => {
    const report = await run([
      ...[
        { pin: '=1' },
        { pin: '1', beginsAt: T2, expiresAt: T1 },
        { wrong: 'db' },
        { pin: '2', beginsAt: T1, expiresAt: T1 },
      ],
      ...[{ pin: '3' }],
    ])
    expect(report).toEqual({
      ...{ created: 1, changed: 0, unchanged: 0, refused: 4 },
      refusals: [
        { line: 1, wrong: 'pin' },
        { line: 2, wrong: 'expires-at' },
        { line: 3, wrong: 'db' },
        { line: 4, wrong: 'expires-at' },
      ],
    })
    expect((await stored()).map(({ pin }) => pin)).toEqual(['3'])
  })

  test('names no more refused lines than it may, however many there are', async () => {
    const report = await run(Array.from({ length: 1_000 }, () => ({ wrong: 'pin' })))
    expect(report.refused).toBe(1_000)
    expect(report.refusals).toHaveLength(MOST_REFUSALS)
  })

  test('keeps no more than a batch in memory, and writes none larger', async () => {
    const sizes: number[] = []
    const real = { ...ctx.store }
    ctx.store.putPins = (id, number, pins, dryRun) => {
      sizes.push(pins.length)
      return real.putPins(id, number, pins, dryRun)
    }
    let ahead = 0
    async function* counted(): AsyncGenerator<ListedPin> {
      for (let i = 0; i < 10_000; i++) {
        ahead = Math.max(ahead, i - sizes.reduce((sum, size) => sum + size, 0))
        await Promise.resolve()
        yield { line: i + 1, pin: String(100_000 + i), beginsAt: undefined, expiresAt: undefined }
      }
    }
    expect(await importPins(ctx, account, 1, counted(), false)).toMatchObject({ created: 10_000 })
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000)
    expect(ahead).toBeLessThanOrEqual(1_000)
  })

  test('keeps what stands before the place at which the list breaks off in whole batches', async () => {
    async function* broken(): AsyncGenerator<ListedPin> {
      for (let i = 0; i < 2_500; i++) {
        await Promise.resolve()
        yield { line: i + 1, pin: String(100_000 + i), beginsAt: undefined, expiresAt: undefined }
      }
      throw new Error('gone')
    }
    await expect(importPins(ctx, account, 1, broken(), false)).rejects.toThrow('gone')
    expect(await stored()).toHaveLength(2_000)
  })

  test('does to the database what a Map does, and a dry run nothing', async () => {
    const validity = fc.constantFrom(undefined, T1, T2)
    const line = fc.record({
      pin: fc.constantFrom('1', '2', '3', '4', 'a', '='),
      beginsAt: validity,
      expiresAt: validity,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(line, { maxLength: 12 }), { maxLength: 4 }), async (imports) => {
        ctx = testContext()
        account = await testAccount(ctx)
        const model = new Map<string, string>()
        for (const lines of imports) {
          const expected = { created: 0, changed: 0, unchanged: 0, refused: 0 }
          for (const one of lines) {
            const { pin, beginsAt = 0, expiresAt = Infinity } = one
            if (pin === '=' || expiresAt <= beginsAt) {
              expected.refused++
              continue
            }
            const [before, after] = [model.get(pin), JSON.stringify([one.beginsAt, one.expiresAt])]
            expected[before === undefined ? 'created' : before === after ? 'unchanged' : 'changed']++
            model.set(pin, after)
          }
          const before = await stored()
          await run(lines, true)
          expect(await stored()).toEqual(before)
          expect(await run(lines)).toMatchObject(expected)
        }
        const kept = (await stored()).map(({ pin, beginsAt, expiresAt }) => [
          pin,
          JSON.stringify([beginsAt, expiresAt]),
        ])
        expect(kept).toEqual([...model].sort(([x], [y]) => (x < y ? -1 : 1)))
        await ctx.store.close()
      }),
      { numRuns: 100 },
    )
  })
})
