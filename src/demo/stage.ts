import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from 'pino'
import { loadConfig } from '../config.ts'
import { serve } from '../main.ts'
import { startReceiver, type Receiver } from './receiver.ts'
import { prepareRootFolder } from './root-folder.ts'
import type { Cast } from './story.ts'

export type StageOptions = {
  cast: Cast
  /** Told what is being done. */
  say: (line: string) => void
  log: Logger
  /** Aborts whatever is under way. */
  signal: AbortSignal
}

/** Everything but the telephones. */
export type Stage = {
  /** A folder that is removed at the end. */
  home: string
  receiver: Receiver
  /** What Ann must key. */
  pin: string
  /** UDP ports of SIP: Asterisk's, and one for each telephone. Bob's is what Asterisk takes for the carrier. */
  sipPort: number
  annsPort: number
  bobsPort: number
}

type Made = { account: { sid: string }; credentials: { greenpin: { token: string } }; webhookSecret: string }

const CLI = path.resolve(import.meta.dirname, '../cli.ts')

/**
 * Serves pinbridge from a folder of its own, with an Asterisk, an account and an allocation between Ann's and Bob's
 * virtual numbers. `end` takes it all down again, whatever has come of it.
 */
export async function setStage(
  end: AsyncDisposableStack,
  { cast, say, log, signal }: StageOptions,
): Promise<Stage> {
  await prepareRootFolder(say, signal)
  const home = mkdtempSync(path.join(tmpdir(), 'pinbridge-demo-'))
  end.defer(() => rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  const receiver = await startReceiver()
  end.defer(receiver.close)
  const [sipPort, annsPort, bobsPort] = [await freeUdpPort(), await freeUdpPort(), await freeUdpPort()]
  const env = await environment(home, sipPort, bobsPort)

  say('making an account and two virtual numbers')
  const made = await makeAccount({ env, cast, receiver, signal })
  say('starting pinbridge and Asterisk')
  end.defer(() => endAsterisk(home))
  const pinbridge = await serve(loadConfig(env), log)
  end.defer(pinbridge.stop)
  signal.throwIfAborted()
  const pin = await allocate(pinbridge.httpPort, made, cast, signal)
  return { home, receiver, pin, sipPort, annsPort, bobsPort }
}

/** Nothing of the operator's own settings, and nothing but loopback. */
async function environment(home: string, sipPort: number, bobsPort: number): Promise<NodeJS.ProcessEnv> {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('PINBRIDGE_'))
  return {
    ...Object.fromEntries(others),
    PINBRIDGE_DATA: home,
    PINBRIDGE_HTTP_PORT: '0',
    PINBRIDGE_ARI_PORT: String(await freeTcpPort()),
    PINBRIDGE_SIP_HOST: '127.0.0.1',
    PINBRIDGE_SIP_PORT: String(sipPort),
    PINBRIDGE_TRUNK: `127.0.0.1:${bobsPort}`,
    // Below the ports that the kernel gives away, and not where a pinbridge in use has its own.
    PINBRIDGE_RTP_PORTS: '17000-17199',
    PINBRIDGE_WEBHOOK_PRIVATE: 'true',
  }
}

type Making = { env: NodeJS.ProcessEnv; cast: Cast; receiver: Receiver; signal: AbortSignal }

/** What an operator does, with the same commands. */
async function makeAccount({ env, cast, receiver, signal }: Making): Promise<Made> {
  const pinbridge = async (...args: string[]): Promise<unknown> => {
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args, '--json'], { env, signal })
    return JSON.parse(stdout)
  }
  const wanted = ['--name', 'Demo', '--webhook', receiver.url, '--ring-seconds', '10']
  const made = (await pinbridge('account', 'add', ...wanted)) as Made
  receiver.expect(made.webhookSecret)
  const owner = ['--account', made.account.sid]
  await Promise.all([cast.vn, cast.shown].map((number) => pinbridge('number', 'add', number, ...owner)))
  return made
}

/** What a client does: puts two parties behind the virtual numbers, over HTTP. Returns the PIN of Ann's side. */
async function allocate(httpPort: number, made: Made, cast: Cast, signal: AbortSignal): Promise<string> {
  const { account, credentials } = made
  const login = Buffer.from(`${account.sid}:${credentials.greenpin.token}`).toString('base64')
  const answer = await fetch(`http://127.0.0.1:${httpPort}/v1/tenants/${account.sid}/greenpin`, {
    method: 'POST',
    headers: { authorization: `Basic ${login}`, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({
      transaction_id: 'demo',
      a: { vns: [cast.vn] },
      b: { numbers: [cast.bob], vns: [cast.shown] },
    }),
    signal,
  })
  const { data, message } = (await answer.json()) as { data?: { a: { pin: string } }; message: string }
  if (!data) throw new Error(`the API made no allocation: ${answer.status} ${message}`)
  return data.a.pin
}

/** pinbridge spares an Asterisk with calls. In the demo nobody comes back for them. */
function endAsterisk(home: string): void {
  try {
    const pid = readFileSync(path.join(home, 'asterisk/run/pid'), 'utf8').trim()
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('asterisk\0'))
      process.kill(Number(pid), 'SIGKILL')
  } catch {
    // It has never started, or has ended as it should.
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
  const { port } = socket.address()
  await new Promise<void>((done) => socket.close(done))
  return port
}

async function freeTcpPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}
