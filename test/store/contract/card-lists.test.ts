import { expect, test } from '@jest/globals'
import type { CardFilter } from '../../../src/engine/card-store.ts'
import type { HoldFilter, HoldPosition } from '../../../src/engine/paid-call-store.ts'
import type { Card } from '../../../src/engine/cards.ts'
import type { Hold } from '../../../src/engine/holds.ts'
import { addCard, addCards, addHold, endHold, find, groupOf, holdOf, newCard, rate } from './card-given.ts'
import { account, ALL, contract, T0 } from './given.ts'

contract('a search of cards', (it) => {
  const search = async (filter: CardFilter = {}, after?: Pick<Card, 'groupId' | 'number'>, limit = 99) =>
    (await it.store.cardsMatching('acme', filter, after, limit)).map(({ number }) => number)

  test('finds whole text, and what `%` and `_` of the client stand for', async () => {
    const like = (number: string, change: object) => addCard(it.store, { number, ...change })
    await like('1001', { name: 'Anna', pin: '5001', cli: '+49301', batch: 'b_1', language: 'de' })
    await like('1002', { name: 'anna b', pin: '5002', cli: '+49302', batch: 'bx1', language: 'en' })
    await like('2001', { name: 'a\\_b', pin: '6001', batch: 'b%1', language: 'de-x' })
    await like('2002', { name: '', pin: '6002', cli: 'anonymous', batch: '', language: 'de' })
    const expected: [CardFilter, string[]][] = [
      [{}, ['1001', '1002', '2001', '2002']],
      [{ number: '1001' }, ['1001']],
      [{ number: '100' }, []],
      [{ number: '100_' }, ['1001', '1002']],
      [{ number: '%1' }, ['1001', '2001']],
      [{ number: '10%', name: 'Anna' }, ['1001']],
      [{ number: '1001', name: 'nobody' }, []],
      [{ name: 'anna' }, ['1001']],
      [{ name: 'anna%' }, ['1001', '1002']],
      [{ name: '' }, ['2002']],
      [{ name: 'a\\_b' }, ['2001']],
      [{ name: 'a\\%' }, ['2001']],
      [{ pin: '5002' }, ['1002']],
      [{ pin: '500' }, []],
      [{ pin: '5002', number: '1001' }, []],
      [{ pin: '_00_' }, ['1001', '1002', '2001', '2002']],
      [{ cli: '+49302' }, ['1002']],
      [{ cli: '+4930%' }, ['1001', '1002']],
      [{ cli: '%' }, ['1001', '1002', '2002']],
      [{ cli: 'Anonymous' }, ['2002']],
      [{ batch: 'b_1' }, ['1001', '1002', '2001']],
      [{ batch: 'b%' }, ['1001', '1002', '2001']],
      [{ language: 'de' }, ['1001', '2002']],
      [{ language: 'e' }, []],
    ]
    for (const [filter, numbers] of expected)
      expect([filter, await search(filter)]).toEqual([filter, numbers])
  })

  test('compares money by micro-units, and what is sold by whom', async () => {
    const { id: distributorId } = await it.store.addDistributor({ accountId: 'acme', name: 'kiosk' })
    await addCard(it.store, { number: '1001', openingMicros: 999_999, sold: true })
    await addCard(it.store, { number: '1002', openingMicros: 1_000_000, distributorId })
    await addCard(it.store, { number: '1003', openingMicros: 10_000_000 })
    expect(await search({ minBalanceMicros: 1_000_000 })).toEqual(['1002', '1003'])
    expect(await search({ maxBalanceMicros: 1_000_000 })).toEqual(['1001', '1002'])
    expect(await search({ minBalanceMicros: 1_000_000, maxBalanceMicros: 1_000_000 })).toEqual(['1002'])
    expect(await search({ minBalanceMicros: 0, maxBalanceMicros: 0 })).toEqual([])
    expect([await search({ sold: true }), await search({ sold: false })]).toEqual([
      ['1001'],
      ['1002', '1003'],
    ])
    expect(await search({ distributorId })).toEqual(['1002'])
    expect(await search({ distributorId: 99 })).toEqual([])
  })

  test('is read page by page, by group and number, of one account, however many do not match', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const groups = [groupOf({ name: '1' }), groupOf({ name: '2' }), groupOf({ accountId: 'other' })]
    const ids: number[] = []
    for (const group of groups) ids.push((await it.store.addCardGroup(group)).id)
    const numbers = Array.from({ length: 1_500 }, (_, n) => String(n).padStart(4, '0'))
    const made = [ids[1]!, ids[0]!].flatMap(
      (groupId) =>
      numbers.map((number) => newCard({ groupId, number: `${groupId}${number}`, name: Number(number) % 700 === 3 ? 'rare' : 'x' })), // prettier-ignore
    )
    await addCards(it.store, ...made.reverse())
    await addCards(it.store, newCard({ accountId: 'other', groupId: ids[2]!, name: 'rare' }))
    const rare = ids.slice(0, 2).flatMap((id) => ['0003', '0703', '1403'].map((number) => `${id}${number}`))
    expect(await search({ name: 'rare' })).toEqual(rare)
    expect(await search({ name: 'rare' }, undefined, 2)).toEqual(rare.slice(0, 2))
    expect(await search({ name: 'rare' }, { groupId: ids[0]!, number: rare[1]! }, 3)).toEqual(
      rare.slice(2, 5),
    )
    expect(await search({ name: 'rare' }, { groupId: ids[1]!, number: rare[5]! })).toEqual([])
    expect(await search({ number: rare[3]! }, { groupId: ids[0]!, number: rare[2]! })).toEqual([rare[3]])
    expect(await search({ number: rare[3]! }, { groupId: ids[1]!, number: rare[3]! })).toEqual([])
    const all = made.map(({ number }) => number).sort()
    const paged: string[] = []
    for (let page: Card[] = []; ;) {
      page = await it.store.cardsMatching('acme', {}, page.at(-1), 499)
      if (page.length === 0) break
      paged.push(...page.map(({ number }) => number))
    }
    expect(paged).toEqual(all)
    const [first] = await it.store.cardsMatching('acme', {}, undefined, 1)
    expect(first).toEqual(await find(it.store, first!))
  })
})

