import * as z from 'zod'
import type { Account } from '../../../engine/accounts.ts'
import {
  type AllocationFilter,
  type AllocationPage,
  listAllocations,
  MAX_PAGE,
} from '../../../engine/list.ts'
import type { Context } from '../../../engine/context.ts'
import { Refusal } from '../../../engine/errors.ts'
import { virtualNumber } from '../../../engine/phone.ts'
import { parseWallClock } from '../../../engine/time.ts'
import { CodedRefusal } from './answers.ts'

const date = (description: string) =>
  z
    .string()
    .optional()
    .meta({
      description: `${description} \`2026-03-27\` (the whole day) or \`2026-03-27 12:17:09\` in the time zone of the account; with an offset or Z at its end, of that.`,
      examples: ['2026-03-27'],
    })

/** The filters of the list. */
export const filters = z.strictObject({
  transaction_id: z.string().optional().meta({ description: 'Exactly this one.' }),
  state: z.enum(['active', 'vault']).optional(),
  usage: z.enum(['oneway', 'twoway']).optional(),
  number: z
    .string()
    .optional()
    .meta({ description: 'A member of either side, written as in a request.', examples: ['+917987686144'] }),
  vn: z
    .string()
    .optional()
    .meta({ description: 'A virtual number of either side.', examples: ['+916292134471'] }),
  from: date('Created then or later.'),
  to: date('Created before that instant, or on that day or before.'),
  limit: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(MAX_PAGE))
    .optional()
    .meta({ description: 'Most allocations on a page, 1 to 100; 50 when absent.', examples: ['50'] }),
  after: z.string().max(255).optional().meta({ description: 'The greenpin_id after which the page begins.' }),
})

const PAGE = 50

/**
 * One page of the account's allocations. Throws CodedRefusal 2 for filters that are none or have no such value and 23
 * for dates, Refusal 'invalid_number'.
 */
export async function listPage(
  ctx: Context,
  account: Account,
  query: ReadonlyMap<string, string>,
): Promise<AllocationPage & { limit: number }> {
  const { success, data, error } = filters.safeParse(Object.fromEntries(query))
  if (!success) throw new CodedRefusal(2, error.issues[0]?.path.join('.') || undefined)
  const { limit = PAGE, after, ...wanted } = data
  const filter = filterOf(account, wanted)
  try {
    return { ...(await listAllocations(ctx, account, filter, { limit, after })), limit }
  } catch (refused) {
    // All that the engine can still refuse is a page that begins nowhere.
    if (refused instanceof Refusal && refused.code === 'invalid') throw new CodedRefusal(2, 'after')
    throw refused
  }
}

type Wanted = Omit<z.output<typeof filters>, 'limit' | 'after'>

function filterOf({ settings }: Account, { number, vn, from, to, ...plain }: Wanted): AllocationFilter {
  const { timeZone } = settings
  const createdFrom = from === undefined ? undefined : instant(from, timeZone)
  const createdBefore = to === undefined ? undefined : endOf(to, timeZone)
  // At one and the same instant the range is empty, but the day before is before.
  const since = createdFrom ?? -Infinity
  const until = createdBefore ?? Infinity
  if (since > until || (since === until && isDay(to ?? ''))) throw new CodedRefusal(23)
  return {
    transactionId: plain.transaction_id,
    state: plain.state,
    usage: plain.usage,
    number: phone(number, settings.country),
    vn: phone(vn, settings.country),
    createdFrom,
    createdBefore,
  }
}

/**
 * E.164, of any country: members may be from when the account took other countries' numbers.
 * In a query a `+` that is not written `%2B` is a space.
 */
function phone(written: string | undefined, country: string): string | undefined {
  return written === undefined ? undefined : virtualNumber(written.replace(/^ (?=\d)/, '+'), country)
}

function instant(written: string, timeZone: string): number {
  const found = parseWallClock(written.replace(/(:\d{2}) (?=\d{2}:\d{2}$)/, '$1+'), timeZone)
  if (found === undefined) throw new CodedRefusal(23)
  return found
}

/** The first instant that is too late: of a day that is the next one's beginning. */
function endOf(written: string, timeZone: string): number {
  const start = instant(written, timeZone)
  if (!isDay(written)) return start
  const next = new Date(Date.parse(`${written.slice(0, 10)}T00:00:00Z`) + 86_400_000).toISOString()
  return parseWallClock(`${next.slice(0, 10)}${written.slice(10)}`, timeZone) ?? Infinity
}

/** Whether the date says no time, at most an offset. */
function isDay(date: string): boolean {
  return !/\d{2}:\d{2}:\d{2}/.test(date)
}
