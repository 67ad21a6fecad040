import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { HOST } from './sip.ts'

/** The application as a process of its own. */
export type App = { pid: number; stop: () => Promise<void> }

const CLI = path.resolve(import.meta.dirname, '../src/cli.ts')
const READY_MS = 30_000

/** Starts it on a data folder whose store is filled. `profile` is a folder for V8's CPU profile, written at the end. */
export function startApp(
  data: string,
  port: number,
  ari: { url: string; password: string },
  profile: string | undefined,
): Promise<App> {
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(profile)}`]
  return start(data, port, profiling, {
    PINBRIDGE_ARI_URL: ari.url,
    PINBRIDGE_ARI_USER: 'pinbridge',
    PINBRIDGE_ARI_PASSWORD: ari.password,
    PINBRIDGE_WEBHOOK_PRIVATE: 'true',
  })
}

/** Starts it without calls, on a data folder whose store is filled. */
export function serveStore(data: string, port: number): Promise<App> {
  return start(data, port, [], { PINBRIDGE_ASTERISK: 'none' })
}

async function start(data: string, port: number, options: string[], env: NodeJS.ProcessEnv): Promise<App> {
  const log = path.join(data, 'app.log')
  const output = openSync(log, 'a')
  const child = spawn(process.execPath, [...options, CLI, 'serve'], {
    stdio: ['ignore', output, output],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      PINBRIDGE_DATA: data,
      PINBRIDGE_HTTP_PORT: String(port),
      ...env,
    },
  })
  const ended = once(child, 'exit')
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await ended
  }
  const giveUpAt = performance.now() + READY_MS
  while (!(await isReady(port))) {
    if (child.exitCode === null && performance.now() < giveUpAt) continue
    await stop()
    throw new Error(`the application is not ready:\n${readFileSync(log, 'utf8')}`)
  }
  return { pid: child.pid ?? 0, stop }
}

async function isReady(port: number): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 50))
  const url = `http://${HOST}:${port}/readyz`
  return fetch(url, { headers: { connection: 'close' } }).then(
    ({ status }) => status === 200,
    () => false,
  )
}
