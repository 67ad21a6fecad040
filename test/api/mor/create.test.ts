import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { addGroup } from '../../../src/engine/card-admin.ts'
import { cardsIn, errorXml, hashFor, type Mor, openMor, type Parameters } from './client.ts'

let mor: Mor
beforeEach(async () => {
  mor = await openMor()
})
afterEach(() => mor.door.close())

const create = async (parameters: Parameters) => (await mor.ask('calling_cards_create', parameters)).text
const range = (from: string, till: string, group = mor.group.id) => ({
  ...{ card_group_id: String(group), cards_from: from, cards_till: till },
})
const created = (text: string) => `<?xml version="1.0" encoding="UTF-8"?>
<page>
  <status>Cards created: ${text}</status>
</page>
`
const all = async () => cardsIn(await mor.ask('calling_cards_get'))

describe('calling_cards_create', () => {
  test("the wiki's request as it is printed makes its eleven cards", async () => {
    const { ctx, account } = mor.door
    for (const name of ['One', 'Two']) await ctx.store.addDistributor({ accountId: account.id, name })
    expect(mor.group.id).toBe(1)
    const { text } = await mor.send(
      '/billing/api/calling_cards_create?u=admin&card_group_id=1&cards_from=1000000025&cards_till=1000000035&batch_number=50&min_balance=15&language=en&distributor_id=2&hash=7e112ededcfee097cce21b6201c6d2a00dda1f4c',
    )
    expect(text).toBe(created('11/11'))
    const cards = await all()
    expect(cards.map((card) => card['card_number'])).toEqual(
      Array.from({ length: 11 }, (_, i) => String(1_000_000_025 + i)),
    )
    for (const card of cards) {
      expect(card).toMatchObject({
        ...{
          card_batch_number: '50',
          card_minimal_balance: '15.0',
          card_language: 'en',
          card_distributor: 'Two',
        },
        ...{ card_balance: '0.0', card_sold: '0', card_callerid: '', card_name: '', card_first_use: '' },
      })
      expect(card['card_pin']).toMatch(/^\d{4}$/)
    }
    expect(new Set(cards.map((card) => card['card_pin'])).size).toBe(11)
  })

  test('makes those that are missing, and says how many of how many', async () => {
    expect(await create(range('1000000001', '1000000008'))).toBe(created('8/8'))
    const before = await all()
    expect(await create(range('1000000001', '1000000012'))).toBe(created('4/12'))
    expect((await all()).slice(0, 8)).toEqual(before)
    expect(await create(range('1000000001', '1000000012'))).toBe(errorXml('Cards already exist'))
    expect(await all()).toHaveLength(12)
  })

  test('keeps leading zeros, up to the longest numbers that there are', async () => {
    expect(await create(range('0000000009', '0000000010'))).toBe(created('2/2'))
    const { ctx, account } = mor.door
    const long = await addGroup(ctx, account, { name: 'long', numberLength: 20, pinLength: 15 })
    expect(await create(range('00999999999999999999', '01000000000000000000', long.id))).toBe(created('2/2'))
    expect((await all()).map((card) => card['card_number'])).toEqual([
      ...['0000000009', '0000000010', '00999999999999999999', '01000000000000000000'],
    ])
  })

  test('puts on each what its group says, as a line of its ledger', async () => {
    const { ctx, account } = mor.door
    const group = await addGroup(ctx, account, {
      name: 'ten',
      numberLength: 4,
      pinLength: 4,
      balanceMicros: 10_000_000,
    })
    expect(await create(range('0001', '0001', group.id))).toBe(created('1/1'))
    const [card] = await all()
    expect(card).toMatchObject({ card_balance: '10.0' })
    expect(await ctx.store.ledger(Number(card!['card_id']), undefined, 9)).toMatchObject([
      { kind: 'opening', amountMicros: 10_000_000, balanceMicros: 10_000_000 },
    ])
  })

  test.each<[Parameters, Parameters]>([
    [{ min_balance: 'x' }, { card_minimal_balance: '0.0' }],
    [{ min_balance: '-1' }, { card_minimal_balance: '0.0' }],
    [{ min_balance: '0,5' }, { card_minimal_balance: '0.5' }],
    [{ language: 'Klingon' }, { card_language: 'en' }],
    [{ language: 'lt' }, { card_language: 'lt' }],
    [{ batch_number: ' ' }, { card_batch_number: '' }],
    [{ batch_number: 'x'.repeat(256) }, { card_batch_number: 'x'.repeat(255) }],
  ])('of optional parameters that are invalid nothing is said: %j', async (parameters, card) => {
    expect(await create({ ...range('1000000001', '1000000001'), ...parameters })).toBe(created('1/1'))
    expect(await all()).toMatchObject([card])
  })

  test.each(['99', 'x', '-1', ''])('a distributor %j that there is not is nobody', async (distributor_id) => {
    expect(await create({ ...range('1000000001', '1000000001'), distributor_id })).toBe(created('1/1'))
    expect((await all())[0]).not.toHaveProperty('card_distributor')
  })
})

