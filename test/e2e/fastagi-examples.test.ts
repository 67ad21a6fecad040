import { beforeAll, expect, test } from '@jest/globals'
import { pinDesk, type PinDesk } from '../support/pins.ts'
import type { Step } from '../support/sip-script.ts'
import { ALICE, BOB, STRANGER, useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const example = (name: string) => `#include "/opt/pinbridge/dialplan/fastagi-${name}.conf"\n`

/** The files as they are, and the numbers at which an engineer would put them. */
const DIALPLAN = `
${['conference', 'outside-line', 'lookup'].map(example).join('')}
[pinbridge-inbound](+)
exten => 8000,1,Goto(pinbridge-conference,s,1)
exten => 8001,1,Goto(pinbridge-lookup,s,1)
exten => _0X.,1,Goto(pinbridge-outside-line,\${EXTEN},1)
exten => 8002,1,Goto(pinbridge-outside-line,0123&PJSIP/456,1)
`

const stage = useStage({
  fastagi: true,
  dialplan: DIALPLAN,
  modules: ['app_confbridge', 'app_dial', 'app_read'],
  env: { PINBRIDGE_DIGITS_FIRST_MS: '1000' },
})

let pins: PinDesk

beforeAll(async () => {
  pins = pinDesk(stage().data, stage().sid)
  await pins.write(1, PIN)
})

/** Nine digits that stand nowhere by chance. */
const PIN = '730951864'
const WRONG = '918273645'

const stay: Step = { do: 'waitForHangUp' }
const keys = (digits: string): Step => ({ do: 'info', digits })

const call = async (to: string, from: string, steps: Step[]) => stage().call(to, { from, steps })
const statuses = () =>
  stage()
    .app()
    .log()
    .filter(({ msg }) => msg === 'FastAGI check')
    .map(({ status }) => status)

test('a gate before a conference: only those with the PIN meet', async () => {
  const inside = await Promise.all([ALICE, BOB].map((from) => call('8000', from, [keys(`${PIN}#`), stay])))
  const outside = await call('8000', STRANGER, [keys('1#2#3#'), stay])
  expect(await outside.ended).toBe(0)
  await until(async () => {
    const [conference, ...others] = (await stage().ari('GET', 'bridges')) as { channels: string[] }[]
    expect(conference?.channels).toHaveLength(2)
    expect(others).toEqual([])
  })
  expect(statuses().toSorted()).toEqual(['OK', 'OK', 'REFUSED'])
  for (const phone of inside) phone.hangUp()
  for (const phone of inside) await phone.ended
}, 60_000)

test('a gate before an outside line: the PIN connects to the number dialled, and to nothing else', async () => {
  await stage().answering({ answers: 'after', ringMs: 1, steps: [stay] }, async (called) => {
    const refused = await call('0441632960123', STRANGER, [keys('1#2#'), stay])
    expect(await refused.ended).toBe(0)
    expect(called.messages()).toBe('')
    const caller = await call('0441632960123', ALICE, [keys(`${PIN}#`), stay])
    await stage().talking(2)
    expect(called.messages()).toContain('INVITE sip:441632960123@')
    caller.hangUp()
    await caller.ended
  })
  const hostile = await stage().call('8002', { from: ALICE, refusedWith: 404, steps: [] })
  expect(await hostile.ended).toBe(0)
}, 60_000)

test('a PIN looked up without prompts of ours: three tries, and no variable keeps it', async () => {
  const before = statuses().length
  const wrong = await call('8001', STRANGER, [keys(`${WRONG}#`), stay])
  await until(() => expect(statuses().slice(before)).toEqual(['REFUSED']))
  const [channel] = (await stage().ari('GET', 'channels')) as { id: string }[]
  const variable = (name: string) => stage().ari('GET', `channels/${channel?.id}/variable?variable=${name}`)
  await until(async () => expect(await variable('TRIES')).toEqual({ value: '2' }))
  expect(await variable('PIN')).toEqual({ value: '' })
  expect(JSON.stringify(await stage().ari('GET', 'channels'))).not.toContain(WRONG)
  wrong.hangUp()
  await wrong.ended

  const right = await call('8001', ALICE, [keys(`1#${PIN}#`), stay])
  expect(await right.ended).toBe(0)
  const silent = await call('8001', BOB, [keys('#'), stay])
  await until(() => expect(statuses().slice(before)).toEqual(['REFUSED', 'REFUSED', 'OK', 'REFUSED']))
  silent.hangUp()
  await silent.ended
  expect((await pins.uses(1)).filter(({ key }) => key === ALICE).map(({ pin }) => pin)).toContain(PIN)
}, 60_000)

test('pinbridge is away: nobody gets in, and each caller is told', async () => {
  await stage().app().kill('SIGKILL')
  for (const number of ['8000', '0441632960123']) {
    const caller = await stage().call(number, { from: ALICE, refusedWith: 500, steps: [] })
    expect(await caller.ended).toBe(0)
  }
  const looked = await call('8001', ALICE, [keys(`${PIN}#`), stay])
  expect(await looked.ended).toBe(0)
  expect(await stage().ari('GET', 'bridges')).toEqual([])
  await stage().restart()
}, 60_000)

test('no PIN stands in a log of ours or of Asterisk', () => {
  const files = stage().written()
  expect(files.length).toBeGreaterThan(10)
  for (const { text } of files)
    for (const secret of [PIN, WRONG]) expect(text.replaceAll(/[^0-9]/g, '')).not.toContain(secret)
})
