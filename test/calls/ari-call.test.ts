import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { ariCall, type AriCallOptions } from '../../src/calls/ari-call.ts'
import { connectAri, type Ari } from '../../src/calls/ari.ts'
import type { Call, Spoken, Ring } from '../../src/calls/call.ts'
import { media } from '../../src/calls/prompts.ts'
import { createLog } from '../../src/log.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { counted } from './counted.ts'
import { fakeTime, soon } from './time.ts'

const TIMES = { firstMs: 800, nextMs: 400, totalMs: 3_000 }
const CALLER = 'c1'
const LEG1 = 'pinbridge-k1-1'
const LEG2 = 'pinbridge-k1-2'
const BRIDGE = 'pinbridge-k1'
const [NUMBER1, NUMBER2] = ['+919956555625', '+919956555626']

let asterisk: FakeAri
let ari: Ari
let call: Call
let arrived: boolean
let badPrompts: Spoken[][]
/** Listeners that have not been taken back. */
let listening: number

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  badPrompts = []
  listening = 0
  arrived = false
  let ids = 0
  const connection = connectAri({
    url: asterisk.url,
    user: USER,
    password: PASSWORD,
    application: 'pinbridge',
    onStart: ({ channel, args }) => {
      if (args.length > 0) return
      call = arrive({ channelId: channel.id })
      arrived = true
    },
    reconcile: () => Promise.resolve(),
    onReplaced: () => undefined,
    log: createLog('silent'),
  })
  ari = counted(connection, (change) => (listening += change))
  const arrive = (options: Pick<AriCallOptions, 'channelId'>) =>
    ariCall(ari, {
      id: 'k1',
      from: () => '+919812345678',
      times: TIMES,
      newId: () => `p${++ids}`,
      contexts: [],
      onBadPrompt: (prompts) => badPrompts.push(prompts),
      onNotRecorded: (why) => expect(why).toBeUndefined(),
      insist: (work) => work(),
      ...options,
    })
  await soon(() => expect(ari.connected()).toBe(true))
  asterisk.model.phones.calls({ id: CALLER })
  await soon(() => expect(arrived).toBe(true))
})

afterEach(async () => {
  // A request that waits for a prompt to end is silence in a caller's ear.
  expect(asterisk.model.stalls).toEqual([])
  ari.close()
  await asterisk.stop()
  jest.advanceTimersByTime(6_000)
  await soon(() => expect(jest.getTimerCount()).toBe(0))
  jest.useRealTimers()
})

const { hangsUp, presses, answers, rings, finishPrompt } = {
  hangsUp: (id: string, cause?: number, sip?: number) => asterisk.model.phones.hangsUp(id, cause, sip),
  presses: (keys: string, how?: { durationMs?: number; at?: number }) =>
    asterisk.model.phones.presses(CALLER, keys, how),
  answers: (id: string) => asterisk.model.phones.answers(id),
  rings: (id: string) => asterisk.model.phones.rings(id),
  finishPrompt: () => asterisk.model.finishPrompt(CALLER),
}

/** What is asked of Asterisk from now on. */
function fromNow(): () => string[] {
  const before = asterisk.asked().length
  return () => asterisk.asked().slice(before)
}

const asked = (what: string) => soon(() => expect(asterisk.asked()).toContain(what))
const ask = (maxDigits = 19) => call.ask({ prompts: ['enter-pin'], maxDigits })

/** How a promise stands now that everything said has been heard. */
async function standing(promise: Promise<unknown>): Promise<unknown> {
  let now: unknown = 'pending'
  const settle = (outcome: unknown) => void (now = outcome)
  promise.then(settle, settle)
  await asterisk.settled()
  return now
}

async function pass(ms: number): Promise<void> {
  await asterisk.settled()
  jest.advanceTimersByTime(ms)
  await asterisk.settled()
}

/** Until the caller hears a prompt that goes on. */
const prompting = () => soon(() => expect(asterisk.model.channels.get(CALLER)?.playing).toHaveLength(1))

