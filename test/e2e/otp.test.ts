import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { invites } from '../support/card-stage.ts'
import { openEar, type Ear } from '../support/ear.ts'
import { digitsAmong, type OtpStage, otpStage, wordsIn, type OtpCampaign } from '../support/otp-stage.ts'
import { SUBSCRIBER } from '../support/sent-pins.ts'
import type { Callee, Step } from '../support/sip-script.ts'
import { useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage({ env: { PINBRIDGE_DIGITS_FIRST_MS: '1200' } })
let otp: OtpStage
let campaign: OtpCampaign
let ear: Ear

beforeAll(async () => {
  otp = await otpStage(stage())
}, 60_000)
beforeEach(async () => {
  await otp.ringFor(30_000)
  campaign = await otp.campaign()
  ear = await openEar()
})
afterEach(() => ear.close())
afterAll(() => otp.close())

/** A subscriber who answers soon. */
const answers = (...steps: Step[]): Callee => ({ answers: 'after', ringMs: 200, steps, hearsAt: ear.port })
const stay: Step = { do: 'waitForHangUp' }
const hangUp: Step = { do: 'hangUp' }
const later = (ms: number): Step => ({ do: 'wait', ms })
/** While the invitation is said. */
const soon = later(1_500)
const one: Step = { do: 'info', digits: '1' }

/** What each call has heard. */
const wordsHeard = () => Promise.all(ear.heard().map(wordsIn))

test('the digits that the telephone hears are the PIN, which is good once', async () => {
  await stage().answering(answers(soon, one, stay), async (phone) => {
    await campaign.initiate(SUBSCRIBER)
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'delivered', tries: 1 })
    await stage().settled()
    expect(invites(phone)).toBe(1)
    expect(phone.messages()).toContain(`INVITE sip:${SUBSCRIBER}@`)
    // It shows the account's first number.
    expect(phone.messages()).toContain(`From: <sip:${await otp.firstNumber()}@`)
  })
  const [words = [], ...others] = await wordsHeard()
  const pin = digitsAmong(words)
  expect(others).toEqual([])
  expect(words).toEqual(['code-is', ...Array.from(pin), 'code-again', 'goodbye'])
  expect(pin).toMatch(/^\d{4}$/)
  const answer = await campaign.ask('validate_pin', SUBSCRIBER, { pin })
  expect([answer.status, answer.body['state'], answer.body['error']]).toEqual([200, 'subscribed', null])
  expect((await campaign.ask('validate_pin', SUBSCRIBER, { pin })).status).toBe(440)
  expect((await campaign.ask('status', SUBSCRIBER)).body).toMatchObject({
    state: 'active',
    delivery: { means: 'call', state: 'ended', outcome: 'delivered', tries: 1, next_try_at: null },
  })
}, 60_000)

test('who presses 1 hears them again, three times in all', async () => {
  // Each while the digits are said, and once more than they are said again.
  const again = [later(3_000), one]
  await stage().answering(answers(soon, one, ...again, ...again, ...again, stay), async () => {
    await campaign.initiate(SUBSCRIBER)
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'delivered' }, 40_000)
    await stage().settled()
  })
  const [words = []] = await wordsHeard()
  const pin = Array.from((await campaign.pinOf(SUBSCRIBER))!)
  expect(words).toEqual([...['code-is', ...pin], ...['code-is', ...pin], ...['code-is', ...pin], 'goodbye'])
}, 60_000)

test.each<[string, Callee, string, number]>([
  ['is busy', { answers: 'refuses', status: 486 }, 'busy', 30_000],
  ['does not answer', { answers: 'never' }, 'no_answer', 2_000],
])(
  'a telephone that %s is called again, and tells the PIN',
  async (_what, first, outcome, ringMs) => {
    await otp.ringFor(ringMs)
    campaign = await otp.campaign({ retryMs: 2_500 })
    await stage().answering([first, answers(soon, one, stay)], async (phone) => {
      await campaign.initiate(SUBSCRIBER)
      await campaign.tells(SUBSCRIBER, { state: 'waiting', outcome, tries: 1 })
      await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'delivered', tries: 2 })
      await stage().settled()
      expect(invites(phone)).toBe(2)
    })
    const [words = [], ...others] = await wordsHeard()
    expect(others).toEqual([])
    const answer = await campaign.ask('validate_pin', SUBSCRIBER, { pin: digitsAmong(words) })
    expect(answer.status).toBe(200)
  },
  60_000,
)

