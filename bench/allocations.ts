/**
 * What an allocation and the look-up of a caller cost on a virtual number that has 100, 1,000 and 10,000 allocations, each
 * against the same number of plain rows in SQLite. Prints Markdown; bench/README.md says how to read it.
 *
 *     npm run bench:allocations [-- --quick]
 */
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { v7 as newId } from 'uuid'
import { DEFAULT_SETTINGS, type Account } from '../src/engine/accounts.ts'
import { createAllocation } from '../src/engine/allocate.ts'
import { endAllocation } from '../src/engine/allocations.ts'
import type { Context } from '../src/engine/context.ts'
import { joinByPin, whoIsCalling } from '../src/engine/membership.ts'
import { openSqlite } from '../src/store/sqlite.ts'
import { newWebhookSecret } from '../src/webhooks/sign.ts'
import { table } from './markdown.ts'
import { quantile } from './statistics.ts'

const SIZES = [100, 1_000, 10_000]
const VN = '+916292134471'
const PIN_LENGTH = 6
/** Prepared at once, so that they share commits. */
const AT_ONCE = 1_000

type Effort = { rounds: number; creates: number; lookUps: number }
const FULL: Effort = { rounds: 7, creates: 150, lookUps: 2_000 }
const QUICK: Effort = { rounds: 3, creates: 50, lookUps: 500 }

/** Milliseconds of single operations. */
type Samples = { create: number[]; commit: number[]; known: number[]; byPin: number[]; row: number[] }

type Stage = {
  size: number
  samples: Samples
  round: (effort: Effort) => Promise<void>
  close: () => Promise<void>
}

