import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { ariCall } from '../../src/calls/ari-call.ts'
import { connectAri, type Ari } from '../../src/calls/ari.ts'
import { Hangup, type Call, type Place } from '../../src/calls/call.ts'
import { createLog } from '../../src/log.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { counted } from './counted.ts'
import { fakeTime, soon } from './time.ts'

const CALLER = 'c1'
const GATE: Place = { context: 'gate', extension: '100', variables: { A: '1', B: 'two' } }
const CONTINUE = `POST channels/${CALLER}/continue`
const HANG_UP = `DELETE channels/${CALLER}`

const log = createLog('silent')

let asterisk: FakeAri
let ari: Ari
let call: Call
/** Listeners that have not been taken back. */
let listening: number

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  asterisk.model.dialplan.places = new Set(['gate,100'])
  listening = 0
  const connection = connectAri({
    ...{ url: asterisk.url, user: USER, password: PASSWORD, application: 'pinbridge' },
    onStart: () => undefined,
    reconcile: () => Promise.resolve(),
    onReplaced: () => undefined,
    log,
  })
  ari = counted(connection, (change) => (listening += change))
  await soon(() => expect(ari.connected()).toBe(true))
  asterisk.model.phones.calls({ id: CALLER })
  call = ariCall(ari, {
    ...{ id: 'k1', channelId: CALLER, from: () => undefined, newId: () => 'p1' },
    times: { firstMs: 800, nextMs: 400, totalMs: 3_000 },
    contexts: ['other', 'gate'],
    onBadPrompt: (prompts) => expect(prompts).toEqual([]),
    onNotRecorded: (why) => expect(why).toBeUndefined(),
    insist: (work) => work(),
  })
})

afterEach(async () => {
  expect(listening).toBe(0)
  ari.close()
  await asterisk.stop()
  jest.advanceTimersByTime(6_000)
  await soon(() => expect(jest.getTimerCount()).toBe(0))
  jest.useRealTimers()
})

const asked = (what: string) => soon(() => expect(asterisk.asked()).toContain(what))
const channel = () => asterisk.model.channels.get(CALLER)

/** Whatever the script does afterwards, nobody hangs the channel up. */
async function isLeftAlone(): Promise<void> {
  expect(call.goneAt).toBe(Date.now())
  await call.hangup()
  await asterisk.settled()
  expect(asterisk.asked().filter((what) => what.startsWith('DELETE'))).toEqual([])
  expect(channel()?.inStasis).toBe(false)
  await expect(call.play('goodbye')).rejects.toThrow(Hangup)
}

/** Still a caller of ours, who can hear why not and is then hung up. */
async function isStillOurs(): Promise<void> {
  expect(call.goneAt).toBeUndefined()
  expect(asterisk.asked().filter((what) => what === CONTINUE)).toEqual([])
  await call.hangup()
  expect(asterisk.asked().at(-1)).toBe(HANG_UP)
  await soon(() => expect(listening).toBe(0))
}

test('the caller goes on there with the variables, and is not ours any more', async () => {
  await call.continueAt(GATE)
  expect(channel()).toMatchObject({ variables: { A: '1', B: 'two' }, exten: '100' })
  expect(asterisk.requests.at(-1)?.body).toEqual({ context: 'gate', extension: '100', priority: 1 })
  await isLeftAlone()
})

test('it is over only when Asterisk says that the channel has left', async () => {
  const held = asterisk.hold(CONTINUE)
  let over = false
  const going = call.continueAt(GATE).then(() => (over = true))
  const { release } = await held
  await asterisk.settled()
  expect([over, call.goneAt]).toEqual([false, undefined])
  release()
  await going
  await isLeftAlone()
})

test('it leaves before the request is answered', async () => {
  const held = asterisk.hold(CONTINUE)
  const going = call.continueAt(GATE)
  const { perform, release } = await held
  perform()
  await going
  release()
  await isLeftAlone()
})

test('the caller hangs up while variables are set: a hang-up, and no more', async () => {
  const held = asterisk.hold(`POST channels/${CALLER}/variable`)
  const going = call.continueAt(GATE)
  const { release } = await held
  asterisk.model.phones.hangsUp(CALLER)
  release()
  await expect(going).rejects.toThrow(Hangup)
  await asterisk.settled()
  expect(asterisk.asked()).not.toContain(CONTINUE)
})

