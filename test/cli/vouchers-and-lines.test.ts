import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { v7 as newId } from 'uuid'
import type { Callback } from '../../src/engine/paid-call-store.ts'
import type { Store } from '../../src/engine/store.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

const NUMBER = '1000000025'
const ACCOUNT = ['--account', 'acme']

let pinbridge: Installation
let store: Store
let accountId: string
let cardId: number

beforeEach(async () => {
  pinbridge = installation()
  const place = ['--country', 'DE', '--timezone', 'Europe/Berlin']
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme', ...place)
  await pinbridge.run('group', 'add', 'Basic', ...ACCOUNT)
  await pinbridge.run('card', 'add', ...ACCOUNT, '--group', 'Basic', '--from', NUMBER)
  store = pinbridge.store()
  accountId = (await store.accounts())[0]!.id
  cardId = (await store.findCard({ accountId, number: NUMBER }))!.id
}, SLOW_MS)
afterEach(() => pinbridge.close())

const guesser = { caller: undefined, place: 'test', way: 'test' }
/** The voucher that is there under a PIN. */
const voucher = (pin: string) =>
  store.useVoucher({ accountId, cardId, pin, guesser }, (seen) => ({ result: seen.voucher }))

describe('voucher add', () => {
  test(
    'warns of PINs that are too short for so many',
    async () => {
      const add = ['voucher', 'add', ...ACCOUNT, '--amount', '1', '--length', '6']
      const few = await pinbridge.run(...(add as [string]), '--count', '100')
      expect(few.stderr).not.toContain('warning')
      const many = await pinbridge.run(...(add as [string]), '--count', '1')
      expect(many.stderr).toContain(
        'warning: PINs of 6 digits are too short for 101 of them: 99 wrong ones a day',
      )
      expect(many.stdout).not.toContain('warning')
      expect((await pinbridge.json(...(add as [string]), '--count', '1')).document).toMatchObject({
        warning: expect.stringContaining('for 102 of them: 98 wrong ones a day'),
      })
      const long = ['voucher', 'add', ...ACCOUNT, '--amount', '1', '--count', '1']
      expect((await pinbridge.json(...(long as [string]))).document).toMatchObject({ warning: null })
    },
    SLOW_MS,
  )

  test(
    'prints the PINs as CSV, and the rest beside it',
    async () => {
      const { stdout, stderr, code } = await pinbridge.run(
        ...['voucher', 'add', ...ACCOUNT, '--count', '3', '--amount', '10', '--length', '9'],
        ...['--until', '2099-07-01'],
      )
      expect([code, stderr]).toEqual([0, expect.stringContaining('3 vouchers are ready.')])
      const [head, ...rows] = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(','))
      expect(head).toEqual(['voucher', 'pin', 'amount', 'currency', 'until'])
      // Midnight in Berlin, by summer time.
      const validUntil = Date.UTC(2099, 5, 30, 22)
      expect(rows).toHaveLength(3)
      for (const [id = '', pin = '', ...rest] of rows) {
        expect([pin, rest]).toEqual([
          expect.stringMatching(/^\d{9}$/),
          ['10.00', 'EUR', '2099-06-30T22:00:00.000Z'],
        ])
        expect(await voucher(pin)).toMatchObject({
          id,
          amountMicros: 10_000_000,
          validUntil,
          usedAt: undefined,
        })
      }
    },
    SLOW_MS,
  )

  test(
    'many, for scripts',
    async () => {
      const args = ['voucher', 'add', ...ACCOUNT, '--count', '1500', '--amount', '0,5']
      const { code, document } = await pinbridge.json(...args)
      const vouchers = document['vouchers'] as { pin: string; amountMicros: number; validUntil: null }[]
      expect([code, document['currency'], new Set(vouchers.map(({ pin }) => pin)).size]).toEqual([
        0,
        'EUR',
        1_500,
      ])
      const [one] = vouchers
      expect(one).toMatchObject({
        pin: expect.stringMatching(/^\d{12}$/),
        amountMicros: 500_000,
        validUntil: null,
      })
      expect(await voucher(one!.pin)).toMatchObject({ amountMicros: 500_000, validUntil: undefined })
    },
    SLOW_MS,
  )

  test.each([
    [64, ['--count', '0', '--amount', '1'], 'Expected a whole number, 1 to 100000.'],
    [64, ['--count', '1', '--amount', '0'], 'Expected more than 0.'],
    [64, ['--count', '1', '--amount', '1', '--length', '5'], 'Expected a whole number, 6 to 15.'],
    [1, ['--count', '1', '--amount', '1', '--until', 'soon'], 'is no date'],
    [1, ['--count', '1', '--amount', '1', '--until', '2020-01-01'], 'is over'],
  ])(
    'exit code %i: %j',
    async (code, args, said) => {
      const ended = await pinbridge.json('voucher', 'add', ...ACCOUNT, ...args)
      const { message } = ended.document['error'] as { message: string }
      expect([ended.code, message]).toEqual([code, expect.stringContaining(said)])
    },
    SLOW_MS,
  )
})

