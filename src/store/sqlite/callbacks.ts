import type { Database } from 'better-sqlite3'
import type { Callback, PaidCallStore } from '../../engine/paid-call-store.ts'
import type { Commit } from './group-commit.ts'
import { ms, text } from './time.ts'

type Callbacks = Pick<
  PaidCallStore,
  'addCallback' | 'changeCallback' | 'findCallback' | 'openCallbacks' | 'callbacksToPlace'
>
type Row = {
  id: string
  account_id: string
  card_id: number
  a: string
  b: string
  state: Callback['state']
  outcome: Callback['outcome'] | null
  call_id: string | null
  created_at: string
  ended_at: string | null
}

const COLUMNS = 'id, account_id, card_id, a, b, state, outcome, call_id, created_at, ended_at'

/** Calls that we owe. */
export function callbacks(db: Database, commit: Commit): Callbacks {
  const insert = db.prepare<[Row]>(
    `insert into callback (${COLUMNS}) values (${COLUMNS.replaceAll(/\w+/g, '@$&')})`,
  )
  const update = db.prepare<[Pick<Row, 'id' | 'state' | 'outcome' | 'call_id' | 'ended_at'>]>(
    `update callback set state = @state, outcome = @outcome, call_id = @call_id, ended_at = @ended_at where id = @id`,
  )
  const find = db.prepare<[string], Row>(`select ${COLUMNS} from callback where id = ?`)
  const open = db.prepare<[], Row>(
    `select ${COLUMNS} from callback where state <> 'ended' order by created_at, id`,
  )
  const begun = db.prepare<[], Row>(
    `select ${COLUMNS} from callback where state in ('ringing_a', 'ringing_b', 'talking') order by created_at, id`,
  )
  const nextToWait = db
    .prepare<[string], string | null>(
      `select min(account_id) from callback where state = 'waiting' and account_id > ?`,
    )
    .pluck()
  const waiting = db.prepare<[string, number], Row>(
    `select ${COLUMNS} from callback where state = 'waiting' and account_id = ? order by created_at, id limit ?`,
  )

  /** However many wait, only the first of each account are looked at. */
  function firstWaiting(ofEach: number): Row[] {
    const rows: Row[] = []
    for (let account = nextToWait.get(''); account != null; account = nextToWait.get(account))
      rows.push(...waiting.all(account, ofEach))
    return rows
  }

  return {
    addCallback: (callback) => commit(() => void insert.run(toRow(callback))),
    changeCallback: (id, decide) =>
      commit(() => {
        const row = find.get(id)
        const { save, result } = decide(row && toCallback(row))
        if (save) {
          const { state, outcome, call_id, ended_at } = toRow(save)
          update.run({ id, state, outcome, call_id, ended_at })
        }
        return result
      }),
    findCallback: (accountId, id) => {
      const row = find.get(id)
      return Promise.resolve(row?.account_id === accountId ? toCallback(row) : undefined)
    },
    openCallbacks: () => Promise.resolve(open.all().map(toCallback)),
    callbacksToPlace: (ofEach) => Promise.resolve([...begun.all(), ...firstWaiting(ofEach)].map(toCallback)),
  }
}

function toRow(callback: Callback): Row {
  return {
    id: callback.id,
    account_id: callback.accountId,
    card_id: callback.cardId,
    a: callback.a,
    b: callback.b,
    state: callback.state,
    outcome: callback.outcome ?? null,
    call_id: callback.callId ?? null,
    created_at: text(callback.createdAt),
    ended_at: text(callback.endedAt),
  }
}

function toCallback(row: Row): Callback {
  return {
    id: row.id,
    accountId: row.account_id,
    cardId: row.card_id,
    a: row.a,
    b: row.b,
    state: row.state,
    outcome: row.outcome ?? undefined,
    callId: row.call_id ?? undefined,
    createdAt: ms(row.created_at),
    endedAt: ms(row.ended_at),
  }
}
