import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { callbackBody } from '../../../src/api/dialects/42com/42com.ts'
import { bodyOf } from '../../../src/api/dialects/index.ts'
import { DEFAULT_SETTINGS } from '../../../src/engine/accounts.ts'
import { updateCard } from '../../../src/engine/card-admin.ts'
import type { Card } from '../../../src/engine/cards.ts'
import { formatAmount } from '../../../src/engine/money.ts'
import { eventsOf, VN1 } from '../../support/context.ts'
import {
  addCard,
  addLogin,
  cardAccount,
  type CardDoor,
  clientOf,
  expectFault,
  granted,
  openCardDoor,
} from './client.ts'

let door: CardDoor
beforeEach(async () => {
  door = await openCardDoor()
})
afterEach(() => door.close())

const CLI = '4917990000000'
type Printed = {
  Kunde: string
  CLI: string
  Amount: string
  AmountAll: string
  fldSerial: string
  fldPIN: string
  active: 1 | ''
}
const ask = async (act: string, parameters: Record<string, string>) =>
  granted(await door.shop.mycard(act, parameters)) as Printed
const insert = (Amount = '5', more = {}) => ask('insert', { Telefon: CLI, Amount, ...more })
const find = (cli = CLI): Promise<Card | undefined> =>
  door.ctx.store.findCard({ accountId: door.account.id, cli: `+${cli}` })
const UNKNOWN = [1001, 'Result Not Known'] as const
const WRONG_PIN = [1200, 'Personal Identification Number Not Valid'] as const

describe('insert', () => {
  test('once more adds to the same card: Amount is what was booked, AmountAll what is on it', async () => {
    const first = await insert('5,50', { Kunde: 'Jon Doe' })
    expect(first).toMatchObject({ Kunde: 'Jon Doe', Amount: '5,50 EUR', AmountAll: '5,50 EUR' })
    const second = await insert('0.05', { Kunde: 'Somebody else' })
    expect(second).toEqual({ ...first, Amount: '0,05 EUR', AmountAll: '5,55 EUR' })
    expect(await ask('show', { Telefon: CLI })).toEqual({ ...second, Amount: '5,55 EUR' })
    const lines = await door.ctx.store.ledger((await find())!.id, undefined, 10)
    expect(lines.map(({ kind, amountMicros }) => [kind, amountMicros])).toEqual([
      ['top_up', 50_000],
      ['opening', 5_500_000],
    ])
  })

  test('finds the card that another API has made', async () => {
    await updateCard(door.ctx, door.account, { id: door.card.id }, { cli: `+${CLI}` })
    expect(await insert('1')).toMatchObject({ fldSerial: door.card.number, AmountAll: '16,44 EUR' })
  })

  test.each([
    '4917990000000',
    '+4917990000000',
    '004917990000000',
    '+49 179 900-000-00',
    '(0179) 90000000',
    '017990000000',
  ])('%s is one and the same CLI', async (Telefon) => {
    expect(await ask('insert', { Telefon, Amount: '1' })).toMatchObject({ Kunde: CLI, CLI })
  })

  test('of any amount of two places prints what was sent, with a comma', async () => {
    const cents = fc.integer({ min: 1, max: 1_000_000 })
    let sum = 0
    const property = fc.asyncProperty(cents, fc.constantFrom('.', ','), async (amount, point) => {
      sum += amount
      const written = (value: number, sign: string) =>
        `${Math.floor(value / 100)}${sign}${String(value % 100).padStart(2, '0')}`
      const got = await insert(written(amount, point))
      expect(got.Amount).toBe(`${written(amount, ',')} EUR`)
      expect(got.AmountAll).toBe(`${written(sum, ',')} EUR`)
    })
    await fc.assert(property, { numRuns: 50 })
  })

  test('into a balance that would be too large is refused', async () => {
    await insert('1000000')
    expectFault(await door.shop.mycard('insert', { Telefon: CLI, Amount: '0.01' }), 403, 'Request Refused')
  })

  test('in the currency of the account', async () => {
    const cards = { ...DEFAULT_SETTINGS.cards, currency: 'GBP' } as const
    const account = await cardAccount(door.ctx, 'british', { cards })
    await addLogin(door.ctx, account, 'british')
    const got = await clientOf(door, 'british').mycard('insert', { Telefon: CLI, Amount: '1' })
    expect(granted(got)).toMatchObject({ Amount: '1,00 GBP' })
  })
})

