import type { Logger } from 'pino'
import type { Context } from './engine/context.ts'
import { fullness, type Scope } from './engine/guard.ts'
import { maskNumber } from './engine/phone.ts'

/** How often is looked, in milliseconds. */
const LOOK_MS = 60_000
/** How long nothing more is said of what has been told, in milliseconds. */
const QUIET_MS = 3_600_000
/** From here on it is told: a guess that costs much may find no room before 1. */
const NEARLY_FULL = 0.9
/** How many names of a scope are looked at, the fullest first. */
const LOOKED_AT = 1_000
/** Callers who guess are shut out one by one, and there is nothing to be done about each. */
const WATCHED: readonly Scope[] = ['place', 'way']

/**
 * Makes the body of a loop that warns of virtual numbers, databases and ways in where wrong PINs have all but used up what
 * strangers may guess: once an hour for each, as long as that lasts. Resolves to the instant of its next run.
 */
export function guessAlarm(ctx: Context, log: Logger): () => Promise<number> {
  const toldAt = new Map<string, number>()

  return async () => {
    const now = ctx.now()
    // By the distance: a clock that is set back must not silence the alarm.
    for (const [name, at] of toldAt) if (Math.abs(now - at) >= QUIET_MS) toldAt.delete(name)
    for (const scope of WATCHED) {
      const tallies = await ctx.store.guessTallies(now, LOOKED_AT, scope)
      for (const { name, tally } of tallies) {
        const key = `${scope} ${name}`
        if (toldAt.has(key) || fullness(scope, tally, now) < NEARLY_FULL) continue
        toldAt.set(key, now)
        log.warn(
          { scope, name: masked(name) },
          'wrong PINs are at or near the limit: strangers are turned away',
        )
      }
    }
    return now + LOOK_MS
  }
}

/** The name of a virtual number holds it. */
function masked(name: string): string {
  return name.replaceAll(/\+\d+/g, (number) => maskNumber(number))
}
