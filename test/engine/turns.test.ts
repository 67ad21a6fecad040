import { expect, test } from '@jest/globals'
import { inTurn } from '../../src/engine/turns.ts'

type One = { accountId: string; campaignId: string; createdAt: number }

const PLACES = { ofAccount: 3, inAll: 5 }
const one = (campaignId: string, createdAt: number): One => ({ accountId: 'a', campaignId, createdAt })
const many = (campaignId: string, count: number) =>
  Array.from({ length: count }, (_, n) => one(campaignId, n))
const next = (waiting: One[], underWay = new Map<string, number>()) =>
  inTurn(waiting, underWay, PLACES, ({ campaignId }) => campaignId)

test('what takes turns in the place of accounts has as many places as an account, whoever has it', () => {
  expect(next(many('x', 9))).toEqual(many('x', 3))
  expect(next([...many('x', 9), one('y', 99)])).toEqual([
    ...[one('x', 0), one('y', 99), one('x', 1), one('x', 2)],
  ])
  expect(next([...many('x', 9), one('y', 99)], new Map([['x', 3]]))).toEqual([one('y', 99)])
  // What is under way of the account is none of it.
  expect(next(many('x', 9), new Map([['a', 4]]))).toEqual([one('x', 0)])
})

test('and everything that takes turns has a first, where all places are taken', () => {
  const taken = new Map([
    ['x', 3],
    ['y', 2],
  ])
  expect(next([...many('x', 2), ...many('y', 2), ...many('z', 2)], taken)).toEqual([one('z', 0)])
})
