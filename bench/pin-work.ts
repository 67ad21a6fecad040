import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { v7 as newId } from 'uuid'
import { hashSecret } from '../src/api/login.ts'
import { DEFAULT_SETTINGS, type Account } from '../src/engine/accounts.ts'
import type { Context } from '../src/engine/context.ts'
import { checkPin } from '../src/engine/pin-check.ts'
import { writePins } from '../src/engine/pin-databases.ts'
import type { Store } from '../src/engine/store.ts'
import { openSqlite } from '../src/store/sqlite.ts'
import { newWebhookSecret } from '../src/webhooks/sign.ts'

const run = promisify(execFile)

export const UID = 'bench'
export const TOKEN = 'bench-token'
const DIGITS = 8
/** Checks that wait for their commit at once, as those of so many calls would. */
const IN_FLIGHT = 100

/** Milliseconds of ours and of the reference, of one round. */
export type Pair = { ours: number; reference: number }

export function contextOn(store: Store): Context {
  return { store, now: Date.now, randomInt: (max) => randomInt(max), newId }
}

/** An account that logs in to Simple PINs. */
export async function addAccount(store: Store): Promise<Account> {
  const settings = { ...DEFAULT_SETTINGS, timeZone: 'Europe/London', country: 'GB' }
  const account: Account = {
    ...{ id: newId(), sid: UID, name: UID, settings },
    webhookSecret: newWebhookSecret(),
  }
  const login = { dialect: 'stealthnet', user: UID, accountId: account.id } as const
  await store.addAccount(account, [{ ...login, secretHash: hashSecret(TOKEN) }])
  return account
}

/** The n-th PIN of a database that begins with `00000000`. */
export function pinOf(n: number): string {
  return String(n).padStart(DIGITS, '0')
}

/** As many PINs written by one write-pins on a new file, and the same rows by one INSERT … SELECT on another. */
export async function writing(file: string, count: number): Promise<Pair> {
  const store = openSqlite(`${file}.db`)
  const account = await addAccount(store)
  const range = { start: pinOf(0), end: pinOf(count - 1), beginsAt: undefined, expiresAt: undefined }
  const ours = await timed(() => writePins(contextOn(store), account, 1, range, count))
  await store.close()
  const db = openTwin(`${file}-twin.db`)
  const insert = db.prepare<[number]>(
    `with recursive n (i) as (values (0) union all select i + 1 from n where i < ?)
     insert into pin (database_id, pin, begins_at, expires_at) select 1, printf('%08d', i), null, null from n`,
  )
  const reference = await timed(() => Promise.resolve(insert.run(count - 1)))
  db.close()
  return { ours, reference }
}

/** Checks of PINs that are right, through the engine, and the same transaction in a loop over prepared statements. */
export async function checking(file: string, count: number, pins: number): Promise<Pair> {
  const store = openSqlite(`${file}.db`)
  const ctx = contextOn(store)
  const account = await addAccount(store)
  const range = { start: pinOf(0), end: pinOf(pins - 1), beginsAt: undefined, expiresAt: undefined }
  await writePins(ctx, account, 1, range, pins)
  let next = 0
  const checker = async () => {
    for (let n = next++; n < count; n = next++) {
      const check = { account, database: 1, pin: pinOf(n % pins), key: keyOf(n), way: 'bench' }
      const { status } = await checkPin(ctx, check)
      if (status !== 'ok') throw new Error(`PIN ${check.pin} was ${status}`)
    }
  }
  const ours = await timed(() => Promise.all(Array.from({ length: IN_FLIGHT }, checker)))
  await store.close()
  await copyFile(`${file}.db`, `${file}-twin.db`)
  const reference = await timed(() => Promise.resolve(checkByHand(`${file}-twin.db`, count, pins)))
  return { ours, reference }
}

/** Other callers than before, or nothing new would be written. */
function checkByHand(file: string, count: number, pins: number): void {
  const db = openTwin(file)
  const database = db.prepare(`select * from pin_database where id = 1`)
  const pin = db.prepare(`select begins_at, expires_at from pin where database_id = 1 and pin = ?`)
  const key = db.prepare(`select 1 from pin_key where database_id = 1 and pin = ? and key = ?`)
  const keys = db.prepare(`select count(*) from pin_key where database_id = 1 and pin = ?`)
  const tally = db.prepare(`select * from guess_tally where scope = ? and name = ?`)
  const use = db.prepare(`insert into pin_use (database_id, at, pin, key) values (1, ?, ?, ?)`)
  const newKey = db.prepare(`insert into pin_key (database_id, pin, key, first_used_at) values (1, ?, ?, ?)`)
  const check = (n: number) => {
    const [chosen, caller] = [pinOf(n % pins), keyOf(count + n)]
    const at = new Date().toISOString()
    database.get()
    for (const scope of ['caller', 'place', 'way']) tally.get(scope, caller)
    if (!pin.get(chosen)) throw new Error(`PIN ${chosen} is not there`)
    const known = key.get(chosen, caller)
    keys.get(chosen)
    use.run(at, chosen, caller)
    if (!known) newKey.run(chosen, caller, at)
  }
  // As many a commit as wait for one in ours.
  const checkSome = db.transaction((from: number) => {
    for (let n = from; n < Math.min(from + IN_FLIGHT, count); n++) check(n)
  })
  for (let n = 0; n < count; n += IN_FLIGHT) checkSome.immediate(n)
  db.close()
}

function keyOf(n: number): string {
  return `+4477${String(10_000_000 + n)}`
}

/** One download of a whole database over HTTP, and the sqlite3 shell's dump of the same rows from a copy of the file. */
export async function downloading(port: number, copy: string, rows: number): Promise<Pair> {
  const address = `http://127.0.0.1:${port}/simple-pins/?uid=${UID}&token=${TOKEN}&action=download-db&db=1`
  const wanted = rows
  const count = async (file: string) => {
    let lines = 0
    for await (const chunk of createReadStream(file)) {
      const bytes = chunk as Buffer
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++
    }
    if (lines !== wanted) throw new Error(`${file} has ${lines} lines instead of ${wanted}`)
  }
  const ours = await timed(() => run('curl', ['-sSf', '-o', `${copy}.ours`, address]))
  await count(`${copy}.ours`)
  const dump = `.mode csv\n.once ${copy}.shell\nselect pin, number, expires_at, begins_at from pin join pin_database on id = database_id where number = 1 order by pin;`
  const reference = await timed(() => shell(copy, dump))
  await count(`${copy}.shell`)
  return { ours, reference }
}

async function shell(file: string, input: string): Promise<void> {
  const child = run('sqlite3', ['-readonly', file])
  child.child.stdin?.end(`${input}\n`)
  await child
}

/** The same tables and the same durability on better-sqlite3 alone. */
function openTwin(file: string): Database.Database {
  void openSqlite(file).close()
  const db = new Database(file, { timeout: 5_000 })
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.prepare(
    `insert into account (id, sid, name, settings, webhook_secret) values ('twin', 'twin', 'twin', '{}', '') on conflict do nothing`,
  ).run()
  db.prepare(
    `insert into pin_database (id, account_id, number, label, max_keys, action)
     values (1, 'twin', 1, '', 0, '{}') on conflict do nothing`,
  ).run()
  return db
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
