import { beforeAll, expect, test } from '@jest/globals'
import { pinDesk, type PinDesk } from '../support/pins.ts'
import type { Phone } from '../support/phone.ts'
import type { Step } from '../support/sip-script.ts'
import { BOB, STRANGER, useStage, VN_A, VN_B } from '../support/stage.ts'
import { until } from '../support/until.ts'

/** What each number asks for. SAID is what the dialplan knows afterwards, LEFT what is known of a channel that is gone. */
const DIALPLAN = `
[pinbridge-inbound](+)
exten => 4900,1,Set(QUERY=check?db=1)
 same => n,Goto(asked,s,1)
exten => 4901,1,Set(QUERY=check?db=1&attempts=1)
 same => n,Goto(asked,s,1)
exten => 4902,1,Set(QUERY=check?db=1&pin=4711)
 same => n,Goto(asked,s,1)
exten => 4903,1,Set(QUERY=check?db=1&pin=4712)
 same => n,Goto(asked,s,1)
exten => 4904,1,Set(QUERY=check?db=1&db=1)
 same => n,Goto(asked,s,1)
exten => 4905,1,Answer()
 same => n,Wait(1)
 same => n,Set(QUERY=check?db=1)
 same => n,Goto(asked,s,1)
exten => 4906,1,Answer()
 same => n,Goto(on-hang-up,s,1)
; As a dialplan that knows nothing of hang-ups.
exten => 4907,1,AGI(agi://\${PINBRIDGE_AGI}/check?db=1)
 same => n,Hangup(21)
exten => 4909,1,Set(TIMEOUT(absolute)=3)
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,AGI(agi://\${PINBRIDGE_AGI}/check?db=1)
exten => h,1,Set(GLOBAL(LEFT)=\${PINSTATUS} \${AGISTATUS})
exten => ${VN_A},1,Set(QUERY=check)
 same => n,Goto(asked,s,1)

[asked]
exten => s,1,Set(TIMEOUT(absolute)=60)
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,Set(AGISIGHUP=no)
 same => n,AGI(agi://\${PINBRIDGE_AGI}/\${QUERY})
 same => n,Set(GLOBAL(SAID)=\${PINSTATUS} \${PINKEY_COUNT} \${AGISTATUS} \${CHANNEL(state)})
 same => n,Hangup(21)
exten => h,1,Set(GLOBAL(LEFT)=\${PINSTATUS} \${AGISTATUS})

[on-hang-up]
exten => s,1,Wait(60)
exten => h,1,AGI(agi://\${PINBRIDGE_AGI}/check?db=1&pin=4711)
 same => n,Set(GLOBAL(SAID)=\${PINSTATUS} \${PINKEY_COUNT} \${AGISTATUS} h)
 same => n,AGI(agi://\${PINBRIDGE_AGI}/check?db=1)
 same => n,Set(GLOBAL(LEFT)=\${PINSTATUS} \${AGISTATUS})
`

const stage = useStage({
  fastagi: true,
  dialplan: DIALPLAN,
  env: { PINBRIDGE_DIGITS_FIRST_MS: '1000' },
})
let pins: PinDesk

beforeAll(async () => {
  pins = pinDesk(stage().data, stage().sid)
  await pins.write(1, '4711')
  await pins.limitKeys(1, 3)
})

const global = async (name: string) =>
  ((await stage().ari('GET', `asterisk/variable?variable=${name}`)) as { value?: string }).value

const forget = (name: string) => stage().ari('POST', `asterisk/variable?variable=${name}&value=`)

/** Calls, and waits for the call's end. Resolves to what the dialplan was told. */
async function said(to: string, steps: Step[] | number, from = STRANGER): Promise<string | undefined> {
  await forget('SAID')
  const script = typeof steps === 'number' ? { refusedWith: steps, steps: [] } : { steps }
  const phone = await stage().call(to, { from, ...script })
  expect(await phone.ended).toBe(0)
  return global('SAID')
}