test('who hangs up during the digits is not called again, and the PIN is good', async () => {
  await stage().answering(answers(soon, one, later(3_500), hangUp), async (phone) => {
    await campaign.initiate(SUBSCRIBER)
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'hung_up', tries: 1 })
    await stage().settled()
    expect(invites(phone)).toBe(1)
  })
  const pin = (await campaign.pinOf(SUBSCRIBER))!
  const [words = []] = await wordsHeard()
  const heard = digitsAmong(words)
  expect(words).toEqual(['code-is', ...Array.from(heard)])
  // Some of them, not all, and in their order.
  expect(heard.length).toBeGreaterThan(0)
  expect(heard.length).toBeLessThan(pin.length)
  expect(pin.startsWith(heard)).toBe(true)
  expect((await campaign.ask('validate_pin', SUBSCRIBER, { pin })).status).toBe(200)
}, 60_000)

test('who hangs up during the invitation hears no digit, and is not called again', async () => {
  await stage().answering(answers(soon, hangUp), async (phone) => {
    await campaign.initiate(SUBSCRIBER)
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'hung_up', tries: 1 })
    expect(invites(phone)).toBe(1)
  })
  expect(ear.heard()[0]?.length).toBeGreaterThan(8_000)
  expect(await wordsHeard()).toEqual([[]])
  const pin = (await campaign.pinOf(SUBSCRIBER))!
  expect((await campaign.ask('validate_pin', SUBSCRIBER, { pin })).status).toBe(200)
}, 60_000)

test('a machine that answers is invited twice, and never hears a digit', async () => {
  await stage().answering(answers(stay), async (phone) => {
    await campaign.initiate(SUBSCRIBER)
    const [up] = await stage().talking(1)
    // Asterisk's own limit, in seconds from the answer.
    await until(async () => expect(await secondsLeft(up!.id)).toBeGreaterThan(40))
    expect(await secondsLeft(up!.id)).toBeLessThanOrEqual(180)
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'no_key', tries: 1 }, 40_000)
    await stage().settled()
    expect(invites(phone)).toBe(1)
  })
  expect(await wordsHeard()).toEqual([['code-press-key', 'code-press-key', 'goodbye']])
}, 60_000)

async function secondsLeft(channelId: string): Promise<number> {
  const name = encodeURIComponent('TIMEOUT(absolute)')
  const { value } = (await stage().ari('GET', `channels/${channelId}/variable?variable=${name}`)) as {
    value: string
  }
  return Number(value)
}

test('another PIN while the telephone rings for the first: it is let go, and rung for the second', async () => {
  await stage().answering([{ answers: 'never' }, answers(soon, one, stay)], async (phone) => {
    await campaign.initiate(SUBSCRIBER)
    await until(() => expect(phone.messages()).toContain('SIP/2.0 180'))
    await campaign.initiate(SUBSCRIBER)
    await until(() => expect(phone.messages()).toContain(`CANCEL sip:${SUBSCRIBER}@`))
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'delivered', tries: 1 })
    await stage().settled()
    expect(invites(phone)).toBe(2)
  })
  expect(await campaign.sendings()).toMatchObject([{ outcome: 'not_needed' }, { outcome: 'delivered' }])
  const [words = [], ...others] = await wordsHeard()
  expect(others).toEqual([])
  const answer = await campaign.ask('validate_pin', SUBSCRIBER, { pin: digitsAmong(words) })
  expect(answer.status).toBe(200)
}, 60_000)

test('another PIN while the first is being said: that call ends, and the next one says the second', async () => {
  await stage().answering(answers(soon, one, stay), async (phone) => {
    await campaign.initiate(SUBSCRIBER)
    await campaign.tells(SUBSCRIBER, { state: 'speaking' })
    const old = (await campaign.pinOf(SUBSCRIBER))!
    await campaign.initiate(SUBSCRIBER)
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'delivered', tries: 1 })
    await stage().settled()
    expect(invites(phone)).toBe(2)
    expect((await campaign.ask('validate_pin', SUBSCRIBER, { pin: old })).status).toBe(417)
  })
  expect(await campaign.sendings()).toMatchObject([{ outcome: 'not_needed' }, { outcome: 'delivered' }])
  const [, words = [], ...others] = await wordsHeard()
  expect(others).toEqual([])
  const answer = await campaign.ask('validate_pin', SUBSCRIBER, { pin: digitsAmong(words) })
  expect(answer.status).toBe(200)
}, 60_000)
