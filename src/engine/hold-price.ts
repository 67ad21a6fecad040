import type { Hold } from './holds.ts'
import { billedSeconds, costOf } from './money.ts'
import type { Rate } from './rates.ts'

/**
 * What A of a callback costs for so long a wait, in micro-units: minutes by begun increments, and no more than that, because the
 * price of the talk has A's set-up and minimum in it.
 */
export function waitMicros(waitMs: number, rate: Rate): number {
  if (waitMs <= 0) return 0
  const minutes = { ...rate, setUpMicros: 0, minimumSeconds: 0 }
  return costOf(billedSeconds(waitMs, minutes), minutes)
}

type Held = Pick<
  Hold,
  'rate' | 'alsoRate' | 'answeredAt' | 'alsoAnsweredAt' | 'longestSeconds' | 'heldMicros'
>

/**
 * What a call costs that ended at an instant not before its answer: the billed seconds, and the price, which is never above what
 * was held. Nothing when nobody has answered.
 */
export function priceOf(hold: Held, endedAt: number): { seconds: number; micros: number } {
  const { rate, alsoRate, answeredAt, alsoAnsweredAt, longestSeconds, heldMicros } = hold
  const waits =
    alsoRate && alsoAnsweredAt !== undefined ? { rate: alsoRate, since: alsoAnsweredAt } : undefined
  if (answeredAt === undefined) {
    if (!waits) return { seconds: 0, micros: 0 }
    const seconds = billedSeconds(endedAt - waits.since, waits.rate)
    return { seconds, micros: Math.min(costOf(seconds, waits.rate), heldMicros) }
  }
  const seconds = Math.min(billedSeconds(endedAt - answeredAt, rate), longestSeconds)
  const waited = waits ? waitMicros(answeredAt - waits.since, waits.rate) : 0
  return { seconds, micros: Math.min(costOf(seconds, rate) + waited, heldMicros) }
}
