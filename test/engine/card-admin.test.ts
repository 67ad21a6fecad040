import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { topUp, updateCard } from '../../src/engine/card-admin.ts'
import type { Card } from '../../src/engine/cards.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { closeHold, holdAnswered, openHold } from '../../src/engine/holds.ts'
import { MOST_MICROS } from '../../src/engine/money.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import { BERLIN, cardAccount, code, givenCard, LONDON, moneyOf, UNIT } from './cards-given.ts'

let ctx: TestContext
let account: Account
let card: Card
beforeEach(async () => {
  ctx = testContext()
  account = await cardAccount(ctx)
  card = await givenCard(ctx, account, UNIT, { cli: BERLIN, name: 'Ann' })
})
const stored = ({ id }: Card) => ctx.store.findCard({ accountId: account.id, id })

describe('a change', () => {
  test('changes what is named, keeps the rest, and finds the card by whatever it has', async () => {
    const keys = [{ id: card.id }, { number: card.number }, { cli: BERLIN }, { pin: card.pin }]
    for (const [n, which] of keys.entries()) {
      const changed = await updateCard(ctx, account, which, { name: `Ann ${n}`, sold: n % 2 === 0 })
      expect(changed).toEqual({ ...card, name: `Ann ${n}`, sold: n % 2 === 0 })
      expect(await stored(card)).toEqual(changed)
    }
  })

  test('takes away what may be missing', async () => {
    expect(await updateCard(ctx, account, card, { cli: undefined })).toMatchObject({ cli: undefined })
    expect(await ctx.store.findCard({ accountId: account.id, cli: BERLIN })).toBeUndefined()
  })

  test('gives another number, PIN and CLI, of the lengths of the group', async () => {
    const wanted = { number: '9999999999', pin: '135791357', cli: LONDON }
    expect(await updateCard(ctx, account, card, wanted)).toEqual({ ...card, ...wanted })
    for (const wrong of [
      { number: '123' },
      { number: '99999999x9' },
      { number: '' },
      { pin: '1357' },
      { pin: 'abcdefghi' },
      { pin: '' },
    ])
      expect([wrong, await code(updateCard(ctx, account, card, wrong))]).toEqual([wrong, 'invalid'])
    expect(await stored(card)).toMatchObject(wanted)
  })

  test('keeps number, PIN and CLI one card’s own', async () => {
    const other = await givenCard(ctx, account, 0, { cli: LONDON })
    for (const taken of [{ number: other.number }, { pin: other.pin }, { cli: LONDON }])
      expect([taken, await code(updateCard(ctx, account, card, { ...taken, name: 'x' }))]).toEqual([
        taken,
        'duplicate_card',
      ])
    expect(await stored(card)).toEqual(card)
    // Its own are no other card's.
    const own = { number: card.number, pin: card.pin, cli: BERLIN }
    expect(await updateCard(ctx, account, card, own)).toEqual(card)
    const theirs = await testAccount(ctx, { sid: 'other', vns: [] })
    expect(await code(updateCard(ctx, theirs, { id: card.id }, { name: 'x' }))).toBe('not_found')
    expect(await code(updateCard(ctx, theirs, { id: card.id }, { pin: '135791357' }))).toBe('not_found')
    expect(await stored(card)).toEqual(card)
  })

  test('of two that want one CLI at once, one gets it', async () => {
    const other = await givenCard(ctx, account, 0)
    const results = await Promise.all(
      [card, other].map((one) => code(updateCard(ctx, account, { id: one.id }, { cli: LONDON }))),
    )
    expect(results.sort()).toEqual(['duplicate_card', 'no refusal'])
  })

  test('to another balance is one line of the ledger, up or down', async () => {
    expect(await updateCard(ctx, account, card, { balanceMicros: 300_000, name: 'x' })).toMatchObject({
      balanceMicros: 300_000,
      name: 'x',
    })
    expect(await updateCard(ctx, account, card, { balanceMicros: 300_000 })).toMatchObject({
      balanceMicros: 300_000,
    })
    expect(await updateCard(ctx, account, card, { balanceMicros: 0 })).toMatchObject({ balanceMicros: 0 })
    await updateCard(ctx, account, card, { balanceMicros: MOST_MICROS })
    expect(await moneyOf(ctx, card)).toEqual({
      ...{ balance: MOST_MICROS, held: 0 },
      lines: [
        ['opening', UNIT],
        ['correction', -700_000],
        ['correction', -300_000],
        ['correction', MOST_MICROS],
      ],
    })
  })

  test('leaves what is held for a call, and is part of it or nothing', async () => {
    const hold = await openHold(ctx, {
      account,
      cardId: card.id,
      callId: 'c',
      kind: 'card',
      from: undefined,
      to: BERLIN,
    })
    if (hold instanceof Refusal) throw hold
    expect(hold.heldMicros).toBe(UNIT)
    expect(await code(updateCard(ctx, account, card, { balanceMicros: UNIT - 1, name: 'x' }))).toBe('invalid')
    expect(await stored(card)).toMatchObject({ name: 'Ann', balanceMicros: UNIT, heldMicros: UNIT })
    await updateCard(ctx, account, card, { balanceMicros: UNIT + 5 })
    await holdAnswered(ctx, hold.id)
    await closeHold(ctx, hold.id, ctx.now() + 1_000_000)
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: 5, held: 0 })
  })

  test.each([-1, 0.5, NaN, Infinity, MOST_MICROS + 1])(
    'to a balance of %d is refused',
    async (balanceMicros) => {
      expect(await code(updateCard(ctx, account, card, { balanceMicros }))).toBe('invalid')
      expect(await code(updateCard(ctx, account, card, { minimalBalanceMicros: balanceMicros }))).toBe(
        'invalid',
      )
      expect(await stored(card)).toEqual(card)
    },
  )

  test('of a card that is not there is not found', async () => {
    for (const which of [{ id: 999 }, { number: '1' }, { cli: LONDON }, { pin: '0' }])
      for (const fields of [{ name: 'x' }, { pin: '135791357' }])
        expect(await code(updateCard(ctx, account, which, fields))).toBe('not_found')
  })
})

