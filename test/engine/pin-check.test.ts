import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import Database from 'better-sqlite3'
import type { Account } from '../../src/engine/accounts.ts'
import { checkPin, type PinCheck } from '../../src/engine/pin-check.ts'
import {
  ANONYMOUS,
  deleteKeys,
  deletePins,
  writeDatabase,
  writePins,
} from '../../src/engine/pin-databases.ts'
import type { Validity } from '../../src/engine/pin-store.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'

const SECOND = 1_000
/** Long enough that the place is not full after some wrong ones. */
const PIN = '123456789012'
const REFUSED = { status: 'refused', keys: 0 }
const LOCKED = { status: 'locked', keys: 0 }
const ok = (keys: number) => ({ status: 'ok', keys })

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
})
afterEach(() => ctx.store.close())

const write = (pin: string, validity: Partial<Validity> = {}, database = 1) =>
  writePins(
    ctx,
    account,
    database,
    { start: pin, end: pin, beginsAt: undefined, expiresAt: undefined, ...validity },
    1,
  )
const check = (change: Partial<PinCheck> = {}) =>
  checkPin(ctx, { account, database: 1, pin: PIN, key: 'k', way: 'test', ...change })
const uses = () => ctx.store.usesAfter(account.id, 1, { from: 0, to: Infinity }, undefined, 1_000)
const keys = () => ctx.store.keysAfter(account.id, 1, undefined, undefined, 1_000)

describe('a PIN', () => {
  test('is right in its database, and its use is written down with its key', async () => {
    await write(PIN)
    const first = ctx.now()
    expect(await check()).toEqual(ok(1))
    ctx.clock.ms += SECOND
    expect(await check()).toEqual(ok(1))
    expect(await check({ key: undefined })).toEqual(ok(2))
    expect(await uses()).toEqual([
      { id: expect.any(Number), pin: PIN, key: 'k', at: first },
      { id: expect.any(Number), pin: PIN, key: 'k', at: first + SECOND },
      { id: expect.any(Number), pin: PIN, key: ANONYMOUS, at: first + SECOND },
    ])
    expect(await keys()).toEqual([
      { pin: PIN, key: ANONYMOUS, firstUsedAt: first + SECOND },
      { pin: PIN, key: 'k', firstUsedAt: first },
    ])
  })

  test('opens from its beginning on and before its end', async () => {
    const now = ctx.now()
    await write(PIN, { beginsAt: now + SECOND, expiresAt: now + 2 * SECOND })
    for (const [afterMs, verdict] of [
      [SECOND - 1, REFUSED],
      [SECOND, ok(1)],
      [2 * SECOND - 1, ok(1)],
      [2 * SECOND, REFUSED],
    ] as const) {
      ctx.clock.ms = now + afterMs
      expect(await check()).toEqual(verdict)
    }
    expect(await uses()).toHaveLength(2)
  })

  test('has no beginning or end unless it was given one', async () => {
    await write(PIN)
    for (const ms of [0, Date.UTC(2900, 0)]) {
      ctx.clock.ms = ms
      expect(await check()).toEqual(ok(1))
    }
  })

  test('takes as many keys as its database says, and the same ones again', async () => {
    await write(PIN)
    await writeDatabase(ctx, account, 1, { maxKeys: 2 }, [])
    expect([await check({ key: 'a' }), await check({ key: 'b' }), await check({ key: 'c' })]).toEqual([
      ok(1),
      ok(2),
      REFUSED,
    ])
    expect(await check({ key: 'a' })).toEqual(ok(2))
    await deleteKeys(ctx, account, 1, PIN, 'a')
    expect([await check({ key: 'c' }), await check({ key: 'a' })]).toEqual([ok(2), REFUSED])
    // Fewer than it has: those stay.
    await writeDatabase(ctx, account, 1, { maxKeys: 1 }, [])
    expect([await check({ key: 'b' }), await check({ key: 'd' })]).toEqual([ok(2), REFUSED])
    await writeDatabase(ctx, account, 1, { maxKeys: 0 }, [])
    expect(await check({ key: 'd' })).toEqual(ok(3))
    await deleteKeys(ctx, account, 1, PIN)
    expect(await check({ key: 'e' })).toEqual(ok(1))
  })

  test('that cannot be one costs nothing, however often it is sent', async () => {
    for (let n = 0; n < 50; n++) expect(await check({ pin: `${n}é` })).toEqual(REFUSED)
    await write(PIN)
    expect(await check()).toEqual(ok(1))
  })

  test('that is right costs nothing, however often it is used', async () => {
    await write(PIN)
    for (let n = 0; n < 50; n++) expect(await check()).toEqual(ok(1))
  })
})

