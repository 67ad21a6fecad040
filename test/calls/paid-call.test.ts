import { beforeEach, describe, expect, test } from '@jest/globals'
import { Hangup } from '../../src/calls/call.ts'
import { paidCall, resumePaidTalk, type WantedPaidCall } from '../../src/calls/flows/paid-call.ts'
import type { Account } from '../../src/engine/accounts.ts'
import { openCall } from '../../src/engine/calls.ts'
import { updateCard } from '../../src/engine/card-admin.ts'
import type { Card } from '../../src/engine/cards.ts'
import type { Context } from '../../src/engine/context.ts'
import { type Hold, holdAnswered, openHold } from '../../src/engine/holds.ts'
import { STRANGER, testContext, VN1, type TestContext } from '../support/context.ts'
import { fakeCall, type FakeCall, type Script } from '../support/fake-call.ts'
import { cardAccount, GERMANY, PER_SECOND_MICROS } from '../support/paid.ts'

let ctx: TestContext
let account: Account
let card: Card
let call: FakeCall
/** What is asked of the call and of the store, in order. */
let steps: string[]

beforeEach(async () => {
  ctx = testContext()
  const made = await cardAccount(ctx, { balanceMicros: 100 * PER_SECOND_MICROS })
  account = made.account
  card = made.card
  steps = []
})

async function ready(script: Partial<Script> = {}): Promise<void> {
  call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, talkMs: 10_000, ...script })
  const { id, channelId, from } = call
  await openCall(ctx, { id, channelId, from, accountId: account.id, vn: VN1, startedAt: ctx.now() })
  for (const verb of ['ring', 'talk'] as const) {
    const real = call[verb].bind(call) as (...all: unknown[]) => Promise<never>
    call[verb] = async (...all: unknown[]) => {
      steps.push(verb)
      return real(...all)
    }
  }
}

/** The same store, where each method says when it has finished what it was asked for, or fails. */
function watched(failing?: string): Context {
  const names: Record<string, string> = {
    openHold: 'held',
    changeHold: 'hold changed',
    changeCall: 'call changed',
  }
  const store = new Proxy(ctx.store, {
    get(target, name: string) {
      const real = Reflect.get(target, name) as (...all: unknown[]) => Promise<unknown>
      if (!(name in names)) return real.bind(target)
      return async (...all: unknown[]) => {
        if (name === failing) throw new Error(`${name} fails`)
        const result = await real.apply(target, all)
        steps.push(names[name]!)
        return result
      }
    },
  })
  return { ...ctx, now: () => ctx.now(), store }
}

const pay = (at: Context = watched(), more: Partial<WantedPaidCall> = {}) =>
  paidCall(call, at, account, { cardId: card.id, kind: 'card', to: GERMANY, callerId: undefined, ...more })

async function books() {
  const open = await ctx.store.openHolds()
  const filter = { accountId: account.id, from: 0, to: ctx.clock.ms + 1 }
  const holds = await ctx.store.holdsMatching(filter, undefined, 10)
  const { balanceMicros, heldMicros } = (await ctx.store.findCard({ accountId: account.id, id: card.id }))!
  return { open, holds, balanceMicros, heldMicros }
}

describe('one thing after another', () => {
  test('the money is set aside, then the number rings; the answer is written, then the two are joined; it ends, then is charged', async () => {
    await ready()
    const end = await pay(watched(), {
      beforeRinging: () => Promise.resolve(void steps.push('before ringing')),
      onAnswer: () => Promise.resolve(void steps.push('on answer')),
    })
    expect(end).toBe('talked')
    expect(steps).toEqual([
      ...['held', 'before ringing', 'call changed', 'ring'],
      ...['hold changed', 'call changed', 'on answer', 'talk', 'hold changed'],
    ])
    expect(await books()).toMatchObject({
      ...{ open: [], balanceMicros: 90 * PER_SECOND_MICROS, heldMicros: 0 },
      holds: [{ billedSeconds: 10, from: STRANGER, callId: call.id }],
    })
  })

  test('what is set aside is held while it rings, and the talk is limited to what it pays for', async () => {
    await ready()
    let held = 0
    await pay(watched(), {
      async beforeRinging({ heldMicros, longestSeconds }) {
        held = (await books()).heldMicros
        expect({ heldMicros, longestSeconds }).toEqual({ heldMicros: held, longestSeconds: 100 })
      },
    })
    expect(held).toBe(100 * PER_SECOND_MICROS)
    expect(call.rung).toMatchObject([{ callerId: undefined, maxTalkMs: 100_000 }])
    expect(call.limits).toMatchObject([{ longestMs: 100_000 }])
  })

  test('the limit is reached: that is told, and all that was held is charged', async () => {
    await ready({ talkMs: 500_000 })
    expect(await pay()).toBe('cut')
    expect(await books()).toMatchObject({ open: [], balanceMicros: 0, heldMicros: 0 })
  })
})