describe('answering and playing', () => {
  test('a prompt is over when Asterisk says so', async () => {
    await call.answer()
    const playing = call.play('pin-wrong', 'goodbye')
    await prompting()
    expect(asterisk.requests.at(-1)?.body).toEqual({
      media: [media('pin-wrong'), media('goodbye')],
      playbackId: 'pinbridge-p1',
    })
    expect(await standing(playing)).toBe('pending')
    finishPrompt()
    await playing
    expect(asterisk.asked()).toEqual([`POST channels/${CALLER}/answer`, `POST channels/${CALLER}/play`])
    expect(listening).toBe(1)
  })

  test('a prompt that was over before Asterisk answered is not waited for', async () => {
    const held = asterisk.hold('POST channels/*/play')
    const playing = call.play('goodbye')
    const { perform, release } = await held
    perform()
    finishPrompt()
    await asterisk.settled()
    release()
    await playing
  })

  test('a prompt that Asterisk cannot play is reported, and the call goes on', async () => {
    asterisk.model.missing.add(media('goodbye'))
    const playing = call.play('goodbye')
    await asked(`POST channels/${CALLER}/play`)
    await pass(1_000)
    await playing
    expect(badPrompts).toEqual([['goodbye']])
  })

  test('a prompt that a hang-up cuts off is no bad prompt', async () => {
    const playing = expect(call.play('goodbye')).rejects.toThrow('the caller is gone')
    await prompting()
    hangsUp(CALLER)
    await playing
    await pass(5_000)
    expect(badPrompts).toEqual([])
  })

  test('a prompt whose end is never told is stopped after a minute', async () => {
    const playing = call.play('goodbye')
    await prompting()
    for (let s = 0; s < 59; s++) await pass(1_000)
    expect(await standing(playing)).toBe('pending')
    await pass(1_000)
    await playing
    await asked('DELETE playbacks/pinbridge-p1')
  })

  test.each([404, 409, 412, 422])('refused with %d, the caller has hung up: Hangup', async (status) => {
    asterisk.refuse('POST channels/*/answer', status)
    const answering = call.answer()
    expect(await standing(answering)).toBe('pending')
    hangsUp(CALLER)
    await expect(answering).rejects.toMatchObject({ name: 'Hangup' })
  })

  test.each([409, 500])('refused with %d although the caller stays: an error', async (status) => {
    asterisk.refuse('POST channels/*/answer', status)
    const answering = expect(call.answer()).rejects.toMatchObject({ name: 'AriError', status })
    await pass(1_000)
    await answering
  })
})

