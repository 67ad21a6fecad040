import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Account } from '../../src/engine/accounts.ts'
import { inOrder } from '../../src/engine/in-order.ts'
import { checkPin } from '../../src/engine/pin-check.ts'
import {
  canonicalKey,
  deleteKeys,
  deletePins,
  writeDatabase,
  writePins,
} from '../../src/engine/pin-databases.ts'
import type { WantedDatabase } from '../../src/engine/pin-databases.ts'
import type { PinAction } from '../../src/engine/pin-store.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'

const MOST = 100_000
const ALWAYS = { beginsAt: undefined, expiresAt: undefined }

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
})
afterEach(() => ctx.store.close())

const refusal = (code: string, message: string) => expect.objectContaining({ name: 'Refusal', code, message })
const write = (start: string, end: string, number = 1, when = ALWAYS) =>
  writePins(ctx, account, number, { start, end, ...when }, MOST)
const pins = async (number = 1) =>
  (await ctx.store.pinsAfter(account.id, number, undefined, MOST)).map(({ pin }) => pin)
const use = (pin: string, key: string | undefined) =>
  checkPin(ctx, { account, database: 1, pin, key, way: 'test' })
const keysOf = async (pin?: string) =>
  (await ctx.store.keysAfter(account.id, 1, pin, undefined, 100)).map(({ pin, key }) => `${pin} ${key}`)

describe('a database', () => {
  const change = (wanted: WantedDatabase, number = 1) =>
    writeDatabase(ctx, account, number, wanted, ['outside'])
  const found = () => ctx.store.findPinDatabase(account.id, 1)
  const about = { accountId: '', number: 1 }
  beforeEach(() => {
    about.accountId = account.id
  })

  test('is made by the first PIN, lets any number of keys in and connects nobody', async () => {
    expect(await found()).toBeUndefined()
    await write('1', '3')
    expect(await found()).toEqual({ ...about, label: '', maxKeys: 0, action: { do: 'confirm' } })
  })

  test('is not made by what is refused, nor by deleting', async () => {
    await expect(write('3', '1')).rejects.toEqual(refusal('invalid', 'end-pin'))
    await deletePins(ctx, account, 1, { start: '1', end: '9' }, MOST)
    await deleteKeys(ctx, account, 1, '1', 'k')
    expect(await ctx.store.pinDatabases(account.id)).toEqual([])
  })

  test('keeps what a change does not name', async () => {
    await change({ label: 'Küche 1' })
    await change({ maxKeys: 3 })
    const action: PinAction = { do: 'dial', number: '+919812345678' }
    await change({ action })
    expect(await found()).toEqual({ ...about, label: 'Küche 1', maxKeys: 3, action })
    await change({
      maxKeys: 0,
      label: '',
      action: { do: 'continue', context: 'outside', extension: 'a_1*#' },
    })
    expect(await found()).toMatchObject({ maxKeys: 0, label: '', action: { do: 'continue' } })
  })

  test.each<[string, WantedDatabase, string, string]>([
    ['a control character', { label: 'a\nb' }, 'invalid', 'label'],
    ['a sign that turns text round', { label: 'a\u202eb' }, 'invalid', 'label'],
    ['an endless label', { label: 'x'.repeat(101) }, 'invalid', 'label'],
    ['fewer than no keys', { maxKeys: -1 }, 'invalid', 'max-keys'],
    ['half a key', { maxKeys: 1.5 }, 'invalid', 'max-keys'],
    ['no number of keys', { maxKeys: NaN }, 'invalid', 'max-keys'],
    ['too many keys', { maxKeys: 1_000_001 }, 'invalid', 'max-keys'],
    ['a number abroad', { action: { do: 'dial', number: '+447911123456' } }, 'invalid_number', 'target'],
    [
      'a context of others',
      { action: { do: 'continue', context: 'internal', extension: '1' } },
      'forbidden',
      'target',
    ],
    [
      'a hostile extension',
      { action: { do: 'continue', context: 'outside', extension: '1,1)&System(x' } },
      'invalid',
      'target',
    ],
  ])('does not take %s', async (_, wanted, code, message) => {
    await expect(change(wanted)).rejects.toEqual(refusal(code, message))
    expect(await found()).toBeUndefined()
  })

  test.each([0, -1, 10_000, 1.5, NaN])('has no number %d, whatever is done', async (number) => {
    const wrong = refusal('invalid', 'db')
    await expect(change({}, number)).rejects.toEqual(wrong)
    await expect(write('1', '1', number)).rejects.toEqual(wrong)
    await expect(deletePins(ctx, account, number, { start: '1', end: '1' }, MOST)).rejects.toEqual(wrong)
    await expect(deleteKeys(ctx, account, number, '1', 'k')).rejects.toEqual(wrong)
  })

  test('of one account is not that of another', async () => {
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    await write('1', '5')
    await writePins(ctx, other, 1, { start: '4', end: '9', ...ALWAYS }, MOST)
    await deletePins(ctx, other, 1, { start: '1', end: '4' }, MOST)
    expect(await pins()).toEqual(['1', '2', '3', '4', '5'])
    expect(
      await checkPin(ctx, { account: other, database: 1, pin: '1', key: 'k', way: 'test' }),
    ).toMatchObject({
      status: 'refused',
    })
  })
})

