import type { Account } from './accounts.ts'
import type { Context } from './context.ts'
import { granted, Refusal } from './errors.ts'
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
  /** When the policy ends it. */
  deallocateAt: number
  /** When it really ended. */
  endedAt: number | undefined
}

/** How many allocations one sweep ends. */
const SWEEP_BATCH = 100

/** The account's allocation as it is now. Throws Refusal 'not_found', also for those of other accounts. */
export async function readAllocation(ctx: Context, account: Account, id: string): Promise<Allocation> {
  const found = await ctx.store.findAllocation(account.id, id)
  if (!found) throw new Refusal('not_found', 'no such allocation')
  return asOf(found, ctx.now())
}

/**
 * Ends the allocation by hand and frees its PINs. Emits 'allocation.ended'.
 * Throws Refusal 'not_found', or 'deleted' when it has ended already, by hand or by its policy.
 */
export async function endAllocation(ctx: Context, account: Account, id: string): Promise<Allocation> {
  const [now, eventId] = [ctx.now(), ctx.newId()]
  return granted(
    await ctx.store.changeAllocation(account.id, id, (found) => endingByHand(found, now, eventId)),
  )
}

/**
 * Ends allocations whose policy has run out, oldest first and a bounded number of them, each with one
 * 'allocation.ended'. `more` says that another sweep has work to do now.
 */
export async function endDueAllocations(ctx: Context): Promise<{ ended: number; more: boolean }> {
  const now = ctx.now()
  const due = await ctx.store.dueAllocations(now, SWEEP_BATCH)
  const ended = await Promise.all(
    due.map(({ accountId, id }) => {
      const eventId = ctx.newId()
      return ctx.store.changeAllocation(accountId, id, (found) => endingByPolicy(found, now, eventId))
    }),
  )
  return { ended: ended.filter(Boolean).length, more: due.length === SWEEP_BATCH }
}

/** Whether the policy has ended it, whatever the sweeper has had time for. */
export function hasRunOut(allocation: Allocation, now: number): boolean {
  return now >= allocation.deallocateAt
}

/** The rule behind `endAllocation`. The answer must not depend on whether the sweeper came first. */
function endingByHand(
  found: Allocation | undefined,
  now: number,
  eventId: string,
): Change<Allocation, Allocation | Refusal> {
  if (!found) return { result: new Refusal('not_found', 'no such allocation') }
  const deleted = new Refusal('deleted', 'the allocation has ended already')
  if (found.state === 'vault') return { result: deleted }
  const change = ending(found, now, eventId)
  return { ...change, result: hasRunOut(found, now) ? deleted : change.save }
}

/** The rule behind the sweep: true if this ended it. */
function endingByPolicy(
  found: Allocation | undefined,
  now: number,
  eventId: string,
): Change<Allocation, boolean> {
  if (found?.state !== 'active' || !hasRunOut(found, now)) return { result: false }
  return { ...ending(found, now, eventId), result: true }
}

function ending(allocation: Allocation, now: number, eventId: string) {
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
  const save: Allocation = { ...allocation, state: 'vault', endedAt: now }
  return { save, events: [event] }
}

function asOf(allocation: Allocation, now: number): Allocation {
  if (allocation.state === 'vault' || !hasRunOut(allocation, now)) return allocation
  return { ...allocation, state: 'vault', endedAt: allocation.deallocateAt }
}
