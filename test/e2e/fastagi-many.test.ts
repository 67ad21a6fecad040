import { expect, test } from '@jest/globals'
import { pinDesk } from '../support/pins.ts'
import type { Step } from '../support/sip-script.ts'
import { useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const DIALPLAN = `
[pinbridge-inbound](+)
exten => 4900,1,Set(TIMEOUT(absolute)=60)
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,Set(AGISIGHUP=no)
 same => n,AGI(agi://\${PINBRIDGE_AGI}/check?db=1&attempts=1)
 same => n,Hangup(21)
`

const stage = useStage({
  fastagi: true,
  dialplan: DIALPLAN,
  env: { PINBRIDGE_DIGITS_FIRST_MS: '10000' },
})

const RIGHT = 100
const WRONG = 50
const LEAVING = 50

/** All of them are there before the first does anything. */
const pause: Step = { do: 'wait', ms: 6_000 }

const from = (i: number) => `+9198200${String(i).padStart(5, '0')}`
const checks = () =>
  stage()
    .app()
    .log()
    .filter(({ msg }) => msg === 'FastAGI check')

// Files and sockets are counted by the stage when the test is over.
test('two hundred callers at once, right, wrong and leaving: each is dealt with, and nothing is left', async () => {
  const pins = pinDesk(stage().data, stage().sid)
  await pins.write(1, '4711')
  // A wrong one of two digits: where no PIN has two, it tells nothing and costs those who are right nothing.
  const rows = Array.from({ length: RIGHT + WRONG }, (_, i) => [
    from(i),
    ...Array.from(i < RIGHT ? '4711' : '8*99'),
  ])
  const keying = await stage().call(
    '4900',
    {
      from: '[field0]',
      steps: [pause, { do: 'info', digits: '[field1][field2][field3][field4]#' }, { do: 'waitForHangUp' }],
    },
    rows,
  )
  const leaving = await stage().call(
    '4900',
    { from: '[field0]', steps: [pause, { do: 'info', digits: '47' }, { do: 'hangUp' }] },
    Array.from({ length: LEAVING }, (_, i) => [from(500 + i)]),
  )
  await stage().talking(RIGHT + WRONG + LEAVING)
  expect([await keying.ended, await leaving.ended]).toEqual([0, 0])
  await until(() => expect(checks()).toHaveLength(RIGHT + WRONG + LEAVING))
  const count = (status: string) => checks().filter((line) => line['status'] === status).length
  expect({ ok: count('OK'), refused: count('REFUSED'), error: count('ERROR') }).toEqual({
    ...{ ok: RIGHT, refused: WRONG, error: LEAVING },
  })
  const uses = await pins.uses(1)
  expect(uses.map(({ key }) => key).sort()).toEqual(rows.slice(0, RIGHT).map(([number]) => number))
}, 120_000)
