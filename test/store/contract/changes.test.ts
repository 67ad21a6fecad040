import { expect, test } from '@jest/globals'
import type { Allocation } from '../../../src/engine/allocations.ts'
import { keyed } from '../../support/context.ts'
import { A, account, allocation, call, contract, ended, failing, NO_PINS, refused, T0, VN1 } from './given.ts'

contract('a change', (it) => {
  test('whose event cannot be written is not kept', async () => {
    const before = await it.add()
    const open = call()
    await it.store.addCall(open)
    const told = ended(before)
    await it.store.addEvents([told])
    const again = { ...told }
    const other = allocation({ a: { pin: '1' }, b: { pin: '2' } })
    const joined: Allocation = { ...before, a: { ...before.a, numbers: [A, '+919812345678'] } }
    const attempts = [
      () => it.insert(other, [ended(other), again]),
      () => it.change(before, { ...before, state: 'vault', endedAt: T0 }, [again]),
      () =>
        it.store.changeByPin(keyed(VN1, '713'), () => ({ save: joined, events: [again], result: undefined })),
      () =>
        it.store.changeCall(open.id, () => ({
          save: { ...open, state: 'ended', endedAt: T0 },
          events: [again],
          result: undefined,
        })),
      () =>
        it.store.updateAllocation({ accountId: 'acme', id: before.id, pins: NO_PINS }, () => ({
          ...{ save: { ...joined, a: { ...joined.a, pin: '9' } }, events: [again], result: undefined },
        })),
      () => it.store.addEvents([refused('acme'), again]),
    ]
    for (const attempt of attempts) await expect(attempt()).rejects.toThrow(/UNIQUE/)
    expect(await it.find(other)).toBeUndefined()
    expect(await it.find(before)).toEqual(before)
    expect(await it.store.membershipsOn(VN1, '+919812345678')).toEqual([])
    expect(await it.store.pinsInUse([VN1], 3)).toEqual(new Set(['713']))
    expect(await it.store.pinsInUse([VN1], 1)).toEqual(new Set())
    expect(await it.callOf(open.id)).toEqual(open)
    expect(await it.eventIds()).toEqual([told.id])
  })

  test('whose decision throws changes nothing, and takes nothing else with it', async () => {
    const made = await it.add()
    const open = call()
    await it.store.addCall(open)
    const results = await Promise.allSettled([
      it.store.touch(T0),
      it.store.changeAllocation('acme', made.id, failing('one')),
      it.store.addEvents([refused('acme', T0, 'kept')]),
      it.store.addAllocation(it.query(allocation()), failing('two')),
      it.store.changeByPin(keyed(VN1, '713'), failing('three')),
      it.change(made, { ...made, usage: 'oneway' }),
      it.store.changeCall(open.id, failing('four')),
      it.store.addAccount(account('late'), []),
      it.store.updateAllocation({ accountId: 'acme', id: made.id, pins: NO_PINS }, failing('five')),
    ])
    expect(results.map((one) => (one.status === 'rejected' ? String(one.reason) : one.status))).toEqual([
      ...['fulfilled', 'Error: one', 'fulfilled', 'Error: two', 'Error: three', 'fulfilled'],
      ...['Error: four', 'fulfilled', 'Error: five'],
    ])
    expect(await it.store.lastAlive()).toBe(T0)
    expect(await it.find(made)).toEqual({ ...made, usage: 'oneway' })
    expect(await it.eventIds()).toEqual(['kept'])
    expect(await it.store.accounts()).toHaveLength(2)
  })

  test('sees all that went before it: of 50 at once none is lost, and one of 50 twins is born', async () => {
    const made = await it.add()
    const open = call({ to: '' })
    await it.store.addCall(open)
    const fifty = Array.from({ length: 50 }, (_, n) => n)
    const twins = fifty.map((n) =>
      allocation({ id: `twin-${n}`, transactionId: 'same', a: { pin: '1' }, b: { pin: '2' } }),
    )
    const born = await Promise.all(
      fifty.flatMap((n) => [
        it.store.changeAllocation('acme', made.id, (found) => {
          const { numbers } = found!.a
          return {
            save: { ...found!, a: { ...found!.a, numbers: [...numbers, `+${n}`] } },
            result: 'no twin',
          }
        }),
        it.store.changeCall(open.id, (found) => ({
          save: { ...found!, to: `${found!.to}.` },
          result: 'no twin',
        })),
        it.store.addAllocation(it.query(twins[n]!), ({ sameTransaction }) =>
          sameTransaction ? { result: 'no twin' } : { save: twins[n]!, result: 'born' },
        ),
      ]),
    )
    expect((await it.find(made))?.a.numbers).toHaveLength(51)
    expect((await it.callOf(open.id))?.to).toBe('.'.repeat(50))
    expect(born.filter((result) => result === 'born')).toHaveLength(1)
  })

  test('is one with its events: what can be read of it can be told', async () => {
    const made = await it.add()
    const told = ended(made)
    const reading = it.change(made, { ...made, state: 'vault', endedAt: T0 }, [told])
    expect(await it.find(made)).toEqual(made)
    expect(await it.eventIds()).toEqual([])
    await reading
    expect(await it.find(made)).toMatchObject({ state: 'vault' })
    expect(await it.eventIds()).toEqual([told.id])
  })

  test('closing waits for what was begun, and nothing is taken after it', async () => {
    const other = it.open()
    const last = other.touch(T0)
    await other.close()
    await expect(last).resolves.toBeUndefined()
    await expect(other.touch(T0)).rejects.toThrow(/closed/)
  })
})