describe('"sendSmsInfo should the customer receive a sms?"', () => {
  const texts = async () =>
    (await eventsOf(door.ctx)).map((event) => (event.type === 'sms.requested' ? event.text : event.type))

  test.each([
    ['1', 1],
    ['true', 1],
    ['0', 0],
    ['false', 0],
    ['', 0],
    [undefined, 0],
  ] as const)('%s: %d', async (sendSmsInfo, count) => {
    await insert('1', sendSmsInfo === undefined ? {} : { sendSmsInfo })
    expect(await texts()).toHaveLength(count)
  })

  test('smsinfo_message with what stands for PIN, serial number and amount; "if empty … a default template"', async () => {
    const message = 'PIN {pin}, card {serial}, {amount}. {x} $& {pin}'
    const { fldPIN, fldSerial } = await insert('5', { sendSmsInfo: '1', smsinfo_message: message })
    await insert('5', { sendSmsInfo: '1', smsinfo_message: '' })
    const [own, ours] = await texts()
    expect(own).toBe(`PIN ${fldPIN}, card ${fldSerial}, 5.00 EUR. {x} $& ${fldPIN}`)
    expect(ours).toContain(fldPIN)
  })

  test('no more of them in a day than the account may; what is too many is not credited either', async () => {
    const cards = { ...DEFAULT_SETTINGS.cards, smsADay: 3 }
    const account = await cardAccount(door.ctx, 'few', { cards })
    await addLogin(door.ctx, account, 'few')
    const few = clientOf(door, 'few')
    const send = () => few.mycard('insert', { Telefon: CLI, Amount: '1', sendSmsInfo: '1' })
    const codes = await Promise.all(
      Array.from({ length: 20 }, async () => (await send()).envelope.codes[0]?.code),
    )
    expect(codes.sort()).toEqual([...Array<number>(3).fill(200), ...Array<number>(17).fill(403)])
    expectFault(await send(), 403, 'Too Many Text Messages')
    expect(granted(await few.mycard('show', { Telefon: CLI }))).toMatchObject({ AmountAll: '3,00 EUR' })
    expect(await texts()).toHaveLength(3)
  })

  test('the receiver gets id, number and text, and of other events nothing in these words', async () => {
    await insert('1', { sendSmsInfo: '1', smsinfo_message: 'x' })
    const [event] = await eventsOf(door.ctx)
    const body = { id: event!.id, to: `+${CLI}`, text: 'x' }
    expect(callbackBody(event!)).toEqual(body)
    expect(bodyOf(event!, { recording: () => '' })).toEqual(body)
    const refused = { type: 'caller.refused', id: '1', accountId: '1', at: 0, callId: '1', vn: VN1 } as const
    expect(callbackBody({ ...refused, caller: undefined, startedAt: 0, pin: '1' })).toBeUndefined()
  })
})

describe('active', () => {
  test('is empty while the operator has blocked the card', async () => {
    await insert()
    expect(await ask('blockcard', { Telefon: CLI })).toMatchObject({ active: '' })
    expect(await ask('show', { Telefon: CLI })).toMatchObject({ active: '' })
    expect(await insert('1')).toMatchObject({ active: '', AmountAll: '6,00 EUR' })
    expect(await ask('unblockcard', { Telefon: CLI })).toMatchObject({ active: 1 })
  })

  test('is empty once the CLI was disabled, and unblocking does not end that: only the PIN does', async () => {
    const { fldPIN } = await insert()
    expect(await ask('disableCliByNumber', { realm: 'x', cli: CLI })).toMatchObject({ active: '' })
    expect(await ask('unblockcard', { Telefon: CLI })).toMatchObject({ active: '' })
    expect(await ask('activateMyCard', { realm: 'x', cli: CLI, PIN: fldPIN })).toMatchObject({ active: 1 })
  })

  test('is empty before a card is valid, and after', async () => {
    await insert()
    const { id } = (await find())!
    const now = door.ctx.now()
    await updateCard(door.ctx, door.account, { id }, { validFrom: now + 1 })
    expect(await ask('show', { Telefon: CLI })).toMatchObject({ active: '' })
    await updateCard(door.ctx, door.account, { id }, { validFrom: now, validUntil: now + 1 })
    expect(await ask('show', { Telefon: CLI })).toMatchObject({ active: 1 })
    door.ctx.clock.ms++
    expect(await ask('show', { Telefon: CLI })).toMatchObject({ active: '' })
  })
})

describe('changeCliByNumber', () => {
  test('moves the card to the new number, and the old one has none', async () => {
    const { fldSerial } = await insert()
    const changed = await ask('changeCliByNumber', { realm: 'x', cli: CLI, newCli: '4917990000001' })
    expect(changed).toMatchObject({ Kunde: CLI, CLI: '4917990000001', fldSerial })
    expectFault(await door.shop.mycard('show', { Telefon: CLI }), ...UNKNOWN)
  })

  test('to a number of another card is refused, and to its own it changes nothing', async () => {
    const mine = await insert()
    await ask('insert', { Telefon: '4917990000001', Amount: '1' })
    const change = (newCli: string) => door.shop.mycard('changeCliByNumber', { cli: CLI, newCli })
    expectFault(await change('4917990000001'), 403, 'Number Belongs To Another Card')
    expect(granted(await change(CLI))).toEqual(mine)
  })
})

