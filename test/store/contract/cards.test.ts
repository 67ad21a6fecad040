import { expect, test } from '@jest/globals'
import type { CardsSeen } from '../../../src/engine/card-store.ts'
import type { Card } from '../../../src/engine/cards.ts'
import type { Event } from '../../../src/engine/events.ts'
import { addCard, addCards, find, groupOf, GUESSER, move, movement, newCard, NOBODY } from './card-given.ts'
import { account, ALL, contract, failing, newId, T0 } from './given.ts'

const WHOLE: Partial<Card> = {
  ...{ name: 'Ö & Co', cli: '+4930123456', minimalBalanceMicros: 7, language: 'en', batch: 'x', sold: true },
  ...{ validFrom: T0, validUntil: Infinity, firstUsedAt: T0 + 2, dailyChargePaidTill: T0 + 3 },
  ...{ blocked: true, disabled: true },
}

const sms = (at: number): Event => {
  return { type: 'sms.requested', id: newId('event'), accountId: 'acme', at, to: '+4930', text: 'hello' }
}

contract('cards', (it) => {
  const ask = (query: Partial<Parameters<typeof it.store.addCards>[0]>) =>
    it.store.addCards<CardsSeen>(
      { accountId: 'acme', groupId: 1, numbers: [], pins: [], clis: [], ...query },
      (seen) => ({ result: seen }),
    )

  test('come back as they were, whatever they are asked by', async () => {
    const { id: distributorId } = await it.store.addDistributor({ accountId: 'acme', name: 'kiosk' })
    const plain = await addCard(it.store)
    const whole = await addCard(it.store, { ...WHOLE, distributorId, openingMicros: 0 })
    expect(whole).toMatchObject({ ...WHOLE, distributorId, balanceMicros: 0, heldMicros: 0 })
    expect(plain).toMatchObject({ balanceMicros: 5_000_000, heldMicros: 0, cli: undefined })
    expect(whole.id).toBeGreaterThan(plain.id)
    const accountId = 'acme'
    for (const card of [plain, whole]) {
      for (const key of [{ id: card.id }, { number: card.number }, { pin: card.pin }])
        expect(await it.store.findCard({ accountId, ...key })).toEqual(card)
    }
    expect(await it.store.findCard({ accountId, cli: WHOLE.cli! })).toEqual(whole)
    await it.store.addAccount(account('other', ALL), [])
    for (const key of [{ id: whole.id }, { number: whole.number }, { pin: whole.pin }, { cli: WHOLE.cli! }])
      expect(await it.store.findCard({ accountId: 'other', ...key })).toBeUndefined()
  })

  test('have an opening line when they begin with money, and none when they do not', async () => {
    const [rich, poor] = [await addCard(it.store), await addCard(it.store, { openingMicros: 0 })]
    expect(await it.store.ledger(rich.id, undefined, 9)).toEqual([
      {
        ...{ id: expect.any(Number), cardId: rich.id, at: T0, kind: 'opening', amountMicros: 5_000_000 },
        ...{ balanceMicros: 5_000_000, reference: undefined, note: '' },
      },
    ])
    expect(await it.store.ledger(poor.id, undefined, 9)).toEqual([])
  })

  test('that are to be made are decided with what the account has', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const group = await it.store.addCardGroup(groupOf())
    const theirs = await it.store.addCardGroup(groupOf({ accountId: 'other' }))
    const nothing = { takenNumbers: new Set(), takenPins: new Set(), takenClis: new Set(), smsRequested: 0 }
    expect(await ask({})).toEqual({ ...nothing, group, pinsOfLength: new Map() })
    expect((await ask({ groupId: theirs.id })).group).toBeUndefined()
    expect((await ask({ groupId: 99 })).group).toBeUndefined()
    await addCards(it.store, newCard({ number: '1001', pin: '5001', cli: '+1' }), newCard({ number: '1002', pin: '500100' })) // prettier-ignore
    await addCards(it.store, newCard({ accountId: 'other', groupId: theirs.id, number: '1003', pin: '5003' }))
    const seen = await ask({
      numbers: ['1001', '1003', '9'],
      pins: ['5001', '5003', '500100'],
      clis: ['+1', '+2'],
    })
    expect(seen).toEqual({
      ...{ ...nothing, group, pinsOfLength: new Map([[4, 1], [6, 1]]) }, // prettier-ignore
      ...{
        takenNumbers: new Set(['1001']),
        takenPins: new Set(['5001', '500100']),
        takenClis: new Set(['+1']),
      },
    })
  })

  test('exist once in the account, and none of several is there when one cannot be', async () => {
    const card = await addCard(it.store, { cli: '+1' })
    for (const same of [{ number: card.number }, { pin: card.pin }, { cli: '+1' }]) {
      const twin = newCard(same)
      const other = newCard()
      await expect(addCards(it.store, other, twin)).rejects.toThrow(/UNIQUE/)
      expect(await it.store.findCard({ accountId: 'acme', number: other.number })).toBeUndefined()
    }
    expect(await ask({})).toMatchObject({ pinsOfLength: new Map([[9, 1]]) })
    await it.store.addAccount(account('other', ALL), [])
    const again = await addCard(it.store, {
      accountId: 'other',
      number: card.number,
      pin: card.pin,
      cli: '+1',
    })
    expect(again.id).not.toBe(card.id)
  })

  test('are changed in all but their money, and their money by a line', async () => {
    const card = await addCard(it.store)
    const group = await it.store.addCardGroup(groupOf({ name: 'silver' }))
    const changed: Card = { ...card, ...WHOLE, groupId: group.id, number: '77', pin: '123456' }
    const result = await it.store.changeCard({ accountId: 'acme', pin: card.pin }, (found) => ({
      save: { ...changed, balanceMicros: 1, heldMicros: 1 },
      move: movement(-5, { kind: 'correction', note: 'wrong' }),
      result: found,
    }))
    expect(result).toEqual(card)
    expect(await find(it.store, card)).toEqual({ ...changed, balanceMicros: 4_999_995 })
    expect(await ask({})).toMatchObject({ pinsOfLength: new Map([[9, 0], [6, 1]]) }) // prettier-ignore
    const plain = { ...card, number: '77', pin: '123456' }
    await it.store.changeCard({ accountId: 'acme', id: card.id }, () => ({ save: plain, result: 0 }))
    expect(await find(it.store, card)).toEqual({ ...plain, balanceMicros: 4_999_995 })
  })

  test('are changed with what others have in mind, and not themselves', async () => {
    const [mine, other] = [await addCard(it.store, { cli: '+1' }), await addCard(it.store, { cli: '+2' })]
    const taken = (key: { id: number } | { number: string }, takenBy: Record<string, string>) =>
      it.store.changeCard({ accountId: 'acme', ...key, takenBy }, (_, seen) => ({ result: seen }))
    const none = { number: false, pin: false, cli: false }
    expect(await taken({ id: mine.id }, { number: mine.number, pin: mine.pin, cli: '+1' })).toEqual(none)
    expect(await taken({ id: mine.id }, {})).toEqual(none)
    expect(await taken({ id: mine.id }, { number: other.number })).toEqual({ ...none, number: true })
    expect(await taken({ id: mine.id }, { pin: other.pin })).toEqual({ ...none, pin: true })
    expect(await taken({ id: mine.id }, { cli: '+2' })).toEqual({ ...none, cli: true })
    expect(await taken({ number: 'none' }, { cli: '+1' })).toEqual({ ...none, cli: true })
    await it.store.addAccount(account('other', ALL), [])
    const theirs = await addCard(it.store, { accountId: 'other', cli: '+3' })
    expect(await taken({ id: mine.id }, { number: theirs.number, pin: theirs.pin, cli: '+3' })).toEqual(none)
  })

  test('keep fields, money and events of one change together or not at all', async () => {
    const card = await addCard(it.store)
    const event = sms(T0)
    const key = { accountId: 'acme', id: card.id }
    const save = { ...card, name: 'new' }
    await expect(it.store.changeCard(key, failing('bug'))).rejects.toThrow('bug')
    const tooMuch = movement(-5_000_001, { kind: 'correction' })
    const overdrawn = it.store.changeCard(key, () => ({ save, move: tooMuch, events: [event], result: 0 }))
    await expect(overdrawn).rejects.toThrow(/CHECK/)
    expect(await find(it.store, card)).toEqual(card)
    expect(await it.store.findEvent(event.id)).toBeUndefined()
    await it.store.changeCard(key, () => ({ save, move: movement(1), events: [event], result: 0 }))
    expect(await find(it.store, card)).toEqual({ ...save, balanceMicros: 5_000_001 })
    expect(await it.store.findEvent(event.id)).toMatchObject({ event })
  })

  test('know how many text messages the account has asked for since an instant', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const group = await it.store.addCardGroup(groupOf())
    await it.store.addEvents([sms(T0), sms(T0 + 1), sms(T0 + 2), { ...sms(T0 + 2), accountId: 'other' }])
    const counts = async (smsSince?: number) => [
      (await ask({ groupId: group.id, smsSince })).smsRequested,
      await it.store.changeCard({ accountId: 'acme', number: '', smsSince }, (_, __, n) => ({ result: n })),
    ]
    expect(await counts(T0)).toEqual([3, 3])
    expect(await counts(T0 + 1)).toEqual([2, 2])
    expect(await counts(T0 + 3)).toEqual([0, 0])
    expect(await counts()).toEqual([0, 0])
  })

  test('lose no movement of several at once', async () => {
    const card = await addCard(it.store)
    await Promise.all(Array.from({ length: 50 }, (_, n) => move(it.store, card, n + 1)))
    const { balanceMicros } = await find(it.store, card)
    expect(balanceMicros).toBe(5_000_000 + (50 * 51) / 2)
    const lines = await it.store.ledger(card.id, undefined, 99)
    expect(lines.map((line) => line.balanceMicros)).toEqual([...lines.map((line) => line.balanceMicros)].sort((a, b) => b - a)) // prettier-ignore
    expect(lines).toHaveLength(51)
  })
})

