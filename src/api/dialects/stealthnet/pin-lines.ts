import type { LineSays, ListedPin } from '../../../engine/pin-import.ts'
import { parseWallClock } from '../../../engine/time.ts'
import { remembering } from './records.ts'
import { DATE } from './schema.ts'

/** Longer than any line that could be right. */
const LONGEST_LINE = 200

const CELL = '(?:"(?:[^"]|"")*"|[^",]*)'
const LINE = new RegExp(`^${CELL}(?:,${CELL})*$`)
const CELLS = new RegExp(`(?:^|,)(${CELL})`, 'g')

type Reading = {
  /** The database; a line that names another one is wrong. */
  db: number
  /** In which the instants are written. */
  timeZone: string
  /** Told the number, from 1 on, of each line that is not empty, before it is read. What it throws ends the list. */
  onLine?: (line: number) => void
}

/**
 * Reads PINs from CSV as `download-db` writes it, one a line: PIN, DB, expires, begins. Those at the end may be missing, and
 * so may be the number of the database. Empty lines are left out.
 */
export async function* pinLines(
  input: AsyncIterable<Uint8Array>,
  reading: Reading,
): AsyncGenerator<ListedPin> {
  const { db, timeZone, onLine } = reading
  const instantOf = remembering((cell: string) =>
    DATE.test(cell) ? parseWallClock(cell, timeZone) : undefined,
  )
  let line = 0
  for await (const text of linesOf(input)) {
    line++
    if (text.trim() === '') continue
    onLine?.(line)
    yield { line, ...pinOf(cellsOf(text), String(db), instantOf) }
  }
}

/** Of a line that never ends, as much as shows that it is too long. */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of input) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = (lines.pop() ?? '').slice(0, 2 * LONGEST_LINE)
    yield* lines.map(withoutReturn)
  }
  rest += decoder.decode()
  if (rest !== '') yield withoutReturn(rest)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

/** RFC 4180, but for line breaks within quotes. Undefined for what is no such line. */
function cellsOf(text: string): string[] | undefined {
  if (text.length > LONGEST_LINE || text.includes('\r') || !LINE.test(text)) return undefined
  if (!text.includes('"')) return text.split(',')
  return Array.from(text.matchAll(CELLS), ([, cell = '']) =>
    cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell,
  )
}

function pinOf(
  cells: string[] | undefined,
  db: string,
  instantOf: (cell: string) => number | undefined,
): LineSays {
  if (!cells || cells.length > 4) return { wrong: 'columns' }
  const [pin = '', inDb = '', expires = '', begins = ''] = cells
  if (inDb !== '' && inDb !== db) return { wrong: 'db' }
  const [expiresAt, beginsAt] = [instantOf(expires), instantOf(begins)]
  if (expiresAt === undefined && expires !== '') return { wrong: 'expires-at' }
  if (beginsAt === undefined && begins !== '') return { wrong: 'begins-at' }
  return { pin, beginsAt, expiresAt }
}
