import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { beginCallback } from '../../src/engine/callback-states.ts'
import { askForCallback, stopCallback, type WantedCallback } from '../../src/engine/callbacks.ts'
import { updateCard } from '../../src/engine/card-admin.ts'
import type { Callback } from '../../src/engine/paid-call-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { openHold } from '../../src/engine/holds.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import {
  BERLIN,
  cardAccount,
  changed,
  code,
  givenCard,
  LONDON,
  moneyOf,
  tariff,
  UNIT,
} from './cards-given.ts'

let ctx: TestContext
let account: Account
let card: Card
beforeEach(async () => {
  ctx = testContext()
  account = await cardAccount(ctx, { rates: [{}, { prefix: '44' }] })
  card = await givenCard(ctx, account, UNIT)
})

const ask = (wanted: Partial<WantedCallback> = {}, of = account) =>
  askForCallback(ctx, of, { cardId: card.id, a: '030 23125 000', b: '0044 20 7946 0000', ...wanted })
async function asked(): Promise<Callback> {
  const callback = await ask()
  if (callback instanceof Refusal) throw callback
  return callback
}
const open = () => ctx.store.openCallbacks()

test('a callback waits to be placed, with both numbers in E.164; nothing is held for it yet', async () => {
  const callback = await asked()
  expect(callback).toEqual({
    ...{ id: callback.id, accountId: account.id, cardId: card.id, a: BERLIN, b: LONDON, state: 'waiting' },
    ...{ outcome: undefined, callId: undefined, createdAt: ctx.now(), endedAt: undefined },
  })
  expect(await ctx.store.findCallback(account.id, callback.id)).toEqual(callback)
  expect(await open()).toEqual([callback])
  expect(await moneyOf(ctx, card)).toMatchObject({ held: 0 })
})

describe('there is none', () => {
  test.each<[string, Partial<WantedCallback>, string]>([
    ['between a number and itself', { a: '0302434299', b: '0302434299' }, 'same_number_in_both_parties'],
    [
      'between two ways to write a number',
      { a: '030 23125 000', b: '+49 (0)30 23125000' },
      'same_number_in_both_parties',
    ],
    ['to what is no number', { b: 'abc' }, 'invalid_number'],
    ['from what is no number', { a: 'abc' }, 'invalid_number'],
    ['to a number that is not allowed', { b: '+33142685300' }, 'not_allowed_destination'],
    ['from a number that is not allowed', { a: '+33142685300' }, 'not_allowed_destination'],
    ['to a satellite', { b: '00882131234567' }, 'not_allowed_destination'],
    ['from a premium number', { a: '0900 1 234567' }, 'not_allowed_destination'],
    ['to the police', { b: '110' }, 'not_allowed_destination'],
    ['of a card that is not there', { cardId: 999 }, 'card_not_usable'],
  ])('%s', async (_, wanted, word) => {
    expect(await code(ask(wanted))).toBe(word)
    expect(await open()).toEqual([])
  })

  test('of a card that cannot be used, or of another account', async () => {
    const theirs = await testAccount(ctx, { sid: 'other', vns: [], settings: account.settings })
    expect(await code(ask({}, theirs))).toBe('card_not_usable')
    await updateCard(ctx, account, card, { blocked: true })
    expect(await code(ask())).toBe('card_not_usable')
  })

  test('where either number has no rate', async () => {
    await tariff(ctx, account, [{}])
    expect(await code(ask())).toBe('no_rate')
    expect(await code(ask({ a: LONDON, b: BERLIN }))).toBe('no_rate')
  })

  test('when the money does not pay for both', async () => {
    // A second of both, and the first while the second rings.
    account = await changed(ctx, account, { ringMs: 20_000 })
    await updateCard(ctx, account, card, { balanceMicros: 21_999 })
    expect(await code(ask())).toBe('no_money')
    await updateCard(ctx, account, card, { balanceMicros: 22_000 })
    expect(await code(ask())).toBe('no refusal')
  })

  test('while the card calls', async () => {
    await updateCard(ctx, account, card, { balanceMicros: 100 * UNIT })
    const call = { account, cardId: card.id, callId: 'c', kind: 'card', from: undefined, to: BERLIN } as const
    expect(await code(openHold(ctx, call))).toBe('no refusal')
    expect(await code(ask())).toBe('too_many_calls')
  })
})

describe('stopping', () => {
  test('ends one that waits: it will never ring anybody', async () => {
    const callback = await asked()
    ctx.clock.ms += 1_000
    const stopped = { ...callback, state: 'ended', outcome: 'stopped', endedAt: ctx.now() }
    expect(await stopCallback(ctx, account, callback.id)).toEqual(stopped)
    ctx.clock.ms += 1_000
    expect(await stopCallback(ctx, account, callback.id)).toEqual(stopped)
    expect(await beginCallback(ctx, callback.id)).toBeUndefined()
    expect(await open()).toEqual([])
  })

  test('of one that was begun is said once, and leaves the rest to whoever places it', async () => {
    const { id } = await asked()
    const callback = (await beginCallback(ctx, id))!
    const stopped = { ...callback, outcome: 'stopped' }
    expect(await stopCallback(ctx, account, callback.id)).toEqual(stopped)
    expect(await stopCallback(ctx, account, callback.id)).toEqual(stopped)
    expect(await open()).toEqual([stopped])
  })

  test('does nothing to one that has ended', async () => {
    const callback = await asked()
    const ended: Callback = { ...callback, state: 'ended', outcome: 'b_busy', endedAt: ctx.now() }
    await ctx.store.changeCallback(callback.id, () => ({ save: ended, result: undefined }))
    expect(await stopCallback(ctx, account, callback.id)).toEqual(ended)
    expect(await ctx.store.findCallback(account.id, callback.id)).toEqual(ended)
  })

  test('finds none of another account, or that was never asked for', async () => {
    const callback = await asked()
    const theirs = await testAccount(ctx, { sid: 'other', vns: [] })
    expect(await stopCallback(ctx, theirs, callback.id)).toBeUndefined()
    expect(await stopCallback(ctx, account, 'none')).toBeUndefined()
    expect(await open()).toEqual([callback])
  })
})
