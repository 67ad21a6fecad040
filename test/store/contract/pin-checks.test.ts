import { expect, test } from '@jest/globals'
import type { PinSeen } from '../../../src/engine/pin-store.ts'
import { account, ALL, contract, failing, T0 } from './given.ts'

const NOW = { beginsAt: T0, expiresAt: undefined }
const GUESSER = { caller: 'c', place: 'p', way: 'w' }
const NOBODY = { caller: undefined, place: undefined, way: undefined }

contract('a PIN that is checked', (it) => {
  const query = (pin: string, key = 'k', number = 1, accountId = 'acme') => ({
    ...{ accountId, number, pin, key, guesser: GUESSER },
  })
  const see = (...of: Parameters<typeof query>) =>
    it.store.checkPin(query(...of), (seen) => ({ result: seen }))
  const use = (pin: string, key = 'k', at = T0) =>
    it.store.checkPin(query(pin, key), () => ({ use: { at }, result: 'used' }))
  const seen = (change: Partial<PinSeen> & { known?: boolean; pinsAlike?: number } = {}) => {
    const { known = false, pinsAlike = 0, ...rest } = change
    return {
      ...{ maxKeys: 0, pin: undefined, keys: 0, suspicion: { tallies: NOBODY, known, pinsAlike } },
      ...rest,
    }
  }
  const uses = async () =>
    (await it.store.usesAfter('acme', 1, { from: 0, to: Infinity }, undefined, 99)).map(
      ({ pin, key }) => pin + key,
    )

  test('is seen with all that matters, of its own database only', async () => {
    await it.store.addAccount(account('other', ALL), [])
    expect(await see('1')).toEqual(seen({ maxKeys: undefined }))
    await it.store.writePins('acme', 1, { first: '1', count: 5 }, NOW)
    await it.store.writePins('acme', 1, { first: '10', count: 3 }, NOW)
    await it.store.writePins('acme', 2, { first: '20', count: 2 }, NOW)
    await it.store.writePins('other', 1, { first: '1', count: 7 }, NOW)
    await it.store.changePinDatabase('acme', 2, () => ({
      save: { label: '', maxKeys: 9, action: { do: 'confirm' } },
      result: 0,
    }))
    expect(await use('1')).toBe('used')
    expect(await use('1', 'other')).toBe('used')
    expect(await see('1')).toEqual(seen({ pin: NOW, keys: 2, known: true, pinsAlike: 5 }))
    expect(await see('1', 'new')).toEqual(seen({ pin: NOW, keys: 2, pinsAlike: 5 }))
    expect(await see('2')).toEqual(seen({ pin: NOW, pinsAlike: 5 }))
    expect(await see('20')).toEqual(seen({ pinsAlike: 3 }))
    expect(await see('20', 'k', 2)).toEqual(seen({ maxKeys: 9, pin: NOW, pinsAlike: 2 }))
    expect(await see('1', 'k', 1, 'other')).toEqual(seen({ pin: NOW, pinsAlike: 7 }))
    expect(await see('x'.repeat(15))).toEqual(seen())
    await it.store.deletePins('acme', 1, { first: '1', count: 1 })
    expect(await see('1')).toEqual(seen({ keys: 2, known: true, pinsAlike: 4 }))
  })

  test('has as many keys as were used with it and not deleted', async () => {
    await it.store.writePins('acme', 1, { first: '1', count: 2 }, NOW)
    const count = async () => [(await see('1')).keys, (await see('2')).keys]
    for (const key of ['a', 'b', 'a', 'c']) await use('1', key)
    await use('2', 'a')
    expect(await count()).toEqual([3, 1])
    for (const key of ['a', 'nobody', 'a']) await it.store.deletePinKeys('acme', 1, '1', key)
    expect(await count()).toEqual([2, 1])
    await it.store.deletePinKeys('acme', 1, '1', undefined)
    await it.store.deletePinKeys('acme', 1, '1', undefined)
    expect(await count()).toEqual([0, 1])
    await use('1', 'b')
    expect(await count()).toEqual([1, 1])
    expect(await uses()).toEqual(['1a', '1b', '1a', '1c', '2a', '1b'])
  })

  test('keeps its use, its key and the blame together or not at all', async () => {
    await it.store.writePins('acme', 1, { first: '1', count: 1 }, NOW)
    const kept = { emptyAt: T0, lockedUntil: 0, strikes: 0 }
    const tally = { ...kept, forgetAt: T0 }
    const blame = { caller: tally, place: tally, way: tally }
    await expect(it.store.checkPin(query('1'), failing('bug'))).rejects.toThrow('bug')
    // A database that is not there cannot have had a use.
    const nowhere = it.store.checkPin(query('1', 'k', 7), () => ({ blame, use: { at: T0 }, result: 0 }))
    await expect(nowhere).rejects.toThrow(/FOREIGN KEY/)
    expect(await see('1')).toEqual(seen({ pin: NOW, pinsAlike: 1 }))
    expect(await uses()).toEqual([])
    await it.store.checkPin(query('1'), () => ({ blame, use: { at: T0 }, result: 0 }))
    const { suspicion, keys } = await see('1')
    expect([keys, suspicion]).toEqual([1, { tallies: { caller: kept, place: kept, way: kept }, known: true, pinsAlike: 1 }]) // prettier-ignore
  })
})
