/**
 * What a look-up of the rate of a number costs in a tariff of a million prefixes, against the fifteen possible prefixes
 * looked up by hand, one after the other, in a file with the same rows; how long the tariff takes to come in; and what callers
 * wait for meanwhile. Prints Markdown; bench/README.md says how to read it.
 *
 *     npm run bench:rates [-- --quick]
 */
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import type { Rate } from '../src/engine/rates.ts'
import type { Store } from '../src/engine/store.ts'
import { openSqlite } from '../src/store/sqlite.ts'
import { table } from './markdown.ts'
import { addAccount } from './pin-work.ts'
import { quantile } from './statistics.ts'

const RATES_A_GO = 1_000
const LONGEST_PREFIX = 15

const { values } = parseArgs({ options: { quick: { type: 'boolean' } } })
const [rates, lookUps, rounds] = values.quick ? [100_000, 20_000, 3] : [1_000_000, 100_000, 5]
const [load = 0] = loadavg()
const folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-bench-'))
try {
  console.log(await measured())
} finally {
  rmSync(folder, { recursive: true, force: true })
}

type Round = { ours: number[]; reference: number[] }

async function measured(): Promise<string> {
  const prefixes = worldOf(rates)
  const before = process.memoryUsage().rss
  const file = path.join(folder, 'rates.db')
  const store = openSqlite(file)
  const { id: accountId } = await addAccount(store)
  const begun = performance.now()
  const { tariffId, waitedMs } = await imported(store, accountId, prefixes)
  const importMs = performance.now() - begun
  const mostRss = process.memoryUsage().rss - before
  const twin = handWritten(path.join(folder, 'twin.db'), prefixes)
  const numbers = Array.from({ length: lookUps }, () => numberIn(prefixes))
  const all: Round[] = []
  for (let round = 0; round < rounds; round++) {
    const ours: number[] = []
    const reference: number[] = []
    // In turns, so that both see the same moments of the machine.
    for (const digits of numbers) {
      const start = performance.now()
      const found = await store.findRate(tariffId, digits)
      const between = performance.now()
      const byHand = twin.find(digits)
      reference.push((performance.now() - between) * 1_000)
      ours.push((between - start) * 1_000)
      if (found?.prefix !== byHand) throw new Error(`${found?.prefix} is not ${byHand}`)
    }
    all.push({ ours, reference })
  }
  twin.close()
  await store.close()
  return report({ all, importMs, waitedMs, mostRss, fileBytes: statSync(file).size })
}

/** A tariff as carriers send them: a few countries with deep trees of area and operator codes. */
function worldOf(count: number): string[] {
  const found = new Set<string>()
  for (let country = 1; country < 1_000; country++) found.add(String(country))
  while (found.size < count) {
    const length = 4 + randomInt(6)
    found.add(String(10 ** (length - 1) + randomInt(9 * 10 ** (length - 1))))
  }
  return [...found]
}

/** Behind a prefix that is there, so that every look-up finds something, of the length that telephone numbers have. */
function numberIn(prefixes: readonly string[]): string {
  const prefix = prefixes[randomInt(prefixes.length)] ?? ''
  return (prefix + String(randomInt(10 ** 9)).padStart(9, '0') + '000').slice(0, 12)
}

/** As `pinbridge tariff import` writes it, with somebody else who wants the store all the while. */
async function imported(store: Store, accountId: string, prefixes: readonly string[]) {
  const waitedMs: number[] = []
  const done = { yet: false }
  const others = (async () => {
    while (!done.yet) {
      const start = performance.now()
      await store.touch(Date.now())
      waitedMs.push(performance.now() - start)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  const { version } = await store.beginTariff(accountId, 'bench', Date.now())
  for (let i = 0; i < prefixes.length; i += RATES_A_GO)
    await store.putRates(version, prefixes.slice(i, i + RATES_A_GO).map(rateOf))
  const { id: tariffId } = await store.finishTariff(version)
  done.yet = true
  await others
  return { tariffId, waitedMs }
}

function rateOf(prefix: string): Rate {
  const price = { perMinuteMicros: 12_300, setUpMicros: 0, minimumSeconds: 0, incrementSeconds: 1 }
  return { prefix, name: `Destination ${prefix}`, ...price }
}

/** The same rows, and the way that comes to mind first: ask for each beginning of the number, the longest first. */
function handWritten(file: string, prefixes: readonly string[]) {
  const db = new Database(file)
  db.exec(
    'create table rate (prefix text primary key, name text not null, price integer not null) strict, without rowid',
  )
  const insert = db.prepare<[string, string]>('insert into rate values (?, ?, 12300)')
  db.transaction(() => {
    for (const prefix of prefixes) insert.run(prefix, `Destination ${prefix}`)
  })()
  const one = db.prepare<[string], { prefix: string }>(
    'select prefix, name, price from rate where prefix = ?',
  )
  return {
    close: () => db.close(),
    find(digits: string): string | undefined {
      for (let length = Math.min(digits.length, LONGEST_PREFIX); length > 0; length--) {
        const row = one.get(digits.slice(0, length))
        if (row) return row.prefix
      }
      return undefined
    },
  }
}

type Figures = { all: Round[]; importMs: number; waitedMs: number[]; mostRss: number; fileBytes: number }

function report({ all, importMs, waitedMs, mostRss, fileBytes }: Figures): string {
  const [cpu] = cpus()
  const of = (pick: keyof Round, q: number) =>
    quantile(
      all.map((round) => quantile(round[pick], q)),
      0.5,
    )
  const us = (pick: keyof Round, q: number) => of(pick, q).toFixed(1)
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
  const count = rates.toLocaleString('en')
  return [
    [
      `${new Date().toISOString().slice(0, 16)}Z, \`npm run bench:rates${values.quick ? ' -- --quick' : ''}\`.`,
      `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, Linux ${release()}, load ${load.toFixed(1)} before; Node ${process.version}.`,
      `Medians of ${rounds} rounds of ${lookUps.toLocaleString('en')} look-ups among ${count} rates, in turns.`,
    ].join('\n'),
    table([
      ['one look-up', 'ours', 'each beginning by hand', 'ratio'],
      ...([0.5, 0.99] as const).map((q) => [
        `p${q * 100} µs`,
        us('ours', q),
        us('reference', q),
        (of('ours', q) / of('reference', q)).toFixed(2),
      ]),
    ]),
    `${count} rates came in within ${(importMs / 1_000).toFixed(1)} s; somebody else's commit took p50 ` +
      `${quantile(waitedMs, 0.5).toFixed(1)}, p99 ${quantile(waitedMs, 0.99).toFixed(1)}, at most ` +
      `${quantile(waitedMs, 1).toFixed(1)} ms meanwhile. The file has ${mib(fileBytes)} MiB; resident memory grew by ` +
      `${mib(mostRss)} MiB, the list of prefixes not counted.`,
  ].join('\n\n')
}