describe('a top-up', () => {
  test('is a line of the ledger, and the answer tells the new balance', async () => {
    expect(await topUp(ctx, account, { number: card.number }, 5, { note: 'cash' })).toEqual({
      ...card,
      balanceMicros: UNIT + 5,
    })
    await topUp(ctx, account, card, 7, { kind: 'correction' })
    expect(await moneyOf(ctx, card)).toMatchObject({
      balance: UNIT + 12,
      lines: [
        ['opening', UNIT],
        ['top_up', 5],
        ['correction', 7],
      ],
    })
    const [, line] = await ctx.store.ledger(card.id, undefined, 2)
    expect(line).toMatchObject({ note: 'cash', at: ctx.now(), balanceMicros: UNIT + 5, reference: undefined })
  })

  test('counts whatever else happens at once', async () => {
    const many = Array.from({ length: 100 }, (_, n) => topUp(ctx, account, card, n + 1))
    await Promise.all(many)
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: UNIT + 5_050 })
  })

  test('is above zero, whole, and leaves a balance that a card can have', async () => {
    for (const micros of [0, -5, 0.5, NaN, Infinity, MOST_MICROS + 1, MOST_MICROS])
      expect([micros, await code(topUp(ctx, account, card, micros))]).toEqual([micros, 'invalid'])
    await topUp(ctx, account, card, MOST_MICROS - UNIT)
    expect(await code(topUp(ctx, account, card, 1))).toBe('invalid')
    expect(await moneyOf(ctx, card)).toMatchObject({ balance: MOST_MICROS })
  })

  test('of a blocked card is kept for it; of one that is not there, or another’s, not found', async () => {
    await updateCard(ctx, account, card, { blocked: true })
    expect(await topUp(ctx, account, card, 5)).toMatchObject({ blocked: true, balanceMicros: UNIT + 5 })
    expect(await code(topUp(ctx, account, { id: 999 }, 5))).toBe('not_found')
    const theirs = await testAccount(ctx, { sid: 'other', vns: [] })
    expect(await code(topUp(ctx, theirs, { id: card.id }, 5))).toBe('not_found')
  })
})
