import type { Database } from 'better-sqlite3'
import type { Rate } from '../../engine/rates.ts'

export type RateRow = [
  prefix: string,
  name: string,
  perMinuteMicros: number,
  setUpMicros: number,
  minimumSeconds: number,
  incrementSeconds: number,
]

export const RATE_COLUMNS =
  'prefix, name, per_minute_micros, set_up_micros, minimum_seconds, increment_seconds'

/** The most digits that a prefix has, as the schema checks. */
const LONGEST_PREFIX = 15

export function toRate([
  prefix,
  name,
  perMinuteMicros,
  setUpMicros,
  minimumSeconds,
  incrementSeconds,
]: RateRow): Rate {
  return { prefix, name, perMinuteMicros, setUpMicros, minimumSeconds, incrementSeconds }
}

/**
 * Finds the rate of the longest prefix of some digits in a version of a tariff.
 *
 * All that lies between a prefix of the digits and the digits themselves, in the order of text, begins with that prefix. So the
 * last one at or before the digits either is what is sought, or begins with it: then it is sought again among what the two
 * have in common. With real tariffs that is one look, or two.
 */
export function rateFinder(db: Database): (version: number, digits: string) => Rate | undefined {
  const lastUpTo = db
    .prepare<[number, string], RateRow>(
      `select ${RATE_COLUMNS} from rate where version = ? and prefix <= ? order by prefix desc limit 1`,
    )
    .raw()
  return (version, digits) => {
    let sought = digits.slice(0, LONGEST_PREFIX)
    while (sought !== '') {
      const row = lastUpTo.get(version, sought)
      if (!row) return undefined
      if (sought.startsWith(row[0])) return toRate(row)
      sought = commonBeginning(sought, row[0])
    }
    return undefined
  }
}

function commonBeginning(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}
