import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { ariCall } from '../../src/calls/ari-call.ts'
import { connectAri, type Ari } from '../../src/calls/ari.ts'
import type { Answered, Call, Spoken } from '../../src/calls/call.ts'
import { media } from '../../src/calls/prompts.ts'
import { createLog } from '../../src/log.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { counted } from './counted.ts'
import { fakeTime, soon } from './time.ts'

const [CALLER, LEG, BRIDGE] = ['c1', 'pinbridge-k1-1', 'pinbridge-k1']
const RECORD = `POST bridges/${BRIDGE}/record`
const PLAY = `POST bridges/${BRIDGE}/play`
const JOIN = `POST bridges/${BRIDGE}/addChannel`
const NUMBER = '+919956555625'

let asterisk: FakeAri
let ari: Ari
let call: Call
let party: Answered
let faults: string[]
let badPrompts: Spoken[][]
let onFailed: jest.Mock<() => void>
/** Listeners that have not been taken back. */
let listening: number

/** Each test begins when the other party has answered. */
beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  faults = []
  badPrompts = []
  onFailed = jest.fn()
  listening = 0
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
  call = ariCall(ari, {
    ...{ id: 'k1', channelId: CALLER, from: () => undefined, newId: () => 'p1' },
    times: { firstMs: 800, nextMs: 400, totalMs: 3_000 },
    contexts: [],
    onBadPrompt: (prompts) => badPrompts.push(prompts),
    onNotRecorded: (why) => faults.push(why.message),
    insist: (work) => work(),
  })
  asterisk.model.parties.set(NUMBER, 'answers')
  const ring = { numbers: [NUMBER], callerId: '+916292134471', strategy: 'in_turn' as const }
  const rung = await call.ring({ ...ring, ringMs: 20_000, maxTalkMs: 3_600_000 })
  if (!('answered' in rung)) throw new Error('nobody answered')
  party = rung.answered
})

afterEach(async () => {
  await call.hangup()
  await asterisk.settled()
  expect(asterisk.model.stalls).toEqual([])
  const { channels, bridges, bridging } = asterisk.model
  expect([...channels.keys(), ...bridges.keys(), ...bridging.announcements.keys()]).toEqual([])
  expect([...bridging.recordings.values()].filter((bridge) => bridge !== undefined)).toEqual([])
  expect(listening).toBe(0)
  await pass(6_000)
  ari.close()
  await asterisk.stop()
  await soon(() => expect(jest.getTimerCount()).toBe(0))
  jest.useRealTimers()
})

async function pass(ms: number): Promise<void> {
  await asterisk.settled()
  jest.advanceTimersByTime(ms)
  await asterisk.settled()
}

const hangsUp = (id: string) => asterisk.model.phones.hangsUp(id)
const asked = (what: string) => soon(() => expect(asterisk.asked()).toContain(what))
const times = (what: string) => asterisk.asked().filter((one) => one === what).length
const bodyOf = (what: string) => asterisk.requests.find((request) => request.what === what)?.body

/** The two talk; the promise tells how that ended: 'over', or the name of the error. */
function talk(announced = false): Promise<string> {
  return call.talk(party, { recording: { announced, onFailed } }).then(
    () => 'over',
    (error: unknown) => (error as Error).name,
  )
}

/** The two talk and are recorded. */
async function recorded(announced = false): Promise<{ ended: Promise<string> }> {
  const ended = talk(announced)
  await soon(() => expect(asterisk.model.bridging.recordings.get('k1')).toBe(BRIDGE))
  if (announced) await soon(() => expect(asterisk.model.bridging.announcements.size).toBe(1))
  await asterisk.settled()
  return { ended }
}

/** The connection is lost, something happens, and it is back. */
async function gap(meanwhile: () => void): Promise<void> {
  asterisk.refuseSockets(503)
  asterisk.cut()
  await soon(() => expect(ari.connected()).toBe(false))
  meanwhile()
  asterisk.refuseSockets(undefined)
  await soon(() => {
    jest.advanceTimersByTime(1)
    expect(ari.connected()).toBe(true)
  })
  await asterisk.settled()
}

/** Neither was anything wrong, nor is there no recording. */
function allWell(): void {
  expect({ faults, badPrompts, failed: onFailed.mock.calls.length }).toEqual({
    ...{ faults: [], badPrompts: [], failed: 0 },
  })
}

