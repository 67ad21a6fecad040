import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Webhook } from 'standardwebhooks'
import { until } from '../support/until.ts'
import { webhookSink, type Received, type Sink } from '../support/webhook-sink.ts'
import { CANARY_PIN, shape, testOutbox, type TestOutbox } from './outbox.ts'

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

describe('an event', () => {
  test('is POSTed as JSON in the dialect’s shape, signed with the account’s secret', async () => {
    outbox.start()
    const [id] = await outbox.commit('a')
    await until(async () => expect(await waiting()).toBe(0))
    const body = JSON.stringify({ event: 'caller.refused', of: 'a', pin: CANARY_PIN })
    expect(sink.received).toMatchObject([{ method: 'POST', path: '/hook', body }])
    const { headers } = sink.received[0]!
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'webhook-id': id,
    })
    const verified = new Webhook(outbox.secrets.get('a')!).verify(body, headers as Record<string, string>)
    expect(verified).toEqual(JSON.parse(body))
    expect(await outbox.store.deliveryCounts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('for which the dialect has no words counts as delivered', async () => {
    outbox.start({ shape: () => undefined })
    await outbox.commit('a')
    await until(async () => expect(await waiting()).toBe(0))
    expect(outcomes()).toEqual(['delivered'])
    expect(sink.connections).toBe(0)
  })

  test('that a bug in the dialect cannot shape is tried again and never stops the others', async () => {
    await outbox.account('b', sink.url)
    outbox.start({
      shape: (event) => {
        if (event.accountId === 'a') throw new TypeError(`cannot write ${CANARY_PIN}`)
        return shape(event)
      },
    })
    await outbox.commit('a')
    await outbox.commit('b')
    await until(() => expect(outcomes().sort()).toEqual(['delivered', 'retry']))
    expect(outbox.attempts.find(({ accountId }) => accountId === 'a')).toMatchObject({ reason: 'TypeError' })
  })

  test('of a long backlog is sent like any other, each once', async () => {
    const sent = await outbox.commit('a', 500)
    outbox.start()
    await until(async () => expect(await waiting()).toBe(0), { atMostMs: 12_000 })
    expect(ids(sink.received).sort()).toEqual(sent.sort())
  })
})

test('a PIN is in the body and in nothing that is logged or kept about attempts', async () => {
  await outbox.account('b', `http://127.0.0.1:${sink.port}/hook?key=${CANARY_PIN}`)
  await outbox.account('c', `http://refused:word@127.0.0.1/${CANARY_PIN}`)
  await outbox.account('d', CANARY_PIN)
  await outbox.account('e', sink.url)
  outbox.start({
    shape: (event) => {
      if (event.accountId === 'e') throw new Error(CANARY_PIN)
      return shape(event)
    },
  })
  sink.answer(204, { status: 500, body: CANARY_PIN, headers: { 'x-echo': CANARY_PIN } })
  const reasons: string[] = []
  for (const id of ['a', 'b', 'c', 'd', 'e']) await outbox.commit(id)
  await until(() => expect(outbox.attempts).toHaveLength(5))
  for (const { reason } of outbox.attempts) reasons.push(reason ?? '')
  expect(reasons.sort()).toEqual([
    '',
    'Error',
    'HTTP 500',
    'receiver refused: credentials',
    'receiver refused: not a URL',
  ])
  expect(sink.received.map(({ body }) => body).join()).toContain(CANARY_PIN)
  expect(JSON.stringify(outbox.attempts)).not.toContain(CANARY_PIN)
})
