import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Store } from '../engine/store.ts'
import { accounts } from './sqlite/accounts.ts'
import { allocationLists } from './sqlite/allocation-lists.ts'
import { allocations } from './sqlite/allocations.ts'
import { audit } from './sqlite/audit.ts'
import { callbacks } from './sqlite/callbacks.ts'
import { calls } from './sqlite/calls.ts'
import { campaigns } from './sqlite/campaigns.ts'
import { cardGroups } from './sqlite/card-groups.ts'
import { cardLists } from './sqlite/card-lists.ts'
import { cards } from './sqlite/cards.ts'
import { events } from './sqlite/events.ts'
import { groupCommit } from './sqlite/group-commit.ts'
import { holds } from './sqlite/holds.ts'
import { ledger } from './sqlite/ledger.ts'
import { lines } from './sqlite/lines.ts'
import { oneAtATime } from './sqlite/one-at-a-time.ts'
import { outbox } from './sqlite/outbox.ts'
import { pinChecks } from './sqlite/pin-checks.ts'
import { pinDatabases } from './sqlite/pin-databases.ts'
import { pinLists } from './sqlite/pin-lists.ts'
import { pins } from './sqlite/pins.ts'
import { requests } from './sqlite/requests.ts'
import { sendings } from './sqlite/sendings.ts'
import { subscriptions } from './sqlite/subscriptions.ts'
import { tariffs } from './sqlite/tariffs.ts'
import { vouchers } from './sqlite/vouchers.ts'

/** How long opening and migrating may wait for another process that writes, in milliseconds. */
const OPEN_TIMEOUT_MS = 5_000

const MIGRATIONS = new URL('./migrations/', import.meta.url)

/** The first SQLite without the WAL-reset bug, which can lose commits when two connections write. */
const SQLITE_FLOOR = [3, 51, 3] as const

/**
 * The store on SQLite. `file` may be ':memory:'. Creates the file, for this user only, and brings its
 * schema up to date.
 * `onDue` is called after each commit that left an event for a receiver.
 * Throws when the file was written by a newer pinbridge, or is damaged: it is left untouched then.
 */
export function openSqlite(file: string, onDue: () => void = () => undefined): Store {
  if (file !== ':memory:') createPrivate(file)
  const db = new Database(file, { timeout: OPEN_TIMEOUT_MS })
  try {
    prepare(db)
  } catch (error) {
    db.close()
    throw error
  }
  // From here on the group commit waits for the lock, without blocking the event loop.
  db.pragma('busy_timeout = 0')
  const commit = groupCommit(db)
  const commitAlone = oneAtATime(commit)
  const { keep, ...deliveries } = outbox(db, commit, onDue)
  return {
    ...accounts(db, commit, keep),
    ...allocations(db, commit, keep),
    ...allocationLists(db),
    ...pins(db, commit),
    ...pinDatabases(db, commit, commitAlone),
    ...pinLists(db, commit),
    ...pinChecks(db, commit),
    ...calls(db, commit, keep),
    ...cardGroups(db, commit),
    ...cards(db, commit, keep),
    ...cardLists(db),
    ...ledger(db),
    ...vouchers(db, commit),
    ...tariffs(db, commit, commitAlone),
    ...holds(db, commit),
    ...audit(db),
    ...lines(db, commit),
    ...callbacks(db, commit),
    ...requests(db, commit),
    ...campaigns(db, commit),
    ...subscriptions(db, commit),
    ...sendings(db, commit),
    ...deliveries,
    ...events(db, commit, onDue),
    async close() {
      await commit(() => undefined)
      db.close()
    },
  }
}

/**
 * PINs are in it, and SQLite would go by the umask; the WAL takes its mode from this file.
 * A file that is there is not even opened: closing it again would release the locks that SQLite has on it.
 */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function prepare(db: Database.Database): void {
  requireSqlite(db)
  const behind = missing(db).length > 0 // throws before anything is written
  db.pragma('journal_mode = WAL')
  // Only FULL keeps what was acknowledged through a power cut (sqlite.org/pragma.html#pragma_synchronous).
  db.pragma('synchronous = FULL')
  db.pragma('foreign_keys = ON')
  db.pragma('journal_size_limit = 67108864')
  // An up-to-date file opens without the write lock, which another process may hold.
  if (behind) migrate(db)
}

function requireSqlite(db: Database.Database): void {
  const version = db.prepare('select sqlite_version()').pluck().get() as string
  const found = version.split('.').map(Number)
  const order = SQLITE_FLOOR.map((floor, i) => (found[i] ?? 0) - floor).find((difference) => difference !== 0)
  if ((order ?? 0) < 0)
    throw new Error(`SQLite ${version} can lose commits; ${SQLITE_FLOOR.join('.')} or newer is needed`)
}

/** What the database lacks of migrations/NNNN-name.sql; the number is the schema's version. Throws when it is newer. */
function missing(db: Database.Database): string[] {
  const files = readdirSync(MIGRATIONS)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .sort()
  const version = db.pragma('user_version', { simple: true }) as number
  const newest = versionOf(files.at(-1))
  if (version > newest)
    throw new Error(
      `the database has schema ${version}, this pinbridge knows up to ${newest}: use a newer one`,
    )
  return files.filter((file) => versionOf(file) > version)
}

/** Runs what is missing, all in one transaction. */
function migrate(db: Database.Database): void {
  const run = db.transaction(() => {
    for (const file of missing(db)) {
      db.exec(readFileSync(new URL(file, MIGRATIONS), 'utf8'))
      db.pragma(`user_version = ${versionOf(file)}`)
    }
  })
  run.immediate()
}

function versionOf(file: string | undefined): number {
  return Number(file?.slice(0, 4))
}
