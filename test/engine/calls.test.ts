import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import type { Allocation } from '../../src/engine/allocations.ts'
import {
  callAnswered,
  callNotRecorded,
  callReached,
  callRinging,
  endCall,
  openCall,
  removeDueRecordings,
  type CallRecord,
  type Unanswered,
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

let ctx: TestContext
let account: Account
let allocation: Allocation
let startedAt: number

beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
  allocation = await createAllocation(ctx, account, wantedAllocation())
  startedAt = ctx.now()
  const accountId = account.id
  await openCall(ctx, { id: 'call', vn: VN1, channelId: 'in', from: A, accountId, startedAt })
})

const found = () => ctx.store.changeCall('call', (call) => ({ result: call }))
const later = (ms: number) => (ctx.clock.ms += ms)

/** How far a call comes before it ends; each step takes ten seconds. */
const STEPS = {
  async reached() {
    later(10_000)
    await callReached(ctx, 'call', { ...allocation, party: 'a' })
  },
  async ringing() {
    later(10_000)
    await callRinging(ctx, 'call', B, { ...allocation, party: 'a' })
  },
  async answered() {
    later(10_000)
    await callAnswered(ctx, 'call', { number: '+919956555626', channelId: 'out' })
  },
}

async function go(...steps: (keyof typeof STEPS)[]): Promise<void> {
  for (const step of steps) await STEPS[step]()
  later(10_000)
}

describe('how a call ended', () => {
  const busy: Unanswered = { to: '+911', status: 'busy' }
  const silent: Unanswered = { to: '+912', status: 'no-answer' }
  const failed: Unanswered = { to: '+913', status: 'failed' }

  test.each([
    ['before any allocation was reached', [], undefined, 'call-attempt', undefined],
    ['before anybody was rung', ['reached'], undefined, 'call-attempt', undefined],
    ['by the caller, while it rang', ['ringing'], undefined, 'client-hangup', 'canceled'],
    ['busy', ['ringing'], busy, 'incomplete', 'busy'],
    ['without an answer', ['ringing'], silent, 'incomplete', 'no-answer'],
    ['unreachable', ['reached', 'ringing'], failed, 'incomplete', 'failed'],
    ['after a talk', ['ringing', 'answered'], undefined, 'completed', 'completed'],
    [
      'after a talk, whatever is heard of another number',
      ['ringing', 'answered'],
      busy,
      'completed',
      'completed',
    ],
  ] as const)('%s', async (_, steps, unanswered, callType, dialStatus) => {
    await go(...steps)
    await endCall(ctx, 'call', { unanswered })
    const record = await found()
    expect(record).toMatchObject({ state: 'ended', callType, endedAt: ctx.now() })
    expect(record?.dialStatus).toBe(dialStatus)
    expect(await ctx.store.openCalls()).toEqual([])
    // What reached no allocation is nobody's business.
    expect(await eventsOf(ctx)).toHaveLength(steps.length > 0 ? 1 : 0)
  })

  test('by us, while it rang: it failed, and the caller gave nothing up', async () => {
    await go('ringing')
    await endCall(ctx, 'call', { by: 'us' })
    expect(await eventsOf(ctx)).toMatchObject([{ callType: 'incomplete', dialStatus: 'failed', to: B }])
  })

  test('is told with how long it rang and how long the two talked', async () => {
    await go('ringing', 'answered')
    await endCall(ctx, 'call')
    const { id: allocationId, transactionId } = allocation
    expect(await eventsOf(ctx)).toEqual([
      {
        ...{ type: 'call.completed', id: expect.any(String), accountId: account.id, at: startedAt + 30_000 },
        ...{ callId: 'call', allocationId, transactionId, vn: VN1, from: A, to: '+919956555626' },
        ...{ callType: 'completed', dialStatus: 'completed', startedAt, dialMs: 20_000, talkMs: 10_000 },
        recordedUntil: undefined,
      },
    ])
  })

  test('names the number that was rung last', async () => {
    await go('ringing')
    await endCall(ctx, 'call', { unanswered: busy })
    expect(await found()).toMatchObject({ to: '+911' })
    expect(await eventsOf(ctx)).toMatchObject([{ to: '+911', dialMs: 10_000, talkMs: 0 }])
  })

  test.each([
    ['the answer', ['ringing', 'answered'], 20_000],
    ['the ringing', ['ringing'], 10_000],
    ['the start', ['reached'], 0],
  ] as const)('never lies before %s, though clocks are set back', async (_, steps, earliest) => {
    await go(...steps)
    later(-3_600_000)
    await endCall(ctx, 'call')
    expect(await found()).toMatchObject({ endedAt: startedAt + earliest })
    expect(await eventsOf(ctx)).toMatchObject([
      { at: startedAt + earliest, talkMs: 0, dialMs: expect.any(Number) },
    ])
  })

  test('is where it is said to be: recovery knows when somebody was last alive', async () => {
    await go('ringing', 'answered')
    later(3_600_000)
    const endedAt = startedAt + 25_000
    await endCall(ctx, 'call', { endedAt })
    expect(await eventsOf(ctx)).toMatchObject([{ at: endedAt, dialMs: 15_000, talkMs: 5_000 }])
  })
})

