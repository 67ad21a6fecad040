import { createSocket } from 'node:dgram'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Config } from '../config.ts'
import { loadSecrets } from '../secrets.ts'
import { isAtLeast, type Check } from './check.ts'
import { whyTaken } from './doctor-machine.ts'

/** The first that keeps callers out of ARI (Asterisk's security advisories fixed by 22.10.1). */
const ASTERISK_FLOOR = '22.10.1'
const CHECKOUT = path.resolve(import.meta.dirname, '../..')

type Answer = { info: unknown; modules: unknown; sounds: unknown }
type Asked = { answer: Answer } | { refused: boolean; why: string }

/** Asterisk, as far as it can be asked: our own need not run unless the application does. */
export async function checkAsterisk(config: Config, appRuns: boolean): Promise<Check[]> {
  const { mode, ariUrl, ariUser = '', ariPassword = '', ariPort } = config.asterisk
  if (mode === 'none') return [{ name: 'Asterisk', state: 'ok', found: 'off, only HTTP is served' }]
  if (ariUrl !== undefined) return judge(await ask(ariUrl, ariUser, ariPassword), ariUrl, 'theirs')

  const url = `http://127.0.0.1:${ariPort}`
  const asked = await ask(url, 'pinbridge', ownPassword(config.data))
  const checks = [checkRootFolder(), await checkSipPort(config, 'answer' in asked)]
  if ('answer' in asked || appRuns || !asked.refused) return [...checks, ...judge(asked, url, 'ours')]
  return [...checks, { name: 'Asterisk', state: 'ok', found: 'does not run; pinbridge serve starts it' }]
}

function ownPassword(data: string): string {
  try {
    return existsSync(path.join(data, 'secrets.json')) ? loadSecrets(data).ariPassword : ''
  } catch {
    return ''
  }
}

async function ask(url: string, user: string, password: string): Promise<Asked> {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const get = async (what: string): Promise<unknown> => {
    const response = await fetch(`${url}/ari/${what}`, {
      headers: { authorization },
      redirect: 'error',
      signal: AbortSignal.timeout(5_000),
    })
    if (response.status === 401) throw new Error('it refuses the password')
    if (!response.ok) throw new Error(`it answers ${response.status} to GET /ari/${what}`)
    return response.json()
  }
  try {
    const info = await get('asterisk/info')
    return { answer: { info, modules: await get('asterisk/modules'), sounds: await get('sounds') } }
  } catch (error) {
    const { message, cause } = error as Error
    const { code } = (cause ?? {}) as NodeJS.ErrnoException
    return { refused: code === 'ECONNREFUSED', why: code ?? message }
  }
}

function judge(asked: Asked, url: string, whose: 'ours' | 'theirs'): Check[] {
  if ('answer' in asked) {
    const { info, modules, sounds } = asked.answer
    return [checkVersion(info, url), checkModules(modules, whose), checkPrompts(sounds)]
  }
  const todo =
    whose === 'ours'
      ? 'See asterisk.log and asterisk/log/messages.log in the data folder.'
      : 'Look whether it runs with ARI enabled, and at asterisk.ariUrl, ariUser and ariPassword.'
  return [{ name: 'Asterisk', state: 'fail', found: `no ARI at ${url}: ${asked.why}`, todo }]
}

function checkVersion(info: unknown, url: string): Check {
  const version = (info as { system?: { version?: string } }).system?.version ?? 'of unknown version'
  const found = `${version} at ${url}`
  if (isAtLeast(version, ASTERISK_FLOOR)) return { name: 'Asterisk', state: 'ok', found }
  return {
    name: 'Asterisk',
    state: 'fail',
    found,
    todo: `Its ARI has known holes: use ${ASTERISK_FLOOR} or newer.`,
  }
}

