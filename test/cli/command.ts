import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect } from '@jest/globals'
import type { Store } from '../../src/engine/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

const CHECKOUT = path.resolve(import.meta.dirname, '../..')
const BIN = path.join(CHECKOUT, 'bin/pinbridge.js')

export type Json = Record<string, unknown>
type Ended = { code: number; stdout: string; stderr: string }

/** A test that starts many processes; the machine may be busy with others. */
export const SLOW_MS = 60_000

/** An installation of its own in a temporary folder: the real command, the real application without Asterisk. */
export type Installation = {
  data: string
  run: (...args: string[]) => Promise<Ended>
  /** The one document that `--json` prints. */
  json: (...args: string[]) => Promise<{ code: number; document: Json }>
  /** Its database, opened beside whatever else has it open. */
  store: () => Store
  /** `pinbridge serve` until it is ready; resolves to where it listens. */
  serve: () => Promise<string>
  close: () => Promise<void>
}

/** `settings`: variables that are not as in the others. */
export function installation(settings: Record<string, string> = {}): Installation {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pinbridge-cli-'))
  const data = path.join(folder, 'data')
  const cleanups: (() => unknown)[] = []
  // Only what a command needs, so that the settings of whoever runs the tests do not matter.
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    PINBRIDGE_DATA: data,
    PINBRIDGE_ASTERISK: 'none',
    PINBRIDGE_HTTP_PORT: '0',
    PINBRIDGE_WEBHOOK_PRIVATE: 'true',
    // Nobody but the application knows the port that it has found.
    PINBRIDGE_PUBLIC_URL: 'https://pinbridge.example/ivr',
    ...settings,
  }
  let opened: Store | undefined

  function run(...args: string[]): Promise<Ended> {
    return new Promise((resolve) => {
      execFile(process.execPath, [BIN, ...args], { env, cwd: CHECKOUT }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
      })
    })
  }

  return {
    data,
    run,
    async json(...args) {
      const { code, stdout, stderr } = await run(...args, '--json')
      expect(stderr).toBe('')
      return { code, document: JSON.parse(stdout) as Json }
    },
    store: () => (opened ??= openSqlite(path.join(data, 'pinbridge.db'))),
    async serve() {
      const child = spawn(process.execPath, [BIN, 'serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
      cleanups.push(() => {
        child.kill('SIGTERM')
        return ended
      })
      let text = ''
      await new Promise<void>((resolve, reject) => {
        child.stdout.on('data', (chunk: Buffer) => {
          text += chunk.toString()
          if (text.includes('"msg":"ready"')) resolve()
        })
        void ended.then((code) => reject(new Error(`ended with ${code}: ${text}`)))
      })
      const served = text.split('\n').find((line) => line.includes('"msg":"HTTP is served"')) ?? ''
      const { host, port } = JSON.parse(served) as { host: string; port: number }
      return `http://${host}:${port}`
    },
    async close() {
      for (const cleanup of cleanups.reverse()) await cleanup()
      await opened?.close()
      rmSync(folder, { recursive: true })
    },
  }
}
