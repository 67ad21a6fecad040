/** How many may be under way at one time. */
export type Places = {
  /** Of an account, or of whatever takes turns in the place of accounts. */
  ofAccount: number
  /** Of all accounts; but the first of an account need not wait for others to end. */
  inAll: number
}

type Waiting = { accountId: string; createdAt: number }

/**
 * Which of those that wait may begin now, in what order: accounts take turns, whoever has the fewest under way first, and among
 * equals who has waited longest. `underWay`: how many of each account there are. Those of an account come in the order in which they
 * shall begin. `whose`: what takes turns in the place of accounts, by the id that `underWay` knows it by.
 */
export function inTurn<T extends Waiting>(
  waiting: readonly T[],
  underWay: ReadonlyMap<string, number>,
  { ofAccount, inAll }: Places,
  whose: (one: T) => string = ({ accountId }) => accountId,
): T[] {
  const counts = new Map(underWay)
  let total = [...underWay.values()].reduce((sum, count) => sum + count, 0)
  const placed = waiting.map((one) => {
    const id = whose(one)
    const before = counts.get(id) ?? 0
    counts.set(id, before + 1)
    return { one, before }
  })
  placed.sort((a, b) => a.before - b.before || a.one.createdAt - b.one.createdAt)
  const next: T[] = []
  for (const { one, before } of placed) {
    if (before >= ofAccount || (before > 0 && total >= inAll)) continue
    total++
    next.push(one)
  }
  return next
}
