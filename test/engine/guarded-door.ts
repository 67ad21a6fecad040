import { blame, mayGuess, SCOPES } from '../../src/engine/guard.ts'
import type { Guesser, Scope, Suspicion, Tally } from '../../src/engine/guard.ts'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const T0 = Date.UTC(2026, 0, 1)

type Kept = Tally & { forgetAt: number }
type Wrong = { by?: Partial<Guesser>; at: number; pin?: string; pinsAlike?: number; known?: boolean }

/** A door whose PINs are all wrong, and which remembers what the guard says. */
export class Door {
  readonly tallies = new Map<string, Kept>()
  private strangers = 0

  /** Whether the guess was let through. By somebody never heard of on a way of their own, unless said. */
  wrong({ by, at, pin = '12345678', pinsAlike = 1_000, known = false }: Wrong): boolean {
    const stranger = String(++this.strangers)
    const guesser: Guesser = { caller: stranger, place: 'here', way: stranger, ...by }
    const name = (scope: Scope) => `${scope} ${guesser[scope]}`
    const [caller, place, way] = SCOPES.map((scope) => this.tallies.get(name(scope)))
    const seen: Suspicion = { tallies: { caller, place, way }, known, pinsAlike }
    const through = mayGuess(seen, pin, at)
    const blamed = blame(seen, pin, at)
    if (blamed) for (const scope of SCOPES) this.tallies.set(name(scope), blamed[scope])
    return through
  }

  /** How many of as many guesses at one instant were let through. */
  wrongs(count: number, guess: Wrong): number {
    return Array.from({ length: count }, () => this.wrong(guess)).filter(Boolean).length
  }
}
