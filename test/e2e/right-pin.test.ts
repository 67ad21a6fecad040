import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { ALICE, BOB, setStage, STRANGER, VN_A, VN_B, type Stage } from '../support/stage.ts'
import { until } from '../support/until.ts'

let stage: Stage
beforeAll(async () => {
  stage = await setStage()
}, 900_000)
afterEach(() => stage.nothingIsLeft())
afterAll(() => stage.close())

test('a stranger keys the PIN and talks to the other party, who sees a virtual number', async () => {
  const allocation = await stage.allocate({ a: { pin: '4711' } })
  const bob = await stage.answer({ answers: 'after', ringMs: 300, steps: [{ do: 'waitForHangUp' }] })
  const caller = await stage.call(VN_A, {
    from: STRANGER,
    steps: [
      { do: 'wait', ms: 500 },
      { do: 'keys', digits: '4711#' },
      { do: 'wait', ms: 3_000 },
      { do: 'hangUp' },
    ],
  })
  expect(await caller.ended).toBe(0)
  await until(() => expect(stage.events().completed).toHaveLength(1))
  expect(bob.messages()).toContain(`From: <sip:${VN_B}@`)
  expect(stage.events().verified).toEqual([
    expect.objectContaining({
      caller: STRANGER,
      pin: '4711',
      vn: VN_A,
      greenpin_id: allocation['greenpin_id'],
    }),
  ])
  expect(stage.events().completed[0]).toMatchObject({
    greenpin_id: allocation['greenpin_id'],
    from: STRANGER,
    to: BOB,
    vn: VN_A,
    call_type: 'completed',
    dial_call_status: 'completed',
    direction: 'incoming',
  })
  expect(ALICE).not.toBe(STRANGER)
})
