import { expect, test } from '@jest/globals'
import type { DeliveryOutcome, StoredEvent } from '../../../src/engine/store.ts'
import { until } from '../../support/until.ts'
import { attempt, account, ALL, allocation, contract, ended, ENDPOINT, FAR, refused, T0 } from './given.ts'

contract('the events', (it) => {
  const resend = (id: string, now = T0 + 99) => it.store.resendEvent(id, now)
  const list = async (filter: Partial<Parameters<typeof it.store.events>[0]> = {}) =>
    (await it.store.events({ limit: 100, ...filter })).map(({ event }) => event.id)

  /** One of each state, and one that has been tried, of acme; two of another, who takes no refusals. */
  async function some() {
    await it.store.addAccount(account('other', { 'allocation.ended': ENDPOINT }), [])
    const [waiting, tried, delivered, dead] = ['e1', 'e3', 'e5', 'e7'].map((id) => refused('acme', T0, id))
    const [quiet, theirs] = [
      refused('other', T0, 'e2'),
      ended(allocation({ accountId: 'other' }), { id: 'e4' }),
    ]
    await it.store.addEvents([dead!, theirs, waiting!, delivered!, quiet, tried!])
    await it.store.deliveryDone(attempt('e3'), { state: 'retry', dueAt: T0 + 7, reason: 'HTTP 500' })
    await it.store.deliveryDone(attempt('e5'), { state: 'delivered', status: 204 })
    await it.store.deliveryDone(attempt('e7'), { state: 'dead', reason: 'too often' })
    return { waiting: waiting!, tried: tried!, delivered: delivered!, dead: dead!, quiet, theirs }
  }

  test('come back with what has become of them', async () => {
    const all = await some()
    const expected: StoredEvent[] = [
      { event: all.dead, state: 'dead', attempts: 1, dueAt: undefined, lastWord: 'too often' },
      { event: all.delivered, state: 'delivered', attempts: 1, dueAt: undefined, lastWord: '204' },
      { event: all.theirs, state: 'waiting', attempts: 0, dueAt: T0, lastWord: undefined },
      { event: all.tried, state: 'waiting', attempts: 1, dueAt: T0 + 7, lastWord: 'HTTP 500' },
      { event: all.quiet, state: 'no_receiver', attempts: 0, dueAt: undefined, lastWord: undefined },
      { event: all.waiting, state: 'waiting', attempts: 0, dueAt: T0, lastWord: undefined },
    ]
    expect(await it.store.events({ limit: 10 })).toEqual(expected)
    for (const one of expected) expect(await it.store.findEvent(one.event.id)).toEqual(one)
    expect(await it.store.findEvent('e')).toBeUndefined()
  })

  test('are listed newest first, by account, by state, by both, and from a place on', async () => {
    await some()
    expect(await list({ limit: 2 })).toEqual(['e7', 'e5'])
    expect(await list({ limit: 2, before: 'e5' })).toEqual(['e4', 'e3'])
    expect(await list({ before: 'e35' })).toEqual(['e3', 'e2', 'e1'])
    expect(await list({ before: 'e1' })).toEqual([])
    expect(await list({ accountId: 'acme' })).toEqual(['e7', 'e5', 'e3', 'e1'])
    expect(await list({ accountId: 'acme', before: 'e5', limit: 1 })).toEqual(['e3'])
    expect(await list({ state: 'waiting' })).toEqual(['e4', 'e3', 'e1'])
    expect(await list({ state: 'waiting', before: 'e4', limit: 1 })).toEqual(['e3'])
    expect(await list({ state: 'dead' })).toEqual(['e7'])
    expect(await list({ state: 'delivered' })).toEqual(['e5'])
    expect(await list({ state: 'no_receiver' })).toEqual(['e2'])
    expect(await list({ accountId: 'acme', state: 'waiting' })).toEqual(['e3', 'e1'])
    expect(await list({ accountId: 'acme', state: 'waiting', before: 'e3' })).toEqual(['e1'])
    expect(await list({ accountId: 'other', state: 'dead' })).toEqual([])
    expect(await list({ accountId: 'nobody' })).toEqual([])
  })

  test.each([
    ['waiting', { waiting: 3, dead: 1 }],
    ['tried', { waiting: 3, dead: 1 }],
    ['delivered', { waiting: 4, dead: 1 }],
    ['dead', { waiting: 4, dead: 0 }],
  ] as const)(
    'one that is %s is due again with its whole schedule when it is resent',
    async (which, counts) => {
      const event = (await some())[which]
      await until(() => expect(it.woken).toBe(5))
      expect(await resend(event.id)).toBe(true)
      await until(() => expect(it.woken).toBe(6))
      expect(await it.store.findEvent(event.id)).toMatchObject({
        ...{ event, state: 'waiting', attempts: 0, dueAt: T0 + 99 },
      })
      expect(await it.store.deliveryCounts()).toEqual(counts)
      const deliveries = async (now: number) =>
        (await it.store.dueDeliveries(now, 10)).filter((one) => one.event.id === event.id)
      expect(await deliveries(T0 + 98)).toEqual([])
      expect(await deliveries(T0 + 99)).toMatchObject([
        { event, endpoint: ENDPOINT, attempts: 0, dueAt: T0 + 99 },
      ])
      await it.store.deliveryDone(attempt(event.id, { dueAt: T0 + 99 }), { state: 'delivered', status: 200 })
      expect(await it.store.findEvent(event.id)).toMatchObject({ state: 'delivered', attempts: 1 })
    },
  )

  test('what an attempt comes to that was under way when it was resent is not its outcome any more', async () => {
    const { tried } = await some()
    await resend(tried.id)
    const before = await it.store.findEvent(tried.id)
    // Due when it had fallen due, and also when it is due again.
    for (const dueAt of [T0 + 7, T0 + 99]) {
      const old = attempt(tried.id, { attempts: 1, dueAt })
      await it.store.deliveryDone(old, { state: 'dead', reason: 'too often' })
      await it.store.deliveryDone(old, { state: 'retry', dueAt: FAR, reason: 'HTTP 500' })
    }
    expect(await it.store.findEvent(tried.id)).toEqual(before)
    expect(before).toMatchObject({ state: 'waiting', attempts: 0, dueAt: T0 + 99, lastWord: undefined })
  })

  test.each<DeliveryOutcome>([
    { state: 'delivered', status: 200 },
    { state: 'retry', dueAt: FAR, reason: 'HTTP 500' },
    { state: 'dead', reason: 'too often' },
    { state: 'gone', reason: 'HTTP 410' },
  ])('nor is $state, when it was resent during its very first attempt', async (outcome) => {
    const { waiting } = await some()
    const [first] = (await it.store.dueDeliveries(T0, 10)).filter(({ event }) => event.id === waiting.id)
    expect(first).toMatchObject({ attempts: 0, dueAt: T0 })
    await resend(waiting.id)
    await it.store.deliveryDone({ eventId: waiting.id, ...first! }, outcome)
    expect(await it.store.findEvent(waiting.id)).toEqual({
      ...{ event: waiting, state: 'waiting', attempts: 0, dueAt: T0 + 99, lastWord: undefined },
    })
    expect((await it.store.accounts()).find(({ id }) => id === 'acme')?.settings.endpoints).toEqual(ALL)
    // What the attempt comes to that follows the resending is.
    await it.store.deliveryDone(attempt(waiting.id, { dueAt: T0 + 99 }), { state: 'dead', reason: 'no' })
    expect(await it.store.findEvent(waiting.id)).toMatchObject({ state: 'dead', attempts: 1 })
  })

  test('one that had no receiver is sent when there is one by now', async () => {
    const { quiet } = await some()
    it.woken = 0
    const before = await it.store.findEvent(quiet.id)
    expect(await resend(quiet.id)).toBe(false)
    expect(await it.store.findEvent(quiet.id)).toEqual(before)
    await it.store.changeAccount('other', (found) => ({
      save: { ...found!, settings: { ...found!.settings, endpoints: ALL } },
      result: undefined,
    }))
    // New endpoints get what comes, not what was.
    expect(await it.store.findEvent(quiet.id)).toEqual(before)
    expect(await resend(quiet.id)).toBe(true)
    expect(await it.store.dueDeliveries(FAR, 10)).toContainEqual({
      ...{ event: quiet, endpoint: ENDPOINT, webhookSecret: 'whsec_other', attempts: 0, dueAt: T0 + 99 },
    })
  })

  test('one without an endpoint, or unheard of, is not resent and wakes nobody', async () => {
    const { dead, delivered } = await some()
    await it.store.changeAccount('acme', (found) => ({
      save: { ...found!, settings: { ...found!.settings, endpoints: { 'allocation.ended': ENDPOINT } } },
      result: undefined,
    }))
    await it.store.touch(T0)
    const before = await it.store.events({ limit: 100 })
    it.woken = 0
    for (const id of [dead.id, delivered.id, 'none']) expect(await resend(id)).toBe(false)
    await it.store.touch(T0)
    expect(it.woken).toBe(0)
    expect(await it.store.events({ limit: 100 })).toEqual(before)
  })
})
