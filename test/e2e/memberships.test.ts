import { expect, test } from '@jest/globals'
import type { Callee } from '../support/sip-script.ts'
import { ALICE, BOB, BOBBY, STRANGER, useStage, VN_A, VN_B } from '../support/stage.ts'

const stage = useStage({ accountOptions: ['--pin', 'none'] })

const PATIENT: Callee = { answers: 'after', ringMs: 0, steps: [{ do: 'waitForHangUp' }] }

test('a caller who belongs to two allocations keys the PIN of the one that is meant', async () => {
  const toBob = await stage().allocate({ a: { pin: '4711' } })
  const toBobby = await stage().allocate({ a: { pin: '4712' }, b: { numbers: [BOBBY] } })
  await stage().answering(PATIENT, async () => {
    for (const pin of ['4712', '4711']) {
      const caller = await stage().call(VN_A, {
        from: ALICE,
        steps: [{ do: 'info', digits: `${pin}#` }, { do: 'wait', ms: 2_000 }, { do: 'hangUp' }],
      })
      expect(await caller.ended).toBe(0)
    }
  })
  const { completed } = await stage().eventsOf({ completed: 2, verified: 0, refused: 0 })
  expect(completed.map(({ to, greenpin_id }) => ({ to, greenpin_id }))).toEqual([
    { to: BOBBY, greenpin_id: toBobby['greenpin_id'] },
    { to: BOB, greenpin_id: toBob['greenpin_id'] },
  ])
}, 60_000)

test('an unregistered caller is verified once, is not asked the second time, and is called back', async () => {
  const allocation = await stage().allocate({ a: { numbers: [], pin: '4711' } })
  const witness = await stage().witness()
  await stage().answering(PATIENT, async (phones) => {
    const first = await stage().call(VN_A, {
      from: STRANGER,
      steps: [{ do: 'info', digits: '4711#' }, { do: 'wait', ms: 2_000 }, { do: 'hangUp' }],
    })
    expect(await first.ended).toBe(0)
    await stage().eventsOf({ completed: 1, verified: 1, refused: 0 })
    const heard = witness.played().length

    const second = await stage().call(VN_A, {
      from: STRANGER,
      steps: [{ do: 'wait', ms: 1_500 }, { do: 'hangUp' }],
    })
    expect(await second.ended).toBe(0)
    await stage().eventsOf({ completed: 2, verified: 1, refused: 0 })
    expect(witness.played()).toHaveLength(heard)

    // Bob saw his own virtual number, dials it, and reaches the one who called.
    expect(phones.messages()).toContain(`From: <sip:${VN_B}@`)
    const back = await stage().call(VN_B, { from: BOB, steps: [{ do: 'wait', ms: 1_500 }, { do: 'hangUp' }] })
    expect(await back.ended).toBe(0)
    expect(phones.messages()).toContain(`INVITE sip:${STRANGER}@`)
    expect(phones.messages()).toContain(`From: <sip:${VN_A}@`)
  })
  const { completed } = await stage().eventsOf({ completed: 3, verified: 1, refused: 0 })
  expect(completed).toMatchObject([
    { from: STRANGER, to: BOB, vn: VN_A, call_type: 'completed' },
    { from: STRANGER, to: BOB, vn: VN_A, call_type: 'completed' },
    { from: BOB, to: STRANGER, vn: VN_B, call_type: 'completed', greenpin_id: allocation['greenpin_id'] },
  ])
}, 60_000)

test('what fell due while the application was away ends once, as soon as it is back, and nobody reaches it', async () => {
  const allocation = await stage().allocate({ deallocation_policy: { duration: '2s' } })
  const where = `/v1/tenants/${stage().sid}/greenpin/${String(allocation['greenpin_id'])}`
  const dueAt = Date.now() + 2_000
  await stage().app().kill('SIGKILL')
  while (Date.now() < dueAt) await new Promise((resolve) => setTimeout(resolve, dueAt - Date.now()))
  await stage().restart()
  await stage().settled()
  const ended = () =>
    stage().sink.received.filter(
      ({ body }) => body.includes('"aparty_numbers"') && body.includes(String(allocation['greenpin_id'])),
    )
  expect(ended()).toHaveLength(1)
  expect((await stage().api('GET', where)).body['data']).toMatchObject({ state: 'vault' })
  expect((await stage().api('DELETE', where)).body).toMatchObject({ code: 22 })
  const caller = await stage().call(VN_A, { from: ALICE, refusedWith: 404, steps: [] })
  expect(await caller.ended).toBe(0)
  await stage().settled()
  expect(ended()).toHaveLength(1)
}, 60_000)