const stay: Step = { do: 'waitForHangUp' }
const keys = (digits: string): Step => ({ do: 'info', digits })
const sent = (phone: Phone, text: string) => expect(phone.messages()).toContain(text)

/** So many callers, answered, are where the dialplan runs this application. */
const inApplication = (name: string, count: number) => async () => {
  const channels = (await stage().ari('GET', 'channels')) as Channel[]
  const there = channels.filter(({ dialplan, state }) => dialplan.app_name === name && state === 'Up')
  expect(there).toHaveLength(count)
}

type Channel = { dialplan: { app_name: string }; state: string }

const lastCheck = () =>
  stage()
    .app()
    .log()
    .findLast(({ msg }) => msg === 'FastAGI check')

test('the right PIN, keyed over the prompt: OK, how many keys it has, one use, and the call goes on', async () => {
  expect(await said('4900', [keys('4711#'), stay])).toBe('OK 1 SUCCESS Up')
  expect(await said('4900', [keys('4711#'), stay], '09811111112')).toBe('OK 2 SUCCESS Up')
  const uses = await pins.uses(1)
  expect(uses.map(({ pin, key }) => ({ pin, key }))).toEqual([
    { pin: '4711', key: STRANGER },
    { pin: '4711', key: '+919811111112' },
  ])
  expect(lastCheck()).toMatchObject({ account: stage().sid, db: 1, from: '+91…12', status: 'OK' })
}, 60_000)

test('three wrong ones, and one attempt of silence: REFUSED, no use', async () => {
  const before = (await pins.uses(1)).length
  expect(await said('4900', [keys('1#4712#99999#'), stay])).toBe('REFUSED 0 SUCCESS Up')
  expect(await said('4901', [stay])).toBe('REFUSED 0 SUCCESS Up')
  expect(await pins.uses(1)).toHaveLength(before)
}, 60_000)

test('keys in the audio, typed ahead of the question that they answer', async () => {
  expect(await said('4900', [{ do: 'keys', digits: '8#9*9#4711#' }, stay])).toMatch(/^OK /)
}, 60_000)

test('a given PIN is looked up and nothing is answered', async () => {
  expect(await said('4902', 403)).toMatch(/^OK \d SUCCESS Ring$/)
  expect(await said('4903', 403)).toBe('REFUSED 0 SUCCESS Ring')
}, 60_000)

test('what cannot be asked for is ERROR, not answered', async () => {
  expect(await said('4904', 403)).toBe('ERROR 0 SUCCESS Ring')
  expect(lastCheck()).toMatchObject({ level: 'warn', reason: 'db is given twice' })
}, 60_000)

test('the number dialled says whose PINs they are; a channel that is up already is asked as well', async () => {
  expect(await said(VN_A, [keys('4711#'), stay])).toMatch(/^OK \d SUCCESS Up$/)
  expect(await said('4905', [{ do: 'wait', ms: 1_500 }, keys('4711#'), stay])).toMatch(/^OK \d SUCCESS Up$/)
}, 60_000)

test('on a channel that is hung up a PIN can be looked up, and nobody can be asked', async () => {
  await forget('LEFT')
  const phone = await stage().call('4906', { from: STRANGER, steps: [stay] })
  await until(inApplication('Wait', 1), { atMostMs: 10_000 })
  phone.hangUp()
  await phone.ended
  await until(async () => expect(await global('LEFT')).toMatch(/^ERROR /))
  expect(await global('SAID')).toMatch(/^OK \d SUCCESS h$/)
}, 60_000)

/** Asterisk and we may see the hang-up in either order. */
const UNDECIDED = /^ERROR (HANGUP|SUCCESS)$/

