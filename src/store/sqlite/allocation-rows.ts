import type { Database } from 'better-sqlite3'
import type { Allocation, AllocationState, Party, PartyName, Usage } from '../../engine/allocations.ts'
import { ms, text } from './time.ts'

export type AllocationRow = {
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
  pins_free_at: string | null
}

const NAMES = [
  ...['id', 'account_id', 'transaction_id', 'a', 'b', 'usage', 'state'],
  ...['created_at', 'deallocate_at', 'ended_at', 'pins_free_at'],
]
export const ALLOCATION_COLUMNS = NAMES.map((name) => `allocation.${name}`).join(', ')

export function toAllocation(row: AllocationRow): Allocation {
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
    pinsFreeAt: ms(row.pins_free_at),
  }
}

/** JSON has no undefined: a party without a PIN comes back without the key. */
function toParty(json: string): Party {
  const { numbers, vns, pin } = JSON.parse(json) as Omit<Party, 'pin'> & { pin?: string }
  return { numbers, vns, pin }
}

/**
 * Writes allocations and keeps the two indexes equal to them: an active one has its PINs and members there, one that
 * cools off its PINs, with the instant at which they are free, and one that has ended otherwise nothing. PINs that an
 * active one has given up may cool off beside its own.
 */
export function allocationWriter(db: Database) {
  const insert = db.prepare<[AllocationRow]>(
    `insert into allocation (${NAMES.join(', ')}) values (${NAMES.map((name) => `@${name}`).join(', ')})`,
  )
  const update = db.prepare<[AllocationRow]>(
    `update allocation set a = @a, b = @b, usage = @usage, state = @state, deallocate_at = @deallocate_at,
     ended_at = @ended_at, pins_free_at = @pins_free_at where id = @id`,
  )
  const index = indexWriter(db)

  return {
    insert(allocation: Allocation): void {
      insert.run(toRow(allocation))
      index(undefined, allocation)
    },
    /** `retiredFreeAt`: until when PINs that an active allocation gives up stay reserved. */
    update(from: Allocation, to: Allocation, retiredFreeAt?: number): void {
      update.run(toRow(to))
      index(from, to, retiredFreeAt)
    },
  }
}

function toRow(allocation: Allocation): AllocationRow {
  return {
    id: allocation.id,
    account_id: allocation.accountId,
    transaction_id: allocation.transactionId,
    a: JSON.stringify(allocation.a),
    b: JSON.stringify(allocation.b),
    usage: allocation.usage,
    state: allocation.state,
    created_at: text(allocation.createdAt),
    deallocate_at: text(allocation.deallocateAt),
    ended_at: text(allocation.endedAt),
    pins_free_at: text(allocation.pinsFreeAt),
  }
}

/** A PIN or a member as its index has it: what it is, on which virtual number, and of which party. */
type Entry = [vn: string, what: string, party: PartyName]

/**
 * Writes the difference only: a caller who joins is one row, and a PIN that was released while its allocation cooled off
 * does not come back with a later change of that allocation.
 */
function indexWriter(db: Database) {
  const addPin = db.prepare<[...Entry, string, string | null]>(
    `insert into allocation_pin (vn, pin, party, allocation_id, free_at) values (?, ?, ?, ?, ?)`,
  )
  // By its allocation too: the PIN may be another's by now.
  const dropPin = db.prepare<[...Entry, string]>(
    `delete from allocation_pin where vn = ? and pin = ? and party = ? and allocation_id = ?`,
  )
  const freePin = db.prepare<[string | null, ...Entry, string]>(
    `update allocation_pin set free_at = ? where vn = ? and pin = ? and party = ? and allocation_id = ?`,
  )
  const addMember = db.prepare<[...Entry, string]>(
    `insert into allocation_member (vn, number, party, allocation_id) values (?, ?, ?, ?)`,
  )
  const dropMember = db.prepare<[...Entry, string]>(
    `delete from allocation_member where vn = ? and number = ? and party = ? and allocation_id = ?`,
  )

  // One that it gave up before, and that still cools off.
  const reclaimPin = db.prepare<[string, string, string]>(
    `delete from allocation_pin where vn = ? and pin = ? and allocation_id = ? and free_at is not null`,
  )

  return (from: Allocation | undefined, to: Allocation, retiredFreeAt?: number): void => {
    const { id, pinsFreeAt } = to
    const freeAt = text(pinsFreeAt)
    const retired = to.state === 'active' ? text(retiredFreeAt) : null
    const [pins, members] = [difference(from, to, pinsOf), difference(from, to, membersOf)]
    // First everything out: the parties may have swapped their PINs on the same virtual number.
    for (const pin of pins.out) {
      if (retired === null) dropPin.run(...pin, id)
      else freePin.run(retired, ...pin, id)
    }
    for (const member of members.out) dropMember.run(...member, id)
    for (const pin of pins.in) {
      if (from) reclaimPin.run(pin[0], pin[1], id)
      addPin.run(...pin, id, freeAt)
    }
    for (const member of members.in) addMember.run(...member, id)
    if (from?.pinsFreeAt !== pinsFreeAt) for (const pin of pins.stay) freePin.run(freeAt, ...pin, id)
  }
}

function difference(from: Allocation | undefined, to: Allocation, entriesOf: (of: Allocation) => Entry[]) {
  const [before, after] = [from ? entriesOf(from) : [], entriesOf(to)]
  const [had, has] = [new Set(before.map(String)), new Set(after.map(String))]
  return {
    out: before.filter((entry) => !has.has(String(entry))),
    stay: before.filter((entry) => has.has(String(entry))),
    in: after.filter((entry) => !had.has(String(entry))),
  }
}

function pinsOf({ a, b, state, pinsFreeAt }: Allocation): Entry[] {
  if (state !== 'active' && pinsFreeAt === undefined) return []
  const entries = ({ vns, pin }: Party, party: PartyName) =>
    pin === undefined ? [] : vns.map((vn): Entry => [vn, pin, party])
  return [...entries(a, 'a'), ...entries(b, 'b')]
}

/** A virtual number knows a number once in an allocation: as a member of the first party that lists it. */
function membersOf({ a, b, state }: Allocation): Entry[] {
  if (state !== 'active') return []
  const entries = ({ vns, numbers }: Party, party: PartyName) =>
    vns.flatMap((vn) => numbers.map((number): Entry => [vn, number, party]))
  const first = new Map<string, Entry>()
  for (const entry of [...entries(b, 'b'), ...entries(a, 'a')]) first.set(entry.slice(0, 2).join(), entry)
  return [...first.values()]
}
