import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import {
  appendFileSync,
  createWriteStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals'
import { placeCall, takeCalls, type Phone, type PhoneLine } from './phone.ts'
import type { Behaviour, Caller } from './sip-script.ts'
import { until } from './until.ts'
import { webhookSink, type Sink } from './webhook-sink.ts'
import { witness, type Witness } from './witness.ts'

const run = promisify(execFile)
const CHECKOUT = path.resolve(import.meta.dirname, '../..')
const CLI = path.join(CHECKOUT, 'src/cli.ts')
/** The first start of all downloads Asterisk. */
const FIRST_START_MS = 600_000
/** An INVITE that nobody answers is given up after 32 s (RFC 3261, timer B); until then Asterisk keeps its socket. */
const LAST_TIMER_MS = 45_000

export const VN_A = '+916292134471'
export const VN_B = '+916292134465'
export const ALICE = '+917987686144'
export const BOB = '+919956555625'
export const BOBBY = '+919956555626'
export const STRANGER = '+919811111111'

type Body = Record<string, unknown>

/** The running application as a process of its own, so that it can be killed. */
type App = {
  pid: number
  /** Lines of the log, parsed. */
  log: () => Body[]
  rawLog: () => string
  kill: (signal: NodeJS.Signals) => Promise<void>
}

/** What the account is told by webhook. */
type EventKind = 'completed' | 'verified' | 'refused'

export type StageOptions = {
  accountOptions?: string[]
  env?: Record<string, string>
  /** Lets FastAGI listen, and dialplans know where by the global PINBRIDGE_AGI. */
  fastagi?: boolean
  /** More dialplan, until Asterisk is started anew. */
  dialplan?: string
  /** More modules that it needs, such as `app_read`. */
  modules?: string[]
}

/** Everything real: the application, Asterisk, SIPp on both sides, a receiver of webhooks. */
export type Stage = {
  data: string
  sid: string
  sink: Sink
  app: () => App
  /** Starts the application again on the same data. */
  restart: () => Promise<void>
  asteriskPid: () => number
  /** Where Asterisk takes SIP, on 127.0.0.1. */
  sipPort: number
  /** Where FastAGI listens; undefined unless the stage has it. */
  agiPort: number | undefined
  api: (method: string, path: string, body?: unknown) => Promise<{ status: number; body: Body }>
  /** The command, with --json: what it printed. */
  pinbridge: (...args: string[]) => Promise<Body>
  /** Where the HTTP APIs are. */
  http: string
  /** The account's login to Simple PINs. */
  pinsLogin: { uid: string; token: string }
  /** The account's login to subscriptions. */
  mobivate: { accountId: string; secret: string }
  /** A request for Simple PINs with that login. */
  askPins: (
    method: 'GET' | 'POST',
    parameters: Record<string, string>,
  ) => Promise<{ status: number; text: string }>
  /** The same by POST: the body, in lines of cells. Fails unless the status is 200. */
  pins: (parameters: Record<string, string>) => Promise<string[][]>
  /** Creates an allocation: Alice behind VN_A, Bob behind VN_B unless said otherwise. */
  allocate: (body: Body) => Promise<Body>
  /** Changes settings of the account, in the words of the API; for the calls that follow. */
  settings: (body: Body) => Promise<void>
  /** From the trunk's address, unless said otherwise. */
  call: (to: string, caller: Caller, rows?: string[][], address?: string) => Promise<Phone>
  answer: (behaviour: Behaviour) => Promise<Phone>
  /** Takes calls while `during` runs, then puts the phones away. */
  answering: (behaviour: Behaviour, during: (phone: Phone) => Promise<void>) => Promise<void>
  /** Waits until exactly so many webhooks of each kind have come since the test began; resolves to their bodies. */
  eventsOf: (counts: Record<EventKind, number>) => Promise<Record<EventKind, Body[]>>
  ari: (method: string, uri: string) => Promise<unknown>
  /** An independent look at what happens on the Asterisk, until the test ends. */
  witness: () => Promise<Witness>
  ariUrl: string
  ariPassword: () => string
  /** Where Asterisk keeps recordings. */
  recordings: string
  /** The test brings about that this is logged as an error, exactly once. */
  expectError: (msg: string) => void
  /** All files that the application and Asterisk have written. */
  written: () => { file: string; text: string }[]
  /** Waits until exactly so many channels are answered; resolves to them. */
  talking: (count: number) => Promise<{ id: string; state: string }[]>
  /** Waits until exactly so many channels are in bridges, which is some time after they have answered; resolves to their ids. */
  joined: (count: number) => Promise<string[]>
  /** RTP packets that Asterisk has had from a phone and sent to it. */
  sound: (channelId: string) => Promise<{ spoken: number; heard: number }>
  /** Waits until every call has ended and every event is delivered. */
  settled: () => Promise<void>
  /** No channel, no bridge, no open file of ours, no event unsent. */
  nothingIsLeft: () => Promise<void>
  /** Ends what the test has set up, then sees that nothing is left. */
  clear: () => Promise<void>
  close: () => Promise<void>
}

/**
 * Sets the stage once for a file and looks after every test of it that nothing is left.
 * The application must have been put back by the test that killed it.
 */
export function useStage(options: StageOptions = {}): () => Stage {
  let stage: Stage | undefined
  beforeAll(async () => {
    stage = await setStage(options)
  }, 2 * FIRST_START_MS)
  afterEach(() => stage?.clear(), 2 * LAST_TIMER_MS)
  afterAll(() => stage?.close(), 30_000)
  return () => {
    if (!stage) throw new Error('the stage is not set')
    return stage
  }
}

async function setStage(options: StageOptions = {}): Promise<Stage> {
  const { accountOptions = [], env: more = {}, fastagi = false, modules = [] } = options
  const data = mkdtempSync(path.join(tmpdir(), 'pinbridge-e2e-'))
  const [httpPort, ariPort] = [await freePort('tcp'), await freePort('tcp')]
  const [sipPort, trunkPort, callerPort] = [
    await freePort('udp'),
    await freePort('udp'),
    await freePort('udp'),
  ]
  const agiPort = fastagi ? await freePort('tcp') : undefined
  const sink = await webhookSink()
  const rtpFirst = 18_000 + 2_000 * Number(process.env['JEST_WORKER_ID'] ?? 1)
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    PINBRIDGE_CACHE: process.env['PINBRIDGE_CACHE'],
    PINBRIDGE_DATA: data,
    PINBRIDGE_HTTP_PORT: String(httpPort),
    PINBRIDGE_ARI_PORT: String(ariPort),
    PINBRIDGE_SIP_HOST: '127.0.0.1',
    PINBRIDGE_SIP_PORT: String(sipPort),
    PINBRIDGE_TRUNK: `127.0.0.1:${trunkPort}`,
    PINBRIDGE_RTP_PORTS: `${rtpFirst}-${rtpFirst + 1_999}`,
    PINBRIDGE_WEBHOOK_PRIVATE: 'true',
    PINBRIDGE_DIGITS_FIRST_MS: '3000',
    PINBRIDGE_DIGITS_NEXT_MS: '1500',
    ...(agiPort !== undefined && { PINBRIDGE_AGI_PORT: String(agiPort) }),
    ...more,
  }
  const pinbridge = async (...args: string[]): Promise<Body> => {
    const { stdout } = await run(process.execPath, [CLI, ...args, '--json'], { env })
    return JSON.parse(stdout) as Body
  }

  const made = await pinbridge('account', 'add', '--name', 'Acme', '--webhook', sink.url, ...accountOptions)
  const { sid } = made['account'] as { sid: string }
  const { greenpin, stealthnet, mobivate } = made['credentials'] as Record<
    'greenpin' | 'stealthnet',
    { token: string }
  > & { mobivate: Stage['mobivate'] }
  const { token } = greenpin
  for (const number of [VN_A, VN_B]) await pinbridge('number', 'add', number, '--account', sid)

  const http = `http://127.0.0.1:${httpPort}`
  const ariUrl = `http://127.0.0.1:${ariPort}`
  let app = await startApp(env, data, http)
  const ariPassword = () =>
    (JSON.parse(readFileSync(path.join(data, 'secrets.json'), 'utf8')) as { ariPassword: string }).ariPassword
  const asteriskPid = () => Number(readFileSync(path.join(data, 'asterisk/run/pid'), 'utf8'))
  const ari = async (method: string, uri: string): Promise<unknown> => {
    const authorization = `Basic ${Buffer.from(`pinbridge:${ariPassword()}`).toString('base64')}`
    const answer = await fetch(`${ariUrl}/ari/${uri}`, {
      method,
      headers: { authorization, connection: 'close' },
    })
    return answer.status === 204 ? undefined : answer.json()
  }
  if (options.dialplan !== undefined) {
    const globals = `[globals](+)\nPINBRIDGE_AGI=127.0.0.1:${agiPort}\n`
    const etc = path.join(data, 'asterisk/etc')
    appendFileSync(path.join(etc, 'extensions.conf'), `\n${globals}\n${options.dialplan}\n`)
    for (const name of modules) {
      // Some do not load without a file of their own, which may be empty.
      appendFileSync(path.join(etc, `${name.replace(/^app_/, '')}.conf`), '')
      expect(await ari('POST', `asterisk/modules/${name}.so`)).toBeUndefined()
    }
    expect(await ari('PUT', 'asterisk/modules/pbx_config.so')).toBeUndefined()
  }
  const api = async (method: string, where: string, body?: unknown) => {
    const authorization = `Basic ${Buffer.from(`${sid}:${token}`).toString('base64')}`
    const answer = await fetch(http + where, {
      method,
      headers: { authorization, 'content-type': 'application/json', connection: 'close' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Body }
  }
  const pinsLogin = { uid: sid, token: stealthnet.token }
  const askPins: Stage['askPins'] = async (method, parameters) => {
    const sent = new URLSearchParams({ ...pinsLogin, ...parameters })
    const options = { method, headers: { connection: 'close' }, ...(method === 'POST' && { body: sent }) }
    const answer = await fetch(
      `${http}/simple-pins/${method === 'GET' ? `?${sent.toString()}` : ''}`,
      options,
    )
    return { status: answer.status, text: await answer.text() }
  }
  const callers: PhoneLine = { folder: data, asteriskPort: sipPort, port: callerPort }
  const callees: PhoneLine = { folder: data, asteriskPort: sipPort, port: trunkPort }
  const phones: Phone[] = []
  const witnesses: Witness[] = []
  const allocated: string[] = []
  const expectedErrors: string[] = []
  const keep = async (phone: Promise<Phone>) => {
    phones.push(await phone)
    return phone
  }
  const open = () => [app.pid, asteriskPid()].map(openFiles)
  const openAtFirst = open()

  let alreadyTold = 0
  const told = (): Record<EventKind, Body[]> => {
    const bodies = sink.received.slice(alreadyTold).map(({ body }) => JSON.parse(body) as Body)
    return {
      completed: bodies.filter((body) => 'call_type' in body),
      verified: bodies.filter((body) => 'pin' in body && 'greenpin_id' in body && 'caller' in body),
      refused: bodies.filter((body) => 'pin' in body && !('greenpin_id' in body)),
    }
  }

  /** What has been logged as an error since the test began. */
  let alreadyLogged = 0
  const errors = () => app.log().filter(({ level }) => ['error', 'fatal'].includes(String(level)))

  const isQuiet = async () => {
    expect(await ari('GET', 'channels')).toEqual([])
    expect(await ari('GET', 'bridges')).toEqual([])
    const answer = await fetch(`${http}/readyz`, { headers: { connection: 'close' } })
    const { checks } = (await answer.json()) as { checks: Record<string, string> }
    expect(checks).toEqual({
      ...{ store: 'ok', asterisk: 'ok', ledger: 'ok' },
      deliveries: '0 waiting, 0 given up',
    })
  }

  const stage: Stage = {
    data,
    sid,
    sink,
    ari,
    ariUrl,
    ariPassword,
    witness: async () => {
      const made = await witness(ariUrl, ariPassword())
      witnesses.push(made)
      return made
    },
    asteriskPid,
    sipPort,
    agiPort,
    api,
    http,
    pinsLogin,
    mobivate,
    pinbridge,
    askPins,
    pins: async (parameters) => {
      const { status, text } = await askPins('POST', parameters)
      expect([status, text]).toEqual([200, expect.any(String)])
      return text.split('\n').flatMap((line) => (line === '' ? [] : [line.split(',')]))
    },
    recordings: path.join(data, 'asterisk/spool/recording'),
    expectError: (msg) => void expectedErrors.push(msg),
    app: () => app,
    restart: async () => {
      app = await startApp(env, data, http)
    },
    allocate: async (body) => {
      const wanted = {
        transaction_id: `order-${performance.now()}`,
        ...body,
        a: { numbers: [ALICE], vns: [VN_A], ...(body['a'] as object) },
        b: { numbers: [BOB], vns: [VN_B], ...(body['b'] as object) },
      }
      const answer = await api('POST', `/v1/tenants/${sid}/greenpin`, wanted)
      expect(answer.body).toMatchObject({ success: true })
      const data = answer.body['data'] as Body
      allocated.push(String(data['greenpin_id']))
      return data
    },
    settings: async (body) => {
      const answer = await api('PUT', `/v1/tenants/${sid}/settings`, body)
      expect(answer.body).toMatchObject({ success: true })
    },
    call: async (to, caller, rows, address = '127.0.0.1') =>
      keep(placeCall({ ...callers, address, port: await freePort('udp') }, to, caller, rows)),
    answer: async (behaviour) => {
      const phone = await keep(takeCalls(callees, behaviour))
      await until(() => expect(udpListeners()).toContain(trunkPort))
      return phone
    },
    answering: async (behaviour, during) => {
      const phone = await stage.answer(behaviour)
      try {
        await during(phone)
      } finally {
        phone.finish()
        await phone.ended
      }
    },
    eventsOf: async (counts) => {
      await until(() => expect(countsOf(told())).toEqual(counts), { atMostMs: 15_000 })
      return told()
    },
    written: () => filesBelow(data).filter(({ file }) => !/phone-|pinbridge\.db|secrets\.json/.test(file)),
    talking: async (count) => {
      let up: { id: string; state: string }[] = []
      await until(
        async () => {
          const channels = (await ari('GET', 'channels')) as { id: string; state: string }[]
          up = channels.filter(({ state }) => state === 'Up')
          expect(up).toHaveLength(count)
        },
        { atMostMs: 15_000 },
      )
      return up
    },
    joined: async (count) => {
      let together: string[] = []
      await until(
        async () => {
          const bridges = (await ari('GET', 'bridges')) as { channels: string[] }[]
          together = bridges.flatMap(({ channels }) => channels).sort()
          expect(together).toHaveLength(count)
        },
        { atMostMs: 15_000 },
      )
      return together
    },
    sound: async (channelId) => {
      const counts = (await ari('GET', `channels/${channelId}/rtp_statistics`)) as Record<
        'rxcount' | 'txcount',
        number
      >
      return { spoken: counts.rxcount, heard: counts.txcount }
    },
    settled: () => until(isQuiet, { atMostMs: LAST_TIMER_MS }),
    nothingIsLeft: async () => {
      await until(
        async () => {
          await isQuiet()
          for (const [i, files] of open().entries())
            if (files.length > openAtFirst[i]!.length) expect(files).toEqual(openAtFirst[i])
        },
        { atMostMs: LAST_TIMER_MS },
      )
      const logged = errors().slice(alreadyLogged)
      if (expectedErrors.length === 0) expect(logged).toEqual([])
      else expect(logged.map(({ msg }) => msg)).toEqual(expectedErrors.splice(0))
      alreadyLogged += logged.length
      alreadyTold = sink.received.length
    },
    clear: async () => {
      for (const made of witnesses.splice(0)) made.close()
      for (const id of allocated.splice(0)) await api('DELETE', `/v1/tenants/${sid}/greenpin/${id}`)
      await stage.nothingIsLeft()
      for (const phone of phones.splice(0)) phone.vanish()
    },
    close: async () => {
      for (const phone of phones) phone.vanish()
      await app.kill('SIGTERM')
      try {
        process.kill(asteriskPid(), 'SIGKILL')
      } catch {
        // It has ended with the application, as it should.
      }
      await sink.close()
      if (process.env['PINBRIDGE_KEEP'] === undefined) rmSync(data, { recursive: true, force: true })
    },
  }
  return stage
}

async function startApp(env: NodeJS.ProcessEnv, data: string, http: string): Promise<App> {
  const file = path.join(data, 'app.log')
  const child = spawn(process.execPath, [CLI, 'serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = createWriteStream(file, { flags: 'a' })
  child.stdout.pipe(output, { end: false })
  child.stderr.pipe(output, { end: false })
  const closed = new Promise<void>((done) => child.on('close', () => done()))
  const rawLog = () => readFileSync(file, 'utf8')
  const ready = until(
    async () =>
      expect((await fetch(`${http}/readyz`, { headers: { connection: 'close' } })).status).toBe(200),
    { atMostMs: FIRST_START_MS },
  )
  const gone = closed.then(() => Promise.reject(new Error(`the application ended:\n${rawLog()}`)))
  gone.catch(() => undefined)
  ready.catch(() => undefined)
  await Promise.race([ready, gone])
  return {
    pid: child.pid!,
    rawLog,
    log: () => linesOf(rawLog()),
    kill: async (signal) => {
      if (running(child)) child.kill(signal)
      await closed
    },
  }
}

const running = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

function linesOf(log: string): Body[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Body)
}

function filesBelow(folder: string): { file: string; text: string }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({ file, text: readFileSync(file, 'latin1') }))
}

/** What a process has open, without numbers that say nothing. */
function openFiles(pid: number): string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return undefined // closed while we looked
    }
  })
  return links
    .filter((link) => link !== undefined)
    .map((link) => link.replace(/\d+/g, 'N'))
    .sort()
}

