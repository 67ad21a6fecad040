import { describe, expect, test } from '@jest/globals'
import { changeCampaign } from '../../src/engine/campaigns.ts'
import { beginSending } from '../../src/engine/sendings.ts'
import { until } from '../support/until.ts'
import { type Answer, webhookSink } from '../support/webhook-sink.ts'
import { useTexts } from './texts-desk.ts'

/** The default of a campaign. */
const RETRY_MS = 30_000

const { sink, desk, acme, one, untilIs, ids } = useTexts()

describe('a gateway', () => {
  test.each<[Answer, string | undefined]>([
    [500, undefined],
    [503, undefined],
    [408, undefined],
    [425, undefined],
    [429, undefined],
    [301, undefined],
    ['drop', 'ECONNRESET'],
    ['hang', 'time-out'],
  ])('that answers %j is asked again when that is due, under the same id', async (answer, reason) => {
    sink().answer(answer, 204)
    desk().start({ timeoutMs: 300 })
    const owed = await one()
    const dueAt = desk().ctx.clock.ms + RETRY_MS
    await untilIs(owed, { state: 'waiting', outcome: 'failed', tries: 1, dueAt })
    const status = typeof answer === 'number' ? answer : undefined
    expect(desk().attempts).toMatchObject([{ outcome: 'failed', attempt: 1, status, reason }])
    desk().pass(RETRY_MS)
    await untilIs(owed, { state: 'ended', outcome: 'delivered', tries: 2 })
    expect(ids(sink().received)).toEqual([owed.sending.id, owed.sending.id])
    expect(new Set(sink().received.map(({ body }) => body)).size).toBe(1)
    const [first, second] = sink().received.map(({ headers }) => Number(headers['webhook-timestamp']))
    expect(second! - first!).toBe(RETRY_MS / 1_000)
  })

  test('is not asked before it is due, nor more often than the campaign says', async () => {
    sink().answer(500)
    const { wake } = desk().start()
    const owed = await one()
    for (let tries = 1; tries < 3; tries++) {
      await untilIs(owed, { state: 'waiting', tries })
      desk().pass(RETRY_MS - 1)
      // Somebody else's goes out meanwhile.
      const other = await desk().campaign(`other-${tries}`, { url: sink().url }, { tries: 1 })
      await untilIs(await one(other), { state: 'ended' })
      expect(ids(sink().received).filter((id) => id === owed.sending.id)).toHaveLength(tries)
      desk().pass(1)
    }
    await untilIs(owed, { state: 'ended', outcome: 'failed', tries: 3 })
    wake()
    expect(ids(sink().received).filter((id) => id === owed.sending.id)).toHaveLength(3)
  })

  test.each([400, 401, 403, 404, 410, 422, 499])('that answers %i is not asked again', async (status) => {
    sink().answer(status)
    desk().start()
    await untilIs(await one(), { state: 'ended', outcome: 'refused', tries: 1 })
    expect(desk().attempts).toMatchObject([{ outcome: 'refused', status, reason: undefined }])
  })

  test.each([200, 201, 202, 204, 299])('that answers %i has the PIN', async (status) => {
    sink().answer(status)
    desk().start()
    await untilIs(await one(), { state: 'ended', outcome: 'delivered', tries: 1 })
  })

  test.each([301, 302, 303, 307, 308])('that answers %i is not followed', async (status) => {
    const elsewhere = await webhookSink()
    sink().answer({ status, headers: { location: elsewhere.url } })
    desk().start()
    await untilIs(await one(), { state: 'waiting', outcome: 'failed' })
    expect(elsewhere.connections).toBe(0)
    await elsewhere.close()
  })

  test.each([
    ['http', 'scheme', (port: number) => `http://127.0.0.1:${port}/`],
    ['another port', 'port', (port: number) => `https://127.0.0.1:${port}/`],
    ['a private address', 'address', () => 'https://127.0.0.1/'],
    ['no address', 'not a URL', () => 'nowhere'],
  ])('at %s is not connected to unless that is allowed', async (_, why, urlOf) => {
    const within = await desk().campaign('within', { url: urlOf(sink().port) })
    desk().start({ allowPrivate: false })
    await untilIs(await one(within), { state: 'waiting', outcome: 'failed', tries: 1 })
    expect(desk().attempts).toMatchObject([{ outcome: 'failed', reason: `receiver refused: ${why}` }])
    expect(sink().connections).toBe(0)
  })

  test('whose name leads to a private address is not connected to', async () => {
    const named = await desk().campaign('named', { url: 'https://sms.example/' })
    desk().start({ allowPrivate: false, resolve: () => Promise.resolve(['93.184.216.34', '127.0.0.1']) })
    await untilIs(await one(named), { state: 'waiting', outcome: 'failed' })
    expect(desk().attempts).toMatchObject([{ reason: 'receiver refused: address' }])
    expect(sink().connections).toBe(0)
  })

  test('whose name server is silent counts against the time-out', async () => {
    const named = await desk().campaign('named', { url: 'https://sms.example/' })
    desk().start({ timeoutMs: 100, resolve: () => new Promise(() => undefined) })
    await untilIs(await one(named), { state: 'waiting', outcome: 'failed' })
    expect(desk().attempts).toMatchObject([{ reason: 'time-out', status: undefined }])
  })

  test('that the campaign has no more of is not asked, and asked once it has it again', async () => {
    const { means } = acme().campaign
    const owed = await one()
    await changeCampaign(desk().ctx, acme().account, acme().campaign.id, { means: { kind: 'call' } })
    const { wake } = desk().start()
    await untilIs(owed, { state: 'waiting', means: 'call', outcome: undefined, tries: 0 })
    expect(desk().attempts).toEqual([])
    expect(sink().connections).toBe(0)
    await changeCampaign(desk().ctx, acme().account, acme().campaign.id, { means })
    // As the other desk does.
    expect(await beginSending(desk().ctx, owed.sending.id)).toBeUndefined()
    wake()
    await untilIs(owed, { state: 'ended', outcome: 'delivered', tries: 1 })
  })

  test('that a campaign has instead of a call is asked', async () => {
    const { account, campaign } = await desk().campaign(
      'calls',
      { url: sink().url },
      { means: { kind: 'call' } },
    )
    const owed = await one({ account, campaign })
    await changeCampaign(desk().ctx, account, campaign.id, { means: acme().campaign.means })
    expect(await beginSending(desk().ctx, owed.sending.id)).toBeUndefined()
    desk().start()
    await untilIs(owed, { state: 'ended', outcome: 'delivered', tries: 1 })
    expect(sink().received).toHaveLength(1)
  })
})