describe('PINs', () => {
  test('must expire after they begin', async () => {
    for (const expiresAt of [999, 1_000])
      await expect(write('1', '1', 1, { beginsAt: 1_000, expiresAt } as never)).rejects.toEqual(
        refusal('invalid', 'expires-at'),
      )
    await write('1', '1', 1, { beginsAt: 1_000, expiresAt: 1_001 } as never)
    expect(await pins()).toEqual(['1'])
  })

  test('of ranges that overlap are as the last one says, however they are sent', async () => {
    const at = (expiresAt: number) => ({ beginsAt: undefined, expiresAt }) as never
    const range = { start: '00000', end: '19999' }
    await Promise.all([
      write('00000', '19999', 1, at(1)),
      deletePins(ctx, account, 1, range, MOST),
      write('05000', '24999', 1, at(2)),
      write('10000', '14999', 1, at(3)),
      expect(write('1', '0')).rejects.toEqual(refusal('invalid', 'end-pin')),
      deletePins(ctx, account, 1, { start: '00000', end: '05999' }, MOST),
    ])
    const all = await ctx.store.pinsAfter(account.id, 1, undefined, MOST)
    const counts = new Map<number | undefined, number>()
    for (const { expiresAt } of all) counts.set(expiresAt, (counts.get(expiresAt) ?? 0) + 1)
    expect([...counts]).toEqual([
      [2, 14_000],
      [3, 5_000],
    ])
  })

  test('are not held up by those of another database', async () => {
    const order: string[] = []
    const note = (name: string) => () => order.push(name)
    await Promise.all([write('00000', '29999').then(note('large')), write('1', '1', 2).then(note('small'))])
    expect(order).toEqual(['small', 'large'])
  })
})

describe('work on a database', () => {
  test('is done in its order, also after some that failed, and what it gives back comes through', async () => {
    const done: number[] = []
    const work = (n: number) =>
      inOrder(ctx.store, account.id, 1, async () => {
        await new Promise(setImmediate)
        done.push(n)
        if (n === 2) throw new Error('two')
        return n
      })
    const results = await Promise.allSettled([work(1), work(2), work(3)])
    expect(done).toEqual([1, 2, 3])
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.status))).toEqual([
      1,
      'rejected',
      3,
    ])
    expect(await work(4)).toBe(4)
  })
})

describe('keys', () => {
  beforeEach(() => write('1', '9'))

  test('one of a PIN, or all of them, can be deleted; the PIN’s others and other PINs’ stay', async () => {
    for (const key of ['+919812345678', '+919812345679', 'web'])
      for (const pin of ['1', '2']) await use(pin, key)
    // As somebody at a desk would write it.
    await deleteKeys(ctx, account, 1, '1', '098123 45678')
    expect(await keysOf('1')).toEqual(['1 +919812345679', '1 web'])
    await deleteKeys(ctx, account, 1, '1', 'nobody')
    await deleteKeys(ctx, account, 1, '2')
    expect(await keysOf()).toEqual(['1 +919812345679', '1 web'])
  })

  test('that cannot be and PINs that cannot be are refused', async () => {
    for (const key of ['', 'a b', 'é', 'x'.repeat(33), 'a\n'])
      await expect(deleteKeys(ctx, account, 1, '1', key)).rejects.toEqual(refusal('invalid', 'value'))
    for (const pin of ['', '-1', '1'.repeat(16)])
      await expect(deleteKeys(ctx, account, 1, pin)).rejects.toEqual(refusal('invalid', 'pin'))
  })

  test('and uses outlive their PIN, and count again when it is back', async () => {
    await writeDatabase(ctx, account, 1, { maxKeys: 1 }, [])
    await use('1', 'a')
    await deletePins(ctx, account, 1, { start: '1', end: '1' }, MOST)
    expect(await keysOf()).toEqual(['1 a'])
    expect(await ctx.store.usesAfter(account.id, 1, { from: 0, to: Infinity }, undefined, 9)).toMatchObject([
      { pin: '1', key: 'a' },
    ])
    await write('1', '1')
    expect([await use('1', 'b'), await use('1', 'a')]).toEqual([
      { status: 'refused', keys: 0 },
      { status: 'ok', keys: 1 },
    ])
  })

  test.each([
    '+919812345678',
    '00919812345678',
    '09812345678',
    '9812345678',
    '919812345678',
    '+91 98123-45678',
  ])('written %s are one', (written) => expect(canonicalKey(written, account)).toBe('+919812345678'))

  test('have one canonical form, which is its own', () => {
    const key = fc.oneof(
      fc.string({ maxLength: 34 }),
      fc.stringMatching(/^\+?[\d ().-]{1,20}$/),
      fc.stringMatching(/^[A-Za-z0-9+*#._-]{1,32}$/),
    )
    fc.assert(
      fc.property(key, fc.constantFrom('IN', 'GB', 'US', 'DE'), (written, country) => {
        const of = { ...account, settings: { ...account.settings, country } }
        const canonical = canonicalKey(written, of)
        if (canonical === undefined) return
        expect(canonicalKey(canonical, of)).toBe(canonical)
        expect(canonical).toMatch(/^[A-Za-z0-9+*#._-]{1,32}$/)
      }),
      { numRuns: 2_000 },
    )
  })
})
