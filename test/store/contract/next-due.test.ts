import { expect, test } from '@jest/globals'
import type { Allocation } from '../../../src/engine/allocations.ts'
import { type Change, contract, NO_PINS, T0 } from './given.ts'

contract('when the next thing of an allocation falls due', (it) => {
  const next = () => it.store.nextDueAt()
  let pins = 100
  /** With PINs of its own. */
  const add = (change: Change) => it.add({ ...change, a: { pin: `${++pins}` }, b: { pin: `${++pins}` } })

  /** Gives up a PIN. */
  const giveUp = ({ accountId, id }: Allocation, retiredPinsFreeAt: number) =>
    it.store.updateAllocation({ accountId, id, pins: NO_PINS }, (found) => ({
      ...{ save: { ...found!, a: { ...found!.a, pin: undefined } }, retiredPinsFreeAt, result: undefined },
    }))

  test('is never without any, and with those whose time has passed that time', async () => {
    expect(await next()).toBeUndefined()
    await add({ deallocateAt: T0 - 1 })
    expect(await next()).toBe(T0 - 1)
  })

  test('is the end of the one that ends first, of those that are active', async () => {
    await add({ deallocateAt: T0 + 30 })
    const first = await add({ deallocateAt: T0 + 10 })
    const second = await add({ deallocateAt: T0 + 20 })
    expect(await next()).toBe(T0 + 10)
    await it.change(first, { ...first, deallocateAt: T0 + 40 })
    expect(await next()).toBe(T0 + 20)
    await it.end(second)
    expect(await next()).toBe(T0 + 30)
  })

  test('is the instant of the first PIN that cools off, of an ended one or given up, if nothing ends before', async () => {
    await add({ deallocateAt: T0 + 100 })
    await it.end(await add({ deallocateAt: T0 + 1 }), T0 + 30)
    expect(await next()).toBe(T0 + 30)
    await giveUp(await add({ deallocateAt: T0 + 101 }), T0 + 20)
    expect(await next()).toBe(T0 + 20)
    const first = await add({ deallocateAt: T0 + 10 })
    expect(await next()).toBe(T0 + 10)
    await it.end(first)
    await it.store.releasePins(T0 + 20, 10)
    expect(await next()).toBe(T0 + 30)
    await it.store.releasePins(T0 + 30, 10)
    expect(await next()).toBe(T0 + 100)
  })

  test('is never when all that is there has no end', async () => {
    const endless = await add({ deallocateAt: Infinity })
    expect(await next()).toBeUndefined()
    await it.end(await add({}), Infinity)
    expect(await next()).toBeUndefined()
    await giveUp(endless, T0 + 5)
    expect(await next()).toBe(T0 + 5)
    await it.store.releasePins(T0 + 5, 10)
    expect(await next()).toBeUndefined()
    await add({ deallocateAt: T0 + 7 })
    expect(await next()).toBe(T0 + 7)
  })
})