/** More modules than ours in somebody's own Asterisk are their business; missing ones are ours. */
function checkModules(modules: unknown, whose: 'ours' | 'theirs'): Check {
  const list = readFileSync(path.join(CHECKOUT, 'asterisk-docker/etc/modules.conf'), 'utf8')
  const wanted = new Set(Array.from(list.matchAll(/^\s*load\s*=>?\s*([\w.-]+)/gm), ([, name = '']) => name))
  const loaded = modules as { name: string; status: string }[]
  const running = new Set(loaded.filter(({ status }) => status === 'Running').map(({ name }) => name))
  const missing = [...wanted].filter((name) => !running.has(name))
  // Without the ending are the parts of Asterisk itself.
  const extra = loaded.map(({ name }) => name).filter((name) => name.endsWith('.so') && !wanted.has(name))

  const name = 'modules'
  if (missing.length > 0)
    return {
      name,
      state: 'fail',
      found: `not running: ${some(missing)}`,
      todo: 'Load them; Asterisk logs why it cannot.',
    }
  if (extra.length === 0)
    return { name, state: 'ok', found: `the ${wanted.size} listed ones run and no others` }
  const todo = 'Most holes in Asterisk are in modules that calls here never use: unload them.'
  return { name, state: whose === 'ours' ? 'fail' : 'warn', found: `also loaded: ${some(extra)}`, todo }
}

/** prompts.csv starts each line with name, language and file, none of which holds a comma. */
function checkPrompts(sounds: unknown): Check {
  const lines = readFileSync(path.join(CHECKOUT, 'sounds/prompts.csv'), 'utf8').trim().split('\n').slice(1)
  const wanted = lines.map((line) => line.split(',').slice(1, 3).join('/'))
  const there = new Set(
    (sounds as { id: string; formats: { language: string }[] }[]).flatMap(({ id, formats }) =>
      formats.map(({ language }) => `${language}/${id}`),
    ),
  )
  const missing = wanted.filter((prompt) => !there.has(prompt))
  const name = 'prompts'
  if (missing.length === 0) return { name, state: 'ok', found: `all ${wanted.length} can be played` }
  const todo =
    'Put the folder sounds/ where Asterisk reads it (sounds/README.md) and run "module reload sounds".'
  return { name, state: 'fail', found: `cannot be played: ${some(missing)}`, todo }
}

function some(names: string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
}

async function checkSipPort({ sip: { host, port } }: Config, asteriskRuns: boolean): Promise<Check> {
  const name = 'SIP port'
  if (asteriskRuns) return { name, state: 'ok', found: `our Asterisk serves ${host}:${port}` }
  const error = await whyTaken((done, fail) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').once('error', fail)
    socket.bind(port, host, () => socket.close(done))
  })
  if (!error) return { name, state: 'ok', found: `${host}:${port} is free` }
  return {
    name,
    state: 'fail',
    found: error.message,
    todo: 'Stop what listens there, or set sip.host and sip.port.',
  }
}

/** What asterisk-docker/rootfs.sh will need, in the order in which it looks. */
function checkRootFolder(): Check {
  const name = 'root folder'
  const { PINBRIDGE_CACHE, XDG_CACHE_HOME } = process.env
  const cache = PINBRIDGE_CACHE ?? path.join(XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'pinbridge')
  const built =
    existsSync(cache) &&
    readdirSync(cache).some((entry) => entry.startsWith('rootfs-') && !entry.includes('.'))
  if (built) return { name, state: 'ok', found: `Debian with Asterisk is in ${cache}` }
  const root = process.getuid?.() === 0
  const needed = root ? ['mmdebstrap'] : ['mmdebstrap', 'newuidmap']
  const missing = needed.filter((command) => !isInstalled(command))
  if (missing.length === 0)
    return { name, state: 'ok', found: 'the first start will build it, in about half a minute' }
  if (root && isInstalled('apt-get'))
    return { name, state: 'ok', found: 'the first start will install mmdebstrap and build it' }
  return {
    name,
    state: 'fail',
    found: `no ${missing.join(', no ')}`,
    todo: 'Let root install the packages mmdebstrap and uidmap.',
  }
}

function isInstalled(command: string): boolean {
  return (process.env['PATH'] ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
