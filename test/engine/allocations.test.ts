import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import type { WantedAllocation } from '../../src/engine/plan.ts'
import { endAllocation, endDueAllocations, readAllocation } from '../../src/engine/allocations.ts'
import { isInUse, joinByPin, whoIsCalling } from '../../src/engine/membership.ts'
import { isWeak } from '../../src/engine/pins.ts'
import { changeSettings } from '../../src/engine/settings.ts'
import {
  A,
  B,
  VN1,
  VN2,
  VN3,
  STRANGER,
  crowd,
  eventsOf,
  testAccount,
  testContext,
  wantedAllocation,
  type TestContext,
} from '../support/context.ts'

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
})

const create = (change?: Partial<WantedAllocation>) =>
  createAllocation(ctx, account, wantedAllocation(change))
const refusal = (code: string) => expect.objectContaining({ name: 'Refusal', code })
const types = async () => (await eventsOf(ctx)).map(({ type }) => type)
const key = (vn: string, pin: string, caller: string | undefined) =>
  joinByPin(ctx, { account, vn, pin, caller, callId: ctx.newId() })
const who = (vn: string, caller: string | undefined) => whoIsCalling(ctx, account, vn, caller)

/** How often the store is asked to add an allocation, and which PINs are in use, from now on. */
function counting(of: TestContext): { adds: number; looks: number } {
  const { store } = of
  const count = { adds: 0, looks: 0 }
  of.store = {
    ...store,
    addAllocation: (...args) => {
      count.adds++
      return store.addAllocation(...args)
    },
    pinsInUse: (...args) => {
      count.looks++
      return store.pinsInUse(...args)
    },
  }
  return count
}

