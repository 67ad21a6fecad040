import { expect, test } from '@jest/globals'
import type { Callback, VoipLine } from '../../../src/engine/paid-call-store.ts'
import type { Card } from '../../../src/engine/cards.ts'
import { addCard } from './card-given.ts'
import { A, account, ALL, B, contract, failing, newId, T0 } from './given.ts'

contract('lines', (it) => {
  const line = (username: string, { id: cardId, accountId }: Card): VoipLine => {
    return { username, accountId, cardId, password: `of ${username}`, createdAt: T0 }
  }

  test('are found by name, listed by account, and removed by their owner', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const [card, theirs] = [await addCard(it.store), await addCard(it.store, { accountId: 'other' })]
    const [b, a, c] = [line('b', card), line('a', card), line('c', theirs)]
    for (const one of [b, a, c]) await it.store.addLine(one)
    expect(await it.store.lines()).toEqual([a, b, c])
    expect(await it.store.lines('acme')).toEqual([a, b])
    expect(await it.store.findLine('c')).toEqual(c)
    expect(await it.store.findLine('C')).toBeUndefined()
    await expect(it.store.addLine({ ...c, ...line('a', theirs) })).rejects.toMatchObject({ name: 'Refusal', code: 'duplicates' }) // prettier-ignore
    expect(await it.store.removeLine('other', 'a')).toBe(false)
    expect([await it.store.removeLine('acme', 'a'), await it.store.removeLine('acme', 'a')]).toEqual([
      true,
      false,
    ])
    expect(await it.store.lines()).toEqual([b, c])
  })
})

contract('callbacks', (it) => {
  const callback = ({ id: cardId, accountId }: Card, change: Partial<Callback> = {}): Callback => {
    const fresh = { state: 'waiting', outcome: undefined, callId: undefined, endedAt: undefined } as const
    return { id: newId('callback'), accountId, cardId, a: A, b: B, ...fresh, createdAt: T0, ...change }
  }

  test('are owed until they have ended, oldest first', async () => {
    const card = await addCard(it.store)
    const [late, early] = [callback(card, { createdAt: T0 + 1 }), callback(card)]
    for (const one of [late, early]) await it.store.addCallback(one)
    expect(await it.store.openCallbacks()).toEqual([early, late])
    const stopped: Callback = { ...early, state: 'ringing_b', outcome: 'stopped', callId: 'c' }
    const seen = await it.store.changeCallback(early.id, (found) => ({ save: stopped, result: found }))
    expect(seen).toEqual(early)
    expect(await it.store.openCallbacks()).toEqual([stopped, late])
    const over: Callback = { ...stopped, state: 'ended', endedAt: T0 + 5 }
    await it.store.changeCallback(early.id, () => ({ save: over, result: 0 }))
    expect(await it.store.openCallbacks()).toEqual([late])
    expect(await it.store.findCallback('acme', early.id)).toEqual(over)
    expect(await it.store.findCallback('other', early.id)).toBeUndefined()
    expect(await it.store.findCallback('acme', 'none')).toBeUndefined()
    expect(await it.store.changeCallback('none', (found) => ({ result: found }))).toBeUndefined()
  })

  test('are placed in turns: those that were begun, and the oldest that wait of each account', async () => {
    const mine = await addCard(it.store)
    await it.store.addAccount(account('other', ALL), [])
    const theirs = await addCard(it.store, { accountId: 'other' })
    expect(await it.store.callbacksToPlace(2)).toEqual([])
    const waiting = [3, 1, 2].map((n) => callback(mine, { createdAt: T0 + n }))
    const other = callback(theirs, { createdAt: T0 + 9 })
    const begun = (['talking', 'ringing_b', 'ringing_a'] as const).map((state, n) =>
      callback(theirs, { state, createdAt: T0 + 5 - n }),
    )
    const over = callback(mine, { state: 'ended', outcome: 'failed', endedAt: T0 })
    for (const one of [...waiting, other, ...begun, over]) await it.store.addCallback(one)
    const [, first, second] = waiting
    expect(await it.store.callbacksToPlace(2)).toEqual([...begun.toReversed(), first, second, other])
    expect(await it.store.callbacksToPlace(1)).toEqual([...begun.toReversed(), first, other])
  })

  test('stay as they were when a decision fails, and say why they ended', async () => {
    const one = callback(await addCard(it.store))
    await it.store.addCallback(one)
    await expect(it.store.changeCallback(one.id, failing('bug'))).rejects.toThrow('bug')
    const save: Callback = { ...one, state: 'ended', endedAt: T0 }
    await expect(it.store.changeCallback(one.id, () => ({ save, result: 0 }))).rejects.toThrow(/CHECK/)
    expect(await it.store.openCallbacks()).toEqual([one])
  })
})

contract('requests that are carried out once', (it) => {
  test('are new once, and then known with their answer, until they are forgotten', async () => {
    expect(await it.store.beginRequest('k', T0 + 10)).toBe('new')
    expect(await it.store.beginRequest('k', T0 + 99)).toEqual({ answer: undefined })
    await it.store.endRequest('k', '{"a":1}')
    expect(await it.store.beginRequest('k', T0 + 99)).toEqual({ answer: '{"a":1}' })
    expect(await it.store.beginRequest('other', T0 + 11)).toBe('new')
    expect(await it.store.beginRequest('third', T0 + 12)).toBe('new')
    expect(await it.store.forgetRequests(T0 + 9, 9)).toBe(0)
    expect(await it.store.forgetRequests(T0 + 12, 1)).toBe(1)
    expect(await it.store.beginRequest('other', T0 + 20)).toEqual({ answer: undefined })
    expect(await it.store.beginRequest('k', T0 + 20)).toBe('new')
    expect(await it.store.forgetRequests(T0 + 12, 9)).toBe(2)
  })

  test('are new for one of many at once', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => it.store.beginRequest('k', T0)))
    expect(all.filter((one) => one === 'new')).toHaveLength(1)
  })
})
