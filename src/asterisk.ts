import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { environment, fingerprint, type AsteriskSettings } from './asterisk/settings.ts'

const READY_WITHIN_MS = 30_000
const GONE_WITHIN_MS = 5_000
const FREED_WITHIN_MS = 1_000
const LOOK_AGAIN_MS = 50

const checkout = path.resolve(import.meta.dirname, '..')
const scripts = path.join(checkout, 'asterisk-docker')
const enter = path.join(scripts, 'enter.sh')

export type { AsteriskSettings }

export type LocalAsterisk = {
  /** Without `/ari`; the user is `pinbridge`. */
  ariUrl: string
  pid: number
  /** false when it was already running (an app restart finds it) */
  started: boolean
  /** Ends Asterisk and every call on it. Leaving it alone is what keeps calls up while the app restarts. */
  stop(): Promise<void>
}

type Progress = (line: string) => void

/** Brings up the Asterisk of this data folder, or finds the one that already runs there. */
export async function startAsterisk(settings: AsteriskSettings, progress: Progress): Promise<LocalAsterisk> {
  const folder = path.resolve(settings.dataDir, 'asterisk')
  await mkdir(folder, { recursive: true })
  const ariUrl = `http://127.0.0.1:${settings.ariPort}`
  const result = (pid: number, started: boolean): LocalAsterisk => {
    progress(`Asterisk ${started ? 'started' : 'found running'}, pid ${pid}, ARI at ${ariUrl}`)
    return { ariUrl, pid, started, stop: () => stop(pid, folder) }
  }

  const running = await runningPid(folder)
  // One that was just killed may still be there at the first look.
  if (running !== undefined && (await untilReady(ariUrl, settings, running, folder)) === 'ready') {
    await compareSettings(running, settings, progress)
    return result(running, false)
  }
  const pid = await launch(await rootFolder(progress), folder, settings)
  try {
    if ((await untilReady(ariUrl, settings, pid, folder)) === 'ready') return result(pid, true)
  } catch (error) {
    signal(pid, 'SIGKILL')
    throw error
  }
  throw new Error(`Asterisk ended while starting:\n${await lastWords(folder)}`)
}