describe('creating', () => {
  test('what the client leaves out comes from the account', async () => {
    const made = await create({ a: { numbers: [A], vns: [VN1, VN2] }, b: { numbers: [B], vns: [] } })
    expect(made).toMatchObject({ usage: 'twoway', state: 'active', endedAt: undefined })
    expect(made.a.pin).toMatch(/^\d{4}$/)
    expect(made.b).toEqual({ numbers: [B], vns: [VN1, VN2], pin: undefined })
    expect(made.deallocateAt - made.createdAt).toBe(170 * 86_400_000)
  })

  test('an account without a longest life has allocations without end', async () => {
    account.settings.maxAllocationMs = null
    const { id, deallocateAt } = await create()
    expect(deallocateAt).toBe(Infinity)
    ctx.clock.ms += 1_000 * 365 * 86_400_000
    expect(await endDueAllocations(ctx)).toEqual({ ended: 0, freed: 0, more: false })
    expect(await readAllocation(ctx, account, id)).toMatchObject({ state: 'active', deallocateAt: Infinity })
    expect(await endAllocation(ctx, account, id)).toMatchObject({ state: 'vault', endedAt: ctx.now() })
  })

  test('a longer life than the account allows is cut, a shorter one kept', async () => {
    const long = await create({ durationMs: 400 * 86_400_000 })
    expect(long.deallocateAt - ctx.now()).toBe(170 * 86_400_000)
    await endAllocation(ctx, account, long.id)
    const short = await create({ durationMs: 20_000 })
    expect(short.deallocateAt - ctx.now()).toBe(20_000)
  })

  test('each list is kept in order, once each', async () => {
    const a = { numbers: ['07987686144', '+919812345678', '7987686144'], vns: [VN3, VN1, VN3], pin: '1' }
    expect((await create({ a })).a).toEqual({ numbers: [A, STRANGER], vns: [VN3, VN1], pin: '1' })
  })

  test.each<[string, Partial<WantedAllocation>]>([
    ['missing', { transactionId: ' ' }],
    ['invalid', { transactionId: 'x'.repeat(256) }],
    ['invalid', { transactionId: 'a\u0000b' }],
    ['invalid', { transactionId: '\ud800' }],
    ['missing', { a: { numbers: [], vns: [VN1] }, b: { numbers: [], vns: [VN1] } }],
    ['missing', { a: { numbers: [A], vns: [] }, b: { numbers: [B], vns: [] } }],
    ['invalid', { a: { numbers: Array.from({ length: 11 }, (_, i) => `98123456${10 + i}`), vns: [VN1] } }],
    ['invalid', { a: { numbers: [A], vns: Array.from({ length: 51 }, () => VN1) } }],
    ['invalid', { a: { numbers: [A], vns: [VN1], pin: '1234567890' } }],
    ['invalid', { a: { numbers: [A], vns: [VN1], pin: '12a' } }],
    ['invalid', { a: { numbers: [A], vns: [VN1], pinLength: 0 } }],
    ['invalid', { a: { numbers: [A], vns: [VN1], pinLength: 10 } }],
    ['invalid', { a: { numbers: [A], vns: [VN1], pinLength: 1.5 } }],
    ['invalid', { durationMs: 0 }],
    ['invalid', { durationMs: NaN }],
    ['invalid_number', { a: { numbers: ['1/sip:x@evil'], vns: [VN1] } }],
    ['invalid_number', { a: { numbers: ['+442079460000'], vns: [VN1] } }],
    ['invalid_number', { a: { numbers: [A], vns: ['vn'] } }],
    ['invalid_number', { a: { numbers: [VN2], vns: [VN1] } }],
    ['duplicates', { a: { numbers: [A, '07987686144'], vns: [VN1] } }],
    ['same_number_in_both_parties', { a: { numbers: [A, '09956555625'], vns: [VN1] } }],
    ['forbidden', { a: { numbers: [A], vns: ['+916292134400'] } }],
  ])('%s: %j', async (code, change) => {
    await expect(create(change)).rejects.toEqual(refusal(code))
    expect(await eventsOf(ctx)).toEqual([])
  })

  test("another account's virtual number is as forbidden as nobody's", async () => {
    const other = await testAccount(ctx, { sid: 'other', vns: ['+916292134400'] })
    await expect(create({ a: { numbers: [A], vns: ['+916292134400'] } })).rejects.toEqual(
      refusal('forbidden'),
    )
    await expect(createAllocation(ctx, other, wantedAllocation())).rejects.toEqual(refusal('forbidden'))
  })

  test('a transaction id is free again once its allocation has ended', async () => {
    const first = await create({ transactionId: 'order-id' })
    const again = { transactionId: 'order-id', a: { numbers: [A], vns: [VN1] } }
    await expect(create(again)).rejects.toEqual(refusal('duplicate_transaction'))
    await endAllocation(ctx, account, first.id)
    await expect(create(again)).resolves.toMatchObject({ transactionId: 'order-id' })
  })

  test("what has run out is in nobody's way, even if the sweeper is late", async () => {
    const first = await create({ transactionId: 'order-id', durationMs: 20_000 })
    ctx.clock.ms += 20_000
    const second = await create({ transactionId: 'order-id' })
    expect(second.id).not.toBe(first.id)
    expect(await types()).toEqual(['allocation.ended'])
  })

  test.each([100, 101, 200])('nor are %d of them, that the sweeper ends in batches', async (count) => {
    for (let i = 1; i < count; i++)
      await create({ a: { numbers: [A], vns: [VN3] }, b: { numbers: [B], vns: [] }, durationMs: 10_000 })
    await create({ durationMs: 20_000 })
    ctx.clock.ms += 20_000
    await expect(create()).resolves.toMatchObject({ a: { pin: '713' } })
  })

  test('among thousands it is in the way of a request or two: each sweeps a bounded number of batches', async () => {
    const durationMs = 20_000
    await create({ durationMs })
    ctx.clock.ms += durationMs
    await crowd(ctx, account, 2_000, () => ({ deallocateAt: ctx.now() - durationMs }))
    let looks = 0
    const { store } = ctx
    ctx.store = {
      ...store,
      dueAllocations: (...args) => {
        looks++
        return store.dueAllocations(...args)
      },
    }
    await expect(create()).rejects.toEqual(refusal('pin_taken'))
    expect(looks).toBe(20)
    expect(await types()).toHaveLength(2_000)
    await expect(create()).resolves.toMatchObject({ a: { pin: '713' } })
    expect(looks).toBe(21)
    expect(await types()).toHaveLength(2_001)
  })

  test("as the last that one request sweeps it is in nobody's way", async () => {
    await create({ durationMs: 20_000 })
    ctx.clock.ms += 20_000
    await crowd(ctx, account, 1_999, () => ({ deallocateAt: ctx.now() - 20_000 }))
    await expect(create()).resolves.toMatchObject({ a: { pin: '713' } })
  })

  test.each([false, true])(
    'nor when several come upon it at once (and the sweeper too: %j)',
    async (swept) => {
      const wanted = (n: number) => ({
        a: { numbers: [A], vns: [VN1], pin: `10${n}` },
        b: { numbers: [B], vns: [VN2], pin: `20${n}` },
        durationMs: 20_000,
      })
      for (const n of [1, 2, 3]) await create(wanted(n))
      ctx.clock.ms += 20_000
      const racers = [1, 2, 3].map((n) => create(wanted(n)))
      // The racers have been refused by then, and look what has run out.
      if (swept) await new Promise((resolve) => setImmediate(() => resolve(endDueAllocations(ctx))))
      expect((await Promise.all(racers)).map(({ a }) => a.pin)).toEqual(['101', '102', '103'])
      expect(await types()).toHaveLength(3)
    },
  )
})

