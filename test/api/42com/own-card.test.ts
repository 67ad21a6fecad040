import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { updateCard } from '../../../src/engine/card-admin.ts'
import { cardByPin, cardsPlace } from '../../../src/engine/card-pins.ts'
import { clientWay } from '../../../src/engine/guard.ts'
import { makeVouchers } from '../../../src/engine/vouchers.ts'
import type { TestContext } from '../../support/context.ts'
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

const WRONG_PIN = [1200, 'Personal Identification Number Not Valid'] as const
const NOT_CONNECTED = [1201, 'Account Not Connected To A Calling Card'] as const

async function vouchers(
  count: number,
  ctx: TestContext = door.ctx,
  account = door.account,
  validUntil?: number,
) {
  const made = await makeVouchers(ctx, account, { count, pinLength: 9, amountMicros: 2_500_000, validUntil })
  return made.map(({ pin }) => pin)
}
async function balance(id = door.card.id): Promise<number> {
  const { ctx, account } = door
  return (await ctx.store.findCard({ accountId: account.id, id }))!.balanceMicros
}

test.each(['account', 'topup', 'voiplist', 'webcallback'])(
  '%s of a login that is for no card: 1201',
  async (module) => {
    const search = 'pin=123456789&act=trycallback&aNumber=0302434299&bNumber=0302434298'
    expectFault(await door.shop.get(`/v3/${module}?${search}`), ...NOT_CONNECTED)
    expectFault(await door.shop.get(`/v3/${module}?pin=123456789&act=status&callId=x`), ...NOT_CONNECTED)
  },
)

test('account: of any balance the sum has a comma and four places', async () => {
  const sums = fc.integer({ min: 1, max: 10 ** 12 })
  const property = fc.asyncProperty(sums, async (micros) => {
    await updateCard(door.ctx, door.account, { id: door.card.id }, { balanceMicros: micros })
    const { accounts } = granted(await door.demo.get('/v2/?account')) as { accounts: { amount: string }[] }
    expect(accounts[0]!.amount).toMatch(/^(0|[1-9]\d*),\d{4}$/)
    expect(Math.abs(Number(accounts[0]!.amount.replace(',', '.')) * 1e6 - micros)).toBeLessThanOrEqual(50.001)
  })
  await fc.assert(property, { numRuns: 50 })
})

describe('topup', () => {
  const topup = (pin: string, client = door.demo) => client.post('/v2/?topup', { pin })

  test('takes a voucher once, whoever asks', async () => {
    const [pin = ''] = await vouchers(1)
    expect(granted(await topup(pin))).toMatchObject({ amount: '2,50', customeraccountstate: '17,94' })
    expectFault(await topup(pin), ...WRONG_PIN)
    const other = await addCard(door.ctx, door.account)
    await addLogin(door.ctx, door.account, 'other', other.id)
    expectFault(await topup(pin, clientOf(door, 'other')), ...WRONG_PIN)
    expect(await balance(other.id)).toBe(0)
  })

  test('by a hundred users at once is credited to one of them', async () => {
    const [pin = ''] = await vouchers(1)
    const cards = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const card = await addCard(door.ctx, door.account)
        await addLogin(door.ctx, door.account, `user${i}`, card.id)
        return card
      }),
    )
    const answers = await Promise.all(cards.map((_, i) => topup(pin, clientOf(door, `user${i}`))))
    expect(answers.filter(({ envelope }) => !envelope.error)).toHaveLength(1)
    const sums = await Promise.all(cards.map(({ id }) => balance(id)))
    expect(sums.reduce((sum, one) => sum + one)).toBe(2_500_000)
  })

  test('with a voucher that is past its date, of another account, or a PIN of a card, is refused alike', async () => {
    const [late = ''] = await vouchers(1, door.ctx, door.account, door.ctx.now() + 1)
    door.ctx.clock.ms++
    const [foreign = ''] = await vouchers(1, door.ctx, await cardAccount(door.ctx, 'other'))
    for (const pin of [late, foreign, door.card.pin]) expectFault(await topup(pin), ...WRONG_PIN)
    expect(await balance()).toBe(door.card.balanceMicros)
  })

  test('of a card that is blocked is refused, and the voucher is still good', async () => {
    const [pin = ''] = await vouchers(1)
    await updateCard(door.ctx, door.account, { id: door.card.id }, { blocked: true })
    expectFault(await topup(pin), 403, 'Card Not Active')
    await updateCard(door.ctx, door.account, { id: door.card.id }, { blocked: false })
    granted(await topup(pin))
  })

  test('again with its own voucher, for want of an answer, is refused each time and locks nobody out', async () => {
    const [first = '', second = ''] = await vouchers(2)
    granted(await topup(first))
    for (let i = 0; i < 20; i++) expectFault(await topup(first), ...WRONG_PIN)
    granted(await topup(second))
  })

  test('goes on when a shop’s form has used up what it has of wrong PINs of cards', async () => {
    const [pin = ''] = await vouchers(1)
    const { ctx, account } = door
    const keyed = {
      account,
      caller: undefined,
      place: cardsPlace(account.id),
      way: clientWay(account.id, 'cards'),
    }
    for (let i = 0; i < 1_001; i++) await cardByPin(ctx, { ...keyed, pin: String(100_000_000_000 + i) })
    const activated = await door.shop.mycard('activateMyCard', { cli: '4930123499', PIN: '123456789' })
    expectFault(activated, 403, 'Too Many Wrong PINs')
    granted(await topup(pin))
  })

  test('locks a user out who guesses, and no other user of the account', async () => {
    const [first = '', second = ''] = await vouchers(2)
    for (let i = 0; i < 10; i++) expectFault(await topup(String(100_000_000 + i)), ...WRONG_PIN)
    expectFault(await topup(first), 403, 'Too Many Wrong PINs')
    const other = await addCard(door.ctx, door.account)
    await addLogin(door.ctx, door.account, 'other', other.id)
    granted(await topup(second, clientOf(door, 'other')))
    door.ctx.clock.ms += 3_600_000
    granted(await topup(first))
  })
})

test('voiplist: the lines of the card, by name, and of no other', async () => {
  const { ctx, account, card } = door
  const other = await addCard(ctx, account)
  const foreign = await cardAccount(ctx, 'other')
  const stranger = await addCard(ctx, foreign)
  const add = (username: string, accountId: string, cardId: number) =>
    ctx.store.addLine({ username, accountId, cardId, password: `secret-${username}`, createdAt: 0 })
  await add('line-b', account.id, card.id)
  await add('line-a', account.id, card.id)
  await add('line-c', account.id, other.id)
  await add('line-d', foreign.id, stranger.id)
  const { voiplist } = granted(await door.demo.get('/v2/?voiplist')) as {
    voiplist: Record<string, { username: string; password: string }>
  }
  expect(
    Object.entries(voiplist).map(([name, { username, password }]) => [name, username, atob(password)]),
  ).toEqual([
    ['sip_1', 'line-a', 'secret-line-a'],
    ['sip_2', 'line-b', 'secret-line-b'],
  ])
  expect(granted(await clientOf(door, 'demo').get('/v2/?voiplist'))).toMatchObject({ username: 'demo' })
})

test('voiplist without any line is an empty object', async () => {
  expect(granted(await door.demo.get('/v2/?voiplist'))).toMatchObject({ voiplist: {} })
})