describe('the record of a call', () => {
  test('is written before each step that it names', async () => {
    expect(await ctx.store.openCalls()).toMatchObject([{ id: 'call', state: 'ivr', startedAt }])
    await STEPS.reached()
    const { id: allocationId, transactionId } = allocation
    expect(await found()).toMatchObject({ state: 'ivr', allocationId, transactionId, party: 'a' })
    await STEPS.ringing()
    expect(await found()).toMatchObject({ state: 'ringing', to: B, ringingAt: startedAt + 20_000 })
    await STEPS.answered()
    expect(await found()).toMatchObject({
      ...{ state: 'talking', to: '+919956555626', toChannelId: 'out', answeredAt: startedAt + 30_000 },
    })
  })

  test('is closed once, with one event, however many say so at once', async () => {
    await go('ringing')
    const unanswered: Unanswered = { to: B, status: 'busy' }
    await Promise.all([endCall(ctx, 'call', { unanswered }), endCall(ctx, 'call'), endCall(ctx, 'call')])
    await endCall(ctx, 'call', { endedAt: 0 })
    expect(await found()).toMatchObject({ callType: 'incomplete', dialStatus: 'busy', endedAt: ctx.now() })
    expect(await eventsOf(ctx)).toHaveLength(1)
  })

  test('is changed by nothing after that', async () => {
    await endCall(ctx, 'call')
    const closed: CallRecord | undefined = await found()
    await go('reached', 'ringing', 'answered')
    expect(await found()).toEqual(closed)
  })

  test('goes on to its allocation after that has ended', async () => {
    await go('ringing', 'answered')
    const ended = { ...allocation, state: 'vault', endedAt: ctx.now() } as const
    await ctx.store.changeAllocation(account.id, allocation.id, () => ({ save: ended, result: undefined }))
    await endCall(ctx, 'call')
    expect(await eventsOf(ctx)).toMatchObject([{ transactionId: allocation.transactionId }])
  })

  test('of a call that nobody opened there is nothing to change', async () => {
    await callRinging(ctx, 'other', B, { ...allocation, party: 'a' })
    await endCall(ctx, 'other')
    expect(await eventsOf(ctx)).toEqual([])
  })
})

