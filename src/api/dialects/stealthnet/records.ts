import { wallClock } from '../../../engine/time.ts'
import type { Output } from './schema.ts'

/** One cell: text that is written as it is, a number, or undefined for none. */
export type Cell = string | number | undefined

/** How one kind of record is written. */
export type Records = {
  /** What stands before the first record, between two, and after the last. */
  open: string
  between: string
  close: string
  record: (cells: readonly Cell[]) => string
}

/** `Content-Type` of each form. There is no header row (RFC 7111 names the parameter). */
export const MEDIA_TYPES: Record<Output, string> = {
  csv: 'text/csv; charset=utf-8; header=absent',
  txt: 'text/tab-separated-values; charset=utf-8; header=absent',
  json: 'application/json; charset=utf-8',
}

/**
 * Records with these columns. A million are written in a second or two, so cells are put one after the other: nothing that
 * a PIN, a key or a date can hold means anything in CSV, between TABs or in JSON. A test tries all of it.
 */
export function recordsOf(output: Output, columns: readonly string[]): Records {
  if (output === 'json') return jsonRecords(columns)
  const comma = output === 'csv' ? ',' : '\t'
  const record = (cells: readonly Cell[]) => `${cells.join(comma)}\n`
  return { open: '', between: '', close: '', record }
}

function jsonRecords(columns: readonly string[]): Records {
  const names = columns.map((name, i) => `${i === 0 ? '{' : ','}"${name}":`)
  const record = (cells: readonly Cell[]) => {
    let text = ''
    for (const [i, name] of names.entries()) text += name + jsonOf(cells[i])
    return `${text}}`
  }
  return { open: '[', between: ',\n', close: ']\n', record }
}

function jsonOf(cell: Cell): string {
  if (cell === undefined) return 'null'
  return typeof cell === 'number' ? String(cell) : `"${cell}"`
}

/** What the store has for ever prints as the last second that has four digits. */
const NEVER = '9999-12-31 23:59:59'

/**
 * `2026-03-29 12:00:00` of instants in that time zone; undefined stays so. Most lines share a few dates, and asking for the
 * wall clock costs more than the rest of a line: the last ones are remembered.
 */
export function dates(timeZone: string): (instant: number | undefined) => string | undefined {
  const ofSecond = remembering((second: number) => wallClock(second * 1_000, timeZone))
  return (instant) => {
    if (instant === undefined) return undefined
    return instant === Infinity ? NEVER : ofSecond(Math.floor(instant / 1_000))
  }
}

const MOST_REMEMBERED = 4_096

/** The same function, which remembers what it has been asked of late. */
export function remembering<K, V>(ask: (key: K) => V): (key: K) => V {
  const answers = new Map<K, V>()
  return (key) => {
    const known = answers.get(key)
    if (known !== undefined || answers.has(key)) return known as V
    if (answers.size >= MOST_REMEMBERED) answers.clear()
    const answer = ask(key)
    answers.set(key, answer)
    return answer
  }
}
