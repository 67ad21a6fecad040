import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { ariCall, type AriCallOptions } from '../../src/calls/ari-call.ts'
import { connectAri, type Ari } from '../../src/calls/ari.ts'
import type { Answered, Call, Spoken, TalkLimit } from '../../src/calls/call.ts'
import { VISIT_MS } from '../../src/calls/limits.ts'
import { createLog } from '../../src/log.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { counted } from './counted.ts'
import { fakeTime, soon } from './time.ts'

const CALLER = 'caller-1'
const BRIDGE = 'pinbridge-k1'
const [LEG1, LEG2] = ['pinbridge-k1-1', 'pinbridge-k1-2']
const NUMBER = '+4930901820'
const HOLD = '019a0000-0000-7000-8000-00000000000a'
const LIMIT: TalkLimit = {
  holdId: HOLD,
  longestMs: 10_000,
  warnMs: 4_000,
  warning: ['call-ends-soon', 'you-have', { number: 4 }, 'seconds'],
}

let asterisk: FakeAri
let ari: Ari
let call: Call
let listening: number
let badPrompts: Spoken[][]
let insisted: number

beforeEach(async () => {
  fakeTime()
  listening = 0
  badPrompts = []
  insisted = 0
  asterisk = await startFakeAri()
  asterisk.model.parties.set(NUMBER, 'answers')
  const connection = connectAri({
    ...{ url: asterisk.url, user: USER, password: PASSWORD, application: 'pinbridge' },
    onStart: () => undefined,
    reconcile: () => Promise.resolve(),
    onReplaced: () => undefined,
    log: createLog('silent'),
  })
  ari = counted(connection, (change) => (listening += change))
  await soon(() => expect(ari.connected()).toBe(true))
  asterisk.model.phones.calls({ id: CALLER })
  call = makeCall()
})

afterEach(async () => {
  await call.hangup()
  await asterisk.settled()
  expect(asterisk.model.stalls).toEqual([])
  expect([...asterisk.model.channels.keys(), ...asterisk.model.bridges.keys()]).toEqual([])
  expect(listening).toBe(0)
  ari.close()
  await asterisk.stop()
  jest.advanceTimersByTime(20_000)
  await soon(() => expect(jest.getTimerCount()).toBe(0))
  jest.useRealTimers()
})

function makeCall(more: Partial<AriCallOptions> = {}): Call {
  let ids = 0
  return ariCall(ari, {
    ...{ id: 'k1', channelId: CALLER, from: () => undefined, newId: () => `p${++ids}`, contexts: [] },
    times: { firstMs: 800, nextMs: 400, totalMs: 3_000 },
    onBadPrompt: (prompts) => badPrompts.push(prompts),
    onNotRecorded: (why) => expect(why).toBeUndefined(),
    insist: (work) => {
      insisted++
      return work()
    },
    clock: () => Date.now(),
    ...more,
  })
}

/** Rings the number, which answers. */
async function answered(): Promise<Answered> {
  const rung = await call.ring({
    ...{ numbers: [NUMBER], callerId: '+916292134468', strategy: 'in_turn' },
    ...{ ringMs: 20_000, maxTalkMs: LIMIT.longestMs },
  })
  if (!('answered' in rung)) throw new Error('nobody answered')
  return rung.answered
}

async function pass(ms: number): Promise<void> {
  await asterisk.settled()
  jest.advanceTimersByTime(ms)
  await asterisk.settled()
}

const { hangsUp, presses } = {
  hangsUp: (id: string) => asterisk.model.phones.hangsUp(id),
  presses: (keys: string) => asterisk.model.phones.presses(CALLER, keys),
}
const variablesOf = (id: string) => asterisk.model.channels.get(id)?.variables
const joined = () => soon(() => expect(asterisk.model.bridges.get(BRIDGE)).toHaveLength(2))
const timesAsked = (what: string) => asterisk.asked().filter((one) => one === what).length

/** The two talk. */
async function talking(limit: Partial<TalkLimit> = {}) {
  const party = await answered()
  const ended = call
    .talk(party, { limit: { ...LIMIT, ...limit } })
    .catch((error: unknown) => (error as Error).name)
  await joined()
  await asterisk.settled()
  return { ended }
}