const [load = 0] = loadavg()
const { values } = parseArgs({ options: { quick: { type: 'boolean' } } })
const effort = values.quick ? QUICK : FULL
const folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-bench-'))
try {
  const stages: Stage[] = []
  for (const size of SIZES) {
    console.error(`filling a virtual number with ${size} allocations`)
    stages.push(await setStage(path.join(folder, String(size)), size))
  }
  // In turns, so that what disturbs the machine meets all sizes alike. The first round warms up and is not counted.
  for (let round = 0; round <= effort.rounds; round++) {
    console.error(`round ${round} of ${effort.rounds}`)
    for (const stage of stages) {
      await stage.round(effort)
      if (round === 0) for (const list of Object.values(stage.samples)) list.length = 0
    }
  }
  console.log(report(stages))
  for (const stage of stages) await stage.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function setStage(file: string, size: number): Promise<Stage> {
  const store = openSqlite(`${file}.db`)
  const ctx: Context = { store, now: Date.now, randomInt: (max) => randomInt(max), newId }
  const account = await addAccount(ctx)
  const pins: string[] = []
  for (let n = 0; n < size; n += AT_ONCE) {
    const made = Array.from({ length: Math.min(AT_ONCE, size - n) }, (_, i) => allocate(ctx, account, n + i))
    for (const { a } of await Promise.all(made)) pins.push(a.pin ?? '')
  }
  const twin = openTwin(`${file}-twin.db`, size)
  const samples: Samples = { create: [], commit: [], known: [], byPin: [], row: [] }
  const anyone = () => randomInt(size)
  return {
    size,
    samples,
    async round({ creates, lookUps }) {
      for (let i = 0; i < creates; i++) {
        const made = await timed(samples.create, () => allocate(ctx, account, size + i))
        await timed(samples.commit, () => twin.write(newId()))
        await endAllocation(ctx, account, made.id)
      }
      for (let i = 0; i < lookUps; i++) {
        const n = anyone()
        await timed(samples.known, () => whoIsCalling(ctx, account, VN, member(n)))
        await timed(samples.row, () => twin.read(n))
      }
      for (let i = 0; i < creates; i++) {
        const n = anyone()
        const keyed = { account, vn: VN, caller: member(n), pin: pins[n] ?? '', callId: 'bench' }
        await timed(samples.byPin, () => joinByPin(ctx, keyed))
      }
    },
    async close() {
      twin.close()
      await store.close()
    },
  }
}

async function addAccount({ store }: Context): Promise<Account> {
  const settings = { ...DEFAULT_SETTINGS, pinLength: { a: PIN_LENGTH, b: PIN_LENGTH } }
  const account: Account = {
    id: newId(),
    sid: 'bench',
    name: 'bench',
    settings,
    webhookSecret: newWebhookSecret(),
  }
  await store.addAccount(account, [])
  await store.addNumber({ number: VN, accountId: account.id, flow: 'masking' })
  return account
}

function allocate(ctx: Context, account: Account, n: number) {
  return createAllocation(ctx, account, {
    transactionId: newId(),
    a: { numbers: [member(n)], vns: [VN] },
    b: { numbers: [`+9199${10_000_000 + n}`], vns: [] },
  })
}

function member(n: number): string {
  return `+9198${10_000_000 + n}`
}

/** The same on better-sqlite3 alone: one row of the same length, durably, and one row by its key. */
function openTwin(file: string, size: number) {
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('create table row (id text primary key, body text not null) strict, without rowid')
  const insert = db.prepare('insert into row values (?, ?)')
  const body = 'x'.repeat(400)
  db.transaction(() => {
    for (let n = 0; n < size; n++) insert.run(`row ${n}`, body)
  })()
  const find = db.prepare<[string], { body: string }>('select body from row where id = ?')
  return {
    write: (id: string) => Promise.resolve(insert.run(id, body)),
    read: (n: number) => Promise.resolve(find.get(`row ${n}`)),
    close: () => db.close(),
  }
}

async function timed<T>(samples: number[], work: () => Promise<T>): Promise<T> {
  const started = performance.now()
  const result = await work()
  samples.push(performance.now() - started)
  return result
}

function report(stages: Stage[]): string {
  const [least] = stages
  const us = (list: number[], q: number) => quantile(list, q) * 1_000
  const rows = stages.map(({ size, samples: { create, commit, known, byPin, row } }) => [
    size.toLocaleString('en'),
    `${quantile(create, 0.5).toFixed(2)} / ${quantile(create, 0.99).toFixed(2)}`,
    (quantile(create, 0.5) / quantile(commit, 0.5)).toFixed(2),
    `${us(known, 0.5).toFixed(0)} / ${us(known, 0.99).toFixed(0)}`,
    (quantile(known, 0.5) / quantile(row, 0.5)).toFixed(1),
    `${quantile(byPin, 0.5).toFixed(2)} / ${quantile(byPin, 0.99).toFixed(2)}`,
  ])
  const growth = (pick: (samples: Samples) => number[]) => {
    const [first, last] = [least, stages.at(-1)].map((stage) =>
      stage ? quantile(pick(stage.samples), 0.5) : NaN,
    )
    return ((last ?? NaN) / (first ?? NaN)).toFixed(2)
  }
  const [cpu] = cpus()
  return [
    [
      `${new Date().toISOString().slice(0, 16)}Z, \`npm run bench:allocations${values.quick ? ' -- --quick' : ''}\`.`,
      `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, Linux ${release()}, load ${load.toFixed(1)} before; Node ${process.version}.`,
      `${effort.rounds} rounds of ${effort.creates} allocations and ${effort.lookUps} look-ups of each size, in turns.`,
    ].join('\n'),
    table([
      [
        'allocations on the VN',
        'create p50 / p99 ms',
        '÷ one durable row',
        'known caller p50 / p99 µs',
        '÷ one row by key',
        'PIN p50 / p99 ms',
      ],
      ...rows,
    ]),
    `From 100 to 10,000 the medians grow by: create ${growth(({ create }) => create)}, known caller ` +
      `${growth(({ known }) => known)}, PIN ${growth(({ byPin }) => byPin)}, the plain row ${growth(({ row }) => row)}.`,
  ].join('\n\n')
}
