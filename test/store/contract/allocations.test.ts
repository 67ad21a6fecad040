import { expect, test } from '@jest/globals'
import type { Allocation } from '../../../src/engine/allocations.ts'
import type { AllocationQuery, PinQuery, Surroundings } from '../../../src/engine/store.ts'
import { keyed } from '../../support/context.ts'
import { A, account, ALL, allocation, B, contract, ended, FAR, forBoth, T0, VN1, VN2 } from './given.ts'

contract('allocations', (it) => {
  test('come back as they were, with and without PIN, to their own account only', async () => {
    const made = await it.add({ b: { pin: undefined, numbers: [] } })
    expect(await it.find(made)).toEqual(made)
    expect(await it.store.findAllocation('other', made.id)).toBeUndefined()
    const seen = await it.store.changeAllocation('other', made.id, (found) => ({ result: found }))
    expect(seen).toBeUndefined()
    const changed: Allocation = {
      ...made,
      usage: 'oneway',
      deallocateAt: T0 + 5,
      a: { ...made.a, vns: [VN2] },
    }
    await it.change(made, changed)
    expect(await it.find(made)).toEqual(changed)
  })

  test('are decided with their surroundings in sight', async () => {
    const made = await it.add()
    const { transactionId } = made
    const look = (of: Partial<AllocationQuery>): Promise<Surroundings> =>
      it.store.addAllocation(
        { accountId: 'acme', transactionId: 'new', pins: forBoth([VN1, VN2, '+1'], []), ...of },
        (seen) => ({ result: seen }),
      )
    const takenPins = { a: new Set(), b: new Set() }
    const ownVns = new Set([VN1, VN2])
    expect(await look({})).toEqual({ sameTransaction: undefined, takenPins, ownVns })
    expect(await look({ transactionId })).toEqual({ sameTransaction: made, takenPins, ownVns })
    expect(await look({ transactionId, accountId: 'other' })).toEqual({
      ...{ sameTransaction: undefined, takenPins, ownVns: new Set() },
    })
  })

  test('are decided with the PINs in sight that each party cannot get on its own virtual numbers', async () => {
    await it.add()
    const pins = ['713', '884', '1']
    const look = (a: string[], b: string[]): Promise<object> => {
      const query = { a: { vns: a, pins }, b: { vns: b, pins } }
      return it.store.addAllocation(
        { accountId: 'acme', transactionId: 'new', pins: query },
        ({ takenPins, ownVns }) => ({ result: { ...takenPins, ownVns } }),
      )
    }
    const [first, second, both] = [new Set(['713']), new Set(['884']), new Set(['713', '884'])]
    const ownVns = new Set([VN1, VN2])
    expect(await look([VN1], [VN2])).toEqual({ a: first, b: second, ownVns })
    expect(await look([VN2], [VN1])).toEqual({ a: second, b: first, ownVns })
    expect(await look([VN1], [VN1])).toEqual({ a: first, b: first, ownVns: new Set([VN1]) })
    expect(await look([VN1, '+1', VN2], [])).toEqual({ a: both, b: new Set(), ownVns })
    expect(await look(['+1'], [VN2, VN1])).toEqual({ a: new Set(), b: both, ownVns })
    const query: PinQuery = { a: { vns: [VN1], pins: ['1'] }, b: { vns: [VN1], pins: ['713'] } }
    const taken = await it.store.addAllocation(
      { accountId: 'acme', transactionId: 'new', pins: query },
      ({ takenPins }) => ({ result: takenPins }),
    )
    expect(taken).toEqual({ a: new Set(), b: first })
  })

  test('are found by a PIN and by a number of theirs on a virtual number', async () => {
    const made = await it.add()
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: made, party: 'a' })
    expect(await it.byPin(VN2, '884')).toEqual({ allocation: made, party: 'b' })
    expect(await it.byPin(VN2, '713')).toBeUndefined()
    expect(await it.byPin(VN1, '0713')).toBeUndefined()
    expect(await it.store.membershipsOn(VN1, A)).toEqual([{ allocation: made, party: 'a' }])
    expect(await it.store.membershipsOn(VN1, B)).toEqual([])
    const second = await it.add({ a: { vns: [VN1], pin: '2' }, b: { pin: undefined } })
    expect(await it.store.membershipsOn(VN1, A)).toEqual([
      { allocation: made, party: 'a' },
      { allocation: second, party: 'a' },
    ])
  })

  test('a number that joins is found, one that leaves is not, a PIN that changes neither', async () => {
    const made = await it.add()
    const joined: Allocation = { ...made, a: { ...made.a, numbers: [A, '+919812345678'], pin: '555' } }
    await it.change(made, joined)
    expect(await it.store.membershipsOn(VN1, '+919812345678')).toEqual([{ allocation: joined, party: 'a' }])
    expect(await it.store.pinsInUse([VN1, VN2], 3)).toEqual(new Set(['555', '884']))
    await it.change(joined, { ...joined, a: { ...joined.a, numbers: ['+919812345678'] } })
    expect(await it.store.membershipsOn(VN1, A)).toEqual([])
  })

  test('a virtual number is in use while it has members or PINs', async () => {
    const inUse = () => Promise.all([VN1, VN2, '+1'].map((vn) => it.store.hasAllocations(vn)))
    expect(await inUse()).toEqual([false, false, false])
    const made = await it.add({ a: { numbers: [] }, b: { pin: undefined } })
    expect(await inUse()).toEqual([true, true, false])
    await it.end(made)
    expect(await inUse()).toEqual([false, false, false])
  })

  test('one that has ended is found by nothing but its id, and its PINs are free', async () => {
    const made = await it.add()
    await it.end(made)
    for (const [vn, pin, number] of [
      [VN1, '713', A],
      [VN2, '884', B],
    ] as const) {
      expect(await it.byPin(vn, pin)).toBeUndefined()
      expect(await it.store.membershipsOn(vn, number)).toEqual([])
    }
    expect(await it.store.pinsInUse([VN1, VN2], 3)).toEqual(new Set())
    expect(await it.store.dueAllocations(FAR, 10)).toEqual([])
    expect(await it.find(made)).toMatchObject({ state: 'vault', endedAt: T0 + 1 })
    const { transactionId } = made
    await it.add({ transactionId })
  })

  test('a PIN opens one party on a virtual number, whatever a decision says', async () => {
    const made = await it.add()
    const taken = [
      allocation({ a: { pin: '713' }, b: { pin: '1' } }),
      allocation({ a: { vns: [VN2], pin: '884' }, b: { pin: '2' } }),
      allocation({ a: { pin: '3' }, b: { vns: [VN1], pin: '713' } }),
      allocation({ a: { pin: '4', vns: [VN1] }, b: { pin: '4', vns: [VN1] } }),
    ]
    for (const one of taken) {
      await expect(it.insert(one, [ended(one)])).rejects.toThrow(/UNIQUE/)
      expect(await it.find(one)).toBeUndefined()
    }
    expect(await it.store.pinsInUse([VN1, VN2], 1)).toEqual(new Set())
    expect(await it.store.pinsInUse([VN1, VN2], 3)).toEqual(new Set(['713', '884']))
    expect(await it.eventIds()).toEqual([])
    const other = await it.add({ a: { pin: '5' }, b: { pin: '6' } })
    await expect(it.change(other, { ...other, a: { ...other.a, pin: '713' } })).rejects.toThrow(/UNIQUE/)
    expect(await it.find(other)).toEqual(other)
    expect(await it.store.changeByPin(keyed(VN1, '713'), (found) => ({ result: found?.allocation.id }))).toBe(
      made.id,
    )
  })

  test('a transaction id is unique among the active ones of an account', async () => {
    const made = await it.add()
    const twin = allocation({ transactionId: made.transactionId, a: { pin: '1' }, b: { pin: '2' } })
    await expect(it.insert(twin)).rejects.toThrow(/UNIQUE/)
  })

  test('are due oldest first, at their instant, at most as many as wanted', async () => {
    const ids: string[] = []
    for (const minutes of [3, 1, 2]) {
      const pins = { a: { pin: `1${minutes}` }, b: { pin: `2${minutes}` } }
      ids[minutes] = (await it.add({ ...pins, deallocateAt: T0 + minutes * 60_000 })).id
    }
    const due = async (now: number, limit = 10) =>
      (await it.store.dueAllocations(now, limit)).map(({ id }) => id)
    expect(await due(T0 + 59_999)).toEqual([])
    expect(await due(T0 + 60_000)).toEqual([ids[1]])
    expect(await due(FAR)).toEqual([ids[1], ids[2], ids[3]])
    expect(await due(FAR, 2)).toEqual([ids[1], ids[2]])
    expect(await it.store.dueAllocations(FAR, 1)).toEqual([{ account: account('acme', ALL), id: ids[1] }])
  })

  test('that nothing ends are never due, and say so', async () => {
    const made = await it.add({ deallocateAt: Infinity })
    expect(await it.find(made)).toEqual(made)
    expect(await it.store.dueAllocations(FAR, 10)).toEqual([])
    await it.change(made, { ...made, deallocateAt: T0 })
    expect(await it.store.dueAllocations(T0, 10)).toMatchObject([{ id: made.id }])
    await it.change(made, made)
    expect(await it.find(made)).toEqual(made)
    expect(await it.store.dueAllocations(FAR, 10)).toEqual([])
    const over = await it.end(made)
    expect(await it.find(made)).toEqual(over)
  })

  test('of a life longer than any calendar are not due before the others', async () => {
    const farAway = Date.UTC(9999, 11, 31) + 86_400_000 * 366
    await it.add({ deallocateAt: farAway })
    await it.add({ deallocateAt: 8.64e15 + 1, a: { pin: '1' }, b: { pin: '2' } })
    expect(await it.store.dueAllocations(FAR, 10)).toEqual([])
  })

  test('that are due come with their own account', async () => {
    await it.store.addAccount(account('other'), [])
    const mine = await it.add({ deallocateAt: T0 })
    const theirs = await it.add({
      accountId: 'other',
      deallocateAt: T0 + 1,
      a: { pin: '1' },
      b: { pin: '2' },
    })
    const also = await it.add({ deallocateAt: T0 + 2, a: { pin: '3' }, b: { pin: '4' } })
    expect(await it.store.dueAllocations(FAR, 10)).toEqual([
      { account: account('acme', ALL), id: mine.id },
      { account: account('other'), id: theirs.id },
      { account: account('acme', ALL), id: also.id },
    ])
  })
})