describe('the recording of a talk', () => {
  const DAY_MS = 86_400_000
  /** Answered at `startedAt` + 10 s; the recording is to be kept for a day after the talk. */
  const keptUntil = (talkMs = 0) => startedAt + 10_000 + talkMs + DAY_MS
  const ids = (n: number) => Array.from({ length: n }, (_, i) => `call ${String(i).padStart(3, '0')}`)
  let removed: string[]
  const remove = (callId: string) => {
    removed.push(callId)
    return Promise.resolve()
  }
  beforeEach(() => {
    removed = []
  })

  async function recorded(id = 'call', keepMs: number | undefined = DAY_MS) {
    if (id !== 'call')
      await openCall(ctx, { id, vn: VN1, channelId: id, from: A, accountId: account.id, startedAt })
    await callRinging(ctx, id, B, { ...allocation, party: 'a' })
    ctx.clock.ms = startedAt + 10_000
    await callAnswered(ctx, id, { number: B, channelId: `${id} out` }, keepMs)
  }

  test('is kept from the end on, however long that took, and the event says so', async () => {
    await recorded()
    expect(await found()).toMatchObject({ recordedUntil: keptUntil() })
    later(60_000)
    await endCall(ctx, 'call')
    expect(await found()).toMatchObject({ recordedUntil: keptUntil(60_000) })
    expect(await eventsOf(ctx)).toMatchObject([{ recordedUntil: keptUntil(60_000), talkMs: 60_000 }])
    later(1_000)
    await endCall(ctx, 'call')
    expect(await found()).toMatchObject({ recordedUntil: keptUntil(60_000) })
  })

  test.each([
    ['where recovery says that it was', 25_000, 15_000],
    ['at the answer, when the clock was set back', -3_600_000, 0],
  ])('is kept from the end on, and that is %s', async (_, endMs, talkMs) => {
    await recorded()
    later(7_200_000)
    await endCall(ctx, 'call', { endedAt: startedAt + endMs })
    expect(await found()).toMatchObject({ recordedUntil: keptUntil(talkMs) })
    expect(await eventsOf(ctx)).toMatchObject([{ recordedUntil: keptUntil(talkMs), talkMs }])
  })

  test('that could not be made is none, in the record and in the event', async () => {
    await recorded()
    await callNotRecorded(ctx, 'call')
    expect((await found())?.recordedUntil).toBeUndefined()
    await endCall(ctx, 'call')
    const told = (await eventsOf(ctx)).map((event) => event.type === 'call.completed' && event.recordedUntil)
    expect(told).toEqual([undefined])
    ctx.clock.ms = keptUntil()
    expect(await removeDueRecordings(ctx, remove)).toEqual({ more: false })
    expect(removed).toEqual([])
  })

  test('is removed when its time has come, not before, and once', async () => {
    await recorded()
    await endCall(ctx, 'call')
    ctx.clock.ms = keptUntil() - 1
    await removeDueRecordings(ctx, remove)
    expect(removed).toEqual([])
    later(1)
    await removeDueRecordings(ctx, remove)
    await removeDueRecordings(ctx, remove)
    expect(removed).toEqual(['call'])
    expect(await found()).toMatchObject({ state: 'ended', recordedUntil: undefined })
    expect(await eventsOf(ctx)).toMatchObject([{ type: 'call.completed' }])
  })

  test('of a talk that still goes on is not touched, however short it was to be kept', async () => {
    await recorded('call', 1_000)
    later(3_600_000)
    await removeDueRecordings(ctx, remove)
    expect(removed).toEqual([])
    await endCall(ctx, 'call')
    later(999)
    await removeDueRecordings(ctx, remove)
    expect(removed).toEqual([])
    later(1)
    await removeDueRecordings(ctx, remove)
    expect(removed).toEqual(['call'])
  })

  test('that cannot be removed stays on the list until it can', async () => {
    await recorded()
    await endCall(ctx, 'call')
    ctx.clock.ms = keptUntil()
    const full = new Error('EROFS')
    await expect(removeDueRecordings(ctx, () => Promise.reject(full))).rejects.toBe(full)
    expect(await found()).toMatchObject({ recordedUntil: keptUntil() })
    await removeDueRecordings(ctx, remove)
    expect(removed).toEqual(['call'])
  })

  test('that cannot be removed does not keep the others from it', async () => {
    for (const id of ids(3)) {
      await recorded(id)
      await endCall(ctx, id)
    }
    ctx.clock.ms = keptUntil()
    const stuck = new Error('EPERM')
    const [first] = ids(3)
    const removal = removeDueRecordings(ctx, (id) => (id === first ? Promise.reject(stuck) : remove(id)))
    await expect(removal).rejects.toBe(stuck)
    expect(removed.sort()).toEqual(ids(3).slice(1))
    expect(await ctx.store.dueRecordings(ctx.now(), 10)).toEqual([first])
  })

  test('is one of many: a sweep removes a bounded number and asks for another', async () => {
    for (const id of ids(130)) {
      await recorded(id)
      await endCall(ctx, id)
    }
    ctx.clock.ms = keptUntil()
    expect(await removeDueRecordings(ctx, remove)).toEqual({ more: true })
    expect(removed).toHaveLength(100)
    expect(await removeDueRecordings(ctx, remove)).toEqual({ more: false })
    expect(removed.sort()).toEqual(ids(130))
  })
})
