import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from '@jest/globals'
import { startAsterisk, type AsteriskSettings, type LocalAsterisk } from '../../src/asterisk.ts'
import { placeCall, type Phone } from './phone.ts'
import { freePort } from './stage.ts'
import { until } from './until.ts'

/** Each worker of jest has audio ports of its own, as on the stage. */
export const RTP_FIRST = 18_000 + 2_000 * Number(process.env['JEST_WORKER_ID'] ?? 1)

/** A call that has reached the application, and the number that it was told. */
type Arrival = { id: string; exten: string }

type Channel = { id: string; dialplan: { exten: string } }

/** An Asterisk as shipped, with an application that only notes which calls reach it. */
export type BareAsterisk = LocalAsterisk & {
  settings: AsteriskSettings
  folder: string
  arrivals: Arrival[]
  ari: (method: string, uri: string, login?: string) => Promise<{ status: number; body: string }>
  call: (to: string, refusedWith?: number, address?: string) => Promise<Phone>
  /** What it has written since it began to start. */
  log: () => string
  /** Takes all of it away. */
  close: () => Promise<void>
}

/** Brings it up on free ports of loopback, from a folder of its own. */
export async function bringUp(more: Partial<AsteriskSettings> = {}): Promise<BareAsterisk> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'pinbridge-asterisk-'))
  const settings: AsteriskSettings = {
    dataDir,
    ariPort: await freePort('tcp'),
    ariPassword: randomBytes(16).toString('hex'),
    sipHost: '127.0.0.1',
    sipPort: await freePort('udp'),
    rtpStart: RTP_FIRST,
    rtpEnd: RTP_FIRST + 999,
    trunkHost: '127.0.0.1',
    trunkPort: await freePort('udp'),
    ...more,
  }
  const asterisk = await startAsterisk(settings, () => undefined)
  const { arrivals, close } = await listen(settings)
  const phones: Phone[] = []
  const folder = path.join(dataDir, 'asterisk')
  return {
    ...asterisk,
    settings,
    folder,
    arrivals,
    ari: ask(settings),
    call: async (to, refusedWith, address) => {
      const phone = await dial(settings, to, refusedWith, address)
      phones.push(phone)
      return phone
    },
    log: () =>
      [path.join(folder, 'log/messages.log'), `${folder}.log`]
        .map((file) => readFileSync(file, 'utf8'))
        .join(''),
    close: async () => {
      for (const phone of phones) phone.vanish()
      close()
      await asterisk.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

function ask({ ariPort, ariPassword }: AsteriskSettings): BareAsterisk['ari'] {
  return async (method, uri, login = `pinbridge:${ariPassword}`) => {
    const authorization = `Basic ${Buffer.from(login).toString('base64')}`
    const headers = { connection: 'close', ...(login !== '' && { authorization }) }
    const answer = await fetch(`http://127.0.0.1:${ariPort}/ari/${uri}`, { method, headers })
    return { status: answer.status, body: await answer.text() }
  }
}

async function dial(
  { dataDir, sipPort }: AsteriskSettings,
  to: string,
  refusedWith?: number,
  address = '127.0.0.1',
): Promise<Phone> {
  const line = { folder: dataDir, asteriskPort: sipPort, address, port: await freePort('udp') }
  const caller = { from: '+919811111111', steps: [{ do: 'waitForHangUp' as const }] }
  return placeCall(line, to, { ...caller, ...(refusedWith !== undefined && { refusedWith }) })
}

/** The application: notes what arrives. */
async function listen({ ariPort, ariPassword }: AsteriskSettings) {
  const arrivals: Arrival[] = []
  const login = `api_key=pinbridge:${ariPassword}`
  const socket = new WebSocket(`ws://127.0.0.1:${ariPort}/ari/events?app=pinbridge&${login}`)
  socket.addEventListener('message', ({ data }) => {
    const { type, channel } = JSON.parse(String(data)) as { type: string; channel?: Channel }
    if (type === 'StasisStart' && channel) arrivals.push({ id: channel.id, exten: channel.dialplan.exten })
  })
  await new Promise((done, fail) => {
    socket.addEventListener('open', done)
    socket.addEventListener('error', () => fail(new Error('ARI takes no application')))
  })
  return { arrivals, close: () => socket.close() }
}

/** Calls until the application has the call, and answers it there. */
export async function talking(
  asterisk: BareAsterisk,
  to: string,
  address?: string,
): Promise<Arrival & { phone: Phone }> {
  const before = asterisk.arrivals.length
  const phone = await asterisk.call(to, undefined, address)
  await until(() => expect(asterisk.arrivals.length).toBe(before + 1))
  const arrival = asterisk.arrivals.at(-1)!
  expect((await asterisk.ari('POST', `channels/${arrival.id}/answer`)).status).toBe(204)
  await until(() => expect(phone.messages()).toContain('ACK sip:'))
  return { ...arrival, phone }
}

/** Ends a call from our side, which the phone waits for. */
export async function hangUp(
  asterisk: BareAsterisk,
  { id, phone }: { id: string; phone: Phone },
): Promise<void> {
  await asterisk.ari('DELETE', `channels/${id}`)
  expect(await phone.ended).toBe(0)
}
