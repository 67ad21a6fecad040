/** Keys of one input so far. `complete` once nothing more is awaited. */
export type Entry = { digits: string; complete: boolean }

export const EMPTY: Entry = { digits: '', complete: false }

/** Applies one key: `#` ends the input, `*` starts it again, the last digit allowed ends it. Letters A to D are ignored. */
export function press(entry: Entry, key: string, maxDigits: number): Entry {
  if (entry.complete) return entry
  if (key === '#') return { ...entry, complete: true }
  if (key === '*') return EMPTY
  if (!/^\d$/.test(key)) return entry
  const digits = entry.digits + key
  return { digits, complete: digits.length >= maxDigits }
}

/** A key as Asterisk reports it: at its end, with the instant of that and how long it was held. */
export type Key = { digit: string; atMs: number; durationMs: number }

/** Two reports of one key are at most this far apart beyond the key's own length, in milliseconds. */
const REPEAT_MARGIN_MS = 30

/**
 * True when Asterisk reports one key press twice. It does so when keys follow each other faster than its
 * minimum gap of 45 ms (measured on 22.10.1); no finger is that fast on one key.
 */
export function isRepeat(last: Key | undefined, next: Key): boolean {
  return last?.digit === next.digit && next.atMs - last.atMs < next.durationMs + REPEAT_MARGIN_MS
}