describe('too many wrong ones', () => {
  const wrong = (key: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, n) => check({ key, pin: String(n).padStart(12, '9') })))

  test('of a caller lock that caller out of the account, not another, and not of another account', async () => {
    await write(PIN)
    await write(PIN, {}, 2)
    expect(await wrong('a', 12)).toEqual([...Array.from({ length: 10 }, () => REFUSED), LOCKED, LOCKED])
    expect(await check({ key: 'a' })).toEqual(LOCKED)
    expect(await check({ key: 'a', database: 2 })).toEqual(LOCKED)
    expect(await check({ key: 'b' })).toEqual(ok(1))
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    const range = { start: PIN, end: PIN, beginsAt: undefined, expiresAt: undefined }
    await writePins(ctx, other, 1, range, 1)
    expect(await check({ account: other, key: 'a' })).toEqual(ok(1))
    ctx.clock.ms += 3_600_000
    expect(await check({ key: 'a' })).toEqual(ok(2))
  })

  test('of withheld callers lock all of them out, as they are one', async () => {
    await write(PIN)
    for (let n = 0; n < 10; n++) await check({ key: undefined, pin: String(n).padStart(12, '9') })
    expect([await check({ key: undefined }), await check()]).toEqual([LOCKED, ok(1)])
  })

  test('in a database turn away strangers, but nobody whose PIN it is', async () => {
    for (const pin of ['11', '22']) await write(pin)
    expect(await check({ pin: '11' })).toEqual(ok(1))
    for (let n = 0; n < 10; n++) await check({ key: `stranger${n}`, pin: '99' })
    expect(await check({ key: 'new', pin: '11' })).toEqual(LOCKED)
    expect(await check({ pin: '11' })).toEqual(ok(1))
    // Whoever has one PIN might guess the rest.
    expect(await check({ pin: '22' })).toEqual(LOCKED)
    expect(await uses()).toHaveLength(2)
    // Another database of theirs is another place.
    await write('33', {}, 2)
    expect(await check({ key: 'new', pin: '33', database: 2 })).toEqual(ok(1))
  })

  test('by whoever has a PIN there are those of a stranger', async () => {
    await write('11')
    await write('22')
    // Its owner makes it known from everywhere, and guesses from there.
    for (let n = 0; n < 20; n++) expect(await check({ key: `k${n}`, pin: '11' })).toEqual(ok(n + 1))
    const guesses: string[] = []
    for (let n = 0; n < 20; n++) guesses.push((await check({ key: `k${n}`, pin: `${30 + n}` })).status)
    expect(guesses.filter((status) => status === 'refused')).toHaveLength(5)
  })
})

describe('six reasons to refuse', () => {
  const ROUNDS = 1_000
  const REASONS = ['unknown', 'expired', 'not begun', 'deleted', 'too many keys', 'wrong database'] as const
  type Reason = (typeof REASONS)[number]

  /** A PIN for each reason, each checked by a key that was never there before. */
  async function prepared(): Promise<Record<Reason, Partial<PinCheck>[]>> {
    const pin = (n: number) => String(n).padStart(12, '7')
    const now = ctx.now()
    await writeDatabase(ctx, account, 1, { maxKeys: 1 }, [])
    await write(pin(1), { expiresAt: now - 1 })
    await write(pin(2), { beginsAt: now + 86_400_000 })
    for (const n of [3, 4]) {
      await write(pin(n))
      expect(await check({ pin: pin(n), key: 'first' })).toEqual(ok(1))
    }
    await deletePins(ctx, account, 1, { start: pin(3), end: pin(3) }, 1)
    await write(pin(5), {}, 2)
    return {
      unknown: [{ pin: pin(6) }],
      expired: [{ pin: pin(1) }],
      'not begun': [{ pin: pin(2) }],
      deleted: [{ pin: pin(3) }],
      'too many keys': [{ pin: pin(4) }],
      // One that has other PINs, and one that is not there.
      'wrong database': [{ pin: pin(5) }, { pin: pin(5), database: 3 }],
    }
  }

  test('are one result, take the same statements and the same time', async () => {
    const run: string[] = []
    const spies = (['get', 'all', 'run'] as const).map((method) => {
      const proto = Object.getPrototypeOf(new Database(':memory:').prepare('select 1')) as Record<
        typeof method,
        (this: { source: string }, ...values: unknown[]) => unknown
      >
      const real = proto[method]
      return jest.spyOn(proto, method).mockImplementation(function (this: { source: string }, ...values) {
        run.push(this.source)
        return real.apply(this, values)
      })
    })
    const reasons = await prepared()
    const statements = new Map<Reason, Set<string>>(REASONS.map((reason) => [reason, new Set()]))
    const times = new Map<Reason, number[]>(REASONS.map((reason) => [reason, []]))
    for (let round = 0; round < ROUNDS; round++)
      for (const reason of REASONS) {
        run.length = 0
        const started = performance.now()
        const of = reasons[reason]
        const verdict = await check({
          ...of[round % of.length],
          key: `${reason} ${round}`,
          way: `way ${round}`,
        })
        times.get(reason)!.push(performance.now() - started)
        expect(verdict).toEqual(REFUSED)
        statements.get(reason)!.add(run.join('\n'))
      }
    spies.forEach((spy) => spy.mockRestore())
    const one = [...statements.get('unknown')!]
    expect(one).toHaveLength(1)
    expect(one[0]).toMatch(/guess_tally/)
    for (const reason of REASONS) expect([reason, ...statements.get(reason)!]).toEqual([reason, ...one])
    const medians = [...times.values()].map((all) => all.sort((a, b) => a - b)[ROUNDS / 2]!)
    expect(Math.max(...medians) - Math.min(...medians)).toBeLessThan(5)
    expect(await uses()).toHaveLength(2)
  }, 60_000)
})
