import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Hangup } from '../../src/calls/call.ts'
import { callback as callbackFlow } from '../../src/calls/flows/callback.ts'
import { voipLine } from '../../src/calls/flows/voip-line.ts'
import type { Account } from '../../src/engine/accounts.ts'
import { beginCallback } from '../../src/engine/callback-states.ts'
import type { Callback, CallbackOutcome } from '../../src/engine/paid-call-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import { type Hold, openHold } from '../../src/engine/holds.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { fakeCall, type FakeCall, type Script } from '../support/fake-call.ts'
import {
  addCallback,
  cardAccount,
  GERMANY as A,
  GERMANY_TOO as B,
  PER_SECOND_MICROS,
} from '../support/paid.ts'

/** Pays for twenty seconds to one number. To two of them, of which the second may ring for ten seconds, it pays for five. */
const START_MICROS = 20 * PER_SECOND_MICROS
const RING_MS = 10_000
const CALLER_ID = '+4930555001'

let ctx: TestContext
let account: Account
let card: Card

beforeEach(async () => {
  ctx = testContext()
  ;({ account, card } = await cardAccount(ctx, {
    balanceMicros: START_MICROS,
    cards: { warnMs: 3_000 },
    settings: { ringMs: RING_MS },
  }))
})
afterEach(async () => {
  expect(await ctx.store.openHolds()).toEqual([])
  expect(await ctx.store.openCalls()).toEqual([])
  expect(await ctx.store.audit(10)).toEqual([])
  await ctx.store.close()
})

/** What the card has been charged for, in seconds to one number. */
async function secondsPaid(): Promise<number> {
  const { balanceMicros } = (await ctx.store.findCard({ accountId: account.id, id: card.id }))!
  return (START_MICROS - balanceMicros) / PER_SECOND_MICROS
}

/** Runs a script to its end; who leaves is a normal one. */
async function run(call: FakeCall, script: () => Promise<void>): Promise<FakeCall> {
  await script().catch((error: unknown) => {
    if (!(error instanceof Hangup)) throw error
  })
  return call
}

describe('a callback whose A has answered', () => {
  async function play(script: Omit<Script, 'from'>): Promise<{ call: FakeCall; row: Callback }> {
    const { id } = await addCallback(ctx, card)
    const callback = (await beginCallback(ctx, id))!
    const { id: cardId } = card
    const wanted = { account, cardId, callId: id, kind: 'callback' as const, from: A, to: B, alsoPays: A }
    const hold = (await openHold(ctx, wanted)) as Hold
    const call = fakeCall(id, ctx.clock, { from: A, ...script })
    await run(call, () => callbackFlow(call, ctx, account, { callback, hold, callerId: CALLER_ID }))
    expect(call.waits).toEqual([{ holdId: hold.id, longestMs: RING_MS + 15_000 }])
    return { call, row: (await ctx.store.findCallback(account.id, id))! }
  }

  test('rings B, who sees what A saw, and lasts as long as the money for both', async () => {
    const { call, row } = await play({ talkMs: 4_200 })
    expect(call.rung).toMatchObject([
      { numbers: [B], callerId: CALLER_ID, ringMs: RING_MS, maxTalkMs: 5_000 },
    ])
    expect(call.limits).toMatchObject([{ longestMs: 5_000, warnMs: 3_000 }])
    expect([call.verbs, row.outcome]).toEqual([['wait', 'ring', 'talk'], 'completed'])
    // A alone while B rang.
    expect(await secondsPaid()).toBe(6 + 2 * 5)
  })

  test('hears that the time is over when the money is', async () => {
    const { call, row } = await play({ talkMs: 60_000 })
    expect([call.said, row.outcome]).toEqual([['time-over'], 'completed'])
    // What is said then is no part of it.
    expect(call.settled).toMatchObject([{ endedAt: ctx.now() - 2_000 }])
    expect(await secondsPaid()).toBe(6 + 2 * 5)
  })

  test.each<[Exclude<Script['ring'], unknown[] | object | undefined>, CallbackOutcome, string]>([
    ['busy', 'b_busy', 'party-busy'],
    ['no-answer', 'b_no_answer', 'party-no-answer'],
    ['failed', 'b_failed', 'party-unreachable'],
  ])('hears why B does not answer: %s', async (ring, outcome, said) => {
    const { call, row } = await play({ ring })
    // Alone, and what was said with it.
    expect([call.said, row.outcome, await secondsPaid()]).toEqual([[said], outcome, 6 + 2])
  })

  test.each<[number, string, CallbackOutcome, number]>([
    [0, 'Asterisk is asked to limit the wait', 'failed', 1],
    [1, 'B rings', 'b_no_answer', 3],
    [2, 'they talk', 'completed', 6 + 2 * 3],
  ])('leaves at verb %s, while %s', async (leavesAt, _when, outcome, seconds) => {
    const { row } = await play({ leavesAt, talkMs: 5_800 })
    expect([row.state, row.outcome, await secondsPaid()]).toEqual(['ended', outcome, seconds])
  })
})

describe('a call from a line', () => {
  async function play(script: Omit<Script, 'from'>, dialled = B): Promise<FakeCall> {
    const call = fakeCall(ctx.newId(), ctx.clock, { from: CALLER_ID, ...script })
    return run(call, () => voipLine(call, ctx, account, { cardId: card.id, dialled, callerId: CALLER_ID }))
  }

  test('is answered when the called has answered', async () => {
    const call = await play({ talkMs: 4_200 }, '030901821')
    expect(call.rung).toMatchObject([{ numbers: [B], callerId: CALLER_ID, maxTalkMs: 20_000 }])
    expect(call.verbs).toEqual(['ring', 'answer', 'talk'])
    expect(await secondsPaid()).toBe(5)
  })

  test('hears that the time is over when the money is', async () => {
    const call = await play({ talkMs: 60_000 })
    expect(call.said).toEqual(['time-over'])
    expect(await secondsPaid()).toBe(20)
  })

  test.each([
    ['a number that is denied', '+442079460000'],
    ['what is no number', '*100'],
    ['the emergency service', '112'],
  ])('to %s rings nobody', async (_what, dialled) => {
    const call = await play({}, dialled)
    expect([call.verbs, await secondsPaid()]).toEqual([[], 0])
  })

  test.each([
    [0, 'it rings', 0],
    [1, 'it is being answered', 1],
    [2, 'they talk', 3],
    [3, 'it hears that the time is over', 20],
  ])('that leaves at verb %s, while %s, is charged for what was talked', async (leavesAt, _when, seconds) => {
    await play({ leavesAt, talkMs: leavesAt === 3 ? 60_000 : 5_800 })
    expect(await secondsPaid()).toBe(seconds)
  })
})
