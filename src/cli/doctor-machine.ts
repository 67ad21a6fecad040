import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { ConfigError, type Config } from '../config.ts'
import { loadSecrets } from '../secrets.ts'
import { isAtLeast, type Check } from './check.ts'
import { databaseFile } from './store.ts'

const NODE_FLOOR = '24.11'
/** The first SQLite without the WAL-reset bug. */
const SQLITE_FLOOR = '3.51.3'

/** What a start needs of this machine. `appRuns`: the port is in use because this application uses it. */
export async function checkMachine(config: Config, appRuns: boolean): Promise<Check[]> {
  return [
    checkNode(),
    checkDataFolder(config.data),
    checkSecrets(config.data),
    ...(await checkDatabase(databaseFile(config))),
    await checkHttpPort(config, appRuns),
  ]
}

function checkNode(): Check {
  const found = process.versions.node
  if (isAtLeast(found, NODE_FLOOR)) return { name: 'Node', state: 'ok', found }
  return { name: 'Node', state: 'fail', found, todo: `Install ${NODE_FLOOR} or newer, or run npm ci.` }
}

function checkDataFolder(data: string): Check {
  const name = 'data folder'
  const there = existsSync(data)
  const looked = there ? data : nearestFolder(data)
  try {
    accessSync(looked, constants.W_OK | constants.X_OK)
  } catch {
    return {
      name,
      state: 'fail',
      found: `${looked} is not writable`,
      todo: `Give it to the user ${os.userInfo().username}.`,
    }
  }
  if (!there) return { name, state: 'ok', found: `${data} will be made by the first start` }
  const mode = statSync(data).mode & 0o777
  const found = `${data}, mode ${mode.toString(8)}`
  if ((mode & 0o077) === 0) return { name, state: 'ok', found }
  return { name, state: 'warn', found, todo: `Others can look into it, at PINs too: chmod 700 ${data}` }
}

function nearestFolder(folder: string): string {
  const parent = path.dirname(folder)
  return existsSync(parent) || parent === folder ? parent : nearestFolder(parent)
}

function checkSecrets(data: string): Check {
  const name = 'secrets'
  if (!existsSync(path.join(data, 'secrets.json')))
    return { name, state: 'ok', found: 'will be made by the first start' }
  try {
    loadSecrets(data)
    return { name, state: 'ok', found: 'complete, readable by this user only' }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { name, state: 'fail', found: error.message }
  }
}

async function checkDatabase(file: string): Promise<Check[]> {
  const name = 'database'
  let sqlite: Check | undefined
  try {
    const { default: Database } = await import('better-sqlite3')
    const memory = new Database(':memory:')
    sqlite = checkSqlite(memory.prepare('select sqlite_version()').pluck().get() as string)
    memory.close()
    if (!existsSync(file)) return [sqlite, { name, state: 'ok', found: 'will be made by the first start' }]
    const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 2_000 })
    const said = db.pragma('quick_check(1)', { simple: true }) as string
    db.close()
    if (said === 'ok') return [sqlite, { name, state: 'ok', found: `${file} is sound` }]
    throw new Error(said)
  } catch (error) {
    const found = (error as Error).message
    if (!sqlite)
      return [{ name: 'SQLite', state: 'fail', found, todo: 'Run npm ci with the Node that runs this.' }]
    return [
      sqlite,
      { name, state: 'fail', found: `${file}: ${found}`, todo: 'Stop pinbridge and restore a backup.' },
    ]
  }
}

function checkSqlite(found: string): Check {
  const name = 'SQLite'
  if (isAtLeast(found, SQLITE_FLOOR)) return { name, state: 'ok', found }
  return {
    name,
    state: 'fail',
    found,
    todo: `It can lose commits. ${SQLITE_FLOOR} or newer comes with npm ci.`,
  }
}

async function checkHttpPort({ http: { host, port } }: Config, appRuns: boolean): Promise<Check> {
  const name = 'HTTP port'
  const address = `${host}:${port}`
  if (appRuns) return { name, state: 'ok', found: `pinbridge serves ${address}` }
  const error = await whyTaken((done, fail) => {
    const server = createServer().once('error', fail)
    server.listen(port, host, () => server.close(() => done()))
  })
  if (!error) return { name, state: 'ok', found: port === 0 ? 'any free one' : `${address} is free` }
  const todo = 'Stop what listens there, or set http.host and http.port.'
  return { name, state: 'fail', found: error.message, todo }
}

/** Why an address cannot be had; undefined when it can. */
export function whyTaken(
  attempt: (done: () => void, fail: (error: Error) => void) => void,
): Promise<Error | undefined> {
  return new Promise((resolve) => attempt(() => resolve(undefined), resolve))
}
