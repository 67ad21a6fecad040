import type { Database } from 'better-sqlite3'
import type { Store } from '../../engine/store.ts'
import type { Commit } from './group-commit.ts'
import { text } from './time.ts'

type Pins = Pick<Store, 'pinsInUse' | 'releasePins'>

/** The PINs of all allocations together, active or cooling off. */
export function pins(db: Database, commit: Commit): Pins {
  const ofLength = db
    .prepare<[string, number], string>(`select pin from allocation_pin where vn = ? and length(pin) = ?`)
    .pluck()
  // A PIN that opens its allocation has no `free_at` and is never due.
  const release = db.prepare<[string, number]>(
    `delete from allocation_pin where (vn, pin) in
     (select vn, pin from allocation_pin where free_at <= ? order by free_at limit ?)`,
  )
  return {
    pinsInUse: (vns, length) => Promise.resolve(new Set(vns.flatMap((vn) => ofLength.all(vn, length)))),
    releasePins: (now, limit) => commit(() => release.run(text(now), limit).changes),
  }
}
