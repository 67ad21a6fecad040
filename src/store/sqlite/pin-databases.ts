import type { Database } from 'better-sqlite3'
import { NEW_DATABASE } from '../../engine/pin-databases.ts'
import { lastOf, type PinRun } from '../../engine/pin-range.ts'
import type { PinAction, PinDatabase, PinStore, Validity } from '../../engine/pin-store.ts'
import type { Commit } from './group-commit.ts'
import { text } from './time.ts'

type PinDatabases = Pick<
  PinStore,
  'changePinDatabase' | 'findPinDatabase' | 'pinDatabases' | 'writePins' | 'deletePins' | 'putPins'
>

type DatabaseRow = {
  id: number
  account_id: string
  number: number
  label: string
  max_keys: number
  action: string
}
type Kept = Pick<PinDatabase, 'label' | 'maxKeys' | 'action'>

/** The databases of PINs and what is in them. `commitAlone` is for runs and lists of them. */
export function pinDatabases(db: Database, commit: Commit, commitAlone: Commit): PinDatabases {
  const { find, make } = databaseRows(db)
  const update = db.prepare<[string, number, string, number]>(
    `update pin_database set label = ?, max_keys = ?, action = ? where id = ?`,
  )
  const all = db.prepare<[string], DatabaseRow & { pins: number }>(
    `select id, account_id, number, label, max_keys, action,
       (select coalesce(sum(pins), 0) from pin_length where database_id = pin_database.id) as pins
     from pin_database where account_id = ? order by number`,
  )
  const { writeRun, deleteRun } = pinRuns(db)
  const put = pinWriter(db)

  const idOf = (accountId: string, number: number): number =>
    find(accountId, number)?.id ?? make(accountId, number, NEW_DATABASE)

  return {
    changePinDatabase: (accountId, number, decide) =>
      commit(() => {
        const row = find(accountId, number)
        const { save, result } = decide(row && toDatabase(row))
        if (save && row) update.run(save.label, save.maxKeys, JSON.stringify(save.action), row.id)
        else if (save) make(accountId, number, save)
        return result
      }),
    findPinDatabase: (accountId, number) => {
      const row = find(accountId, number)
      return Promise.resolve(row && toDatabase(row))
    },
    pinDatabases: (accountId) =>
      Promise.resolve(all.all(accountId).map((row) => ({ ...toDatabase(row), pins: row.pins }))),
    writePins: (accountId, number, run, validity) =>
      commitAlone(() => writeRun(idOf(accountId, number), run, validity)),
    deletePins: (accountId, number, run) =>
      commitAlone(() => {
        const row = find(accountId, number)
        if (row) deleteRun(row.id, run)
      }),
    putPins: (accountId, number, pins, dryRun) =>
      commitAlone(() => {
        const id = find(accountId, number)?.id
        const counts = { created: 0, changed: 0, unchanged: 0 }
        if (dryRun) for (const pin of pins) counts[put.compared(id, pin)]++
        else if (pins.length > 0) {
          const made = id ?? make(accountId, number, NEW_DATABASE)
          for (const pin of pins) counts[put.kept(made, pin)]++
        }
        return counts
      }),
  }
}

/** Finding a database by its account's number, and making one. */
export function databaseRows(db: Database) {
  const find = db.prepare<[string, number], DatabaseRow>(
    `select id, account_id, number, label, max_keys, action from pin_database where account_id = ? and number = ?`,
  )
  const insert = db.prepare<[string, number, string, number, string]>(
    `insert into pin_database (account_id, number, label, max_keys, action) values (?, ?, ?, ?, ?)`,
  )
  return {
    find: (accountId: string, number: number): DatabaseRow | undefined => find.get(accountId, number),
    make: (accountId: string, number: number, { label, maxKeys, action }: Kept): number =>
      Number(insert.run(accountId, number, label, maxKeys, JSON.stringify(action)).lastInsertRowid),
  }
}

