import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ACTIONS } from '../../../src/api/dialects/stealthnet/schema.ts'
import { couldBeDatabasePin } from '../../../src/engine/pin-range.ts'
import { type Door, openDoor } from '../door.ts'
import { type Client, clientOf, expectRefusal, GRANTED, type Parameters } from './client.ts'

let door: Door
let client: Client
beforeAll(async () => {
  door = await openDoor()
  client = clientOf(door)
})
afterAll(() => door.close())

const state = async () => [
  (await client.get({ action: 'download-dbs', output: 'json' })).text,
  (await client.get({ action: 'download-keys' })).text,
]

/** Values that no parameter of these takes. */
const WRONG: Record<string, string[]> = {
  action: ['', 'x', 'Download-db', 'download-db ', 'constructor', '__proto__', 'toString', 'download_db'],
  db: ['', '0', '10000', '1 ', '0x1', '1,2', '１'],
  output: ['', 'CSV', 'xml', 'html', 'constructor'],
  pin: ['', '1234567890123456', 'ä', '7 000', '7%', "7'", '-7', '+7', '=7', '７'],
  value: ['', 'x'.repeat(41), 'x'.repeat(33), '=1', '@x', '"', "x'", 'x;y', 'ключ'],
  key: ['', 'x'.repeat(41), '=1', '@x', '"', '-1', '+1+1', '#x', '*67', '.', '_'],
  'start-pin': ['', 'a', '00000000000000001', '1e3', '-1'],
  'end-pin': ['', 'b', '6999', '00000000000000001', '70O0'],
  'begins-at': ['', 'now', '0', '1585290000'],
  year: ['', '20', '20200', '0000', '1899', '-200', '२०२०', 'MMXX'],
  month: ['', '3', '13', '00', 'Mar', '003'],
  day: ['', '1', '32', '00', '1st'],
  'max-keys': ['', '-1', '1.5', '01', '10000000', '1000001', 'x', '1e3'],
  label: ['x'.repeat(101)],
  'vn-action': ['', 'DIAL', 'hangup', 'dial', 'continue'],
  target: ['x'.repeat(129), '', '+919812345678'],
  'dry-run': ['', 'true', '1', 'YES'],
}

/** Where each of them can stand. */
const USER: Record<string, string> = {
  ...{
    pin: 'check-pin',
    value: 'delete-key',
    key: 'check-pin',
    'start-pin': 'write-pins',
    'end-pin': 'delete-pins',
  },
  ...{ 'begins-at': 'write-pins', year: 'download-uses', month: 'download-uses', day: 'download-uses' },
  ...{
    'max-keys': 'write-db',
    label: 'write-db',
    'vn-action': 'write-db',
    target: 'write-db',
    'dry-run': 'upload-pins',
  },
}

describe('a value that there cannot be is refused, names its parameter and changes nothing', () => {
  const cases = Object.entries(WRONG).flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  )
  test.each(cases)('%s=%j', async (name, value) => {
    const before = await state()
    const action = USER[name] ?? 'download-db'
    const parameters: Parameters = { action, ...GRANTED[action], [name]: value }
    const got = await (action === 'upload-pins' ? client.upload('7\n', parameters) : client.get(parameters))
    // Both belong together; what is missing is the other one.
    const named = name === 'vn-action' && (value === 'dial' || value === 'continue') ? 'target' : name
    expectRefusal(got, new RegExp(` ${named}\\b`))
    if (value.length > 4) expect(got.text).not.toContain(value)
    expect(await state()).toEqual(before)
  })
})

describe('dates: only YYYY-MM-DD HH:MM:SS, and only those that there are', () => {
  const WRONG_DATES = [
    ...[
      '2026-02-30 00:00:00',
      '2026-02-29 00:00:00',
      '2026-04-31 12:00:00',
      '2026-13-01 00:00:00',
      '2026-00-01 00:00:00',
    ],
    ...[
      '2026-01-00 00:00:00',
      '2026-01-01 24:00:00',
      '2026-01-01 23:60:00',
      '2026-01-01 23:59:60',
      '2026-01-01',
    ],
    ...[
      '2026-01-01 12:00',
      '2026-01-01T12:00:00',
      '2026-01-01 12:00:00Z',
      '2026-01-01 12:00:00+00:00',
      '2026-01-01 12:00:00.5',
    ],
    ...[
      ' 2026-01-01 12:00:00',
      '2026-01-01 12:00:00 ',
      '2026-01-01  12:00:00',
      '26-01-01 12:00:00',
      '01/01/2026 12:00:00',
    ],
    ...[
      '2026-1-1 12:00:00',
      '+002026-01-01 12:00:00',
      '1000-01-01 00:00:00',
      '0000-01-01 00:00:00',
      '10000-01-01 00:00:00',
    ],
  ]
  test.each(WRONG_DATES)('%j', async (date) => {
    for (const name of ['begins-at', 'expires-at']) {
      const got = await client.get({ action: 'write-pins', 'start-pin': '1', 'end-pin': '1', [name]: date })
      expectRefusal(got, `The parameter ${name} is invalid.`)
    }
  })

  test.each(['2026-02-30', '2026-02-29', '2025-04-31'])('the day of uses: %s', async (date) => {
    const [year = '', month = '', day = ''] = date.split('-')
    expectRefusal(await client.get({ action: 'download-uses', year, month, day }), ' day ')
  })

  test('it expires after it begins', async () => {
    const at = '2026-01-01 00:00:00'
    const dates = { 'begins-at': at, 'expires-at': at }
    expectRefusal(
      await client.get({ action: 'write-pins', 'start-pin': '1', 'end-pin': '1', ...dates }),
      'expires-at',
    )
  })
})

test('what the dialect takes for a PIN is what a database can hold', () => {
  const { pin } = ACTIONS['delete-keys'].shape
  const signs = fc.string({ unit: fc.constantFrom(...Array.from('09azAZ*#._-+ ,"\n=@é')), maxLength: 17 })
  fc.assert(
    fc.property(fc.oneof(signs, fc.string({ maxLength: 17 })), (text) => {
      expect(pin.safeParse(text).success).toBe(couldBeDatabasePin(text))
    }),
    { numRuns: 2_000 },
  )
})