/** Path of the ready root folder (builds it the first time). */
async function rootFolder(progress: Progress): Promise<string> {
  const build = spawn(path.join(scripts, 'rootfs.sh'), { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  createInterface(build.stderr).on('line', (line) => {
    said.push(line)
    progress(line)
  })
  let root = ''
  build.stdout.on('data', (chunk: Buffer) => (root += chunk.toString()))
  const code = await new Promise<number | null>((done, fail) => build.on('error', fail).on('close', done))
  if (code !== 0)
    throw new Error(`No root folder for Asterisk: ${said.at(-1) ?? `rootfs.sh exited with ${code}`}`)
  return root.trim()
}

/**
 * How to run the root folder's SIPp. It starts in `folder`, which it sees as /srv/sipp and may write to, and sees
 * `scenarios` as /srv/scenarios. The child is SIPp itself: it can be signalled.
 */
export async function sippCommand(
  folder: string,
  args: string[],
  scenarios?: string,
): Promise<{ command: string; args: string[] }> {
  const binds = ['--bind', path.resolve(folder), '/srv/sipp']
  if (scenarios !== undefined) binds.push('--bind-ro', path.resolve(scenarios), '/srv/scenarios')
  const root = await rootFolder(() => undefined)
  return { command: enter, args: [root, ...binds, '--chdir', '/srv/sipp', '--', 'sipp', ...args] }
}

async function launch(root: string, folder: string, settings: AsteriskSettings): Promise<number> {
  await mustBeFree(settings.sipHost, settings.sipPort)
  const binds = [
    ...['--bind', folder, '/srv/asterisk'],
    ...['--bind-ro', scripts, '/opt/pinbridge/asterisk-docker'],
    ...['--bind-ro', path.join(checkout, 'dialplan'), '/opt/pinbridge/dialplan'],
    ...['--bind-ro', path.join(checkout, 'sounds'), '/opt/pinbridge/sounds'],
  ]
  const output = openSync(bootLog(folder), 'w')
  // A session of its own, so that neither a signal to our group nor our death reaches running calls.
  const child = spawn(enter, [root, ...binds, '--', '/opt/pinbridge/asterisk-docker/start.sh'], {
    detached: true,
    stdio: ['ignore', output, output],
    env: environment(settings),
  })
  closeSync(output)
  const pid = await new Promise<number>((done, fail) =>
    child.on('error', fail).on('spawn', () => done(child.pid ?? 0)),
  )
  child.unref()
  return pid
}

/** Asterisk would start without its SIP listener, and log that only. */
async function mustBeFree(host: string, port: number): Promise<void> {
  const deadline = Date.now() + FREED_WITHIN_MS
  for (;;) {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    try {
      await new Promise<void>((done, fail) => socket.on('error', fail).bind(port, host, done))
      socket.close()
      return
    } catch (error) {
      // A process that was just killed lets go of its sockets one after the other.
      if (Date.now() > deadline)
        throw new Error(`The SIP address ${host}:${port} cannot be had`, { cause: error })
    }
    await sleep(LOOK_AGAIN_MS)
  }
}

async function compareSettings(pid: number, settings: AsteriskSettings, progress: Progress): Promise<void> {
  const variables = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
  if (variables.split('\0').includes(`PINBRIDGE_SETTINGS=${fingerprint(settings)}`)) return
  progress('Asterisk runs with other settings; stop it to have the new ones, its calls end with it')
}

/**
 * The pid file may be older than a reboot and its number may by now be anybody's. Only a process whose root has this
 * very folder mounted at /srv/asterisk is ours; for a zombie the look fails too.
 */
async function isOurs(pid: number, folder: string): Promise<boolean> {
  try {
    const [inside, outside] = await Promise.all([stat(`/proc/${pid}/root/srv/asterisk`), stat(folder)])
    return inside.dev === outside.dev && inside.ino === outside.ino
  } catch {
    return false
  }
}

async function runningPid(folder: string): Promise<number | undefined> {
  const pid = Number(await readFile(path.join(folder, 'run/pid'), 'utf8').catch(() => ''))
  return Number.isInteger(pid) && pid > 1 && (await isOurs(pid, folder)) ? pid : undefined
}

async function untilReady(
  ariUrl: string,
  settings: AsteriskSettings,
  pid: number,
  folder: string,
): Promise<'ready' | 'ended'> {
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    const answer = await answeringPid(ariUrl, settings.ariPassword)
    if (answer === String(pid)) return 'ready'
    if (!signal(pid, 0)) return 'ended'
    const foreign = answer === 401 || (typeof answer === 'string' && /^\d+$/.test(answer))
    if (foreign || Date.now() > deadline) {
      const why = foreign ? 'another program answers there, or the password is another' : `it says ${answer}`
      throw new Error(`No ARI of Asterisk ${pid} at ${ariUrl}: ${why}\n${await lastWords(folder)}`)
    }
    await sleep(20)
  }
}

/**
 * Who answers at this address: its pid, which start.sh gave it as a global variable, so that another copy on the same
 * port is not taken for ours. An HTTP status or an error's text where that is not to be had, as while it boots.
 */
async function answeringPid(ariUrl: string, password: string): Promise<string | number> {
  const authorization = `Basic ${Buffer.from(`pinbridge:${password}`).toString('base64')}`
  try {
    const response = await fetch(`${ariUrl}/ari/asterisk/variable?variable=PINBRIDGE_PID`, {
      headers: { authorization },
      signal: AbortSignal.timeout(2_000),
    })
    const body = await response.text()
    return response.ok ? (JSON.parse(body) as { value: string }).value : response.status
  } catch (error) {
    return error instanceof Error ? error.message : 'nothing'
  }
}

async function stop(pid: number, folder: string): Promise<void> {
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isOurs(pid, folder))) return
    signal(pid, name)
    const deadline = Date.now() + GONE_WITHIN_MS
    while (Date.now() < deadline && (await isOurs(pid, folder))) await sleep(20)
  }
}

/** false when there is no such process any more. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** Beside the folder, not in it: what lies in there belongs to Asterisk's user, who could put a link in its place. */
const bootLog = (folder: string): string => `${folder}.log`

async function lastWords(folder: string): Promise<string> {
  const files = [path.join(folder, 'log/messages.log'), bootLog(folder)]
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  return texts.flatMap((text) => text.trim().split('\n').slice(-15)).join('\n')
}