test.each(['before', 'after'])('the caller hangs up %s Asterisk has taken the request', async (when) => {
  const held = asterisk.hold(CONTINUE)
  const going = call.continueAt(GATE)
  const { perform, release } = await held
  if (when === 'after') perform()
  asterisk.model.phones.hangsUp(CALLER)
  release()
  await going
  expect(call.goneAt).toBe(Date.now())
})

test('the caller has gone before: a hang-up, and nothing is asked', async () => {
  asterisk.model.phones.hangsUp(CALLER)
  await soon(() => expect(call.goneAt).toBeDefined())
  await expect(call.continueAt(GATE)).rejects.toThrow(Hangup)
  expect(asterisk.asked()).not.toContain(CONTINUE)
})

test.each(['else', 'GATE', 'gate2', ''])('a context that the operator has not named: %p', async (context) => {
  asterisk.model.dialplan.places?.add(`${context},100`)
  await expect(call.continueAt({ ...GATE, context })).rejects.toThrow('pins.contexts')
  await isStillOurs()
})

test.each<Partial<Place>>([{ extension: '101' }, { context: 'other' }])(
  'a place that the dialplan does not have: %j',
  async (change) => {
    await expect(call.continueAt({ ...GATE, ...change })).rejects.toThrow('the dialplan has no 10')
    await isStillOurs()
  },
)

test('unless the context has an extension for whatever matches nothing else', async () => {
  asterisk.model.dialplan.places?.add('gate,i')
  await call.continueAt({ ...GATE, extension: '101' })
  await isLeftAlone()
})

test('an Asterisk that cannot tell what its dialplan has is trusted', async () => {
  asterisk.model.dialplan.places = undefined
  await call.continueAt(GATE)
  await isLeftAlone()
})

test('refused while the channel is here: an error, and the caller is still ours', async () => {
  asterisk.refuse(CONTINUE, 500)
  await expect(call.continueAt(GATE)).rejects.toThrow('500')
  expect(call.goneAt).toBeUndefined()
  await call.hangup()
  expect(asterisk.asked().at(-1)).toBe(HANG_UP)
})

test('taken, but the channel does not leave: an error, and the caller is still ours', async () => {
  const held = asterisk.hold(CONTINUE)
  const going = call.continueAt(GATE)
  const failing = expect(going).rejects.toThrow('does not leave')
  const { release } = await held
  release(204)
  await asterisk.settled()
  jest.advanceTimersByTime(1_000)
  await failing
  expect(call.goneAt).toBeUndefined()
  await call.hangup()
  expect(asterisk.asked().at(-1)).toBe(HANG_UP)
})

test.each([
  ['it went on', true],
  ['it had not gone on', false],
])('the connection breaks with the request: %s', async (_what, went) => {
  const held = asterisk.hold(CONTINUE)
  const outcome = call.continueAt(GATE).then(
    () => 'over',
    (error: unknown) => error,
  )
  const { perform } = await held
  asterisk.cut()
  await soon(() => expect(ari.connected()).toBe(false))
  if (went) perform()
  await soon(() => {
    jest.advanceTimersByTime(1)
    expect(ari.connected()).toBe(true)
  })
  if (went) {
    expect(await outcome).toBe('over')
    await isLeftAlone()
  } else {
    expect(await outcome).toMatchObject({ message: expect.stringContaining('connection broke') })
    expect(call.goneAt).toBeUndefined()
    await call.hangup()
    await asked(HANG_UP)
  }
})

test('the connection breaks and does not come back: the channel is left alone', async () => {
  const held = asterisk.hold(CONTINUE)
  const going = call.continueAt(GATE)
  await held
  asterisk.refuseSockets(503)
  asterisk.cut()
  await soon(() => expect(ari.connected()).toBe(false))
  let over = false
  void going.then(() => (over = true))
  await soon(() => {
    jest.advanceTimersByTime(100)
    expect(over).toBe(true)
  })
  expect(call.goneAt).toBeDefined()
  await call.hangup()
  asterisk.refuseSockets(undefined)
})
