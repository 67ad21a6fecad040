import { describe, expect, test } from '@jest/globals'
import type { Callee } from '../support/sip-script.ts'
import { ALICE, BOB, BOBBY, useStage, VN_A } from '../support/stage.ts'

const answers: Callee = { answers: 'after', ringMs: 200, steps: [{ do: 'waitForHangUp' }] }
const busy: Callee = { answers: 'refuses', status: 486 }
const both = { numbers: [BOB, BOBBY] }

describe('one after another', () => {
  const stage = useStage({ accountOptions: ['--pin', 'none', '--ring', 'in-turn', '--ring-seconds', '5'] })

  test.each<[string, Callee, string, string]>([
    ['is busy', busy, 'busy', 'sound:pinbridge/party-busy'],
    ['declines', { answers: 'refuses', status: 603 }, 'busy', 'sound:pinbridge/party-busy'],
    ['does not answer', { answers: 'never' }, 'no-answer', 'sound:number-not-answering'],
    ['does not exist', { answers: 'refuses', status: 404 }, 'failed', 'sound:pinbridge/party-unreachable'],
    ['is out of order', { answers: 'refuses', status: 503 }, 'failed', 'sound:pinbridge/party-unreachable'],
  ])(
    'the other party %s',
    async (_what, callee, status, prompt) => {
      await stage().allocate({})
      const witness = await stage().witness()
      await stage().answering(callee, async () => {
        const caller = await stage().call(VN_A, { from: ALICE, steps: [{ do: 'waitForHangUp' }] })
        expect(await caller.ended).toBe(0)
      })
      expect(witness.played()).toEqual([prompt])
      const told = await stage().eventsOf({ completed: 1, verified: 0, refused: 0 })
      expect(told.completed[0]).toMatchObject({
        call_type: 'incomplete',
        dial_call_status: status,
        on_call_duration: 0,
        to: BOB,
      })
    },
    30_000,
  )

  test('nobody is there to take calls at all: unreachable', async () => {
    await stage().allocate({})
    const witness = await stage().witness()
    const caller = await stage().call(VN_A, { from: ALICE, steps: [{ do: 'waitForHangUp' }] })
    expect(await caller.ended).toBe(0)
    expect(witness.played()).toEqual(['sound:pinbridge/party-unreachable'])
    const told = await stage().eventsOf({ completed: 1, verified: 0, refused: 0 })
    expect(told.completed[0]).toMatchObject({ call_type: 'incomplete', dial_call_status: 'failed' })
  }, 60_000)

  test('the first number is busy, the second answers', async () => {
    await stage().allocate({ b: both })
    await stage().answering({ [BOB]: busy, [BOBBY]: answers }, async () => {
      const caller = await stage().call(VN_A, {
        from: ALICE,
        steps: [{ do: 'wait', ms: 2_000 }, { do: 'hangUp' }],
      })
      expect(await caller.ended).toBe(0)
    })
    const told = await stage().eventsOf({ completed: 1, verified: 0, refused: 0 })
    expect(told.completed[0]).toMatchObject({ call_type: 'completed', to: BOBBY })
  }, 30_000)
})

describe('all at once', () => {
  const stage = useStage({ accountOptions: ['--pin', 'none', '--ring', 'all'] })

  test('two numbers that answer at the same moment: one talks, the other is told that the call was taken', async () => {
    await stage().allocate({ b: both })
    await stage().answering(answers, async (phones) => {
      const caller = await stage().call(VN_A, {
        from: ALICE,
        steps: [{ do: 'wait', ms: 2_000 }, { do: 'hangUp' }],
      })
      expect(await caller.ended).toBe(0)
      for (const number of [BOB, BOBBY]) expect(phones.messages()).toContain(`INVITE sip:${number}@`)
    })
    await stage().eventsOf({ completed: 1, verified: 0, refused: 0 })
  }, 30_000)

  test('one answers, the other is still ringing: its ringing ends as answered elsewhere', async () => {
    await stage().allocate({ b: both })
    await stage().answering({ [BOB]: { answers: 'never' }, [BOBBY]: answers }, async (phones) => {
      const caller = await stage().call(VN_A, {
        from: ALICE,
        steps: [{ do: 'wait', ms: 2_000 }, { do: 'hangUp' }],
      })
      expect(await caller.ended).toBe(0)
      expect(phones.messages()).toMatch(/CANCEL sip:[^]*?Reason: SIP;cause=200/)
    })
    const told = await stage().eventsOf({ completed: 1, verified: 0, refused: 0 })
    expect(told.completed[0]).toMatchObject({ call_type: 'completed', to: BOBBY })
  }, 30_000)
})
