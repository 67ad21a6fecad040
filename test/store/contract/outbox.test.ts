import { expect, test } from '@jest/globals'
import type { Event } from '../../../src/engine/events.ts'
import { until } from '../../support/until.ts'
import {
  attempt,
  A,
  account,
  ALL,
  allocation,
  B,
  contract,
  ended,
  ENDPOINT,
  FAR,
  newId,
  refused,
  T0,
  VN1,
} from './given.ts'

contract('the outbox', (it) => {
  const due = async (now = FAR, perAccount = 100) =>
    (await it.store.dueDeliveries(now, perAccount)).map(({ event }) => event.id)

  test('an event is due from its instant on until it is delivered, with its receiver', async () => {
    const event = refused('acme')
    await it.store.addEvents([event])
    expect(await it.store.dueDeliveries(T0 - 1, 10)).toEqual([])
    const delivery = { event, endpoint: ENDPOINT, webhookSecret: 'whsec_acme', attempts: 0, dueAt: T0 }
    expect(await it.store.dueDeliveries(T0, 10)).toEqual([delivery])
    expect(await it.store.dueDeliveries(T0, 10)).toEqual([delivery])
    expect(await it.store.nextDeliveryAt()).toBe(T0)
    expect(await it.store.deliveryCounts()).toEqual({ waiting: 1, dead: 0 })
    await it.store.deliveryDone(attempt(event.id), { state: 'delivered', status: 200 })
    expect(await due()).toEqual([])
    expect(await it.store.nextDeliveryAt()).toBeUndefined()
    expect(await it.store.deliveryCounts()).toEqual({ waiting: 0, dead: 0 })
  })

  test('one to be tried again is due again then, and counts its attempts', async () => {
    const [first, second] = [refused('acme'), refused('acme', T0 + 1)]
    await it.store.addEvents([first, second])
    await it.store.deliveryDone(attempt(first.id), { state: 'retry', dueAt: T0 + 60_000, reason: 'HTTP 500' })
    expect(await due(T0 + 59_999)).toEqual([second.id])
    expect(await due(T0 + 60_000)).toEqual([second.id, first.id])
    expect(await it.store.nextDeliveryAt()).toBe(T0 + 1)
    await it.store.deliveryDone(attempt(second.id, { dueAt: T0 + 1 }), { state: 'delivered', status: 204 })
    expect(await it.store.nextDeliveryAt()).toBe(T0 + 60_000)
    expect(await it.store.dueDeliveries(FAR, 1)).toMatchObject([{ attempts: 1, dueAt: T0 + 60_000 }])
  })

  test('one that is given up is dead, and what was settled stays so', async () => {
    const [lost, taken] = [refused('acme'), refused('acme')]
    await it.store.addEvents([lost, taken])
    await it.store.deliveryDone(attempt(lost.id), { state: 'dead', reason: 'too often' })
    await it.store.deliveryDone(attempt(taken.id), { state: 'delivered', status: 200 })
    for (const { id } of [lost, taken]) {
      for (const attempts of [0, 1]) {
        await it.store.deliveryDone(attempt(id, { attempts }), { state: 'retry', dueAt: T0, reason: 'late' })
        await it.store.deliveryDone(attempt(id, { attempts }), { state: 'dead', reason: 'late' })
      }
    }
    await it.store.deliveryDone(attempt('unheard of'), { state: 'dead', reason: '' })
    expect(await due()).toEqual([])
    expect(await it.store.deliveryCounts()).toEqual({ waiting: 0, dead: 1 })
  })

  test('without a receiver an event is kept but never due', async () => {
    await it.store.addAccount(account('quiet', { 'call.completed': ENDPOINT }), [])
    await it.store.addEvents([refused('quiet')])
    expect(await due()).toEqual([])
    expect(await it.store.nextDeliveryAt()).toBeUndefined()
    expect(await it.store.deliveryCounts()).toEqual({ waiting: 0, dead: 0 })
    await expect(it.store.addEvents([refused('nobody')])).rejects.toThrow()
  })

  test('a receiver that is gone is switched off for all it took, and for nothing else', async () => {
    const two = { ...ALL, 'call.completed': 'https://other.example/' }
    await it.store.addAccount(account('two', two), [])
    const made = allocation({ accountId: 'two' })
    const [found, waits, same] = [refused('two'), refused('two'), ended(made)]
    const elsewhere: Event = {
      ...{ type: 'call.completed', id: newId('event'), accountId: 'two', at: T0, callId: 'c' },
      ...{ allocationId: 'a', transactionId: 't', vn: VN1, from: A, to: B, callType: 'completed' },
      ...{ dialStatus: 'completed', startedAt: T0, dialMs: 1, talkMs: 1, recordedUntil: undefined },
    }
    const neighbour = refused('acme')
    await it.store.addEvents([found, waits, same, elsewhere, neighbour])
    await it.store.deliveryDone(attempt(found.id), { state: 'gone', reason: 'HTTP 410' })
    expect((await due()).sort()).toEqual([elsewhere.id, neighbour.id].sort())
    expect(await it.store.deliveryCounts()).toEqual({ waiting: 2, dead: 3 })
    const settings = (await it.store.accounts()).find(({ id }) => id === 'two')?.settings
    expect(settings?.endpoints).toEqual({ 'call.completed': 'https://other.example/' })
    await it.store.addEvents([refused('two')])
    expect(await it.store.deliveryCounts()).toEqual({ waiting: 2, dead: 3 })
    expect((await it.store.accounts()).find(({ id }) => id === 'acme')?.settings.endpoints).toEqual(ALL)
  })

  test('a receiver that has been replaced meanwhile takes nothing of its successor with it', async () => {
    const [tried, waits] = [refused('acme'), refused('acme')]
    await it.store.addEvents([tried, waits])
    const old = attempt(tried.id, { endpoint: 'https://old.example/' })
    await it.store.deliveryDone(old, { state: 'gone', reason: 'HTTP 410' })
    expect(await due()).toEqual([waits.id])
    expect((await it.store.accounts()).find(({ id }) => id === 'acme')?.settings.endpoints).toEqual(ALL)
  })

  test('no account hides the events of another', async () => {
    await it.store.addAccount(account('big', ALL), [])
    await it.store.addEvents(Array.from({ length: 30 }, (_, n) => refused('big', T0 + n)))
    await it.store.addEvents([refused('acme', T0 + 99, 'small')])
    const found = await it.store.dueDeliveries(FAR, 2)
    expect(found.map(({ event }) => [event.accountId, event.at - T0])).toEqual([
      ['acme', 99],
      ['big', 0],
      ['big', 1],
    ])
  })

  test('says when something has become due, after it can be read', async () => {
    const seen: string[][] = []
    const other = it.open(() => void it.eventIds(other).then((ids) => seen.push(ids)))
    await other.addAccount(account('acme', ALL), [])
    await other.addEvents([refused('acme', T0, 'e1')])
    await until(() => expect(seen).toEqual([['e1']]))
    await other.close()
    await it.store.touch(T0)
    await it.store.addAccount(account('quiet'), [])
    await it.store.addEvents([refused('quiet')])
    await it.store.touch(T0)
    expect(it.woken).toBe(0)
    await it.store.addEvents([refused('acme')])
    await until(() => expect(it.woken).toBe(1))
  })
})