describe('asking for keys', () => {
  test('the first key stops the prompt, and nothing is asked before that has ended', async () => {
    const keyed = ask()
    await prompting()
    const stopping = asterisk.hold('DELETE playbacks/*')
    const since = fromNow()
    presses('7')
    const { asked: stop, release } = await stopping
    presses('13#')
    expect(stop).toMatchObject({ what: 'DELETE playbacks/pinbridge-p1', app: 'pinbridge' })
    expect(await standing(keyed)).toBe('pending')
    release()
    expect(await keyed).toBe('713')
    await call.answer() // would stall if the prompt were still there
    expect(since().filter((what) => what.startsWith('DELETE playbacks'))).toHaveLength(1)
    expect(since().at(-1)).toBe(`POST channels/${CALLER}/answer`)
  })

  test('a prompt that will not stop is waited for one second', async () => {
    asterisk.drop('DELETE playbacks/*', 9)
    const keyed = ask()
    await prompting()
    presses('7#')
    await pass(999)
    expect(await standing(keyed)).toBe('pending')
    await pass(1)
    expect(await keyed).toBe('7')
  })

  test('keys before the first question count, also a # that completes it, and no prompt is played', async () => {
    presses('713#88')
    await asterisk.settled()
    expect(await ask()).toBe('713')
    expect(await standing(ask(2))).toBe('88')
    expect(asterisk.asked()).toEqual([])
  })

  test('more than anybody keys before a question is not kept', async () => {
    presses('1'.repeat(16) + '2'.repeat(16) + '3'.repeat(16))
    await asterisk.settled()
    expect(await ask(16)).toBe('1'.repeat(16))
    expect(await ask(16)).toBe('2'.repeat(16))
    const third = ask(1)
    await prompting()
    presses('4', { at: Date.now() + 60_000 })
    expect(await third).toBe('4')
  })

  test('keys during a prompt that is played to its end count for the next question', async () => {
    const playing = call.play('pin-wrong')
    await prompting()
    presses('7')
    await asterisk.settled()
    finishPrompt()
    await playing
    const keyed = ask(3)
    presses('13')
    expect(await keyed).toBe('713')
  })

  test('keys between two questions count for the second', async () => {
    const first = ask(3)
    await prompting()
    presses('713884')
    expect(await first).toBe('713')
    expect(await ask(3)).toBe('884')
  })

  test('keys while the prompt is being ordered stop it as soon as it is there', async () => {
    const held = asterisk.hold('POST channels/*/play')
    const keyed = ask(3)
    const { release } = await held
    presses('7')
    await asterisk.settled()
    release()
    await asked('DELETE playbacks/pinbridge-p1')
    presses('1', { at: Date.now() + 200 })
    presses('3', { at: Date.now() + 400 })
    expect(await keyed).toBe('713')
  })

  test('# ends, * starts again, letters count for nothing', async () => {
    const keyed = ask()
    await prompting()
    presses('99*7A1D3#')
    expect(await keyed).toBe('713')
  })

  test('a lone # is no input', async () => {
    const keyed = ask()
    await prompting()
    presses('#')
    expect(await keyed).toBe('')
  })

  test('the wait for the first key begins at the end of the prompt, not at its start', async () => {
    const keyed = ask()
    await prompting()
    await pass(TIMES.firstMs * 2)
    finishPrompt()
    await pass(TIMES.firstMs - 1)
    expect(await standing(keyed)).toBe('pending')
    await pass(1)
    expect(await keyed).toBe('')
  })

  test('each key begins a new wait, and when that is over the input is what there is', async () => {
    const keyed = ask()
    await prompting()
    for (const key of ['7', '1', '3']) {
      presses(key)
      await asterisk.settled()
      await pass(TIMES.nextMs - 1)
      expect(await standing(keyed)).toBe('pending')
    }
    await pass(1)
    expect(await keyed).toBe('713')
  })

  test('the whole input has its time, however busy the keys', async () => {
    const keyed = ask()
    await prompting()
    let presssed = ''
    for (let ms = 0; ms < TIMES.totalMs; ms += 300) {
      expect(await standing(keyed)).toBe('pending')
      presses('5')
      presssed += '5'
      await asterisk.settled()
      await pass(300)
    }
    expect(await keyed).toBe(presssed)
  })

  test('when the time is over before the prompt, the prompt is stopped and nothing keeps running', async () => {
    const keyed = ask()
    await prompting()
    await pass(TIMES.totalMs)
    expect(await keyed).toBe('')
    await asterisk.settled()
    expect(asterisk.model.playbacks.size).toBe(0)
    expect(jest.getTimerCount()).toBe(3) // the pings of three sockets
    expect(listening).toBe(1)
  })

  test('a key that Asterisk reports twice is one key', async () => {
    const keyed = ask()
    await prompting()
    const at = Date.now()
    presses('7', { at })
    presses('7', { at: at + 125 })
    presses('1', { at: at + 140 })
    presses('1', { at: at + 144 })
    presses('1', { at: at + 400 })
    presses('#', { at: at + 600 })
    expect(await keyed).toBe('711')
  })

  test('a prompt that cannot be played is no reason not to listen', async () => {
    asterisk.model.missing.add(media('enter-pin'))
    const keyed = ask()
    await asked(`POST channels/${CALLER}/play`)
    await pass(1_000)
    await pass(TIMES.firstMs - 1)
    presses('7#')
    expect(await keyed).toBe('7')
  })
})

const RING: Ring = {
  numbers: [NUMBER1],
  callerId: '+916292134471',
  strategy: 'in_turn',
  ringMs: 20_000,
  maxTalkMs: 3_600_000,
}
const TWO = { ...RING, numbers: [NUMBER1, NUMBER2] }
const dialOf = (leg: string) => `POST channels/${leg}/dial?timeout=20`
const cancelOf = (leg: string, cause: number) => `DELETE channels/${leg}?reason_code=${cause}`

