import type { Store } from './store.ts'

/** The last piece of work on each database of each store. */
const lasts = new WeakMap<Store, Map<string, Promise<unknown>>>()

/**
 * Runs what takes many transactions on an account's database of PINs after all such work there that was asked for before:
 * two ranges that overlap must not mix chunk by chunk. Work that fails keeps nothing from running after it.
 */
export async function inOrder<T>(
  store: Store,
  accountId: string,
  number: number,
  work: () => Promise<T>,
): Promise<T> {
  const queue = lasts.get(store) ?? new Map<string, Promise<unknown>>()
  lasts.set(store, queue)
  const name = `${accountId} ${number}`
  const mine = (queue.get(name) ?? Promise.resolve()).then(work)
  const over = mine.catch(() => undefined)
  queue.set(name, over)
  try {
    return await mine
  } finally {
    if (queue.get(name) === over) queue.delete(name)
  }
}
