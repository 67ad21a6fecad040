import { expect, test } from '@jest/globals'
import { BOB, STRANGER, useStage, VN_A, VN_B } from '../support/stage.ts'

const stage = useStage()

test('a stranger keys the PIN and talks to the other party, who sees a virtual number and calls back', async () => {
  const allocation = await stage().allocate({ a: { pin: '4711' } })
  const phones = await stage().answer({ answers: 'after', ringMs: 300, steps: [{ do: 'waitForHangUp' }] })
  const caller = await stage().call(VN_A, {
    from: STRANGER,
    steps: [
      { do: 'wait', ms: 500 },
      { do: 'keys', digits: '4711#' },
      { do: 'wait', ms: 4_500 },
      { do: 'hangUp' },
    ],
  })
  expect(await caller.ended).toBe(0)
  const told = await stage().eventsOf({ completed: 1, verified: 1, refused: 0 })
  expect(phones.messages()).toContain(`INVITE sip:${BOB}@`)
  expect(phones.messages()).toContain(`From: <sip:${VN_B}@`)
  expect(told.verified[0]).toMatchObject({
    caller: STRANGER,
    pin: '4711',
    vn: VN_A,
    greenpin_id: allocation['greenpin_id'],
  })
  expect(told.completed[0]).toMatchObject({
    greenpin_id: allocation['greenpin_id'],
    transaction_id: allocation['transaction_id'],
    call_sid: told.verified[0]!['call_sid'],
    from: STRANGER,
    to: BOB,
    vn: VN_A,
    call_type: 'completed',
    dial_call_status: 'completed',
    direction: 'incoming',
    recording_url: null,
    source: 'exotel',
  })

  // The stranger belongs to party A now: Bob, who may call without a PIN, reaches Alice first, and she is not there.
  const back = await stage().call(VN_B, { from: BOB, steps: [{ do: 'wait', ms: 1_000 }, { do: 'hangUp' }] })
  expect(await back.ended).toBe(0)
  const later = await stage().eventsOf({ completed: 2, verified: 1, refused: 0 })
  expect(later.completed[1]).toMatchObject({ from: BOB, vn: VN_B, call_type: 'completed' })
  expect(phones.messages()).toContain(`From: <sip:${VN_A}@`)
})
