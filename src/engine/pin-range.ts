import { Refusal } from './errors.ts'

/** Longest PIN of a database (Simple PINs: "It may be up to 15 characters long"). */
const MAX_DATABASE_PIN = 15

/**
 * Consecutive PINs of one length, as many as `count` from `first` on: `0098`, `0099`, `0100`. Text order is number order
 * within it.
 */
export type PinRun = { first: string; count: number }

/**
 * The PINs from `start` to `end`, in runs of one length each. Digits only, unless both are the same. Bounds of equal length
 * keep their leading zeros, so `0000` to `0099` are a hundred PINs of four digits; bounds of different length must have none:
 * `007` to `9` says two things.
 * Throws Refusal 'invalid' with the name of the bound, or 'too_many' for more than `most` PINs.
 */
export function pinRuns(start: string, end: string, most: number): PinRun[] {
  if (!couldBeDatabasePin(start)) throw new Refusal('invalid', 'start-pin')
  if (!couldBeDatabasePin(end)) throw new Refusal('invalid', 'end-pin')
  if (start === end) return [{ first: start, count: 1 }]
  if (!isNumber(start)) throw new Refusal('invalid', 'start-pin')
  if (!isNumber(end)) throw new Refusal('invalid', 'end-pin')
  if (start.length !== end.length) {
    if (/^0\d/.test(start)) throw new Refusal('invalid', 'start-pin')
    if (/^0\d/.test(end)) throw new Refusal('invalid', 'end-pin')
  }
  // Fifteen digits are exact in a number.
  const [from, to] = [Number(start), Number(end)]
  if (to < from) throw new Refusal('invalid', 'end-pin')
  if (to - from + 1 > most) throw new Refusal('too_many', 'end-pin')
  const runs: PinRun[] = []
  for (let { length } = start, first = from; length <= end.length; length++) {
    const last = Math.min(to, 10 ** length - 1)
    runs.push({ first: String(first).padStart(length, '0'), count: last - first + 1 })
    first = last + 1
  }
  return runs
}

/** The same PINs in runs of at most `size`. */
export function* inChunks(runs: readonly PinRun[], size: number): Generator<PinRun> {
  for (const { first, count } of runs) {
    for (let done = 0; done < count; done += size) {
      yield { first: nth(first, done), count: Math.min(size, count - done) }
    }
  }
}

/** The last PIN of the run. */
export function lastOf({ first, count }: PinRun): string {
  return count === 1 ? first : nth(first, count - 1)
}

/**
 * Whether a database can hold it: digits and letters, and a few signs that are on telephones or divide groups. No sign that
 * means something in CSV, in a spreadsheet at the beginning of a cell, or in a dialplan.
 */
export function couldBeDatabasePin(text: string): boolean {
  return text.length <= MAX_DATABASE_PIN && /^[0-9A-Za-z][0-9A-Za-z*#._-]*$/.test(text)
}

function isNumber(pin: string): boolean {
  return /^\d+$/.test(pin)
}

function nth(first: string, n: number): string {
  return n === 0 ? first : String(Number(first) + n).padStart(first.length, '0')
}
