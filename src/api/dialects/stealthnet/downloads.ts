import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Refusal } from '../../../engine/errors.ts'
import type { PinAction, PinDatabase } from '../../../engine/pin-store.ts'
import { parseWallClock } from '../../../engine/time.ts'
import type { Asked } from './answers.ts'
import { type Cell, dates, MEDIA_TYPES, type Records, recordsOf } from './records.ts'
import type { ActionName, Output, Sent } from './schema.ts'

/** Rows that are read at once: calls wait for no longer a read. */
const PAGE = 2_000

export async function downloadUses(asked: Asked, sent: Sent<'download-uses'>): Promise<void> {
  const { ctx, account } = asked
  const span = dayOf(`${sent.year}-${sent.month}-${sent.day}`, account.settings.timeZone)
  const date = dates(account.settings.timeZone)
  const rows = pages<{ at: number; id: number; pin: string; key: string }>((after) =>
    ctx.store.usesAfter(account.id, sent.db, span, after, PAGE),
  )
  const written = recordsOf(sent.output, ['pin', 'db', 'at', 'value'])
  await send(
    asked,
    sent,
    texts(rows, written, ({ pin, at, key }) => [pin, sent.db, date(at), key]),
  )
}

export async function downloadDb(asked: Asked, sent: Sent<'download-db'>): Promise<void> {
  const { ctx, account } = asked
  const date = dates(account.settings.timeZone)
  const rows = pages<{ pin: string; beginsAt: number | undefined; expiresAt: number | undefined }>((after) =>
    ctx.store.pinsAfter(account.id, sent.db, after?.pin, PAGE),
  )
  const written = recordsOf(sent.output, ['pin', 'db', 'expires-at', 'begins-at'])
  await send(
    asked,
    sent,
    texts(rows, written, ({ pin, beginsAt, expiresAt }) => [pin, sent.db, date(expiresAt), date(beginsAt)]),
  )
}

export async function downloadKeys(asked: Asked, sent: Sent<'download-keys'>): Promise<void> {
  const { ctx, account } = asked
  const date = dates(account.settings.timeZone)
  const rows = pages<{ pin: string; key: string; firstUsedAt: number }>((after) =>
    ctx.store.keysAfter(account.id, sent.db, sent.pin, after, PAGE),
  )
  const written = recordsOf(sent.output, ['pin', 'db', 'value', 'first-used-at'])
  await send(
    asked,
    sent,
    texts(rows, written, ({ pin, key, firstUsedAt }) => [pin, sent.db, key, date(firstUsedAt)]),
  )
}

/** "Obtain a list of databases which contain PIN numbers." In JSON with what `write-db` says of them. */
export async function downloadDbs(asked: Asked, sent: Sent<'download-dbs'>): Promise<void> {
  const { ctx, account, res } = asked
  const all = await ctx.store.pinDatabases(account.id)
  const databases = all.filter(({ pins }) => pins > 0)
  if (sent.output === 'json') {
    head(asked, sent)
    return void res.end(`${JSON.stringify(databases.map(described))}\n`)
  }
  const written = recordsOf(sent.output, ['db', 'pins'])
  await send(
    asked,
    sent,
    texts([databases], written, ({ number, pins }) => [number, pins]),
  )
}

function described({ number, pins, label, maxKeys, action }: PinDatabase & { pins: number }) {
  const limits = { 'max-keys': maxKeys, 'vn-action': action.do }
  return { db: number, pins, label, ...limits, target: targetOf(action) }
}

function targetOf(action: PinAction): string | null {
  if (action.do === 'dial') return action.number
  return action.do === 'continue' ? `${action.context},${action.extension}` : null
}

/** From the first instant of the day to the first of the next, also where clocks change. Throws Refusal 'invalid'. */
function dayOf(date: string, timeZone: string): { from: number; to: number } {
  const from = parseWallClock(date, timeZone)
  if (from === undefined) throw new Refusal('invalid', 'day')
  const next = new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000).toISOString()
  // No day of four digits follows the last one.
  return { from, to: parseWallClock(next.slice(0, 10), timeZone) ?? Infinity }
}

/** Page after page, each asked for with the last row of the one before. */
async function* pages<Row>(read: (after: Row | undefined) => Promise<Row[]>): AsyncGenerator<Row[]> {
  for (let last: Row | undefined; ;) {
    const page = await read(last)
    if (page.length > 0) yield page
    if (page.length < PAGE) return
    last = page.at(-1)
  }
}

/** The records as text, a page at a time. */
async function* texts<Row>(
  rows: AsyncIterable<Row[]> | Iterable<Row[]>,
  { open, between, close, record }: Records,
  cells: (row: Row) => Cell[],
): AsyncGenerator<string> {
  let before = open
  for await (const page of rows) {
    let text = ''
    for (const row of page) {
      text += before + record(cells(row))
      before = between
    }
    yield text
  }
  const rest = before === open ? open + close : close
  if (rest !== '') yield rest
}

/** Sends texts as fast as the client takes them, and stops reading when it leaves. */
async function send(
  asked: Asked,
  sent: { action: ActionName; db: number; output: Output },
  texts: AsyncGenerator<string>,
): Promise<void> {
  const { res } = asked
  // The first page is read before anything is said: until then, what goes wrong is still a 500.
  const first = await texts.next()
  head(asked, sent)
  const all = async function* () {
    if (first.done !== true) yield first.value
    yield* texts
  }
  await pipeline(Readable.from(all(), { highWaterMark: 1 }), res).catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
}

function head(
  { res }: Asked,
  { action, db, output }: { action: ActionName; db: number; output: Output },
): void {
  const name = `${action.replace('download-', '')}${action === 'download-dbs' ? '' : `-${db}`}.${output}`
  res.status(200).set({
    'Content-Type': MEDIA_TYPES[output],
    'Content-Disposition': `attachment; filename="${name}"`,
  })
}
