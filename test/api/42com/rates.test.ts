import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DEFAULT_SETTINGS } from '../../../src/engine/accounts.ts'
import { groupNamed } from '../../../src/engine/card-admin.ts'
import { createCards } from '../../../src/engine/create-cards.ts'
import {
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

const UNKNOWN = [1001, 'Result Not Known'] as const
type Rated = { number: string; destinationname: string; price: string; prefix: string }
const rates = async (numbers: string, client = door.demo) => {
  const got = await client.get(`/v2/?rates&numbers=${encodeURIComponent(numbers)}`)
  return (granted(got) as { rates: [Rated[]] }).rates[0]
}

describe('rates', () => {
  test('by the longest prefix, in the order that was asked, each number as it was written', async () => {
    const got = await rates('0041 44 364 35 32|+49179123456|0177 123456|030/1|030123456')
    expect(got).toEqual([
      { number: '0041 44 364 35 32', destinationname: 'Switzerland', price: '0,012345', prefix: '0041' },
      { number: '+49179123456', destinationname: 'Germany Mobile O2', price: '0,072', prefix: '0049179' },
      { number: '0177 123456', destinationname: 'Germany Mobile EPlus', price: '0,10', prefix: '0049177' },
      { number: '030123456', destinationname: 'Germany', price: '0,04', prefix: '0049' },
    ])
  })

  test('numbers without a rate are left out; where none has one the result is not known', async () => {
    expect(await rates('+442079460958|030123456|x|')).toMatchObject([{ number: '030123456' }])
    for (const numbers of ['+442079460958', 'x', '1', '|'])
      expectFault(await door.demo.get(`/v2/?rates&numbers=${encodeURIComponent(numbers)}`), ...UNKNOWN)
  })

  test('a hundred numbers are rated at once', async () => {
    expect(await rates(Array(100).fill('030123456').join('|'))).toHaveLength(100)
  })

  test('of any price: a comma, two places and more, and exactly that price', async () => {
    const prices = fc.integer({ min: 0, max: 10_000_000_000 })
    const property = fc.asyncProperty(prices, async (perMinuteMicros) => {
      await importRate('standard', perMinuteMicros)
      const [{ price }] = (await rates('+41443643532')) as [Rated]
      expect(price).toMatch(/^(0|[1-9]\d*),\d{2}(\d{0,3}[1-9])?$/)
      expect(Math.round(Number(price.replace(',', '.')) * 1e6)).toBe(perMinuteMicros)
    })
    await fc.assert(property, { numRuns: 50 })
  })

  test('are those of the card that the login is for, and of the account for any other', async () => {
    await importRate('dear', 990_000)
    const { ctx, account } = door
    const dear = (await ctx.store.tariffs(account.id)).find(({ name }) => name === 'dear')!
    const group = await groupNamed(ctx, account, { name: 'dear', numberLength: 9, tariffId: dear.id })
    const [card] = await createCards(ctx, account, { groupId: group.id, numbers: ['123456789'] })
    await addLogin(ctx, account, 'dear', card!.id)
    expect(await rates('+41443643532', clientOf(door, 'dear'))).toMatchObject([{ price: '0,99' }])
    expect(await rates('+41443643532')).toMatchObject([{ price: '0,012345' }])
    expect(await rates('+41443643532', door.shop)).toMatchObject([{ price: '0,012345' }])
  })

  test('of an account without a tariff are not known', async () => {
    const account = await cardAccount(door.ctx, 'bare')
    const cards = { ...DEFAULT_SETTINGS.cards, allowed: ['49'] }
    const save = { ...account, settings: { ...account.settings, cards } }
    await door.ctx.store.changeAccount(account.id, () => ({ save, result: undefined }))
    await addLogin(door.ctx, account, 'bare')
    const bare = clientOf(door, 'bare')
    expectFault(await bare.get('/v2/?rates&numbers=030123456'), ...UNKNOWN)
    expectFault(await bare.get('/v3/number-check?prefix=49&number=30123456'), ...UNKNOWN)
  })

  async function importRate(tariff: string, perMinuteMicros: number) {
    const { version } = await door.ctx.store.beginTariff(door.account.id, tariff, door.ctx.now())
    const price = { perMinuteMicros, setUpMicros: 0, minimumSeconds: 0, incrementSeconds: 1 }
    await door.ctx.store.putRates(version, [{ prefix: '41', name: 'Switzerland', ...price }])
    await door.ctx.store.finishTariff(version)
  }
})

describe('number-check', () => {
  const check = (prefix: string, number: string, path = '/v3/number-check?') =>
    door.demo.get(`${path}prefix=${encodeURIComponent(prefix)}&number=${encodeURIComponent(number)}`)

  test.each([
    ['49', '179123456789'],
    ['+49', '179 123 456 789'],
    [' 49', '(179) 123456789'],
    ['49', '0179123456789'],
  ])('prefix=%s&number=%s', async (prefix, number) => {
    const printed = {
      completenumber: '49179123456789',
      prefix: '49179',
      number: '123456789',
      name: 'Germany Mobile O2',
    }
    expect(granted(await check(prefix, number))).toEqual(printed)
    expect(granted(await check(prefix, number, '/v2/?number-check&'))).toEqual(printed)
  })

  test('of what is no number, or has no rate, is not known', async () => {
    for (const [prefix, number] of [
      ['49', 'x'],
      ['49', '1/sip:x@evil'],
      ['0', '179123456789'],
      ['49', '1'.repeat(30)],
    ] as const)
      expectFault(await check(prefix, number), ...UNKNOWN)
    const account = await cardAccount(door.ctx, 'wide', {
      cards: { ...DEFAULT_SETTINGS.cards, allowed: ['44'] },
    })
    await addLogin(door.ctx, account, 'wide')
    expectFault(await clientOf(door, 'wide').get('/v3/number-check?prefix=44&number=2079460958'), ...UNKNOWN)
  })

  test('of a number that the account may not call is refused', async () => {
    for (const [prefix, number] of [
      ['44', '2079460958'],
      ['49', '9001234567'],
      ['882', '1612345678'],
      ['49', '110'],
    ] as const)
      expectFault(await check(prefix, number), 403, 'Destination Not Allowed')
  })
})