function toDatabase(row: DatabaseRow): PinDatabase {
  const { account_id: accountId, number, label, max_keys: maxKeys } = row
  return { accountId, number, label, maxKeys, action: JSON.parse(row.action) as PinAction }
}

/** Adds to how many PINs of a length a database has. */
function lengthCounter(db: Database) {
  const add = db.prepare<[number, number, number]>(
    `insert into pin_length (database_id, length, pins) values (?, ?, ?)
     on conflict do update set pins = pins + excluded.pins`,
  )
  const remove = db.prepare<[number, number, number]>(
    `update pin_length set pins = pins - ? where database_id = ? and length = ?`,
  )
  return (id: number, length: number, change: number): void => {
    if (change > 0) add.run(id, length, change)
    else if (change < 0) remove.run(-change, id, length)
  }
}

/** Consecutive PINs by one statement: as many rows as that, and no more, are looked at. */
function pinRuns(db: Database) {
  const count = lengthCounter(db)
  // The PINs of the run: the first as it is, so that a single one may have letters.
  const run = `with recursive run (n, pin) as (
    values (@from, @first)
    union all select n + 1, printf('%0*d', @length, n + 1) from run where n < @to
  )`
  const insert = db.prepare<Numbered & Times>(
    `${run} insert into pin (database_id, pin, begins_at, expires_at)
     select @id, pin, @begins, @expires from run where true on conflict do nothing`,
  )
  const update = db.prepare<Numbered & Times>(
    `${run} update pin set begins_at = @begins, expires_at = @expires
     where database_id = @id and pin in (select pin from run)
     and (begins_at is not @begins or expires_at is not @expires)`,
  )
  const remove = db.prepare<Numbered>(
    `${run} delete from pin where database_id = @id and pin in (select pin from run)`,
  )
  return {
    writeRun: (id: number, pins: PinRun, { beginsAt, expiresAt }: Validity): void => {
      const values = { ...numbered(id, pins), begins: text(beginsAt), expires: text(expiresAt) }
      const created = insert.run(values).changes
      count(id, pins.first.length, created)
      if (created < pins.count) update.run(values)
    },
    deleteRun: (id: number, pins: PinRun): void => {
      count(id, pins.first.length, -remove.run(numbered(id, pins)).changes)
    },
  }
}

type Numbered = { id: number; first: string; length: number; from: number; to: number }
type Times = { begins: string | null; expires: string | null }

function numbered(id: number, run: PinRun): Numbered {
  const { first } = run
  // A single PIN is not counted on from, and may be no number at all.
  const [from, to] = run.count === 1 ? [0, 0] : [Number(first), Number(lastOf(run))]
  return { id, first, length: first.length, from, to }
}

/** PINs one by one, each with its own validity. */
function pinWriter(db: Database) {
  const count = lengthCounter(db)
  const find = db.prepare<[number, string], { begins_at: string | null; expires_at: string | null }>(
    `select begins_at, expires_at from pin where database_id = ? and pin = ?`,
  )
  const write = db.prepare<[number, string, string | null, string | null]>(
    `insert into pin (database_id, pin, begins_at, expires_at) values (?, ?, ?, ?)
     on conflict do update set begins_at = excluded.begins_at, expires_at = excluded.expires_at`,
  )
  type Row = { pin: string } & Validity
  function compared(id: number | undefined, { pin, beginsAt, expiresAt }: Row) {
    const row = id === undefined ? undefined : find.get(id, pin)
    if (!row) return 'created'
    const same = row.begins_at === text(beginsAt) && row.expires_at === text(expiresAt)
    return same ? 'unchanged' : 'changed'
  }
  function kept(id: number, row: Row) {
    const what = compared(id, row)
    if (what !== 'unchanged') write.run(id, row.pin, text(row.beginsAt), text(row.expiresAt))
    if (what === 'created') count(id, row.pin.length, 1)
    return what
  }
  return { compared, kept }
}
