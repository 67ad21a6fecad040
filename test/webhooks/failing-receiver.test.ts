import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Webhook } from 'standardwebhooks'
import { until } from '../support/until.ts'
import { webhookSink, type Answer, type Received, type Sink } from '../support/webhook-sink.ts'
import { testOutbox, type TestOutbox } from './outbox.ts'

const HOUR_MS = 3_600_000

let sink: Sink
let outbox: TestOutbox

beforeEach(async () => {
  sink = await webhookSink()
  outbox = testOutbox()
  await outbox.account('a', sink.url)
})

afterEach(async () => {
  sink.answer(204)
  sink.release(204)
  await outbox.close()
  await sink.close()
})

const ids = (received: Received[]) => received.map(({ headers }) => headers['webhook-id'])
const outcomes = () => outbox.attempts.map(({ outcome }) => outcome)
const waiting = async () => (await outbox.store.deliveryCounts()).waiting

/** Until the store has the outcome of the attempts so far. */
async function untilAttempts(count: number): Promise<void> {
  await until(async () => {
    expect(outbox.attempts).toHaveLength(count)
    expect((await outbox.store.nextDeliveryAt()) ?? Infinity).toBeGreaterThan(outbox.clock.ms)
  })
}

describe('a receiver that fails', () => {
  test('is tried ten times in 75 h 35 min 5 s with the same id and bytes, then the event is dead', async () => {
    sink.answer(500)
    const startedAt = outbox.clock.ms
    outbox.start()
    await outbox.commit('a')
    for (let attempt = 1; attempt < 10; attempt++) {
      await untilAttempts(attempt)
      await outbox.untilNextDue()
    }
    await until(async () => expect(await outbox.store.deliveryCounts()).toEqual({ waiting: 0, dead: 1 }))
    expect(outbox.clock.ms - startedAt).toBe(75 * HOUR_MS + 35 * 60_000 + 5_000)
    expect(outbox.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(outcomes()).toEqual([...Array<string>(9).fill('retry'), 'dead'])
    expect(new Set(ids(sink.received)).size).toBe(1)
    expect(new Set(sink.received.map(({ body }) => body)).size).toBe(1)
  })

  test('sees each try signed anew, with the time of the try', async () => {
    sink.answer(500, 204)
    outbox.start()
    await outbox.commit('a')
    await untilAttempts(1)
    await outbox.untilNextDue()
    await untilAttempts(2)
    const webhook = new Webhook(outbox.secrets.get('a')!)
    const times = sink.received.map(({ headers, body }) => {
      const at = Number(headers['webhook-timestamp'])
      const signature = webhook.sign(String(headers['webhook-id']), new Date(at * 1000), body)
      expect(headers['webhook-signature']).toBe(signature)
      return at
    })
    expect(times[1]! - times[0]!).toBe(5)
  })

  test('is not tried before its time', async () => {
    sink.answer(500)
    const { wake } = outbox.start()
    await outbox.commit('a')
    await untilAttempts(1)
    outbox.clock.ms += 4_999
    wake()
    await outbox.account('b', sink.url)
    await outbox.commit('b')
    await until(() => expect(outbox.attempts).toHaveLength(2))
    expect(outbox.attempts[1]).toMatchObject({ accountId: 'b' })
  })

  test.each<[Answer, string, { timeoutMs?: number }]>([
    ['drop', 'ECONNRESET', {}],
    ['hang', 'time-out', { timeoutMs: 100 }],
  ])('by %s is tried again, with the reason %s', async (answer, reason, options) => {
    sink.answer(answer, 204)
    outbox.start(options)
    await outbox.commit('a')
    await until(() =>
      expect(outbox.attempts).toMatchObject([{ outcome: 'retry', status: undefined, reason }]),
    )
    await untilAttempts(1)
    await outbox.untilNextDue()
    await until(async () => expect(await waiting()).toBe(0))
  })

  test('by refusing the connection is tried again', async () => {
    await sink.close()
    outbox.start()
    await outbox.commit('a')
    await until(() => expect(outbox.attempts).toMatchObject([{ outcome: 'retry', reason: 'ECONNREFUSED' }]))
  })

  test.each([301, 302, 303, 307, 308])('with %d is not followed', async (status) => {
    const elsewhere = await webhookSink()
    sink.answer({ status, headers: { location: elsewhere.url } })
    outbox.start()
    await outbox.commit('a')
    await untilAttempts(1)
    expect(outbox.attempts).toMatchObject([{ outcome: 'retry', status, reason: `HTTP ${status}` }])
    expect(elsewhere.connections).toBe(0)
    await elsewhere.close()
  })

  test('with 410 Gone is switched off, with all that waits for it', async () => {
    sink.answer(500, 410)
    outbox.start()
    await outbox.commit('a')
    await untilAttempts(1)
    await outbox.commit('a')
    await until(() => expect(outcomes()).toEqual(['retry', 'gone']))
    await until(async () => expect(await waiting()).toBe(0))
    await outbox.commit('a')
    expect(await waiting()).toBe(0)
    expect(sink.received).toHaveLength(2)
  })

  test('with 429 is left alone for as long as it asks', async () => {
    sink.answer({ status: 429, headers: { 'retry-after': '3600' } }, 204)
    outbox.start()
    await outbox.commit('a')
    await untilAttempts(1)
    expect(await outbox.untilNextDue()).toBe(HOUR_MS)
    await until(() => expect(outcomes()).toEqual(['retry', 'delivered']))
  })

  test('whose name has no address yet is tried again, and reached once it has one', async () => {
    await outbox.account('b', `http://new.example:${sink.port}/`)
    const known: string[] = []
    outbox.start({
      resolve: () =>
        known.length > 0
          ? Promise.resolve(known)
          : Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' })),
    })
    await outbox.commit('b')
    await untilAttempts(1)
    expect(outbox.attempts).toMatchObject([{ outcome: 'retry', reason: 'ENOTFOUND' }])
    known.push('127.0.0.1')
    await outbox.untilNextDue()
    await until(() => expect(outcomes()).toEqual(['retry', 'delivered']))
    expect(sink.received[0]!.headers.host).toBe(`new.example:${sink.port}`)
  })

  test('whose name server is silent counts against the time-out', async () => {
    await outbox.account('b', 'https://silent.example/')
    outbox.start({ timeoutMs: 100, resolve: () => new Promise(() => undefined) })
    await outbox.commit('b')
    await until(() => expect(outbox.attempts).toMatchObject([{ outcome: 'retry', reason: 'time-out' }]))
  })
})

describe('a receiver that has said 200 has the event', () => {
  let sockets: Socket[]

  async function talker(speak: (socket: Socket) => void): Promise<{ url: string; close: () => void }> {
    sockets = []
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      socket.once('data', () => speak(socket))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const close = () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
    return { url: `http://127.0.0.1:${port}/`, close }
  }

  test.each<[string, (socket: Socket) => void, { timeoutMs?: number }]>([
    ['never ends its body', (socket) => endless(socket), {}],
    [
      'stops in the middle of its body',
      (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'),
      { timeoutMs: 100 },
    ],
    [
      'is cut off in the middle of its body',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'),
      {},
    ],
  ])('even if it %s', async (_how, speak, options) => {
    const server = await talker(speak)
    await outbox.account('b', server.url)
    outbox.start(options)
    await outbox.commit('b')
    await until(async () => expect(await waiting()).toBe(0))
    expect(outcomes()).toEqual(['delivered'])
    await until(() => expect(sockets.every(({ destroyed }) => destroyed)).toBe(true))
    server.close()
  })

  test.each([
    ['no HTTP', 'hello\r\n\r\n', 'HPE_INVALID_CONSTANT'],
    [
      'another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'ECONNRESET',
    ],
    ['more headers than fit', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(70_000)}\r\n\r\n`, 'HPE_HEADER_OVERFLOW'],
  ])('but one that speaks %s has not', async (_what, words, reason) => {
    const server = await talker((socket) => socket.end(words))
    await outbox.account('b', server.url)
    outbox.start()
    await outbox.commit('b')
    await until(() => expect(outbox.attempts).toMatchObject([{ outcome: 'retry', reason }]))
    server.close()
  })

  function endless(socket: Socket): void {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const more = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(16_384)));
    }
    socket.on('drain', more)
    more()
  }
})
