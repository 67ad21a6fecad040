import { expect, test } from '@jest/globals'
import type { Callee } from '../support/sip-script.ts'
import { ALICE, BOB, BOBBY, useStage, VN_A } from '../support/stage.ts'
import { until } from '../support/until.ts'
import type { Witness } from '../support/witness.ts'

const stage = useStage({ accountOptions: ['--pin', 'none'] })

const THIRD = '+919956555627'
/** The shortest ring time that an account can have. */
const RING_MS = 5_000
const silent: Callee = { answers: 'never' }
const busy: Callee = { answers: 'refuses', status: 486, ringMs: 300 }
/** Talks a little, and hangs up. */
const answers: Callee = {
  answers: 'after',
  ringMs: 300,
  steps: [{ do: 'wait', ms: 1_500 }, { do: 'hangUp' }],
}

/** What has become of the numbers: in order of their channels, how long each lived, by Asterisk's clock. */
function legs({ seen }: Witness): { from: number; to: number }[] {
  const instant = (event: object | undefined) =>
    Date.parse((event as { timestamp?: string } | undefined)?.timestamp ?? '')
  const about = (type: string) =>
    seen.filter((event) => event.type === type && event.channel?.id.startsWith('pinbridge-'))
  return about('ChannelCreated').map((made) => {
    const gone = about('ChannelDestroyed').find(({ channel }) => channel?.id === made.channel?.id)
    return { from: instant(made), to: instant(gone) }
  })
}

/** The numbers that were invited, in that order; each INVITE counts once, however often it was sent. */
const invited = (messages: string) => [
  ...new Set(Array.from(messages.matchAll(/^INVITE sip:([+\d]+)@/gm), ([, number]) => number)),
]

/** One call of Alice's; resolves to what the called phones were sent, what became of the legs, and what was told. */
async function ringsOut(numbers: string[], behaviour: Record<string, Callee>) {
  await stage().allocate({ b: { numbers } })
  const witness = await stage().witness()
  let messages = ''
  await stage().answering(behaviour, async (phones) => {
    const caller = await stage().call(VN_A, {
      from: ALICE,
      steps: [{ do: 'waitForHangUp' }],
    })
    expect(await caller.ended).toBe(0)
    await until(() => expect(legs(witness).map(({ to }) => Number.isNaN(to))).not.toContain(true))
    messages = phones.messages()
  })
  const { completed } = await stage().eventsOf({ completed: 1, verified: 0, refused: 0 })
  return { messages, legs: legs(witness), told: completed[0]! }
}

/** Given up by the ring time, not before; a busy machine is late, but not by the ring time of another. */
function gaveUp(leg: { from: number; to: number } | undefined): void {
  const livedMs = (leg?.to ?? NaN) - (leg?.from ?? NaN)
  expect(livedMs).toBeGreaterThan(RING_MS - 100)
  expect(livedMs).toBeLessThan(2 * RING_MS)
}

test('in turn: who does not answer is given up after the ring time, and only then is the next one rung', async () => {
  await stage().settings({ ring_strategy: 'in_turn', ring_time: '5s' })
  const { messages, legs, told } = await ringsOut([BOB, BOBBY, THIRD], {
    [BOB]: silent,
    [BOBBY]: answers,
    [THIRD]: answers,
  })
  expect(invited(messages)).toEqual([BOB, BOBBY])
  expect(messages.match(/^CANCEL sip:/gm)).toHaveLength(1)
  expect(legs).toHaveLength(2)
  gaveUp(legs[0])
  expect(legs[1]!.from).toBeGreaterThanOrEqual(legs[0]!.to - 50)
  expect(told).toMatchObject({ call_type: 'completed', to: BOBBY })
}, 60_000)

test('in turn: the order is that of the allocation, and a party that is busy costs no ring time', async () => {
  await stage().settings({ ring_strategy: 'in_turn', ring_time: '5s' })
  const { messages, legs, told } = await ringsOut([THIRD, BOB, BOBBY], {
    [BOB]: busy,
    [BOBBY]: silent,
    [THIRD]: busy,
  })
  expect(invited(messages)).toEqual([THIRD, BOB, BOBBY])
  expect(legs).toHaveLength(3)
  for (const [i, { from }] of legs.slice(1).entries()) expect(from).toBeGreaterThanOrEqual(legs[i]!.to - 50)
  gaveUp(legs[2])
  // Somebody was there, only on another call: that is worth more to the caller than the silence of the last.
  expect(told).toMatchObject({ call_type: 'incomplete', dial_call_status: 'busy' })
}, 60_000)

test('all at once: nobody answers, and all are given up together after one ring time', async () => {
  await stage().settings({ ring_strategy: 'all', ring_time: '5s' })
  const numbers = [BOB, BOBBY, THIRD]
  const { messages, legs, told } = await ringsOut(numbers, {
    [BOB]: silent,
    [BOBBY]: silent,
    [THIRD]: silent,
  })
  expect(invited(messages).sort()).toEqual([...numbers].sort())
  expect(legs).toHaveLength(3)
  for (const leg of legs) gaveUp(leg)
  expect(Math.max(...legs.map(({ from }) => from))).toBeLessThan(Math.min(...legs.map(({ to }) => to)))
  expect(told).toMatchObject({ call_type: 'incomplete', dial_call_status: 'no-answer', on_call_duration: 0 })
}, 60_000)

test('all at once: the first to answer talks, the others are cancelled long before their ring time', async () => {
  await stage().settings({ ring_strategy: 'all', ring_time: '60s' })
  const { messages, legs, told } = await ringsOut([BOB, BOBBY, THIRD], {
    [BOB]: silent,
    [BOBBY]: answers,
    [THIRD]: silent,
  })
  expect(invited(messages).sort()).toEqual([BOB, BOBBY, THIRD].sort())
  expect(messages.match(/^CANCEL sip:/gm)).toHaveLength(2)
  expect(messages.match(/Reason: SIP;cause=200/g)).toHaveLength(2)
  const lived = legs.map(({ from, to }) => to - from).sort((x, y) => x - y)
  // Two rang as long as it took the third to answer; that one outlived them by the talk.
  expect(lived[1]!).toBeLessThan(lived[2]! - 1_000)
  expect(told).toMatchObject({ call_type: 'completed', to: BOBBY })
}, 60_000)
