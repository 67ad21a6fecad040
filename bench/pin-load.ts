import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { Agent, request } from 'node:http'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startAsterisk } from '../src/asterisk.ts'
import { writePins } from '../src/engine/pin-databases.ts'
import { openSqlite } from '../src/store/sqlite.ts'
import { startApp } from './app.ts'
import { addAccount, contextOn, pinOf, TOKEN, UID } from './pin-work.ts'
import { freePort } from './stand.ts'
import { HOST } from './sip.ts'

/** What PIN checks saw while a million PINs were written and ten slow readers downloaded. */
export type LoadFigures = {
  /** Milliseconds of each check over HTTP, before and during. */
  before: number[]
  during: number[]
  /** Checks that were not granted. */
  refused: number
  /** Milliseconds of each write. */
  writesMs: number[]
  mostWalBytes: number
  /** Resident memory before, and at its most. */
  firstRssBytes: number
  mostRssBytes: number
  /** How often the connection to Asterisk was lost. */
  disconnects: number
}

const READERS = 10
/** What each slow reader takes at most, in bytes a second. */
const READER_BYTES_PER_SECOND = 256 * 1024
const CHECKS_PER_SECOND = 100
/** One after the other: a single one is over too soon for a hundredth part of the checks to say much. */
const WRITES = 5
/** Checks before the load, for comparison. */
const QUIET_CHECKS = 300

/** Runs it against the real application with an Asterisk beside it. `count`: PINs that are read, and as many are written. */
export async function underLoad(
  folder: string,
  count: number,
  say: (line: string) => void,
): Promise<LoadFigures> {
  await using parts = new AsyncDisposableStack()
  const file = path.join(folder, 'pinbridge.db')
  const store = openSqlite(file)
  const account = await addAccount(store)
  const range = { start: pinOf(0), end: pinOf(count - 1), beginsAt: undefined, expiresAt: undefined }
  await writePins(contextOn(store), account, 1, range, count)
  await store.close()

  const ariPassword = randomBytes(24).toString('hex')
  const [sipPort, ariPort, port] = [await freePort('udp'), await freePort('tcp'), await freePort('tcp')]
  const media = { trunkHost: HOST, trunkPort: sipPort + 1, rtpStart: 24_000, rtpEnd: 24_999 }
  const asterisk = await startAsterisk(
    { dataDir: folder, ariPort, ariPassword, sipHost: HOST, sipPort, ...media, dtmfMode: 'auto' },
    say,
  )
  parts.defer(() => asterisk.stop())
  const login = { url: asterisk.ariUrl, password: ariPassword }
  const app = await startApp(folder, port, login, undefined)
  parts.defer(() => app.stop())

  const rss = () =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${app.pid}/status`, 'utf8'))?.[1]) * 1024
  const figures: LoadFigures = {
    ...{ before: [], during: [], refused: 0, writesMs: [], mostWalBytes: 0, disconnects: 0 },
    ...{ firstRssBytes: rss(), mostRssBytes: 0 },
  }
  const watch = () => {
    figures.mostWalBytes = Math.max(figures.mostWalBytes, statSync(`${file}-wal`).size)
    figures.mostRssBytes = Math.max(figures.mostRssBytes, rss())
  }
  const checks = checker(port, figures)
  for (let n = 0; n < QUIET_CHECKS; n++)
    await Promise.all([checks.one('before'), pause(1_000 / CHECKS_PER_SECOND)])
  // Clients keep their connections; how long a new one takes to be accepted is not what is asked.
  await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port, { action: 'download-dbs' })))
  const readers = Array.from({ length: READERS }, () => slowReader(port))
  parts.defer(() => readers.forEach((stop) => stop()))

  const write = { over: false }
  const writing = writeAll(port, count, figures).finally(() => (write.over = true))
  const asked: Promise<void>[] = []
  while (!write.over) {
    asked.push(checks.one('during'))
    watch()
    await pause(1_000 / CHECKS_PER_SECOND)
  }
  await Promise.all([writing, ...asked])
  watch()
  const log = readFileSync(path.join(folder, 'app.log'), 'utf8')
  figures.disconnects = log.split('\n').filter((line) => /connected to Asterisk/.test(line)).length - 1
  return figures
}

/** So many PINs again and again, each time into another database. */
async function writeAll(port: number, count: number, figures: LoadFigures): Promise<void> {
  for (let db = 2; db < 2 + WRITES; db++) {
    const started = performance.now()
    const range = { 'start-pin': pinOf(0), 'end-pin': pinOf(count - 1) }
    const status = await ask(port, { action: 'write-pins', db: String(db), ...range })
    if (status !== 200) throw new Error(`write-pins answered ${status}`)
    figures.writesMs.push(performance.now() - started)
  }
}

/** One PIN check after another, each by a caller of its own and each timed. */
function checker(port: number, figures: LoadFigures) {
  let n = 0
  return {
    async one(when: 'before' | 'during') {
      const started = performance.now()
      const status = await ask(port, {
        action: 'check-pin',
        db: '1',
        pin: pinOf(n % 1_000),
        key: `+4477${10_000_000 + n++}`,
      })
      figures[when].push(performance.now() - started)
      if (status !== 200) figures.refused++
    },
  }
}

const CONNECTIONS = 32
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })

/** One request; resolves to its status once the answer is read to its end. */
function ask(port: number, parameters: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const query = new URLSearchParams({ uid: UID, token: TOKEN, ...parameters }).toString()
    request({ host: HOST, port, path: `/simple-pins/?${query}`, agent }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
    })
      .on('error', reject)
      .end()
  })
}

/** Downloads a whole database, a little at a time. Returns the function that ends it. */
function slowReader(port: number): () => void {
  const query = new URLSearchParams({ uid: UID, token: TOKEN, action: 'download-db', db: '1' }).toString()
  const asked = request({ host: HOST, port, path: `/simple-pins/?${query}`, agent: false }, (answer) => {
    answer.on('data', (chunk: Buffer) => {
      answer.pause()
      setTimeout(() => answer.resume(), (chunk.length / READER_BYTES_PER_SECOND) * 1_000)
    })
    answer.on('error', () => undefined)
  })
  asked.on('error', () => undefined).end()
  return () => asked.destroy()
}
