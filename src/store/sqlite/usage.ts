import type { Database } from 'better-sqlite3'
import type { Usage } from '../../engine/holds.ts'
import { text } from './time.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const SLOT_MS = 300_000

type Sums = [callsHour: number, callsDay: number, microsHour: number, microsDay: number]
type Running = [open: number, heldMicros: number, heldHourMicros: number]

/** What a call that runs can cost within an hour, of what is held for it; rounded up. */
const OF_AN_HOUR = `case when longest_seconds <= 3600 then held_micros
  else (held_micros * 3600 + longest_seconds - 1) / longest_seconds end`

export const NO_USAGE: Usage = { open: 0, callsHour: 0, callsDay: 0, microsHour: 0, microsDay: 0 }

/**
 * What has been called lately: calls that were begun within the last hour and day, and what was charged for those that ended
 * within them, with what is held for all that run: for the hour no more of it than an hour of their talks costs.
 *
 * A card's calls are counted by its holds, of which its caps let a day have a few hundred. An account's are counted by slots of
 * five minutes: the slot that the hour, or the day, begins in counts whole, so that what is seen there is exact for the last 60
 * to 65 minutes (1,440 to 1,445), and never less than the truth.
 */
export function usage(db: Database) {
  const ofCard = db
    .prepare<{ card: number; hour: string; day: string }, Sums>(
      `select
         (select count(*) from hold where card_id = @card and opened_at > @hour),
         (select count(*) from hold where card_id = @card and opened_at > @day),
         (select coalesce(sum(charged_micros), 0) from hold
          where card_id = @card and state = 'settled' and ended_at > @hour),
         (select coalesce(sum(charged_micros), 0) from hold
          where card_id = @card and state = 'settled' and ended_at > @day)`,
    )
    .raw()
  const ofAccount = db
    .prepare<{ account: string; hour: number; day: number }, Sums>(
      `select coalesce(sum(calls) filter (where slot >= @hour), 0), coalesce(sum(calls), 0),
         coalesce(sum(micros) filter (where slot >= @hour), 0), coalesce(sum(micros), 0)
       from account_usage where account_id = @account and slot >= @day`,
    )
    .raw()
  const cardRuns = db
    .prepare<[string, number], Running>(
      `select count(*), coalesce(sum(held_micros), 0), coalesce(sum(${OF_AN_HOUR}), 0) from hold
       where account_id = ? and card_id = ? and state = 'open'`,
    )
    .raw()
  const accountRuns = db
    .prepare<[string], Running>(
      `select count(*), coalesce(sum(held_micros), 0), coalesce(sum(${OF_AN_HOUR}), 0) from hold
       where account_id = ? and state = 'open'`,
    )
    .raw()
  const forget = db.prepare<[string, number]>(`delete from account_usage where account_id = ? and slot < ?`)

  return {
    ofCard: (accountId: string, cardId: number, now: number): Usage =>
      added(
        ofCard.get({ card: cardId, hour: text(now - HOUR_MS), day: text(now - DAY_MS) }),
        cardRuns.get(accountId, cardId),
      ),
    ofAccount: (accountId: string, now: number): Usage =>
      added(
        ofAccount.get({ account: accountId, hour: slotOf(now - HOUR_MS), day: slotOf(now - DAY_MS) }),
        accountRuns.get(accountId),
      ),
    /** Slots that say nothing any more. */
    forget: (accountId: string, now: number): void => void forget.run(accountId, slotOf(now - DAY_MS)),
  }
}

function slotOf(instant: number): number {
  return Math.floor(instant / SLOT_MS)
}

function added(sums: Sums | undefined, running: Running | undefined): Usage {
  const [callsHour = 0, callsDay = 0, chargedHour = 0, chargedDay = 0] = sums ?? []
  const [open = 0, heldMicros = 0, heldHourMicros = 0] = running ?? []
  return {
    open,
    callsHour,
    callsDay,
    microsHour: chargedHour + heldHourMicros,
    microsDay: chargedDay + heldMicros,
  }
}
