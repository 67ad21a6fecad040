import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { takeCalls, type CallDoor } from '../../src/calls/router.ts'
import type { Card } from '../../src/engine/cards.ts'
import { createLog } from '../../src/log.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { addLine, cardAccount } from '../support/paid.ts'
import { fakeTime, soon } from './time.ts'

let asterisk: FakeAri
let ctx: TestContext
let card: Card
let doors: CallDoor[]
let log: string[]

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  ctx = testContext()
  ;({ card } = await cardAccount(ctx))
  doors = []
  log = []
})

afterEach(async () => {
  expect(log.join()).not.toContain('Secret')
  for (const door of doors) await door.stop(0)
  await asterisk.stop()
  await ctx.store.close()
  jest.useRealTimers()
})

async function open(): Promise<CallDoor> {
  const door = takeCalls({
    ...{ url: asterisk.url, user: USER, password: PASSWORD, application: 'pinbridge', ctx },
    ...{ digits: { firstMs: 800, nextMs: 400, totalMs: 3_000 }, contexts: [], country: undefined },
    log: createLog('info', { write: (line: string) => void log.push(line) }),
    onReplaced: () => undefined,
  })
  doors.push(door)
  await soon(() => expect(door.connected()).toBe(true))
  return door
}

/** Time for another look; what it brings about is waited for. */
const aSecondLater = () => jest.advanceTimersByTimeAsync(1_000)

/** Nothing more is asked for by this look and the next one. */
async function settles(): Promise<void> {
  for (let look = 0; look < 2; look++) {
    await aSecondLater()
    await asterisk.settled()
  }
}

const optionsOf = (key: string) => asterisk.model.sip.objects.get(key)?.options
const names = () => [...asterisk.model.sip.objects.keys()].sort()
const BOB = ['aor/bob', 'auth/bob', 'endpoint/bob']
const TRUNK = 'endpoint/trunk'
const changes = () =>
  asterisk.requests
    .filter(({ method, path }) => method !== 'GET' && path.includes('/res_pjsip/'))
    .map(({ method, path }) => `${method} ${path.replace('asterisk/config/dynamic/res_pjsip/', '')}`)
const complaints = () => log.filter((line) => line.includes('"level":"error"'))

test('without any line nothing of Asterisk is changed', async () => {
  await open()
  await settles()
  expect(changes()).toEqual([])
  expect(names()).toEqual([TRUNK])
})

test('a line is told with its password before it can be called from, and once', async () => {
  await addLine(ctx, card)
  await open()
  await aSecondLater()
  await soon(() => expect(names()).toEqual([...BOB, TRUNK].sort()))
  await settles()
  expect(changes()).toEqual(['PUT auth/bob', 'PUT aor/bob', 'PUT endpoint/bob'])
  expect(optionsOf('auth/bob')).toEqual({ auth_type: 'userpass', username: 'bob', password: 'Secret-of-bob' })
  expect(optionsOf('aor/bob')).toMatchObject({ max_contacts: '1', remove_existing: 'yes' })
  expect(optionsOf('endpoint/bob')).toMatchObject({
    ...{ context: 'pinbridge-lines', auth: 'bob', aors: 'bob', identify_by: 'username' },
    ...{ allow_transfer: 'no', allow_subscribe: 'no', direct_media: 'no', trust_id_inbound: 'no' },
    ...{ force_rport: 'yes', rewrite_contact: 'yes', rtp_symmetric: 'yes', redirect_method: 'user' },
  })
})

test("audio of lines is bound to the trunk's address, where it has one", async () => {
  const trunk = { media_address: '192.0.2.7', bind_rtp_to_media_address: 'true', context: 'inbound' }
  asterisk.model.sip.objects.set(TRUNK, { options: trunk, file: true })
  await addLine(ctx, card)
  await open()
  await aSecondLater()
  await soon(() =>
    expect(optionsOf('endpoint/bob')).toMatchObject({
      ...{ media_address: '192.0.2.7', bind_rtp_to_media_address: 'true', context: 'pinbridge-lines' },
    }),
  )
})

test('lines come and go within a second', async () => {
  await open()
  await addLine(ctx, card)
  await addLine(ctx, card, { username: 'carol' })
  await aSecondLater()
  await soon(() => expect(names()).toContain('endpoint/carol'))
  await ctx.store.removeLine(card.accountId, 'bob')
  await aSecondLater()
  await soon(() => expect(names()).toEqual(['aor/carol', 'auth/carol', 'endpoint/carol', TRUNK]))
  expect(
    changes()
      .filter((change) => change.includes('bob'))
      .slice(3),
  ).toEqual([...['DELETE endpoint/bob', 'DELETE aor/bob', 'DELETE auth/bob']])
})

