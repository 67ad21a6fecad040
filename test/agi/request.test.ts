import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BadRequest, checkRequest } from '../../src/agi/request.ts'

const NOTHING = { account: undefined, database: undefined, pin: undefined, attempts: undefined }

test.each([
  ['check', {}],
  ['check?', {}],
  ['check?db=1', { database: 1 }],
  ['check?db=9999&attempts=9', { database: 9999, attempts: 9 }],
  ['check?attempts=1&account=acme-8n35&db=7', { attempts: 1, account: 'acme-8n35', database: 7 }],
  ['check?db=1&pin=0471', { database: 1, pin: '0471' }],
  // Read() without a key leaves its variable empty: that is a PIN that opens nothing.
  ['check?pin=', { pin: '' }],
  ['check?pin', { pin: '' }],
  ['check?pin=12=34', { pin: '12=34' }],
  ['check?pin=a?b', { pin: 'a?b' }],
  ['check?pin=%34%37%2b%26db%3d2', { pin: '47+&db=2' }],
  ['check?pin=+4', { pin: '+4' }],
  ['check?pin=*12#', { pin: '*12#' }],
])('%s', (script, asked) => {
  expect(checkRequest(script)).toEqual({ ...NOTHING, ...asked })
})

test('arguments are parameters as well', () => {
  expect(checkRequest('check?db=2', ['pin=0471', 'attempts=3'])).toEqual({
    ...{ ...NOTHING, database: 2, pin: '0471', attempts: 3 },
  })
  expect(checkRequest('check', ['pin='])).toEqual({ ...NOTHING, pin: '' })
  expect(() => checkRequest('check?pin=1', ['pin=1'])).toThrow('pin is given twice')
  expect(() => checkRequest('check', ['4711'])).toThrow('a parameter is unknown')
  // An argument is one parameter.
  expect(checkRequest('check', ['pin=1&db=2'])).toEqual({ ...NOTHING, pin: '1&db=2' })
})

describe('refused:', () => {
  test.each([
    ['', 'the only script is check'],
    ['check/', 'the only script is check'],
    ['CHECK', 'the only script is check'],
    ['4711', 'the only script is check'],
    ['check/../check', 'the only script is check'],
    ['check&db=1', 'the only script is check'],
    ['check?db=1&db=1', 'db is given twice'],
    ['check?pin=4711&pin=4712', 'pin is given twice'],
    ['check?4711', 'a parameter is unknown'],
    ['check?pin=4711&', 'a parameter is unknown'],
    ['check?PIN=4711', 'a parameter is unknown'],
    ['check?db[]=1', 'a parameter is unknown'],
    ['check?__proto__=1', 'a parameter is unknown'],
    ['check?pin=%4', 'pin is not percent-encoded'],
    ['check?account=%ff', 'account is not percent-encoded'],
    ['check?account=', 'account is empty'],
    ...['', '0', '01', '-1', '1.5', '1e3', '10000', ' 1', '1 ', '١', '0x1'].map((db) => [
      `check?db=${db}`,
      'db is not a number from 1 to 9999',
    ]),
    ...['', '0', '10', '03'].map((n) => [`check?attempts=${n}`, 'attempts is not a number from 1 to 9']),
  ])('%s, because %s', (script, reason) => {
    expect(() => checkRequest(script)).toThrow(new BadRequest(reason))
  })

  test('nothing of what a caller may have keyed is in the reason', () => {
    const wrong = fc.tuple(
      fc.constantFrom('check?', 'check?pin=1&', 'check?db=', '', 'check?pin=%'),
      fc.string(),
    )
    fc.assert(
      fc.property(wrong, ([start, rest]) => {
        try {
          checkRequest(`${start}${rest}730951864`)
        } catch (error) {
          expect(error).toBeInstanceOf(BadRequest)
          expect((error as Error).message).not.toContain('730951864')
        }
      }),
    )
  })
})
