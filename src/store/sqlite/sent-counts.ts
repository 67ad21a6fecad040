import type { Database } from 'better-sqlite3'
import type { SentCounts, SubscriptionQuery } from '../../engine/subscription-store.ts'
import { text } from './time.ts'

/** From `since` on and before `end`; `first` and `last` part the whole minutes in it from what is before and after them. */
type Window = { id: string; since: string; first: string; last: string; end: string }

const MINUTE_MS = 60_000
/** As much of an instant's text as says the minute. */
const MINUTE_LENGTH = 'YYYY-MM-DDTHH:MM'.length

/**
 * Counts what was sent between the instants of a query, each no further than its limit. Those to one number are few, and looked at one
 * by one. Of an account and of a campaign only those in the first and the last minute are, which may lie outside in part; of the others
 * the schema knows how many there were in each.
 */
export function sentCounter(db: Database): (query: SubscriptionQuery) => SentCounts {
  const toNumber = db
    .prepare<[string, string, string, string, number], number>(
      `select count(*) from (select 1 from sending
         where account_id = ? and number = ? and created_at >= ? and created_at < ? limit ?)`,
    )
    .pluck()
  const sentIn = (kind: 'account' | 'campaign') =>
    db
      .prepare<[Window], number>(
        `select (select count(*) from sending where ${kind}_id = @id and created_at >= @since and created_at < @first)
           + (select coalesce(sum(sent), 0) from sending_minute
              where kind = '${kind}' and id = @id
                and minute >= substr(@first, 1, ${MINUTE_LENGTH}) and minute < substr(@last, 1, ${MINUTE_LENGTH}))
           + (select count(*) from sending where ${kind}_id = @id and created_at >= @last and created_at < @end)`,
      )
      .pluck()
  const ofCampaign = sentIn('campaign')
  const ofAccount = sentIn('account')

  return ({ accountId, campaignId, msisdn, counting }) => {
    if (!counting) return { number: 0, campaign: 0, account: 0 }
    const { number, campaign, account } = counting
    const end = counting.until + 1
    return {
      number: toNumber.get(accountId, msisdn, text(number.since), text(end), number.limit) ?? 0,
      campaign: Math.min(ofCampaign.get(windowOf(campaignId, campaign.since, end)) ?? 0, campaign.limit),
      account: Math.min(ofAccount.get(windowOf(accountId, account.since, end)) ?? 0, account.limit),
    }
  }
}

function windowOf(id: string, since: number, end: number): Window {
  const first = Math.min(minuteOf(since) + MINUTE_MS, end)
  const last = Math.max(minuteOf(end), first)
  return { id, since: text(since), first: text(first), last: text(last), end: text(end) }
}

/** The instant at which its minute begins. */
function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS
}