describe('ringing', () => {
  test('a leg is created, entered, and only then dialled; the caller hears a ringing tone meanwhile', async () => {
    asterisk.model.settings.legsEnter = false
    const ringing = call.ring(RING)
    await asked('POST channels/create')
    await asterisk.settled()
    expect(asterisk.asked()).toEqual([`POST channels/${CALLER}/ring`, 'POST channels/create'])
    expect(asterisk.requests.at(-1)?.body).toEqual({
      endpoint: `PJSIP/${NUMBER1}@trunk`,
      app: 'pinbridge',
      appArgs: 'leg,k1',
      channelId: LEG1,
      formats: 'ulaw,alaw',
      variables: {
        'CONNECTEDLINE(num,i)': '+916292134471',
        'CONNECTEDLINE(num-pres)': 'allowed',
        // To ring, and to be joined.
        'TIMEOUT(absolute)': '30',
      },
    })
    asterisk.model.enter(LEG1)
    await asked(dialOf(LEG1))
    rings(LEG1)
    expect(await standing(ringing)).toBe('pending')
    answers(LEG1)
    expect(await ringing).toEqual({ answered: { number: NUMBER1, channelId: LEG1 } })
  })

  test('a leg that enters before its creation is answered is dialled all the same, once', async () => {
    const held = asterisk.hold('POST channels/create')
    const ringing = call.ring(RING)
    const { perform, release } = await held
    perform()
    await asked(dialOf(LEG1))
    release()
    answers(LEG1)
    expect(await ringing).toMatchObject({ answered: { channelId: LEG1 } })
    expect(asterisk.asked().filter((what) => what === dialOf(LEG1))).toHaveLength(1)
  })

  test.each([500, 400, 503])('creation refused with %d: unreachable', async (status) => {
    asterisk.refuse('POST channels/create', status)
    expect(await call.ring(RING)).toEqual({ unanswered: { to: NUMBER1, status: 'failed' } })
    expect(asterisk.asked().at(-1)).toBe(`DELETE channels/${CALLER}/ring`)
    expect(asterisk.asked()).not.toContain(dialOf(LEG1))
    expect(listening).toBe(1)
  })

  test('creation that nobody answers: unreachable, and the channel is hung up should it exist', async () => {
    asterisk.drop('POST channels/create')
    const ringing = call.ring(RING)
    await asked('POST channels/create')
    await pass(5_000)
    expect(await ringing).toEqual({ unanswered: { to: NUMBER1, status: 'failed' } })
    expect(asterisk.asked()).toContain(cancelOf(LEG1, 16))
  })

  test('dialling refused: unreachable, and the leg is hung up', async () => {
    asterisk.refuse('POST channels/*/dial*', 409)
    expect(await call.ring(RING)).toEqual({ unanswered: { to: NUMBER1, status: 'failed' } })
    await soon(() => expect(asterisk.model.channels.has(LEG1)).toBe(false))
  })

  test.each([
    ['busy', 17, 486],
    ['busy', 21, 403],
    ['busy', 17, 600],
    ['busy', 21, 603],
    ['busy', 0, 486],
    ['no-answer', 19, 480],
    ['no-answer', 18, 408],
    ['no-answer', 19, undefined],
    ['failed', 1, 404],
    ['failed', 34, 503],
    ['failed', 20, 404],
    ['failed', 27, 502],
    ['failed', 16, 487],
    ['failed', 0, undefined],
  ] as const)('%s: cause %d, SIP %p after it has rung', async (status, cause, sip) => {
    const ringing = call.ring(RING)
    await asked(dialOf(LEG1))
    rings(LEG1)
    hangsUp(LEG1, cause, sip)
    expect(await ringing).toEqual({ unanswered: { to: NUMBER1, status } })
    expect(asterisk.asked().at(-1)).toBe(`DELETE channels/${CALLER}/ring`)
    expect(listening).toBe(1)
  })

  test.each([
    ['failed', undefined],
    ['no-answer', 'RINGING'],
    ['no-answer', 'PROGRESS'],
  ] as const)('%s: no answer after %p', async (status, dialstatus) => {
    const ringing = call.ring(RING)
    await asked(dialOf(LEG1))
    if (dialstatus) asterisk.emit({ type: 'Dial', peer: { id: LEG1 }, dialstatus } as never)
    hangsUp(LEG1, 19, 480)
    expect(await ringing).toEqual({ unanswered: { to: NUMBER1, status } })
  })

  test('in turn: the second rings when the first has failed, and busy is told before silence', async () => {
    const ringing = call.ring(TWO)
    await asked(dialOf(LEG1))
    rings(LEG1)
    await asterisk.settled()
    expect(asterisk.asked().filter((what) => what === 'POST channels/create')).toHaveLength(1)
    hangsUp(LEG1, 17, 486)
    await asked(dialOf(LEG2))
    rings(LEG2)
    hangsUp(LEG2, 19, 480)
    expect(await ringing).toEqual({ unanswered: { to: NUMBER1, status: 'busy' } })
  })

  test('in turn: a number whose end Asterisk never tells is given up five seconds after its time', async () => {
    const ringing = call.ring(TWO)
    await asked(dialOf(LEG1))
    for (let s = 0; s < 24; s++) await pass(1_000)
    expect(asterisk.asked()).not.toContain(cancelOf(LEG1, 16))
    await pass(1_000)
    await asked(cancelOf(LEG1, 16))
    await asked(dialOf(LEG2))
    answers(LEG2)
    expect(await ringing).toMatchObject({ answered: { number: NUMBER2 } })
  })

  test('all: they ring together, and the first to answer cancels the others as answered elsewhere', async () => {
    const ringing = call.ring({ ...TWO, strategy: 'all' })
    await asked(dialOf(LEG1))
    await asked(dialOf(LEG2))
    answers(LEG2)
    expect(await ringing).toEqual({ answered: { number: NUMBER2, channelId: LEG2 } })
    await asked(cancelOf(LEG1, 26))
    expect(asterisk.asked()).not.toContain(cancelOf(LEG2, 26))
  })

  test('all: it has failed when all have', async () => {
    const ringing = call.ring({ ...TWO, strategy: 'all' })
    await asked(dialOf(LEG2))
    rings(LEG2)
    hangsUp(LEG2, 19, 480)
    expect(await standing(ringing)).toBe('pending')
    hangsUp(LEG1, 17, 486)
    expect(await ringing).toEqual({ unanswered: { to: NUMBER1, status: 'busy' } })
  })

  test('two answers in one instant: one wins, the other is hung up as answered elsewhere', async () => {
    const ringing = call.ring({ ...TWO, strategy: 'all' })
    await asked(dialOf(LEG1))
    await asked(dialOf(LEG2))
    asterisk.together(() => {
      answers(LEG2)
      answers(LEG1)
    })
    expect(await ringing).toEqual({ answered: { number: NUMBER2, channelId: LEG2 } })
    await asked(cancelOf(LEG1, 26))
    await soon(() => expect(asterisk.model.channels.has(LEG1)).toBe(false))
    expect(asterisk.model.channels.has(LEG2)).toBe(true)
  })

  test('a second answer that crosses its own cancellation changes nothing and is hung up', async () => {
    const ringing = call.ring({ ...TWO, strategy: 'all' })
    await asked(dialOf(LEG1))
    await asked(dialOf(LEG2))
    const cancelling = asterisk.hold('DELETE channels/*')
    answers(LEG1)
    const { release } = await cancelling
    answers(LEG2)
    await asterisk.settled()
    release(500) // even if Asterisk did not do it the first time
    expect(await ringing).toEqual({ answered: { number: NUMBER1, channelId: LEG1 } })
    await soon(() => expect(asterisk.model.channels.has(LEG2)).toBe(false))
    expect(asterisk.asked().filter((what) => what === cancelOf(LEG2, 26))).toHaveLength(2)
  })

  test('answered while the connection was away: it has answered', async () => {
    const ringing = call.ring(RING)
    await asked(dialOf(LEG1))
    asterisk.cut()
    await soon(() => expect(ari.connected()).toBe(false))
    answers(LEG1)
    expect(await ringing).toMatchObject({ answered: { channelId: LEG1 } })
  })

  test('rang while the connection was away, and then did not answer: no answer', async () => {
    const ringing = call.ring(RING)
    await asked(dialOf(LEG1))
    asterisk.cut()
    await soon(() => expect(ari.connected()).toBe(false))
    rings(LEG1)
    await soon(() => expect(ari.connected()).toBe(true))
    hangsUp(LEG1, 19, 480)
    expect(await ringing).toMatchObject({ unanswered: { status: 'no-answer' } })
  })

  test('what is no number never reaches a dial string', async () => {
    await expect(call.ring({ ...RING, numbers: ['+49123/x@y'] })).rejects.toThrow('not a number')
    expect(asterisk.asked()).not.toContain('POST channels/create')
    expect(listening).toBe(1)
  })
})

