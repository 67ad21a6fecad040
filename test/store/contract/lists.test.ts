import { expect, test } from '@jest/globals'
import type { Allocation } from '../../../src/engine/allocations.ts'
import type { ListPosition } from '../../../src/engine/store.ts'
import { account, contract, T0 } from './given.ts'

const BARE = { a: { pin: undefined }, b: { pin: undefined } }
/** Newest first, and of the same instant the greatest id first. */
const inOrder = (all: Allocation[]) =>
  [...all].sort((x, y) => y.createdAt - x.createdAt || (x.id < y.id ? 1 : -1)).map(({ id }) => id)

contract('the list of allocations', (it) => {
  type Page = (after: ListPosition | undefined, limit: number) => Promise<Allocation[]>
  const all: Page = (after, limit) => it.store.allocationsAfter('acme', after, limit)
  const named: Page = (after, limit) => it.store.allocationsNamed('acme', 'order', after, limit)
  const ids = (of: Allocation[]) => of.map(({ id }) => id)

  async function pages(page: Page, limit: number, between: () => Promise<unknown> = () => Promise.resolve()) {
    const found: Allocation[] = []
    for (let reads = 0; reads < 100; reads++) {
      const next = await page(found.at(-1), limit)
      expect(next.length).toBeLessThanOrEqual(limit)
      found.push(...next)
      if (next.length < limit) return ids(found)
      await between()
    }
    throw new Error('the list has no end')
  }

  /** In each instant several, created in no order of their ids. */
  async function many(transactionId?: string): Promise<Allocation[]> {
    const made: Allocation[] = []
    for (const n of [7, 2, 9, 4, 1, 8, 3, 6, 5]) {
      const named = transactionId === undefined ? {} : { transactionId }
      const one = await it.add({ ...BARE, ...named, id: `${transactionId}-${n}`, createdAt: T0 + (n % 3) })
      // Only one of a name can be active.
      made.push(transactionId === undefined ? one : await it.end(one))
    }
    return made
  }

  test.each([1, 2, 3, 4, 9, 10])('shows each once, newest first, in pages of %i', async (limit) => {
    const [some, ours] = [await many(), await many('order')]
    expect(await pages(all, limit)).toEqual(inOrder([...some, ...ours]))
    expect(await pages(named, limit)).toEqual(inOrder(ours))
  })

  test('shows what they are', async () => {
    const made = await it.add({ deallocateAt: Infinity, transactionId: 'order' })
    const over = await it.end(made, T0 + 5)
    expect(await all(undefined, 1)).toEqual([over])
    expect(await named(undefined, 1)).toEqual([over])
  })

  test('skips and repeats nothing while new ones come, also of the same instant', async () => {
    const before = await many('order')
    let count = 0
    const come = async () => {
      // Before the reader's place, at the very instant that is being read, and behind everything.
      for (const createdAt of [T0 + 2, T0 + 9]) {
        const id = `order-9${++count}`
        await it.end(await it.add({ ...BARE, transactionId: 'order', id, createdAt }))
      }
    }
    const isOld = (id: string) => before.some((one) => one.id === id)
    for (const page of [all, named]) {
      const seen = await pages(page, 2, come)
      expect(seen.filter(isOld)).toEqual(inOrder(before))
      expect(new Set(seen).size).toBe(seen.length)
    }
  })

  test('goes on from any place, whether something is there or not', async () => {
    const made = await many('order')
    for (const page of [all, named]) {
      const from = async (createdAt: number, id: string) => ids(await page({ createdAt, id }, 99))
      const before = (createdAt: number) => inOrder(made.filter((one) => one.createdAt < createdAt))
      expect(await from(T0 + 2, '')).toEqual(before(T0 + 2))
      expect(await from(T0 + 1.5, '')).toEqual(before(T0 + 1))
      expect(await from(T0, '')).toEqual([])
      expect(await from(Infinity, '')).toEqual(inOrder(made))
      expect(await from(T0 + 1, 'order-5')).toEqual(['order-4', 'order-1', ...before(T0 + 1)])
      expect(await from(T0 + 1, 'order-4')).toEqual(['order-1', ...before(T0 + 1)])
    }
  })

  test('lets whatever else waits have its turn before each page', async () => {
    await many('order')
    let turns = 0
    let next: NodeJS.Immediate
    const turn = () => {
      turns++
      next = setImmediate(turn)
    }
    turn()
    for (const page of [all, named]) {
      let after: Allocation | undefined
      for (let reads = 0; reads < 5; reads++) {
        const before = turns
        after = (await page(after, 1))[0]
        expect(after).toBeDefined()
        expect(turns).toBeGreaterThan(before)
      }
    }
    clearImmediate(next!)
  })

  test("never shows another account's", async () => {
    await it.store.addAccount(account('other'), [])
    const mine = await it.add({ ...BARE, transactionId: 'order' })
    const theirs = await it.add({ ...BARE, transactionId: 'order', accountId: 'other' })
    expect(ids(await all(undefined, 10))).toEqual([mine.id])
    expect(ids(await named(undefined, 10))).toEqual([mine.id])
    expect(ids(await it.store.allocationsAfter('other', undefined, 10))).toEqual([theirs.id])
    expect(ids(await it.store.allocationsNamed('other', 'order', mine, 10))).toEqual([])
    expect(await it.store.allocationsAfter('nobody', undefined, 10)).toEqual([])
    expect(await it.store.allocationsNamed('acme', 'Order', undefined, 10)).toEqual([])
  })
})