test('a line of the same name with another password opens to that one only', async () => {
  await addLine(ctx, card)
  await open()
  await aSecondLater()
  await soon(() => expect(names()).toContain('endpoint/bob'))
  await ctx.store.removeLine(card.accountId, 'bob')
  await addLine(ctx, card, { password: 'Secret-anew' })
  await aSecondLater()
  await soon(() => expect(optionsOf('auth/bob')).toMatchObject({ password: 'Secret-anew' }))
})

test('an Asterisk that comes back with nothing is told again', async () => {
  await addLine(ctx, card)
  const door = await open()
  await aSecondLater()
  await soon(() => expect(names()).toContain('endpoint/bob'))
  for (const key of BOB) asterisk.model.sip.objects.delete(key)
  asterisk.cut()
  await soon(() => expect(door.connected()).toBe(false))
  await jest.advanceTimersByTimeAsync(100)
  await soon(() => expect(door.connected()).toBe(true))
  await aSecondLater()
  await soon(() => expect(names()).toEqual([...BOB, TRUNK].sort()))
})

test('a line that was removed while the application was away is taken from Asterisk, and nobody else', async () => {
  await addLine(ctx, card)
  const before = await open()
  await aSecondLater()
  await soon(() => expect(names()).toContain('endpoint/bob'))
  await before.stop(0)
  const { objects } = asterisk.model.sip
  const bob = optionsOf('endpoint/bob')!
  const others = { alice: { context: 'office' }, other: { ...bob, accountcode: 'pinbridge-2' } }
  for (const [name, options] of Object.entries({ ...others, elsewhere: { ...bob, context: 'office' } }))
    objects.set(`endpoint/${name}`, { options, file: false })
  const rest = names().filter((name) => !BOB.includes(name))
  await ctx.store.removeLine(card.accountId, 'bob')
  await open()
  await aSecondLater()
  await soon(() => expect(names()).toEqual(rest))
})

test('one that Asterisk does not give up is complained about, and keeps no other from its place', async () => {
  const { objects } = asterisk.model.sip
  const options = { context: 'pinbridge-lines', accountcode: 'pinbridge' }
  objects.set('endpoint/gone', { options, file: true })
  await addLine(ctx, card)
  await open()
  await aSecondLater()
  await soon(() => expect(names()).toContain('endpoint/bob'))
  await soon(() => expect(complaints()).toHaveLength(1))
})

test('an Asterisk that takes no lines is complained about once, and asked again when it comes back', async () => {
  asterisk.model.sip.settings.takes = false
  await addLine(ctx, card)
  await addLine(ctx, card, { username: 'carol' })
  const door = await open()
  await aSecondLater()
  await soon(() => expect(complaints()).toHaveLength(1))
  expect(JSON.parse(complaints()[0]!)).toMatchObject({
    ...{ lines: 2, msg: 'Asterisk does not take VoIP lines: see etc/sorcery.conf' },
  })
  await settles()
  expect(complaints()).toHaveLength(1)
  asterisk.model.sip.settings.takes = true
  asterisk.cut()
  await soon(() => expect(door.connected()).toBe(false))
  await jest.advanceTimersByTimeAsync(100)
  await soon(() => expect(door.connected()).toBe(true))
  await aSecondLater()
  await soon(() => expect(names()).toContain('endpoint/carol'))
})

test('a line with the name of an endpoint of the operator does not touch that, and keeps no other line from its place', async () => {
  await addLine(ctx, card, { username: 'trunk' })
  await addLine(ctx, card, { username: 'zoe' })
  await open()
  await aSecondLater()
  await soon(() => expect(names()).toContain('endpoint/zoe'))
  expect(asterisk.model.sip.objects.get(TRUNK)).toEqual({ options: { context: 'inbound' }, file: true })
  await soon(() => expect(complaints()).toHaveLength(1))
})

test('an answer that does not come is no refusal: the line is told when there is one', async () => {
  await addLine(ctx, card)
  await open()
  asterisk.drop('PUT asterisk/config/dynamic/res_pjsip/aor/bob')
  await aSecondLater()
  await soon(() => expect(changes()).toContain('PUT aor/bob'))
  await jest.advanceTimersByTimeAsync(5_000)
  await soon(async () => {
    await jest.advanceTimersByTimeAsync(100)
    expect(names()).toContain('endpoint/bob')
  })
  expect(complaints()).toEqual([])
})
