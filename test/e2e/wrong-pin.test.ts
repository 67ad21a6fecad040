import { expect, test } from '@jest/globals'
import { STRANGER, useStage, VN_A } from '../support/stage.ts'

const stage = useStage({ env: { PINBRIDGE_DIGITS_FIRST_MS: '1000' } })

test('three wrong PINs end the call with goodbye, ring nobody, and are told once with the last of them', async () => {
  await stage().allocate({ a: { pin: '4711' } })
  const witness = await stage().witness()
  await stage().answering({ answers: 'after', ringMs: 0, steps: [] }, async (phones) => {
    const caller = await stage().call(VN_A, {
      from: STRANGER,
      steps: [{ do: 'info', digits: '1111#2222#3333#' }, { do: 'waitForHangUp' }],
    })
    expect(await caller.ended).toBe(0)
    expect(phones.messages()).toBe('')
  })
  const told = await stage().eventsOf({ completed: 0, verified: 0, refused: 1 })
  expect(told.refused).toEqual([
    {
      start_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
      caller: STRANGER,
      vn: VN_A,
      call_sid: expect.stringMatching(/^[0-9a-f]{32}$/),
      pin: '3333',
    },
  ])
  expect(witness.played().at(-1)).toBe('sound:vm-goodbye')
})

test('two wrong ones and then the right one connect', async () => {
  await stage().allocate({ a: { pin: '4711' } })
  await stage().answering({ answers: 'after', ringMs: 0, steps: [{ do: 'waitForHangUp' }] }, async () => {
    const caller = await stage().call(VN_A, {
      from: STRANGER,
      steps: [{ do: 'info', digits: '1111#2222#4711#' }, { do: 'wait', ms: 1_500 }, { do: 'hangUp' }],
    })
    expect(await caller.ended).toBe(0)
  })
  await stage().eventsOf({ completed: 1, verified: 1, refused: 0 })
})

test('silence is asked three times, then ends like a wrong PIN', async () => {
  await stage().allocate({})
  const witness = await stage().witness()
  const caller = await stage().call(VN_A, { from: STRANGER, steps: [{ do: 'waitForHangUp' }] })
  expect(await caller.ended).toBe(0)
  const told = await stage().eventsOf({ completed: 0, verified: 0, refused: 1 })
  expect(told.refused[0]).toMatchObject({ caller: STRANGER, pin: '' })
  const [ask, nothing] = ['sound:pinbridge/enter-pin', 'sound:pinbridge/pin-nothing']
  expect(witness.played()).toEqual([ask, nothing, ask, nothing, ask, nothing, 'sound:vm-goodbye'])
}, 60_000)
