import { randomInt } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { v7 as newId } from 'uuid'
import type { Account } from '../../src/engine/accounts.ts'
import { openCall } from '../../src/engine/calls.ts'
import { updateCard } from '../../src/engine/card-admin.ts'
import type { Card } from '../../src/engine/cards.ts'
import type { Context } from '../../src/engine/context.ts'
import { closeHold, holdAnswered, openHold, type Hold } from '../../src/engine/holds.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

let pinbridge: Installation
let ctx: Context
let account: Account

beforeEach(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme', '--country', 'DE')
  const store = pinbridge.store()
  ctx = { store, now: Date.now, randomInt: (max) => randomInt(max), newId }
  account = (await store.accounts())[0]!
  await pinbridge.run('group', 'add', 'Basic', '--account', 'acme', '--balance', '5')
}, SLOW_MS)
afterEach(() => pinbridge.close())

const card = (name: string, ...args: string[]) => pinbridge.json('card', name, ...args, '--account', 'acme')
const people = (name: string, ...args: string[]) => pinbridge.run('card', name, ...args, '--account', 'acme')
const stored = async (number: string): Promise<Card> =>
  (await pinbridge.store().findCard({ accountId: account.id, number }))!
const rowsOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))

async function add(...options: string[]): Promise<Json> {
  const { code, document } = await card('add', '--group', 'Basic', ...options)
  expect([code, document['stopped']]).toEqual([0, null])
  return document
}

describe('group', () => {
  test(
    'add and list',
    async () => {
      const more = ['--price', '9.99', '--number-length', '6', '--pin-length', '9', '--valid-days', '30']
      const added = await pinbridge.json('group', 'add', 'Gold', '--account', 'acme', ...more)
      expect(added).toEqual({
        code: 0,
        document: {
          group: {
            ...{ id: 2, name: 'Gold', description: '', numberLength: 6, pinLength: 9 },
            ...{ priceMicros: 9_990_000, balanceMicros: 0, validMs: 30 * 86_400_000 },
          },
          warning: null,
        },
      })
      await add('--from', '1000000025', '--till', '1000000027')
      const store = pinbridge.store()
      await store.changeCard({ accountId: account.id, number: '1000000025' }, (one) => ({
        save: { ...one!, sold: true },
        result: undefined,
      }))
      const { stdout } = await pinbridge.run('group', 'list', '--account', 'acme')
      expect(rowsOf(stdout)).toEqual([
        ['NO', 'NAME', 'CARDS', 'UNSOLD', 'DIGITS', 'PRICE', 'BALANCE', 'TARIFF', 'VALID'],
        ['1', 'Basic', '3', '2', '10/10', '0.00', '5.00', '-', '-'],
        ['2', 'Gold', '0', '0', '6/9', '9.99', '0.00', '-', '30d'],
      ])
      const again = await pinbridge.json('group', 'add', 'Gold', '--account', 'acme')
      expect(again).toMatchObject({ code: 1, document: { error: { code: 'duplicates' } } })
    },
    SLOW_MS,
  )
})