/** Rings until one has answered. */
async function answered() {
  const ringing = call.ring(RING)
  await asked(dialOf(LEG1))
  answers(LEG1)
  const rung = await ringing
  if (!('answered' in rung)) throw new Error('nobody answered')
  return rung.answered
}

describe('talking', () => {
  test('the bridge is made, then both are put in, and it lasts until the other party leaves', async () => {
    const party = await answered()
    expect(call.talking).toBe(false)
    const since = fromNow()
    const talking = call.talk(party)
    await asked(`POST bridges/${BRIDGE}/addChannel`)
    const joining = asterisk.requests.find(({ path }) => path.endsWith('/addChannel'))
    expect(joining?.body).toEqual({ channel: [CALLER, LEG1], inhibitConnectedLineUpdates: true })
    expect(await standing(talking)).toBe('pending')
    expect(since().filter((what) => !what.endsWith('/variable'))).toEqual([
      `DELETE channels/${CALLER}/ring`,
      `POST bridges/${BRIDGE}`,
      `POST bridges/${BRIDGE}/addChannel`,
    ])
    expect(call.talking).toBe(true)
    expect(asterisk.model.bridges.get(BRIDGE)).toEqual([CALLER, LEG1])
    hangsUp(LEG1)
    expect(await talking).toEqual({ at: Date.now(), by: 'party' })
    expect(call.dismissed).toBe(false)
    await call.hangup()
    expect(call.dismissed).toBe(true)
    expect(since().slice(-2)).toEqual([`DELETE channels/${CALLER}`, `DELETE bridges/${BRIDGE}`])
    expect(call.talking).toBe(false)
  })

  test("before they are joined, Asterisk is told when to end it: both at once, and the caller's is not waited for", async () => {
    const party = await answered()
    asterisk.drop(`POST channels/${CALLER}/variable`)
    const held = asterisk.hold(`POST channels/${LEG1}/variable`)
    void call.talk(party)
    const { release } = await held
    await asterisk.settled()
    expect(call.talking).toBe(false)
    release()
    await soon(() => expect(call.talking).toBe(true))
    const limits = asterisk.requests.filter(({ path }) => path.endsWith('/variable'))
    expect(limits.map(({ path }) => path).sort()).toEqual(
      [CALLER, LEG1].map((id) => `channels/${id}/variable`),
    )
    for (const { body } of limits) expect(body).toEqual({ variable: 'TIMEOUT(absolute)', value: '3600' })
    hangsUp(LEG1)
  })

  test('a limit that Asterisk does not take for the party keeps them apart: the one it has ends any minute', async () => {
    const party = await answered()
    asterisk.refuse(`POST channels/${LEG1}/variable`, 500)
    const talking = call.talk(party).catch((error: unknown) => (error as Error).name)
    await asked(`POST channels/${LEG1}/variable`)
    await pass(5_000)
    expect(await talking).toBe('AriError')
    expect(asterisk.asked()).not.toContain(`POST bridges/${BRIDGE}/addChannel`)
  })

  test("part of a second is a whole one, and a refusal of the caller's is no reason not to talk", async () => {
    const ringing = call.ring({ ...RING, maxTalkMs: 3_600_001 })
    await asked(dialOf(LEG1))
    answers(LEG1)
    const rung = await ringing
    asterisk.refuse(`POST channels/${CALLER}/variable`, 500)
    const talking = call.talk('answered' in rung ? rung.answered : { number: '', channelId: '' })
    await soon(() => expect(call.talking).toBe(true))
    await asterisk.settled()
    const set = [CALLER, LEG1].flatMap((id) =>
      Object.values(asterisk.model.channels.get(id)?.variables ?? {}),
    )
    expect(set).toEqual(['3601'])
    hangsUp(LEG1)
    await talking
  })

  test('the caller leaves: the party is hung up first, the bridge goes last', async () => {
    const talking = call.talk(await answered())
    await soon(() => expect(asterisk.model.bridges.get(BRIDGE)).toHaveLength(2))
    const since = fromNow()
    hangsUp(CALLER)
    await expect(talking).rejects.toMatchObject({ name: 'Hangup' })
    await call.hangup()
    expect(since()).toEqual([cancelOf(LEG1, 16), `DELETE bridges/${BRIDGE}`])
    expect(asterisk.model.bridges.size).toBe(0)
    expect(call.goneAt).toBe(Date.now())
    expect(call.dismissed).toBe(false)
  })

  test('the bridge waits until the party is really gone, for five seconds at most', async () => {
    const talking = call.talk(await answered())
    await soon(() => expect(asterisk.model.bridges.get(BRIDGE)).toHaveLength(2))
    asterisk.drop('DELETE channels/*')
    hangsUp(CALLER)
    await expect(talking).rejects.toMatchObject({ name: 'Hangup' })
    const ending = call.hangup()
    await pass(4_999)
    expect(asterisk.model.bridges.size).toBe(1)
    await pass(1)
    await ending
    expect(asterisk.model.bridges.size).toBe(0)
  })

  test('joined, but the answer that says so is lost: they talk', async () => {
    const party = await answered()
    const joining = asterisk.hold('POST bridges/*/addChannel')
    const talking = call.talk(party)
    const { perform } = await joining
    perform()
    await pass(5_000)
    await asked(`GET bridges/${BRIDGE}`)
    expect(await standing(talking)).toBe('pending')
    expect(call.talking).toBe(true)
    hangsUp(LEG1)
    await talking
  })

  test('the party leaves while the connection is away: the talk ended when it was lost', async () => {
    const talking = call.talk(await answered())
    await soon(() => expect(call.talking).toBe(true))
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(ari.connected()).toBe(false))
    const lostAt = Date.now()
    hangsUp(LEG1)
    jest.advanceTimersByTime(1_000)
    asterisk.refuseSockets(undefined)
    await soon(() => {
      jest.advanceTimersByTime(1)
      expect(ari.connected()).toBe(true)
    })
    expect(await talking).toEqual({ at: lostAt, by: 'party' })
  })

  test('the party has left before the two are joined: the talk is over', async () => {
    const party = await answered()
    const joining = asterisk.hold('POST bridges/*/addChannel')
    const talking = call.talk(party)
    const { release } = await joining
    hangsUp(LEG1)
    release()
    await asterisk.settled()
    await pass(1_000)
    await talking
    expect(call.goneAt).toBeUndefined()
  })

  test('joining is refused although both are there: an error, and the party is hung up', async () => {
    const party = await answered()
    asterisk.refuse('POST bridges/*/addChannel', 500)
    const talking = expect(call.talk(party)).rejects.toMatchObject({ name: 'AriError', status: 500 })
    await asked(`POST bridges/${BRIDGE}/addChannel`)
    await asterisk.settled()
    await pass(5_000)
    await talking
    await asked(cancelOf(LEG1, 16))
  })

  test('a talk that an earlier process began is only watched', async () => {
    void call.talk(await answered())
    await soon(() => expect(asterisk.model.bridges.get(BRIDGE)).toHaveLength(2))
    const since = fromNow()
    const adopted = { number: NUMBER1, channelId: LEG1 }
    const newId = () => 'x'
    const later = ariCall(ari, {
      ...{ id: 'k1', channelId: CALLER, from: () => undefined, times: TIMES, newId, adopted },
      ...{ onBadPrompt: () => undefined, onNotRecorded: () => undefined, contexts: [] },
      insist: (work) => work(),
    })
    expect(later.talking).toBe(true)
    const onFailed = jest.fn()
    const watching = later.talk(adopted, { recording: { announced: true, onFailed } })
    hangsUp(LEG1)
    await watching
    await later.hangup()
    expect(since()).toEqual([`DELETE channels/${CALLER}`, `DELETE bridges/${BRIDGE}`])
    expect(asterisk.model.bridges.size).toBe(0)
    expect(onFailed).not.toHaveBeenCalled()
  })
})

