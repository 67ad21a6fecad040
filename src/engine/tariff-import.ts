import type { Account } from './accounts.ts'
import type { Context } from './context.ts'
import { Refusal } from './errors.ts'
import { MOST_REFUSALS } from './pin-import.ts'
import type { Rate, Tariff } from './rates.ts'

/** A line of a tariff's file: a rate, or why it is none, in words. */
export type ListedRate = { line: number } & ({ rate: Rate } | { wrong: string })

/** What an import did, or would do. Each line is counted once, but for rates that are no longer listed: they are removed. */
export type TariffReport = {
  created: number
  changed: number
  unchanged: number
  removed: number
  refused: number
  /** The first of the lines that were refused, and why, in words. */
  refusals: { line: number; wrong: string }[]
  /** As it is now; undefined when nothing was written. */
  tariff: Tariff | undefined
}

export type TariffImport = {
  /** Only tells what would happen. */
  dryRun: boolean
  /** Imports the other lines when some are refused, too. */
  skipRefused?: boolean
  /** Told how many rates are written, now and then. */
  onWritten?: (rates: number) => void
}

/** Rates written, or read, at a time: calls wait for no longer a transaction. */
const BATCH = 1_000
const LONGEST_NAME = 100

/**
 * Puts the rates of a list in the place of the account's tariff of that name, or makes one. All of it at once and at the end: until
 * then calls are charged by the old rates, and a list that breaks off changes nothing. A line that is refused keeps everything from
 * being written, unless `skipRefused`: without it calls would be charged by a shorter prefix, perhaps at less than they cost. A
 * prefix that is listed twice is refused the second time. The list is kept in memory.
 * Throws Refusal 'invalid' for a name that is none.
 */
export async function importRates(
  ctx: Context,
  account: Account,
  name: string,
  list: AsyncIterable<ListedRate>,
  { dryRun, skipRefused = false, onWritten }: TariffImport,
): Promise<TariffReport> {
  if (name.trim() === '' || name.length > LONGEST_NAME || /\p{Cc}/u.test(name))
    throw new Refusal('invalid', 'name')
  const { rates, ...lines } = await readAll(list)
  const tariff = (await ctx.store.tariffs(account.id)).find((one) => one.name === name)
  const report = { ...lines, ...(await compare(ctx, tariff, rates)) }
  // An empty tariff is nobody's wish: a file was empty, or the wrong one.
  if (dryRun || rates.size === 0 || (report.refused > 0 && !skipRefused))
    return { ...report, tariff: undefined }
  const { version } = await ctx.store.beginTariff(account.id, name, ctx.now())
  let batch: Rate[] = []
  let written = 0
  const flush = async () => {
    await ctx.store.putRates(version, batch)
    written += batch.length
    onWritten?.(written)
    batch = []
  }
  // In the order in which they are kept: elsewhere each would touch another page, and callers wait the longer for every batch.
  for (const rate of [...rates.values()].sort(byPrefix)) {
    batch.push(rate)
    if (batch.length >= BATCH) await flush()
  }
  if (batch.length > 0) await flush()
  return { ...report, tariff: await ctx.store.finishTariff(version) }
}

function byPrefix({ prefix: a }: Rate, { prefix: b }: Rate): number {
  return a < b ? -1 : 1
}

/** The rates by their prefixes, and what was refused. */
async function readAll(list: AsyncIterable<ListedRate>) {
  const rates = new Map<string, Rate>()
  const names = new Map<string, string>()
  const refusals: { line: number; wrong: string }[] = []
  let refused = 0
  for await (const listed of list) {
    const wrong =
      'wrong' in listed
        ? listed.wrong
        : rates.has(listed.rate.prefix)
          ? 'the prefix is listed before'
          : undefined
    if (wrong !== undefined) {
      refused++
      if (refusals.length < MOST_REFUSALS) refusals.push({ line: listed.line, wrong })
    } else if ('rate' in listed) {
      // A million lines have some thousand names.
      const { name } = listed.rate
      const kept = names.get(name) ?? name
      names.set(name, kept)
      rates.set(listed.rate.prefix, { ...listed.rate, name: kept })
    }
  }
  return { rates, refused, refusals }
}

/** What the rates are beside those of the tariff, page by page. */
async function compare(ctx: Context, tariff: Tariff | undefined, rates: ReadonlyMap<string, Rate>) {
  const counts = { changed: 0, unchanged: 0, removed: 0 }
  let after: string | undefined
  do {
    const page: Rate[] = tariff ? await ctx.store.ratesAfter(tariff.id, after, BATCH) : []
    for (const old of page) {
      const listed = rates.get(old.prefix)
      counts[listed === undefined ? 'removed' : isSame(old, listed) ? 'unchanged' : 'changed']++
    }
    after = page.at(-1)?.prefix
  } while (after !== undefined)
  return { created: rates.size - counts.changed - counts.unchanged, ...counts }
}

function isSame(a: Rate, b: Rate): boolean {
  return (
    a.name === b.name &&
    a.perMinuteMicros === b.perMinuteMicros &&
    a.setUpMicros === b.setUpMicros &&
    a.minimumSeconds === b.minimumSeconds &&
    a.incrementSeconds === b.incrementSeconds
  )
}
