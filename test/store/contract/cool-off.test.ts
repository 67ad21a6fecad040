import { expect, test } from '@jest/globals'
import type { Allocation } from '../../../src/engine/allocations.ts'
import { A, allocation, B, contract, ended, FAR, forBoth, T0, VN1, VN2 } from './given.ts'

const FREE_AT = T0 + 60_000

contract('PINs that cool off', (it) => {
  const taken = async (...pins: string[]): Promise<ReadonlySet<string>> => {
    const query = { ...it.query(allocation()), pins: forBoth([VN1, VN2], pins) }
    const { a, b } = await it.store.addAllocation(query, ({ takenPins }) => ({ result: takenPins }))
    expect(a).toEqual(b)
    return a
  }
  const inUse = () => it.store.pinsInUse([VN1, VN2], 3)

  test('stay taken, and open nothing', async () => {
    const made = await it.add()
    const over = await it.end(made, FREE_AT)
    expect(await it.find(made)).toEqual(over)
    expect(await taken('713', '884', '1')).toEqual(new Set(['713', '884']))
    expect(await inUse()).toEqual(new Set(['713', '884']))
    const next = allocation({ a: { pin: '1' } })
    await expect(it.insert(next, [ended(next)])).rejects.toThrow(/UNIQUE/)
    expect(await it.find(next)).toBeUndefined()
    const live = await it.add({ a: { pin: '1' }, b: { pin: '2' } })
    await expect(it.change(live, { ...live, a: { ...live.a, pin: '713' } })).rejects.toThrow(/UNIQUE/)
    expect(await it.byPin(VN1, '713')).toBeUndefined()
    expect(await it.byPin(VN2, '884')).toBeUndefined()
  })

  test('keep neither members, nor the number, nor the transaction id, nor a place among the due', async () => {
    const made = await it.add()
    await it.end(made, FREE_AT)
    expect(await it.store.membershipsOn(VN1, A)).toEqual([])
    expect(await it.store.membershipsOn(VN2, B)).toEqual([])
    expect(await it.store.hasAllocations(VN1)).toBe(false)
    expect(await it.store.dueAllocations(FAR, 10)).toEqual([])
    const { transactionId } = made
    await it.add({ transactionId, a: { numbers: [], pin: '1' }, b: { pin: undefined, vns: [VN1] } })
    expect(await it.store.hasAllocations(VN1)).toBe(true)
    expect(await it.store.hasAllocations(VN2)).toBe(false)
  })

  test('a number is in use by one PIN that opens, among those that do not', async () => {
    const bare = (pin: string) => it.add({ a: { numbers: [], pin }, b: { numbers: [], pin: undefined } })
    await it.end(await bare('1'), FREE_AT)
    const live = await bare('2')
    await it.end(await bare('3'), FREE_AT)
    expect(await it.store.hasAllocations(VN1)).toBe(true)
    await it.end(live, FREE_AT)
    expect(await it.store.hasAllocations(VN1)).toBe(false)
  })

  test('are free at their instant, once released, and can be used again', async () => {
    await it.end(await it.add(), FREE_AT)
    expect(await it.store.releasePins(FREE_AT - 1, 10)).toBe(0)
    expect(await inUse()).toEqual(new Set(['713', '884']))
    expect(await it.store.releasePins(FREE_AT, 10)).toBe(2)
    expect(await it.store.releasePins(FREE_AT, 10)).toBe(0)
    expect(await taken('713', '884')).toEqual(new Set())
    expect(await inUse()).toEqual(new Set())
    const again = await it.add()
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: again, party: 'a' })
  })

  test('are released oldest first and a bounded number at a time, and those that open never', async () => {
    const live = await it.add()
    const one = (pin: string) => it.add({ a: { pin, vns: [VN1, VN2] }, b: { pin: undefined } })
    await it.end(await one('333'), FREE_AT + 3)
    await it.end(await one('111'), FREE_AT + 1)
    await it.end(await one('222'), FREE_AT + 2)
    expect(await it.store.releasePins(FREE_AT + 2, 2)).toBe(2)
    expect(await inUse()).toEqual(new Set(['222', '333', '713', '884']))
    expect(await it.store.releasePins(FREE_AT + 2, 1)).toBe(1)
    expect(await inUse()).toEqual(new Set(['222', '333', '713', '884']))
    expect(await it.store.releasePins(FREE_AT + 2, 10)).toBe(1)
    expect(await it.store.releasePins(FAR, 0)).toBe(0)
    expect(await it.store.releasePins(FAR, 10)).toBe(2)
    expect(await inUse()).toEqual(new Set(['713', '884']))
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: live, party: 'a' })
  })

  test('without a cool-off are free at once', async () => {
    await it.end(await it.add())
    expect(await taken('713', '884')).toEqual(new Set())
    await it.add()
  })

  test('follow a later change of their allocation, be it sooner, later or now', async () => {
    const over = await it.end(await it.add(), FREE_AT)
    const sooner: Allocation = { ...over, pinsFreeAt: FREE_AT - 10 }
    await it.change(over, sooner)
    expect(await it.find(over)).toEqual(sooner)
    expect(await it.store.releasePins(FREE_AT - 10, 1)).toBe(1)
    await it.change(sooner, { ...over, pinsFreeAt: FREE_AT + 10 })
    expect(await it.store.releasePins(FREE_AT, 10)).toBe(0)
    await it.change(over, { ...over, pinsFreeAt: undefined })
    expect(await inUse()).toEqual(new Set())
    expect(await it.store.releasePins(FAR, 10)).toBe(0)
  })

  test('that somebody else has got meanwhile are not touched by their old allocation', async () => {
    const over = await it.end(await it.add(), FREE_AT)
    await it.store.releasePins(FREE_AT, 10)
    const heir = await it.add()
    for (const pinsFreeAt of [FREE_AT, FREE_AT + 10, undefined, undefined]) {
      await it.change(over, { ...over, pinsFreeAt })
      expect(await it.store.releasePins(FAR, 10)).toBe(0)
      expect(await it.byPin(VN1, '713')).toEqual({ allocation: heir, party: 'a' })
      expect(await inUse()).toEqual(new Set(['713', '884']))
    }
  })
})