describe('card add', () => {
  test(
    'and group add warn of PINs that are too short for so many cards',
    async () => {
      const short = ['group', 'add', 'Short', '--account', 'acme', '--pin-length', '5'] as const
      const { stderr, stdout } = await pinbridge.run(...short)
      expect(stderr).toMatch(/^pinbridge: warning: PINs of 5 digits are too short for 100 of them: 10 wrong/)
      expect(stdout).not.toContain('warning')
      const made = ['--group', 'Short', '--count', '10'] as const
      expect((await card('add', ...made)).document).toMatchObject({ created: 10, warning: null })
      expect((await card('add', ...made)).document).toMatchObject({
        warning: expect.stringContaining(
          'PINs of 5 digits are too short for 20 of them: 50 wrong ones a day',
        ),
      })
      const said = await people('add', ...made)
      expect(said.stderr).toContain('too short for 30 of them')
      // Groups with PINs of the same length are one place to guess.
      const again = await pinbridge.json('group', 'add', 'Short 2', '--account', 'acme', '--pin-length', '6')
      expect(again.document).toMatchObject({ group: { pinLength: 6 }, warning: null })
    },
    SLOW_MS,
  )

  test(
    'a range: those that exist are left out, and no PIN is shown unless it is asked for',
    async () => {
      await add('--from', '1000000026')
      const made = await add(
        '--from',
        '1000000025',
        '--till',
        '1000000028',
        '--balance',
        '2,5',
        '--batch',
        'May',
      )
      const numbers = ['1000000025', '1000000027', '1000000028']
      expect(made).toEqual({
        ...{ created: 3, existed: 1, stopped: null, warning: null },
        cards: numbers.map((number) => ({ number })),
      })
      expect(await stored('1000000027')).toMatchObject({
        balanceMicros: 2_500_000,
        batch: 'May',
        language: 'en',
      })
      expect(await stored('1000000026')).toMatchObject({ balanceMicros: 5_000_000, batch: '' })
      const { stdout } = await people(
        'add',
        '--group',
        'Basic',
        '--from',
        '0000000009',
        '--till',
        '0000000011',
      )
      expect(stdout).toBe('3 cards are ready, 0000000009 to 0000000011.\n')
      const shown = await people('add', '--group', 'Basic', '--from', '0000000012', '--show-pin')
      const { pin } = await stored('0000000012')
      expect(shown).toMatchObject({ code: 0, stdout: `number,pin\n0000000012,${pin}\n` })
      expect(shown.stderr).toBe('1 card is ready with number 0000000012.\n')
    },
    SLOW_MS,
  )

  test(
    'as many as are wanted, more than one transaction takes, each with a number and a PIN of its own',
    async () => {
      const made = await add('--count', '1200', '--show-pin', '--language', 'de', '--name', 'Kiosk')
      const cards = made['cards'] as { number: string; pin: string }[]
      expect(new Set(cards.map(({ number }) => number)).size).toBe(1_200)
      expect(new Set(cards.map(({ pin }) => pin)).size).toBe(1_200)
      for (const { number, pin } of cards)
        expect([number, pin]).toEqual([
          expect.stringMatching(/^[1-9]\d{9}$/),
          expect.stringMatching(/^\d{10}$/),
        ])
      const [{ number, pin }] = cards as [{ number: string; pin: string }]
      expect(await stored(number)).toMatchObject({ pin, language: 'de', name: 'Kiosk' })
      const { cards: all } = (await pinbridge.store().cardGroups(account.id))[0]!
      expect(all).toBe(1_200)
    },
    SLOW_MS,
  )

  test(
    'it stops where no more can be: what is made stays, and the exit code says so',
    async () => {
      await pinbridge.run(
        'group',
        'add',
        'Small',
        '--account',
        'acme',
        '--number-length',
        '4',
        '--pin-length',
        '4',
      )
      // A fifth of 10,000 PINs is 2,000.
      const { code, document } = await card('add', '--group', 'Small', '--from', '0001', '--till', '2400')
      expect(code).toBe(1)
      expect(document).toMatchObject({ created: 2_000, stopped: 'too many cards have PINs of this length' })
      const { code: nothing, document: error } = await card('add', '--group', 'Small', '--count', '1')
      expect([nothing, error]).toMatchObject([1, { error: { code: 'no_free_pin' } }])
    },
    SLOW_MS,
  )

  test.each([
    [64, ['--group', 'Basic'], 'either --from <number> or --count <n>'],
    [
      64,
      ['--group', 'Basic', '--from', '1000000025', '--count', '2'],
      'either --from <number> or --count <n>',
    ],
    [64, ['--group', 'Basic', '--count', '2', '--till', '1000000025'], 'needs a --from'],
    [64, ['--group', 'Basic', '--from', '1000000025', '--till', '1000000024'], 'needs a --from'],
    [64, ['--group', 'Basic', '--from', '1000000025', '--till', '10000000251'], 'needs a --from'],
    [64, ['--group', 'Basic', '--from', '1000000025', '--till', '1000100025'], 'needs a --from'],
    [64, ['--group', 'Basic', '--from', 'abcd'], 'Expected 4 to 20 digits.'],
    [1, ['--group', 'Basic', '--from', '12345'], 'numbers'],
    [1, ['--group', 'Other', '--from', '1000000025'], 'no group is called Other'],
  ])(
    'exit code %i: %j',
    async (code, args, said) => {
      const ended = await card('add', ...args)
      expect([ended.code, (ended.document['error'] as Json)['message']]).toEqual([
        code,
        expect.stringContaining(said),
      ])
    },
    SLOW_MS,
  )
})

