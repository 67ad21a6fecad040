import type { Database } from 'better-sqlite3'
import type { Event } from '../../engine/events.ts'
import type { Delivery, DeliveryAttempt, DeliveryOutcome, Store } from '../../engine/store.ts'
import { accountFinder, eachOnce, settingsWriter } from './account-rows.ts'
import type { Commit } from './group-commit.ts'
import { ms, text } from './time.ts'

type Outbox = Pick<
  Store,
  'addEvents' | 'dueDeliveries' | 'deliveryDone' | 'nextDeliveryAt' | 'deliveryCounts'
> & {
  /** Writes events inside the transaction of what they tell. */
  keep: (events: Event[] | undefined) => void
}

type Due = { type: Event['type']; body: string; attempts: number; due_at: string }
type Found = { type: Event['type']; account_id: string }

/** The event table: written with the change it tells, read until its receiver has taken it. */
export function outbox(db: Database, commit: Commit, onDue: () => void): Outbox {
  const insert = db.prepare<[string, string, string, string, string, string | null]>(
    `insert into event (id, account_id, type, body, state, due_at) values (?, ?, ?, ?, ?, ?)`,
  )
  const findAccount = accountFinder(db)
  const saveSettings = settingsWriter(db)
  const accountsDue = db
    .prepare<[string], string>(
      `select id from account where exists
       (select 1 from event where account_id = account.id and state = 'waiting' and due_at <= ?)`,
    )
    .pluck()
  const due = db.prepare<[string, string, number], Due>(
    `select type, body, attempts, due_at from event
     where account_id = ? and state = 'waiting' and due_at <= ? order by due_at, id limit ?`,
  )
  // An event that was resent meanwhile is due anew: what an earlier attempt comes to is not its outcome any more.
  const find = db.prepare<[string, number, string], Found>(
    `select type, account_id from event where id = ? and state = 'waiting' and attempts = ? and due_at = ?`,
  )
  const close = db.prepare<[string, string, string]>(
    `update event set state = ?, due_at = null, attempts = attempts + 1, last_word = ? where id = ?`,
  )
  const later = db.prepare<[string, string, string]>(
    `update event set due_at = ?, attempts = attempts + 1, last_word = ? where id = ?`,
  )
  // Named, as SQLite would take event_state, and read all that wait.
  const next = db
    .prepare<[], string | null>(
      `select min(due_at) from event indexed by event_waiting where state = 'waiting'`,
    )
    .pluck()
  // Each reads an index: the table itself is never counted.
  const waiting = db.prepare<[], number>(`select count(*) from event where state = 'waiting'`).pluck()
  const dead = db.prepare<[], number>(`select count(*) from event where state = 'dead'`).pluck()

  function keep(events: Event[] = []): void {
    const account = eachOnce(findAccount)
    for (const event of events) {
      const endpoint = account(event.accountId)?.settings.endpoints[event.type]
      const state = endpoint === undefined ? 'no_receiver' : 'waiting'
      const dueAt = endpoint === undefined ? null : text(event.at)
      insert.run(event.id, event.accountId, event.type, JSON.stringify(event), state, dueAt)
      // The transaction ends within this turn of the event loop.
      if (dueAt !== null) setImmediate(onDue)
    }
  }

  function deliveries(accountId: string, at: string, limit: number): Delivery[] {
    const account = findAccount(accountId)
    if (!account) return []
    const { settings, webhookSecret } = account
    return due.all(accountId, at, limit).flatMap(({ type, body, attempts, due_at: dueAt }) => {
      const endpoint = settings.endpoints[type]
      return endpoint === undefined
        ? []
        : [{ event: JSON.parse(body) as Event, endpoint, webhookSecret, attempts, dueAt: ms(dueAt) }]
    })
  }

  /**
   * The receiver is gone for every event type that it took, not only for the one that found out. An endpoint that has
   * taken its place meanwhile is not.
   */
  function switchOff({ account_id: accountId, type }: Found, gone: string, reason: string): void {
    const settings = findAccount(accountId)?.settings
    if (settings?.endpoints[type] !== gone) return
    const left = Object.entries(settings.endpoints).filter(([, endpoint]) => endpoint !== gone)
    saveSettings(accountId, { ...settings, endpoints: Object.fromEntries(left) }, reason)
  }

  function finish({ eventId, attempts, dueAt, endpoint }: DeliveryAttempt, outcome: DeliveryOutcome): void {
    const row = find.get(eventId, attempts, text(dueAt))
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
        switchOff(row, endpoint, outcome.reason)
    }
  }

  return {
    keep,
    addEvents: (events) => commit(() => keep(events)),
    dueDeliveries: (now, perAccount) => {
      const at = text(now)
      return Promise.resolve(accountsDue.all(at).flatMap((id) => deliveries(id, at, perAccount)))
    },
    deliveryDone: (attempt, outcome) => commit(() => finish(attempt, outcome)),
    nextDeliveryAt: () => Promise.resolve(ms(next.get() ?? null)),
    deliveryCounts: () => Promise.resolve({ waiting: waiting.get() ?? 0, dead: dead.get() ?? 0 }),
  }
}
