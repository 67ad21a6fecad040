import { expect, test } from '@jest/globals'
import { addCard, find, groupOf } from './card-given.ts'
import { account, ALL, contract } from './given.ts'

const DUPLICATE = expect.objectContaining({ name: 'Refusal', code: 'duplicates' })

contract('groups of cards', (it) => {
  test('come back as they were made and changed, by id, of one account', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const { version } = await it.store.beginTariff('acme', 'world', 0)
    const { id: tariffId } = await it.store.finishTariff(version)
    const silver = await it.store.addCardGroup(groupOf({ name: 'silver', tariffId, validMs: 86_400_000 }))
    const gold = await it.store.addCardGroup(groupOf())
    await it.store.addCardGroup(groupOf({ accountId: 'other' }))
    expect(await it.store.findCardGroup('acme', silver.id)).toEqual(silver)
    expect(await it.store.findCardGroup('other', silver.id)).toBeUndefined()
    expect(await it.store.findCardGroup('acme', 99)).toBeUndefined()
    const empty = { cards: 0, unsold: 0 }
    expect(gold).toEqual({ ...groupOf(), id: gold.id })
    expect(await it.store.cardGroups('acme')).toEqual([
      { ...silver, ...empty },
      { ...gold, ...empty },
    ])
    const changed = {
      ...{ ...silver, name: 'x', description: 'y', numberLength: 20, pinLength: 4, priceMicros: 0 },
      ...{ balanceMicros: 3, tariffId: undefined, validMs: undefined },
    }
    await it.store.changeCardGroup(changed)
    expect(await it.store.cardGroups('acme')).toEqual([
      { ...changed, ...empty },
      { ...gold, ...empty },
    ])
    await it.store.changeCardGroup({ ...gold, accountId: 'other', name: 'stolen' })
    expect((await it.store.cardGroups('acme')).map(({ name }) => name)).toEqual(['x', 'gold'])
  })

  test('have a name of their own in the account', async () => {
    const gold = await it.store.addCardGroup(groupOf())
    const silver = await it.store.addCardGroup(groupOf({ name: 'silver' }))
    await expect(it.store.addCardGroup(groupOf())).rejects.toEqual(DUPLICATE)
    await expect(it.store.changeCardGroup({ ...silver, name: 'gold' })).rejects.toEqual(DUPLICATE)
    expect((await it.store.cardGroups('acme')).map(({ id, name }) => [id, name])).toEqual([
      [gold.id, 'gold'],
      [silver.id, 'silver'],
    ])
  })

  test('count their cards, and those that are not sold', async () => {
    const [gold, silver] = [
      await it.store.addCardGroup(groupOf()),
      await it.store.addCardGroup(groupOf({ name: 's' })),
    ]
    const counts = async () => (await it.store.cardGroups('acme')).map(({ cards, unsold }) => [cards, unsold])
    const card = await addCard(it.store, { groupId: gold.id })
    await addCard(it.store, { groupId: gold.id, sold: true })
    await addCard(it.store, { groupId: silver.id })
    expect(await counts()).toEqual([[2, 1], [1, 1]]) // prettier-ignore
    const change = async (how: Partial<typeof card>) => {
      const save = { ...(await find(it.store, card)), ...how }
      await it.store.changeCard({ accountId: 'acme', id: card.id }, () => ({ save, result: 0 }))
      return counts()
    }
    expect(await change({ sold: true })).toEqual([[2, 0], [1, 1]]) // prettier-ignore
    expect(await change({ name: 'x' })).toEqual([[2, 0], [1, 1]]) // prettier-ignore
    expect(await change({ groupId: silver.id })).toEqual([[1, 0], [2, 1]]) // prettier-ignore
    expect(await change({ groupId: gold.id, sold: false })).toEqual([[2, 1], [1, 1]]) // prettier-ignore
    expect(await change({ sold: true })).toEqual([[2, 0], [1, 1]]) // prettier-ignore
    expect(await change({ sold: false })).toEqual([[2, 1], [1, 1]]) // prettier-ignore
  })
})

contract('distributors', (it) => {
  test('are of an account, by id, with a name of their own', async () => {
    await it.store.addAccount(account('other', ALL), [])
    const b = await it.store.addDistributor({ accountId: 'acme', name: 'b' })
    const a = await it.store.addDistributor({ accountId: 'acme', name: 'a' })
    await it.store.addDistributor({ accountId: 'other', name: 'a' })
    expect(await it.store.distributors('acme')).toEqual([b, a])
    expect(b).toEqual({ id: expect.any(Number), accountId: 'acme', name: 'b' })
    await expect(it.store.addDistributor({ accountId: 'acme', name: 'a' })).rejects.toEqual(DUPLICATE)
  })
})
