import type { Callback } from '../engine/paid-call-store.ts'

/** How many callbacks of one account ring somebody at one time. */
export const MOST_OF_ACCOUNT = 20
/** How many of all accounts do; but the first of an account need not wait for others to end. */
export const MOST_RINGING = 60

type Waiting = Pick<Callback, 'accountId' | 'createdAt'>

/**
 * Which of those that wait may ring now, in what order: accounts take turns, whoever has the fewest that ring first, and among
 * equals who has waited longest. `ringing`: how many of each account ring now. Those of an account come in the order in which they
 * shall ring.
 */
export function nextInTurn<T extends Waiting>(
  waiting: readonly T[],
  ringing: ReadonlyMap<string, number>,
): T[] {
  const counts = new Map(ringing)
  let total = [...ringing.values()].reduce((sum, count) => sum + count, 0)
  const placed = waiting.map((one) => {
    const before = counts.get(one.accountId) ?? 0
    counts.set(one.accountId, before + 1)
    return { one, before }
  })
  placed.sort((a, b) => a.before - b.before || a.one.createdAt - b.one.createdAt)
  const next: T[] = []
  for (const { one, before } of placed) {
    if (before >= MOST_OF_ACCOUNT || (before > 0 && total >= MOST_RINGING)) continue
    total++
    next.push(one)
  }
  return next
}
