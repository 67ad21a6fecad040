import type { Database } from 'better-sqlite3'

/** The keys of PINs, and how many each has: a PIN that everybody uses has too many to count them each time. */
export function pinKeys(db: Database) {
  const insert = db.prepare<[number, string, string, string]>(
    `insert into pin_key (database_id, pin, key, first_used_at) values (?, ?, ?, ?)`,
  )
  const countOne = db.prepare<[number, string]>(
    `insert into pin_key_count (database_id, pin, keys) values (?, ?, 1) on conflict do update set keys = keys + 1`,
  )
  const remove = db.prepare<[number, string, string]>(
    `delete from pin_key where database_id = ? and pin = ? and key = ?`,
  )
  const uncount = db.prepare<[number, number, string]>(
    `update pin_key_count set keys = keys - ? where database_id = ? and pin = ?`,
  )
  const removeAll = db.prepare<[number, string]>(`delete from pin_key where database_id = ? and pin = ?`)

  return {
    addKey: (databaseId: number, pin: string, key: string, firstUsedAt: string): void => {
      insert.run(databaseId, pin, key, firstUsedAt)
      countOne.run(databaseId, pin)
    },
    /** One of the PIN's keys, or all of them. */
    deleteKeys: (databaseId: number, pin: string, key: string | undefined): void => {
      const deleted = key === undefined ? removeAll.run(databaseId, pin) : remove.run(databaseId, pin, key)
      uncount.run(deleted.changes, databaseId, pin)
    },
  }
}