function udpListeners(): number[] {
  const rows = readFileSync('/proc/net/udp', 'utf8').split('\n').slice(1)
  return rows.map((row) => Number.parseInt(/:([0-9A-F]{4}) /.exec(row)?.[1] ?? '', 16))
}

/** Below the ports that the kernel hands out by itself, and another range for each worker: nobody else takes it meanwhile. */
export async function freePort(kind: 'tcp' | 'udp'): Promise<number> {
  // Each SIPp takes a port of its own from 8888 on, to be controlled by.
  const first = 9_000 + 4_000 * (Number(process.env['JEST_WORKER_ID'] ?? 1) % 2)
  for (;;) {
    const port = first + randomInt(4_000)
    if (await isFree(kind, port)) return port
  }
}

function isFree(kind: 'tcp' | 'udp', port: number): Promise<boolean> {
  return new Promise((resolve) => {
    if (kind === 'udp') {
      const socket = createSocket('udp4')
      socket
        .on('error', () => resolve(false))
        .bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
    } else {
      const server = createServer()
      server
        .on('error', () => resolve(false))
        .listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    }
  })
}

function countsOf(told: Record<EventKind, Body[]>): Record<EventKind, number> {
  return { completed: told.completed.length, verified: told.verified.length, refused: told.refused.length }
}
