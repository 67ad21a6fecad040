import { randomBytes, randomInt } from 'node:crypto'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startAsterisk, type LocalAsterisk } from '../src/asterisk.ts'
import { startApp, type App } from './app.ts'
import { openConsole } from './console.ts'
import { openLine, type Line } from './line.ts'
import { fillStore, KINDS, type Kind, type Pins } from './store.ts'
import { webhookSink, type Sink } from '../test/support/webhook-sink.ts'
import { HOST } from './sip.ts'

/** The twins' extensions (dialplan/twins.conf). */
export const TWINS: Record<Kind, string> = { pin: '1000', bridged: '1001' }

/** Everything that the calls of the benchmark need, running. */
export type Stand = {
  line: Line
  app: App
  asterisk: LocalAsterisk
  /** `Asterisk 22.10.1 …` */
  version: string
  sink: Sink
  /** PINs of parties whom nobody can be reached for, and of parties with one number each. */
  pins: Pins
  /** Resolves when Asterisk has neither channels nor calls. */
  quiet: () => Promise<void>
  close: () => Promise<void>
}

export type StandOptions = { pins: number; profile: string | undefined; say: (line: string) => void }

const RTP_FIRST = 24_000
const RTP_LAST = 31_999
const MODULES = ['app_read', 'app_dial', 'func_db']

/** Starts Asterisk, the twins on it, and the application beside it. What has been started is stopped if the rest fails. */
export async function setUp(options: StandOptions): Promise<Stand> {
  const data = await mkdtemp(path.join(tmpdir(), 'pinbridge-bench-'))
  const undo: (() => unknown)[] = [() => rm(data, { recursive: true, force: true })]
  let closing: Promise<void> | undefined
  const closeAll = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  // A signal and the end of the work may both ask for it.
  const close = () => (closing ??= closeAll())
  try {
    return { ...(await build(data, options, undo)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function build(
  data: string,
  { pins: count, profile, say }: StandOptions,
  undo: (() => unknown)[],
): Promise<Omit<Stand, 'close'>> {
  const [sipPort, ariPort] = [await freePort('udp'), await freePort('tcp')]
  const line = await openLine(sipPort)
  undo.push(() => line.close())
  const ariPassword = randomBytes(24).toString('hex')
  const trunk = { trunkHost: HOST, trunkPort: line.sipPort, rtpStart: RTP_FIRST, rtpEnd: RTP_LAST }
  const asterisk = await startAsterisk(
    { dataDir: data, ariPort, ariPassword, sipHost: HOST, sipPort, ...trunk, dtmfMode: 'auto_info' },
    say,
  )
  undo.push(() => asterisk.stop())
  const sink = await webhookSink()
  undo.push(() => sink.close())
  const pins = await fillStore(path.join(data, 'pinbridge.db'), sink.url, count)
  const version = await addTwins(path.join(data, 'asterisk'), pins)
  say(`${2 * count} PINs are in both databases`)
  const login = { url: asterisk.ariUrl, password: ariPassword }
  const app = await startApp(data, await freePort('tcp'), login, profile)
  undo.push(() => app.stop())
  return { line, app, asterisk, version, sink, pins, quiet: () => untilQuiet(login) }
}

/** Adds what the production configuration leaves out, in this copy only. Resolves to Asterisk's version. */
async function addTwins(folder: string, pins: Pins): Promise<string> {
  const dialplan = await readFile(path.join(import.meta.dirname, 'dialplan/twins.conf'), 'utf8')
  await appendFile(path.join(folder, 'etc/extensions.conf'), dialplan)
  const asterisk = await openConsole(path.join(folder, 'run/asterisk.ctl'))
  try {
    for (const module of MODULES) await asterisk.run(`module load ${module}.so`, 'Loaded')
    await asterisk.run('dialplan reload', 'reloaded')
    await asterisk.run(`dialplan show ${TWINS.bridged}@pinbridge-inbound`, 'Dial(')
    for (const kind of KINDS)
      for (const { pin, number } of pins[kind])
        await asterisk.run(`database put bench-${kind} ${pin} ${number}`, 'successfully')
    const said = await asterisk.run('core show version', ' built by')
    return /Asterisk \S+/.exec(said)?.[0] ?? 'Asterisk'
  } finally {
    asterisk.close()
  }
}

/** As long as Asterisk may repeat a message that nobody answers (RFC 3261, timers B and F), and some. */
const QUIET_MS = 40_000

async function untilQuiet({ url, password }: { url: string; password: string }): Promise<void> {
  const authorization = `Basic ${Buffer.from(`pinbridge:${password}`).toString('base64')}`
  const giveUpAt = performance.now() + QUIET_MS
  for (;;) {
    const answer = await fetch(`${url}/ari/channels`, { headers: { authorization, connection: 'close' } })
    if (((await answer.json()) as unknown[]).length === 0) return
    if (performance.now() > giveUpAt) throw new Error('Asterisk still has channels of calls that are over')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** A port of loopback that nobody has at this moment. */
export async function freePort(kind: 'tcp' | 'udp'): Promise<number> {
  if (kind === 'udp') {
    const socket = createSocket('udp4').bind(randomInt(10_000, 20_000), HOST)
    await once(socket, 'listening')
    const { port } = socket.address()
    socket.close()
    return port
  }
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
