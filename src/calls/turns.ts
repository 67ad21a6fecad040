import { inTurn } from '../engine/turns.ts'

/** How many of one kind, callbacks or calls that tell a PIN, ring somebody at one time for one account. */
export const MOST_OF_ACCOUNT = 20
/** How many of one kind do for all accounts; but the first of an account need not wait for others to end. */
export const MOST_RINGING = 60

/**
 * Which of those that wait may ring now, in what order (engine/turns.ts). `ringing`: how many of each account ring now. Those of an
 * account come in the order in which they shall ring.
 */
export function nextInTurn<T extends { accountId: string; createdAt: number }>(
  waiting: readonly T[],
  ringing: ReadonlyMap<string, number>,
): T[] {
  return inTurn(waiting, ringing, { ofAccount: MOST_OF_ACCOUNT, inAll: MOST_RINGING })
}
