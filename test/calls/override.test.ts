import { expect, test } from '@jest/globals'
import { asked } from '../../src/calls/override.ts'
import type { VirtualNumber } from '../../src/engine/accounts.ts'

const MASKED: VirtualNumber = { number: '+916292134471', accountId: 'a', flow: 'masking' }
const LINE: VirtualNumber = { ...MASKED, flow: 'pin-line', database: 3 }

test.each<[VirtualNumber, string[], Partial<VirtualNumber>]>([
  [MASKED, [], MASKED],
  [LINE, [], LINE],
  [MASKED, ['masking'], MASKED],
  [MASKED, ['pin-line'], { ...MASKED, flow: 'pin-line' }],
  [MASKED, ['pin-line', 'db=7'], { ...MASKED, flow: 'pin-line', database: 7 }],
  [LINE, ['pin-line'], LINE],
  [LINE, ['pin-line', 'db=9999'], { ...LINE, database: 9999 }],
  [LINE, ['pin-line', 'db=007'], { ...LINE, database: 7 }],
  [LINE, ['masking'], { ...LINE, flow: 'masking' }],
])('%j with Stasis(pinbridge,%p)', (vn, args, expected) => {
  expect(asked(vn, args)).toEqual(expected)
})

test.each(['', 'Masking', 'pinline', 'toString', 'leg '])('no flow is named %p', (name) => {
  expect(() => asked(LINE, [name])).toThrow('a flow that is not one of masking, pin-line')
})

test.each([
  [['pin-line', '']],
  [['pin-line', 'db=']],
  [['pin-line', 'db=0']],
  [['pin-line', 'db=10000']],
  [['pin-line', 'db=1.5']],
  [['pin-line', 'db=-1']],
  [['pin-line', 'db= 1']],
  [['pin-line', '7']],
  [['pin-line', 'DB=7']],
  [['pin-line', 'db=7', 'db=7']],
  [['pin-line', 'db=7', '']],
  [['masking', 'db=7']],
])('%j is refused whole', (args) => {
  expect(() => asked(LINE, args)).toThrow('does not take')
})
