import type { Account } from './accounts.ts'
import type { Context } from './context.ts'
import { couldBeDatabasePin } from './pin-range.ts'
import type { DatabasePin } from './pin-store.ts'

/** What a line of a list says: a PIN, or the name of what of it cannot be read. */
export type LineSays = DatabasePin | { wrong: string }
export type ListedPin = { line: number } & LineSays

/** What an import did, or would do. Each line is counted once. */
export type ImportReport = {
  /** PINs that were not there. */
  created: number
  /** PINs that have another validity now. */
  changed: number
  /** PINs that were there just so. */
  unchanged: number
  refused: number
  /** The first of those that were refused, and what of them is wrong. */
  refusals: { line: number; wrong: string }[]
}

/** PINs written in one transaction: calls wait for no longer one. */
const BATCH = 1_000

/** Refused lines that a report names one by one. */
export const MOST_REFUSALS = 100

/**
 * Writes the PINs of a list, each with the validity that the list gives it; with `dryRun` only tells what would happen. In
 * batches, as the list comes: what stands before a line at which it breaks off is written. Of a PIN that is listed twice the
 * later line wins; a dry run compares each line with what is there now.
 */
export async function importPins(
  ctx: Context,
  account: Account,
  number: number,
  list: AsyncIterable<ListedPin>,
  dryRun: boolean,
): Promise<ImportReport> {
  const report: ImportReport = { created: 0, changed: 0, unchanged: 0, refused: 0, refusals: [] }
  const batch = new Map<string, DatabasePin>()
  const flush = async (): Promise<void> => {
    const done = await ctx.store.putPins(account.id, number, [...batch.values()], dryRun)
    for (const what of ['created', 'changed', 'unchanged'] as const) report[what] += done[what]
    batch.clear()
  }
  for await (const listed of list) {
    const wrong = 'wrong' in listed ? listed.wrong : wrongWith(listed)
    if (wrong !== undefined) {
      report.refused++
      if (report.refusals.length < MOST_REFUSALS) report.refusals.push({ line: listed.line, wrong })
    } else if (!('wrong' in listed)) {
      const { pin, beginsAt, expiresAt } = listed
      // The store takes a PIN once at a time.
      if (batch.size >= BATCH || batch.has(pin)) await flush()
      batch.set(pin, { pin, beginsAt, expiresAt })
    }
  }
  if (batch.size > 0) await flush()
  return report
}

function wrongWith({ pin, beginsAt, expiresAt }: DatabasePin): string | undefined {
  if (!couldBeDatabasePin(pin)) return 'pin'
  const isEmpty = beginsAt !== undefined && expiresAt !== undefined && expiresAt <= beginsAt
  return isEmpty ? 'expires-at' : undefined
}
