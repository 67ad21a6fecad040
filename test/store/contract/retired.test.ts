import { expect, test } from '@jest/globals'
import type { Allocation } from '../../../src/engine/allocations.ts'
import type { Event } from '../../../src/engine/events.ts'
import { A, allocation, B, contract, ended, FAR, forBoth, NO_PINS, T0, VN1, VN2 } from './given.ts'

const FREE_AT = T0 + 60_000

contract('PINs that a change takes away', (it) => {
  const update = ({ accountId, id }: Allocation, save: Allocation, freeAt?: number, events: Event[] = []) =>
    it.store.updateAllocation({ accountId, id, pins: NO_PINS }, () => ({
      ...{ save, events, retiredPinsFreeAt: freeAt, result: undefined },
    }))
  const inUse = (...vns: string[]) => it.store.pinsInUse(vns.length > 0 ? vns : [VN1, VN2], 3)
  const withPin = (of: Allocation, pin: string | undefined): Allocation => ({ ...of, a: { ...of.a, pin } })

  /** One whose 713 on the first virtual number has become 555. */
  async function changed(freeAt?: number): Promise<{ made: Allocation; now: Allocation }> {
    const made = await it.add()
    const now = withPin(made, '555')
    await update(made, now, freeAt)
    return { made, now }
  }

  test('open nothing any more, and what it got instead does', async () => {
    const { now } = await changed(FREE_AT)
    expect(await it.byPin(VN1, '713')).toBeUndefined()
    expect(await it.byPin(VN1, '555')).toEqual({ allocation: now, party: 'a' })
    expect(await it.byPin(VN2, '884')).toEqual({ allocation: now, party: 'b' })
    expect(await it.find(now)).toEqual(now)
  })

  test('stay reserved until their instant, for everybody else', async () => {
    await changed(FREE_AT)
    expect(await inUse()).toEqual(new Set(['713', '555', '884']))
    const query = { ...it.query(allocation()), pins: forBoth([VN1], ['713', '555', '1']) }
    const taken = await it.store.addAllocation(query, ({ takenPins }) => ({ result: takenPins.a }))
    expect(taken).toEqual(new Set(['713', '555']))
    const next = allocation({ b: { pin: undefined } })
    await expect(it.insert(next)).rejects.toThrow(/UNIQUE/)
    const neighbour = await it.add({ a: { pin: '1' }, b: { pin: '2' } })
    await expect(update(neighbour, withPin(neighbour, '713'), FREE_AT)).rejects.toThrow(/UNIQUE/)
    expect(await it.byPin(VN1, '1')).toEqual({ allocation: neighbour, party: 'a' })
    expect(await it.store.releasePins(FREE_AT - 1, 10)).toBe(0)
    await expect(it.insert(next)).rejects.toThrow(/UNIQUE/)
    expect(await it.store.releasePins(FREE_AT, 10)).toBe(1)
    expect(await inUse()).toEqual(new Set(['555', '884']))
    await it.insert(next)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: next, party: 'a' })
  })

  test('without an instant are free at once', async () => {
    await changed()
    expect(await inUse()).toEqual(new Set(['555', '884']))
    expect(await it.store.releasePins(FAR, 10)).toBe(0)
    await it.add({ b: { pin: undefined } })
  })

  test('are those of the virtual numbers that it leaves, which are in use no longer', async () => {
    const made = await it.add({ a: { vns: [VN1, VN2] } })
    const left: Allocation = { ...made, a: { ...made.a, vns: [VN2] } }
    await update(made, left, FREE_AT)
    expect(await it.byPin(VN1, '713')).toBeUndefined()
    expect(await it.byPin(VN2, '713')).toEqual({ allocation: left, party: 'a' })
    expect([await inUse(VN1), await inUse(VN2)]).toEqual([new Set(['713']), new Set(['713', '884'])])
    expect(await it.store.hasAllocations(VN1)).toBe(false)
    expect(await it.store.hasAllocations(VN2)).toBe(true)
    expect(await it.store.membershipsOn(VN1, A)).toEqual([])
    expect(await it.store.releasePins(FAR, 10)).toBe(1)
    expect([await inUse(VN1), await inUse(VN2)]).toEqual([new Set(), new Set(['713', '884'])])
  })

  test('are those of a party that has no PIN any more', async () => {
    const made = await it.add()
    await update(made, withPin(made, undefined), FREE_AT)
    expect(await it.byPin(VN1, '713')).toBeUndefined()
    expect(await inUse(VN1)).toEqual(new Set(['713']))
  })

  test('are none when it keeps its PINs, whatever else changes', async () => {
    const made = await it.add()
    const other: Allocation = { ...made, usage: 'oneway', deallocateAt: FAR, a: { ...made.a, numbers: [B] } }
    await update(made, other, FREE_AT)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: other, party: 'a' })
    expect(await it.store.releasePins(FAR, 10)).toBe(0)
  })

  test('are none when the parties swap them on the same virtual number', async () => {
    const made = await it.add({ b: { vns: [VN1] } })
    const swapped: Allocation = { ...made, a: { ...made.a, pin: '884' }, b: { ...made.b, pin: '713' } }
    await update(made, swapped, FREE_AT)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: swapped, party: 'b' })
    expect(await it.byPin(VN1, '884')).toEqual({ allocation: swapped, party: 'a' })
    expect(await it.store.releasePins(FAR, 10)).toBe(0)
  })

  test('can be taken back by the allocation meanwhile, and given up again', async () => {
    const { made, now } = await changed(FREE_AT)
    const { accountId, id } = made
    const query = { accountId, id, pins: forBoth([VN1], ['713', '555']) }
    const seen = await it.store.updateAllocation(query, (_, { takenPins }) => ({ result: takenPins }))
    expect(seen).toEqual({ a: new Set(), b: new Set() })
    await update(now, made, FREE_AT + 10)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: made, party: 'a' })
    expect(await it.byPin(VN1, '555')).toBeUndefined()
    // What it took back is not due any more.
    expect(await it.store.releasePins(FREE_AT, 10)).toBe(0)
    await update(made, now, FREE_AT + 20)
    expect(await it.store.releasePins(FREE_AT + 19, 10)).toBe(0)
    expect(await inUse()).toEqual(new Set(['713', '555', '884']))
    expect(await it.store.releasePins(FREE_AT + 20, 10)).toBe(1)
    expect(await it.byPin(VN1, '555')).toEqual({ allocation: now, party: 'a' })
  })

  test('can be taken back by its other party, and by another kind of change', async () => {
    const { made, now } = await changed(FREE_AT)
    const turned: Allocation = { ...now, b: { ...now.b, vns: [VN1], pin: '713' } }
    await update(now, turned, FREE_AT)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: turned, party: 'b' })
    expect(await inUse(VN2)).toEqual(new Set(['884']))
    await update(turned, now, FREE_AT)
    await it.change(now, made)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: made, party: 'a' })
    // 884 came back with it, and 555 was taken away without an instant.
    expect(await it.byPin(VN2, '884')).toEqual({ allocation: made, party: 'b' })
    expect(await inUse()).toEqual(new Set(['713', '884']))
    expect(await it.store.releasePins(FAR, 10)).toBe(0)
  })

  test.each([
    ['before', FREE_AT - 10],
    ['after', FREE_AT + 10],
  ])('cool off by themselves when it ends and its own are free %s them', async (_, pinsFreeAt) => {
    const { now } = await changed(FREE_AT)
    const over = await it.end(now, pinsFreeAt)
    for (const pin of ['713', '555']) expect(await it.byPin(VN1, pin)).toBeUndefined()
    expect(await inUse()).toEqual(new Set(['713', '555', '884']))
    const [given, own] = [['713'], ['555', '884']]
    const [first, second] = pinsFreeAt < FREE_AT ? [own, given] : [given, own]
    expect(await it.store.releasePins(Math.min(FREE_AT, pinsFreeAt), 10)).toBe(first.length)
    expect(await inUse()).toEqual(new Set(second))
    expect(await it.store.releasePins(Math.max(FREE_AT, pinsFreeAt), 10)).toBe(second.length)
    expect(await inUse()).toEqual(new Set())
    expect(await it.find(now)).toEqual(over)
  })

  test('stay reserved when it ends and its own are free at once', async () => {
    const { now } = await changed(FREE_AT)
    const over = await it.end(now)
    expect(await inUse()).toEqual(new Set(['713']))
    await it.change(over, { ...over, pinsFreeAt: undefined })
    expect(await inUse()).toEqual(new Set(['713']))
    expect(await it.store.hasAllocations(VN1)).toBe(false)
    expect(await it.store.releasePins(FREE_AT, 10)).toBe(1)
    await it.add()
  })

  test('that somebody else has got meanwhile are not touched by their old allocation', async () => {
    const { made, now } = await changed(FREE_AT)
    await it.store.releasePins(FREE_AT, 10)
    const heir = await it.add({ b: { pin: undefined } })
    await expect(update(now, made, FREE_AT)).rejects.toThrow(/UNIQUE/)
    await it.end(now, FREE_AT)
    expect(await it.store.releasePins(FAR, 10)).toBe(2)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: heir, party: 'a' })
  })

  test('open as before when the change cannot be kept whole', async () => {
    const made = await it.add()
    const told = ended(made)
    await it.store.addEvents([told])
    await expect(update(made, withPin(made, '555'), FREE_AT, [told])).rejects.toThrow(/UNIQUE/)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: made, party: 'a' })
    expect(await it.byPin(VN1, '555')).toBeUndefined()
    expect(await it.store.releasePins(FAR, 10)).toBe(0)
  })
})
