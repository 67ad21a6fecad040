import { expect, test } from '@jest/globals'
import { ALICE, BOB, useStage, VN_A, VN_B } from '../support/stage.ts'

const stage = useStage({ accountOptions: ['--pin', 'none'] })

test('a registered caller is connected without a PIN, and is told to nobody as verified', async () => {
  await stage().allocate({})
  await stage().answering(
    { answers: 'after', ringMs: 0, steps: [{ do: 'waitForHangUp' }] },
    async (phones) => {
      const caller = await stage().call(VN_A, {
        from: ALICE,
        steps: [{ do: 'wait', ms: 1_000 }, { do: 'hangUp' }],
      })
      expect(await caller.ended).toBe(0)
      expect(phones.messages()).toContain(`INVITE sip:${BOB}@`)
      expect(phones.messages()).not.toContain(ALICE.slice(-7))
    },
  )
  const told = await stage().eventsOf({ completed: 1, verified: 0, refused: 0 })
  expect(told.completed[0]).toMatchObject({ from: ALICE, to: BOB, call_type: 'completed' })
})

test('one-way: party B is refused and nobody is rung, party A gets through', async () => {
  await stage().allocate({ usage: 'oneway' })
  const witness = await stage().witness()
  await stage().answering(
    { answers: 'after', ringMs: 0, steps: [{ do: 'waitForHangUp' }] },
    async (phones) => {
      const refused = await stage().call(VN_B, { from: BOB, steps: [{ do: 'waitForHangUp' }] })
      expect(await refused.ended).toBe(0)
      expect(phones.messages()).toBe('')
      expect(witness.played()).toEqual(['sound:pinbridge/not-allowed'])
      const caller = await stage().call(VN_A, {
        from: ALICE,
        steps: [{ do: 'wait', ms: 1_000 }, { do: 'hangUp' }],
      })
      expect(await caller.ended).toBe(0)
    },
  )
  const told = await stage().eventsOf({ completed: 2, verified: 0, refused: 0 })
  expect(
    told.completed.map(({ from, to, call_type, dial_call_status }) => ({
      from,
      to,
      call_type,
      dial_call_status,
    })),
  ).toEqual([
    { from: BOB, to: null, call_type: 'call-attempt', dial_call_status: null },
    { from: ALICE, to: BOB, call_type: 'completed', dial_call_status: 'completed' },
  ])
}, 30_000)

test.each([
  ['that nobody has', '+916292100000'],
  ['without any allocation', VN_A],
])(
  'a number %s: said before the call is answered, then refused',
  async (_what, number) => {
    const witness = await stage().witness()
    const caller = await stage().call(number, { from: ALICE, refusedWith: 404, steps: [] })
    expect(await caller.ended).toBe(0)
    expect(caller.messages()).toContain('SIP/2.0 183')
    expect(witness.played()).toEqual(['sound:ss-noservice'])
    await stage().eventsOf({ completed: 0, verified: 0, refused: 0 })
  },
  30_000,
)
