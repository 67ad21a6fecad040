import type { Database } from 'better-sqlite3'
import type { Allocation, AllocationState, Party, PartyName, Usage } from '../../engine/allocations.ts'
import type { Event } from '../../engine/events.ts'
import type { Change, Store } from '../../engine/store.ts'
import type { Commit } from './group-commit.ts'
import { ms, text } from './time.ts'

type Allocations = Pick<
  Store,
  | 'addAllocation'
  | 'findAllocation'
  | 'changeAllocation'
  | 'changeByPin'
  | 'membershipsOn'
  | 'hasAllocations'
  | 'dueAllocations'
  | 'pinsInUse'
>

type Row = {
  id: string
  account_id: string
  transaction_id: string
  a: string
  b: string
  usage: Usage
  state: AllocationState
  created_at: string
  deallocate_at: string
  ended_at: string | null
}

const COLUMNS = 'id, account_id, transaction_id, a, b, usage, state, created_at, deallocate_at, ended_at'
const JOINED = COLUMNS.split(', ')
  .map((column) => `allocation.${column}`)
  .join(', ')

/** Allocations and the two indexes that a call is decided by: PINs and numbers on a virtual number. */
export function allocations(db: Database, commit: Commit, keep: (events?: Event[]) => void): Allocations {
  const rows = allocationRows(db)
  const sameTransaction = db.prepare<[string, string], Row>(
    `select ${COLUMNS} from allocation where account_id = ? and transaction_id = ? and state = 'active'`,
  )
  const own = db.prepare<[string, string], Row>(
    `select ${COLUMNS} from allocation where account_id = ? and id = ?`,
  )
  const byPin = db.prepare<[string, string], Row & { party: PartyName }>(
    `select ${JOINED}, allocation_pin.party from allocation_pin
     join allocation on allocation.id = allocation_pin.allocation_id
     where allocation_pin.vn = ? and allocation_pin.pin = ? and allocation.state = 'active'`,
  )
  const byMember = db.prepare<[string, string], Row & { party: PartyName }>(
    `select ${JOINED}, allocation_member.party from allocation_member
     join allocation on allocation.id = allocation_member.allocation_id
     where allocation_member.vn = ? and allocation_member.number = ? and allocation.state = 'active'`,
  )
  const due = db.prepare<[string, number], Pick<Allocation, 'accountId' | 'id'>>(
    `select account_id as accountId, id from allocation
     where state = 'active' and deallocate_at <= ? order by deallocate_at limit ?`,
  )
  const inUse = db
    .prepare<[string, string], 0 | 1>(
      `select exists (select 1 from allocation_pin where vn = ?) or exists (select 1 from allocation_member where vn = ?)`,
    )
    .pluck()
  const pinTaken = db
    .prepare<[string, string], 1>(`select 1 from allocation_pin where vn = ? and pin = ?`)
    .pluck()
  const ownsNumber = db
    .prepare<[string, string], 1>(`select 1 from virtual_number where number = ? and account_id = ?`)
    .pluck()
  const pinsOn = db
    .prepare<[string, number], string>(`select pin from allocation_pin where vn = ? and length(pin) = ?`)
    .pluck()

  function apply<R>(before: Row | undefined, change: Change<Allocation, R>): R {
    if (change.save && before) rows.update(toAllocation(before), change.save)
    else if (change.save) rows.insert(change.save)
    keep(change.events)
    return change.result
  }

  return {
    addAllocation: (query, decide) =>
      commit(() => {
        const { accountId, vns, pins } = query
        const same = sameTransaction.get(accountId, query.transactionId)
        const seen = {
          sameTransaction: same && toAllocation(same),
          takenPins: new Set(pins.filter((pin) => vns.some((vn) => pinTaken.get(vn, pin)))),
          ownVns: new Set(vns.filter((vn) => ownsNumber.get(vn, accountId))),
        }
        return apply(undefined, decide(seen))
      }),
    findAllocation: (accountId, id) => {
      const row = own.get(accountId, id)
      return Promise.resolve(row && toAllocation(row))
    },
    changeAllocation: (accountId, id, decide) =>
      commit(() => {
        const row = own.get(accountId, id)
        return apply(row, decide(row && toAllocation(row)))
      }),
    changeByPin: (vn, pin, decide) =>
      commit(() => {
        const row = byPin.get(vn, pin)
        return apply(row, decide(row && { allocation: toAllocation(row), party: row.party }))
      }),
    membershipsOn: (vn, number) =>
      Promise.resolve(
        byMember.all(vn, number).map((row) => ({ allocation: toAllocation(row), party: row.party })),
      ),
    hasAllocations: (vn) => Promise.resolve(inUse.get(vn, vn) === 1),
    dueAllocations: (now, limit) => Promise.resolve(due.all(text(now), limit)),
    pinsInUse: (vns, length) => Promise.resolve(new Set(vns.flatMap((vn) => pinsOn.all(vn, length)))),
  }
}

