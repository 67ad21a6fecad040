import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Cell, recordsOf, remembering } from '../../../src/api/dialects/stealthnet/records.ts'
import { canonicalKey } from '../../../src/engine/pin-databases.ts'
import { couldBeDatabasePin } from '../../../src/engine/pin-range.ts'
import { type Door, openDoor } from '../door.ts'
import { type Client, clientOf } from './client.ts'

let door: Door
let client: Client
beforeAll(async () => {
  door = await openDoor()
  client = clientOf(door)
})
afterAll(() => door.close())

describe('cells need no quotes', () => {
  /** All that the two rules let through of texts that are made to get through. */
  const signs = fc.string({
    unit: fc.constantFrom(...Array.from('09azAZ*#._-+ ,;"\'\n\r\t=@|\\%\0é')),
    maxLength: 33,
  })
  const anything = fc.oneof(signs, fc.string({ unit: 'binary', maxLength: 33 }), fc.string({ maxLength: 33 }))

  test('whatever can be stored is written as it is, and no spreadsheet takes it for a formula', () => {
    fc.assert(
      fc.property(anything, anything, (pin, key) => {
        const kept = [pin].filter(couldBeDatabasePin)
        const canonical = canonicalKey(key, door.account)
        if (canonical !== undefined) kept.push(canonical)
        for (const cell of kept) {
          expect(cell).toMatch(/^[^\p{Cc}",;'\\=@|%\s]+$/u)
          expect(JSON.parse(`"${cell}"`)).toBe(cell)
          expect(recordsOf('csv', []).record([cell, 1])).toBe(`${cell},1\n`)
        }
        for (const cell of [pin].filter(couldBeDatabasePin)) expect(cell).toMatch(/^[0-9A-Za-z]/)
      }),
      { numRuns: 20_000 },
    )
  })

  test('in JSON a record is what JSON.stringify would write', () => {
    const { record } = recordsOf('json', ['pin', 'db', 'expires-at'])
    const cells: Cell[] = ['7-*#._', 1, undefined]
    expect(record(cells)).toBe(JSON.stringify({ pin: '7-*#._', db: 1, 'expires-at': null }))
  })

  const FORMULAS = [
    ...[
      '=1+1',
      '=1',
      '=A1',
      "=cmd|' /C calc'!A0",
      '=HYPERLINK("http://x","y")',
      '=IMPORTXML("http://x")',
      '@SUM(1)',
      '@A1',
    ],
    ...[
      '+1+1',
      '+A1',
      "+cmd|' /C calc'!A0",
      '-1+1',
      '-A1',
      "-2+3+cmd|' /C calc'!A0",
      '+',
      '-',
      '+-1',
      '--1',
      '*1',
      '#REF!',
      '.1',
      '_x',
    ],
    ...[
      '\t=1',
      '\r=1',
      '\n=1',
      ' =1',
      '\ufeff=1',
      '"=1"',
      '"',
      '""',
      '","',
      'a"b',
      '"a',
      'a,b',
      ',',
      ';',
      'a;b',
      "'",
      "'=1",
    ],
    ...[
      'a\nb',
      'a\r\nb',
      '7\n8,1',
      '7\t8',
      '7\0',
      '7\u2028',
      '\uff1d1',
      '\uff0b1',
      '|',
      '7|calc',
      '%',
      '\\',
      '\\n',
      '{}',
      '$A$1',
      '<b>',
      '&amp;',
    ],
  ]

  test('there are enough of them', () => expect(new Set(FORMULAS).size).toBeGreaterThanOrEqual(50))

  test.each(FORMULAS)(
    '%j is refused as a PIN and as a key, by every door of this API, and never stored',
    async (payload) => {
      await client.get({ action: 'write-pins', 'start-pin': '100000', 'end-pin': '100000' })
      const statuses = [
        await client.get({ action: 'write-pins', 'start-pin': payload, 'end-pin': payload }),
        await client.get({ action: 'check-pin', pin: payload }),
        await client.get({ action: 'check-pin', pin: '100000', key: payload }),
        await client.post({ action: 'check-pin', pin: '100000', key: payload }),
      ].map(({ status }) => status)
      expect(statuses).toEqual([403, 403, 403, 403])
      await client.upload(`${payload}\n"${payload.replaceAll('"', '""')}"\n`)
      const stored = await client.records({ action: 'download-db' })
      // A line break ends a line: what stands before and after it are lines of their own.
      const harmless = /^[0-9A-Za-z][0-9A-Za-z*#._-]*$/
      for (const [pin = ''] of stored) expect(pin).toMatch(harmless)
      expect(stored.map(([pin]) => pin)).not.toContain(payload)
      expect(await client.records({ action: 'download-keys' })).toEqual([])
    },
  )
})

test('what is remembered of dates is right, and bounded', () => {
  let asked = 0
  const double = remembering((n: number) => (asked++, n === 7 ? undefined : 2 * n))
  expect([double(1), double(1), double(7), double(7)]).toEqual([2, 2, undefined, undefined])
  expect(asked).toBe(2)
  for (let n = 10; n < 10_010; n++) expect(double(n)).toBe(2 * n)
  // Asked again: it has been forgotten.
  expect(double(1)).toBe(2)
  expect(asked).toBe(10_003)
})
