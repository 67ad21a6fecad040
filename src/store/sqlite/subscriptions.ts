import type { Database } from 'better-sqlite3'
import { latestExpiry } from '../../engine/sent-pins.ts'
import type { SubscriptionStore } from '../../engine/subscription-store.ts'
import type { Commit } from './group-commit.ts'
import { guesses } from './guesses.ts'
import { lastSendingFinder, sendingWriter, waitingEnder } from './sending-rows.ts'
import { sentCounter } from './sent-counts.ts'
import {
  SUBSCRIPTION_COLUMNS,
  type SubscriptionRow,
  subscriptionWriter,
  toSubscription,
} from './subscription-rows.ts'
import { text } from './time.ts'

type Subscriptions = Pick<SubscriptionStore, 'changeSubscription' | 'findSubscription' | 'forgetSentPins'>

/** Numbers in campaigns, and the PINs that they were sent. */
export function subscriptions(db: Database, commit: Commit): Subscriptions {
  const { tallies, keepBlame } = guesses(db)
  const count = sentCounter(db)
  const find = db.prepare<[string, string], SubscriptionRow>(
    `select ${SUBSCRIPTION_COLUMNS} from subscription where campaign_id = ? and msisdn = ?`,
  )
  const lastSending = lastSendingFinder(db)
  const write = subscriptionWriter(db)
  const writeSending = sendingWriter(db)
  const endWaiting = waitingEnder(db)
  const forgetWhere = (expiry: string) =>
    db
      .prepare<[string, number], string>(
        `update subscription set pin = null, pin_expires_at = null, pin_wrong = null, pin_attempts = null
         where id in (select id from subscription where pin is not null and pin_expires_at ${expiry}
           order by pin_expires_at limit ?)
         returning id`,
      )
      .pluck()
  const forgetExpired = forgetWhere('<= ?')
  const forgetAhead = forgetWhere('> ?')

  function look(campaignId: string, msisdn: string) {
    const row = find.get(campaignId, msisdn)
    return row && { subscription: toSubscription(row), sending: lastSending(row.id) }
  }

  return {
    changeSubscription: (query, decide) =>
      commit(() => {
        const { campaignId, msisdn, guesser } = query
        const found = look(campaignId, msisdn)
        const { save, endSending, addSending, blame, result } = decide({
          subscription: found?.subscription,
          sending: found?.sending,
          // What was sent to a number is that number's alone: no other PIN is good there, and a stranger has none to show.
          suspicion: { tallies: tallies(guesser), known: false, pinsAlike: 1 },
          sent: count(query),
        })
        keepBlame(guesser, blame)
        if (save) (found ? write.change : write.add)(save)
        if (endSending) writeSending.change(endSending)
        if (addSending) writeSending.add(addSending)
        return result
      }),
    findSubscription: (campaignId, msisdn) => Promise.resolve(look(campaignId, msisdn)),
    forgetSentPins: (now, limit) =>
      commit(() => {
        const ids = forgetExpired.all(text(now), limit)
        ids.push(...forgetAhead.all(text(latestExpiry(now)), limit - ids.length))
        for (const id of ids) endWaiting(id, now)
        return ids.length
      }),
  }
}
