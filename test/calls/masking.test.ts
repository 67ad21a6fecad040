import { beforeEach, describe, expect, test } from '@jest/globals'
import { Hangup } from '../../src/calls/call.ts'
import { resumeTalk } from '../../src/calls/flows/connect.ts'
import { masking } from '../../src/calls/flows/masking.ts'
import type { Account, AccountSettings } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import type { WantedAllocation } from '../../src/engine/plan.ts'
import { endAllocation, type Allocation } from '../../src/engine/allocations.ts'
import type { CallRecord } from '../../src/engine/calls.ts'
import type { Event } from '../../src/engine/events.ts'
import {
  A,
  B,
  VN1,
  VN2,
  VN3,
  STRANGER,
  eventsOf,
  testAccount,
  testContext,
  wantedAllocation,
  type TestContext,
} from '../support/context.ts'
import { fakeCall, type FakeCall, type Script } from '../support/fake-call.ts'

const PIN_A = '713'
const PIN_B = '884'
const PAN = '4111111111111111'

let ctx: TestContext
let account: Account

async function open(settings: Partial<AccountSettings> = {}): Promise<void> {
  ctx = testContext()
  account = await testAccount(ctx, { settings })
}

beforeEach(() => open())

const allocate = (change?: Partial<WantedAllocation>) =>
  createAllocation(ctx, account, wantedAllocation(change))

type Visit = { call: FakeCall; record: CallRecord; events: Event[]; error: unknown }

/** One visit of a scripted caller, from the first ring to the record of it. */
async function visit(script: Script, vn = VN1): Promise<Visit> {
  const known = new Set((await eventsOf(ctx)).map(({ id }) => id))
  const call = fakeCall(ctx.newId(), ctx.clock, script)
  const error: unknown = await masking(
    call,
    ctx,
    { number: vn, accountId: account.id, flow: 'masking' },
    account,
  ).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const record = await recordOf(call.id)
  const events = (await eventsOf(ctx)).filter(({ id }) => !known.has(id))
  return { call, record, events, error }
}

async function recordOf(id: string): Promise<CallRecord> {
  const record = await ctx.store.changeCall(id, (found) => ({ result: found }))
  if (!record) throw new Error('there is no record')
  return record
}

const types = (events: Event[]) => events.map(({ type }) => type)

