import type { Database } from 'better-sqlite3'
import type { SentPin, Subscription } from '../../engine/subscription-store.ts'
import { ms, text } from './time.ts'

/** A row of `subscription`. */
export type SubscriptionRow = {
  id: string
  account_id: string
  campaign_id: string
  msisdn: string
  state: Subscription['state']
  pin: string | null
  pin_expires_at: string | null
  pin_wrong: number | null
  pin_attempts: number | null
  subscriber: string
  created_at: string
  subscribed_at: string | null
  unsubscribed_at: string | null
}

/** What a change may change. */
const CHANGING =
  'state, pin, pin_expires_at, pin_wrong, pin_attempts, subscriber, subscribed_at, unsubscribed_at'
export const SUBSCRIPTION_COLUMNS = `id, account_id, campaign_id, msisdn, created_at, ${CHANGING}`

/** Finds a subscription by its id. */
export function subscriptionFinder(db: Database): (id: string) => Subscription | undefined {
  const find = db.prepare<[string], SubscriptionRow>(
    `select ${SUBSCRIPTION_COLUMNS} from subscription where id = ?`,
  )
  return (id) => {
    const row = find.get(id)
    return row && toSubscription(row)
  }
}

/** Writes subscriptions, inside a transaction. */
export function subscriptionWriter(db: Database) {
  const insert = db.prepare<[SubscriptionRow]>(
    `insert into subscription (${SUBSCRIPTION_COLUMNS}) values (${SUBSCRIPTION_COLUMNS.replaceAll(/\w+/g, '@$&')})`,
  )
  const update = db.prepare<[SubscriptionRow]>(
    `update subscription set ${CHANGING.replaceAll(/\w+/g, '$& = @$&')} where id = @id`,
  )
  return {
    add: (subscription: Subscription) => void insert.run(toRow(subscription)),
    change: (subscription: Subscription) => void update.run(toRow(subscription)),
  }
}

function toRow(subscription: Subscription): SubscriptionRow {
  const { pin } = subscription
  return {
    id: subscription.id,
    account_id: subscription.accountId,
    campaign_id: subscription.campaignId,
    msisdn: subscription.msisdn,
    state: subscription.state,
    pin: pin?.digits ?? null,
    pin_expires_at: text(pin?.expiresAt),
    pin_wrong: pin?.wrong ?? null,
    pin_attempts: pin?.attempts ?? null,
    subscriber: JSON.stringify(subscription.subscriber),
    created_at: text(subscription.createdAt),
    subscribed_at: text(subscription.subscribedAt),
    unsubscribed_at: text(subscription.unsubscribedAt),
  }
}

export function toSubscription(row: SubscriptionRow): Subscription {
  return {
    id: row.id,
    accountId: row.account_id,
    campaignId: row.campaign_id,
    msisdn: row.msisdn,
    state: row.state,
    pin: toPin(row),
    subscriber: JSON.parse(row.subscriber) as Subscription['subscriber'],
    createdAt: ms(row.created_at),
    subscribedAt: ms(row.subscribed_at),
    unsubscribedAt: ms(row.unsubscribed_at),
  }
}

/** The schema has all four of its columns or none. */
function toPin(row: SubscriptionRow): SentPin | undefined {
  const { pin: digits, pin_wrong: wrong, pin_attempts: attempts } = row
  const expiresAt = ms(row.pin_expires_at)
  if (digits === null || expiresAt === undefined || wrong === null || attempts === null) return undefined
  return { digits, expiresAt, wrong, attempts }
}