describe('line', () => {
  test(
    'add prints a password once, list none, remove ends it',
    async () => {
      const { document } = await pinbridge.json('line', 'add', ...ACCOUNT, '--card', NUMBER)
      const line = document['line'] as { username: string; password: string; card: string }
      expect(line).toEqual({
        username: expect.stringMatching(/^line-[a-hj-km-np-tv-z2-9]{12}$/),
        password: expect.stringMatching(/^[\w-]{24,}$/),
        card: NUMBER,
      })
      const { username, password } = line
      expect(await store.findLine(username)).toMatchObject({ username, accountId, cardId, password })
      const named = await pinbridge.run('line', 'add', ...ACCOUNT, '--card', NUMBER, '--username', 'desk-1')
      expect(named.stdout).toMatch(/\n {2}user +desk-1\n {2}password [\w-]{43}\n/)
      const list = await pinbridge.run('line', 'list', ...ACCOUNT)
      expect(list.stdout).toMatch(new RegExp(`^USER .*\ndesk-1 +${NUMBER} .*\n${username} +${NUMBER} .*\n$`))
      expect(JSON.stringify((await pinbridge.json('line', 'list', ...ACCOUNT)).document)).not.toContain(
        password,
      )
      const remove = () => pinbridge.json('line', 'remove', username, ...ACCOUNT)
      expect(await remove()).toEqual({ code: 0, document: { removed: username } })
      expect(await store.findLine(username)).toBeUndefined()
      expect(await remove()).toMatchObject({ code: 1, document: { error: { code: 'not_found' } } })
    },
    SLOW_MS,
  )

  test(
    'what is taken, and what is somebody else’s, is refused',
    async () => {
      await pinbridge.run('account', 'add', '--name', 'Other', '--sid', 'other')
      await pinbridge.run('line', 'add', ...ACCOUNT, '--card', NUMBER, '--username', 'desk-1')
      const refused = async (...args: string[]) => {
        const { code, document } = await pinbridge.json('line', ...args)
        return [code, (document['error'] as Json)['code']]
      }
      expect(await refused('add', ...ACCOUNT, '--card', NUMBER, '--username', 'desk-1')).toEqual([
        1,
        'duplicates',
      ])
      expect(await refused('add', '--account', 'other', '--card', NUMBER)).toEqual([1, 'not_found'])
      expect(await refused('remove', 'desk-1', '--account', 'other')).toEqual([1, 'not_found'])
      expect(await refused('add', ...ACCOUNT, '--card', NUMBER, '--username', 'a b')).toEqual([64, 'usage'])
      expect(await refused('add', ...ACCOUNT, '--card', NUMBER, '--username', 'trunk')).toEqual([64, 'usage'])
      expect((await store.lines()).map(({ username }) => username)).toEqual(['desk-1'])
    },
    SLOW_MS,
  )
})

test(
  'callback list: those of the account that have not ended, without their numbers',
  async () => {
    const list = () => pinbridge.run('callback', 'list', ...ACCOUNT)
    expect((await list()).stdout).toBe('No callback is under way.\n')
    const callback = (change: Partial<Callback>): Callback => ({
      ...{ id: newId(), accountId, cardId, a: '+4917712345678', b: '+493012345699', state: 'waiting' },
      ...{ outcome: undefined, callId: undefined, createdAt: Date.now(), endedAt: undefined },
      ...change,
    })
    const [waiting, stopping] = [callback({}), callback({ state: 'ringing_a', outcome: 'stopped' })]
    const ended = callback({ state: 'ended', outcome: 'stopped', endedAt: Date.now() })
    await pinbridge.run('account', 'add', '--name', 'Other', '--sid', 'other')
    const other = callback({ accountId: (await store.accounts()).find(({ sid }) => sid === 'other')!.id })
    for (const one of [waiting, stopping, ended, other]) await store.addCallback(one)
    const rows = (await list()).stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/))
    expect(rows).toEqual([
      ['ID', 'STATE', 'FIRST', 'THEN', 'CARD', 'ASKED'],
      [waiting.id, 'waiting', '+49…78', '+49…99', NUMBER, new Date(waiting.createdAt).toISOString()],
      [stopping.id, 'ringing_a, stopping', '+49…78', '+49…99', NUMBER, expect.any(String)],
    ])
  },
  SLOW_MS,
)

test(
  'distributor: the number by which MOR’s clients know somebody',
  async () => {
    const distributor = (...args: string[]) => pinbridge.json('distributor', ...args, ...ACCOUNT)
    expect(await distributor('add', 'Kiosk #1')).toEqual({
      ...{ code: 0, document: { distributor: { id: 1, name: 'Kiosk #1' } } },
    })
    expect(await distributor('add', 'Kiosk #1')).toMatchObject({
      code: 1,
      document: { error: { code: 'duplicates' } },
    })
    expect(await distributor('list')).toEqual({
      ...{ code: 0, document: { distributors: [{ id: 1, name: 'Kiosk #1' }] } },
    })
  },
  SLOW_MS,
)

test(
  'number add: a calling card’s says what its callers lack',
  async () => {
    const add = (number: string) =>
      pinbridge.run('number', 'add', number, ...ACCOUNT, '--flow', 'calling-card')
    const first = await add('030 1234567')
    expect(first.stdout).toBe(
      '+49301234567 belongs to acme and is answered by calling-card.\n' +
        'Its cards can call nowhere yet: pinbridge account cards acme with --tariff and --allow.\n',
    )
    expect((await store.findNumber('+49301234567'))?.number).toMatchObject({ flow: 'calling-card' })
    await pinbridge.run('account', 'cards', 'acme', '--allow', '49')
    expect((await add('030 1234568')).stdout).toMatch(/ with --tariff\.\n$/)
  },
  SLOW_MS,
)
