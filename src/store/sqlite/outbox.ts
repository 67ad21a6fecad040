import type { Database } from 'better-sqlite3'
import type { AccountSettings } from '../../engine/accounts.ts'
import type { Event } from '../../engine/events.ts'
import type { Delivery, DeliveryOutcome, Store } from '../../engine/store.ts'
import type { Commit } from './group-commit.ts'
import { ms, text } from './time.ts'

type Outbox = Pick<
  Store,
  'addEvents' | 'dueDeliveries' | 'deliveryDone' | 'nextDeliveryAt' | 'deliveryCounts'
> & {
  /** Writes events inside the transaction of what they tell. */
  keep: (events: Event[] | undefined) => void
}

type Due = { id: string; type: Event['type']; account_id: string; body: string; attempts: number }
type Receiver = { settings: string; webhook_secret: string }

/** The event table: written with the change it tells, read until its receiver has taken it. */
export function outbox(db: Database, commit: Commit, onDue: () => void): Outbox {
  const insert = db.prepare<[string, string, string, string, string, string | null]>(
    `insert into event (id, account_id, type, body, state, due_at) values (?, ?, ?, ?, ?, ?)`,
  )
  const receiver = db.prepare<[string], Receiver>(`select settings, webhook_secret from account where id = ?`)
  const accountsDue = db
    .prepare<[string], string>(
      `select id from account where exists
       (select 1 from event where account_id = account.id and state = 'waiting' and due_at <= ?)`,
    )
    .pluck()
  const due = db.prepare<[string, string, number], Due>(
    `select id, type, account_id, body, attempts from event
     where account_id = ? and state = 'waiting' and due_at <= ? order by due_at, id limit ?`,
  )
  const find = db.prepare<[string], Due>(
    `select id, type, account_id, body, attempts from event where id = ?`,
  )
  const close = db.prepare<[string, string, string]>(
    `update event set state = ?, due_at = null, attempts = attempts + 1, last_word = ?
     where id = ? and state = 'waiting'`,
  )
  const later = db.prepare<[string, string, string]>(
    `update event set due_at = ?, attempts = attempts + 1, last_word = ? where id = ? and state = 'waiting'`,
  )
  const abandon = db.prepare<[string, string, string]>(
    `update event set state = 'dead', due_at = null, last_word = ?
     where account_id = ? and type = ? and state = 'waiting'`,
  )
  const saveSettings = db.prepare<[string, string]>(`update account set settings = ? where id = ?`)
  const next = db.prepare<[], string | null>(`select min(due_at) from event where state = 'waiting'`).pluck()
  // Each reads a partial index: the table itself is never counted.
  const waiting = db.prepare<[], number>(`select count(*) from event where state = 'waiting'`).pluck()
  const dead = db.prepare<[], number>(`select count(*) from event where state = 'dead'`).pluck()

  function settingsOf(accountId: string): AccountSettings | undefined {
    const row = receiver.get(accountId)
    return row && (JSON.parse(row.settings) as AccountSettings)
  }

  function keep(events: Event[] = []): void {
    for (const event of events) {
      const endpoint = settingsOf(event.accountId)?.endpoints[event.type]
      const state = endpoint === undefined ? 'no_receiver' : 'waiting'
      const dueAt = endpoint === undefined ? null : text(event.at)
      insert.run(event.id, event.accountId, event.type, JSON.stringify(event), state, dueAt)
      // The transaction ends within this turn of the event loop.
      if (dueAt !== null) setImmediate(onDue)
    }
  }

  function delivery(row: Due): Delivery[] {
    const account = receiver.get(row.account_id)
    const endpoint = account && (JSON.parse(account.settings) as AccountSettings).endpoints[row.type]
    if (!account || endpoint === undefined) return []
    const event = JSON.parse(row.body) as Event
    return [{ event, endpoint, webhookSecret: account.webhook_secret, attempts: row.attempts }]
  }

  /** The receiver is gone for every event type that it took, not only for the one that found out. */
  function switchOff(row: Due, reason: string): void {
    const settings = settingsOf(row.account_id)
    const gone = settings?.endpoints[row.type]
    if (!settings || gone === undefined) return
    const served = (Object.keys(settings.endpoints) as Event['type'][]).filter(
      (type) => settings.endpoints[type] === gone,
    )
    const endpoints = Object.fromEntries(
      Object.entries(settings.endpoints).filter(([type]) => !served.includes(type as Event['type'])),
    )
    saveSettings.run(JSON.stringify({ ...settings, endpoints }), row.account_id)
    for (const type of served) abandon.run(reason, row.account_id, type)
  }

  function finish(eventId: string, outcome: DeliveryOutcome): void {
    const row = find.get(eventId)
    if (!row) return
    switch (outcome.state) {
      case 'delivered':
        close.run('delivered', String(outcome.status), eventId)
        return
      case 'retry':
        later.run(text(outcome.dueAt), outcome.reason, eventId)
        return
      case 'dead':
        close.run('dead', outcome.reason, eventId)
        return
      case 'gone':
        close.run('dead', outcome.reason, eventId)
        switchOff(row, outcome.reason)
    }
  }

  return {
    keep,
    addEvents: (events) => commit(() => keep(events)),
    dueDeliveries: (now, perAccount) => {
      const at = text(now)
      const rows = accountsDue.all(at).flatMap((accountId) => due.all(accountId, at, perAccount))
      return Promise.resolve(rows.flatMap(delivery))
    },
    deliveryDone: (eventId, outcome) => commit(() => finish(eventId, outcome)),
    nextDeliveryAt: () => Promise.resolve(ms(next.get() ?? null)),
    deliveryCounts: () => Promise.resolve({ waiting: waiting.get() ?? 0, dead: dead.get() ?? 0 }),
  }
}
