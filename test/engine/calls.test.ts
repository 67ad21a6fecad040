import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import type { Allocation } from '../../src/engine/allocations.ts'
import {
  callAnswered,
  callReached,
  callRinging,
  closing,
  endCall,
  openCall,
  type CallRecord,
} from '../../src/engine/calls.ts'
import {
  A,
  B,
  VN1,
  eventsOf,
  testAccount,
  testContext,
  wantedAllocation,
  type TestContext,
} from '../support/context.ts'

const T0 = Date.UTC(2026, 0, 1)
const AT = { start: T0, ringing: T0 + 10_000, answer: T0 + 15_000, end: T0 + 75_000 }

function record(change: Partial<CallRecord> = {}): CallRecord {
  return {
    ...{
      id: 'call',
      accountId: 'acme',
      vn: VN1,
      from: A,
      channelId: 'in',
      state: 'ivr',
      startedAt: AT.start,
    },
    ...{ allocationId: undefined, transactionId: undefined, party: undefined, to: undefined },
    ...{ toChannelId: undefined, ringingAt: undefined, answeredAt: undefined, endedAt: undefined },
    ...{ callType: undefined, dialStatus: undefined },
    ...change,
  }
}

const REACHED = { allocationId: 'alloc', transactionId: 'tx', party: 'a' } as const
const RINGING = record({ ...REACHED, state: 'ringing', to: B, ringingAt: AT.ringing })
const TALKING: CallRecord = { ...RINGING, state: 'talking', toChannelId: 'out', answeredAt: AT.answer }

describe('how a call ended', () => {
  const busy = { to: '+911', status: 'busy' } as const
  const silent = { to: '+912', status: 'no-answer' } as const
  const failed = { to: '+913', status: 'failed' } as const

  test.each([
    ['before any allocation was reached', record(), undefined, 'call-attempt', undefined],
    ['before anybody was rung', record(REACHED), undefined, 'call-attempt', undefined],
    ['by the caller, while it rang', RINGING, undefined, 'client-hangup', 'canceled'],
    ['busy', RINGING, busy, 'incomplete', 'busy'],
    ['without an answer', RINGING, silent, 'incomplete', 'no-answer'],
    ['unreachable', RINGING, failed, 'incomplete', 'failed'],
    ['after a talk', TALKING, undefined, 'completed', 'completed'],
    ['after a talk, whatever was heard of another number', TALKING, busy, 'completed', 'completed'],
  ] as const)('%s', (_, call, unanswered, callType, dialStatus) => {
    const { save } = closing(call, AT.end, unanswered, 'event')
    expect(save).toMatchObject({ state: 'ended', callType, endedAt: AT.end })
    expect(save?.dialStatus).toBe(dialStatus)
  })

  test('is told with how long it rang and how long the two talked', () => {
    expect(closing(TALKING, AT.end, undefined, 'event').events).toEqual([
      {
        ...{ type: 'call.completed', id: 'event', accountId: 'acme', at: AT.end, callId: 'call' },
        ...{ allocationId: 'alloc', transactionId: 'tx', vn: VN1, from: A, to: B },
        ...{ callType: 'completed', dialStatus: 'completed', startedAt: AT.start },
        ...{ dialMs: 65_000, talkMs: 60_000 },
      },
    ])
  })

  test('names the number that was rung last', () => {
    const [event] = closing(RINGING, AT.end, busy, 'event').events ?? []
    expect(event).toMatchObject({ to: '+911', dialMs: 65_000, talkMs: 0 })
  })

  test('is told only of a call that reached an allocation', () => {
    expect(closing(record(), AT.end, undefined, 'event').events).toEqual([])
    expect(closing(record(REACHED), AT.end, undefined, 'event').events).toMatchObject([
      { callType: 'call-attempt', dialMs: 0, talkMs: 0, to: undefined },
    ])
  })

  test.each([
    ['the answer', TALKING, AT.answer],
    ['the ringing', RINGING, AT.ringing],
    ['the start', record(REACHED), AT.start],
  ])('never lies before %s, though clocks are set back', (_, call, earliest) => {
    const { save, events } = closing(call, T0 - 3_600_000, undefined, 'event')
    expect(save?.endedAt).toBe(earliest)
    expect(events).toMatchObject([{ at: earliest, talkMs: 0 }])
  })

  test('a call that has ended or never was stays as it is', () => {
    const ended: CallRecord = { ...TALKING, state: 'ended', endedAt: AT.end, callType: 'completed' }
    expect(closing(ended, AT.end + 1, undefined, 'event')).toEqual({ result: undefined })
    expect(closing(undefined, AT.end, undefined, 'event')).toEqual({ result: undefined })
  })
})

