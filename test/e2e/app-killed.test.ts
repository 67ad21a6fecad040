import { expect, test } from '@jest/globals'
import { ALICE, BOB, STRANGER, useStage, VN_A, VN_B } from '../support/stage.ts'
import { until } from '../support/until.ts'

const stage = useStage()

test('kill -9 with two calls talking and two at the prompt: talks go on and are reported right, the others end politely', async () => {
  await stage().allocate({ transaction_id: 'one', a: { pin: '4711' } })
  await stage().allocate({ transaction_id: 'two', a: { pin: '4712' } })
  await stage().answering({ answers: 'after', ringMs: 1, steps: [{ do: 'waitForHangUp' }] }, async () => {
    const talks = await Promise.all(
      ['4711', '4712'].map((pin) =>
        stage().call(VN_A, {
          from: STRANGER,
          steps: [{ do: 'speak' }, { do: 'info', digits: `${pin}#` }, { do: 'waitForHangUp' }],
        }),
      ),
    )
    const before = await stage().joined(4)
    const talkingSince = Date.now()
    const atPrompt = await Promise.all(
      [ALICE, BOB].map((from) => stage().call(VN_A, { from, steps: [{ do: 'waitForHangUp' }] })),
    )
    await stage().talking(6)

    await stage().app().kill('SIGKILL')
    // Every one of the four goes on speaking and hearing: the called phones play back what they hear.
    const sound = () => Promise.all(before.map((id) => stage().sound(id)))
    const then = await sound()
    await until(async () => {
      for (const [i, { heard, spoken }] of (await sound()).entries()) {
        expect(heard).toBeGreaterThan(then[i]!.heard + 25)
        expect(spoken).toBeGreaterThan(then[i]!.spoken + 25)
      }
    })
    // A caller who comes now hears the dialplan's apology.
    const late = await stage().call(VN_B, { from: STRANGER, refusedWith: 500, steps: [] })
    expect(await late.ended).toBe(0)

    await stage().restart()
    for (const phone of atPrompt) expect(await phone.ended).toBe(0)
    expect(await stage().joined(4)).toEqual(before)
    for (const phone of talks) phone.hangUp()
    for (const phone of talks) await phone.ended
    const talkedMs = Date.now() - talkingSince

    const { completed } = await stage().eventsOf({ completed: 2, verified: 2, refused: 0 })
    expect(completed.map(({ transaction_id }) => transaction_id).sort()).toEqual(['one', 'two'])
    for (const { call_type, on_call_duration } of completed) {
      expect(call_type).toBe('completed')
      expect(Math.abs(Number(on_call_duration) - talkedMs / 1000)).toBeLessThanOrEqual(2)
    }
  })
}, 120_000)

test('kill -9, and a talk ends before the application is back: it is closed, and its other leg is let go', async () => {
  await stage().allocate({ a: { pin: '4711' } })
  await stage().answering({ answers: 'after', ringMs: 1, steps: [{ do: 'waitForHangUp' }] }, async () => {
    const caller = await stage().call(VN_A, {
      from: STRANGER,
      steps: [{ do: 'info', digits: '4711#' }, { do: 'waitForHangUp' }],
    })
    await stage().joined(2)
    await stage().app().kill('SIGKILL')
    caller.hangUp()
    await caller.ended
    await stage().talking(1)
    await stage().restart()
    const { completed } = await stage().eventsOf({ completed: 1, verified: 1, refused: 0 })
    expect(completed[0]).toMatchObject({ call_type: 'completed' })
  })
}, 60_000)