describe('PINs', () => {
  test('two on one virtual number are never the same, whatever party they are of', async () => {
    await create()
    for (const party of ['a', 'b'] as const) {
      const same = { numbers: [STRANGER], vns: [VN1], pin: '713' }
      const change = party === 'a' ? { a: same } : { b: same, a: { numbers: [A], vns: [VN3], pin: '5' } }
      await expect(create(change)).rejects.toEqual(refusal('pin_taken'))
    }
  })

  test('both parties may have the same one only if they share no virtual number', async () => {
    const b = { numbers: [B], vns: [VN2, VN1], pin: '713' }
    await expect(create({ b })).rejects.toEqual(refusal('pin_taken'))
    await expect(create({ b: { ...b, vns: [VN2] } })).resolves.toMatchObject({ b: { pin: '713' } })
  })

  test("one must be free on its own party's virtual numbers, and on no others", async () => {
    await create()
    const wanted = (a: string, b: string) => ({
      a: { numbers: [STRANGER], vns: [VN3, VN2], pin: a },
      b: { numbers: ['9812345671'], vns: [VN1], pin: b },
    })
    for (const taken of [wanted('884', '5'), wanted('5', '713')])
      await expect(create(taken)).rejects.toEqual(refusal('pin_taken'))
    await expect(create(wanted('713', '884'))).resolves.toMatchObject({
      a: { pin: '713' },
      b: { pin: '884' },
    })
    expect(await key(VN1, '713', undefined)).toMatchObject({ party: 'a', allocation: { a: { vns: [VN1] } } })
    expect(await key(VN2, '713', undefined)).toMatchObject({
      party: 'a',
      allocation: { a: { vns: [VN3, VN2] } },
    })
    expect(await key(VN1, '884', undefined)).toMatchObject({ party: 'b', allocation: { b: { vns: [VN1] } } })
  })

  test('one is drawn though every one is in use on the virtual numbers of the other party', async () => {
    const full = { a: { numbers: [A], vns: [VN1], pinLength: 1 }, b: { numbers: [B], vns: [] } }
    for (let i = 0; i < 10; i++) await create(full)
    const party = (numbers: string[], vn: string) => ({ numbers, vns: [vn], pinLength: 1 })
    await expect(create({ a: party([A], VN2), b: { numbers: [B], vns: [VN1] } })).resolves.toMatchObject({
      ...{ a: { pin: expect.stringMatching(/^\d$/) }, b: { pin: undefined } },
    })
    account.settings.pinEnabled = { a: false, b: true }
    await expect(create({ a: { numbers: [A], vns: [VN1] }, b: party([B], VN3) })).resolves.toMatchObject({
      ...{ a: { pin: undefined }, b: { pin: expect.stringMatching(/^\d$/) } },
    })
    await expect(create({ a: { numbers: [A], vns: [VN3] }, b: party([B], VN1) })).rejects.toEqual(
      refusal('no_free_pin'),
    )
  })

  test('and so it is when it takes a second look', async () => {
    const stubborn = testContext(() => 0)
    const own = await testAccount(stubborn)
    const party = (vn: string, pin: number) => ({
      numbers: [A],
      vns: [vn],
      pin: String(pin).padStart(2, '0'),
    })
    // What is drawn first is in use here, and all else there.
    for (let pin = 0; pin < 100; pin++) {
      const a = party(pin < 32 ? VN1 : VN2, pin)
      await createAllocation(stubborn, own, wantedAllocation({ a, b: { numbers: [B], vns: [] } }))
    }
    const wanted = { a: { numbers: [A], vns: [VN1], pinLength: 2 }, b: { numbers: [B], vns: [VN2] } }
    const count = counting(stubborn)
    await expect(createAllocation(stubborn, own, wantedAllocation(wanted))).resolves.toMatchObject({
      a: { pin: '32' },
    })
    expect(count).toEqual({ adds: 2, looks: 1 })
  })

  describe('a party without numbers has one, for nothing else leads into it', () => {
    const nobody = { numbers: [], vns: [VN1] }
    const somebody = { numbers: [A], vns: [VN2] }
    beforeEach(() => {
      account.settings.pinEnabled = { a: false, b: false }
      account.settings.pinLength = { a: 5, b: 6 }
    })

    test.each(['a', 'b'] as const)('%s: drawn though the account wants none of it', async (party) => {
      const other = party === 'a' ? 'b' : 'a'
      const sides = (one: object) => ({ [other]: somebody, [party]: { ...nobody, ...one } })
      const made = await create(sides({}))
      expect(made[party].pin).toMatch(party === 'a' ? /^\d{5}$/ : /^\d{6}$/)
      expect(made[other].pin).toBeUndefined()
      expect((await create(sides({ pinLength: 3 })))[party].pin).toMatch(/^\d{3}$/)
      expect((await create(sides({ pin: '77', pinLength: 3 })))[party].pin).toBe('77')
      const joined = await key(VN1, made[party].pin ?? '', STRANGER)
      expect(joined).toMatchObject({ party, allocation: { [party]: { numbers: [STRANGER] } } })
      expect(await who(VN1, STRANGER)).toMatchObject({ kind: 'known', membership: { party } })
    })

    test('also where it is not even mentioned', async () => {
      expect((await create({ a: undefined, b: somebody })).a).toEqual({
        ...{ numbers: [], vns: [VN2], pin: expect.stringMatching(/^\d{5}$/) },
      })
    })

    test('one with numbers has none then', async () => {
      const made = await create({
        a: { numbers: [A], vns: [VN1] },
        b: { numbers: [B], vns: [], pinLength: 4 },
      })
      expect([made.a.pin, made.b.pin]).toEqual([undefined, undefined])
    })
  })

  test('one that is deallocated can be used for the next', async () => {
    const first = await create()
    await endAllocation(ctx, account, first.id)
    await expect(create()).resolves.toMatchObject({ a: { pin: '713' } })
  })

  test('a drawn one is never that of the other party', async () => {
    account.settings.pinEnabled = { a: true, b: true }
    const b = { numbers: [B], vns: [VN2], pin: '0' }
    for (let left = 9; left > 0; left--) {
      const made = await create({ a: { numbers: [A], vns: [VN1], pinLength: 1 }, b })
      expect(made.a.pin).not.toBe('0')
      await endAllocation(ctx, account, made.id)
    }
    const both = { numbers: [A], vns: [VN1], pinLength: 1 }
    const { a, b: other } = await create({ a: both, b: { ...both, numbers: [B] } })
    expect(a.pin).not.toBe(other.pin)
  })

  test('all of a length are given out, none twice, then there is none', async () => {
    const a = { numbers: [A], vns: [VN1, VN2], pinLength: 3 }
    const given = new Set<string>()
    for (let i = 0; i < 1000 - 26; i++) {
      const { pin = '' } = (await create({ a, b: { numbers: [B], vns: [] } })).a
      expect(isWeak(pin)).toBe(false)
      given.add(pin)
    }
    expect(given.size).toBe(1000 - 26)
    const b = { numbers: [B], vns: [] }
    await expect(create({ a, b })).rejects.toEqual(refusal('no_free_pin'))
    await expect(create({ a: { ...a, vns: [VN3] }, b })).resolves.toBeDefined()
    await expect(create({ a: { ...a, pinLength: 4 }, b })).resolves.toBeDefined()
  })

  test('at 90 % one is found in two looks, and a full number is known in one more', async () => {
    const wanted = { a: { numbers: [A], vns: [VN1, VN2], pinLength: 2 }, b: { numbers: [B], vns: [] } }
    for (let i = 0; i < 90; i++) await create(wanted)
    const count = counting(ctx)
    for (let left = 10; left > 0; left--) {
      Object.assign(count, { adds: 0, looks: 0 })
      await create(wanted)
      expect(count.adds).toBeLessThanOrEqual(2)
      expect(count.looks).toBeLessThanOrEqual(1)
    }
    Object.assign(count, { adds: 0, looks: 0 })
    await expect(create(wanted)).rejects.toEqual(refusal('no_free_pin'))
    // Each once more, after all that has run out was swept away.
    expect(count).toEqual({ adds: 2, looks: 2 })
  })

  test('racers for the last ones each get another, and the slowest none', async () => {
    const a = { numbers: [A], vns: [VN1], pinLength: 1 }
    const racers = Array.from({ length: 15 }, () => create({ a, b: { numbers: [B], vns: [VN1] } }))
    const results = await Promise.allSettled(racers)
    const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.a.pin] : []))
    expect(new Set(made).size).toBe(10)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toEqual(refusal('no_free_pin'))
  })

  test('a draw that always hits a taken PIN ends', async () => {
    const stubborn = testContext(() => 0)
    const own = await testAccount(stubborn)
    const one = { a: { numbers: [A], vns: [VN1], pinLength: 2 }, b: { numbers: [B], vns: [VN1] } }
    const pins = []
    for (let i = 0; i < 100; i++)
      pins.push((await createAllocation(stubborn, own, wantedAllocation(one))).a.pin)
    expect(new Set(pins).size).toBe(100)
    await expect(createAllocation(stubborn, own, wantedAllocation(one))).rejects.toEqual(
      refusal('no_free_pin'),
    )
  })
})