describe('before the two are joined', () => {
  test('Asterisk knows when to end it, a second after us, and to note the end on whichever leg comes first', async () => {
    const { ended } = await talking()
    const push = 'CHANNEL(hangup_handler_push)'
    expect(variablesOf(CALLER)).toMatchObject({
      'TIMEOUT(absolute)': '11',
      [push]: `pinbridge-paid-end,caller,1(${HOLD},PJSIP/trunk-${LEG1})`,
    })
    expect(variablesOf(LEG1)).toMatchObject({
      'TIMEOUT(absolute)': '11',
      [push]: `pinbridge-paid-end,called,1(${HOLD})`,
    })
    const order = asterisk.asked().filter((what) => /variable$|addChannel/.test(what))
    expect(order.slice(0, 4).every((what) => what.endsWith('/variable'))).toBe(true)
    expect(order[4]).toBe(`POST bridges/${BRIDGE}/addChannel`)
    hangsUp(LEG1)
    await ended
  })

  test.each([CALLER, LEG1])('a limit that Asterisk does not take for %s keeps them apart', async (id) => {
    const party = await answered()
    asterisk.refuse(`POST channels/${id}/variable`, 500)
    const refused = call.talk(party, { limit: LIMIT }).catch((error: unknown) => (error as Error).name)
    // The refusal may be how a hang-up first shows, and its news has five seconds.
    await soon(() => expect(timesAsked(`POST channels/${LEG1}/variable`)).toBe(2))
    await asterisk.settled()
    await pass(5_000)
    expect(await refused).toBe('AriError')
    expect(timesAsked(`POST bridges/${BRIDGE}/addChannel`)).toBe(0)
  })

  test('that the end is not noted does not', async () => {
    const party = await answered()
    const held = asterisk.hold(`POST channels/${LEG1}/variable`)
    const ended = call.talk(party, { limit: LIMIT })
    // The limit is asked for first.
    const { asked, release } = await held
    expect(asked.body).toMatchObject({ variable: 'TIMEOUT(absolute)' })
    asterisk.refuse(`POST channels/${LEG1}/variable`, 500)
    release()
    await joined()
    hangsUp(LEG1)
    expect(await ended).toMatchObject({ by: 'party' })
  })
})

describe('the limit', () => {
  test('the called party is hung up then and not before, and the caller stays', async () => {
    const { ended } = await talking()
    await pass(9_999)
    expect(asterisk.model.channels.has(LEG1)).toBe(true)
    await pass(1)
    expect(await ended).toEqual({ at: Date.now(), by: 'limit' })
    expect(asterisk.model.channels.has(CALLER)).toBe(true)
    expect(asterisk.model.channels.has(LEG1)).toBe(false)
    expect(call.goneAt).toBeUndefined()
  })

  test('whoever leaves before is no limit', async () => {
    const { ended } = await talking()
    await pass(9_000)
    hangsUp(LEG1)
    expect(await ended).toEqual({ at: Date.now(), by: 'party' })
    await pass(60_000)
    expect(timesAsked(`DELETE channels/${LEG1}?reason_code=16`)).toBe(0)
  })

  test('the caller leaves: the called party is let go at once, and nothing else happens', async () => {
    const { ended } = await talking()
    hangsUp(CALLER)
    expect(await ended).toBe('Hangup')
    await soon(() => expect(timesAsked(`DELETE channels/${LEG1}?reason_code=16`)).toBe(1))
    expect(asterisk.asked().filter((what) => what.endsWith('/removeChannel'))).toEqual([])
  })

  test('of a talk that an earlier process began is kept from what is left of it, and Asterisk is told nothing anew', async () => {
    await talking()
    // That process is dead.
    listening = 0
    const adopted = { number: NUMBER, channelId: LEG1 }
    call = makeCall({ adopted })
    const before = asterisk.asked().length
    const watching = call.talk(adopted, { limit: { ...LIMIT, longestMs: 3_000, warnMs: 0 } })
    await pass(2_999)
    expect(asterisk.asked().slice(before)).toEqual([])
    await pass(1)
    expect(await watching).toMatchObject({ by: 'limit' })
  })
})

describe('the warning', () => {
  test('is said to the caller alone, so long before the end, and ends with the talk', async () => {
    const { ended } = await talking()
    const before = asterisk.asked().length
    await pass(5_999)
    expect(asterisk.asked().slice(before)).toEqual([])
    await pass(1)
    await soon(() => expect(asterisk.model.channels.get(CALLER)?.playing).toHaveLength(1))
    expect(asterisk.asked().slice(before)).toEqual([`POST channels/${CALLER}/play`])
    expect(asterisk.requests.at(-1)?.body).toMatchObject({
      media: ['sound:pinbridge/call-ends-soon', 'sound:vm-youhave', 'number:4', 'sound:seconds'],
    })
    hangsUp(LEG1)
    expect(await ended).toMatchObject({ by: 'party' })
    expect(asterisk.model.channels.get(CALLER)?.playing).toEqual([])
  })

  test.each([0, 10_000, 11_000])('%d ms before the end of ten seconds there is none', async (warnMs) => {
    const { ended } = await talking({ warnMs })
    await pass(10_000)
    expect(await ended).toMatchObject({ by: 'limit' })
    expect(timesAsked(`POST channels/${CALLER}/play`)).toBe(0)
  })

  test('that cannot be played is told, and the talk goes on to its limit', async () => {
    asterisk.model.missing.add('sound:pinbridge/call-ends-soon')
    const { ended } = await talking()
    await pass(6_000)
    await pass(1_000)
    await soon(() => expect(badPrompts).toEqual([LIMIT.warning]))
    await pass(3_000)
    expect(await ended).toMatchObject({ by: 'limit' })
  })

  test('that Asterisk refuses is none', async () => {
    asterisk.refuse(`POST channels/${CALLER}/play`, 500)
    const { ended } = await talking()
    await pass(10_000)
    expect(await ended).toMatchObject({ by: 'limit' })
  })
})