describe('who gets through', () => {
  test('the right PIN: the other party is rung, sees a virtual number, and the two talk', async () => {
    const { id, transactionId } = await allocate()
    const startedAt = ctx.clock.ms
    const { call, record, events, error } = await visit({ from: STRANGER, keys: [PIN_A] })
    expect(error).toBeUndefined()
    expect(call.verbs).toEqual(['answer', 'ask enter-pin', 'ring', 'talk'])
    expect(call.rung).toEqual([
      { numbers: [B], callerId: VN2, strategy: 'in_turn', ringMs: 30_000, maxTalkMs: 10_800_000 },
    ])
    expect(call.talkedWith).toEqual([{ number: B, channelId: `leg-${call.id}` }])
    expect(record).toMatchObject({
      ...{ vn: VN1, from: STRANGER, channelId: call.channelId, state: 'ended', party: 'a', startedAt },
      ...{ allocationId: id, transactionId, to: B, toChannelId: `leg-${call.id}` },
      ...{ ringingAt: startedAt + 4_100, answeredAt: startedAt + 10_100, endedAt: startedAt + 70_100 },
      ...{ callType: 'completed', dialStatus: 'completed' },
    })
    expect(types(events)).toEqual(['caller.verified', 'call.completed'])
    expect(events[0]).toMatchObject({ caller: STRANGER, party: 'a', pin: PIN_A, vn: VN1, callId: call.id })
    expect(events[1]).toMatchObject({ from: STRANGER, to: B, dialMs: 66_000, talkMs: 60_000, startedAt })
  })

  test('verified once, a caller is asked again only where the account wants the PIN from everybody', async () => {
    await allocate()
    await visit({ from: STRANGER, keys: [PIN_A] })
    const again = await visit({ from: STRANGER, keys: [PIN_A] })
    expect(again.call.verbs).toEqual(['answer', 'ask enter-pin', 'ring', 'talk'])
    expect(types(again.events)).toEqual(['call.completed'])

    await open({ pinEnabled: { a: false, b: false } })
    await allocate()
    await visit({ from: STRANGER, keys: [PIN_A] })
    const once = await visit({ from: STRANGER })
    expect(once.call.verbs).toEqual(['answer', 'ring', 'talk'])
    expect(types(once.events)).toEqual(['call.completed'])
  })

  test('a registered caller whose PIN is not wanted is connected at once', async () => {
    await allocate()
    const { call, events } = await visit({ from: B }, VN2)
    expect(call.verbs).toEqual(['answer', 'ring', 'talk'])
    expect(call.rung[0]).toMatchObject({ numbers: [A], callerId: VN1 })
    expect(types(events)).toEqual(['call.completed'])
    expect(events[0]).toMatchObject({ from: B, to: A, vn: VN2 })
  })

  test('a registered caller whose PIN is wanted keys it; that is no news', async () => {
    await allocate()
    const { call, events } = await visit({ from: A, keys: [PIN_A] })
    expect(call.verbs).toEqual(['answer', 'ask enter-pin', 'ring', 'talk'])
    expect(types(events)).toEqual(['call.completed'])
  })

  test('a registered caller who fails the PIN has still made a call to that allocation', async () => {
    const { id } = await allocate()
    const { record, events } = await visit({ from: A, keys: ['1', '2', '3'] })
    expect(record).toMatchObject({ allocationId: id, party: 'a', callType: 'call-attempt' })
    expect(types(events)).toEqual(['caller.refused', 'call.completed'])
    expect(events[1]).toMatchObject({ callType: 'call-attempt', dialMs: 0, talkMs: 0 })
    expect(events[1]).not.toHaveProperty('to')
  })

  test('wrong, then right', async () => {
    await allocate()
    const { call, events } = await visit({ from: STRANGER, keys: ['999', PIN_A] })
    expect(call.said).toEqual(['enter-pin', 'pin-wrong', 'enter-pin'])
    expect(call.talkedWith).toHaveLength(1)
    expect(types(events)).toEqual(['caller.verified', 'call.completed'])
  })

  test('wrong three times: goodbye, and one event with the last of them', async () => {
    await allocate()
    const { call, record, events } = await visit({ from: STRANGER, keys: ['1', '22', '333', PIN_A] })
    expect(call.said).toEqual([
      ...(['enter-pin', 'pin-wrong', 'enter-pin', 'pin-wrong', 'enter-pin', 'pin-wrong', 'goodbye'] as const),
    ])
    expect(call.rung).toEqual([])
    expect(types(events)).toEqual(['caller.refused'])
    expect(events[0]).toMatchObject({ pin: '333', caller: STRANGER, vn: VN1, callId: call.id })
    expect(record).toMatchObject({ state: 'ended', callType: 'call-attempt' })
    expect(record.allocationId).toBeUndefined()
  })

  test('silence is asked about three times and then refused, with nothing keyed', async () => {
    await allocate()
    const { call, events } = await visit({ from: STRANGER })
    expect(call.said.at(-2)).toBe('pin-nothing')
    expect(call.verbs).toHaveLength(6)
    expect(events).toMatchObject([{ type: 'caller.refused', pin: '' }])
  })

  test('the account says how many attempts there are', async () => {
    await open({ pinAttempts: 1 })
    await allocate()
    const { call } = await visit({ from: STRANGER, keys: ['1', PIN_A] })
    expect(call.verbs).toEqual(['answer', 'ask enter-pin', 'play pin-wrong', 'play goodbye'])
  })

  test('in several allocations the number alone says nothing: the PIN does', async () => {
    await allocate({ b: { numbers: [B], vns: [VN2], pin: PIN_B } })
    const wanted = { numbers: ['+919812345670'], vns: [VN3], pin: '555' }
    const second = await allocate({ a: wanted, b: { numbers: [B], vns: [VN2], pin: '666' } })
    const { call, record, events } = await visit({ from: B, keys: ['666'] }, VN2)
    expect(call.verbs).toEqual(['answer', 'ask enter-pin', 'ring', 'talk'])
    expect(call.rung[0]?.numbers).toEqual(wanted.numbers)
    expect(record.allocationId).toBe(second.id)
    expect(types(events)).toEqual(['call.completed'])
  })

  test('a withheld number is asked for the PIN, and its events name no caller', async () => {
    await allocate()
    const { call, record, events } = await visit({ from: undefined, keys: [PIN_A] })
    expect(call.verbs).toEqual(['answer', 'ask enter-pin', 'ring', 'talk'])
    expect(record.from).toBeUndefined()
    expect(types(events)).toEqual(['caller.verified', 'call.completed'])
    expect(events[0]).not.toHaveProperty('caller')
    const again = await visit({ from: undefined, keys: [PIN_A] })
    expect(types(again.events)).toEqual(['caller.verified', 'call.completed'])
  })

  test('oneway: B hears why not, nobody is rung, and it was a call attempt', async () => {
    await allocate({ usage: 'oneway' })
    const { call, events } = await visit({ from: B }, VN2)
    expect(call.verbs).toEqual(['answer', 'play not-allowed'])
    expect(events).toMatchObject([{ type: 'call.completed', callType: 'call-attempt' }])
    const joining = await visit({ from: STRANGER, keys: [PIN_B] }, VN2)
    expect(joining.call.said).toContain('not-allowed')
    expect(types(joining.events)).toEqual(['call.completed'])
    const allowed = await visit({ from: A, keys: [PIN_A] })
    expect(allowed.call.talkedWith).toHaveLength(1)
  })

  test('a party without numbers cannot be rung', async () => {
    await allocate({ a: { numbers: [], vns: [VN1], pin: PIN_A } })
    const { call, record, events } = await visit({ from: B }, VN2)
    expect(call.verbs).toEqual(['answer', 'play party-unreachable'])
    expect(record.ringingAt).toBeUndefined()
    expect(events).toMatchObject([{ type: 'call.completed', callType: 'call-attempt' }])
  })

  test('once the allocation has ended, its PIN and its members are strangers', async () => {
    const { id } = await allocate()
    await allocate({
      transactionId: 'another',
      a: { numbers: [STRANGER], vns: [VN3, VN2], pin: '555' },
      b: { numbers: ['7987686199'], vns: [VN3, VN2] },
    })
    await endAllocation(ctx, account, id)
    const { call, events } = await visit({ from: B, keys: [PIN_B] }, VN2)
    expect(call.rung).toEqual([])
    expect(types(events)).toEqual(['caller.refused'])
  })

  test('a number with no allocation at all says so without answering, and tells nobody', async () => {
    const { id } = await allocate()
    await endAllocation(ctx, account, id)
    const { call, record, events } = await visit({ from: B, keys: [PIN_B] }, VN2)
    expect(call.verbs).toEqual(['play number-not-active'])
    expect(record).toMatchObject({ state: 'ended', callType: 'call-attempt' })
    expect(events).toEqual([])
  })

  test('ended in the middle of a talk, the call is still told as one of that allocation', async () => {
    const { id } = await allocate()
    let ended: Promise<Allocation> | undefined
    const call = fakeCall(ctx.newId(), ctx.clock, { from: B })
    const talk = call.talk.bind(call)
    call.talk = (answered) => {
      ended = endAllocation(ctx, account, id)
      return talk(answered)
    }
    await masking(call, ctx, { number: VN2, accountId: account.id, flow: 'masking' }, account)
    await ended
    expect((await eventsOf(ctx)).find(({ type }) => type === 'call.completed')).toMatchObject({
      allocationId: id,
    })
  })
})

