import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { DeliveryAttempt, DeliveryOutcome } from '../../src/engine/store.ts'
import { until } from '../support/until.ts'
import { webhookSink, type Received, type Sink } from '../support/webhook-sink.ts'
import { testOutbox, type TestOutbox } from './outbox.ts'

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
const waiting = async () => (await outbox.store.deliveryCounts()).waiting

describe('stopping', () => {
  test('waits for the attempt under way and keeps its outcome', async () => {
    sink.answer('hang')
    const delivery = outbox.start()
    await outbox.commit('a')
    await until(() => expect(sink.received).toHaveLength(1))
    const stopped = delivery.stop()
    sink.release(204)
    await stopped
    expect(await outbox.store.deliveryCounts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('does not wait longer than it may, and the attempt it cut off does not count', async () => {
    sink.answer('hang')
    const delivery = outbox.start({ stopMs: 50 })
    await outbox.commit('a')
    await until(() => expect(sink.received).toHaveLength(1))
    await delivery.stop()
    expect(await outbox.store.dueDeliveries(outbox.clock.ms, 2)).toMatchObject([{ attempts: 0 }])
    expect(outbox.attempts).toEqual([])
  })

  test('ends all sending', async () => {
    const delivery = outbox.start()
    await delivery.stop()
    await outbox.commit('a')
    delivery.wake()
    expect(await waiting()).toBe(1)
    expect(sink.connections).toBe(0)
  })
})

describe('a restart', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'outbox-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('goes on in the middle of the schedule, with the same id and bytes', async () => {
    const file = join(folder, 'test.db')
    sink.answer(500)
    const before = testOutbox(file)
    await before.account('a', sink.url)
    before.start()
    await before.commit('a')
    await until(() => expect(before.attempts).toHaveLength(1))
    await before.close()

    sink.answer(500, 204)
    const after = testOutbox(file)
    after.clock.ms = before.clock.ms
    after.start()
    expect(await after.untilNextDue()).toBe(5_000)
    await until(() => expect(after.attempts).toMatchObject([{ attempt: 2, outcome: 'retry' }]))
    await until(async () => expect(await after.store.nextDeliveryAt()).toBe(after.clock.ms + 300_000))
    await after.untilNextDue()
    await until(() =>
      expect(after.attempts).toMatchObject([{ attempt: 2 }, { attempt: 3, outcome: 'delivered' }]),
    )
    await after.close()
    expect(sink.received).toHaveLength(3)
    expect(
      new Set(sink.received.map(({ headers, body }) => `${String(headers['webhook-id'])} ${body}`)).size,
    ).toBe(1)
  })

  test('repeats an attempt whose outcome was not written', async () => {
    const file = join(folder, 'test.db')
    sink.answer('hang')
    const before = testOutbox(file)
    await before.account('a', sink.url)
    before.start({ stopMs: 0 })
    const [id] = await before.commit('a')
    await until(() => expect(sink.received).toHaveLength(1))
    await before.close()

    sink.answer(204)
    const after = testOutbox(file)
    after.start()
    await until(async () => expect(await after.store.deliveryCounts()).toEqual({ waiting: 0, dead: 0 }))
    await after.close()
    expect(ids(sink.received)).toEqual([id, id])
  })
})

describe('an event that is resent', () => {
  // Whatever the first attempt comes to: the resending asks for one more.
  test.each([204, 500, 410])('during its very first attempt, answered %i, is sent again', async (status) => {
    sink.answer('hang', 204)
    outbox.start()
    const [id] = (await outbox.commit('a')) as [string]
    await until(() => expect(sink.received).toHaveLength(1))
    outbox.clock.ms += 1
    expect(await outbox.store.resendEvent(id, outbox.clock.ms)).toBe(true)
    sink.release(status)
    await until(async () =>
      expect(await outbox.store.findEvent(id)).toMatchObject({ state: 'delivered', attempts: 1 }),
    )
    expect(ids(sink.received)).toEqual([id, id])
    expect(outbox.errors).toEqual([])
  })
})

describe('a store that fails', () => {
  test('to write an outcome gets it later, and nothing is sent twice or anew meanwhile', async () => {
    const { store } = outbox
    let failures = 0
    const deliveryDone = (attempt: DeliveryAttempt, outcome: DeliveryOutcome) =>
      failures++ < 3 ? Promise.reject(new Error('disk full')) : store.deliveryDone(attempt, outcome)
    await outbox.commit('a', 3)
    outbox.start({ store: { ...store, deliveryDone } })
    await until(() => expect(outbox.errors.length).toBeGreaterThan(0))
    expect(sink.received).toHaveLength(2)
    await until(async () => expect(await waiting()).toBe(0))
    expect(sink.received).toHaveLength(3)
    expect(outbox.errors.length).toBeGreaterThan(1)
  })

  test('to name what is due is asked again', async () => {
    const { store } = outbox
    let failures = 0
    const dueDeliveries = (now: number, perAccount: number) =>
      failures++ < 2 ? Promise.reject(new Error('locked')) : store.dueDeliveries(now, perAccount)
    await outbox.commit('a')
    outbox.start({ store: { ...store, dueDeliveries } })
    await until(async () => expect(await waiting()).toBe(0))
    expect(outbox.errors).toHaveLength(2)
  })
})
