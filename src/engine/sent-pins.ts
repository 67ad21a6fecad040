import { CAMPAIGN_RANGES } from './campaigns.ts'
import { CLOCK_SLACK_MS } from './guard.ts'
import type { SentPin } from './subscription-store.ts'

const LONGEST_MS = CAMPAIGN_RANGES.pinTtlMs[1]

/** The last instant at which any PIN that is good now may expire, in milliseconds since the epoch. */
export function latestExpiry(now: number): number {
  return now + LONGEST_MS + CLOCK_SLACK_MS
}

/** Whether a number that was sent this PIN may name it at this instant. */
export function isGood(pin: SentPin | undefined, now: number): pin is SentPin {
  return pin !== undefined && now < pin.expiresAt && pin.expiresAt <= latestExpiry(now)
}