describe('after the talk, the caller', () => {
  test('may stay as long as any visit lasts, and the handler that knew of that talk is gone', async () => {
    const { ended } = await talking()
    await pass(10_000)
    await ended
    expect(variablesOf(CALLER)).toMatchObject({ 'CHANNEL(hangup_handler_pop)': '' })
    expect(Number(variablesOf(CALLER)?.['TIMEOUT(absolute)'])).toBe((VISIT_MS - 10_000) / 1_000)
  })

  test('is alone: out of the bridge, and hears prompts', async () => {
    const { ended } = await talking()
    hangsUp(LEG1)
    await ended
    expect(asterisk.model.bridges.get(BRIDGE)).toEqual([])
    expect(call.talking).toBe(false)
    const playing = call.play('goodbye')
    await soon(() => expect(asterisk.model.channels.get(CALLER)?.playing).toHaveLength(1))
    asterisk.model.finishPrompt(CALLER)
    await playing
  })

  test('is not taken at the keys of the talk', async () => {
    const { ended } = await talking()
    presses('1234#')
    await asterisk.settled()
    hangsUp(LEG1)
    await ended
    presses('77#')
    expect(await call.ask({ prompts: ['enter-number'], maxDigits: 20 })).toBe('77')
  })

  test('can be joined to somebody else, whose talk has a limit of its own', async () => {
    const first = await talking()
    hangsUp(LEG1)
    await first.ended
    const second = await talking({ holdId: `${HOLD.slice(0, -1)}b`, longestMs: 20_000 })
    expect(asterisk.model.bridges.get(BRIDGE)).toEqual([CALLER, LEG2])
    expect(variablesOf(CALLER)?.['TIMEOUT(absolute)']).toBe('21')
    await pass(19_999)
    expect(asterisk.model.channels.has(LEG2)).toBe(true)
    await pass(1)
    expect(await second.ended).toMatchObject({ by: 'limit' })
  })
})

describe('closing the books', () => {
  const note = `PINBRIDGE_END_${HOLD}`
  const at: number[] = []
  const close = (endedAt: number) => Promise.resolve(void at.push(endedAt))
  beforeEach(() => void at.splice(0))

  test('a hold whose end was seen is closed to that, and the note is removed when both are gone', async () => {
    const { ended } = await talking()
    asterisk.model.globals.set(note, '1774742400123')
    hangsUp(LEG1)
    await ended
    await call.settle(HOLD, 7, close)
    expect({ at, insisted }).toEqual({ at: [7], insisted: 1 })
    expect(asterisk.model.globals.has(note)).toBe(true)
    await call.hangup()
    expect(asterisk.model.globals.has(note)).toBe(false)
  })

  test('one that could not be closed keeps its note', async () => {
    const { ended } = await talking()
    asterisk.model.globals.set(note, '1774742400123')
    hangsUp(LEG1)
    await ended
    await expect(call.settle(HOLD, 7, () => Promise.reject(new Error('full')))).rejects.toThrow('full')
    await call.hangup()
    expect(asterisk.model.globals.has(note)).toBe(true)
  })

  test.each([
    ['the called party', LEG1],
    ['the caller', CALLER],
  ])('%s left while nobody told us: the note counts', async (_who, id) => {
    const { ended } = await talking()
    await gap(() => hangsUp(id))
    await ended
    asterisk.model.globals.set(note, '1774742400123')
    await call.settle(HOLD, 7, close)
    expect(at).toEqual([1774742400123])
  })

  test.each(['', 'x', '12'])('and where there is none (%j), what we know', async (value) => {
    const { ended } = await talking()
    await gap(() => hangsUp(LEG1))
    await ended
    if (value !== '') asterisk.model.globals.set(note, value)
    await call.settle(HOLD, 7, close)
    expect(at).toEqual([7])
  })

  test('a hold without a talk asks for no note', async () => {
    await answered()
    await call.settle(HOLD, 7, close)
    expect(at).toEqual([7])
    await call.hangup()
    expect(asterisk.asked().filter((what) => what.includes('asterisk/variable'))).toEqual([])
  })

  /** Something happens while the connection is away. */
  async function gap(what: () => void): Promise<void> {
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(ari.connected()).toBe(false))
    what()
    jest.advanceTimersByTime(1_000)
    asterisk.refuseSockets(undefined)
    await soon(() => {
      jest.advanceTimersByTime(1)
      expect(ari.connected()).toBe(true)
    })
  }
})

test('the longest visit is the one that the dialplan sets', () => {
  const dialplan = readFileSync(path.resolve(import.meta.dirname, '../../dialplan/inbound.conf'), 'utf8')
  expect(dialplan).toContain(`Set(TIMEOUT(absolute)=${VISIT_MS / 1_000})`)
})
