import { availableParallelism } from 'node:os'
import type { Result } from './load.ts'
import { quantile } from './statistics.ts'

/** The search for the highest steady rate, in calls a second, at which no call fails or is late. */
export type Search = {
  /** What to try next. */
  next: () => number
  tell: (perSecond: number, result: Result) => void
  /** Undefined when even the lowest rate tried was too high. */
  best: () => number | undefined
}

/** A rate is too high when one call in a hundred waits longer for its answer or its decision, in milliseconds. */
const LATE_MS = 500
/** The search runs between these parts of what the cores would carry if nothing but CPU counted. */
const [LOWEST, HIGHEST] = [0.3, 2]

/** Halves the range at each step. A rate that fails is tried twice, because a busy machine fails anybody. */
export function searchRate(rounds: Result[]): Search {
  const costs = rounds.map(({ asteriskMs, appMs, generatorMs }) => asteriskMs + appMs + generatorMs)
  const limit = (availableParallelism() * 1_000) / quantile(costs, 0.5)
  let [low, high] = [limit * LOWEST, limit * HIGHEST]
  let best: number | undefined
  let failedOnce: number | undefined
  return {
    next: () => failedOnce ?? Math.sqrt(low * high),
    tell(perSecond, result) {
      if (isFine(result)) {
        best = perSecond
        low = perSecond
        failedOnce = undefined
      } else if (failedOnce === undefined) {
        failedOnce = perSecond
      } else {
        high = perSecond
        failedOnce = undefined
      }
    },
    best: () => best,
  }
}

function isFine({ outcomes, failures, lagMs }: Result): boolean {
  const slow = (times: number[]) => quantile(times, 0.99) > LATE_MS
  if (failures.length > 0 || lagMs > LATE_MS) return false
  return (
    !slow(outcomes.map(({ answerMs }) => answerMs)) && !slow(outcomes.map(({ decisionMs }) => decisionMs))
  )
}
