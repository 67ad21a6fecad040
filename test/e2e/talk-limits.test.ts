import { expect, test } from '@jest/globals'
import type { Callee, Step } from '../support/sip-script.ts'
import { ALICE, BOB, BOBBY, useStage, VN_A } from '../support/stage.ts'
import { until } from '../support/until.ts'
import type { Witness } from '../support/witness.ts'

const stage = useStage({ accountOptions: ['--pin', 'none'] })

const stay: Step[] = [{ do: 'waitForHangUp' }]
const answers: Callee = { answers: 'after', ringMs: 300, steps: stay }
const ONE = { completed: 1, verified: 0, refused: 0 }

/** Until when each of the two was in the bridge, from when both were, in seconds by Asterisk's clock. */
function stayed({ seen }: Witness): number[] {
  const of = (type: string) =>
    seen
      .filter((event) => event.type === type)
      .map((event) => Date.parse((event as { timestamp?: string }).timestamp ?? ''))
  const [, joined = NaN] = of('ChannelEnteredBridge')
  return of('ChannelLeftBridge').map((left) => (left - joined) / 1000)
}

/** Both were hung up by Asterisk after so long, and nobody before. A busy machine is late; every other limit is later still. */
function endedAfter(seconds: number, witness: Witness): void {
  const both = stayed(witness)
  expect(both).toHaveLength(2)
  for (const one of both) {
    expect(one).toBeGreaterThan(seconds - 0.5)
    expect(one).toBeLessThan(seconds + 3)
  }
}

const allocation = (id: unknown) => `/v1/tenants/${stage().sid}/greenpin/${String(id)}`
const stateOf = async (id: unknown) =>
  ((await stage().api('GET', allocation(id))).body['data'] as { state: string }).state
/** The webhooks that tell of the end of this allocation. */
const endsTold = (id: unknown) =>
  stage().sink.received.filter(({ body }) => body.includes('"aparty_numbers"') && body.includes(String(id)))

test('Asterisk ends a talk after the longest talk of the account, and that is a completed call', async () => {
  await stage().settings({ max_talk_time: '3s' })
  await stage().allocate({})
  const witness = await stage().witness()
  await stage().answering(answers, async () => {
    const caller = await stage().call(VN_A, { from: ALICE, steps: stay })
    expect(await caller.ended).toBe(0)
  })
  endedAfter(3, witness)
  const { completed } = await stage().eventsOf(ONE)
  expect(completed[0]).toMatchObject({ call_type: 'completed', dial_call_status: 'completed', to: BOB })
  expect(completed[0]!['on_call_duration']).toBeGreaterThanOrEqual(2)
}, 60_000)

test('so it does when the application has been killed meanwhile', async () => {
  await stage().settings({ max_talk_time: '4s' })
  await stage().allocate({})
  const witness = await stage().witness()
  await stage().answering(answers, async () => {
    const caller = await stage().call(VN_A, { from: ALICE, steps: stay })
    await stage().joined(2)
    await stage().app().kill('SIGKILL')
    // Both hear the end, although nobody is there to tell one of the other's.
    expect(await caller.ended).toBe(0)
  })
  endedAfter(4, witness)
  await stage().restart()
  const { completed } = await stage().eventsOf(ONE)
  expect(completed[0]).toMatchObject({ call_type: 'completed', to: BOB })
}, 60_000)

test('the time that it rang is no part of the longest talk', async () => {
  await stage().settings({ max_talk_time: '3s' })
  await stage().allocate({})
  const witness = await stage().witness()
  await stage().answering({ answers: 'after', ringMs: 4_000, steps: stay }, async () => {
    const caller = await stage().call(VN_A, { from: ALICE, steps: stay })
    expect(await caller.ended).toBe(0)
  })
  endedAfter(3, witness)
  await stage().eventsOf(ONE)
}, 60_000)

test('an allocation falls due during the talk: it ends and is told so, the talk goes on and is still one of it', async () => {
  await stage().settings({ max_talk_time: '1h' })
  const { greenpin_id: id } = await stage().allocate({ deallocation_policy: { duration: '3s' } })
  const witness = await stage().witness()
  await stage().answering(answers, async () => {
    const caller = await stage().call(VN_A, { from: ALICE, steps: [{ do: 'speak' }, ...stay] })
    const [up] = await stage().talking(2)
    await until(() => expect(endsTold(id)).toHaveLength(1), { atMostMs: 15_000 })
    expect(await stateOf(id)).toBe('vault')
    const since = await stage().sound(up!.id)
    await until(async () => {
      const now = await stage().sound(up!.id)
      expect(now.heard).toBeGreaterThan(since.heard + 25)
      expect(now.spoken).toBeGreaterThan(since.spoken + 25)
    })
    expect(stayed(witness)).toEqual([])
    caller.hangUp()
    await caller.ended
  })
  const { completed } = await stage().eventsOf(ONE)
  expect(completed[0]).toMatchObject({ call_type: 'completed', greenpin_id: id, to: BOB })
  expect(endsTold(id)).toHaveLength(1)
}, 60_000)

test.each<[string, number, number]>([
  ['it rings', 3_000, 1],
  ['both talk', 300, 2],
])(
  'an allocation is changed while %s: the call that is up keeps what it began with',
  async (_when, ringMs, up) => {
    const { greenpin_id: id } = await stage().allocate({})
    await stage().answering({ answers: 'after', ringMs, steps: stay }, async (phones) => {
      const caller = await stage().call(VN_A, { from: ALICE, steps: stay })
      await until(() => expect(phones.messages()).toContain('SIP/2.0 180'), { atMostMs: 10_000 })
      await stage().talking(up)
      const change = { a: { numbers: ['+919811111112'] }, b: { numbers: [BOBBY] }, usage: 'oneway' }
      const answer = await stage().api('PUT', allocation(id), change)
      expect(answer.body).toMatchObject({ success: true, data: { b: { numbers: [BOBBY] } } })
      await stage().joined(2)
      expect(phones.messages()).not.toContain(`INVITE sip:${BOBBY}@`)
      caller.hangUp()
      await caller.ended
    })
    const { completed } = await stage().eventsOf(ONE)
    expect(completed[0]).toMatchObject({ call_type: 'completed', greenpin_id: id, from: ALICE, to: BOB })
  },
  60_000,
)