describe('nobody answers', () => {
  test.each([
    ['busy', 'party-busy'],
    ['no-answer', 'party-no-answer'],
    ['failed', 'party-unreachable'],
  ] as const)('%s: the caller hears %s, and the attempt had ended before', async (status, prompt) => {
    await allocate()
    const { call, record, events } = await visit({ from: STRANGER, keys: [PIN_A], ring: status })
    expect(call.verbs.slice(2)).toEqual(['ring', `play ${prompt}`])
    expect(record).toMatchObject({ callType: 'incomplete', dialStatus: status, to: B })
    expect(record.endedAt).toBe(ctx.clock.ms - 2_000)
    expect(types(events)).toEqual(['caller.verified', 'call.completed'])
    expect(events[1]).toMatchObject({ dialMs: 6_000, talkMs: 0, to: B, dialStatus: status })
  })

  test('several numbers: who answered is written down, and all were to be rung as the account wants', async () => {
    await open({ ringStrategy: 'all', ringMs: 12_000 })
    const second = '+919956555626'
    await allocate({ b: { numbers: [B, second], vns: [VN2], pin: PIN_B } })
    const { call, record } = await visit({ from: STRANGER, keys: [PIN_A], ring: { answers: second } })
    expect(call.rung).toMatchObject([{ numbers: [B, second], strategy: 'all', ringMs: 12_000 }])
    expect(record.to).toBe(second)
  })
})

