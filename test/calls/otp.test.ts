import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Hangup, type Ask, type Spoken } from '../../src/calls/call.ts'
import { otp } from '../../src/calls/flows/otp.ts'
import type { Account } from '../../src/engine/accounts.ts'
import type { Campaign } from '../../src/engine/campaigns.ts'
import { beginSending, type BegunSending, beginSpeaking } from '../../src/engine/sendings.ts'
import type { Sending, SendingOutcome } from '../../src/engine/subscription-store.ts'
import { unsubscribe, validatePin } from '../../src/engine/subscriptions.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { fakeCall, type FakeCall } from '../support/fake-call.ts'
import { callingCampaign, owePin, sendingOf, SUBSCRIBER } from '../support/sent-pins.ts'

let ctx: TestContext
let account: Account
let campaign: Campaign
let begun: BegunSending

beforeEach(async () => {
  ctx = testContext()
  ;({ account, campaign } = await callingCampaign(ctx, { pinLength: 6 }))
  const { sending } = await owePin(ctx, account, campaign)
  begun = (await beginSending(ctx, sending.id))!
})
afterEach(() => ctx.store.close())

type Answers = { keys?: string[]; leavesAt?: number }

/** The subscriber answers. */
async function answered({ keys, leavesAt }: Answers = {}, change: Partial<FakeCall> = {}) {
  const call = fakeCall('k1', ctx.clock, {
    from: SUBSCRIBER,
    ...(keys && { keys }),
    ...(leavesAt !== undefined && { leavesAt }),
  })
  // Not copied: what is asked of it changes.
  for (const [name, value] of Object.entries(change)) Object.defineProperty(call, name, { value })
  const left = await otp(call, ctx, begun).then(
    () => undefined,
    (error: unknown) => error,
  )
  return { call, left, row: await row() }
}

const row = (): Promise<Sending> => sendingOf(ctx, begun.sending)
const digitsSaid = (said: string[]) => said.filter((word) => /^\d+$/.test(word)).join('')
const pinIsGood = async () => (await validatePin(ctx, campaign, SUBSCRIBER, begun.digits)).verdict === 'right'

const invited = 'ask code-press-key'
const again = 'ask code-again'
/** The digits in one go: a hang-up in between is a hang-up during them. */
const spoken = () => `play code-is,${Array.from(begun.digits).join(',pause,')}`

describe('whoever answers', () => {
  test('and presses 1 hears the digits one by one, once', async () => {
    const { call, left, row } = await answered({ keys: ['1'] })
    expect(call.verbs).toEqual(['stay', invited, spoken(), again, 'play goodbye'])
    expect(digitsSaid(call.said)).toBe(begun.digits)
    expect([left, row.state, row.outcome]).toEqual([undefined, 'ended', 'delivered'])
  })

  test.each(['', '3'])(
    'and presses it at the second invitation only hears them too: %j before',
    async (key) => {
      const { call, row } = await answered({ keys: [key, '1'] })
      expect(call.verbs).toEqual(['stay', invited, invited, spoken(), again, 'play goodbye'])
      expect(row.outcome).toBe('delivered')
    },
  )

  test.each([
    ['none', []],
    ['others', ['2', '0']],
  ])('and presses %s hears no digit, is invited twice, and is not called again', async (_what, keys) => {
    const { call, row } = await answered({ keys })
    expect(call.verbs).toEqual(['stay', invited, invited, 'play goodbye'])
    expect(digitsSaid(call.said)).toBe('')
    expect([row.state, row.outcome, row.tries]).toEqual(['ended', 'no_key', 1])
    expect(await pinIsGood()).toBe(true)
  })

  test.each([
    [['1', '1'], 2],
    [['1', '1', '1'], 3],
    [['1', '1', '1', '1', '1'], 3],
    [['1', '2', '1'], 1],
    [['1', '', '1'], 1],
    [['2', '1', '9'], 1],
    [['2', '1', '1'], 2],
  ])('and presses %j hears them %s times', async (keys, times) => {
    const { call, row } = await answered({ keys })
    expect(call.verbs.filter((verb) => verb === spoken())).toHaveLength(times)
    // Nobody is asked for what there will not be.
    expect(call.verbs.filter((verb) => verb === again)).toHaveLength(Math.min(times, 2))
    expect(call.verbs.at(-1)).toBe('play goodbye')
    expect(row.outcome).toBe('delivered')
  })

  test('may stay for three minutes, by Asterisk too, before a word is said', async () => {
    const { call } = await answered({ keys: ['1'] })
    expect([call.stays, call.verbs[0]]).toEqual([[180_000], 'stay'])
  })

  test('and can never wait that long by the default settings', async () => {
    const { call } = await answered({ keys: ['', '1', '1', '1'] })
    // Prompts and questions as long as the longest of them.
    const questions = call.verbs.filter((verb) => verb.startsWith('ask')).length * (5 + 8)
    const speech = call.verbs.filter((verb) => verb === spoken()).length * (1 + 9 * (0.9 + 0.5))
    expect((questions + speech + 1) * 1_000).toBeLessThan(call.stays[0]!)
  })
})

