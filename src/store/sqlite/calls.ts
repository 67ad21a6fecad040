import type { Database } from 'better-sqlite3'
import type { CallRecord } from '../../engine/calls.ts'
import type { Event } from '../../engine/events.ts'
import type { Store } from '../../engine/store.ts'
import type { Commit } from './group-commit.ts'
import { ms, text } from './time.ts'

type Calls = Pick<Store, 'addCall' | 'changeCall' | 'openCalls' | 'dueRecordings' | 'touch' | 'lastAlive'>

type Row = Record<(typeof COLUMNS)[number], string | null>

const COLUMNS = [
  ...([
    'id',
    'account_id',
    'vn',
    'caller',
    'channel_id',
    'state',
    'allocation_id',
    'transaction_id',
  ] as const),
  ...([
    'party',
    'dialled',
    'dialled_channel_id',
    'started_at',
    'ringing_at',
    'answered_at',
    'ended_at',
  ] as const),
  ...(['call_type', 'dial_status', 'recorded_until'] as const),
] as const

/** Call records, and the one row that says when the application was last alive. */
export function calls(db: Database, commit: Commit, keep: (events?: Event[]) => void): Calls {
  const names = COLUMNS.join(', ')
  const insert = db.prepare<[Row]>(
    `insert into call (${names}) values (${COLUMNS.map((column) => `@${column}`).join(', ')})`,
  )
  const update = db.prepare<[Row]>(
    `update call set ${COLUMNS.slice(5)
      .map((column) => `${column} = @${column}`)
      .join(', ')} where id = @id`,
  )
  const find = db.prepare<[string], Row>(`select ${names} from call where id = ?`)
  const open = db.prepare<[], Row>(`select ${names} from call where state <> 'ended' order by id`)
  const recorded = db
    .prepare<[string, number], string>(
      `select id from call where state = 'ended' and recorded_until <= ? order by recorded_until, id limit ?`,
    )
    .pluck()
  const saveAlive = db.prepare<[string]>(
    `insert into life (one, alive_at) values (1, ?) on conflict (one) do update set alive_at = excluded.alive_at`,
  )
  const alive = db.prepare<[], string>(`select alive_at from life`).pluck()

  return {
    addCall: (call) => commit(() => void insert.run(toRow(call))),
    changeCall: (id, decide) =>
      commit(() => {
        const row = find.get(id)
        const change = decide(row && toCall(row))
        if (change.save) update.run(toRow(change.save))
        keep(change.events)
        return change.result
      }),
    openCalls: () => Promise.resolve(open.all().map(toCall)),
    dueRecordings: (now, limit) => Promise.resolve(recorded.all(text(now), limit)),
    touch: (now) => commit(() => void saveAlive.run(text(now))),
    lastAlive: () => Promise.resolve(ms(alive.get() ?? null)),
  }
}

function toRow(call: CallRecord): Row {
  return {
    id: call.id,
    account_id: call.accountId,
    vn: call.vn,
    caller: call.from ?? null,
    channel_id: call.channelId,
    state: call.state,
    allocation_id: call.allocationId ?? null,
    transaction_id: call.transactionId ?? null,
    party: call.party ?? null,
    dialled: call.to ?? null,
    dialled_channel_id: call.toChannelId ?? null,
    started_at: text(call.startedAt),
    ringing_at: text(call.ringingAt),
    answered_at: text(call.answeredAt),
    ended_at: text(call.endedAt),
    call_type: call.callType ?? null,
    dial_status: call.dialStatus ?? null,
    recorded_until: text(call.recordedUntil),
  }
}

/** The schema's checks have refused everything that these types do not allow. */
function toCall(row: Row): CallRecord {
  return {
    id: row.id as string,
    accountId: row.account_id as string,
    vn: row.vn as string,
    from: row.caller ?? undefined,
    channelId: row.channel_id as string,
    state: row.state as CallRecord['state'],
    allocationId: row.allocation_id ?? undefined,
    transactionId: row.transaction_id ?? undefined,
    party: (row.party ?? undefined) as CallRecord['party'],
    to: row.dialled ?? undefined,
    toChannelId: row.dialled_channel_id ?? undefined,
    startedAt: ms(row.started_at as string),
    ringingAt: ms(row.ringing_at),
    answeredAt: ms(row.answered_at),
    endedAt: ms(row.ended_at),
    callType: (row.call_type ?? undefined) as CallRecord['callType'],
    dialStatus: (row.dial_status ?? undefined) as CallRecord['dialStatus'],
    recordedUntil: ms(row.recorded_until),
  }
}