describe('activateMyCard', () => {
  const activate = (PIN: string, cli = CLI) => door.shop.mycard('activateMyCard', { cli, PIN })

  test('gives a card that had another CLI, or none, this one', async () => {
    const card = await addCard(door.ctx, door.account)
    expect(granted(await activate(card.pin))).toMatchObject({ CLI, fldSerial: card.number })
    expect(granted(await activate(card.pin, '4917990000001'))).toMatchObject({ CLI: '4917990000001' })
  })

  test('with a wrong PIN, or that of a blocked card, is refused alike', async () => {
    const { fldPIN } = await insert()
    expectFault(await activate(fldPIN === '111111111' ? '222222222' : '111111111'), ...WRONG_PIN)
    await ask('blockcard', { Telefon: CLI })
    expectFault(await activate(fldPIN), ...WRONG_PIN)
  })

  test('to the CLI of another card is refused', async () => {
    await insert()
    const card = await addCard(door.ctx, door.account)
    expectFault(await activate(card.pin), 403, 'Number Belongs To Another Card')
  })

  test('cannot be tried without end: after some wrong PINs none is compared', async () => {
    const card = await addCard(door.ctx, door.account)
    let tries = 0
    for (;;) {
      const got = await activate(String(10_000_000 + tries))
      if (got.envelope.codes[0]?.code !== 1200) {
        expectFault(got, 403, 'Too Many Wrong PINs')
        break
      }
      if (++tries > 20_000) throw new Error('there is no end')
    }
    // Many more than one person has: a shop's customers share this login.
    expect(tries).toBeGreaterThan(100)
    expectFault(await activate(card.pin), 403, 'Too Many Wrong PINs')
  })
})

test.each(['show', 'blockcard', 'unblockcard'])('%s of a number that no card has: 1001', async (act) => {
  expectFault(await door.shop.mycard(act, { Telefon: CLI }), ...UNKNOWN)
})

test.each(['disableCliByNumber', 'changeCliByNumber'])(
  '%s of a number that no card has: 1001',
  async (act) => {
    expectFault(await door.shop.mycard(act, { cli: CLI, newCli: '4917990000001' }), ...UNKNOWN)
  },
)

test('a login that is for one card may do nothing of this: it could give itself money', async () => {
  for (const act of ['insert', 'show', 'blockcard', 'unblockcard'])
    expectFault(await door.demo.mycard(act, { Telefon: CLI, Amount: '1' }), 403, 'Not Allowed For This Login')
  for (const act of ['disableCliByNumber', 'changeCliByNumber', 'activateMyCard'])
    expectFault(
      await door.demo.mycard(act, { cli: CLI, newCli: CLI, PIN: '1234' }),
      403,
      'Not Allowed For This Login',
    )
  expect(await find()).toBeUndefined()
})

test('another account has cards of its own with the same numbers', async () => {
  const account = await cardAccount(door.ctx, 'other')
  await addLogin(door.ctx, account, 'other')
  const other = clientOf(door, 'other')
  const { fldPIN } = await insert('5')
  for (const act of ['show', 'blockcard', 'unblockcard'])
    expectFault(await other.mycard(act, { Telefon: CLI }), ...UNKNOWN)
  expectFault(await other.mycard('disableCliByNumber', { cli: CLI }), ...UNKNOWN)
  expectFault(await other.mycard('changeCliByNumber', { cli: CLI, newCli: '4917990000001' }), ...UNKNOWN)
  expectFault(await other.mycard('activateMyCard', { cli: CLI, PIN: fldPIN }), ...WRONG_PIN)
  expect(granted(await other.mycard('insert', { Telefon: CLI, Amount: '1' }))).toMatchObject({
    AmountAll: '1,00 EUR',
  })
  expect(await ask('show', { Telefon: CLI })).toMatchObject({ AmountAll: '5,00 EUR', active: 1 })
})

test('of any balance the places that are printed are rounded, half up, and never made up', () => {
  const property = fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (micros) => {
    const [whole = '', places = ''] = formatAmount(micros, 2, 2, ',').split(',')
    expect(places).toMatch(/^\d{2}$/)
    expect(Math.abs(Number(whole) * 1_000_000 + Number(places) * 10_000 - micros)).toBeLessThanOrEqual(5_000)
  })
  fc.assert(property, { numRuns: 1_000 })
})