contract('a list of calls', (it) => {
  const list = async (filter: Partial<HoldFilter>, after?: HoldPosition, limit = 99) =>
    (await it.store.holdsMatching({ accountId: 'acme', from: 0, to: Infinity, ...filter }, after, limit)).map(({ id }) => id) // prettier-ignore

  test('has those that were answered and are over, newest first, by the instant of the answer', async () => {
    const [card, other] = [await addCard(it.store), await addCard(it.store)]
    const ended = async (of: Card, n: number, openedAt = T0 + n): Promise<Hold> => {
      const hold = await addHold(it.store, holdOf(of, { id: `h${n}`, openedAt, heldMicros: 1 }))
      return endHold(it.store, { ...hold, answeredAt: T0 + 100 + n }, T0 + 200, n % 2)
    }
    const [h1, h2] = [await ended(card, 1), await ended(other, 2)]
    await ended(card, 3)
    await ended(card, 4, T0 + 3)
    // Of h5 only the first party has answered.
    const h5 = await addHold(it.store, holdOf(card, { id: 'h5', openedAt: T0, alsoRate: rate('1') }))
    const save: Hold = { ...h5, state: 'settled', alsoAnsweredAt: T0 + 102, endedAt: T0 + 200 }
    await it.store.changeHold('h5', () => ({ save, result: 0 }))
    await endHold(it.store, await addHold(it.store, holdOf(card, { id: 'void' })), T0 + 5)
    await addHold(it.store, holdOf(card, { id: 'open', answeredAt: T0 + 6 }))
    expect(await list({})).toEqual(['h4', 'h3', 'h2', 'h1', 'h5'])
    expect(await list({ cardId: card.id })).toEqual(['h4', 'h3', 'h1', 'h5'])
    expect(await list({ from: T0 + 102 })).toEqual(['h4', 'h3', 'h2', 'h5'])
    expect(await list({ from: T0 + 102, to: T0 + 104 })).toEqual(['h3', 'h2', 'h5'])
    expect(await list({ from: T0 + 102, to: T0 + 104, cardId: card.id })).toEqual(['h3', 'h5'])
    expect(await list({}, undefined, 1)).toEqual(['h4'])
    expect(await list({}, { openedAt: T0 + 3, id: 'h4' }, 2)).toEqual(['h3', 'h2'])
    expect(await list({ cardId: card.id }, h2)).toEqual(['h1', 'h5'])
    expect(await list({}, h1)).toEqual(['h5'])
    expect(await list({}, save)).toEqual([])
    await it.store.addAccount(account('other', ALL), [])
    expect(await list({ accountId: 'other' })).toEqual([])
    expect(await list({ accountId: 'other', cardId: card.id })).toEqual([])
    const [found] = await it.store.holdsMatching({ accountId: 'acme', from: 0, to: T0 + 102 }, undefined, 9)
    expect(found).toEqual(h1)
  })
})
