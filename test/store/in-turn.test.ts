import { expect, test } from '@jest/globals'
import { inTurn } from '../../src/store/sqlite/in-turn.ts'

test('one piece of work in each turn of the event loop, in the order in which they came', async () => {
  const done: string[] = []
  const work = ['a', 'b', 'c'].map((name) => inTurn(() => done.push(name)))
  expect(done).toEqual([])
  for (const so of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
    await new Promise(setImmediate)
    expect(done).toEqual(so)
  }
  await Promise.all(work)
})

test('one that throws keeps no other from its turn, nor does one that asks for more', async () => {
  const failed = inTurn(() => {
    throw new Error('no page')
  })
  const asksAgain = inTurn(() => inTurn(() => 'later'))
  const last = inTurn(() => 'last')
  await expect(failed).rejects.toThrow('no page')
  expect(await Promise.all([asksAgain, last])).toEqual(['later', 'last'])
  expect(await inTurn(() => 'after a rest')).toBe('after a rest')
})
