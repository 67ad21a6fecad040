import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'

const SCRIPT = path.resolve(import.meta.dirname, '../../asterisk-docker/rootfs.sh')
/** How often a download that says nothing is known to be alive, in milliseconds. */
const STILL_THERE_MS = 10_000

/**
 * Makes sure of the folder with Asterisk and SIPp: the first time it is downloaded, which takes minutes, so that the
 * abort must reach every process that does it. Rejects with the reason why there is none.
 */
export async function prepareRootFolder(say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const build = spawn(SCRIPT, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const started = performance.now()
  let last = 'nobody knows why'
  createInterface(build.stderr).on('line', (line) => {
    last = line.replace(/^rootfs: /, '')
    say(last)
  })
  const seconds = () => Math.round((performance.now() - started) / 1_000)
  const timer = setInterval(() => say(`still at it, ${seconds()} s`), STILL_THERE_MS)
  const endAll = () => {
    if (build.pid !== undefined) process.kill(-build.pid, 'SIGTERM')
  }
  signal.addEventListener('abort', endAll)
  const code = await new Promise<number | null>((done, fail) => build.on('error', fail).on('close', done))
  clearInterval(timer)
  signal.removeEventListener('abort', endAll)
  signal.throwIfAborted()
  if (code !== 0) throw new Error(`there is no Asterisk: ${last}`)
}