describe('turns', () => {
  test('30 of one account whose gateway hangs hold up nobody else', async () => {
    sink().answer('hang')
    const healthy = await webhookSink()
    const other = await desk().campaign('other', { url: healthy.url })
    await desk().owe(acme(), 30)
    desk().start()
    await until(() => expect(sink().received).toHaveLength(10))
    await desk().owe(other, 30)
    await until(() => expect(healthy.received).toHaveLength(30))
    expect(sink().connections).toBe(10)
    await healthy.close()
  })

  test('30 of one campaign whose gateway hangs hold up no other of its account', async () => {
    sink().answer('hang')
    const healthy = await webhookSink()
    const other = await desk().campaignToo(acme(), { url: healthy.url })
    await desk().owe(acme(), 30)
    await desk().owe(other, 1)
    desk().start()
    await until(() => expect(healthy.received).toHaveLength(1))
    await until(() => expect(sink().received).toHaveLength(10))
    await desk().owe(other, 30)
    await until(() => expect(healthy.received).toHaveLength(31))
    expect(sink().connections).toBe(10)
    await healthy.close()
  })

  test('a hundred at one time, but everybody has a first', async () => {
    sink().answer('hang')
    for (let n = 0; n < 11; n++) await desk().owe(await desk().campaign(`many-${n}`, { url: sink().url }), 10)
    const { wake } = desk().start()
    await until(() => expect(sink().received).toHaveLength(100))
    const last = await desk().campaign('last', { url: sink().url })
    await desk().owe(last, 2)
    wake()
    await until(() => expect(sink().received).toHaveLength(101))
    sink().answer(204)
    sink().release(204)
    await until(() => expect(sink().received).toHaveLength(112))
    expect(new Set(ids(sink().received)).size).toBe(112)
  })

  test('of a backlog each is sent once', async () => {
    const owed = await desk().owe(acme(), 120)
    desk().start()
    await until(() => expect(desk().attempts).toHaveLength(120))
    expect(ids(sink().received).sort()).toEqual(owed.map(({ sending }) => sending.id).sort())
  })
})