describe('recording', () => {
  const KEEP = 7 * 86_400_000
  const recorded = { recordTalks: true, keepRecordingsMs: KEEP }

  test('only where the account wants it', async () => {
    await allocate()
    const { call, record, events } = await visit({ from: STRANGER, keys: [PIN_A] })
    expect(call.recordings).toEqual([undefined])
    expect(record.recordedUntil).toBeUndefined()
    expect(types(events)).toEqual(['caller.verified', 'call.completed'])
    expect(events[1]).not.toHaveProperty('recordedUntil')
  })

  test.each([false, true])(
    'from the answer on, announced: %s; kept after the talk as long as the account says',
    async (announced) => {
      await open({ ...recorded, announceRecording: announced })
      await allocate()
      const { call, record, events } = await visit({ from: STRANGER, keys: [PIN_A] })
      expect(call.recordings).toMatchObject([{ announced }])
      expect(record.recordedUntil).toBe((record.endedAt ?? NaN) + KEEP)
      expect(events[1]).toMatchObject({ recordedUntil: record.recordedUntil })
    },
  )

  test.each([
    ['the talk goes on', {}],
    ['the caller leaves then', { leavesAt: 3 }],
  ])('Asterisk does not record: %s, and nobody is told of a recording', async (_what, script) => {
    await open(recorded)
    await allocate()
    const { record, events } = await visit({ from: STRANGER, keys: [PIN_A], recordingFails: true, ...script })
    expect(record).toMatchObject({ callType: 'completed', recordedUntil: undefined })
    expect(events[1]).toMatchObject({ callType: 'completed' })
    expect(events[1]).not.toHaveProperty('recordedUntil')
  })

  test.each<[string, Script]>([
    ['a wrong PIN', { from: STRANGER, keys: ['1', '2', '3'] }],
    ['nobody answers', { from: STRANGER, keys: [PIN_A], ring: 'no-answer' }],
    ['the caller leaves while it rings', { from: STRANGER, keys: [PIN_A], leavesAt: 2 }],
  ])('%s: nothing is recorded', async (_what, script) => {
    await open(recorded)
    await allocate()
    const { call, record } = await visit(script)
    expect(call.recordings).toEqual([])
    expect(record.recordedUntil).toBeUndefined()
  })
})

