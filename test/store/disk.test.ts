import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import Database from 'better-sqlite3'
import type { Store } from '../../src/engine/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { groupCommit } from '../../src/store/sqlite/group-commit.ts'
import { until } from '../support/until.ts'
import { account, ALL, call, refused, T0 } from './contract/given.ts'

describe('SQLite on a disk', () => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-store-'))
    file = path.join(folder, 'pinbridge.db')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function seeded(): Promise<Store> {
    const store = openSqlite(file)
    await store.addAccount(account('acme', ALL), [])
    return store
  }

  test('what was acknowledged is there after kill -9, whole, in each of 20 rounds', async () => {
    await (await seeded()).close()
    const rounds = Array.from({ length: 20 }, (_, n) => n)
    const acknowledged: string[] = []
    const atOnce = 2
    for (const round of rounds.filter((n) => n % atOnce === 0)) {
      const lines = await Promise.all(rounds.slice(round, round + atOnce).map((n) => writeUntilKilled(n)))
      acknowledged.push(...lines.flat())
    }
    // In the round n there were n + 1 of them, three calls each.
    expect(acknowledged).toHaveLength((20 * 21 * 3) / 2)
    const db = new Database(file, { readonly: true })
    const state = db.prepare('select state from call where id = ?').pluck()
    for (const id of acknowledged) expect([id, state.get(id)]).toEqual([id, 'ended'])
    // Of what was not acknowledged, a call has ended exactly if its event is there.
    const half = db.prepare(
      `select count(*) from call left join event on event.id = call.id || '-event'
       where (call.state = 'ended') <> (event.id is not null)`,
    )
    expect(half.pluck().get()).toBe(0)
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    db.close()
  })

  /** A process that ends calls, three at a time, and kills itself the moment the last is acknowledged. */
  async function writeUntilKilled(round: number): Promise<string[]> {
    const script = `
      import { writeSync } from 'node:fs'
      import { openSqlite } from ${JSON.stringify(new URL('../../src/store/sqlite.ts', import.meta.url).href)}
      const store = openSqlite(process.argv[1])
      const call = ${JSON.stringify(call())}
      async function one(id) {
        await store.addCall({ ...call, id })
        await store.changeCall(id, (found) => ({
          save: { ...found, state: 'ended', endedAt: ${T0} },
          events: [{ ...${JSON.stringify(refused('acme'))}, id: id + '-event' }],
        }))
      }
      for (let n = 0; ; n++) {
        const ids = [0, 1, 2].map((m) => ['${round}', n, m].join('-'))
        await Promise.all(ids.map((id, m) => one(id).then(() => {
          writeSync(1, 'acked ' + id + '\\n')
          if (n === ${round} && m === 2) process.kill(process.pid, 'SIGKILL')
        })))
        void one('pending-${round}-' + n)
      }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (data: Buffer) => (said += data.toString()))
    const signal = await new Promise((closed) => child.on('close', (_, by) => closed(by)))
    expect(signal).toBe('SIGKILL')
    return [...said.matchAll(/^acked (.+)$/gm)].map(([, id = '']) => id)
  }

  test('a promise resolves after its commit: another connection sees the row', async () => {
    const store = await seeded()
    const other = new Database(file, { readonly: true })
    const seen = other.prepare('select count(*) from call').pluck()
    for (let n = 1; n <= 20; n++) {
      const adding = store.addCall(call())
      expect(seen.get()).toBe(n - 1)
      await adding
      expect(seen.get()).toBe(n)
    }
    other.close()
    await store.close()
  })

  test('all that comes in one turn of the event loop shares one commit', async () => {
    const store = await seeded()
    const db = new Database(file)
    const versions = new Set<unknown>()
    const inOneGroup = Array.from({ length: 10 }, () =>
      store.addCall(call()).then(() => versions.add(db.pragma('data_version', { simple: true }))),
    )
    await Promise.all(inOneGroup)
    expect(versions.size).toBe(1)
    db.close()
    await store.close()
  })

  test('another process that holds the lock for a moment delays a write and blocks nobody', async () => {
    const store = await seeded()
    const other = new Database(file)
    other.exec('begin immediate')
    let turns = 0
    const turning = setInterval(() => turns++, 10)
    // It is this event loop that lets go of the lock: were it blocked, that would never happen.
    const released = new Promise<void>((done) =>
      setTimeout(() => {
        other.exec('commit')
        done()
      }, 300),
    )
    let written = false
    const writes = Promise.all([
      store.touch(T0),
      store.addCall(call()),
      store.addEvents([refused('acme')]),
    ]).then(() => (written = true))
    expect(await store.lastAlive()).toBeUndefined() // reading is free
    await until(() => expect(turns).toBeGreaterThan(2))
    expect(written).toBe(false)
    await released
    await writes
    clearInterval(turning)
    expect(await store.lastAlive()).toBe(T0)
    expect(await store.openCalls()).toHaveLength(1)
    other.close()
    await store.close()
  })

  test('one that holds it for five seconds makes writes fail, and later ones go through', async () => {
    jest.useFakeTimers({
      now: T0,
      doNotFake: [
        'setTimeout',
        'clearTimeout',
        'setImmediate',
        'nextTick',
        'performance',
        'queueMicrotask',
        'hrtime',
        'setInterval',
        'clearInterval',
        'clearImmediate',
      ],
    })
    const store = await seeded()
    const other = new Database(file)
    other.exec('begin immediate')
    const writes = Promise.allSettled([store.touch(T0), store.touch(T0)])
    await new Promise((turn) => setImmediate(turn))
    const more = Promise.allSettled([store.touch(T0)])
    jest.setSystemTime(T0 + 5_001)
    for (const result of [...(await writes), ...(await more)])
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SQLITE_BUSY' } })
    other.exec('commit')
    await store.touch(T0 + 1)
    expect(await store.lastAlive()).toBe(T0 + 1)
    other.close()
    await store.close()
    jest.useRealTimers()
  })

  test('a full disk fails what was written then, and nothing hangs or is half there', async () => {
    const db = new Database(file)
    db.exec('create table t (x)')
    db.pragma('max_page_count = 8')
    const commit = groupCommit(db)
    const insert = db.prepare('insert into t values (?)')
    const row = (text: string) => commit(() => void insert.run(text))
    const results = await Promise.allSettled([row('before'), row('x'.repeat(100_000)), row('after')])
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SQLITE_FULL' } })
    await row('later')
    expect(db.prepare('select x from t').pluck().all()).toEqual(['later'])
    db.close()
  })

  test('a store opens while another process holds the lock', async () => {
    await (await seeded()).close()
    const other = new Database(file)
    other.exec('begin immediate')
    const store = openSqlite(file)
    expect(await store.accounts()).toHaveLength(1)
    other.exec('commit')
    other.close()
    await store.close()
  })

  test('opening again finds everything and changes nothing', async () => {
    const store = await seeded()
    await store.touch(T0)
    await store.close()
    const before = readFileSync(file)
    const again = openSqlite(file)
    expect(await again.lastAlive()).toBe(T0)
    expect((await again.accounts()).map(({ id }) => id)).toEqual(['acme'])
    await again.close()
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(readdirSync(folder)).toEqual(['pinbridge.db'])
  })

  test.each(['wal', 'delete'])(
    'a newer schema is refused and left untouched (journal_mode %s)',
    async (mode) => {
      await (await seeded()).close()
      const newer = new Database(file)
      newer.pragma('user_version = 9999')
      newer.pragma(`journal_mode = ${mode}`)
      newer.close()
      const before = readFileSync(file)
      expect(() => openSqlite(file)).toThrow(/schema 9999.*use a newer one/)
      expect(readFileSync(file).equals(before)).toBe(true)
      expect(readdirSync(folder)).toEqual(['pinbridge.db'])
    },
  )

  test.each([
    ['text', 'this is no database\n'.repeat(1_000)],
    ['a database whose first page is damaged', `SQLite format 3\0${'\xff'.repeat(8_000)}`],
  ])('a file that is %s is refused and left untouched', (_, content) => {
    writeFileSync(file, content, 'latin1')
    expect(() => openSqlite(file)).toThrow(/not a database|malformed|corrupt/)
    expect(readFileSync(file, 'latin1')).toBe(content)
  })

  test('a folder that is not there is an error', () => {
    expect(() => openSqlite(path.join(folder, 'nowhere', 'x.db'))).toThrow()
  })
})
