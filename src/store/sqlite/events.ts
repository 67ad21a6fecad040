import type { Database } from 'better-sqlite3'
import type { Event } from '../../engine/events.ts'
import type { EventState, Store, StoredEvent } from '../../engine/store.ts'
import { accountFinder } from './account-rows.ts'
import type { Commit } from './group-commit.ts'
import { ms, text } from './time.ts'

type Events = Pick<Store, 'events' | 'findEvent' | 'resendEvent'>

type Row = {
  body: string
  state: EventState
  attempts: number
  due_at: string | null
  last_word: string | null
}
type Wanted = { before: string; limit: number; account?: string | undefined; state?: EventState | undefined }

const COLUMNS = 'body, state, attempts, due_at, last_word'

/** Greater than any id. */
const NEWEST = '\u{10ffff}'

/** What has become of the events, for those who look after the receivers. */
export function events(db: Database, commit: Commit, onDue: () => void): Events {
  const list = (...conditions: string[]) =>
    db.prepare<[Wanted], Row>(
      `select ${COLUMNS} from event where ${[...conditions, 'id < @before'].join(' and ')}
       order by id desc limit @limit`,
    )
  const lists = {
    all: list(),
    account: list('account_id = @account'),
    state: list('state = @state'),
    // The plus keeps this to the index by state: few of an account's events are dead, and those are looked for most.
    both: list('+account_id = @account', 'state = @state'),
  }
  const find = db.prepare<[string], Row>(`select ${COLUMNS} from event where id = ?`)
  const resend = db.prepare<[string, string]>(
    `update event set state = 'waiting', attempts = 0, last_word = null, due_at = ? where id = ?`,
  )
  const findAccount = accountFinder(db)

  return {
    events: ({ accountId, state, before = NEWEST, limit }) => {
      const byAccount = state === undefined ? lists.account : lists.both
      const byState = state === undefined ? lists.all : lists.state
      const wanted = accountId === undefined ? byState : byAccount
      return Promise.resolve(wanted.all({ account: accountId, state, before, limit }).map(toStoredEvent))
    },
    findEvent: (id) => {
      const row = find.get(id)
      return Promise.resolve(row && toStoredEvent(row))
    },
    resendEvent: (id, now) =>
      commit(() => {
        const row = find.get(id)
        if (!row) return false
        const { accountId, type } = toStoredEvent(row).event
        if (findAccount(accountId)?.settings.endpoints[type] === undefined) return false
        resend.run(text(now), id)
        // The transaction ends within this turn of the event loop.
        setImmediate(onDue)
        return true
      }),
  }
}

function toStoredEvent(row: Row): StoredEvent {
  return {
    event: JSON.parse(row.body) as Event,
    state: row.state,
    attempts: row.attempts,
    dueAt: ms(row.due_at),
    lastWord: row.last_word ?? undefined,
  }
}