contract('the ledger', (it) => {
  test('is read newest first, from any line, of one card', async () => {
    const [card, other] = [await addCard(it.store), await addCard(it.store)]
    for (let n = 1; n <= 5; n++) {
      await move(it.store, card, n, { at: T0 + n, note: `n ${n}`, kind: 'refund', reference: `h${n}` })
      await move(it.store, other, n)
    }
    const all = await it.store.ledger(card.id, undefined, 99)
    expect(all.map(({ amountMicros }) => amountMicros)).toEqual([5, 4, 3, 2, 1, 5_000_000])
    expect(all[0]).toMatchObject({ at: T0 + 5, note: 'n 5', reference: 'h5', balanceMicros: 5_000_015 })
    expect(await it.store.ledger(card.id, undefined, 2)).toEqual(all.slice(0, 2))
    expect(await it.store.ledger(card.id, all[1]!.id, 3)).toEqual(all.slice(2, 5))
    expect(await it.store.ledger(card.id, all[5]!.id, 3)).toEqual([])
  })

  test('charges a call once, gives it back once, and takes a voucher once', async () => {
    const card = await addCard(it.store)
    for (const kind of ['charge', 'refund', 'voucher'] as const) {
      const amount = kind === 'charge' ? -3 : 3
      await move(it.store, card, amount, { kind, reference: 'x' })
      await expect(move(it.store, card, amount, { kind, reference: 'x' })).rejects.toThrow(/UNIQUE/)
    }
    await expect(move(it.store, card, 3, { kind: 'charge', reference: 'y' })).rejects.toThrow(/CHECK/)
    await expect(move(it.store, card, -3, { kind: 'refund', reference: 'y' })).rejects.toThrow(/CHECK/)
    await expect(move(it.store, card, 3, { kind: 'refund' })).rejects.toThrow(/CHECK/)
    await expect(move(it.store, card, 0)).rejects.toThrow(/CHECK/)
    expect(await find(it.store, card)).toMatchObject({ balanceMicros: 5_000_003 })
  })
})

