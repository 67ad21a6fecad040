import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { until } from '../support/until.ts'

const CLI = path.resolve(import.meta.dirname, '../../src/cli.ts')
/** The first start of all downloads Asterisk. */
const FIRST_START_MS = 600_000

type Report = {
  ok: boolean
  timeline: { seconds: number; what: string }[]
  missing: string[]
  call: Record<string, unknown>
  error?: { message: string }
}

/** Where the demo makes its own folder. */
let folder: string
let running: { pid: number; kill: (signal: NodeJS.Signals) => boolean; ended: Promise<number> } | undefined

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-demo-test-'))
})
afterEach(async () => {
  running?.kill('SIGTERM')
  await running?.ended
  const left = { files: readdirSync(folder), processes: processesOf(folder) }
  rmSync(folder, { recursive: true })
  expect(left).toEqual({ files: [], processes: [] })
})

test(
  'newcomers see a call from the first ring to its webhooks',
  async () => {
    const { code, stdout } = await demo([]).over
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('All of it happened') })
    expect(facts(stdout.split('\n').filter((line) => /^ +\d+\.\d\d s {2}/.test(line)))).toEqual(STORY)
  },
  FIRST_START_MS,
)

test(
  'scripts get the same as one JSON document',
  async () => {
    const { code, stdout } = await demo(['--json']).over
    const report = JSON.parse(stdout) as Report
    expect(code).toBe(0)
    expect(facts(report.timeline.map(({ what }) => what))).toEqual(STORY)
    expect(report).toMatchObject({ ok: true, missing: [], call: { digitsKeyed: 4, webhooks: 2 } })
    const { talkSeconds, annHeardMs, bobHeardMs } = report.call
    for (const heardMs of [annHeardMs, bobHeardMs]) expect(heardMs).toBeGreaterThan(2_000)
    expect(talkSeconds).toBeGreaterThan(4)
  },
  FIRST_START_MS,
)

test(
  'when the called telephone dies, the demo fails and says what did not happen',
  async () => {
    const { over } = demo(['--json'])
    await until(() => expect(telephones()).toHaveLength(2), { atMostMs: FIRST_START_MS })
    for (const { pid, command } of telephones())
      if (command.includes('callee.xml')) process.kill(pid, 'SIGKILL')
    const { code, stdout } = await over
    const report = JSON.parse(stdout) as Report
    expect({ code, ok: report.ok }).toEqual({ code: 1, ok: false })
    expect(report.timeline.map(({ what }) => what)).toContainEqual(
      expect.stringContaining('Ann keys 4 digits'),
    )
    expect(report.missing).toContain('Bob did not answer')
    expect(report.missing).toContain(
      'no webhook told of the completed call; one came that says something else',
    )
  },
  FIRST_START_MS,
)

test('when there can be no Asterisk, the demo says why', async () => {
  const file = path.join(folder, 'a-file')
  writeFileSync(file, '')
  const { code, stdout, stderr } = await demo([], { PINBRIDGE_CACHE: path.join(file, 'cache') }).over
  rmSync(file)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/demo: there is no Asterisk: .*Not a directory/)
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s in the middle of the call leaves nothing',
  async (signal) => {
    const { over } = demo([])
    await until(() => expect(telephones()).toHaveLength(2), { atMostMs: FIRST_START_MS })
    running?.kill(signal)
    const { code, stdout, stderr } = await over
    expect({ code, stdout }).toEqual({ code: signal === 'SIGINT' ? 130 : 143, stdout: '' })
    expect(stderr).toContain(`stopped by ${signal}`)
  },
  FIRST_START_MS,
)

/** What the timeline tells, in any order of instants that lie closer together than a machine is punctual. */
const STORY = [
  'dials the virtual number',
  'pinbridge answers',
  'Ann hears "Please enter your PIN',
  'Ann keys 4 digits and #',
  "rings and shows +916292134465; Ann's number is in no message to it",
  'the caller is verified; its signature is right',
  'Bob answers',
  'Bob hears Ann',
  'Ann hears Bob',
  'Bob hangs up after 4.',
  'pinbridge ends the call of Ann',
  'the completed call, 4 s of talk; its signature is right',
]

/** Those of the story's facts that the lines tell, one for each line. */
function facts(lines: string[]): string[] {
  const told = STORY.filter((fact) => lines.some((line) => line.includes(fact)))
  return lines.length === told.length ? told : lines
}

function demo(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [CLI, 'demo', ...args], {
    env: { ...process.env, ...env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<number>((done) => child.on('close', (code) => done(code ?? -1)))
  running = { pid: child.pid!, kill: (signal) => child.exitCode === null && child.kill(signal), ended }
  return { over: ended.then((code) => ({ code, stdout, stderr })) }
}

type Process = { pid: number; command: string }

function telephones(): Process[] {
  return childrenOf(running!.pid).filter(({ command }) => command.startsWith('sipp '))
}

function childrenOf(pid: number): Process[] {
  return processes().filter(({ parent }) => parent === pid)
}

/** Processes that have a folder below this one mounted, as Asterisk and the telephones of the demo have. */
function processesOf(folder: string): Process[] {
  const name = path.basename(folder)
  return processes().filter(({ pid }) => readIfThere(`/proc/${pid}/mountinfo`).includes(name))
}

function processes(): (Process & { parent: number })[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map((pid) => ({
    pid: Number(pid),
    parent: Number(/^PPid:\s*(\d+)/m.exec(readIfThere(`/proc/${pid}/status`))?.[1]),
    command: readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' '),
  }))
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
