import type { Database } from 'better-sqlite3'
import type { Allocation, PartyName } from '../../engine/allocations.ts'
import type { Event } from '../../engine/events.ts'
import type { Change, Membership, PinQuery, Store } from '../../engine/store.ts'
import { accountFinder, eachOnce } from './account-rows.ts'
import {
  ALLOCATION_COLUMNS as COLUMNS,
  type AllocationRow,
  allocationWriter,
  toAllocation,
} from './allocation-rows.ts'
import type { Commit } from './group-commit.ts'
import { guesses } from './guesses.ts'
import { ms, text } from './time.ts'

type Allocations = Pick<
  Store,
  | 'addAllocation'
  | 'findAllocation'
  | 'changeAllocation'
  | 'updateAllocation'
  | 'changeByPin'
  | 'membershipsOn'
  | 'hasAllocations'
  | 'dueAllocations'
  | 'nextDueAt'
>

type RowOfParty = AllocationRow & { party: PartyName }

/** Allocations, and finding them by what a caller keys or calls from. */
export function allocations(db: Database, commit: Commit, keep: (events?: Event[]) => void): Allocations {
  const write = allocationWriter(db)
  const lookUp = surroundings(db)
  const findAccount = accountFinder(db)
  const { tallies, keepBlame } = guesses(db)
  const sameTransaction = db.prepare<[string, string], AllocationRow>(
    `select ${COLUMNS} from allocation where account_id = ? and transaction_id = ? and state = 'active'`,
  )
  const own = db.prepare<[string, string], AllocationRow>(
    `select ${COLUMNS} from allocation where account_id = ? and id = ?`,
  )
  const byPin = db.prepare<[string, string], RowOfParty>(
    `select ${COLUMNS}, allocation_pin.party from allocation_pin
     join allocation on allocation.id = allocation_pin.allocation_id
     where allocation_pin.vn = ? and allocation_pin.pin = ? and free_at is null and allocation.state = 'active'`,
  )
  const byMember = db.prepare<[string, string], RowOfParty>(
    `select ${COLUMNS}, allocation_member.party from allocation_member
     join allocation on allocation.id = allocation_member.allocation_id
     where allocation_member.vn = ? and allocation_member.number = ? and allocation.state = 'active'`,
  )
  const due = db.prepare<[string, number], { account_id: string; id: string }>(
    `select account_id, id from allocation
     where state = 'active' and deallocate_at <= ? order by deallocate_at, id limit ?`,
  )
  const nextEnd = db
    .prepare<[], string | null>(`select min(deallocate_at) from allocation where state = 'active'`)
    .pluck()
  const nextFree = db
    .prepare<[], string | null>(`select min(free_at) from allocation_pin where free_at is not null`)
    .pluck()
  // Members first: nearly every allocation has some, and many PINs may be cooling off on the number.
  const inUse = db
    .prepare<[string, string], 0 | 1>(
      `select exists (select 1 from allocation_member where vn = ?)
       or exists (select 1 from allocation_pin where vn = ? and free_at is null)`,
    )
    .pluck()
  const pinsAlike = db
    .prepare<[string, number], number>(`select pins from allocation_pin_length where vn = ? and length = ?`)
    .pluck()

  function apply<R>(
    before: AllocationRow | undefined,
    change: Change<Allocation, R> & { retiredPinsFreeAt?: number | undefined },
  ): R {
    if (change.save && before) write.update(toAllocation(before), change.save, change.retiredPinsFreeAt)
    else if (change.save) write.insert(change.save)
    keep(change.events)
    return change.result
  }

  return {
    addAllocation: (query, decide) =>
      commit(() => {
        const same = sameTransaction.get(query.accountId, query.transactionId)
        const seen = { sameTransaction: same && toAllocation(same), ...lookUp(query) }
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
    updateAllocation: (query, decide) =>
      commit(() => {
        const row = own.get(query.accountId, query.id)
        return apply(row, decide(row && toAllocation(row), lookUp(query)))
      }),
    changeByPin: ({ vn, pin, caller, guesser }, decide) =>
      commit(() => {
        const row = byPin.get(vn, pin)
        const found = row && toMembership(row)
        const change = decide(found, {
          tallies: tallies(guesser),
          known: caller !== undefined && found?.allocation[found.party].numbers.includes(caller) === true,
          pinsAlike: pinsAlike.get(vn, pin.length) ?? 0,
        })
        keepBlame(guesser, change.blame)
        return apply(row, change)
      }),
    membershipsOn: (vn, number) => Promise.resolve(byMember.all(vn, number).map(toMembership)),
    hasAllocations: (vn) => Promise.resolve(inUse.get(vn, vn) === 1),
    dueAllocations: (now, limit) => {
      const account = eachOnce(findAccount)
      const found = due.all(text(now), limit).flatMap(({ account_id: accountId, id }) => {
        const owner = account(accountId)
        return owner ? [{ account: owner, id }] : []
      })
      return Promise.resolve(found)
    },
    nextDueAt: () => {
      const next = Math.min(...[nextEnd.get(), nextFree.get()].map((at) => ms(at ?? null) ?? Infinity))
      // What has no end waits for nothing.
      return Promise.resolve(next === Infinity ? undefined : next)
    },
  }
}

type Query = { accountId: string; pins: PinQuery; id?: string }

/** What is taken and what is owned, for a decision. PINs of the allocation `id` are not taken for itself. */
function surroundings(db: Database) {
  const pinTaken = db
    .prepare<[string, string, string], 1>(
      `select 1 from allocation_pin where vn = ? and pin = ? and allocation_id <> ?`,
    )
    .pluck()
  const ownsNumber = db
    .prepare<[string, string], 1>(
      `select 1 from virtual_number where number = ? and account_id = ? and flow = 'masking'`,
    )
    .pluck()
  return ({ accountId, pins: { a, b }, id = '' }: Query) => {
    const taken = ({ vns, pins }: PinQuery['a']) =>
      new Set(pins.filter((pin) => vns.some((vn) => pinTaken.get(vn, pin, id))))
    return {
      takenPins: { a: taken(a), b: taken(b) },
      ownVns: new Set([...a.vns, ...b.vns].filter((vn) => ownsNumber.get(vn, accountId))),
    }
  }
}

function toMembership(row: RowOfParty): Membership {
  return { allocation: toAllocation(row), party: row.party }
}