describe('recording', () => {
  test('begins when the two are joined, has the id of the call, and may be longer than the longest talk', async () => {
    const joining = asterisk.hold(JOIN)
    const ended = talk()
    const { release } = await joining
    await asterisk.settled()
    expect(times(RECORD)).toBe(0)
    release()
    await asked(RECORD)
    expect(bodyOf(RECORD)).toEqual({
      ...{ name: 'k1', format: 'wav', ifExists: 'fail', beep: false, terminateOn: 'none' },
      maxDurationSeconds: 3_660,
    })
    await asterisk.settled()
    expect(call.talking).toBe(true)
    hangsUp(LEG)
    expect(await ended).toBe('over')
    expect(times(RECORD)).toBe(1)
    expect(times(PLAY)).toBe(0)
    allWell()
  })

  test('a talk that is not to be recorded is not', async () => {
    const talking = call.talk(party)
    await soon(() => expect(call.talking).toBe(true))
    await asterisk.settled()
    hangsUp(LEG)
    await talking
    expect(asterisk.model.bridging.recordings.size).toBe(0)
  })

  test.each([409, 422, 500])('is refused with %d: said once, and the talk goes on', async (status) => {
    asterisk.refuse(RECORD, status)
    const ended = talk(true)
    await soon(() => expect(onFailed).toHaveBeenCalledTimes(1))
    expect(faults).toEqual([expect.stringContaining(RECORD)])
    await pass(2_000)
    expect(call.talking).toBe(true)
    expect(times(PLAY)).toBe(0)
    hangsUp(LEG)
    expect(await ended).toBe('over')
    expect(onFailed).toHaveBeenCalledTimes(1)
    expect(faults).toHaveLength(1)
  })

  test('has begun, but the answer that says so is lost: it counts, and is announced all the same', async () => {
    const held = asterisk.hold(RECORD)
    const ended = talk(true)
    const { perform } = await held
    perform()
    await pass(5_000)
    await asked('GET recordings/live/k1')
    await asked(PLAY)
    hangsUp(LEG)
    expect(await ended).toBe('over')
    allWell()
  })

  test('has not begun, and no answer says so: looked for, not found, said', async () => {
    asterisk.drop(RECORD)
    const ended = talk()
    await asked(RECORD)
    await pass(5_000)
    await soon(() => expect(onFailed).toHaveBeenCalledTimes(1))
    hangsUp(LEG)
    expect(await ended).toBe('over')
    expect(faults).toHaveLength(1)
  })

  test('fails: said once although it is told twice, and the talk goes on', async () => {
    const { ended } = await recorded()
    asterisk.model.bridging.endRecording('k1', 'failed')
    asterisk.emit({ type: 'RecordingFailed', recording: { name: 'k1', state: 'failed' } } as never)
    await pass(1_000)
    await soon(() => expect(onFailed).toHaveBeenCalledTimes(1))
    expect(faults).toEqual(['the recording has ended before the talk'])
    expect(call.talking).toBe(true)
    hangsUp(CALLER)
    expect(await ended).toBe('Hangup')
    expect(onFailed).toHaveBeenCalledTimes(1)
  })

  test('the disk takes nothing, which Asterisk calls finished: said once', async () => {
    asterisk.model.bridging.settings.diskTakes = false
    const ended = talk()
    await asked(RECORD)
    await pass(1_000)
    await soon(() => expect(onFailed).toHaveBeenCalledTimes(1))
    expect(faults).toHaveLength(1)
    hangsUp(LEG)
    expect(await ended).toBe('over')
  })

  test('the disk takes no more: said, but what there is has to be kept and removed like any other', async () => {
    const { ended } = await recorded()
    asterisk.model.bridging.endRecording('k1')
    await pass(1_000)
    await asked('GET recordings/stored/k1')
    await asterisk.settled()
    expect(faults).toHaveLength(1)
    hangsUp(LEG)
    await ended
    expect(onFailed).not.toHaveBeenCalled()
  })

  test.each([CALLER, LEG])('ends with the talk when %s hangs up', async (who) => {
    const { ended } = await recorded()
    hangsUp(who)
    expect(await ended).toBe(who === CALLER ? 'Hangup' : 'over')
    await call.hangup()
    await pass(2_000)
    allWell()
  })

  test('and its announcement end with the talk, and this is told before the hang-up: all is well', async () => {
    const { ended } = await recorded(true)
    asterisk.model.bridging.endRecording('k1')
    asterisk.model.bridging.finish('pinbridge-p1', 'failed')
    await asterisk.settled()
    hangsUp(LEG)
    expect(await ended).toBe('over')
    await pass(2_000)
    allWell()
  })

  test('ends although both stay, while the connection is away: said', async () => {
    const { ended } = await recorded()
    await gap(() => asterisk.model.bridging.endRecording('k1', 'failed'))
    await pass(1_000)
    await soon(() => expect(onFailed).toHaveBeenCalledTimes(1))
    hangsUp(LEG)
    await ended
  })

  test('goes on, or ends with the talk, while the connection is away: all is well', async () => {
    const { ended } = await recorded()
    await gap(() => undefined)
    await pass(2_000)
    await gap(() => hangsUp(LEG))
    expect(await ended).toBe('over')
    await pass(2_000)
    allWell()
  })
})

