import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { until } from '../support/until.ts'
import { webhookSink, type Sink } from '../support/webhook-sink.ts'
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

const waiting = async () => (await outbox.store.deliveryCounts()).waiting

describe('a dead receiver', () => {
  test('holds two connections of its account and delays nobody else', async () => {
    const healthy = await webhookSink()
    sink.answer('hang')
    await outbox.account('b', healthy.url)
    await outbox.commit('a', 50)
    outbox.start()
    await until(() => expect(sink.received).toHaveLength(2))
    await outbox.commit('b', 50)
    await until(() => expect(healthy.received).toHaveLength(50))
    expect(sink.connections).toBe(2)
    await healthy.close()
  })

  test('does not hide when another account’s retry falls due', async () => {
    const healthy = await webhookSink()
    healthy.answer(500, 204)
    sink.answer('hang')
    await outbox.account('b', healthy.url)
    await outbox.commit('b')
    outbox.start()
    await until(async () => expect(await outbox.store.nextDeliveryAt()).toBe(outbox.clock.ms + 5_000))
    await outbox.commit('a')
    await until(() => expect(sink.received).toHaveLength(1))
    outbox.clock.ms += 5_000
    await until(() => expect(healthy.received).toHaveLength(2))
    await healthy.close()
  })
})

describe('many dead receivers', () => {
  async function manyAccounts(eventsOfEach: number): Promise<void> {
    for (let i = 0; i < 80; i++) {
      await outbox.account(`dead-${i}`, sink.url)
      await outbox.commit(`dead-${i}`, eventsOfEach)
    }
  }

  test('hold 128 connections together', async () => {
    const { store } = outbox
    let runs = 0
    const dueDeliveries = (now: number, perAccount: number) => {
      runs++
      return store.dueDeliveries(now, perAccount)
    }
    sink.answer('hang')
    await manyAccounts(2)
    const { wake } = outbox.start({ store: { ...store, dueDeliveries } })
    await until(() => expect(sink.received).toHaveLength(128))
    const before = runs
    wake()
    await until(() => expect(runs).toBeGreaterThan(before + 1))
    expect(sink.connections).toBe(128)
    sink.answer(204)
    sink.release(204)
    await until(async () => expect(await waiting()).toBe(0))
    expect(sink.received).toHaveLength(160)
  })

  test('leave the next turn to an account that has had none', async () => {
    const healthy = await webhookSink()
    sink.answer('hang')
    await manyAccounts(20)
    outbox.start({ timeoutMs: 300 })
    await until(() => expect(sink.received.length).toBeGreaterThanOrEqual(128))
    await outbox.account('the last of all', healthy.url)
    await outbox.commit('the last of all')
    const before = sink.connections
    await until(() => expect(healthy.received).toHaveLength(1))
    expect(sink.connections - before).toBeLessThan(2 * 128)
    await healthy.close()
  })
})
