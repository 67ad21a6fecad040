import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { addGroup, updateCard } from '../../../src/engine/card-admin.ts'
import { createCards } from '../../../src/engine/create-cards.ts'
import type { Card } from '../../../src/engine/cards.ts'
import { cardsIn, errorXml, type Mor, openMor, type Parameters } from './client.ts'

let mor: Mor
let card: Card
beforeEach(async () => {
  mor = await openMor()
  const { ctx, account } = mor.door
  for (const name of ['One', 'Two']) await ctx.store.addDistributor({ accountId: account.id, name })
  card = await mor.card('1000000001', { pin: '2668', name: 'old', distributorId: 1 }, 5_000_000)
  await mor.card('1000000002', { pin: '7777', cli: '+917987686144' })
})
afterEach(() => mor.door.close())

const update = async (parameters: Parameters) =>
  (await mor.ask('calling_card_update', { card_id: String(card.id), ...parameters })).text
const now = async () => (await mor.door.ctx.store.findCard({ accountId: mor.door.account.id, id: card.id }))!
const SUCCESS = `<?xml version="1.0" encoding="UTF-8"?>
<page>
  <success>Calling Card successfully updated</success>
</page>
`

describe('calling_card_update', () => {
  test("the wiki's request as it is printed", async () => {
    const { text } = await mor.send(
      '/billing/api/calling_card_update?u=admin&card_id=1&number=4673451679&name=card&pin=7468&batch_number=5456484&callerid=2&min_balance=5&daily_charge_paid_till=1446721871&language=en&distributor=2&hash=bc2f114099d16656d37e45fd9e8744cb9386d462',
    )
    expect(text).toBe(SUCCESS)
    expect(cardsIn(await mor.ask('calling_cards_get', { number: '4673451679' }))).toEqual([
      {
        ...{ card_id: '1', card_number: '4673451679', card_name: 'card', card_pin: '7468' },
        ...{
          card_batch_number: '5456484',
          card_callerid: '2',
          card_balance: '5.0',
          card_minimal_balance: '5.0',
        },
        // 1446721871 in the time zone of the account.
        ...{ card_first_use: '', card_daily_charge_paid_till: '2015-11-05 16:41:11 +0530' },
        ...{ card_sold: '0', card_language: 'en', card_distributor: 'Two' },
      },
    ])
  })

  test.each<[Parameters, Partial<Card>]>([
    [{ number: '0000000007' }, { number: '0000000007' }],
    [{ name: 'new' }, { name: 'new' }],
    [{ name: 'x'.repeat(255) }, { name: 'x'.repeat(255) }],
    [{ pin: '0070' }, { pin: '0070' }],
    [{ pin: '2668' }, { pin: '2668' }],
    [{ batch_number: '007' }, { batch: '007' }],
    [{ callerid: '09956555625' }, { cli: '+919956555625' }],
    [{ callerid: ' 447700900123' }, { cli: '+447700900123' }],
    [{ callerid: '3' }, { cli: '3' }],
    [{ min_balance: '0' }, { minimalBalanceMicros: 0 }],
    [{ min_balance: '1,5' }, { minimalBalanceMicros: 1_500_000 }],
    [{ language: 'pt-br' }, { language: 'pt-br' }],
    [{ distributor: '2' }, { distributorId: 2 }],
    [{ distributor: '99' }, { distributorId: undefined }],
    [{ first_use: '1446721871' }, { firstUsedAt: 1_446_721_871_000 }],
    [{ daily_charge_paid_till: '0' }, { dailyChargePaidTill: 0 }],
    [
      {
        number: '',
        name: '',
        batch_number: '',
        callerid: '',
        min_balance: '',
        language: ' ',
        distributor: '',
      },
      {},
    ],
    [{ first_use: '', daily_charge_paid_till: '', balance: '' }, {}],
    [{}, {}],
    [{ sold: '1', card_group_id: '2', blocked: '1' }, {}],
  ])('%j', async (parameters, change) => {
    const before = await now()
    expect(await update(parameters)).toBe(SUCCESS)
    expect(await now()).toEqual({ ...before, ...change })
  })

  test('first_use -1 takes the first use away', async () => {
    await update({ first_use: '1446721871' })
    expect(await update({ first_use: '-1' })).toBe(SUCCESS)
    expect((await now()).firstUsedAt).toBeUndefined()
  })

  test('balance moves the money by a line of the ledger', async () => {
    expect(await update({ balance: '7,25' })).toBe(SUCCESS)
    expect(await update({ balance: '7.25' })).toBe(SUCCESS)
    expect(await update({ balance: '0' })).toBe(SUCCESS)
    expect(await mor.door.ctx.store.ledger(card.id, undefined, 9)).toMatchObject([
      { kind: 'correction', amountMicros: -7_250_000, balanceMicros: 0 },
      { kind: 'correction', amountMicros: 2_250_000, balanceMicros: 7_250_000 },
      { kind: 'opening', amountMicros: 5_000_000, balanceMicros: 5_000_000 },
    ])
  })
})

