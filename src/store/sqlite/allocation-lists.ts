import type { Database } from 'better-sqlite3'
import type { ListPosition, Store } from '../../engine/store.ts'
import { ALLOCATION_COLUMNS as COLUMNS, type AllocationRow, toAllocation } from './allocation-rows.ts'
import { inTurn } from './in-turn.ts'
import { text } from './time.ts'

type AllocationLists = Pick<Store, 'allocationsAfter' | 'allocationsNamed'>

/** Before all that was ever created. */
const START: ListPosition = { createdAt: Infinity, id: '' }

/** Pages of an account's allocations, each read from its place in an index: no page costs more than the first. */
export function allocationLists(db: Database): AllocationLists {
  const list = db.prepare<[string, string, string, number], AllocationRow>(
    `select ${COLUMNS} from allocation where account_id = ? and (created_at, id) < (?, ?)
     order by created_at desc, id desc limit ?`,
  )
  const named = db.prepare<[string, string, string, string, number], AllocationRow>(
    `select ${COLUMNS} from allocation where account_id = ? and transaction_id = ? and (created_at, id) < (?, ?)
     order by created_at desc, id desc limit ?`,
  )
  return {
    allocationsAfter: (accountId, { createdAt, id } = START, limit) =>
      inTurn(() => list.all(accountId, text(createdAt), id, limit).map(toAllocation)),
    allocationsNamed: (accountId, transactionId, { createdAt, id } = START, limit) =>
      inTurn(() => named.all(accountId, transactionId, text(createdAt), id, limit).map(toAllocation)),
  }
}
