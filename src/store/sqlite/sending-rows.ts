import type { Database } from 'better-sqlite3'
import type { Sending } from '../../engine/subscription-store.ts'
import { ms, text } from './time.ts'

/** A row of `sending`, but for its place in their order. */
export type SendingRow = {
  id: string
  subscription_id: string
  account_id: string
  campaign_id: string
  number: string
  means: Sending['means']
  state: Sending['state']
  outcome: Sending['outcome'] | null
  tries: number
  created_at: string
  due_at: string
  ended_at: string | null
}

/** What a change may change. */
const CHANGING = 'means, state, outcome, tries, due_at, ended_at'
export const SENDING_COLUMNS = `id, subscription_id, account_id, campaign_id, number, created_at, ${CHANGING}`

/** Writes sendings, inside a transaction. */
export function sendingWriter(db: Database) {
  const insert = db.prepare<[SendingRow]>(
    `insert into sending (${SENDING_COLUMNS}) values (${SENDING_COLUMNS.replaceAll(/\w+/g, '@$&')})`,
  )
  const update = db.prepare<[SendingRow]>(
    `update sending set ${CHANGING.replaceAll(/\w+/g, '$& = @$&')} where id = @id`,
  )
  return {
    add: (sending: Sending) => void insert.run(toRow(sending)),
    change: (sending: Sending) => void update.run(toRow(sending)),
  }
}

/** Finds the last sending for a subscription. */
export function lastSendingFinder(db: Database): (subscriptionId: string) => Sending | undefined {
  const find = db.prepare<[string], SendingRow>(
    `select ${SENDING_COLUMNS} from sending where subscription_id = ? order by n desc limit 1`,
  )
  return (subscriptionId) => {
    const row = find.get(subscriptionId)
    return row && toSending(row)
  }
}

/** Ends the last sending for a subscription as one that nobody needs, if it waits, inside a transaction. None before it does. */
export function waitingEnder(db: Database): (subscriptionId: string, now: number) => void {
  const end = db.prepare<[string, string]>(
    `update sending set state = 'ended', outcome = 'not_needed', ended_at = max(?, created_at)
     where n = (select n from sending where subscription_id = ? order by n desc limit 1) and state = 'waiting'`,
  )
  return (subscriptionId, now) => void end.run(text(now), subscriptionId)
}

function toRow(sending: Sending): SendingRow {
  return {
    id: sending.id,
    subscription_id: sending.subscriptionId,
    account_id: sending.accountId,
    campaign_id: sending.campaignId,
    number: sending.to,
    means: sending.means,
    state: sending.state,
    outcome: sending.outcome ?? null,
    tries: sending.tries,
    created_at: text(sending.createdAt),
    due_at: text(sending.dueAt),
    ended_at: text(sending.endedAt),
  }
}

export function toSending(row: SendingRow): Sending {
  return {
    id: row.id,
    subscriptionId: row.subscription_id,
    accountId: row.account_id,
    campaignId: row.campaign_id,
    to: row.number,
    means: row.means,
    state: row.state,
    outcome: row.outcome ?? undefined,
    tries: row.tries,
    createdAt: ms(row.created_at),
    dueAt: ms(row.due_at),
    endedAt: ms(row.ended_at),
  }
}