describe('the record of a call', () => {
  let ctx: TestContext
  let account: Account
  let allocation: Allocation

  beforeEach(async () => {
    ctx = testContext()
    account = await testAccount(ctx)
    allocation = await createAllocation(ctx, account, wantedAllocation())
    const { id, vn, channelId, from } = record()
    await openCall(ctx, { id, vn, channelId, from, accountId: account.id, startedAt: ctx.now() })
  })

  const found = () => ctx.store.changeCall('call', (call) => ({ result: call }))
  const reached = () => ({ ...allocation, party: 'a' as const })

  test('is written before each step that it names', async () => {
    const startedAt = ctx.now()
    expect(await ctx.store.openCalls()).toMatchObject([{ id: 'call', state: 'ivr', startedAt }])
    await callReached(ctx, 'call', reached())
    const { id: allocationId, transactionId } = allocation
    expect(await found()).toMatchObject({ state: 'ivr', allocationId, transactionId, party: 'a' })
    ctx.clock.ms += 1_000
    await callRinging(ctx, 'call', reached(), B)
    expect(await found()).toMatchObject({ state: 'ringing', to: B, ringingAt: startedAt + 1_000 })
    ctx.clock.ms += 1_000
    await callAnswered(ctx, 'call', '+919956555626', 'out')
    expect(await found()).toMatchObject({
      ...{ state: 'talking', to: '+919956555626', toChannelId: 'out', answeredAt: startedAt + 2_000 },
    })
    ctx.clock.ms += 1_000
    await endCall(ctx, 'call')
    expect(await found()).toMatchObject({ state: 'ended', endedAt: startedAt + 3_000, callType: 'completed' })
    expect(await ctx.store.openCalls()).toEqual([])
  })

  test('is closed once, with one event, however many say so at once', async () => {
    await callRinging(ctx, 'call', reached(), B)
    const unanswered = { to: B, status: 'busy' } as const
    await Promise.all([endCall(ctx, 'call', { unanswered }), endCall(ctx, 'call'), endCall(ctx, 'call')])
    await endCall(ctx, 'call', { endedAt: 0 })
    expect(await found()).toMatchObject({ callType: 'incomplete', dialStatus: 'busy' })
    expect(await eventsOf(ctx)).toHaveLength(1)
  })

  test('is changed by nothing after that', async () => {
    await endCall(ctx, 'call')
    const closed = await found()
    await callReached(ctx, 'call', reached())
    await callRinging(ctx, 'call', reached(), B)
    await callAnswered(ctx, 'call', B, 'out')
    expect(await found()).toEqual(closed)
  })

  test('ends where it is said to have ended', async () => {
    await callRinging(ctx, 'call', reached(), B)
    await callAnswered(ctx, 'call', B, 'out')
    ctx.clock.ms += 3_600_000
    const endedAt = ctx.now() - 3_590_000
    await endCall(ctx, 'call', { endedAt })
    expect(await eventsOf(ctx)).toMatchObject([{ at: endedAt, talkMs: 10_000 }])
  })

  test('of a call that nobody opened there is nothing to change', async () => {
    await callRinging(ctx, 'other', reached(), B)
    await endCall(ctx, 'other')
    expect(await eventsOf(ctx)).toEqual([])
  })
})