describe('that the digits are said', () => {
  test('is written down before the first of them, and not before there is a key', async () => {
    const states: [string, string][] = []
    const real = fakeCall('k1', ctx.clock, { from: SUBSCRIBER, keys: ['', '1'] })
    const look = async (verb: string) => void states.push([verb, (await row()).state])
    const call = Object.assign(Object.create(real) as FakeCall, {
      ask: (what: Ask) => look('ask').then(() => real.ask(what)),
      play: (...what: Spoken[]) => look('play').then(() => real.play(...what)),
    })
    await otp(call, ctx, begun)
    expect(states).toEqual([
      ['ask', 'trying'],
      ['ask', 'trying'],
      ['play', 'speaking'],
      ['ask', 'speaking'],
      ['play', 'speaking'],
    ])
  })

  test.each<[string, () => Promise<unknown>]>([
    ['another one was sent', () => owePin(ctx, account, campaign)],
    ['nobody wants it any more', () => unsubscribe(ctx, campaign, SUBSCRIBER)],
    ['it was named already', () => validatePin(ctx, campaign, SUBSCRIBER, begun.digits)],
    ['it has expired', () => Promise.resolve((ctx.clock.ms += campaign.pinTtlMs))],
  ])('does not happen when %s meanwhile', async (_what, happens) => {
    await happens()
    const { call, row } = await answered({ keys: ['1'] })
    expect(call.verbs).toEqual(['stay', invited, 'play goodbye'])
    expect(digitsSaid(call.said)).toBe('')
    expect([row.state, row.outcome]).toEqual(['ended', 'not_needed'])
  })

  test('again is seen to each time: not when it has expired by then', async () => {
    ctx.clock.ms = begun.subscription.pin!.expiresAt - 10_000
    const { call, row } = await answered({ keys: ['1', '1'] })
    expect(call.verbs).toEqual(['stay', invited, spoken(), again, 'play goodbye'])
    expect([row.state, row.outcome]).toEqual(['ended', 'delivered'])
  })
})

describe('who leaves', () => {
  test.each<[number, string, SendingOutcome]>([
    [0, 'at once', 'hung_up'],
    [1, 'during the first invitation', 'hung_up'],
    [2, 'during the second', 'hung_up'],
    [3, 'during the digits', 'hung_up'],
    [4, 'when asked whether to hear them again', 'delivered'],
    [5, 'during the digits, the second time', 'delivered'],
    [6, 'when asked again', 'delivered'],
    [7, 'during the digits, the third time', 'delivered'],
    [8, 'at the goodbye', 'delivered'],
  ])('at verb %s, %s: %s is how it ended, once and for all', async (leavesAt, _when, outcome) => {
    const { call, left, row } = await answered({ keys: ['', '1', '1', '1'], leavesAt })
    expect(call.verbs).toHaveLength(leavesAt + 1)
    expect(left).toBeInstanceOf(Hangup)
    expect([row.state, row.outcome, row.endedAt]).toEqual(['ended', outcome, ctx.now()])
    // What was heard, or may have been, is good as long as it was.
    expect(await pinIsGood()).toBe(true)
  })

  test('at the goodbye, having pressed no key, has pressed none', async () => {
    const { row } = await answered({ leavesAt: 3 })
    expect([row.state, row.outcome]).toEqual(['ended', 'no_key'])
  })
})

describe('when it is we who fail', () => {
  test('Asterisk does not limit the call: nothing is said, and the subscriber is called again', async () => {
    const refused = new Error('Asterisk refuses')
    const { call, left, row } = await answered({ keys: ['1'] }, { stay: () => Promise.reject(refused) })
    expect([call.verbs, left]).toEqual([[], refused])
    expect([row.state, row.outcome, row.dueAt]).toEqual(['waiting', 'failed', ctx.now() + campaign.retryMs])
  })

  test('Asterisk does not say the digits: they may have been begun, and that is the end of it', async () => {
    const refused = new Error('Asterisk refuses')
    const { left, row } = await answered({ keys: ['1'] }, { play: () => Promise.reject(refused) })
    expect(left).toBe(refused)
    expect([row.state, row.outcome]).toEqual(['ended', 'failed'])
  })

  test('we hang up during the invitation: the subscriber is called again', async () => {
    const { row } = await answered({ leavesAt: 1 }, { dismissed: true })
    expect([row.state, row.outcome]).toEqual(['waiting', 'failed'])
  })

  test('we hang up during the digits: whoever has heard a part of them is not called again', async () => {
    const { row } = await answered({ keys: ['1'], leavesAt: 2 }, { dismissed: true })
    expect([row.state, row.outcome]).toEqual(['ended', 'hung_up'])
  })

  test('we hang up because the PIN was overtaken during the digits: it was not needed', async () => {
    expect(await beginSpeaking(ctx, begun.sending.id)).toBe(true)
    await owePin(ctx, account, campaign)
    const { row } = await answered({ keys: ['1'], leavesAt: 1 }, { dismissed: true })
    expect([row.state, row.outcome]).toEqual(['ended', 'not_needed'])
  })
})
