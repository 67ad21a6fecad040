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
  await otp.ringFor(30_000)
}, 60_000)
beforeEach(async () => {
  campaign = await otp.campaign()
  ear = await openEar()
})
afterEach(() => ear.close())
afterAll(() => otp.close())

/** A subscriber who answers soon, and presses 1 while invited to. */
const takesIt = (): Callee => {
  const steps: Step[] = [{ do: 'wait', ms: 1_500 }, { do: 'info', digits: '1' }, { do: 'waitForHangUp' }]
  return { answers: 'after', ringMs: 200, steps, hearsAt: ear.port }
}

/** The digits that were heard in the only call that was answered. */
async function heard(): Promise<string> {
  const [sound, ...others] = ear.heard()
  expect(others).toEqual([])
  return digitsAmong(await wordsIn(sound))
}

const isGood = async (pin: string) => (await campaign.ask('validate_pin', SUBSCRIBER, { pin })).status === 200

test('kill -9 between the answer to the client and the call: it is called after the restart, once', async () => {
  // As long as a number rings it is not called for another PIN, so this one cannot have been begun.
  const first = await otp.campaign()
  await stage().answering([{ answers: 'never' }, takesIt()], async (phone) => {
    await first.initiate(SUBSCRIBER)
    await until(() => expect(phone.messages()).toContain('SIP/2.0 180'))
    await campaign.initiate(SUBSCRIBER)
    await stage().app().kill('SIGKILL')
    expect(await campaign.sendings()).toMatchObject([{ state: 'waiting', tries: 0 }])
    expect(invites(phone)).toBe(1)
    // That call would be made again.
    await first.pause()
    await stage().restart()
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'delivered', tries: 1 })
    await stage().settled()
    expect(invites(phone)).toBe(2)
  })
  expect(await first.sendings()).toMatchObject([{ state: 'ended', outcome: 'failed', tries: 1 }])
  expect(await isGood(await heard())).toBe(true)
}, 90_000)

test('kill -9 while it rings: that call ends, and it is called again, once', async () => {
  await stage().answering([{ answers: 'never' }, takesIt()], async (phone) => {
    await campaign.initiate(SUBSCRIBER)
    await until(() => expect(phone.messages()).toContain('SIP/2.0 180'))
    await stage().app().kill('SIGKILL')
    expect(await campaign.sendings()).toMatchObject([{ state: 'trying', tries: 1 }])
    await stage().restart()
    await until(() => expect(phone.messages()).toContain(`CANCEL sip:${SUBSCRIBER}@`))
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'delivered', tries: 2 })
    await stage().settled()
    expect(invites(phone)).toBe(2)
  })
  expect(await isGood(await heard())).toBe(true)
}, 90_000)

test('kill -9 while the digits are said: that call ends, nobody is called again, and the PIN is good', async () => {
  await stage().answering(takesIt(), async (phone) => {
    await campaign.initiate(SUBSCRIBER)
    await campaign.tells(SUBSCRIBER, { state: 'speaking' })
    // Some of them have been heard.
    await until(async () => expect(digitsAmong(await wordsIn(ear.heard()[0]))).not.toBe(''), {
      atMostMs: 15_000,
    })
    await stage().app().kill('SIGKILL')
    await stage().restart()
    await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'hung_up', tries: 1 })
    await stage().settled()
    expect(phone.messages()).toContain('BYE sip:phone')
    expect(invites(phone)).toBe(1)
  })
  const pin = (await campaign.pinOf(SUBSCRIBER))!
  expect(pin.startsWith(await heard())).toBe(true)
  expect(await isGood(pin)).toBe(true)
}, 90_000)

test('kill -9 of Asterisk while it rings: it is called again, once', async () => {
  // Put away in the end: nobody ever cancels its first call.
  const phone = await stage().answer([{ answers: 'never' }, takesIt()])
  await campaign.initiate(SUBSCRIBER)
  await until(() => expect(phone.messages()).toContain('SIP/2.0 180'))
  process.kill(stage().asteriskPid(), 'SIGKILL')
  await campaign.tells(SUBSCRIBER, { state: 'ended', outcome: 'delivered', tries: 2 }, 40_000)
  await stage().settled()
  expect(invites(phone)).toBe(2)
  expect(await isGood(await heard())).toBe(true)
}, 90_000)
