import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { changeCampaign } from '../../src/engine/campaigns.ts'
import { beginSending } from '../../src/engine/sendings.ts'
import { unsubscribe } from '../../src/engine/subscriptions.ts'
import type { OwedPin } from '../support/sent-pins.ts'
import { until } from '../support/until.ts'
import { textsDesk, useTexts } from './texts-desk.ts'

const { sink, desk, acme, one, untilIs, ids } = useTexts()

describe('a process that ends', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-texts-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('lets what is under way end, and writes that down', async () => {
    sink().answer('hang')
    const { stop } = desk().start()
    const owed = await one()
    await until(() => expect(sink().received).toHaveLength(1))
    const stopped = stop()
    sink().release(202)
    await stopped
    expect(await desk().now(owed)).toMatchObject({ state: 'ended', outcome: 'delivered' })
  })

  test('cuts off what takes too long, and the next one sends it again at once, though it was the last try', async () => {
    sink().answer('hang', 204)
    await changeCampaign(desk().ctx, acme().account, acme().campaign.id, { tries: 1 })
    const { stop } = desk().start({ stopMs: 50 })
    const owed = await one()
    await until(() => expect(sink().received).toHaveLength(1))
    await stop()
    expect(await desk().now(owed)).toMatchObject({ state: 'waiting', outcome: 'failed', tries: 1 })
    expect(desk().attempts).toMatchObject([{ outcome: 'failed', reason: 'stopped' }])
    desk().start()
    await untilIs(owed, { state: 'ended', outcome: 'delivered', tries: 2 })
    expect(ids(sink().received)).toEqual([owed.sending.id, owed.sending.id])
  })

  test('cuts off before it looks up a name, too', async () => {
    const { store } = desk().ctx
    const named = await desk().campaign('named', { url: 'https://sms.example/' })
    const found = Promise.withResolvers<undefined>()
    let asked = 0
    const findAccount: typeof store.findAccount = async (id) => {
      asked++
      await found.promise
      return store.findAccount(id)
    }
    const slow = { ...store, findAccount }
    const { stop } = desk().start({ store: slow, stopMs: 0, resolve: () => new Promise(() => undefined) })
    const owed = await one(named)
    await until(() => expect(asked).toBe(1))
    const abort = jest.spyOn(AbortController.prototype, 'abort')
    const stopped = stop()
    await until(() => expect(abort).toHaveBeenCalledWith('stopped'))
    abort.mockRestore()
    found.resolve(undefined)
    await stopped
    expect(await desk().now(owed)).toMatchObject({ state: 'waiting', outcome: 'failed', tries: 1 })
    expect(desk().attempts).toMatchObject([{ reason: 'stopped' }])
  })

  test('sends nothing any more', async () => {
    const { stop, wake } = desk().start()
    await stop()
    const owed = await one()
    wake()
    expect(await desk().now(owed)).toMatchObject({ state: 'waiting', tries: 0 })
    expect(sink().connections).toBe(0)
  })

  test('by being killed after the POST leaves a try behind, which is made again under the same id', async () => {
    const file = path.join(folder, 'pinbridge.db')
    const before = textsDesk(file)
    const { store } = before.ctx
    let posted = false
    // It has the answer, and nothing that it would write from then on arrives.
    const dead: typeof store = {
      ...store,
      changeSending: (id, decide) =>
        posted ? new Promise(() => undefined) : store.changeSending(id, decide),
    }
    const of = await before.campaign('killed', { url: sink().url })
    before.start({ store: dead, onAttempt: () => (posted = true) })
    const [owed] = (await before.owe(of)) as [OwedPin]
    await until(() => expect(posted).toBe(true))
    const after = textsDesk(file)
    after.ctx.clock.ms = before.ctx.clock.ms
    expect(await after.now(owed)).toMatchObject({ state: 'trying', tries: 1 })
    after.start()
    await until(async () =>
      expect(await after.now(owed)).toMatchObject({ state: 'ended', outcome: 'delivered', tries: 2 }),
    )
    expect(ids(sink().received)).toEqual([owed.sending.id, owed.sending.id])
    expect(sink().received[0]!.body).toBe(sink().received[1]!.body)
    await after.close()
    await before.ctx.store.close()
  })

  test('by being killed before the POST sends it all the same', async () => {
    const owed = await one()
    await beginSending(desk().ctx, owed.sending.id)
    desk().start()
    await untilIs(owed, { state: 'ended', outcome: 'delivered', tries: 2 })
    expect(ids(sink().received)).toEqual([owed.sending.id])
  })

  test('by being killed after the POST, which nobody needed by then, leaves nothing that is not ended', async () => {
    sink().answer('hang')
    const { store } = desk().ctx
    // What would be written from the POST on does not arrive.
    let killed = false
    const never = () => new Promise<never>(() => undefined)
    const dead: typeof store = {
      ...store,
      changeSending: (id, decide) => (killed ? never() : store.changeSending(id, decide)),
      sendingsToMake: (...query) => (killed ? never() : store.sendingsToMake(...query)),
    }
    desk().start({ store: dead })
    const owed = await one()
    await until(() => expect(sink().received).toHaveLength(1))
    killed = true
    await unsubscribe(desk().ctx, acme().campaign, owed.sending.to)
    expect(await desk().now(owed)).toMatchObject({ state: 'trying', outcome: 'not_needed', tries: 1 })
    desk().start()
    await untilIs(owed, { state: 'ended', outcome: 'not_needed', tries: 1 })
    expect(sink().received).toHaveLength(1)
  })
})

describe('a store that fails', () => {
  const failing = (times: number, which: (n: number) => boolean) => {
    const { store } = desk().ctx
    let calls = 0
    let failures = 0
    const changeSending: typeof store.changeSending = (id, decide) => {
      if (!which(++calls) || failures >= times) return store.changeSending(id, decide)
      failures++
      return Promise.reject(new Error('disk full'))
    }
    return { ...store, changeSending }
  }

  test('to write an outcome gets it later, and nothing is sent twice or anew meanwhile', async () => {
    await desk().owe(acme(), 12)
    // Ten are begun; of what is written then the first three fail.
    desk().start({ store: failing(3, (n) => n > 10) })
    await until(async () => {
      const sendings = await desk().ctx.store.sendings(acme().campaign.id, 20)
      expect(new Set(sendings.map(({ outcome }) => outcome))).toEqual(new Set(['delivered']))
    })
    expect(new Set(ids(sink().received)).size).toBe(12)
    expect(sink().received).toHaveLength(12)
    expect(desk().errors.length).toBeGreaterThan(0)
  })

  test('to write that a try begins sends nothing until it can', async () => {
    const { wake } = desk().start({ store: failing(1, () => true) })
    const owed = await one()
    await until(() => expect(desk().errors).toHaveLength(1))
    wake()
    await untilIs(owed, { state: 'ended', outcome: 'delivered', tries: 1 })
    expect(sink().received).toHaveLength(1)
  })

  test('to name what is owed is asked again', async () => {
    const { store } = desk().ctx
    let failures = 0
    const sendingsToMake: typeof store.sendingsToMake = (...query) =>
      failures++ < 2 ? Promise.reject(new Error('locked')) : store.sendingsToMake(...query)
    const owed = await one()
    desk().start({ store: { ...store, sendingsToMake } })
    await untilIs(owed, { outcome: 'delivered' })
    expect(desk().errors).toHaveLength(2)
  })
})
