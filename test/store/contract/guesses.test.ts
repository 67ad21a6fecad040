import { expect, test } from '@jest/globals'
import { SCOPES, type Blame, type Guesser } from '../../../src/engine/guard.ts'
import { keyed } from '../../support/context.ts'
import { contract, failing, T0, VN1 } from './given.ts'

contract('wrong PINs', (it) => {
  const names = (name: string): Guesser => ({ caller: name, place: name, way: name })
  const query = (guesser: Guesser) => ({ accountId: 'acme', number: 1, pin: '1', key: 'k', guesser })
  const tallies = (guesser: Guesser) =>
    it.store.checkPin(query(guesser), ({ suspicion }) => ({ result: suspicion.tallies }))
  const tally = (n: number, forgetAt = T0) => ({
    emptyAt: T0 + n,
    lockedUntil: T0 + 2 * n,
    strikes: n,
    forgetAt,
  })
  const blame = (n: number, forgetAt?: number): Blame => ({
    ...{ caller: tally(n, forgetAt), place: tally(n + 1, forgetAt), way: tally(n + 2, forgetAt) },
  })
  const keep = (guesser: Guesser, kept: Blame) =>
    it.store.checkPin(query(guesser), () => ({ blame: kept, result: 0 }))
  const kept = (n: number) =>
    Object.fromEntries(
      SCOPES.map((scope, i) => [
        scope,
        { emptyAt: T0 + n + i, lockedUntil: T0 + 2 * (n + i), strikes: n + i },
      ]),
    )
  const NONE = { caller: undefined, place: undefined, way: undefined }

  test('are remembered by scope and name, as they were told last', async () => {
    await keep(names('a'), blame(1))
    await keep(names('b'), blame(5))
    expect(await tallies(names('a'))).toEqual(kept(1))
    await keep(names('a'), blame(2))
    expect(await tallies(names('a'))).toEqual(kept(2))
    expect(await tallies(names('b'))).toEqual(kept(5))
    expect(await tallies(names('c'))).toEqual(NONE)
    expect(await tallies({ caller: 'a', place: 'b', way: 'c' })).toEqual({
      ...{ caller: kept(2)['caller'], place: kept(5)['place'], way: undefined },
    })
  })

  test('are remembered for virtual numbers and databases alike', async () => {
    const vn = { ...keyed(VN1, '1'), guesser: names('a') }
    await it.store.changeByPin(vn, () => ({ blame: blame(3), result: 0 }))
    expect(await tallies(names('a'))).toEqual(kept(3))
    expect(await it.store.changeByPin(vn, (_, { tallies }) => ({ result: tallies }))).toEqual(kept(3))
    await expect(it.store.changeByPin(vn, failing('bug'))).rejects.toThrow('bug')
    expect(await tallies(names('a'))).toEqual(kept(3))
  })

  test('are forgotten when they say nothing any more, the oldest first, so many at a time', async () => {
    for (const [i, name] of ['c', 'a', 'b', 'd'].entries()) await keep(names(name), blame(1, T0 + i))
    expect(await it.store.forgetGuesses(T0 - 1, 100)).toBe(0)
    expect(await it.store.forgetGuesses(T0 + 2, 6)).toBe(6)
    expect([await tallies(names('c')), await tallies(names('a'))]).toEqual([NONE, NONE])
    expect(await tallies(names('b'))).toEqual(kept(1))
    expect(await it.store.forgetGuesses(T0 + 2, 6)).toBe(3)
    expect(await it.store.forgetGuesses(T0 + 2, 6)).toBe(0)
    expect(await tallies(names('d'))).toEqual(kept(1))
  })
})
