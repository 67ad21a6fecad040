import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { checkPin } from '../../src/engine/pin-check.ts'
import { deleteKeys, writeDatabase, writePins } from '../../src/engine/pin-databases.ts'
import type { Store } from '../../src/engine/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'

const ROUNDS = 100
const CHECKS = 200
const KEYS = 50
const MOST_KEYS = 3

let folder: string
let ctx: TestContext
let account: Account
const opened: Store[] = []
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-races-'))
  ctx = { ...testContext(), store: open() }
  account = await testAccount(ctx)
  await writeDatabase(ctx, account, 1, { maxKeys: MOST_KEYS }, [])
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
  rmSync(folder, { recursive: true })
})

function open(): Store {
  const store = openSqlite(path.join(folder, 'pinbridge.db'))
  opened.push(store)
  return store
}

/** A PIN of each round: so long that its wrong ones fill no place. */
async function pinOf(round: number): Promise<string> {
  const pin = String(round).padStart(12, '0')
  const always = { beginsAt: undefined, expiresAt: undefined }
  await writePins(ctx, account, 1, { start: pin, end: pin, ...always }, 1)
  return pin
}

/** Some turns of the event loop later: now in the same commit as others, now in another. */
async function someTurns(): Promise<void> {
  for (let turns = randomInt(4); turns > 0; turns--) await new Promise(setImmediate)
}

const keyOf = (round: number, n: number) => `round ${round} caller ${n % KEYS}`.replaceAll(' ', '-')
/** How often each is there. */
function countBy(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
const keysOf = async (pin: string) =>
  (await ctx.store.keysAfter(account.id, 1, pin, undefined, 1_000)).map(({ key }) => key)
async function usesOf(pin: string): Promise<string[]> {
  const uses = await ctx.store.usesAfter(account.id, 1, { from: 0, to: Infinity }, undefined, 1_000_000)
  return uses.filter((use) => use.pin === pin).map(({ key }) => key)
}

test('of fifty callers who try one PIN at once, through two doors on two connections, three get in', async () => {
  const doors = [ctx, { ...ctx, store: open() }]
  for (let round = 0; round < ROUNDS; round++) {
    const pin = await pinOf(round)
    const granted: string[] = []
    await Promise.all(
      Array.from({ length: CHECKS }, async (_, n) => {
        await someTurns()
        const door = n % 2
        const check = { account, database: 1, pin, key: keyOf(round, n), way: `door ${door} ${round}` }
        const { status, keys } = await checkPin(doors[door]!, check)
        expect(['ok', 'refused']).toContain(status)
        expect(keys).toBeLessThanOrEqual(MOST_KEYS)
        if (status === 'ok') granted.push(check.key)
      }),
    )
    const keys = await keysOf(pin)
    expect(keys).toHaveLength(MOST_KEYS)
    // Each of them tried four times, and was let in each time.
    expect(countBy(granted)).toEqual(Object.fromEntries(keys.map((key) => [key, CHECKS / KEYS])))
    expect(countBy(await usesOf(pin))).toEqual(countBy(granted))
  }
}, 120_000)

type Happened = { key: string | undefined; was: 'ok' | 'refused' | 'deleted' }

/** The same store, and in what order it did what to keys: its promises are settled in the order of the transactions. */
function noting(store: Store, log: Happened[]): Store {
  return {
    ...store,
    checkPin: (query, decide) => {
      let ok = false
      const work = store.checkPin(query, (seen) => {
        const decision = decide(seen)
        ok = decision.use !== undefined
        return decision
      })
      return work.finally(() => log.push({ key: query.key, was: ok ? 'ok' : 'refused' }))
    },
    deletePinKeys: (accountId, number, pin, key) => {
      const work = store.deletePinKeys(accountId, number, pin, key)
      return work.finally(() => log.push({ key, was: 'deleted' }))
    },
  }
}

test('while keys are deleted there are never more than three, and each grant is one use of a key that is there', async () => {
  let replaced = 0
  for (let round = 0; round < ROUNDS; round++) {
    const pin = await pinOf(round)
    const log: Happened[] = []
    const noted = { ...ctx, store: noting(ctx.store, log) }
    const checks = Array.from({ length: CHECKS }, async (_, n) => {
      await someTurns()
      const check = { account, database: 1, pin, key: keyOf(round, n), way: `door ${n % 2} ${round}` }
      return [check.key, (await checkPin(noted, check)).status] as const
    })
    const deletions = Array.from({ length: 20 }, async (_, n) => {
      await someTurns()
      await deleteKeys(noted, account, 1, pin, n % 5 === 0 ? undefined : keyOf(round, randomInt(KEYS)))
      expect((await keysOf(pin)).length).toBeLessThanOrEqual(MOST_KEYS)
    })
    const [verdicts] = await Promise.all([Promise.all(checks), Promise.all(deletions)])
    const granted = verdicts.filter(([, status]) => status === 'ok').map(([key]) => key)
    expect(countBy(await usesOf(pin))).toEqual(countBy(granted))
    const there = replayed(log)
    expect((await keysOf(pin)).sort()).toEqual([...there].sort())
    if (new Set(granted).size > MOST_KEYS) replaced++
  }
  // Or nothing raced.
  expect(replaced).toBeGreaterThan(ROUNDS / 2)
}, 120_000)

/** What a plain set of keys would be after it, having decided the same each time. */
function replayed(log: Happened[]): Set<string> {
  const keys = new Set<string>()
  for (const { key, was } of log) {
    if (was === 'deleted' && key === undefined) keys.clear()
    else if (was === 'deleted') keys.delete(key!)
    else {
      expect([key, was]).toEqual([key, keys.has(key!) || keys.size < MOST_KEYS ? 'ok' : 'refused'])
      if (was === 'ok') keys.add(key!)
    }
  }
  expect(log).toHaveLength(CHECKS + 20)
  return keys
}
