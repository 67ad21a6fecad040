import type { Database } from 'better-sqlite3'
import type { DatabasePin, PinKey, PinStore, PinUse, UsePosition } from '../../engine/pin-store.ts'
import type { Commit } from './group-commit.ts'
import { inTurn } from './in-turn.ts'
import { databaseRows } from './pin-databases.ts'
import { pinKeys } from './pin-keys.ts'
import { ms, text } from './time.ts'

type PinLists = Pick<PinStore, 'pinsAfter' | 'usesAfter' | 'keysAfter' | 'deletePinKeys'>

type PinRow = [pin: string, begins: string | null, expires: string | null]
type UseRow = [id: number, at: string, pin: string, key: string]
type KeyRow = [pin: string, key: string, first: string]

/** Pages of PINs, uses and keys, each read from its place in an index: no page costs more than the first. */
export function pinLists(db: Database, commit: Commit): PinLists {
  const { find } = databaseRows(db)
  const pins = db
    .prepare<[number, string, number], PinRow>(
      `select pin, begins_at, expires_at from pin where database_id = ? and pin > ? order by pin limit ?`,
    )
    .raw()
  const uses = db
    .prepare<[number, string, number, string, number], UseRow>(
      `select id, at, pin, key from pin_use where database_id = ? and (at, id) > (?, ?) and at < ? order by at, id limit ?`,
    )
    .raw()
  const keys = db
    .prepare<[number, string, string, number], KeyRow>(
      `select pin, key, first_used_at from pin_key where database_id = ? and (pin, key) > (?, ?) order by pin, key limit ?`,
    )
    .raw()
  const keysOfPin = db
    .prepare<[number, string, string, number], KeyRow>(
      `select pin, key, first_used_at from pin_key where database_id = ? and pin = ? and key > ? order by key limit ?`,
    )
    .raw()
  const { deleteKeys } = pinKeys(db)

  /** Of the account's database, or nothing where there is none. */
  const listed = <T>(accountId: string, number: number, read: (id: number) => T[]): Promise<T[]> =>
    inTurn(() => {
      const row = find(accountId, number)
      return row ? read(row.id) : []
    })

  return {
    pinsAfter: (accountId, number, after, limit) =>
      listed(accountId, number, (id) => pins.all(id, after ?? '', limit).map(toPin)),
    usesAfter: (accountId, number, { from, to }, after, limit) =>
      listed(accountId, number, (id) =>
        uses.all(id, text(after?.at ?? from), after?.id ?? 0, text(to), limit).map(toUse),
      ),
    keysAfter: (accountId, number, pin, after, limit) =>
      listed(accountId, number, (id) => {
        const rows =
          pin === undefined
            ? keys.all(id, after?.pin ?? '', after?.key ?? '', limit)
            : keysOfPin.all(id, pin, after?.key ?? '', limit)
        return rows.map(toKey)
      }),
    deletePinKeys: (accountId, number, pin, key) =>
      commit(() => {
        const row = find(accountId, number)
        if (row) deleteKeys(row.id, pin, key)
      }),
  }
}

function toPin([pin, begins, expires]: PinRow): DatabasePin {
  return { pin, beginsAt: ms(begins), expiresAt: ms(expires) }
}

function toUse([id, at, pin, key]: UseRow): PinUse & UsePosition {
  return { id, at: ms(at), pin, key }
}

function toKey([pin, key, first]: KeyRow): PinKey {
  return { pin, key, firstUsedAt: ms(first) }
}