/** When the caller hangs up, and what the dialplan knows in its extension h. */
const moments: [string, Step[], (phone: Phone) => void | Promise<void>, RegExp][] = [
  // Whether the dialplan is reached then is anybody's guess.
  ['the call is being set up', [stay], (phone) => sent(phone, 'SIP/2.0 100'), /^/],
  ['the call is answered', [stay], (phone) => sent(phone, 'SIP/2.0 200'), UNDECIDED],
  ['the prompt plays', [stay], inApplication('AGI', 1), UNDECIDED],
  ['some digits are keyed', [keys('47'), stay], (phone) => sent(phone, 'Signal=7'), UNDECIDED],
  ['a wrong PIN is keyed', [keys('9#1'), stay], (phone) => sent(phone, 'Signal=1'), UNDECIDED],
  [
    'the last digit is keyed',
    [keys('4711#'), stay],
    (phone) => sent(phone, 'Signal=#'),
    /^(ERROR|OK) (HANGUP|SUCCESS)$/,
  ],
]

test.each(moments.flatMap(([when, ...rest]) => ['4900', '4907'].map((to) => [when, to, ...rest] as const)))(
  'the caller hangs up when %s, on %s: nothing is left',
  async (_when, to, steps, moment, left) => {
    await forget('LEFT')
    const phone = await stage().call(to, { from: STRANGER, steps })
    await until(() => moment(phone), { atMostMs: 10_000 })
    phone.hangUp()
    await phone.ended
    await stage().settled()
    expect((await global('LEFT')) ?? '').toMatch(left)
  },
  60_000,
)

test('kill -9 during the question: ERROR stays, the dialplan goes on, and the next process serves the next caller', async () => {
  await forget('SAID')
  const asked = await stage().call('4900', { from: STRANGER, steps: [keys('47'), stay] })
  await until(() => sent(asked, 'Signal=7'), { atMostMs: 10_000 })
  await until(inApplication('AGI', 1))
  await stage().app().kill('SIGKILL')
  expect(await asked.ended).toBe(0)
  expect(await global('SAID')).toBe('ERROR 0 SUCCESS Up')
  expect(await said('4900', 403)).toBe('  FAILURE Ring')
  await stage().restart()
  expect(await said('4900', [keys('4711#'), stay])).toMatch(/^OK \d SUCCESS Up$/)
}, 60_000)

test('an orderly stop during the question hands the caller back to the dialplan', async () => {
  await forget('SAID')
  await stage().allocate({ a: { pin: '1234' } })
  // Asterisk is our own, and stays only as long as two people talk.
  await stage().answering({ answers: 'after', ringMs: 1, steps: [stay] }, async () => {
    const talk = await stage().call(VN_B, { from: BOB, steps: [stay] })
    await stage().talking(2)
    const asked = await stage().call('4900', { from: STRANGER, steps: [keys('47'), stay] })
    await until(inApplication('AGI', 1), { atMostMs: 10_000 })
    await stage().app().kill('SIGTERM')
    expect(await asked.ended).toBe(0)
    expect(await global('SAID')).toBe('ERROR 0 SUCCESS Up')
    await stage().restart()
    talk.hangUp()
    await talk.ended
    await stage().eventsOf({ completed: 1, verified: 0, refused: 0 })
  })
}, 60_000)

test('the application is frozen: who hangs up is gone, and who stays is let go when the time is over', async () => {
  process.kill(stage().app().pid, 'SIGSTOP')
  try {
    const [gone, stays] = await Promise.all(
      ['4900', '4909'].map((to) => stage().call(to, { from: STRANGER, refusedWith: 487, steps: [] })),
    )
    await until(async () => expect(await stage().ari('GET', 'channels')).toHaveLength(2))
    gone?.hangUp()
    await until(async () => expect(await stage().ari('GET', 'channels')).toHaveLength(1))
    await until(async () => expect(await stage().ari('GET', 'channels')).toEqual([]), { atMostMs: 10_000 })
    stays?.vanish()
  } finally {
    process.kill(stage().app().pid, 'SIGCONT')
  }
}, 60_000)
