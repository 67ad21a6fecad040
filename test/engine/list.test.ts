import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import { type Allocation, endAllocation } from '../../src/engine/allocations.ts'
import { type AllocationFilter, listAllocations } from '../../src/engine/list.ts'
import type { WantedAllocation } from '../../src/engine/plan.ts'
import {
  A,
  B,
  VN1,
  VN2,
  VN3,
  STRANGER,
  crowd,
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

const refusal = (code: string) => expect.objectContaining({ name: 'Refusal', code })
const list = (filter: AllocationFilter, limit = 100, after?: string) =>
  listAllocations(ctx, account, filter, { limit, after })
const idsOf = (allocations: Allocation[]) => allocations.map(({ id }) => id)
const found = async (filter: AllocationFilter) => idsOf((await list(filter)).allocations)

/** One with generated PINs, a second after the one before. */
async function create(change: Partial<WantedAllocation> = {}): Promise<string> {
  ctx.clock.ms += 1_000
  const a = { numbers: [A], vns: [VN1] }
  const { id } = await createAllocation(
    ctx,
    account,
    wantedAllocation({ a, b: { numbers: [B], vns: [] }, ...change }),
  )
  return id
}

async function several(count: number): Promise<string[]> {
  const ids = []
  for (let i = 0; i < count; i++) ids.push(await create())
  return ids
}

/** All pages until the last, at most a hundred. */
async function pages(filter: AllocationFilter, limit: number): Promise<string[][]> {
  const all = []
  let after: string | undefined
  do {
    const page = await list(filter, limit, after)
    all.push(idsOf(page.allocations))
    after = page.next
  } while (after !== undefined && all.length < 100)
  return all
}

describe('the order', () => {
  test('is newest first', async () => {
    const ids = await several(5)
    expect(await list({})).toMatchObject({ next: undefined })
    expect(await found({})).toEqual(ids.reverse())
  })

  test('of those of one instant is by id, falling, also across pages', async () => {
    const at = ctx.now()
    const ids = await crowd(ctx, account, 25, () => ({ createdAt: at }))
    expect((await pages({}, 10)).flat()).toEqual(ids.reverse())
  })

  test('of nothing is nothing', async () => {
    expect(await list({})).toEqual({ allocations: [], next: undefined })
  })
})

describe('filters', () => {
  test.each<[string, AllocationFilter]>([
    ['transaction id', { transactionId: 'one' }],
    ['usage', { usage: 'oneway' }],
    ['a number of A', { number: STRANGER }],
    ['a number of B', { number: '+919812345671' }],
    ['a virtual number of A', { vn: VN3 }],
    ['a virtual number of B', { vn: VN2 }],
    ['several together', { usage: 'oneway', number: STRANGER, vn: VN2, state: 'active' }],
  ])('%s', async (_, filter) => {
    await create({ transactionId: 'other' })
    const a = { numbers: [A, STRANGER], vns: [VN1, VN3] }
    const b = { numbers: [B, '+919812345671'], vns: [VN2] }
    const id = await create({ transactionId: 'one', usage: 'oneway', a, b })
    await create()
    expect(await found(filter)).toEqual([id])
    expect(await found({ ...filter, state: 'vault' })).toEqual([])
    expect(await found({ ...filter, vn: '+916292134400' })).toEqual([])
  })

  test('a state, as it is now: what has run out counts as ended before it is swept', async () => {
    const [byHand = '', active] = await several(2)
    const runOut = await create({ durationMs: 20_000 })
    await endAllocation(ctx, account, byHand)
    ctx.clock.ms += 20_000
    expect(await found({ state: 'active' })).toEqual([active])
    expect(await found({ state: 'vault' })).toEqual([runOut, byHand])
    const [first] = (await list({ state: 'vault' })).allocations
    expect(first).toMatchObject({ state: 'vault', endedAt: ctx.now() })
  })

  test('a time: from an instant on, and before another', async () => {
    const [first, second, third, fourth] = await several(4)
    const start = ctx.now() - 3_000
    expect(await found({ createdFrom: start + 1_000 })).toEqual([fourth, third, second])
    expect(await found({ createdFrom: start + 1_001 })).toEqual([fourth, third])
    expect(await found({ createdBefore: start + 2_000 })).toEqual([second, first])
    expect(await found({ createdBefore: start + 2_001 })).toEqual([third, second, first])
    expect(await found({ createdFrom: start + 1_000, createdBefore: start + 3_000 })).toEqual([third, second])
    expect(await found({ createdFrom: start + 2_000, createdBefore: start + 2_000 })).toEqual([])
  })

  test('the transaction id of several that have ended, in pages', async () => {
    const ids: string[] = []
    for (let i = 0; i < 5; i++) {
      const id = await create({ transactionId: 'order' })
      if (i < 4) await endAllocation(ctx, account, id)
      ids.unshift(id)
      await create()
    }
    expect(await pages({ transactionId: 'order' }, 2)).toEqual([
      ids.slice(0, 2),
      ids.slice(2, 4),
      ids.slice(4),
    ])
    expect(await found({ transactionId: 'order', state: 'active' })).toEqual([ids[0]])
    expect(await found({ transactionId: 'order', createdBefore: ctx.now() - 2_000 })).toEqual(ids.slice(1))
    expect(await found({ transactionId: 'orde' })).toEqual([])
  })

  test('nothing of another account is ever seen', async () => {
    const id = await create({ transactionId: 'order' })
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    for (const filter of [{}, { transactionId: 'order' }, { number: A }])
      expect(await listAllocations(ctx, other, filter, { limit: 10 })).toEqual({
        allocations: [],
        next: undefined,
      })
    await expect(listAllocations(ctx, other, {}, { limit: 10, after: id })).rejects.toEqual(
      refusal('invalid'),
    )
  })
})

describe('pages', () => {
  test.each([1, 3, 5, 6, 7])(
    'of %d show each once and in order, and the last promises no other',
    async (limit) => {
      const ids = (await several(6)).reverse()
      const all = await pages({}, limit)
      expect(all.flat()).toEqual(ids)
      expect(all).toHaveLength(Math.ceil(6 / limit))
    },
  )

  test('do not move when others are created, or end, in between', async () => {
    const ids = (await several(6)).reverse()
    const first = await list({}, 2)
    await create()
    await endAllocation(ctx, account, ids[1] ?? '')
    const second = await list({}, 2, first.next)
    await create()
    await endAllocation(ctx, account, ids[3] ?? '')
    const third = await list({}, 2, second.next)
    expect([first, second, third].flatMap(({ allocations }) => idsOf(allocations))).toEqual(ids)
    expect(third.next).toBeUndefined()
  })

  test('go on after an allocation that the filter does not fit', async () => {
    const [first, second, third] = await several(3)
    await endAllocation(ctx, account, second ?? '')
    expect(idsOf((await list({ state: 'active' }, 10, second)).allocations)).toEqual([first])
    expect(idsOf((await list({ createdBefore: ctx.now() }, 10, third)).allocations)).toEqual([second, first])
    expect(idsOf((await list({ createdBefore: ctx.now() - 1_000 }, 10, third)).allocations)).toEqual([first])
  })

  test('the last of a time promises no other, though there are older ones', async () => {
    await several(4)
    const last = await list({ createdFrom: ctx.now() - 1_000 }, 2)
    expect(last).toMatchObject({ allocations: [{}, {}], next: undefined })
    expect((await list({ createdFrom: ctx.now() - 1_000 }, 1)).next).toBeDefined()
  })

  test.each(['nobody', ''])('after %j: there is no such place', async (after) => {
    await several(1)
    await expect(list({}, 10, after)).rejects.toEqual(refusal('invalid'))
  })
})

describe('among thousands', () => {
  test('a filter that fits few does not search everything at once: short pages, even empty ones, that lead on', async () => {
    const rare = new Set([4_499, 3_000, 1_200, 3])
    const ids = await crowd(ctx, account, 4_500, (i) => (rare.has(i) ? { usage: 'oneway' } : {}))
    const all = await pages({ usage: 'oneway' }, 10)
    expect(all).toEqual([[ids[4_499], ids[3_000]], [ids[1_200]], [ids[3]]])
    // Those of the second page have no `oneway` but one.
    expect(await pages({ usage: 'oneway', state: 'vault' }, 10)).toEqual([[], [], []])
  })

  test('one request looks at a bounded number, in bounded pieces', async () => {
    await crowd(ctx, account, 4_500)
    const { store } = ctx
    const pieces: number[] = []
    ctx.store = {
      ...store,
      allocationsAfter: async (...args) => {
        const read = await store.allocationsAfter(...args)
        pieces.push(read.length)
        return read
      },
    }
    const { allocations, next } = await list({ number: STRANGER })
    expect(allocations).toEqual([])
    expect(next).toBeDefined()
    expect(Math.max(...pieces)).toBeLessThanOrEqual(100)
    expect(pieces.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2_001)
  })

  test.each<[string, AllocationFilter]>([
    ['of all', { number: STRANGER }],
    ['of one transaction id', { number: STRANGER, transactionId: 'order' }],
  ])('a search %s lets everybody else have a turn before each piece', async (_, filter) => {
    const ended = { transactionId: 'order', state: 'vault', endedAt: 0 } as const
    await crowd(ctx, account, 2_000, () => (filter.transactionId === undefined ? {} : ended))
    let [turns, over] = [0, false]
    const others = async () => {
      for (; !over; turns++) await new Promise(setImmediate)
    }
    const waiting = others()
    expect(await list(filter)).toEqual({ allocations: [], next: undefined })
    over = true
    await waiting
    expect(turns).toBeGreaterThanOrEqual(2_000 / 100)
  })

  test('exactly as many as are looked at: no other page is promised', async () => {
    await crowd(ctx, account, 2_000)
    expect(await list({ number: STRANGER })).toEqual({ allocations: [], next: undefined })
  })

  test('a time is not searched past its beginning', async () => {
    await crowd(ctx, account, 4_500)
    expect(await list({ number: STRANGER, createdFrom: ctx.now() - 50 })).toEqual({
      allocations: [],
      next: undefined,
    })
    expect(await list({ createdBefore: ctx.now() - 4_490 })).toMatchObject({ next: undefined })
  })
})