test.each<[string, Script, string, object]>([
  ['the right PIN', { from: STRANGER, keys: [PIN_A] }, VN1, { verdict: 'ok', wrong: 0 }],
  ['wrong, then right', { from: STRANGER, keys: ['999', PIN_A] }, VN1, { verdict: 'ok', wrong: 1 }],
  ['wrong three times', { from: STRANGER, keys: ['1', PAN, '333'] }, VN1, { verdict: 'refused', wrong: 3 }],
  ['wrong, then gone', { from: STRANGER, keys: ['1'], leavesAt: 2 }, VN1, { verdict: 'refused', wrong: 1 }],
  ['silence', { from: STRANGER }, VN1, { verdict: 'refused', wrong: 0 }],
  ['known, and not asked', { from: B }, VN2, {}],
])('what is noted for the log of %s has no PIN', async (_what, script, vn, notes) => {
  await allocate()
  expect((await visit(script, vn)).call.notes).toEqual(notes)
})

test('a payment card number is taken as one wrong input, never looked up, kept or told', async () => {
  await allocate()
  const looked: string[] = []
  const { store } = ctx
  ctx.store = {
    ...store,
    changeByPin: (query, decide) => {
      looked.push(query.pin)
      return store.changeByPin(query, decide)
    },
  }
  const { call, record, events } = await visit({ from: STRANGER, keys: [PAN, PAN, PAN] })
  expect(call.said).toContain('pin-wrong')
  expect(looked).toEqual([])
  expect(events).toMatchObject([{ type: 'caller.refused', pin: '' }])
  expect(JSON.stringify([record, events])).not.toContain('4111')
  const after = await visit({ from: STRANGER, keys: [PAN, PIN_A] })
  expect(looked).toEqual([PIN_A])
  expect(after.call.talkedWith).toHaveLength(1)
})

