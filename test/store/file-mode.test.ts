import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openSqlite } from '../../src/store/sqlite.ts'

let folder: string
let umask: number

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'pinbridge-mode-'))
  // The usual one, which lets everybody read.
  umask = process.umask(0o022)
})
afterEach(() => {
  process.umask(umask)
  rmSync(folder, { recursive: true })
})

const modes = () =>
  Object.fromEntries(
    readdirSync(folder).map((name) => [name, (statSync(path.join(folder, name)).mode & 0o777).toString(8)]),
  )

test('the database and what SQLite puts beside it are for one user only', async () => {
  const store = openSqlite(path.join(folder, 'a.db'))
  await store.touch(1)
  expect(modes()).toEqual({ 'a.db': '600', 'a.db-wal': '600', 'a.db-shm': '600' })
  await store.close()
})

test('the mode of a database that is there is left as its owner wants it', async () => {
  const file = path.join(folder, 'a.db')
  await openSqlite(file).close()
  chmodSync(file, 0o640)
  const store = openSqlite(file)
  await store.touch(1)
  expect(new Set(Object.values(modes()))).toEqual(new Set(['640']))
  await store.close()
})

test('opening it again takes no lock from who has it open', async () => {
  const file = path.join(folder, 'a.db')
  const store = openSqlite(file)
  await store.touch(1)
  // What SQLite calls the shared range (os.h, SHARED_FIRST).
  const held = new RegExp(` ${process.pid} .* 1073741826 1073742335$`)
  const locks = () =>
    readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => held.test(line))
  expect(locks()).toHaveLength(1)
  await openSqlite(file).close()
  expect(locks()).toHaveLength(1)
  await store.close()
})

test('a database in memory leaves no file', async () => {
  const before = readdirSync('.')
  await openSqlite(':memory:').close()
  expect(readdirSync('.')).toEqual(before)
})

test('a folder that is not there is told as such', () => {
  expect(() => openSqlite(path.join(folder, 'none/a.db'))).toThrow(/ENOENT/)
})