describe('"Errors", in the order of the list', () => {
  const FROM = 'Cards from is in incorrect format'
  const TILL = 'Cards till is in incorrect format'
  test.each<[Parameters, string]>([
    [{}, 'Card Group was not found'],
    [{ cards_from: '1', cards_till: '1' }, 'Card Group was not found'],
    [{ card_group_id: '', cards_from: 'x' }, 'Card Group was not found'],
    [{ card_group_id: '2' }, 'Card Group was not found'],
    [{ card_group_id: 'x' }, 'Card Group was not found'],
    [{ card_group_id: '1 or 1=1' }, 'Card Group was not found'],
    [{ card_group_id: '1' }, 'Cards from was not found'],
    [{ card_group_id: '1', cards_from: ' ', cards_till: 'x' }, 'Cards from was not found'],
    [{ card_group_id: '1', cards_from: 'x' }, 'Cards till was not found'],
    [{ card_group_id: '1', cards_from: 'x', cards_till: 'x' }, FROM],
    [{ card_group_id: '1', cards_from: '100000002', cards_till: 'x' }, FROM],
    [{ card_group_id: '1', cards_from: '10000000025', cards_till: '10000000035' }, FROM],
    [{ card_group_id: '1', cards_from: '100000002x', cards_till: '1000000035' }, FROM],
    [{ card_group_id: '1', cards_from: '１000000025', cards_till: '1000000035' }, FROM],
    [{ card_group_id: '1', cards_from: '-100000025', cards_till: '1000000035' }, FROM],
    [{ card_group_id: '1', cards_from: '1000000025', cards_till: '1e9' }, TILL],
    [{ card_group_id: '1', cards_from: '1000000025', cards_till: '100000003' }, TILL],
    [{ card_group_id: '1', cards_from: '1000000025', cards_till: ' 100000035' }, TILL],
    [
      { card_group_id: '1', cards_from: '1000000025', cards_till: '1000000024' },
      'Cards from must not be greater than Cards till',
    ],
    [
      { card_group_id: '1', cards_from: '1000000001', cards_till: '1000002001' },
      'PIN is too short for this interval',
    ],
    [
      { card_group_id: '1', cards_from: '0000000000', cards_till: '9999999999' },
      'Too many Cards for one request',
    ],
  ])('%j: %s', async (parameters, text) => {
    expect(await create(parameters)).toBe(errorXml(text))
    expect(await mor.door.ctx.store.auditSize()).toMatchObject({ cards: 0 })
  })

  test('a fifth of all PINs of a length are given out, to the last one, and none more', async () => {
    expect(await create(range('1000000001', '1000002000'))).toBe(created('2000/2000'))
    expect(await create(range('1000002001', '1000002001'))).toBe(
      errorXml('PIN is too short for this interval'),
    )
    expect(await create(range('1000000001', '1000000001'))).toBe(errorXml('Cards already exist'))
    // Of another length there are others.
    const { ctx, account } = mor.door
    const { id } = await addGroup(ctx, account, { name: 'longer', numberLength: 10, pinLength: 5 })
    expect(await create(range('2000000001', '2000000001', id))).toBe(created('1/1'))
  })
})

/** Reliability: the hash is of the values without anything between them, so some other values have the same one. */
describe('values that are moved over from one parameter to the next', () => {
  const signed = 'card_group_id=1&cards_from=1000000025&cards_till=1000000035'
  const hash = '7e112ededcfee097cce21b6201c6d2a00dda1f4c'
  const send = async (parameters: string) =>
    (await mor.send(`/api/calling_cards_create?u=admin&${parameters}&hash=${hash}`)).text

  test.each([
    ['card_group_id=11&cards_from=000000025&cards_till=1000000035', 'Card Group was not found'],
    ['card_group_id=&cards_from=11000000025&cards_till=1000000035', 'Card Group was not found'],
    ['card_group_id=1&cards_from=10000000251&cards_till=000000035', 'Cards from is in incorrect format'],
    ['card_group_id=1&cards_from=100000002&cards_till=51000000035', 'Cards from is in incorrect format'],
    ['card_group_id=1&cards_from=1000000025100000003&cards_till=5', 'Cards from is in incorrect format'],
  ])('%s is signed, and refused: a number has the length of its group', async (parameters, text) => {
    expect(await send(parameters)).toBe(errorXml(text))
    expect(await send(signed)).toBe(created('11/11'))
  })

  test('can mean cards of another group whose numbers are shorter, and whose id goes on with the first digits of the range', async () => {
    const { ctx, account } = mor.door
    for (let i = 2; i <= 110; i++)
      await addGroup(ctx, account, { name: `group ${i}`, numberLength: 9, pinLength: 4 })
    const [right, moved] = [range('1000000001', '1000000035'), range('000000011', '000000035', 110)]
    const hash = hashFor('calling_cards_create', right)
    expect(hashFor('calling_cards_create', moved)).toBe(hash)
    expect(await create(right)).toBe(created('35/35'))
    // Nothing in MOR's rule tells the two apart: docs/dialects/mor.md says what keeps it harmless.
    expect(await create(moved)).toBe(created('25/25'))
    expect(await create(range('000000011', '000000035', 111))).toBe(errorXml('Card Group was not found'))
  })

  test('change nothing in a search, of which nothing is signed: whoever has seen one can make any', async () => {
    await mor.card('1000000025', { name: '1' })
    const search = async (parameters: string) =>
      (
        await mor.send(
          `/api/calling_cards_get?u=admin&${parameters}&hash=e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4`,
        )
      ).text
    expect(await search('number=11&name=1')).toBe(errorXml('Cards were not found'))
    expect(await search('number=1&name=11')).toBe(errorXml('Cards were not found'))
    expect(await search('name=1')).toContain('<card_number>1000000025</card_number>')
  })

  test('in an update only the card is signed: the same hash is good for every change of it, and for no other card', async () => {
    for (const number of ['1000000001', '1000000002']) await mor.card(number)
    const update = async (parameters: string) =>
      (
        await mor.send(
          `/api/calling_card_update?u=admin&${parameters}&hash=bc2f114099d16656d37e45fd9e8744cb9386d462`,
        )
      ).text
    expect(await update('card_id=1&name=x')).toContain('<success>')
    expect(await update('card_id=1&name=y&batch_number=9')).toContain('<success>')
    expect(await update('card_id=2&name=x')).toBe(errorXml('Incorrect hash', { bare: true }))
  })
})
