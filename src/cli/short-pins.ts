import { strangersADay } from '../engine/guard.ts'

/** With fewer wrong PINs a day than these, a few people who mistype shut strangers out, and most owners of PINs are that once. */
const FEW_A_DAY = 100

/** What to tell whoever makes PINs of this length while so many are good; undefined when they are long enough. */
export function shortPins(length: number, pins: number): string | undefined {
  const tries = strangersADay(length, pins)
  if (tries >= FEW_A_DAY) return undefined
  return `PINs of ${length} digits are too short for ${pins} of them: ${tries} wrong ones a day, and nobody's PIN is compared any more unless it was right for that caller before`
}

/** The same on stderr, for people. */
export function warnOf(warning: string | undefined, json: boolean | undefined): void {
  if (warning !== undefined && !json) process.stderr.write(`pinbridge: warning: ${warning}.\n`)
}
