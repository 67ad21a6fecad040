/**
 * What databases of PINs cost: checks, a million PINs written and downloaded, each against the same work done by hand; and
 * what a check sees while a million are written and ten slow readers download. Prints Markdown; bench/README.md says how to
 * read it.
 *
 *     npm run bench:pins [-- --quick]
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { openSqlite } from '../src/store/sqlite.ts'
import { serveStore } from './app.ts'
import { table } from './markdown.ts'
import { underLoad, type LoadFigures } from './pin-load.ts'
import { checking, downloading, writing, type Pair } from './pin-work.ts'
import { freePort } from './stand.ts'
import { quantile } from './statistics.ts'

type Effort = { rounds: number; checks: number; pins: number }
const FULL: Effort = { rounds: 5, checks: 50_000, pins: 1_000_000 }
const QUICK: Effort = { rounds: 3, checks: 10_000, pins: 100_000 }

const [load = 0] = loadavg()
const { values } = parseArgs({ options: { quick: { type: 'boolean' } } })
const effort = values.quick ? QUICK : FULL
const folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-bench-'))
const say = (line: string) => console.error(line)
try {
  const pairs = { check: [] as Pair[], write: [] as Pair[], download: [] as Pair[] }
  for (let round = 1; round <= effort.rounds; round++) {
    say(`round ${round} of ${effort.rounds}`)
    const at = (what: string) => path.join(folder, `${what}${round}`)
    pairs.check.push(await checking(at('check'), effort.checks, effort.pins / 10))
    pairs.write.push(await writing(at('write'), effort.pins))
    const data = at('download')
    mkdirSync(data)
    // The file of the last write is what is downloaded; a copy of it is dumped, as the live one is the application's alone.
    await openSqlite(`${at('write')}.db`).close()
    copyFileSync(`${at('write')}.db`, path.join(data, 'pinbridge.db'))
    const port = await freePort('tcp')
    const app = await serveStore(data, port)
    try {
      pairs.download.push(await downloading(port, `${at('write')}.db`, effort.pins))
    } finally {
      await app.stop()
    }
  }
  const loaded = path.join(folder, 'load')
  mkdirSync(loaded)
  console.log(report(pairs, await underLoad(loaded, effort.pins, say)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function report(pairs: Record<'check' | 'write' | 'download', Pair[]>, figures: LoadFigures): string {
  const [cpu] = cpus()
  const count = effort.pins.toLocaleString('en')
  const median = (list: Pair[], pick: (pair: Pair) => number) => quantile(list.map(pick), 0.5)
  const seconds = (list: Pair[], pick: (pair: Pair) => number) => (median(list, pick) / 1_000).toFixed(2)
  const ratio = (list: Pair[]) => median(list, ({ ours, reference }) => ours / reference).toFixed(2)
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
  const ms = (list: number[], q: number) => quantile(list, q).toFixed(1)
  const perSecond = (pick: (pair: Pair) => number) =>
    Math.round((effort.checks / median(pairs.check, pick)) * 1_000).toLocaleString('en')
  const rate = median(pairs.check, ({ ours, reference }) => reference / ours).toFixed(2)
  return [
    [
      `${new Date().toISOString().slice(0, 16)}Z, \`npm run bench:pins${values.quick ? ' -- --quick' : ''}\`.`,
      `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, Linux ${release()}, load ${load.toFixed(1)} before; Node ${process.version}.`,
      `Medians of ${effort.rounds} rounds.`,
    ].join('\n'),
    table([
      ['', 'ours', 'by hand', 'ratio'],
      [
        'checks of a right PIN a second',
        perSecond(({ ours }) => ours),
        perSecond(({ reference }) => reference),
        rate,
      ],
      ...(['write', 'download'] as const).map((what) => [
        `${what} of ${count} PINs, s`,
        seconds(pairs[what], ({ ours }) => ours),
        seconds(pairs[what], ({ reference }) => reference),
        ratio(pairs[what]),
      ]),
    ]),
    `While ${count} PINs are written five times (${(quantile(figures.writesMs, 0.5) / 1_000).toFixed(1)} s each) and ten slow readers download as many:`,
    table([
      ['PIN checks over HTTP', 'number', 'p50 ms', 'p99 ms', 'largest ms'],
      ...(['before', 'during'] as const).map((when) => [
        when,
        String(figures[when].length),
        ...[0.5, 0.99, 1].map((q) => ms(figures[when], q)),
      ]),
    ]),
    `${figures.refused} checks not granted, ${figures.disconnects} times disconnected from Asterisk, WAL at most ` +
      `${mib(figures.mostWalBytes)} MiB, resident memory ${mib(figures.firstRssBytes)} MiB before and at most ${mib(figures.mostRssBytes)} MiB.`,
  ].join('\n\n')
}
