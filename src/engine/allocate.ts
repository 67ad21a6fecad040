import type { Account } from './accounts.ts'
import { type Allocation, type RefusedOrMade, afterSweeping } from './allocations.ts'
import { assign, drawFor, inRounds, noFreePin, placesOf, type Again, type Candidates } from './assign.ts'
import type { Context } from './context.ts'
import { granted, Refusal, type RefusalCode } from './errors.ts'
import { deallocationOf, planAllocation, type NewPlan, type WantedAllocation } from './plan.ts'
import type { Change, Surroundings } from './store.ts'

/**
 * Puts two parties behind virtual numbers and gives them PINs where the account wants PINs.
 * Throws Refusal: missing, invalid, invalid_number, duplicates, same_number_in_both_parties, forbidden (a virtual number
 * of somebody else), duplicate_transaction, pin_taken, no_free_pin.
 */
export async function createAllocation(
  ctx: Context,
  account: Account,
  wanted: WantedAllocation,
): Promise<Allocation> {
  const plan = planAllocation(account, wanted)
  return granted(await afterSweeping(ctx, () => inRounds((round) => attempt(ctx, plan, round))))
}

async function attempt(ctx: Context, plan: NewPlan, round: number): Promise<RefusedOrMade | Again> {
  const pins = await drawFor(ctx, plan, round)
  if (!pins) return noFreePin()
  const { accountId, transactionId } = plan
  const born = { id: ctx.newId(), createdAt: ctx.now() }
  const query = { accountId, transactionId, pins: placesOf(plan, pins) }
  return ctx.store.addAllocation(query, (seen) => allocating(plan, pins, seen, born))
}

/** The rule behind `createAllocation`: what the plan becomes in these surroundings. */
function allocating(
  plan: NewPlan,
  pins: Candidates,
  seen: Surroundings,
  born: { id: string; createdAt: number },
): Change<Allocation, RefusedOrMade | Again> {
  const { accountId, transactionId, usage, vns, lifeMs } = plan
  if (vns.some((vn) => !seen.ownVns.has(vn))) return refuse('forbidden', 'a virtual number is not yours')
  if (seen.sameTransaction)
    return refuse('duplicate_transaction', 'an active allocation has this transaction id')
  const parties = assign(plan, pins, seen.takenPins)
  if (parties === 'again' || parties instanceof Refusal) return { result: parties }
  const save: Allocation = {
    ...{ accountId, transactionId, usage },
    ...born,
    ...parties,
    state: 'active',
    deallocateAt: deallocationOf(born.createdAt, lifeMs),
    endedAt: undefined,
    pinsFreeAt: undefined,
  }
  return { save, result: save }
}

function refuse(code: RefusalCode, message: string) {
  return { result: new Refusal(code, message) }
}
