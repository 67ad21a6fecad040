import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { expect } from '@jest/globals'
import { pino } from 'pino'
import request, { type Test } from 'supertest'
import { type ApiParts, createApi, listen } from '../../src/api/server.ts'
import type { Account } from '../../src/engine/accounts.ts'
import { whyRefused } from '../../src/webhooks/guard.ts'
import { A, B, SECRET, testAccount, testContext, type TestContext } from '../support/context.ts'

export type Door = {
  ctx: TestContext
  account: Account
  /** Every log line so far, as text. */
  lines: string[]
  url: string
  server: Server
  /** A request as this user; by default the account's own. */
  as: (method: 'get' | 'post' | 'put' | 'delete', path: string, user?: string) => Test
  /** Sends these bytes as they are and gives the whole answer. */
  raw: (text: string) => Promise<{ status: number; body: string }>
  close: () => Promise<void>
}

/** The real API on a real store, over real HTTP on the loopback. */
export async function openDoor(parts: Partial<ApiParts> = {}): Promise<Door> {
  const ctx = testContext()
  const account = await testAccount(ctx)
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(line) })
  const app = createApi({
    pins: { range: 1_000_000, contexts: ['after-pin'] },
    phones: { wakeCallbacks: () => undefined, wakeSendings: () => undefined, sipAddress: '127.0.0.1:5060' },
    ctx,
    log,
    ready: () => Promise.resolve({ ready: true, checks: {} }),
    refusedReceiver: (endpoint) => whyRefused(endpoint, { allowPrivate: false }),
    recordings: { folder: '/nowhere', key: 'key' },
    ...parts,
  })
  const server = await listen(app, { host: '127.0.0.1', port: 0 })
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return {
    ctx,
    account,
    lines,
    url,
    server,
    as: (method, path, user = account.sid) => request(url)[method](path).auth(user, SECRET),
    raw: (text) => raw(port, text),
    close: async () => {
      server.close().closeAllConnections()
      await ctx.store.close()
    },
  }
}

async function raw(port: number, text: string): Promise<{ status: number; body: string }> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (part: string) => (answer += part))
  socket.write(text)
  await once(socket, 'close')
  const [head = '', body = ''] = answer.split('\r\n\r\n', 2)
  return { status: Number(head.split(' ')[1]), body }
}

/** The POST parameters of the manual's first sample. */
export const SAMPLE = {
  transaction_id: 'random_string',
  a: { vns: ['6292134471', '6292134464'], numbers: ['7987686144'], pin: '123', pin_length: 2 },
  b: { vns: ['6292134465', '6292134464'], numbers: ['9956555625'], pin: '234', pin_length: '3' },
  usage: 'twoway',
  deallocation_policy: { duration: '1200s' },
}

/** A request that is granted, with other parameters than the sample's. */
export function sample(change: object = {}) {
  const [a, b] = [{ numbers: [A], vns: ['6292134471'] }, { numbers: [B] }]
  return { transaction_id: 'order-id', a, b, ...change }
}

/** What GreenPin's `data` holds. */
export type Data = {
  greenpin_id: string
  transaction_id: string
  a: { vns: string[]; numbers?: string[]; pin?: string }
  b: { vns: string[]; numbers?: string[]; pin?: string }
  usage: string
  state: string
  deallocation_time?: string
}
export type Envelope = {
  success: boolean
  status: number
  code: number | null
  message: string | null
  data: Data
}
/** The data of an answer that must be a success. */
export async function granted(sent: Test): Promise<Data> {
  const { status, body } = (await sent) as { status: number; body: Envelope }
  expect({ status, code: body.code }).toEqual({ status: 200, code: null })
  return body.data
}
/** Expects the manual's envelope of a refusal; `message` is a regular expression. An answer to PUT also names the request. */
export async function expectRefusal(sent: Test, status: number, code: number, message: string) {
  const answer = await sent
  const head = sent.method === 'PUT' ? { request_id: answer.headers['x-request-id'], method: 'PUT' } : {}
  const envelope = {
    success: false,
    status,
    code,
    message: expect.stringMatching(message) as unknown,
    data: null,
  }
  expect({ status: answer.status, body: answer.body as unknown }).toEqual({
    status,
    body: { ...head, ...envelope },
  })
}