describe('card list', () => {
  test(
    'filters, and pages on by the last number',
    async () => {
      await pinbridge.run('group', 'add', 'Gold', '--account', 'acme', '--number-length', '6')
      await add('--from', '1000000025', '--till', '1000000029', '--batch', 'May')
      await add('--from', '2000000001', '--balance', '50')
      await card('add', '--group', 'Gold', '--from', '100000', '--till', '100002')
      await updateCard(
        ctx,
        account,
        { number: '1000000027' },
        { cli: '+4917712345678', sold: true, blocked: true },
      )
      const listed = async (...options: string[]) => {
        const { document } = await card('list', ...options)
        return [(document['cards'] as Json[]).map((one) => one['number']), document['next']]
      }
      const may = ['1000000025', '1000000026', '1000000027', '1000000028', '1000000029']
      expect(await listed()).toEqual([[...may, '2000000001', '100000', '100001', '100002'], null])
      expect(await listed('--limit', '3')).toEqual([may.slice(0, 3), '1000000027'])
      expect(await listed('--limit', '3', '--after', '1000000027')).toEqual([
        [...may.slice(3), '2000000001'],
        '2000000001',
      ])
      expect(await listed('--group', 'Gold', '--limit', '3')).toEqual([['100000', '100001', '100002'], null])
      expect(await listed('--group', 'Basic', '--limit', '6')).toEqual([[...may, '2000000001'], null])
      expect(await listed('--group', 'Gold', '--after', '100000')).toEqual([['100001', '100002'], null])
      expect(await listed('--batch', 'M%', '--number', '%8')).toEqual([['1000000028'], null])
      expect(await listed('--min-balance', '50')).toEqual([['2000000001'], null])
      expect(await listed('--max-balance', '4.99')).toEqual([['100000', '100001', '100002'], null])
      expect(await listed('--sold')).toEqual([['1000000027'], null])
      expect((await listed('--no-sold'))[0]).toHaveLength(8)
      expect(await listed('--cli', '+4917712345678')).toEqual([['1000000027'], null])
      expect(await card('list', '--group', 'Gold', '--after', '1000000025')).toMatchObject({ code: 1 })

      const { stdout } = await people('list', '--sold')
      const { pin } = await stored('1000000027')
      expect(rowsOf(stdout)).toEqual([
        ['NUMBER', 'GROUP', 'BALANCE', 'STATE', 'CALLER', 'BATCH', 'SOLD', 'NAME'],
        ['1000000027', 'Basic', '5.00', 'blocked', '+49…78', 'May', 'yes', '-'],
      ])
      expect((await people('list', '--sold', '--show-pin')).stdout).toContain(`1000000027  ${pin}  Basic`)
      expect(JSON.stringify((await card('list')).document)).not.toContain(pin)
      expect((await people('list', '--batch', 'June')).stdout).toBe('There is no such card.\n')
    },
    SLOW_MS,
  )
})

