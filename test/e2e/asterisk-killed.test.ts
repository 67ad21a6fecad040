import { expect, test } from '@jest/globals'
import { STRANGER, useStage, VN_A } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage()

test('Asterisk is killed in the middle of a talk: it is started again, the talk is closed, calls work', async () => {
  await stage().allocate({ a: { pin: '4711' } })
  const steps = [{ do: 'info', digits: '4711#' } as const, { do: 'waitForHangUp' } as const]
  const called = await stage().answer({ answers: 'after', ringMs: 1, steps: [{ do: 'waitForHangUp' }] })
  const lost = await stage().call(VN_A, { from: STRANGER, steps })
  await stage().joined(2)
  const before = stage().asteriskPid()

  process.kill(before, 'SIGKILL')
  const { completed } = await stage().eventsOf({ completed: 1, verified: 1, refused: 0 })
  expect(completed[0]).toMatchObject({ call_type: 'completed' })
  lost.vanish()
  called.vanish()
  await called.ended
  await until(() => expect(stage().asteriskPid()).not.toBe(before))
  await stage().settled()

  await stage().answering({ answers: 'after', ringMs: 1, steps: [{ do: 'waitForHangUp' }] }, async () => {
    const again = await stage().call(VN_A, {
      from: STRANGER,
      steps: [{ do: 'wait', ms: 1_500 }, { do: 'hangUp' }],
    })
    expect(await again.ended).toBe(0)
  })
}, 90_000)
