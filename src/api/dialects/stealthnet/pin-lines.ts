import { cellsOf, linesOf } from '../../../engine/csv.ts'
import type { LineSays, ListedPin } from '../../../engine/pin-import.ts'
import { parseWallClock } from '../../../engine/time.ts'
import { remembering } from './records.ts'
import { DATE } from './schema.ts'

/** Longer than any line that could be right. */
const LONGEST_LINE = 200

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
  for await (const text of linesOf(input, LONGEST_LINE)) {
    line++
    if (text.trim() === '') continue
    onLine?.(line)
    yield { line, ...pinOf(cellsOf(text, LONGEST_LINE), String(db), instantOf) }
  }
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
