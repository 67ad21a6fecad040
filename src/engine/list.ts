import type { Account } from './accounts.ts'
import { asOf, type Allocation, type AllocationState, type Usage } from './allocations.ts'
import type { Context } from './context.ts'
import { Refusal } from './errors.ts'
import type { ListPosition } from './store.ts'

/** What is looked for; undefined takes all. */
export type AllocationFilter = {
  transactionId?: string | undefined
  state?: AllocationState | undefined
  usage?: Usage | undefined
  /** E.164: a member of either party. */
  number?: string | undefined
  /** E.164: a virtual number of either party. */
  vn?: string | undefined
  /** Created at this instant or later, in milliseconds since the epoch. */
  createdFrom?: number | undefined
  /** Created before this instant. */
  createdBefore?: number | undefined
}

export type AllocationPage = {
  allocations: Allocation[]
  /** The id to pass as `after` for the next page; undefined on the last. */
  next: string | undefined
}

export const MAX_PAGE = 100
/** How many allocations are read at once: calls get their turn in between, as the store promises. */
const CHUNK = 100
/** How many are looked at for one page. */
const MAX_LOOKED_AT = 2_000

/**
 * The account's allocations, newest first, `limit` (1 to 100) of them. A page may be shorter than that, even empty, and
 * still have a next one: a filter that fits few is not allowed to search through everything in one request.
 * Throws Refusal 'invalid' for an `after` that is none of the account's allocations.
 */
export async function listAllocations(
  ctx: Context,
  account: Account,
  filter: AllocationFilter,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<AllocationPage> {
  const allocations: Allocation[] = []
  let position = after === undefined ? startOf(filter) : await positionOf(ctx, account, after)
  for (let looked = 0; looked < MAX_LOOKED_AT; looked += CHUNK) {
    const chunk = await read(ctx, account, filter, position)
    for (const found of chunk) {
      const allocation = asOf(found, ctx.now())
      if (isTooOld(allocation, filter)) return { allocations, next: undefined }
      if (fits(allocation, filter)) allocations.push(allocation)
      if (allocations.length === limit)
        return { allocations, next: await nextAfter(ctx, account, filter, found) }
    }
    if (chunk.length < CHUNK) return { allocations, next: undefined }
    position = chunk.at(-1)
  }
  return { allocations, next: position && (await nextAfter(ctx, account, filter, position)) }
}

function read(
  ctx: Context,
  { id }: Account,
  filter: AllocationFilter,
  after: ListPosition | undefined,
  limit = CHUNK,
): Promise<Allocation[]> {
  if (filter.transactionId === undefined) return ctx.store.allocationsAfter(id, after, limit)
  return ctx.store.allocationsNamed(id, filter.transactionId, after, limit)
}

/** So that the last page does not promise another. */
async function nextAfter(
  ctx: Context,
  account: Account,
  filter: AllocationFilter,
  last: ListPosition,
): Promise<string | undefined> {
  const [another] = await read(ctx, account, filter, last, 1)
  return another && !isTooOld(another, filter) ? last.id : undefined
}

/** All that follow are older still. */
function isTooOld({ createdAt }: Allocation, { createdFrom }: AllocationFilter): boolean {
  return createdFrom !== undefined && createdAt < createdFrom
}

function startOf({ createdBefore }: AllocationFilter): ListPosition | undefined {
  // No id is smaller than the empty one, so this comes just after all that was created at that instant.
  return createdBefore === undefined ? undefined : { createdAt: createdBefore, id: '' }
}

async function positionOf(ctx: Context, account: Account, after: string): Promise<ListPosition> {
  const found = await ctx.store.findAllocation(account.id, after)
  if (!found) throw new Refusal('invalid', 'after')
  return found
}

function fits(allocation: Allocation, filter: AllocationFilter): boolean {
  const { a, b } = allocation
  const { state, usage, number, vn, createdBefore } = filter
  if (state !== undefined && allocation.state !== state) return false
  if (usage !== undefined && allocation.usage !== usage) return false
  if (createdBefore !== undefined && allocation.createdAt >= createdBefore) return false
  if (number !== undefined && ![...a.numbers, ...b.numbers].includes(number)) return false
  return vn === undefined || [...a.vns, ...b.vns].includes(vn)
}