describe('ending', () => {
  test('by hand: once, with one event, and the PINs are gone', async () => {
    const { id } = await create()
    const ended = await endAllocation(ctx, account, id)
    expect(ended).toMatchObject({ state: 'vault', endedAt: ctx.now() })
    await expect(endAllocation(ctx, account, id)).rejects.toEqual(refusal('deleted'))
    expect(await key(VN1, '713', STRANGER)).toEqual(refusal('not_found'))
    expect(await who(VN1, A)).toEqual({ kind: 'ask', membership: undefined })
    const [event, ...others] = await eventsOf(ctx)
    expect(others).toEqual([])
    expect(event).toMatchObject({
      type: 'allocation.ended',
      at: ctx.now(),
      allocationId: id,
      a: { numbers: [A], vns: [VN1], pin: '713' },
      b: { numbers: [B], vns: [VN2], pin: '884' },
      usage: 'twoway',
    })
  })

  test.each([20_000, 1_200_000, 86_400_000 * 24.9, 86_400_000 * 170])(
    'by policy: after %d ms, never before',
    async (durationMs) => {
      const { id } = await create({ durationMs })
      ctx.clock.ms += durationMs - 1
      expect(await endDueAllocations(ctx)).toEqual({ ended: 0, freed: 0, more: false })
      expect(await readAllocation(ctx, account, id)).toMatchObject({ state: 'active' })
      ctx.clock.ms += 1
      expect(await readAllocation(ctx, account, id)).toMatchObject({ state: 'vault' })
      expect(await endDueAllocations(ctx)).toEqual({ ended: 1, freed: 0, more: false })
      expect(await endDueAllocations(ctx)).toEqual({ ended: 0, freed: 0, more: false })
      expect(await types()).toEqual(['allocation.ended'])
    },
  )

  test('past its time it has ended for everybody, whether or not it was swept', async () => {
    const { id } = await create({ durationMs: 20_000 })
    account.settings.pinEnabled.a = false
    expect(await who(VN1, A)).toMatchObject({ kind: 'known' })
    ctx.clock.ms += 20_000
    expect(await who(VN1, A)).toEqual({ kind: 'ask', membership: undefined })
    expect(await key(VN1, '713', A)).toEqual(refusal('not_found'))
    await expect(endAllocation(ctx, account, id)).rejects.toEqual(refusal('deleted'))
    await expect(endAllocation(ctx, account, id)).rejects.toEqual(refusal('deleted'))
    expect(await types()).toEqual(['allocation.ended'])
  })

  test('many at once are ended in batches', async () => {
    for (let i = 0; i < 130; i++)
      await create({ a: { numbers: [A], vns: [VN1] }, b: { numbers: [B], vns: [] }, durationMs: 1_000 })
    ctx.clock.ms += 1_000
    expect(await endDueAllocations(ctx)).toEqual({ ended: 100, freed: 0, more: true })
    expect(await endDueAllocations(ctx)).toEqual({ ended: 30, freed: 0, more: false })
    expect(await types()).toHaveLength(130)
  })

  test('of other accounts: neither read nor ended', async () => {
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    const { id } = await create()
    await expect(readAllocation(ctx, other, id)).rejects.toEqual(refusal('not_found'))
    await expect(endAllocation(ctx, other, id)).rejects.toEqual(refusal('not_found'))
    expect(await readAllocation(ctx, account, id)).toMatchObject({ state: 'active' })
  })
})