describe('the money of a card', () => {
  const NUMBER = '1000000025'
  const CALLED = '+4930123456'
  let cardId: number

  beforeEach(async () => {
    await add('--from', NUMBER)
    const { version } = await ctx.store.beginTariff(account.id, 'standard', ctx.now())
    const price = { perMinuteMicros: 600_000, setUpMicros: 0, minimumSeconds: 1, incrementSeconds: 1 }
    await ctx.store.putRates(version, [{ prefix: '49', name: 'Germany', ...price }])
    await ctx.store.finishTariff(version)
    await pinbridge.run('account', 'cards', 'acme', '--tariff', 'standard', '--allow', '49')
    account = (await ctx.store.accounts())[0]!
    cardId = (await stored(NUMBER)).id
  }, SLOW_MS)

  async function call(): Promise<Hold> {
    const callId = newId()
    const visit = { id: callId, accountId: account.id, vn: '+4930000000', from: undefined, channelId: callId }
    await openCall(ctx, { ...visit, startedAt: ctx.now() })
    const hold = await openHold(ctx, { account, cardId, callId, kind: 'card', from: undefined, to: CALLED })
    if (hold instanceof Error) throw hold
    return hold
  }

  test(
    'top-up, block and unblock',
    async () => {
      const topped = await card('top-up', NUMBER, '12.50', '--note', 'paid in cash')
      expect(topped).toEqual({
        code: 0,
        document: { card: { number: NUMBER, balanceMicros: 17_500_000 }, amountMicros: 12_500_000 },
      })
      expect((await stored(NUMBER)).balanceMicros).toBe(17_500_000)
      const corrected = await card('correct', NUMBER, '17.25')
      expect(corrected).toEqual({
        code: 0,
        document: { card: { number: NUMBER, balanceMicros: 17_250_000 } },
      })
      expect((await ctx.store.ledger(cardId, undefined, 1))[0]).toMatchObject({
        ...{ kind: 'correction', amountMicros: -250_000, balanceMicros: 17_250_000 },
      })
      expect((await card('block', NUMBER)).document).toEqual({
        card: { number: NUMBER, blocked: true, state: 'blocked' },
      })
      expect((await stored(NUMBER)).blocked).toBe(true)
      const free = await people('unblock', NUMBER)
      expect(free.stdout).toBe(`Card ${NUMBER} is not blocked any more.\n`)
      expect((await stored(NUMBER)).blocked).toBe(false)
      for (const [args, code] of [
        [['correct', NUMBER, '-1'], 64],
        [['correct', '1000000099', '1'], 1],
        [['top-up', NUMBER, '0'], 64],
        [['top-up', NUMBER, '1.000,50'], 64],
        [['top-up', NUMBER, '1000000'], 1],
        [['top-up', '1000000099', '1'], 1],
        [['block', '1000000099'], 1],
      ] as [[string, ...string[]], number][])
        expect((await card(...args)).code).toBe(code)
      expect((await stored(NUMBER)).balanceMicros).toBe(17_250_000)
    },
    SLOW_MS,
  )

  test(
    'show: what it is, the last movements, and what runs',
    async () => {
      await card('top-up', NUMBER, '1', '--note', 'gift')
      const hold = await call()
      const { pin } = await stored(NUMBER)
      const { document } = await card('show', NUMBER)
      const shown = document['card'] as Json
      expect(shown).toMatchObject({
        ...{ number: NUMBER, group: 'Basic', state: 'ok', currency: 'EUR', balanceMicros: 6_000_000 },
        ...{ heldMicros: 6_000_000, availableMicros: 0, cli: null, sold: false },
        ledger: [
          {
            kind: 'top_up',
            amountMicros: 1_000_000,
            balanceMicros: 6_000_000,
            note: 'gift',
            reference: null,
          },
          { kind: 'opening', amountMicros: 5_000_000, balanceMicros: 5_000_000 },
        ],
        calls: [{ id: hold.id, to: CALLED, destination: 'Germany', longestSeconds: 600, answeredAt: null }],
      })
      expect(JSON.stringify(document)).not.toContain(pin)
      expect((await card('show', NUMBER, '--lines', '1', '--show-pin')).document['card']).toMatchObject({
        pin,
        ledger: [{ kind: 'top_up' }],
      })
      const { stdout } = await people('show', NUMBER)
      expect(stdout).toMatch(/^number +1000000025\ngroup +Basic\n/)
      expect(stdout).toMatch(/\nheld for calls +6\.00 EUR\n/)
      expect(stdout).toMatch(/\nMovements, newest first:\nAT .*\n\S+ +top_up +1\.00 +6\.00 +- +gift\n/)
      expect(stdout).toMatch(
        new RegExp(`\nCalls that run:\nID .*\n${hold.id} +\\${CALLED} +Germany .* +rings +6\\.00 +600 s\n$`),
      )
      expect(stdout).not.toContain(pin)
    },
    SLOW_MS,
  )

  test(
    'refund: what a call has cost, once',
    async () => {
      const hold = await call()
      await holdAnswered(ctx, hold.id)
      await closeHold(ctx, hold.id, ctx.now() + 9_500)
      const cost = 5_000_000 - (await stored(NUMBER)).balanceMicros
      expect(cost).toBeGreaterThan(0)
      const refund = () => card('refund', hold.id, '--note', 'bad line')
      expect(await refund()).toEqual({
        code: 0,
        document: { call: hold.id, card: { number: NUMBER }, amountMicros: cost },
      })
      expect((await stored(NUMBER)).balanceMicros).toBe(5_000_000)
      expect(await refund()).toMatchObject({ code: 1, document: { error: { code: 'not_found' } } })
      expect((await stored(NUMBER)).balanceMicros).toBe(5_000_000)
      const { document } = await card('show', NUMBER)
      expect((document['card'] as { ledger: Json[] }).ledger[0]).toMatchObject({
        ...{ kind: 'refund', amountMicros: cost, reference: hold.id, note: 'bad line' },
      })
    },
    SLOW_MS,
  )
})