describe('nobody is rung', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['card_not_usable', () => updateCard(ctx, account, { id: card.id }, { blocked: true })],
    [
      'no_money',
      () => updateCard(ctx, account, { id: card.id }, { minimalBalanceMicros: 100 * PER_SECOND_MICROS }),
    ],
    [
      'too_many_calls',
      () =>
        openHold(ctx, { account, cardId: card.id, callId: 'x', kind: 'line', from: undefined, to: GERMANY }),
    ],
  ])('%s', async (code, before) => {
    await ready()
    await before()
    expect(await pay(ctx, { beforeRinging: () => Promise.reject(new Error('too far')) })).toBe(code)
    expect(call.rung).toEqual([])
  })

  test('no_rate', async () => {
    await ready()
    expect(await pay(ctx, { to: '+12025550123' })).toBe('no_rate')
    expect(call.rung).toEqual([])
  })

  test.each(['openHold', 'changeCall'])('where the store fails in %s', async (method) => {
    await ready()
    await expect(pay(watched(method))).rejects.toThrow(`${method} fails`)
    expect(call.rung).toEqual([])
    expect(await books()).toMatchObject({ open: [], holds: [], heldMicros: 0 })
  })

  test('where the caller leaves before', async () => {
    await ready()
    await expect(pay(ctx, { beforeRinging: () => Promise.reject(new Hangup()) })).rejects.toThrow(Hangup)
    expect(call.rung).toEqual([])
    expect(await books()).toMatchObject({ open: [], holds: [], heldMicros: 0 })
  })
})

describe('nobody is joined', () => {
  test.each(['busy', 'no-answer', 'failed'] as const)('%s: nothing is charged', async (ring) => {
    await ready({ ring })
    expect(await pay()).toBe(ring)
    expect(steps).not.toContain('talk')
    expect(await books()).toMatchObject({ open: [], holds: [], balanceMicros: 100_000, heldMicros: 0 })
  })

  test('where the answer cannot be written down; it is left to whoever can close it', async () => {
    await ready()
    await expect(pay(watched('changeHold'))).rejects.toThrow('changeHold fails')
    expect(steps).not.toContain('talk')
    expect(call.settled).toHaveLength(1)
    const { open } = await books()
    expect(open).toMatchObject([{ state: 'open', answeredAt: undefined }])
  })

  test('where what follows the answer fails: the called party has answered, and that is charged', async () => {
    await ready()
    const onAnswer = () => Promise.reject(new Error('no'))
    await expect(pay(ctx, { onAnswer })).rejects.toThrow('no')
    expect(call.talkedWith).toEqual([])
    expect(await books()).toMatchObject({ open: [], holds: [{ billedSeconds: 1 }], heldMicros: 0 })
  })
})

test('the charge fails the first time: it is an error, with the right instant for those who try again', async () => {
  await ready()
  const at = watched()
  const real = call.settle.bind(call)
  let again: (() => Promise<void>) | undefined
  call.settle = (holdId, endedAt, close) => {
    again = () => real(holdId, endedAt, close)
    return Promise.reject(new Error('full'))
  }
  await expect(pay(at)).rejects.toThrow('full')
  const endedAt = ctx.clock.ms
  ctx.clock.ms += 60_000
  await again!()
  expect(call.settled).toMatchObject([{ endedAt }])
  expect(await books()).toMatchObject({ open: [], holds: [{ endedAt, billedSeconds: 10 }] })
})

describe('a talk that an earlier process connected', () => {
  async function left(talkedMs: number): Promise<Hold> {
    const wanted = {
      account,
      cardId: card.id,
      callId: call.id,
      kind: 'card' as const,
      from: undefined,
      to: GERMANY,
    }
    const hold = (await openHold(ctx, wanted)) as Hold
    await holdAnswered(ctx, hold.id)
    ctx.clock.ms += talkedMs
    return (await ctx.store.findHold(hold.id))!
  }
  const answered = { number: GERMANY, channelId: 'leg' }

  test.each([
    [30_000, 70_000],
    [100_000, 0],
    [130_000, 0],
    [-5_000, 100_000],
  ])('after %d ms of a hundred seconds it may last %d ms more', async (talkedMs, leftMs) => {
    await ready({ talkMs: 1_000_000 })
    const hold = await left(talkedMs)
    const end = await resumePaidTalk(call, ctx, { account, hold, answered })
    expect(call.limits).toMatchObject([{ holdId: hold.id, longestMs: leftMs }])
    expect(end.by).toBe('limit')
    const { open, balanceMicros } = await books()
    expect({ open, cost: 100_000 - balanceMicros }).toEqual({
      open: [],
      cost: talkedMs < 0 ? 95_000 : 100_000,
    })
  })

  test('is charged as a whole when the caller leaves', async () => {
    await ready({ talkMs: 20_000, leavesAt: 0 })
    const hold = await left(30_000)
    await expect(resumePaidTalk(call, ctx, { account, hold, answered })).rejects.toThrow(Hangup)
    expect(await books()).toMatchObject({ open: [], holds: [{ billedSeconds: 40, endedAt: call.goneAt }] })
  })
})