/** Writes an allocation and keeps the indexes equal to it: an allocation that ended has no index rows. */
function allocationRows(db: Database) {
  const insert = db.prepare<string[]>(
    `insert into allocation (${COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const update = db.prepare(
    `update allocation set a = ?, b = ?, usage = ?, state = ?, deallocate_at = ?, ended_at = ? where id = ?`,
  )
  const addPin = db.prepare(`insert into allocation_pin (vn, pin, allocation_id, party) values (?, ?, ?, ?)`)
  const dropPin = db.prepare(`delete from allocation_pin where vn = ? and pin = ?`)
  const addMember = db.prepare(
    `insert into allocation_member (vn, number, allocation_id, party) values (?, ?, ?, ?) on conflict do nothing`,
  )
  const dropMember = db.prepare(
    `delete from allocation_member where vn = ? and number = ? and allocation_id = ?`,
  )

  function index(allocation: Allocation): void {
    for (const [party, vn, { numbers, pin }] of sides(allocation)) {
      if (pin !== undefined) addPin.run(vn, pin, allocation.id, party)
      for (const number of numbers) addMember.run(vn, number, allocation.id, party)
    }
  }

  function unindex(allocation: Allocation): void {
    for (const [, vn, { numbers, pin }] of sides(allocation)) {
      if (pin !== undefined) dropPin.run(vn, pin)
      for (const number of numbers) dropMember.run(vn, number, allocation.id)
    }
  }

  return {
    insert(to: Allocation): void {
      const { id, accountId, transactionId, usage, state } = to
      insert.run(
        ...[id, accountId, transactionId, JSON.stringify(to.a), JSON.stringify(to.b), usage, state],
        ...[text(to.createdAt), text(to.deallocateAt), text(to.endedAt) as string],
      )
      if (state === 'active') index(to)
    },
    update(from: Allocation, to: Allocation): void {
      const { id, usage, state } = to
      const [a, b] = [JSON.stringify(to.a), JSON.stringify(to.b)]
      update.run(a, b, usage, state, text(to.deallocateAt), text(to.endedAt), id)
      if (from.state === 'active') unindex(from)
      if (state === 'active') index(to)
    },
  }
}

function sides({ a, b }: Allocation): [PartyName, string, Party][] {
  return [
    ...a.vns.map((vn): [PartyName, string, Party] => ['a', vn, a]),
    ...b.vns.map((vn): [PartyName, string, Party] => ['b', vn, b]),
  ]
}

function toAllocation(row: Row): Allocation {
  return {
    id: row.id,
    accountId: row.account_id,
    transactionId: row.transaction_id,
    a: toParty(row.a),
    b: toParty(row.b),
    usage: row.usage,
    state: row.state,
    createdAt: ms(row.created_at),
    deallocateAt: ms(row.deallocate_at),
    endedAt: ms(row.ended_at),
  }
}

/** JSON has no undefined: a party without a PIN comes back without the key. */
function toParty(json: string): Party {
  const { numbers, vns, pin } = JSON.parse(json) as Omit<Party, 'pin'> & { pin?: string }
  return { numbers, vns, pin }
}
