import type { Account } from './accounts.ts'
import type { Context } from './context.ts'
import { granted, Refusal, type RefusalCode } from './errors.ts'
import type { AllocationEnded } from './events.ts'
import type { Change } from './store.ts'

export type PartyName = 'a' | 'b'

export type Usage = 'oneway' | 'twoway'

/**
 *   active --(policy due, or by hand)--> vault
 *
 * `vault` is the end: an allocation never becomes active again.
 */
export type AllocationState = 'active' | 'vault'

/** One side of an allocation: who belongs to it, through which virtual numbers, and its PIN. */
export type Party = {
  /** E.164, in the order in which they are rung. */
  numbers: string[]
  /** E.164 virtual numbers that this side dials and sees. */
  vns: string[]
  /** Undefined when nobody can join this side by PIN. */
  pin: string | undefined
}

/** Two parties behind virtual numbers (GreenPin: a pin allocation). */
export type Allocation = {
  id: string
  accountId: string
  /** The client's own identifier, unique among the account's active allocations. */
  transactionId: string
  a: Party
  b: Party
  usage: Usage
  state: AllocationState
  /** Milliseconds since the epoch, as all instants of the engine. */
  createdAt: number
  /** When the policy ends it; Infinity if none does. */
  deallocateAt: number
  /** When it really ended: by its policy at `deallocateAt`, however late that was noticed. */
  endedAt: number | undefined
  /** Until when its PINs stay reserved after the end; undefined while active, and when they were free at once. */
  pinsFreeAt: number | undefined
}

/** How many allocations one sweep ends, and how many PINs it frees. */
const SWEEP_BATCH = 100
const RELEASE_BATCH = 500
/** How many sweeps one request waits for; after a long downtime the sweeper has more to do than that. */
const SWEPT_AT_ONCE = 20

/** The account's allocation as it is now. Throws Refusal 'not_found', also for those of other accounts. */
export async function readAllocation(ctx: Context, account: Account, id: string): Promise<Allocation> {
  const found = await ctx.store.findAllocation(account.id, id)
  if (!found) throw new Refusal('not_found', 'no such allocation')
  return asOf(found, ctx.now())
}

/**
 * Ends the allocation by hand; its PINs are free after the account's cool-off. Emits 'allocation.ended'.
 * Throws Refusal 'not_found', or 'deleted' when it has ended already, by hand or by its policy.
 */
export async function endAllocation(ctx: Context, account: Account, id: string): Promise<Allocation> {
  const end = ending(ctx, account)
  return granted(await ctx.store.changeAllocation(account.id, id, (found) => endingByHand(found, end)))
}

/**
 * Ends allocations whose policy has run out, oldest first and a bounded number of them, each with one
 * 'allocation.ended', and frees PINs that have cooled off. `more` says that another sweep has work to do now.
 */
export async function endDueAllocations(
  ctx: Context,
): Promise<{ ended: number; freed: number; more: boolean }> {
  const now = ctx.now()
  const due = await ctx.store.dueAllocations(now, SWEEP_BATCH)
  const ended = await Promise.all(
    due.map(({ account, id }) => {
      const end = ending(ctx, account)
      return ctx.store.changeAllocation(account.id, id, (found) => endingByPolicy(found, end))
    }),
  )
  const freed = await ctx.store.releasePins(now, RELEASE_BATCH)
  const more = due.length === SWEEP_BATCH || freed === RELEASE_BATCH
  return { ended: ended.filter(Boolean).length, freed, more }
}

/** What making or changing an allocation comes to. */
export type RefusedOrMade = Allocation | Refusal

const IN_THE_WAY: RefusalCode[] = ['duplicate_transaction', 'pin_taken', 'no_free_pin']

/**
 * Repeats what was refused for something that has run out already and waits only for the sweeper. Repeats it even when
 * nothing was left to sweep: another request, or the sweeper itself, may have come first.
 */
export async function afterSweeping(
  ctx: Context,
  work: () => Promise<RefusedOrMade>,
): Promise<RefusedOrMade> {
  const result = await work()
  if (!(result instanceof Refusal) || !IN_THE_WAY.includes(result.code)) return result
  for (let batch = 0; batch < SWEPT_AT_ONCE; batch++) if (!(await endDueAllocations(ctx)).more) break
  return work()
}

/** Whether the policy has ended it, whatever the sweeper has had time for. */
export function hasRunOut(allocation: Allocation, now: number): boolean {
  return now >= allocation.deallocateAt
}

/** The allocation as it is at this instant, whatever the sweeper has had time for. */
export function asOf(allocation: Allocation, now: number): Allocation {
  if (allocation.state === 'vault' || !hasRunOut(allocation, now)) return allocation
  return { ...allocation, state: 'vault', endedAt: allocation.deallocateAt }
}

/** What ending an allocation takes beside the allocation. */
type Ending = { now: number; eventId: string; coolOffMs: number }

function ending(ctx: Context, { settings: { coolOffMs } }: Account): Ending {
  return { now: ctx.now(), eventId: ctx.newId(), coolOffMs }
}

/** The rule behind `endAllocation`. The answer must not depend on whether the sweeper came first. */
function endingByHand(found: Allocation | undefined, end: Ending): Change<Allocation, Allocation | Refusal> {
  if (!found) return { result: new Refusal('not_found', 'no such allocation') }
  const deleted = new Refusal('deleted', 'the allocation has ended already')
  if (found.state === 'vault') return { result: deleted }
  const change = ended(found, end)
  return { ...change, result: hasRunOut(found, end.now) ? deleted : change.save }
}

/** The rule behind the sweep: true if this ended it. */
function endingByPolicy(found: Allocation | undefined, end: Ending): Change<Allocation, boolean> {
  if (found?.state !== 'active' || !hasRunOut(found, end.now)) return { result: false }
  return { ...ended(found, end), result: true }
}

function ended(allocation: Allocation, { now, eventId, coolOffMs }: Ending) {
  const { id: allocationId, accountId, transactionId, a, b, usage } = allocation
  const event: AllocationEnded = {
    type: 'allocation.ended',
    id: eventId,
    accountId,
    at: now,
    allocationId,
    transactionId,
    a,
    b,
    usage,
  }
  const endedAt = Math.min(now, allocation.deallocateAt)
  const freeAt = endedAt + coolOffMs
  const pinsFreeAt = freeAt > now ? freeAt : undefined
  const save: Allocation = { ...allocation, state: 'vault', endedAt, pinsFreeAt }
  return { save, events: [event] }
}
