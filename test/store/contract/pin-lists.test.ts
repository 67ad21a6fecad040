import { expect, test } from '@jest/globals'
import { account, ALL, contract, T0 } from './given.ts'

const ALWAYS = { beginsAt: undefined, expiresAt: undefined }

contract('lists of a database', (it) => {
  const use = (pin: string, key: string, at = T0, accountId = 'acme', number = 1) =>
    it.store.checkPin(
      {
        ...{ accountId, number, pin, key, guesser: { caller: key, place: 'p', way: 'w' } },
      },
      () => ({ use: { at }, result: 0 }),
    )
  const write = (first: string, count: number, accountId = 'acme', number = 1) =>
    it.store.writePins(accountId, number, { first, count }, ALWAYS)
  /** All pages of it. */
  async function paged<T>(read: (after: T | undefined) => Promise<T[]>): Promise<T[]> {
    const all: T[] = []
    for (;;) {
      const page = await read(all.at(-1))
      if (page.length === 0) return all
      all.push(...page)
    }
  }
  const pages = [1, 2, 3, 100]

  test('have the PINs in the order of their text, in pages of any size', async () => {
    await it.store.addAccount(account('other', ALL), [])
    await write('8', 1)
    await write('08', 3)
    await write('A', 1)
    await write('a', 1)
    await write('10', 1)
    await write('5', 1, 'other')
    await write('6', 1, 'acme', 2)
    for (const limit of pages) {
      const found = await paged(async (after: string | undefined) =>
        (await it.store.pinsAfter('acme', 1, after, limit)).map(({ pin }) => pin),
      )
      expect(found).toEqual(['08', '09', '10', '8', 'A', 'a'])
    }
    expect(await it.store.pinsAfter('acme', 3, undefined, 10)).toEqual([])
    expect(await it.store.pinsAfter('nobody', 1, undefined, 10)).toEqual([])
  })

  test('have the uses of a span, oldest first, also those of one instant', async () => {
    await it.store.addAccount(account('other', ALL), [])
    await write('1', 3)
    await write('1', 3, 'other')
    await write('1', 3, 'acme', 2)
    for (const [pin, key, at] of [
      ['1', 'late', T0 + 10],
      ['1', 'first', T0],
      ['2', 'same', T0 + 5],
      ['1', 'same', T0 + 5],
      ['3', 'same', T0 + 5],
      ['3', 'before', T0 - 1],
      ['3', 'after', T0 + 11],
    ] as const)
      await use(pin, key, at)
    await use('1', 'other', T0, 'other')
    await use('1', 'other', T0, 'acme', 2)
    const span = { from: T0, to: T0 + 11 }
    for (const limit of pages) {
      const found = await paged((after: { at: number; id: number } | undefined) =>
        it.store.usesAfter('acme', 1, span, after, limit),
      )
      expect(found.map(({ pin, key, at }) => [pin, key, at - T0])).toEqual([
        ...[['1', 'first', 0], ['2', 'same', 5], ['1', 'same', 5], ['3', 'same', 5], ['1', 'late', 10]], // prettier-ignore
      ])
    }
    expect(await it.store.usesAfter('acme', 1, { from: T0 + 6, to: T0 + 10 }, undefined, 9)).toEqual([])
    expect(await it.store.usesAfter('acme', 9, span, undefined, 9)).toEqual([])
  })

  test('have the keys of one PIN or of all', async () => {
    await write('1', 3)
    for (const [pin, key, at] of [
      ['2', 'b', T0 + 1],
      ['2', 'a', T0 + 2],
      ['1', 'z', T0 + 3],
      ['2', 'b', T0 + 4],
      ['3', '+44', T0 + 5],
    ] as const)
      await use(pin, key, at)
    type Place = { pin: string; key: string }
    const found = (pin: string | undefined, limit: number) =>
      paged((after: Place | undefined) => it.store.keysAfter('acme', 1, pin, after, limit))
    const all = [
      { pin: '1', key: 'z', firstUsedAt: T0 + 3 },
      { pin: '2', key: 'a', firstUsedAt: T0 + 2 },
      { pin: '2', key: 'b', firstUsedAt: T0 + 1 },
      { pin: '3', key: '+44', firstUsedAt: T0 + 5 },
    ]
    for (const limit of pages) {
      expect(await found(undefined, limit)).toEqual(all)
      expect(await found('2', limit)).toEqual(all.slice(1, 3))
    }
    expect(await found('4', 9)).toEqual([])
    expect(await it.store.keysAfter('acme', 2, undefined, undefined, 9)).toEqual([])

    await it.store.deletePinKeys('acme', 1, '2', 'a')
    await it.store.deletePinKeys('acme', 1, '3', undefined)
    await it.store.deletePinKeys('acme', 1, '1', 'a')
    await it.store.deletePinKeys('acme', 2, '1', undefined)
    expect(await found(undefined, 9)).toEqual([all[0], all[2]])
  })

  test('let whatever else waits have its turn before each page', async () => {
    let turns = 0
    let next: NodeJS.Immediate
    const turn = () => {
      turns++
      next = setImmediate(turn)
    }
    turn()
    for (const read of [
      () => it.store.pinsAfter('acme', 1, undefined, 9),
      () => it.store.usesAfter('acme', 1, { from: 0, to: T0 }, undefined, 9),
      () => it.store.keysAfter('acme', 1, undefined, undefined, 9),
      () => it.store.keysAfter('acme', 1, '1', undefined, 9),
    ])
      for (let reads = 0; reads < 3; reads++) {
        const before = turns
        await read()
        expect(turns).toBeGreaterThan(before)
      }
    clearImmediate(next!)
  })
})