describe('the announcement', () => {
  test('is played to both, and only when the recording has begun', async () => {
    const held = asterisk.hold(RECORD)
    const ended = talk(true)
    const { release } = await held
    await asterisk.settled()
    expect(times(PLAY)).toBe(0)
    release()
    await asked(PLAY)
    expect(bodyOf(PLAY)).toEqual({ media: [media('call-recorded')], playbackId: 'pinbridge-p1' })
    await soon(() => expect(asterisk.model.bridging.announcements.size).toBe(1))
    asterisk.model.bridging.finish('pinbridge-p1')
    await asterisk.settled()
    expect(call.talking).toBe(true)
    hangsUp(LEG)
    await ended
    expect(times(PLAY)).toBe(1)
    allWell()
  })

  test('cannot be played: said, and the talk and its recording go on', async () => {
    asterisk.model.bridging.settings.announces = false
    const ended = talk(true)
    await asked(PLAY)
    await pass(1_000)
    await soon(() => expect(badPrompts).toEqual([['call-recorded']]))
    hangsUp(LEG)
    await ended
    expect(onFailed).not.toHaveBeenCalled()
  })

  test('is refused: said', async () => {
    asterisk.refuse(PLAY, 500)
    const ended = talk(true)
    await asked(PLAY)
    await pass(1_000)
    await soon(() => expect(badPrompts).toEqual([['call-recorded']]))
    hangsUp(LEG)
    await ended
  })
})

describe('somebody hangs up', () => {
  const moments: [string, string | undefined, boolean][] = [
    ['the tone is being ended', `DELETE channels/${CALLER}/ring`, false],
    ['the bridge is being made', `POST bridges/${BRIDGE}`, false],
    ['the two are being joined', JOIN, false],
    ['the recording is being begun', RECORD, true],
    ['the announcement is being begun', PLAY, true],
    ['the announcement is heard', undefined, true],
  ]
  const cases = moments.flatMap((moment) =>
    [CALLER, LEG].map((who) => ({ who, when: moment[0], request: moment[1], begun: moment[2] })),
  )

  test.each(cases)('$who, while $when', async ({ who, request, begun }) => {
    const held = request === undefined ? undefined : asterisk.hold(request)
    const ended = request === undefined ? (await recorded(true)).ended : talk(true)
    const at = await held
    hangsUp(who)
    await asterisk.settled()
    at?.release()
    // A party that left before it could be joined shows by the refusal, and then by its end.
    await pass(1_000)
    expect(await ended).toBe(who === CALLER ? 'Hangup' : 'over')
    // Decided by now, since the end of the call is written down next.
    expect(onFailed).toHaveBeenCalledTimes(begun ? 0 : 1)
    expect(times(RECORD)).toBe(begun ? 1 : 0)
    await call.hangup()
    await pass(2_000)
    expect(onFailed).toHaveBeenCalledTimes(begun ? 0 : 1)
    expect([faults, badPrompts]).toEqual([[], []])
    expect(times(PLAY)).toBe(begun && request !== RECORD ? 1 : 0)
  })

  test('while the recording is being begun, which then is refused: there is none, and that is known at the end', async () => {
    const held = asterisk.hold(RECORD)
    const ended = talk()
    const { release } = await held
    hangsUp(CALLER)
    let settled = false
    void ended.then(() => (settled = true))
    await asterisk.settled()
    expect(settled).toBe(false)
    release(404)
    expect(await ended).toBe('Hangup')
    expect(onFailed).toHaveBeenCalledTimes(1)
  })
})