describe('the caller hangs up', () => {
  const REFUSED = 'caller.refused'
  const VERIFIED = 'caller.verified'
  const COMPLETED = 'call.completed'
  type Story = {
    name: string
    script: Script
    vn?: string
    wanted?: Partial<WantedAllocation>
    /** For a caller who leaves during each verb in turn: the events, and how the record says that it ended. */
    steps: [events: string[], callType: CallRecord['callType'], dialStatus?: CallRecord['dialStatus']][]
  }
  const STORIES: Story[] = [
    {
      name: 'a stranger with the right PIN',
      script: { from: STRANGER, keys: [PIN_A] },
      steps: [
        [[], 'call-attempt'], // answer
        [[], 'call-attempt'], // ask
        [[VERIFIED, COMPLETED], 'client-hangup', 'canceled'], // ring
        [[VERIFIED, COMPLETED], 'completed', 'completed'], // talk
      ],
    },
    {
      name: 'a stranger who is wrong twice and then right',
      script: { from: undefined, keys: ['1', '2', PIN_A] },
      steps: [
        [[], 'call-attempt'],
        [[], 'call-attempt'],
        [[REFUSED], 'call-attempt'],
        [[REFUSED], 'call-attempt'],
        [[VERIFIED, COMPLETED], 'client-hangup', 'canceled'],
        [[VERIFIED, COMPLETED], 'completed', 'completed'],
      ],
    },
    {
      name: 'a stranger who is always wrong',
      script: { from: STRANGER, keys: ['1', '2', '3'] },
      steps: [
        [[], 'call-attempt'],
        [[], 'call-attempt'],
        [[REFUSED], 'call-attempt'],
        [[REFUSED], 'call-attempt'],
        [[REFUSED], 'call-attempt'], // pin-wrong
        [[REFUSED], 'call-attempt'], // goodbye
      ],
    },
    {
      name: 'a stranger who keys nothing',
      script: { from: STRANGER },
      steps: [
        [[], 'call-attempt'],
        [[], 'call-attempt'],
        [[], 'call-attempt'],
        [[], 'call-attempt'],
        [[], 'call-attempt'], // pin-nothing
        [[REFUSED], 'call-attempt'], // goodbye
      ],
    },
    {
      name: 'a registered caller whose PIN is wanted',
      script: { from: A, keys: ['1', PIN_A], ring: 'busy' },
      steps: [
        [[], 'call-attempt'],
        [[COMPLETED], 'call-attempt'],
        [[REFUSED, COMPLETED], 'call-attempt'],
        [[COMPLETED], 'client-hangup', 'canceled'],
        [[COMPLETED], 'incomplete', 'busy'], // party-busy
      ],
    },
    {
      name: 'a registered caller',
      script: { from: B, ring: 'no-answer' },
      vn: VN2,
      steps: [
        [[], 'call-attempt'],
        [[COMPLETED], 'client-hangup', 'canceled'],
        [[COMPLETED], 'incomplete', 'no-answer'],
      ],
    },
    {
      name: 'a B party that may not call',
      script: { from: B },
      vn: VN2,
      wanted: { usage: 'oneway' },
      steps: [
        [[], 'call-attempt'],
        [[COMPLETED], 'call-attempt'],
      ],
    },
    {
      name: 'a party whose other side has no number',
      script: { from: B },
      vn: VN2,
      wanted: { a: { numbers: [], vns: [VN1], pin: PIN_A } },
      steps: [
        [[], 'call-attempt'],
        [[COMPLETED], 'call-attempt'],
      ],
    },
  ]

  test.each(STORIES)('$name, at every step', async ({ script, vn, wanted, steps }) => {
    await allocate(wanted)
    const whole = await visit(script, vn)
    expect(whole.call.verbs).toHaveLength(steps.length)
    for (const [leavesAt, [events, callType, dialStatus]] of steps.entries()) {
      await open()
      await allocate(wanted)
      const left = await visit({ ...script, leavesAt }, vn)
      expect(left.error).toBeInstanceOf(Hangup)
      expect(left.call.verbs).toEqual(whole.call.verbs.slice(0, leavesAt + 1))
      expect(types(left.events).sort()).toEqual([...events].sort())
      expect(left.record).toMatchObject({ state: 'ended', callType })
      expect(left.record.dialStatus).toBe(dialStatus)
      // The instant at which the caller left, not the one at which that was noticed; said before, it stays.
      if (callType !== 'incomplete') expect(left.record.endedAt).toBe(left.call.goneAt)
      expect(await ctx.store.openCalls()).toEqual([])
    }
  })
})

describe('a talk that an earlier process began', () => {
  const answered = { number: B, channelId: 'leg-1' }
  const talking = async (id: string) => {
    const { id: allocationId, transactionId } = await allocate()
    const at = ctx.clock.ms
    await ctx.store.addCall({
      ...{ id, accountId: account.id, vn: VN1, from: A, channelId: `channel-${id}`, state: 'talking' },
      ...{ allocationId, transactionId, party: 'a', to: B, toChannelId: 'leg-1' },
      ...{ startedAt: at, ringingAt: at, answeredAt: at },
      ...{ endedAt: undefined, callType: undefined, dialStatus: undefined, recordedUntil: undefined },
    })
  }

  test('goes on to its end, and is told once', async () => {
    await talking('c1')
    await resumeTalk(fakeCall('c1', ctx.clock, { from: A }), ctx, answered)
    expect(await recordOf('c1')).toMatchObject({ state: 'ended', callType: 'completed' })
    expect(await eventsOf(ctx)).toMatchObject([{ type: 'call.completed', talkMs: 60_000 }])
  })

  test('ends when the caller leaves', async () => {
    await talking('c1')
    const resumed = resumeTalk(fakeCall('c1', ctx.clock, { from: A, leavesAt: 0 }), ctx, answered)
    await expect(resumed).rejects.toThrow(Hangup)
    expect(await eventsOf(ctx)).toMatchObject([{ type: 'call.completed', talkMs: 30_000 }])
  })
})
