import type { Database } from 'better-sqlite3'
import type { Sending, SubscriptionStore } from '../../engine/subscription-store.ts'
import { campaignFinder } from './campaigns.ts'
import type { Commit } from './group-commit.ts'
import { SENDING_COLUMNS, type SendingRow, sendingWriter, toSending } from './sending-rows.ts'
import { subscriptionFinder } from './subscription-rows.ts'
import { text } from './time.ts'

type Sendings = Pick<SubscriptionStore, 'changeSending' | 'sendingsToMake' | 'sendings'>

/** Calls and requests that bring PINs to their subscribers, and that we owe. */
export function sendings(db: Database, commit: Commit): Sendings {
  const find = db.prepare<[string], SendingRow>(`select ${SENDING_COLUMNS} from sending where id = ?`)
  const findSubscription = subscriptionFinder(db)
  const findCampaign = campaignFinder(db)
  const write = sendingWriter(db)
  const begun = db.prepare<[string], SendingRow>(
    `select ${SENDING_COLUMNS} from sending where state in ('trying', 'speaking') and means = ?
     order by created_at, n`,
  )
  const nextToWait = db
    .prepare<[string, string], string | null>(
      `select min(campaign_id) from sending where state = 'waiting' and means = ? and campaign_id > ?`,
    )
    .pluck()
  const due = db.prepare<[string, string, string, number], SendingRow>(
    `select ${SENDING_COLUMNS} from sending
     where state = 'waiting' and means = ? and campaign_id = ? and due_at <= ? order by due_at, n limit ?`,
  )
  const ofCampaign = db.prepare<[string, number], SendingRow>(
    `select ${SENDING_COLUMNS} from sending where campaign_id = ? order by created_at desc, n desc limit ?`,
  )

  function look(id: string) {
    const row = find.get(id)
    const subscription = row && findSubscription(row.subscription_id)
    const campaign = row && findCampaign(row.campaign_id)
    return subscription && campaign && { sending: toSending(row), subscription, campaign }
  }

  /** However many wait, only the first of each campaign are looked at. */
  function firstDue(means: Sending['means'], now: number, ofEach: number): SendingRow[] {
    const rows: SendingRow[] = []
    const next = (after: string) => nextToWait.get(means, after)
    for (let campaign = next(''); campaign != null; campaign = next(campaign))
      rows.push(...due.all(means, campaign, text(now), ofEach))
    return rows.sort((a, b) => (a.due_at < b.due_at ? -1 : Number(a.due_at > b.due_at)))
  }

  return {
    changeSending: (id, decide) =>
      commit(() => {
        const { save, result } = decide(look(id))
        if (save) write.change(save)
        return result
      }),
    sendingsToMake: (means, now, ofEach) =>
      Promise.resolve([...begun.all(means), ...firstDue(means, now, ofEach)].map(toSending)),
    sendings: (campaignId, limit) => Promise.resolve(ofCampaign.all(campaignId, limit).map(toSending)),
  }
}