test('a request that is sent again is done again: nothing in it says when it was made', async () => {
  const { ctx, account } = mor.door
  expect(await update({ balance: '5', name: 'seen' })).toBe(SUCCESS)
  // As a call would.
  await updateCard(ctx, account, { id: card.id }, { balanceMicros: 3_000_000 })
  expect((await now()).balanceMicros).toBe(3_000_000)
  expect(await update({ balance: '5', name: 'seen' })).toBe(SUCCESS)
  expect((await now()).balanceMicros).toBe(5_000_000)
  expect(await ctx.store.audit(10)).toEqual([])
})

test('an account may forbid that a balance is set, and all else can be changed still', async () => {
  await mor.allow({ balance: false })
  expect(await update({ balance: '7', name: 'richer' })).toBe(
    errorXml('You are not authorized to use this functionality'),
  )
  expect(await now()).toMatchObject({ balanceMicros: 5_000_000, name: card.name })
  expect(await update({ name: 'as rich' })).toBe(SUCCESS)
  expect(await now()).toMatchObject({ balanceMicros: 5_000_000, name: 'as rich' })
})

describe('errors', () => {
  test.each<[Parameters, string]>([
    [{ card_id: "'1" }, 'Wrong Calling Card ID'],
    [{ card_id: '' }, 'Wrong Calling Card ID'],
    [{ card_id: '1.0' }, 'Wrong Calling Card ID'],
    [{ card_id: '22' }, 'Calling Card was not found'],
    [{ card_id: '999999999999999' }, 'Calling Card was not found'],
    [{ number: '10000000x2' }, 'Calling Card number must be numerical'],
    [{ number: '１000000002' }, 'Calling Card number must be numerical'],
    [{ number: '100000003' }, 'Bad number length, should be: 10'],
    [{ number: '10000000003' }, 'Bad number length, should be: 10'],
    [{ number: '1000000002' }, 'Number is already taken'],
    [{ pin: '' }, 'Card PIN is blank'],
    [{ pin: '   ' }, 'Card PIN is blank'],
    [{ pin: '123' }, 'Bad PIN length, should be: 4'],
    [{ pin: '12345' }, 'Bad PIN length, should be: 4'],
    [{ pin: '12x4' }, 'Card PIN must be numerical'],
    [{ pin: '7777' }, 'PIN is already taken'],
    [{ number: '1000000001', pin: '7777' }, 'PIN is already taken'],
    [{ number: '1000000001', pin: '2668', callerid: '07987686144' }, 'CallerID must be unique'],
    [{ callerid: '7987686144' }, 'CallerID must be unique'],
    [{ callerid: '+917987686144', pin: '4321', number: '1000000009' }, 'CallerID must be unique'],
    [{ name: 'x'.repeat(256) }, 'Calling Card name is too long'],
    [{ batch_number: 'x'.repeat(256) }, 'Batch number is too long'],
    [{ callerid: "1' or 1" }, 'CallerID is in incorrect format'],
    [{ callerid: '1'.repeat(41) }, 'CallerID is in incorrect format'],
    [{ language: 'English' }, 'Language is in incorrect format'],
    [{ min_balance: 'x' }, 'Balance is not a numerical value'],
    [{ min_balance: '1e3' }, 'Balance is not a numerical value'],
    [{ min_balance: '-5' }, 'Bad minimal balance'],
    [{ balance: '1.000,50' }, 'Balance is not a numerical value'],
    [{ balance: '-5' }, 'Bad balance'],
    [{ daily_charge_paid_till: '2015-11-05' }, 'Wrong date entered'],
    [{ daily_charge_paid_till: '-1' }, 'Wrong date entered'],
    [{ first_use: '-2' }, 'Wrong date entered'],
    [{ first_use: '999999999999' }, 'Wrong date entered'],
    [{ distributor: 'x' }, 'Wrong distributor'],
    [{ distributor: '-1' }, 'Wrong distributor'],
  ])('%j: %s, and nothing is changed', async (parameters, text) => {
    const before = await now()
    expect(await update({ name: 'new', ...parameters })).toBe(errorXml(text))
    expect(await now()).toEqual(before)
  })

  test('a PIN that could be a payment card is none', async () => {
    const { ctx, account } = mor.door
    const group = await addGroup(ctx, account, { name: 'long', numberLength: 4, pinLength: 15 })
    const [long] = await createCards(ctx, account, { groupId: group.id, numbers: ['0001'] })
    const pin = '378282246310005'
    expect(await update({ card_id: String(long!.id), pin })).toBe(errorXml('Card PIN is not allowed'))
  })

  test('a balance below what is held for a call', async () => {
    const { ctx, account } = mor.door
    const rate = {
      prefix: '91',
      name: 'India',
      perMinuteMicros: 1,
      setUpMicros: 0,
      minimumSeconds: 0,
      incrementSeconds: 1,
    }
    await ctx.store.openHold(
      { accountId: account.id, cardId: card.id, digits: '91', now: ctx.now() },
      () => ({
        hold: {
          ...{
            id: ctx.newId(),
            accountId: account.id,
            cardId: card.id,
            callId: ctx.newId(),
            kind: 'card',
            rate,
          },
          ...{
            from: undefined,
            to: '+917987686144',
            heldMicros: 3_000_000,
            longestSeconds: 60,
            state: 'open',
          },
          ...{
            openedAt: ctx.now(),
            answeredAt: undefined,
            endedAt: undefined,
            chargedMicros: 0,
            billedSeconds: 0,
          },
        },
        result: undefined,
      }),
    )
    expect(await update({ balance: '2.999999' })).toBe(errorXml('Bad balance'))
    expect(await update({ balance: '3' })).toBe(SUCCESS)
  })
})

describe('card_balance_get', () => {
  const balance = async (number: string) => (await mor.ask('card_balance_get', { number })).text

  test('balance and currency', async () => {
    await update({ balance: '10.084033' })
    expect(await balance('1000000001')).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<page>
  <calling_card>
    <balance>10.084033</balance>
    <currency>EUR</currency>
  </calling_card>
</page>
`)
  })

  test("the wiki's hash opens its request", async () => {
    await mor.login('keyed', undefined, 'secretkey')
    await mor.card('1111111000')
    const { text } = await mor.send(
      '/billing/api/card_balance_get?u=keyed&number=1111111000&hash=0d43cbd508a63230032ef593089833543ea297ea',
    )
    expect(text).toContain('<balance>0.0</balance>')
  })

  test.each(['', '1', '1000000003', '1000000001 ', '%', '100000000_'])('%j is no card', async (number) => {
    expect(await balance(number)).toBe(errorXml('Calling Card was not found'))
  })
})
