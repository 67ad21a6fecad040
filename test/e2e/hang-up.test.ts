import { expect, test } from '@jest/globals'
import type { Callee, Step } from '../support/sip-script.ts'
import { BOB, BOBBY, STRANGER, useStage, VN_A } from '../support/stage.ts'
import { until } from '../support/until.ts'
import type { Phone } from '../support/phone.ts'

const stage = useStage()

const stay: Step = { do: 'waitForHangUp' }
const pin: Step = { do: 'info', digits: '4711#' }
const answers: Callee = { answers: 'after', ringMs: 1, steps: [stay] }
const rings: Callee = { answers: 'never' }

/** What the world looks like when somebody hangs up. */
type Moment = (caller: Phone, called: Phone) => void
const sent = (phone: Phone, text: string) => expect(phone.messages()).toContain(text)
const up = async (count: number) => {
  const channels = (await stage().ari('GET', 'channels')) as { state: string }[]
  expect(channels.filter(({ state }) => state === 'Up')).toHaveLength(count)
}

/** Who was told what, by how far the call had come. */
const NOTHING = { completed: 0, verified: 0, refused: 0 }
const REFUSED = { completed: 0, verified: 0, refused: 1 }
const REACHED = { completed: 1, verified: 1, refused: 0 }

const moments: [string, Step[], Callee, Moment | (() => Promise<void>), typeof NOTHING, string?][] = [
  ['the INVITE has gone out', [stay], rings, (caller) => sent(caller, 'INVITE'), NOTHING],
  ['the call is answered', [stay], rings, (caller) => sent(caller, 'SIP/2.0 200'), NOTHING],
  ['the prompt plays', [stay], rings, () => up(1), NOTHING],
  [
    'some digits are keyed',
    [{ do: 'info', digits: '47' }, stay],
    rings,
    (caller) => sent(caller, 'Signal=7'),
    NOTHING,
  ],
  [
    'a wrong PIN is keyed',
    [{ do: 'info', digits: '9#1' }, stay],
    rings,
    (caller) => sent(caller, 'Signal=1'),
    REFUSED,
  ],
  [
    'the last digit is keyed',
    [pin, stay],
    rings,
    (caller) => sent(caller, 'Signal=#'),
    REACHED,
    'client-hangup',
  ],
  [
    'the other party is invited',
    [pin, stay],
    rings,
    (_caller, called) => sent(called, 'INVITE'),
    REACHED,
    'client-hangup',
  ],
  [
    'the other party rings',
    [pin, stay],
    rings,
    (_caller, called) => sent(called, 'SIP/2.0 180'),
    REACHED,
    'client-hangup',
  ],
  [
    'the other party answers',
    [pin, stay],
    answers,
    (_caller, called) => sent(called, 'SIP/2.0 200'),
    REACHED,
  ],
  ['the other party has answered', [pin, stay], answers, (_caller, called) => sent(called, 'ACK'), REACHED],
  ['both talk', [pin, stay], answers, () => up(2), REACHED, 'completed'],
]

const stories = moments.map(([when, steps, callee, moment, told, type]) => ({
  ...{ when, steps, callee, moment, told, type },
}))

test.each(stories)(
  'the caller hangs up when $when',
  async (story) => {
    const { when, steps, callee, moment, told, type } = story
    await stage().allocate({ a: { pin: '4711' } })
    const called = await stage().answer(callee)
    const caller = await stage().call(VN_A, { from: STRANGER, steps })
    await until(() => moment(caller, called), { atMostMs: 10_000 })
    caller.hangUp()
    await caller.ended
    // Whether the last key or the hang-up is seen first is anybody's guess; that nothing is left is not.
    if (when === 'the last digit is keyed') return stage().settled()
    const { completed } = await stage().eventsOf(told)
    if (type !== undefined) expect(completed[0]).toMatchObject({ call_type: type })
  },
  40_000,
)

test.each<[string, Callee, string]>([
  ['while it rings', { answers: 'refuses', status: 486, ringMs: 300 }, 'incomplete'],
  ['in the moment of its answer', { answers: 'after', ringMs: 1, steps: [{ do: 'hangUp' }] }, 'completed'],
  [
    'while both talk',
    { answers: 'after', ringMs: 1, steps: [{ do: 'wait', ms: 500 }, { do: 'hangUp' }] },
    'completed',
  ],
])(
  'the other party hangs up %s: the caller is let go too',
  async (_when, callee, type) => {
    await stage().allocate({ a: { pin: '4711' } })
    await stage().answer(callee)
    const caller = await stage().call(VN_A, { from: STRANGER, steps: [pin, stay] })
    expect(await caller.ended).toBe(0)
    const { completed } = await stage().eventsOf(REACHED)
    expect(completed[0]).toMatchObject({ call_type: type })
  },
  40_000,
)

test('both hang up at the same moment', async () => {
  await stage().allocate({ a: { pin: '4711' } })
  const called = await stage().answer({ answers: 'after', ringMs: 1, steps: [stay] })
  const caller = await stage().call(VN_A, { from: STRANGER, steps: [pin, stay] })
  await until(() => up(2), { atMostMs: 10_000 })
  caller.hangUp()
  called.hangUp()
  await caller.ended
  const { completed } = await stage().eventsOf(REACHED)
  expect(completed[0]).toMatchObject({ call_type: 'completed' })
}, 40_000)

test('the other party vanishes without a word: the talk ends when its audio has been gone for a minute', async () => {
  await stage().allocate({ a: { pin: '4711' } })
  const called = await stage().answer({ answers: 'after', ringMs: 1, steps: [stay] })
  const caller = await stage().call(VN_A, { from: STRANGER, steps: [pin, stay] })
  await until(() => up(2), { atMostMs: 10_000 })
  called.vanish()
  expect(await caller.ended).toBe(0)
  const { completed } = await stage().eventsOf(REACHED)
  expect(completed[0]).toMatchObject({ call_type: 'completed' })
}, 120_000)

test('the caller hangs up while several phones ring: all of them stop', async () => {
  await stage().allocate({ a: { pin: '4711' }, b: { numbers: [BOB, BOBBY] } })
  const called = await stage().answer(rings)
  const caller = await stage().call(VN_A, { from: STRANGER, steps: [pin, stay] })
  await until(() => sent(called, `INVITE sip:${BOB}@`), { atMostMs: 10_000 })
  caller.hangUp()
  await caller.ended
  const { completed } = await stage().eventsOf(REACHED)
  expect(completed[0]).toMatchObject({ call_type: 'client-hangup', dial_call_status: 'canceled' })
}, 40_000)