describe('hanging up', () => {
  test('gives the reason, and never fails', async () => {
    asterisk.refuse(`DELETE channels/${CALLER}*`, 500)
    await call.hangup(38)
    expect(asterisk.asked()).toEqual([`DELETE channels/${CALLER}?reason_code=38`])
    await call.hangup()
    await soon(() => expect(call.goneAt).toBeDefined())
    await call.hangup()
    expect(asterisk.asked()).toHaveLength(2)
    expect(listening).toBe(0)
  })

  test('is asked for once: another request would change the reason until the channel is gone', async () => {
    asterisk.refuse(`DELETE channels/${CALLER}*`, 204) // taken, and still to be carried out
    await call.hangup(1)
    await call.hangup()
    expect(asterisk.asked()).toEqual([`DELETE channels/${CALLER}?reason_code=1`])
    hangsUp(CALLER)
    await soon(() => expect(call.goneAt).toBeDefined())
  })

  test('after the caller is gone every verb says so at once and asks for nothing', async () => {
    hangsUp(CALLER)
    await soon(() => expect(call.goneAt).toBeDefined())
    const verbs = [() => call.answer(), () => call.play('goodbye'), ask, () => call.ring(RING)]
    for (const verb of verbs) await expect(verb()).rejects.toMatchObject({ name: 'Hangup' })
    expect(asterisk.asked()).toEqual([])
    expect(listening).toBe(0)
  })

  test('told after a gap, it happened when the connection was lost', async () => {
    const keyed = expect(ask()).rejects.toMatchObject({ name: 'Hangup' })
    await prompting()
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(ari.connected()).toBe(false))
    const lostAt = Date.now()
    hangsUp(CALLER)
    jest.advanceTimersByTime(1_000)
    asterisk.refuseSockets(undefined)
    await soon(() => {
      jest.advanceTimersByTime(1)
      expect(ari.connected()).toBe(true)
    })
    await keyed
    expect(call.goneAt).toBe(lostAt)
  })

  type Wait = { name: string; begin: () => Promise<unknown>; reach: () => Promise<unknown>; keyed?: string }
  const hold = (pattern: string) => () => asterisk.hold(pattern)
  /** Begins what is held at a request, and reaches it when that has arrived. */
  const heldAt = (name: string, pattern: string, begin: () => Promise<unknown>): Wait => {
    let arrived: Promise<unknown>
    return {
      name,
      begin() {
        arrived = hold(pattern)()
        return begin()
      },
      reach: () => arrived,
    }
  }
  const talk = async () => call.talk(await answered())
  const WAITS: Wait[] = [
    heldAt('the answer', 'POST channels/*/answer', () => call.answer()),
    heldAt('a prompt being ordered', 'POST channels/*/play', () => call.play('goodbye')),
    { name: 'a prompt', begin: () => call.play('goodbye'), reach: prompting },
    heldAt("a question's prompt being ordered", 'POST channels/*/play', ask),
    { name: "a question's prompt", begin: ask, reach: prompting },
    {
      name: 'the first key',
      begin: ask,
      async reach() {
        await prompting()
        finishPrompt()
        await asterisk.settled()
      },
    },
    {
      name: 'the next key',
      begin: ask,
      async reach() {
        await prompting()
        presses('71')
        await asterisk.settled()
      },
    },
    {
      name: 'the end of a prompt that was stopped',
      keyed: '713',
      begin: ask,
      async reach() {
        const stopping = asterisk.hold('DELETE playbacks/*')
        await prompting()
        presses('713#')
        return stopping
      },
    },
    heldAt('the ringing tone', 'POST channels/*/ring', () => call.ring(TWO)),
    heldAt('the creation of a leg', 'POST channels/create', () => call.ring(TWO)),
    {
      name: 'a leg to enter',
      begin() {
        asterisk.model.settings.legsEnter = false
        return call.ring(TWO)
      },
      async reach() {
        await asked('POST channels/create')
        await asterisk.settled()
      },
    },
    heldAt('dialling', 'POST channels/*/dial*', () => call.ring(TWO)),
    {
      name: 'a party that rings',
      begin: () => call.ring(TWO),
      async reach() {
        await asked(dialOf(LEG1))
        rings(LEG1)
        await asterisk.settled()
      },
    },
    {
      name: 'one of all parties that ring',
      begin: () => call.ring({ ...TWO, strategy: 'all' }),
      async reach() {
        await asked(dialOf(LEG2))
        await asked(dialOf(LEG1))
      },
    },
    heldAt('the ringing tone to end', 'DELETE channels/*/ring', talk),
    heldAt('the bridge', 'POST bridges/*', talk),
    heldAt('being joined', 'POST bridges/*/addChannel', talk),
    {
      name: 'the talk',
      begin: talk,
      reach: () => soon(() => expect(asterisk.model.bridges.get(BRIDGE)).toHaveLength(2)),
    },
  ]

  test.each(WAITS)('waiting for $name: Hangup, and nothing is left', async ({ begin, reach, keyed }) => {
    const waiting = begin()
    const outcome = waiting.then(
      (value) => value,
      (error: unknown) => error,
    )
    const held = (await reach()) as { release?: () => void } | undefined
    await asterisk.settled()
    const since = fromNow()
    hangsUp(CALLER)
    await asterisk.settled()
    held?.release?.()
    // Input that is complete is told even so; whoever goes on with it learns of the hang-up then.
    expect(await outcome).toEqual(keyed ?? expect.objectContaining({ name: 'Hangup' }))
    await asterisk.settled()
    asterisk.model.enter(LEG1)
    await call.hangup()
    await asterisk.settled()
    const { channels, bridges, playbacks } = asterisk.model
    expect([...channels.keys(), ...bridges.keys(), ...playbacks.keys()]).toEqual([])
    for (const what of since()) expect(what).toMatch(/^DELETE /)
    expect(listening).toBe(0)
    expect(jest.getTimerCount()).toBe(3)
  })
})
