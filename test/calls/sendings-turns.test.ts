import { expect, test } from '@jest/globals'
import { oneToEach } from '../../src/calls/sendings.ts'
import { MOST_OF_ACCOUNT } from '../../src/calls/turns.ts'
import type { Sending } from '../../src/engine/subscription-store.ts'

/** A PIN that is owed to a number, the `n`th of all. */
function owed(n: number, to: string): Sending {
  return {
    ...{ id: `s${n}`, subscriptionId: `of ${to}`, accountId: 'acme', campaignId: `c${n}`, to, means: 'call' },
    ...{ state: 'waiting', outcome: undefined, tries: 0, createdAt: n, dueAt: n, endedAt: undefined },
  }
}

const A = '+254700001000'
const B = '+254700001001'
const ids = (sendings: Sending[]) => sendings.map(({ id }) => id)

test('a number is called for one PIN at a time, the oldest first', () => {
  expect(ids(oneToEach([owed(1, A), owed(2, B), owed(3, A)], new Map(), []))).toEqual(['s1', 's2'])
})

test('a number that is being called is not called for another', () => {
  expect(ids(oneToEach([owed(2, A), owed(3, B)], new Map([['acme', 1]]), [owed(1, A)]))).toEqual(['s3'])
})

test('PINs that wait for their number take nobody a turn', () => {
  const many = Array.from({ length: MOST_OF_ACCOUNT }, (_, n) => owed(n + 2, A))
  const waiting = [...many, owed(99, B)]
  expect(ids(oneToEach(waiting, new Map([['acme', 1]]), [owed(1, A)]))).toEqual(['s99'])
})
