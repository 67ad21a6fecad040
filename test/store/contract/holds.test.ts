import { expect, test } from '@jest/globals'
import type { HoldSeen } from '../../../src/engine/paid-call-store.ts'
import type { Card } from '../../../src/engine/cards.ts'
import type { Hold } from '../../../src/engine/holds.ts'
import { addCard, addCards, addHold, addTariff, endHold, find, groupOf, holdOf, movement, newCard, rate } from './card-given.ts' // prettier-ignore
import { account, ALL, contract, failing, T0 } from './given.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NONE = { open: 0, callsHour: 0, callsDay: 0, microsHour: 0, microsDay: 0 }

contract('a hold', (it) => {
  const ask = (card: Pick<Card, 'id' | 'accountId'>, digits = '49', now = T0, alsoDigits?: string) =>
    it.store.openHold<HoldSeen>(
      { accountId: card.accountId, cardId: card.id, digits, alsoDigits, now },
      (seen) => ({
        result: seen,
      }),
    )
  const useTariff = (tariffId: number) =>
    it.store.changeAccount('acme', (found) => {
      const { settings } = found!
      return {
        save: { ...found!, settings: { ...settings, cards: { ...settings.cards, tariffId } } },
        result: 0,
      }
    })

  test('is decided with the card, its group and the rates of its tariff', async () => {
    const [mine, general] = [
      await addTariff(it.store, [rate('4'), rate('49')], 'mine'),
      await addTariff(it.store, [rate('41')], 'general'),
    ]
    const group = await it.store.addCardGroup(groupOf({ tariffId: mine.id }))
    const plain = await it.store.addCardGroup(groupOf({ name: 'plain' }))
    const usage = { card: NONE, account: NONE }
    const [card] = await addCards(it.store, newCard({ groupId: group.id }))
    const [other] = await addCards(it.store, newCard({ groupId: plain.id }))
    expect(await ask(card!, '4912')).toEqual({ card, group, rate: rate('49'), alsoRate: undefined, usage })
    expect(await ask(card!, '1', T0, '4112')).toEqual({
      card,
      group,
      rate: undefined,
      alsoRate: rate('4'),
      usage,
    })
    expect((await ask(other!, '4112')).rate).toBeUndefined()
    await useTariff(general.id)
    expect(await ask(other!, '4112', T0, '41')).toEqual({
      card: other,
      group: plain,
      rate: rate('41'),
      alsoRate: rate('41'),
      usage,
    })
    expect((await ask(card!, '4112')).rate).toEqual(rate('4'))
    // Neither another account's card nor its tariff.
    await it.store.addAccount(account('other', ALL), [])
    const nothing = { card: undefined, group: undefined, rate: undefined, alsoRate: undefined, usage }
    expect(await ask({ id: card!.id, accountId: 'other' })).toEqual(nothing)
    expect(await ask({ id: 99, accountId: 'acme' })).toEqual(nothing)
    const theirs = await addTariff(it.store, [rate('41')], 'theirs', 'other')
    await useTariff(theirs.id)
    expect((await ask(other!, '4112')).rate).toBeUndefined()
  })

  test('comes back as it was, and holds the money until it is over', async () => {
    const card = await addCard(it.store)
    const held = async () => {
      const { balanceMicros, heldMicros } = await find(it.store, card)
      return [balanceMicros, heldMicros]
    }
    const plain = await addHold(it.store, holdOf(card, { from: undefined, kind: 'line' }))
    const paid = await addHold(it.store, holdOf(card, { openedAt: T0 - 1, heldMicros: 2_000_000, rate: rate('1', { name: '"ü"' }) })) // prettier-ignore
    expect(await it.store.findHold(plain.id)).toEqual(plain)
    expect(await it.store.findHold('none')).toBeUndefined()
    expect(await it.store.openHolds()).toEqual([paid, plain])
    expect(await held()).toEqual([5_000_000, 3_000_000])
    const seen = await it.store.changeHold(paid.id, (found) => ({ result: found }))
    expect(seen).toMatchObject({
      hold: paid,
      card: { id: card.id, heldMicros: 3_000_000 },
      group: { name: 'gold' },
    })
    const answered: Hold = { ...paid, answeredAt: T0 }
    const used = { ...(await find(it.store, card)), firstUsedAt: T0 }
    await it.store.changeHold(paid.id, () => ({ save: answered, saveCard: used, result: 0 }))
    expect(await it.store.openHolds()).toEqual([answered, plain])
    expect(await find(it.store, card)).toEqual(used)
    const over = await endHold(it.store, answered, T0 + 2, 1_500_000)
    expect(await it.store.findHold(paid.id)).toEqual(over)
    expect(await held()).toEqual([3_500_000, 1_000_000])
    await endHold(it.store, plain, T0 + 3)
    expect(await it.store.openHolds()).toEqual([])
    expect(await held()).toEqual([3_500_000, 0])
    const given = { ...over, chargedMicros: 0 }
    const back = movement(1_500_000, { kind: 'refund', reference: paid.id })
    await it.store.changeHold(paid.id, () => ({ save: given, move: back, result: 0 }))
    expect(await it.store.findHold(paid.id)).toEqual(given)
    expect(await held()).toEqual([5_000_000, 0])
    expect(await it.store.changeHold('none', (found) => ({ result: found }))).toBeUndefined()
  })

  test('of two numbers keeps the rate and the answer of the first, which it can be charged for alone', async () => {
    const card = await addCard(it.store)
    const alsoRate = rate('44', { name: '"ü"' })
    const hold = await addHold(it.store, holdOf(card, { kind: 'callback', alsoRate, longestSeconds: 5 }))
    expect(await it.store.findHold(hold.id)).toEqual({ ...hold, alsoRate, alsoAnsweredAt: undefined })
    const answered: Hold = { ...hold, alsoAnsweredAt: T0 + 1 }
    await it.store.changeHold(hold.id, () => ({ save: answered, result: 0 }))
    expect(await it.store.openHolds()).toEqual([answered])
    // It may have waited longer than the two might have talked.
    const over: Hold = { ...answered, state: 'settled', endedAt: T0 + 9, billedSeconds: 6, chargedMicros: 9 }
    const move = movement(-9, { kind: 'charge', reference: hold.id })
    await it.store.changeHold(hold.id, () => ({ save: over, move, result: 0 }))
    expect(await it.store.findHold(hold.id)).toEqual(over)
    expect(await find(it.store, card)).toMatchObject({ balanceMicros: 4_999_991, heldMicros: 0 })
  })

  test.each<[string, Partial<Hold>, Partial<Hold>]>([
    ['settled though nobody has answered', {}, { state: 'settled', endedAt: T0 }],
    ['answered by the first of one number', {}, { alsoAnsweredAt: T0 }],
    ['a longer talk than it pays for', { alsoRate: rate('44'), longestSeconds: 5 }, { state: 'settled', answeredAt: T0, endedAt: T0, billedSeconds: 6 }], // prettier-ignore
  ])('is never: %s', async (_, made, change) => {
    const hold = await addHold(it.store, holdOf(await addCard(it.store), made))
    const save: Hold = { ...hold, ...change }
    await expect(it.store.changeHold(hold.id, () => ({ save, result: 0 }))).rejects.toThrow(/CHECK/)
  })

  test('takes all that is there, and not more', async () => {
    const card = await addCard(it.store)
    const all = await addHold(it.store, holdOf(card, { heldMicros: 5_000_000 }))
    await expect(addHold(it.store, holdOf(card, { heldMicros: 1 }))).rejects.toThrow(/CHECK/)
    const taken = it.store.changeCard({ accountId: 'acme', id: card.id }, () => ({
      move: movement(-1, { kind: 'correction' }),
      result: 0,
    }))
    await expect(taken).rejects.toThrow(/CHECK/)
    await endHold(it.store, all, T0 + 1, 5_000_000)
    expect(await find(it.store, card)).toMatchObject({ balanceMicros: 0, heldMicros: 0 })
    await addHold(it.store, holdOf(card, { heldMicros: 0 }))
  })

  test('is open first and resolved once, for no more than was held', async () => {
    const card = await addCard(it.store)
    await expect(addHold(it.store, holdOf(card, { state: 'void', endedAt: T0 }))).rejects.toThrow(
      /open first/,
    )
    const hold = await addHold(it.store, holdOf(card))
    await expect(endHold(it.store, hold, T0, 1_000_001)).rejects.toThrow(/CHECK/)
    const over = await endHold(it.store, hold, T0, 400_000)
    for (const state of ['open', 'void'] as const) {
      const save: Hold = { ...over, state, endedAt: state === 'open' ? undefined : T0, chargedMicros: 0 }
      const again = it.store.changeHold(hold.id, () => ({ save, result: 0 }))
      await expect(again).rejects.toThrow(/resolved once/)
    }
    const more = it.store.changeHold(hold.id, () => ({
      save: { ...over, chargedMicros: 400_001 },
      result: 0,
    }))
    await expect(more).rejects.toThrow(/resolved once/)
    expect([await it.store.findHold(hold.id), (await find(it.store, card)).balanceMicros]).toEqual([over, 4_600_000]) // prettier-ignore
  })

  test('keeps what belongs together, or nothing of it', async () => {
    const card = await addCard(it.store)
    const hold = await addHold(it.store, holdOf(card))
    await expect(it.store.changeHold(hold.id, failing('bug'))).rejects.toThrow('bug')
    const query = { accountId: 'acme', cardId: card.id, digits: '1', now: T0 }
    await expect(it.store.openHold(query, failing('bug'))).rejects.toThrow('bug')
    const save: Hold = { ...hold, state: 'void', endedAt: T0 }
    const move = movement(-5_000_001, { kind: 'correction' })
    const saveCard = { ...card, name: 'new' }
    const bad = it.store.changeHold(hold.id, () => ({ save, saveCard, move, result: 0 }))
    await expect(bad).rejects.toThrow(/CHECK/)
    expect(await it.store.findHold(hold.id)).toEqual(hold)
    expect(await find(it.store, card)).toEqual({ ...card, heldMicros: 1_000_000 })
  })

  test('counts whole for the day, and an hour of it for the hour', async () => {
    const card = await addCard(it.store, { openingMicros: 900_000_000 })
    const seen = async () => (await ask(card)).usage
    await addHold(it.store, holdOf(card, { heldMicros: 3_600_000, longestSeconds: 3_600 }))
    const short = { open: 1, callsHour: 1, callsDay: 1, microsHour: 3_600_000, microsDay: 3_600_000 }
    expect(await seen()).toEqual({ card: short, account: short })
    // Rounded up: what is counted is never less than what may be charged.
    await addHold(it.store, holdOf(card, { heldMicros: 10_800_001, longestSeconds: 10_800 }))
    const both = { open: 2, callsHour: 2, callsDay: 2, microsHour: 7_200_001, microsDay: 14_400_001 }
    expect(await seen()).toEqual({ card: both, account: both })
  })

  test('is decided with what the card and its account have called within the hour and the day', async () => {
    const card = await addCard(it.store, { openingMicros: 900_000_000 })
    const other = await addCard(it.store)
    // Micro-units of each its own power of ten: each sum says of which calls it is.
    const calls: [Card, openedAt: number, endedAt: number | undefined, micros: number | undefined][] = [
      [card, T0 - 2 * DAY, T0 - 2 * DAY + 1, 1],
      [card, T0 - DAY - 6 * 60_000, T0 - DAY - 6 * 60_000, 10],
      [card, T0 - DAY - 6 * 60_000, T0 - DAY + 1, 100],
      [card, T0 - 2 * HOUR, T0 - 2 * HOUR + 1, 1_000],
      [card, T0 - 2 * HOUR, T0 - HOUR + 1, 10_000],
      [card, T0 - HOUR + 1, T0, 100_000],
      [card, T0 - 1, T0, undefined],
      [other, T0 - 1, T0, 1_000_000],
      [card, T0 - 3 * DAY, undefined, 10_000_000],
      [card, T0, undefined, 100_000_000],
    ]
    const holds: Hold[] = []
    for (const [of, openedAt, endedAt, micros] of calls) {
      const hold = await addHold(it.store, holdOf(of, { openedAt, heldMicros: micros ?? 7 }))
      holds.push(endedAt === undefined ? hold : await endHold(it.store, hold, endedAt, micros))
    }
    const mine = { open: 2, callsHour: 3, callsDay: 5, microsHour: 110_110_000, microsDay: 110_111_100 }
    const all = { ...mine, callsHour: 4, callsDay: 6, microsHour: 111_110_000, microsDay: 111_111_100 }
    expect((await ask(card)).usage).toEqual({ card: mine, account: all })
    // What was given back does not count any more.
    await it.store.changeHold(holds[5]!.id, () => ({
      save: { ...holds[5]!, chargedMicros: 0 },
      move: movement(100_000, { kind: 'refund', reference: holds[5]!.id }),
      result: 0,
    }))
    const less = ({ microsHour, microsDay, ...rest }: typeof mine) =>
      ({ ...rest, microsHour: microsHour - 100_000, microsDay: microsDay - 100_000 }) // prettier-ignore
    expect((await ask(card)).usage).toEqual({ card: less(mine), account: less(all) })
    await it.store.addAccount(account('other', ALL), [])
    expect((await ask({ id: 0, accountId: 'other' })).usage).toEqual({ card: NONE, account: NONE })
  })

  test('of an account counts at least an hour and a day, and five minutes more at most', async () => {
    const card = await addCard(it.store, { openingMicros: 900_000_000 })
    const moments = Array.from({ length: 40 }, (_, n) => T0 + n * 61_234)
    for (const at of moments)
      await endHold(it.store, await addHold(it.store, holdOf(card, { openedAt: at, heldMicros: 1 })), at, 1)
    for (const window of [HOUR, DAY])
      for (const at of moments) {
        const now = at + window
        const { callsHour, callsDay, microsHour, microsDay } = (await ask(card, '', now)).usage.account
        const [calls, micros] = window === HOUR ? [callsHour, microsHour] : [callsDay, microsDay]
        const within = (ms: number) => moments.filter((moment) => moment > now - ms).length
        expect([calls, micros]).toEqual([calls, calls])
        expect(calls).toBeGreaterThanOrEqual(within(window))
        expect(calls).toBeLessThanOrEqual(within(window + 300_000))
      }
  })
})
