import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MOST_OF_ACCOUNT, MOST_RINGING, nextInTurn } from '../../src/calls/turns.ts'

const ACCOUNTS: string[] = ['a', 'b', 'c', 'd', 'e']

type One = { accountId: string; createdAt: number }

const waits = (accountId: string, createdAt: number): One => ({ accountId, createdAt })
const many = (accountId: string, count: number) =>
  Array.from({ length: count }, (_, n) => waits(accountId, n))
const of = (accountId: string, next: readonly One[]) => next.filter((one) => one.accountId === accountId)

describe('who may ring next', () => {
  test('is whoever of an account has waited longest, as many as it may have', () => {
    const all = many('a', MOST_OF_ACCOUNT + 3)
    expect(nextInTurn(all, new Map())).toEqual(all.slice(0, MOST_OF_ACCOUNT))
    expect(nextInTurn(all, new Map([['a', MOST_OF_ACCOUNT - 2]]))).toEqual(all.slice(0, 2))
    expect(nextInTurn(all, new Map([['a', MOST_OF_ACCOUNT]]))).toEqual([])
  })

  test('accounts take turns, those of whom the fewest ring first', () => {
    const [a1, a2, b1, c1] = [waits('a', 1), waits('a', 2), waits('b', 3), waits('c', 4)]
    expect(nextInTurn([a1, a2, b1, c1], new Map())).toEqual([a1, b1, c1, a2])
    expect(nextInTurn([a1, a2, b1, c1], new Map([['b', 1]]))).toEqual([a1, c1, a2, b1])
    expect(nextInTurn([a1, b1], new Map([['a', 3]]))).toEqual([b1, a1])
  })

  test('everybody has a first, even where all places are taken', () => {
    const ringing = new Map(Array.from({ length: MOST_RINGING }, (_, n) => [`busy ${n}`, 1]))
    const next = nextInTurn([...many('a', 5), ...many('b', 5), waits('busy 0', 0)], ringing)
    expect(next).toEqual([waits('a', 0), waits('b', 0)])
  })

  test('whoever waits, nobody has more than may be, and nobody waits who has none', () => {
    const account = fc.constantFrom(...ACCOUNTS)
    const waiting = fc.array(fc.record({ accountId: account, createdAt: fc.nat(9) }), { maxLength: 150 })
    const ringing = fc.array(fc.tuple(account, fc.integer({ min: 1, max: 30 })), { maxLength: 5 })
    fc.assert(
      fc.property(waiting, ringing, (all, counts) => {
        const before = new Map(counts)
        const next = nextInTurn(all, before)
        const total = [...before.values()].reduce((sum, count) => sum + count, 0)
        let firsts = 0
        for (const id of ACCOUNTS) {
          const [mine, had] = [of(id, next), before.get(id) ?? 0]
          // Those of an account in their order.
          expect(mine).toEqual(of(id, all).slice(0, mine.length))
          expect(mine.length).toBeLessThanOrEqual(Math.max(MOST_OF_ACCOUNT - had, 0))
          if (had === 0 && of(id, all).length > 0) {
            firsts++
            expect(mine.length).toBeGreaterThan(0)
          }
        }
        expect(next.length).toBeLessThanOrEqual(Math.max(MOST_RINGING - total, 0) + firsts)
        // Nothing is left free that somebody wants.
        const free = MOST_RINGING - total - next.length
        for (const id of ACCOUNTS) {
          const has = (before.get(id) ?? 0) + of(id, next).length
          if (free > 0)
            expect(of(id, next).length === of(id, all).length || has >= MOST_OF_ACCOUNT).toBe(true)
        }
      }),
    )
  })
})
