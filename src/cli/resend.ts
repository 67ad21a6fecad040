import type { Store } from '../engine/store.ts'
import { showProgress } from './progress.ts'

/** So many at a time: they share a commit, and the application gets the lock in between. */
const BATCH = 100

/** What became of the wish to send one event again. */
export type Resent = { id: string; resent: true } | { id: string; resent: false; reason: NotResent }

export type NotResent = 'not_found' | 'no_endpoint'

/** Makes these events due now, each once. */
export async function resendThese(store: Store, ids: string[]): Promise<Resent[]> {
  const wanted = [...new Set(ids)]
  const progress = showProgress('resending', wanted.length)
  const results: Resent[] = []
  for (let from = 0; from < wanted.length; from += BATCH) {
    const batch = wanted.slice(from, from + BATCH)
    results.push(...(await Promise.all(batch.map((id) => resend(store, id)))))
    progress.at(results.length)
  }
  progress.end()
  return results
}

/** Makes all events of the account due that were given up, oldest first, as they happened. */
export async function resendDead(store: Store, accountId: string): Promise<Resent[]> {
  return resendThese(store, (await idsOfDead(store, accountId)).reverse())
}

/** All are read before any is changed, so that one which is given up again meanwhile is not resent twice. */
async function idsOfDead(store: Store, accountId: string): Promise<string[]> {
  const ids: string[] = []
  for (;;) {
    const last = ids.at(-1)
    const older = last === undefined ? {} : { before: last }
    const page = await store.events({ accountId, state: 'dead', limit: BATCH, ...older })
    ids.push(...page.map(({ event }) => event.id))
    if (page.length < BATCH) return ids
  }
}

async function resend(store: Store, id: string): Promise<Resent> {
  if (await store.resendEvent(id, Date.now())) return { id, resent: true }
  const found = await store.findEvent(id)
  return { id, resent: false, reason: found ? 'no_endpoint' : 'not_found' }
}
