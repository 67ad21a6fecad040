import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Allocation, Party, PartyName } from '../../../src/engine/allocations.ts'
import type { Surroundings, UpdateQuery } from '../../../src/engine/store.ts'
import { A, account, B, contract, ended, FAR, forBoth, NO_PINS, T0, VN1, VN2 } from './given.ts'

const C = '+919812345678'

contract('an update of an allocation', (it) => {
  /** Sees for each party which of these PINs it cannot get. */
  const update = (of: Allocation, save: Allocation, pins: string[] = [], retiredPinsFreeAt?: number) => {
    const { accountId, id } = of
    const query = { a: { vns: save.a.vns, pins }, b: { vns: save.b.vns, pins } }
    return it.store.updateAllocation({ accountId, id, pins: query }, (_, { takenPins }) => ({
      ...{ save, retiredPinsFreeAt, result: takenPins },
    }))
  }

  test('is decided with the allocation and its surroundings in sight', async () => {
    await it.store.addAccount(account('other'), [])
    const [made, neighbour] = [await it.add(), await it.add({ a: { pin: '111' }, b: { pin: '222' } })]
    const look = (change: Partial<UpdateQuery>) =>
      it.store.updateAllocation(
        { accountId: 'acme', id: made.id, pins: forBoth([VN1, VN2, '+1'], []), ...change },
        (found, seen) => ({ result: { found, ...seen } }),
      )
    const pins = ['713', '884', '111', '222', '333']
    const [first, second] = [new Set(['111']), new Set(['222'])]
    // All on all numbers: what it has itself is not in its way, on whichever number and for whichever party.
    const theirs = new Set(['111', '222'])
    expect(await look({ pins: forBoth([VN1, VN2, '+1'], pins) })).toEqual({
      ...{ found: made, takenPins: { a: theirs, b: theirs }, ownVns: new Set([VN1, VN2]) },
    })
    // Each party is told of its own numbers only.
    for (const [a, b, takenPins] of [
      [[VN1], [VN2], { a: first, b: second }],
      [[VN2], [VN1], { a: second, b: first }],
      [[], [VN1], { a: new Set(), b: first }],
    ] as const)
      expect(await look({ pins: { a: { vns: [...a], pins }, b: { vns: [...b], pins } } })).toMatchObject({
        ...{ takenPins, ownVns: new Set([...a, ...b]) },
      })
    const taken = new Set(['713'])
    expect(await look({ id: neighbour.id, pins: forBoth([VN1], ['713', '111']) })).toMatchObject({
      ...{ found: neighbour, takenPins: { a: taken, b: taken } },
    })
    const nothing: Surroundings['ownVns'] = new Set()
    expect(await look({ accountId: 'other' })).toMatchObject({ found: undefined, ownVns: nothing })
    expect(await look({ id: 'none' })).toMatchObject({ found: undefined, ownVns: new Set([VN1, VN2]) })
    expect(await it.find(made)).toEqual(made)
  })

  test('sees a PIN that cools off on the number as taken', async () => {
    await it.end(await it.add(), T0 + 60_000)
    const made = await it.add({ a: { pin: '111' }, b: { pin: '222' } })
    expect(await update(made, made, ['713', '111'])).toEqual({ a: new Set(['713']), b: new Set() })
  })

  test('is found by what it has then, and by nothing that it had', async () => {
    const made = await it.add()
    const changed: Allocation = {
      ...{ ...made, usage: 'oneway', deallocateAt: Infinity },
      a: { numbers: [C], vns: [VN2], pin: '555' },
      b: { numbers: [B, A], vns: [VN1], pin: undefined },
    }
    await update(made, changed)
    expect(await it.find(made)).toEqual(changed)
    expect(await it.byPin(VN2, '555')).toEqual({ allocation: changed, party: 'a' })
    for (const [vn, pin] of [
      [VN1, '713'],
      [VN2, '884'],
      [VN1, '555'],
    ] as const)
      expect(await it.byPin(vn, pin)).toBeUndefined()
    expect(await it.store.pinsInUse([VN1, VN2], 3)).toEqual(new Set(['555']))
    expect(await it.store.membershipsOn(VN2, C)).toEqual([{ allocation: changed, party: 'a' }])
    expect(await it.store.membershipsOn(VN1, A)).toEqual([{ allocation: changed, party: 'b' }])
    expect(await it.store.membershipsOn(VN1, B)).toEqual([{ allocation: changed, party: 'b' }])
    expect(await it.store.membershipsOn(VN2, B)).toEqual([])
    await it.add({ a: { pin: '713' }, b: { pin: '884' } })
  })

  test('lets the parties swap their PINs and their numbers on the same virtual number', async () => {
    const made = await it.add({ a: { vns: [VN1, VN2] }, b: { vns: [VN2, VN1] } })
    const swapped: Allocation = {
      ...made,
      a: { ...made.a, pin: '884', numbers: [B] },
      b: { ...made.b, pin: '713', numbers: [A] },
    }
    expect(await update(made, swapped, ['713', '884'])).toEqual({ a: new Set(), b: new Set() })
    for (const vn of [VN1, VN2]) {
      expect(await it.byPin(vn, '713')).toEqual({ allocation: swapped, party: 'b' })
      expect(await it.byPin(vn, '884')).toEqual({ allocation: swapped, party: 'a' })
      expect(await it.store.membershipsOn(vn, A)).toEqual([{ allocation: swapped, party: 'b' }])
      expect(await it.store.membershipsOn(vn, B)).toEqual([{ allocation: swapped, party: 'a' }])
    }
  })

  test("takes nobody's PIN, whatever its decision says, and changes nothing then", async () => {
    const [made, neighbour] = [await it.add(), await it.add({ a: { pin: '111' }, b: { pin: '222' } })]
    const told = ended(made)
    const stealing = it.store.updateAllocation({ accountId: 'acme', id: made.id, pins: NO_PINS }, () => ({
      save: { ...made, a: { numbers: [C], vns: [VN1], pin: '111' } },
      events: [told],
      result: 0,
    }))
    await expect(stealing).rejects.toThrow(/UNIQUE/)
    expect(await it.find(made)).toEqual(made)
    expect(await it.byPin(VN1, '713')).toEqual({ allocation: made, party: 'a' })
    expect(await it.byPin(VN1, '111')).toEqual({ allocation: neighbour, party: 'a' })
    expect(await it.store.membershipsOn(VN1, C)).toEqual([])
    expect(await it.eventIds()).toEqual([])
  })

  test('tells its events with it', async () => {
    const made = await it.add()
    const told = ended(made)
    const query = { accountId: 'acme', id: made.id, pins: NO_PINS }
    await it.store.updateAllocation(query, () => ({ save: made, events: [told], result: 0 }))
    expect(await it.eventIds()).toEqual([told.id])
  })

  test('of 20 at once that want the same PIN one gets it', async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) => it.add({ a: { pin: `5${n}` }, b: { pin: undefined } })),
    )
    const won = await Promise.all(
      all.map(({ accountId, id }) =>
        it.store.updateAllocation({ accountId, id, pins: forBoth([VN1], ['999']) }, (found, { takenPins }) =>
          takenPins.a.has('999')
            ? { result: false }
            : { save: { ...found!, a: { ...found!.a, pin: '999' } }, result: true },
        ),
      ),
    )
    expect(won.filter(Boolean)).toHaveLength(1)
    expect((await it.byPin(VN1, '999'))?.allocation.id).toBe(all[won.indexOf(true)]?.id)
  })

  test('in any row of changes is found by what it has and by nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        await it.store.close()
        await it.begin()
        const all: Known[] = [
          { is: await it.add(NOTHING), retired: [] },
          { is: await it.add(NOTHING), retired: [] },
        ]
        for (const { which, ...parties } of steps) {
          const [{ is: before, retired }, other] = [all[which]!, all[1 - which]!]
          if (before.state === 'vault') continue
          const ended = parties.ends ? { state: 'vault' as const, endedAt: T0 } : {}
          const pinsFreeAt = parties.ends === 'cooling' ? FAR : undefined
          const after: Allocation = { ...before, a: parties.a, b: parties.b, ...ended, pinsFreeAt }
          // Only what it has when it ends can cool off.
          if (parties.ends) Object.assign(after, { a: before.a, b: before.b })
          const pins = [...pinsOf(after), ...heldBy(other)]
          const clash = new Set(pins).size < pins.length
          const done = update(before, after, [], parties.retires ? FAR : undefined)
          if (clash) await expect(done).rejects.toThrow(/UNIQUE/)
          else {
            await done
            // What it takes back does not cool off any more, and what has ended has its own cool-off.
            const gaveUp = parties.retires && !parties.ends ? pinsOf(before) : []
            const left = [...retired, ...gaveUp].filter((pin) => !pinsOf(after).includes(pin))
            all[which] = { is: after, retired: left }
          }
          await compare(all)
        }
        const cooling = all.flatMap(({ is, retired }) => [
          ...retired,
          ...(is.state === 'vault' ? pinsOf(is) : []),
        ])
        expect(await it.store.releasePins(FAR, 100)).toBe(cooling.length)
        await compare(all.filter(({ is }) => is.state === 'active').map(({ is }) => ({ is, retired: [] })))
      }),
      { numRuns: 60 },
    )
  })

  async function compare(known: Known[]): Promise<void> {
    const all = known.map(({ is }) => is)
    for (const vn of [VN1, VN2]) {
      const pins = await it.store.pinsInUse([vn], 1)
      expect(pins).toEqual(
        new Set(known.flatMap(heldBy).flatMap((on) => (on.startsWith(vn) ? on.slice(-1) : []))),
      )
      const uses = ({ vns, numbers, pin }: Party) =>
        vns.includes(vn) && (numbers.length > 0 || pin !== undefined)
      const used = all.some(({ a, b, state }) => state === 'active' && [a, b].some(uses))
      expect(await it.store.hasAllocations(vn)).toBe(used)
      for (const pin of PINS) {
        const opens = all.find((one) => one.state === 'active' && pinsOf(one).includes(`${vn} ${pin}`))
        expect((await it.byPin(vn, pin))?.allocation).toEqual(opens)
      }
      for (const number of [A, B, C]) {
        const has = ({ numbers, vns }: Party) => vns.includes(vn) && numbers.includes(number)
        const expected = all.flatMap((one): [string, PartyName][] => {
          if (one.state !== 'active') return []
          return has(one.a) ? [[one.id, 'a']] : has(one.b) ? [[one.id, 'b']] : []
        })
        const found = await it.store.membershipsOn(vn, number)
        expect(found.map(({ allocation: { id }, party }) => [id, party])).toEqual(expected)
      }
    }
  }
})

/** An allocation, and what it gave up and still cools off: a virtual number and a PIN each. */
type Known = { is: Allocation; retired: string[] }

const PINS = ['1', '2', '3']
const NOTHING = { a: { numbers: [], vns: [], pin: undefined }, b: { numbers: [], vns: [], pin: undefined } }

const party: fc.Arbitrary<Party> = fc.record({
  numbers: fc.subarray([A, B, C]),
  vns: fc.subarray([VN1, VN2]),
  pin: fc.constantFrom(undefined, ...PINS),
})
const step = fc.record({
  which: fc.constantFrom(0, 1),
  a: party,
  b: party,
  retires: fc.boolean(),
  ends: fc.constantFrom(false, false, false, 'cooling' as const, 'at once' as const),
})

function heldBy({ is, retired }: Known): string[] {
  return [...pinsOf(is), ...retired]
}

function pinsOf({ a, b, state, pinsFreeAt }: Allocation): string[] {
  if (state === 'vault' && pinsFreeAt === undefined) return []
  return [a, b].flatMap(({ vns, pin }) => (pin === undefined ? [] : vns.map((vn) => `${vn} ${pin}`)))
}
