import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  beginCallback,
  CALLBACK_PATIENCE_MS,
  callbackReached,
  callerIdOf,
  endCallback,
} from '../../src/engine/callback-states.ts'
import type { Account } from '../../src/engine/accounts.ts'
import type { Callback } from '../../src/engine/paid-call-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { addCallback, cardAccount } from '../support/paid.ts'

let ctx: TestContext
let account: Account
let card: Card

beforeEach(async () => {
  ctx = testContext()
  ;({ account, card } = await cardAccount(ctx))
})
afterEach(() => ctx.store.close())

const rowOf = ({ id }: Callback) => ctx.store.findCallback(account.id, id)
const stopped = { outcome: 'stopped' } as const

test('is begun once, however many see it wait', async () => {
  const callback = await addCallback(ctx, card)
  const all = await Promise.all([1, 2, 3].map(() => beginCallback(ctx, callback.id)))
  expect(all.filter(Boolean)).toEqual([{ ...callback, state: 'ringing_a', callId: callback.id }])
  await callbackReached(ctx, callback.id, 'ringing_b')
  expect(await beginCallback(ctx, callback.id)).toBeUndefined()
  expect(await rowOf(callback)).toMatchObject({ state: 'ringing_b' })
})

test.each([
  ['stopped', stopped, 0, 'stopped'],
  ['forgotten', {}, CALLBACK_PATIENCE_MS + 1, 'failed'],
  ['stopped and forgotten', stopped, CALLBACK_PATIENCE_MS + 1, 'stopped'],
])('one that was %s before it was begun ends instead', async (_what, change, laterMs, outcome) => {
  const callback = await addCallback(ctx, card, change)
  ctx.clock.ms += laterMs
  expect(await beginCallback(ctx, callback.id)).toBeUndefined()
  expect(await rowOf(callback)).toMatchObject({ state: 'ended', outcome, endedAt: ctx.now() })
})

test('takes no further step once it was stopped or has ended, nor when there is none', async () => {
  const callback = await addCallback(ctx, card, { state: 'ringing_b', ...stopped })
  expect(await callbackReached(ctx, callback.id, 'talking')).toBe(false)
  expect(await rowOf(callback)).toEqual(callback)
  const over = await addCallback(ctx, card, { state: 'ended', outcome: 'a_busy', endedAt: ctx.now() })
  expect(await callbackReached(ctx, over.id, 'talking')).toBe(false)
  expect(await rowOf(over)).toEqual(over)
  expect(await callbackReached(ctx, ctx.newId(), 'talking')).toBe(false)
  expect(await beginCallback(ctx, ctx.newId())).toBeUndefined()
})

test('ends once: what was said first holds', async () => {
  const callback = await addCallback(ctx, card, { state: 'talking' })
  await endCallback(ctx, callback.id, 'completed')
  const endedAt = ctx.now()
  ctx.clock.ms += 60_000
  await endCallback(ctx, callback.id, 'failed')
  expect(await rowOf(callback)).toMatchObject({ state: 'ended', outcome: 'completed', endedAt })
  await endCallback(ctx, ctx.newId(), 'failed')
})

test('never ends before it was asked for, though the clock is set back', async () => {
  const callback = await addCallback(ctx, card)
  ctx.clock.ms -= 60_000
  await endCallback(ctx, callback.id, 'failed')
  expect(await rowOf(callback)).toMatchObject({ endedAt: callback.createdAt })
})

test('the called see what the account has chosen, else its first number, else nothing', async () => {
  const [first] = await ctx.store.numbers(account.id)
  expect(await callerIdOf(ctx, account)).toBe(first!.number)
  const cards = { ...account.settings.cards, callerId: '+4930555001' }
  expect(await callerIdOf(ctx, { ...account, settings: { ...account.settings, cards } })).toBe('+4930555001')
  const { account: bare } = await cardAccount(ctx, { sid: 'without-numbers' })
  expect(await callerIdOf(ctx, bare)).toBeUndefined()
})

test('an account is found by its id', async () => {
  expect(await ctx.store.findAccount(account.id)).toEqual(account)
  expect(await ctx.store.findAccount(ctx.newId())).toBeUndefined()
})
