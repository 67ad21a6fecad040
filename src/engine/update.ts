import type { Account } from './accounts.ts'
import { type Allocation, type RefusedOrMade, afterSweeping, hasRunOut } from './allocations.ts'
import { assign, drawFor, inRounds, noFreePin, placesOf, type Again, type Candidates } from './assign.ts'
import type { Context } from './context.ts'
import { granted, Refusal } from './errors.ts'
import {
  deallocationOf,
  planUpdate,
  readUpdate,
  type Plan,
  type ReadChange,
  type WantedChange,
} from './plan.ts'
import type { Change, Surroundings, UpdateQuery } from './store.ts'

/**
 * Changes an active allocation: lists are replaced, what is not mentioned stays. A call that is up keeps what it began with.
 * Throws Refusal: not_found, deleted, missing (nothing to change, or nothing left), invalid, invalid_number, duplicates,
 * same_number_in_both_parties, forbidden, pin_taken, no_free_pin. A refused change changes nothing.
 */
export async function updateAllocation(
  ctx: Context,
  account: Account,
  id: string,
  wanted: WantedChange,
): Promise<Allocation> {
  const update = readUpdate(account, wanted)
  return granted(
    await afterSweeping(ctx, () => inRounds((round) => attempt(ctx, account, id, update, round))),
  )
}

async function attempt(
  ctx: Context,
  account: Account,
  id: string,
  update: ReadChange,
  round: number,
): Promise<RefusedOrMade | Again> {
  const before = refuseEnded(await ctx.store.findAllocation(account.id, id), ctx.now())
  if (before instanceof Refusal) return before
  const plan = planUpdate(account, before, update)
  const pins = await drawFor(ctx, plan, round)
  if (!pins) return noFreePin()
  const query: UpdateQuery = { accountId: account.id, id, pins: placesOf(plan, pins) }
  // The clock is read in the transaction: what runs out while this waits for it must not be prolonged.
  return ctx.store.updateAllocation(query, (found, seen) =>
    updating(found, seen, { account, update, before, pins, now: ctx.now() }),
  )
}

type Prepared = {
  account: Account
  update: ReadChange
  /** As it was when the PINs were drawn. */
  before: Allocation
  pins: Candidates
  now: number
}

/** The rule behind `updateAllocation`. */
function updating(
  found: Allocation | undefined,
  seen: Pick<Surroundings, 'takenPins' | 'ownVns'>,
  { account, update, before, pins, now }: Prepared,
): Change<Allocation, RefusedOrMade | Again> & { retiredPinsFreeAt?: number | undefined } {
  const current = refuseEnded(found, now)
  if (current instanceof Refusal) return { result: current }
  // Somebody may have changed it since; a caller who joins changes nothing that was looked up.
  if (!samePinsAndVns(current, before)) return { result: 'moved' }
  const plan = planned(account, current, update)
  if (plan instanceof Refusal) return { result: plan }
  if (plan.vns.some((vn) => !seen.ownVns.has(vn))) {
    return { result: new Refusal('forbidden', 'a virtual number is not yours') }
  }
  const parties = assign(plan, pins, seen.takenPins)
  if (parties === 'again' || parties instanceof Refusal) return { result: parties }
  const deallocateAt = update.lifeMs === undefined ? current.deallocateAt : deallocationOf(now, update.lifeMs)
  const save: Allocation = { ...current, ...parties, usage: plan.usage, deallocateAt }
  const { coolOffMs } = account.settings
  return { save, result: save, retiredPinsFreeAt: coolOffMs > 0 ? now + coolOffMs : undefined }
}

/** A decision must not throw. */
function planned(account: Account, current: Allocation, update: ReadChange): Plan | Refusal {
  try {
    return planUpdate(account, current, update)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

function samePinsAndVns(one: Allocation, other: Allocation): boolean {
  return (['a', 'b'] as const).every(
    (name) => one[name].pin === other[name].pin && one[name].vns.join() === other[name].vns.join(),
  )
}

function refuseEnded(found: Allocation | undefined, now: number): Allocation | Refusal {
  if (!found) return new Refusal('not_found', 'no such allocation')
  const ended = found.state === 'vault' || hasRunOut(found, now)
  return ended ? new Refusal('deleted', 'the allocation has ended already') : found
}