describe('cooling off', () => {
  const HOUR_MS = 3_600_000
  /** What wants the PINs of `wantedAllocation` again. */
  const again = () => create({ a: { numbers: [STRANGER], vns: [VN1], pin: '713' } })
  beforeEach(async () => {
    await changeSettings(ctx, account, { coolOffMs: HOUR_MS })
    account.settings.coolOffMs = HOUR_MS
  })

  test.each(['by hand', 'by its policy', 'by its policy, unnoticed'] as const)(
    'after an end %s its PINs are not free until the time is over',
    async (how) => {
      const { id } = await create({ durationMs: 20_000 })
      if (how !== 'by hand') ctx.clock.ms += 20_000
      if (how === 'by hand') await endAllocation(ctx, account, id)
      if (how === 'by its policy') await endDueAllocations(ctx)
      await expect(again()).rejects.toEqual(refusal('pin_taken'))
      ctx.clock.ms += HOUR_MS - 1
      await expect(again()).rejects.toEqual(refusal('pin_taken'))
      expect(await ctx.store.pinsInUse([VN1], 3)).toEqual(new Set(['713']))
      ctx.clock.ms += 1
      await expect(again()).resolves.toMatchObject({ a: { pin: '713' } })
      expect(await types()).toEqual(['allocation.ended'])
    },
  )

  test('says until when', async () => {
    const { id } = await create()
    const ended = await endAllocation(ctx, account, id)
    expect(ended).toMatchObject({ endedAt: ctx.now(), pinsFreeAt: ctx.now() + HOUR_MS })
    expect(await readAllocation(ctx, account, id)).toEqual(ended)
  })

  test('counts from the end and not from when it was noticed', async () => {
    const { id, deallocateAt } = await create({ durationMs: 20_000 })
    ctx.clock.ms += 20_000 + HOUR_MS / 2
    expect(await endDueAllocations(ctx)).toEqual({ ended: 1, freed: 0, more: false })
    const freeAt = deallocateAt + HOUR_MS
    expect(await readAllocation(ctx, account, id)).toMatchObject({
      endedAt: deallocateAt,
      pinsFreeAt: freeAt,
    })
    ctx.clock.ms = freeAt
    await expect(again()).resolves.toBeDefined()
  })

  test('is over when the application was down for longer', async () => {
    const { id, deallocateAt } = await create({ durationMs: 20_000 })
    ctx.clock.ms = deallocateAt + HOUR_MS
    expect(await endDueAllocations(ctx)).toEqual({ ended: 1, freed: 0, more: false })
    expect(await readAllocation(ctx, account, id)).toMatchObject({
      endedAt: deallocateAt,
      pinsFreeAt: undefined,
    })
    expect(await ctx.store.pinsInUse([VN1], 3)).toEqual(new Set())
    expect(await ctx.store.releasePins(ctx.now(), 10)).toBe(0)
  })

  test('a PIN that cools off opens nothing, and its callers are nobody', async () => {
    const { id } = await create()
    account.settings.pinEnabled.a = false
    expect(await isInUse(ctx, VN1)).toBe(true)
    await endAllocation(ctx, account, id)
    for (const caller of [A, STRANGER, undefined])
      expect(await key(VN1, '713', caller)).toEqual(refusal('not_found'))
    expect(await who(VN1, A)).toEqual({ kind: 'ask', membership: undefined })
    expect([await isInUse(ctx, VN1), await isInUse(ctx, VN2)]).toEqual([false, false])
    expect(await types()).toEqual(['allocation.ended'])
  })

  test('only PINs do: the transaction id is free at once', async () => {
    const { id, transactionId } = await create()
    await endAllocation(ctx, account, id)
    const a = { numbers: [A], vns: [VN1], pin: '5' }
    await expect(create({ transactionId, a, b: { numbers: [B], vns: [VN1] } })).resolves.toBeDefined()
  })

  test('none is drawn, and when all others are in use there is none until then', async () => {
    const one = { a: { numbers: [A], vns: [VN1], pinLength: 1 }, b: { numbers: [B], vns: [VN1] } }
    const { id, a } = await create(one)
    await endAllocation(ctx, account, id)
    for (let i = 0; i < 9; i++) expect((await create(one)).a.pin).not.toBe(a.pin)
    await expect(create(one)).rejects.toEqual(refusal('no_free_pin'))
    ctx.clock.ms += HOUR_MS
    await expect(create(one)).resolves.toMatchObject({ a: { pin: a.pin } })
  })

  test('the sweeper frees what has cooled off, a bounded number at a time', async () => {
    const many = { numbers: [A], vns: [VN1, VN2, VN3], pinLength: 4 }
    const made = []
    for (let i = 0; i < 170; i++) made.push(await create({ a: many, b: { numbers: [B], vns: [] } }))
    for (const { id } of made) await endAllocation(ctx, account, id)
    ctx.clock.ms += HOUR_MS - 1
    expect(await endDueAllocations(ctx)).toEqual({ ended: 0, freed: 0, more: false })
    ctx.clock.ms += 1
    expect(await endDueAllocations(ctx)).toEqual({ ended: 0, freed: 500, more: true })
    expect(await endDueAllocations(ctx)).toEqual({ ended: 0, freed: 10, more: false })
    expect(await ctx.store.pinsInUse([VN1, VN2, VN3], 4)).toEqual(new Set())
  })

  test('the cool-off is that of the account when the policy ends it', async () => {
    await create({ durationMs: 20_000 })
    await changeSettings(ctx, account, { coolOffMs: 0 })
    ctx.clock.ms += 20_000
    await expect(again()).resolves.toBeDefined()
  })
})