contract('a card’s PIN that is keyed', (it) => {
  const query = (pin: string, cli?: string, accountId = 'acme') => ({ accountId, pin, cli, guesser: GUESSER })
  const see = (...of: Parameters<typeof query>) =>
    it.store.checkCardPin(query(...of), (seen) => ({ result: seen }))

  test('is seen with its card, whose it is, and how many are like it', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const card = await addCard(it.store, { pin: '12345', cli: '+1' })
    const other = await addCard(it.store, { pin: '54321' })
    await addCard(it.store, { pin: '123456' })
    await addCard(it.store, { pin: '12345', accountId: 'other' })
    const suspicion = { tallies: NOBODY, known: false, pinsAlike: 2 }
    expect(await see('12345')).toEqual({ card, suspicion })
    expect(await see('12345', '+2')).toEqual({ card, suspicion })
    expect(await see('12345', '+1')).toEqual({ card, suspicion: { ...suspicion, known: true } })
    expect(await see('54321', '+1')).toEqual({ card: other, suspicion })
    expect(await see('54321', undefined)).toEqual({ card: other, suspicion })
    expect(await see('99999')).toEqual({ card: undefined, suspicion })
    expect(await see('999')).toEqual({ card: undefined, suspicion: { ...suspicion, pinsAlike: 0 } })
    expect((await see('12345', undefined, 'other')).suspicion.pinsAlike).toBe(1)
  })

  test('that was right for somebody is known to be theirs, and nobody else’s', async () => {
    const card = await addCard(it.store, { pin: '12345' })
    const other = await addCard(it.store, { pin: '54321' })
    const known = async (...of: Parameters<typeof query>) => (await see(...of)).suspicion.known
    const used = (pin: string, cli?: string, at = T0) =>
      it.store.checkCardPin(query(pin, cli), () => ({ use: { at }, result: 0 }))
    await used('12345', '+2')
    await used('99999', '+2')
    await used('12345', undefined)
    expect(await known('12345', '+2')).toBe(true)
    expect(await Promise.all([known('12345', '+3'), known('54321', '+2'), known('12345')])).toEqual([
      ...[false, false, false],
    ])
    // Of one card the last twenty; who comes again is among them.
    for (let n = 1; n < 20; n++) await used('12345', `+10${n}`, T0 + n)
    await used('12345', '+2', T0 + 20)
    await used('12345', '+1020', T0 + 21)
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => known('12345', `+10${n + 1}`)))
    expect(all).toEqual([false, ...Array.from({ length: 19 }, () => true)])
    expect(await known('12345', '+2')).toBe(true)
    // Not once it has another PIN, whatever else is changed before.
    await used('54321', '+2')
    const change = (save: Card) =>
      it.store.changeCard({ accountId: 'acme', id: card.id }, () => ({ save, result: 0 }))
    await change({ ...card, name: 'new' })
    expect(await known('12345', '+2')).toBe(true)
    await change({ ...card, pin: '777777' })
    expect([await known('777777', '+2'), await known('54321', '+2')]).toEqual([false, true])
    expect((await see('54321')).card).toEqual(other)
  })

  test('is not known to be anybody’s when the decision fails', async () => {
    await addCard(it.store, { pin: '12345' })
    const fails = it.store.checkCardPin(query('12345', '+2'), () => {
      return { use: { at: T0 }, save: { id: 1 } as Card, result: 0 }
    })
    await expect(fails).rejects.toThrow()
    expect((await see('12345', '+2')).suspicion.known).toBe(false)
  })

  test('leaves the blame, and a change of the card, or nothing', async () => {
    const card = await addCard(it.store, { pin: '12345' })
    const kept = { emptyAt: T0, lockedUntil: 0, strikes: 2 }
    const tally = { ...kept, forgetAt: T0 }
    const blame = { caller: tally, place: tally, way: tally }
    await expect(it.store.checkCardPin(query('12345'), failing('bug'))).rejects.toThrow('bug')
    await it.store.checkCardPin(query('12345'), () => ({ save: { ...card, cli: '+9' }, blame, result: 0 }))
    expect(await see('12345', '+9')).toEqual({
      card: { ...card, cli: '+9' },
      suspicion: { tallies: { caller: kept, place: kept, way: kept }, known: true, pinsAlike: 1 },
    })
  })
})
