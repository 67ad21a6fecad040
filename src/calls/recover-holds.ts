import type { Account } from '../engine/accounts.ts'
import type { Context } from '../engine/context.ts'
import { closeHold, connectedAt, type Hold } from '../engine/holds.ts'
import { forgetEnd, notedEnd } from './noted-ends.ts'
import type { Desk } from './recover.ts'

/** What pays for a talk that goes on; undefined when nothing does. */
export async function payingFor(
  ctx: Context,
  callId: string,
  holds: readonly Hold[],
): Promise<{ account: Account; hold: Hold } | undefined> {
  const hold = holds.findLast((one) => one.callId === callId && one.answeredAt !== undefined)
  const account = hold && (await ctx.store.findAccount(hold.accountId))
  return account && { account, hold }
}

/**
 * Closes open holds that nobody looks after any more: those that were answered at the instant that Asterisk has noted, or
 * where it has noted none, when we were last known to live. Resolves to how many.
 */
export async function closeHolds(
  desk: Desk,
  open: readonly Hold[],
  lookedAfter: ReadonlySet<string>,
  lastAlive: number | undefined,
): Promise<number> {
  const left = open.filter(({ callId }) => !lookedAfter.has(callId))
  const { ctx, ari, keepTrying } = desk
  for (const hold of left) {
    const endedAt = (await endOf(desk, hold)) ?? lastAlive ?? hold.openedAt
    // Not awaited: a store that is full must not keep us away from the calls that are up.
    void keepTrying(hold.callId, async () => {
      await closeHold(ctx, hold.id, endedAt)
      await forgetEnd(ari, hold.id)
    })
  }
  return left.length
}

async function endOf({ ctx, ari, log }: Desk, hold: Hold): Promise<number | undefined> {
  if (connectedAt(hold) === undefined) return undefined
  const { id } = hold
  const at = await notedEnd(ari, id)
  if (at === undefined)
    log.warn({ hold: id }, 'Asterisk has not noted when this paid call ended; the last heartbeat counts')
  // A clock that was set back in between counts for nobody.
  return at === undefined ? undefined : Math.min(at, ctx.now())
}
