import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { foundIn } from '../support/canaries.ts'
import { openEar, type Ear } from '../support/ear.ts'
import { digitsAmong, type OtpStage, otpStage, wordsIn } from '../support/otp-stage.ts'
import { asteriskSays, lookInside } from '../support/root-folder.ts'
import { SUBSCRIBER } from '../support/sent-pins.ts'
import type { Step } from '../support/sip-script.ts'
import { useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage({ env: { PINBRIDGE_LOG_LEVEL: 'trace', PINBRIDGE_DIGITS_FIRST_MS: '1200' } })
let otp: OtpStage
let ear: Ear

beforeAll(async () => {
  otp = await otpStage(stage())
}, 60_000)
beforeEach(async () => {
  ear = await openEar()
})
afterEach(() => ear.close())
afterAll(() => otp.close())

test('a PIN that is told by telephone is in no INVITE, log, file, answer of ours, or variable', async () => {
  // Nine digits, which stand nowhere by chance.
  const campaign = await otp.campaign({ pinLength: 9 })
  const steps: Step[] = [
    { do: 'wait', ms: 1_500 },
    { do: 'info', digits: '1' },
    { do: 'wait', ms: 4_000 },
    { do: 'info', digits: '1' },
    { do: 'waitForHangUp' },
  ]
  const texts: [string, string][] = []
  await stage().answering({ answers: 'after', ringMs: 200, steps, hearsAt: ear.port }, async (phone) => {
    texts.push(['initiate', JSON.stringify(await campaign.ask('initiate', SUBSCRIBER))])
    await campaign.tells(SUBSCRIBER, { state: 'speaking' })
    // From the first digit to the goodbye.
    await until(
      async () => {
        const { body } = await campaign.ask('status', SUBSCRIBER)
        texts.push(['status', JSON.stringify(body)], ['Asterisk', await lookInside(stage())])
        expect(body).toMatchObject({ delivery: { state: 'ended', outcome: 'delivered' } })
      },
      { atMostMs: 60_000 },
    )
    await stage().settled()
    texts.push(['SIP', phone.messages()])
  })
  const pin = (await campaign.pinOf(SUBSCRIBER))!
  expect(digitsAmong(await wordsIn(ear.heard()[0]))).toBe(pin + pin)

  const files = stage().written()
  for (const name of ['app.log', 'messages.log', 'astdb.sqlite3'])
    expect(files.map(({ file }) => file).join('\n')).toContain(name)
  texts.push(...files.map(({ file, text }): [string, string] => [file, text]))
  texts.push(['Asterisk', await asteriskSays(stage().data, 'database show')])
  expect(texts.find(([where]) => where === 'SIP')![1]).toContain('INVITE sip:')
  expect(texts.some(([, text]) => text.includes('Application: Stasis'))).toBe(true)
  expect(
    texts.map(([where, text]) => [where, foundIn(text, [pin])]).filter(([, found]) => found?.length),
  ).toEqual([])
  // Nor who has heard it, in our own log.
  expect(stage().app().rawLog()).not.toContain(SUBSCRIBER.slice(-9))
}, 120_000)
