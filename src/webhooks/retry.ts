import type { DeliveryOutcome } from '../engine/store.ts'
import type { Unanswered } from './attempts.ts'
import type { Answer } from './post.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const MOST_RETRY_AFTER_MS = 24 * HOUR_MS

/**
 * Waits before each attempt, in milliseconds: ten attempts in 75 h 35 min 5 s (Standard Webhooks 1.0.0,
 * "Deliverability and reliability"). The first is the store's: an event is due as soon as it is committed.
 */
export const RETRY_SCHEDULE_MS: readonly number[] = [
  0,
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
]

export type RetryRules = {
  scheduleMs: readonly number[]
  /** Uniform integer in [0, max). */
  randomInt: (max: number) => number
}

/** What follows from an attempt that ended at `now`; `attempts` were made before it. */
export function outcomeOf(
  result: Answer | Unanswered,
  attempts: number,
  now: number,
  { scheduleMs, randomInt }: RetryRules,
): DeliveryOutcome {
  if ('status' in result && result.status >= 200 && result.status <= 299) {
    return { state: 'delivered', status: result.status }
  }
  const reason = 'status' in result ? `HTTP ${result.status}` : result.reason
  if ('status' in result && result.status === 410) return { state: 'gone', reason }
  const waitMs = scheduleMs[attempts + 1]
  if (waitMs === undefined) return { state: 'dead', reason }
  // Later only, up to a tenth: events that failed together must not come back together, nor the schedule get shorter.
  const jittered = waitMs + randomInt(Math.floor(waitMs / 10) + 1)
  return { state: 'retry', dueAt: now + Math.max(jittered, askedWaitMs(result, now)), reason }
}

/** How long an overloaded receiver asks to be left alone (RFC 9110 10.2.3, RFC 6585 section 4), at most a day. */
function askedWaitMs(result: Answer | Unanswered, now: number): number {
  if (!('status' in result) || ![429, 502, 503, 504].includes(result.status)) return 0
  return Math.min(retryAfterMs(result.retryAfter?.trim() ?? '', now), MOST_RETRY_AFTER_MS)
}

/** Retry-After in milliseconds: seconds, or a date in one of the forms of RFC 9110 5.6.7. Zero for anything else. */
function retryAfterMs(value: string, now: number): number {
  if (/^\d+$/.test(value)) return Number(value) * SECOND_MS
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value)) return 0
  // The oldest of the three forms names no zone and means UTC.
  const at = Date.parse(value.endsWith('GMT') ? value : `${value} GMT`)
  return Number.isNaN(at) ? 0 : Math.max(at - now, 0)
}
