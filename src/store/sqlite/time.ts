/**
 * Never, for what has no end: `deallocate_at` is compared and sorted, and so is no null. It is the last instant that has
 * the fixed width of the others; a later year is written '+010000-…', which sorts before all of them.
 */
const NEVER = '9999-12-31T23:59:59.999Z'
const NEVER_MS = Date.parse(NEVER)

/** Engine milliseconds to the store's UTC text. Infinity, and what comes after the year 9999, is never. */
export function text(ms: number): string
export function text(ms: number | undefined): string | null
export function text(ms: number | undefined): string | null {
  if (ms === undefined) return null
  return ms >= NEVER_MS ? NEVER : new Date(ms).toISOString()
}

/** The store's UTC text to engine milliseconds; Infinity for never. */
export function ms(text: string): number
export function ms(text: string | null): number | undefined
export function ms(text: string | null): number | undefined {
  if (text === null) return undefined
  return text === NEVER ? Infinity : Date.parse(text)
}
