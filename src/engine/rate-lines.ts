import { parseAmount } from './money.ts'
import { MOST_RATE_MICROS, MOST_RATE_SECONDS, type Rate } from './rates.ts'

/** What a column of a tariff's file holds. `increments` is minimum and increment in one cell: `60/60`, `30/6`, `1/1`. */
const RATE_COLUMNS = ['prefix', 'name', 'price', 'setup', 'minimum', 'increment', 'increments'] as const
type RateColumn = (typeof RATE_COLUMNS)[number]

/** By place; undefined: a column that says nothing to us. */
export type RateHeader = readonly (RateColumn | undefined)[]

/** Of a file that does not name its columns. Those at the end may be missing. */
const UNNAMED: RateHeader = ['prefix', 'name', 'price', 'setup', 'minimum', 'increment']

/** Other words for the same, as files have them. */
const ALIASES: Readonly<Record<string, RateColumn>> = {
  code: 'prefix',
  destination: 'name',
  rate: 'price',
  'setup fee': 'setup',
  'connection fee': 'setup',
  'minimum time': 'minimum',
  'billing increments': 'increments',
}

/** A billing of which nothing is said is by the second. */
const UNSAID = { setUpMicros: 0, minimumSeconds: 0, incrementSeconds: 1 }
const LONGEST_NAME = 100

/**
 * The columns of a file by its first row: undefined when that row names none and is a rate already. Columns may stand in any order,
 * and words that we do not know are passed over. Returns `wrong` (in words) for a row from which rates cannot be read.
 */
export function rateHeader(cells: readonly string[]): RateHeader | { wrong: string } | undefined {
  const header = cells.map(columnOf)
  if (!header.includes('prefix')) return undefined
  for (const needed of ['name', 'price'] as const)
    if (!header.includes(needed)) return { wrong: `there is no column '${needed}'` }
  const named = header.filter((column) => column !== undefined)
  const twice = named.find((column, i) => named.indexOf(column) < i)
  if (twice !== undefined) return { wrong: `column '${twice}' is there twice` }
  if (named.includes('increments') && (named.includes('minimum') || named.includes('increment')))
    return { wrong: `column 'increments' says the same as 'minimum' and 'increment'` }
  return header
}

function columnOf(cell: string): RateColumn | undefined {
  const name = cell
    .replace(/^\uFEFF/, '')
    .trim()
    .toLowerCase()
    .replaceAll(/[_\s-]+/g, ' ')
  return RATE_COLUMNS.find((column) => column === name) ?? ALIASES[name]
}

/**
 * A rate of a file. The prefix may have its `+` or `00`; prices are decimals of the currency, a minute and a call, with at most six
 * places; times are whole seconds. Returns `wrong` (in words) for a line that is none.
 */
export function readRateLine(
  cells: readonly string[],
  header: RateHeader | undefined,
): { rate: Rate } | { wrong: string } {
  const columns = header ?? UNNAMED
  if (cells.slice(columns.length).some((cell) => cell.trim() !== ''))
    return { wrong: 'there are too many columns' }
  const cell = (wanted: RateColumn) => cells[columns.indexOf(wanted)]?.trim() ?? ''
  const prefix = cell('prefix').replace(/^(\+|00)/, '')
  if (!/^[1-9]\d{0,14}$/.test(prefix))
    return { wrong: 'the prefix is not 1 to 15 digits of a number with its country code' }
  const name = cell('name')
  if (name === '' || name.length > LONGEST_NAME || /[\p{Cc}\p{Cf}]/u.test(name))
    return {
      wrong: `the name is empty, longer than ${LONGEST_NAME} characters, or has characters that cannot be printed`,
    }
  const perMinuteMicros = priceOf(cell('price'))
  if (perMinuteMicros === undefined) return { wrong: `the price is ${NO_PRICE}` }
  const setUpMicros = cell('setup') === '' ? UNSAID.setUpMicros : priceOf(cell('setup'))
  if (setUpMicros === undefined) return { wrong: `the set-up price is ${NO_PRICE}` }
  const times = timesOf(cell('minimum'), cell('increment'), cell('increments'))
  return 'wrong' in times ? times : { rate: { prefix, name, perMinuteMicros, setUpMicros, ...times } }
}

const NO_PRICE = `not a decimal between 0 and ${MOST_RATE_MICROS / 1_000_000} with at most six places`

function priceOf(written: string): number | undefined {
  const micros = parseAmount(written)
  return micros !== undefined && micros <= MOST_RATE_MICROS ? micros : undefined
}

type Times = Pick<Rate, 'minimumSeconds' | 'incrementSeconds'>

function timesOf(minimum: string, increment: string, increments: string): Times | { wrong: string } {
  if (increments !== '' && !/^\d+\/\d+$/.test(increments))
    return { wrong: `the increments are not two numbers of seconds like 60/60` }
  const [first = minimum, second = increment] = increments === '' ? [] : increments.split('/')
  const minimumSeconds = secondsOf(first, 0) ?? (first === '' ? UNSAID.minimumSeconds : undefined)
  if (minimumSeconds === undefined) return { wrong: `the minimum is not 0 to ${MOST_RATE_SECONDS} seconds` }
  const incrementSeconds = secondsOf(second, 1) ?? (second === '' ? UNSAID.incrementSeconds : undefined)
  if (incrementSeconds === undefined)
    return { wrong: `the increment is not 1 to ${MOST_RATE_SECONDS} seconds` }
  return { minimumSeconds, incrementSeconds }
}

function secondsOf(written: string, least: number): number | undefined {
  if (!/^\d{1,5}$/.test(written)) return undefined
  const seconds = Number(written)
  return seconds >= least && seconds <= MOST_RATE_SECONDS ? seconds : undefined
}
