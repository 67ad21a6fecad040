import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ROLES } from '../../../src/engine/accounts.ts'
import { testAccount } from '../../support/context.ts'
import {
  cardsIn,
  errorXml,
  hashFor,
  type Method,
  type Mor,
  NONE,
  openMor,
  type Parameters,
} from './client.ts'

let mor: Mor
beforeEach(async () => {
  mor = await openMor()
})
afterEach(() => mor.door.close())

const YES_NO = [true, false]
const READS = ['admin', 'accountant', 'accountant-no-pins']

/** What is answered when nothing is wrong with the request itself, and nothing matches it. */
const LET_IN: Record<Method, { parameters: Parameters; text: string; roles: string[] }> = {
  calling_cards_get: { parameters: { name: 'x' }, text: 'Cards were not found', roles: READS },
  card_balance_get: { parameters: { number: '1' }, text: 'Calling Card was not found', roles: READS },
  calling_card_update: {
    parameters: { card_id: '22' },
    text: 'Calling Card was not found',
    roles: ['admin'],
  },
  calling_cards_create: {
    parameters: { card_group_id: '22', cards_from: '1', cards_till: '1' },
    text: 'Card Group was not found',
    roles: ['admin'],
  },
}

describe('of several things that are wrong the first is told', () => {
  for (const method of Object.keys(LET_IN) as Method[])
    test(`${method}: every combination`, async () => {
      const { parameters, text, roles } = LET_IN[method]
      for (const role of ROLES) {
        await mor.login(`${role} with key`, role)
        await mor.login(`${role} without`, role, '')
      }
      let asked = 0
      for (const enabled of YES_NO)
        for (const get of YES_NO) {
          await mor.allow({ enabled, get })
          for (const isKnown of YES_NO)
            for (const isGet of YES_NO)
              for (const hasKey of YES_NO)
                for (const isSigned of YES_NO)
                  for (const role of ROLES) {
                    const wrong: [boolean, string, { bare?: boolean }?][] = [
                      [!isKnown, 'Access Denied'],
                      [!enabled, 'API Requests are disabled', { bare: true }],
                      [isGet && !get, 'GET Requests are disabled', { bare: true }],
                      [!hasKey, 'API must have Secret Key', { bare: true }],
                      [!isSigned, 'Incorrect hash', { bare: true }],
                      [role === 'user', 'Access Denied'],
                      [!roles.includes(role), 'You are not authorized to use this functionality'],
                      [true, text],
                    ]
                    const [, first, how] = wrong.find(([is]) => is)!
                    const u = isKnown ? `${role} ${hasKey ? 'with key' : 'without'}` : `nobody ${role}`
                    const hash = hashFor(method, parameters, !isSigned ? 'other' : hasKey ? 'secret' : '')
                    const query = new URLSearchParams({ u, ...parameters, hash }).toString()
                    const got = await mor.send(`/api/${method}?${query}`, { method: isGet ? 'GET' : 'POST' })
                    expect({ enabled, get, u, isGet, isSigned, status: got.status, text: got.text }).toEqual({
                      ...{ enabled, get, u, isGet, isSigned, status: 200 },
                      text: errorXml(first, how),
                    })
                    expect(got.headers.get('content-type')).toBe('text/xml; charset=utf-8')
                    asked++
                  }
        }
      expect(asked).toBe(64 * ROLES.length)
    }, 30_000)
})

describe('"User is not authorized or is a Simple User"', () => {
  test('a login without a role may do everything', async () => {
    await mor.card('1111111119')
    expect(cardsIn(await mor.ask('calling_cards_get'))).toHaveLength(1)
  })

  test('no user, an empty one, and one of another dialect are nobody', async () => {
    for (const u of ['', 'acme', 'Admin', 'admin ', '__proto__', 'x'.repeat(2_000)])
      expect((await mor.ask('calling_cards_get', {}, u)).text).toBe(errorXml('Access Denied'))
    expect((await mor.send('/api/calling_cards_get')).text).toBe(errorXml('Access Denied'))
  })

  test('an accountant sees PINs, or does not, and can not search by what he does not see', async () => {
    await mor.card('1111111119', { pin: '2668' })
    await mor.login('seeing', 'accountant')
    await mor.login('blind', 'accountant-no-pins')
    expect(cardsIn(await mor.ask('calling_cards_get', {}, 'seeing'))).toMatchObject([{ card_pin: '2668' }])
    expect(cardsIn(await mor.ask('calling_cards_get', { pin: '26%' }, 'seeing'))).toHaveLength(1)
    const answer = await mor.ask('calling_cards_get', {}, 'blind')
    expect(cardsIn(answer)).toMatchObject([{ card_number: '1111111119' }])
    expect(answer.text).not.toMatch(/card_pin|2668/)
    for (const pin of ['2668', '2%', '%', '9%'])
      expect((await mor.ask('calling_cards_get', { pin }, 'blind')).text).toBe(
        errorXml('You are not authorized to use this functionality'),
      )
    expect(cardsIn(await mor.ask('calling_cards_get', { pin: ' ' }, 'blind'))).toHaveLength(1)
  })
})

test('an account sees, makes and changes nothing of another', async () => {
  const { ctx } = mor.door
  const other = await testAccount(ctx, { sid: 'other', vns: [] })
  await ctx.store.addCredential({ dialect: 'mor', user: 'other', accountId: other.id, secretHash: 'secret' })
  const theirs = await ctx.store.addDistributor({ accountId: other.id, name: 'Theirs' })
  const { id } = await mor.card('1111111119', { name: 'mine' })
  const group = String(mor.group.id)
  const range = { card_group_id: group, cards_from: '1111111119', cards_till: '1111111120' }
  expect((await mor.ask('calling_cards_get', {}, 'other')).text).toBe(NONE)
  const notFound = errorXml('Calling Card was not found')
  expect((await mor.ask('card_balance_get', { number: '1111111119' }, 'other')).text).toBe(notFound)
  expect((await mor.ask('calling_card_update', { card_id: String(id), name: 'theirs' }, 'other')).text).toBe(
    notFound,
  )
  expect((await mor.ask('calling_cards_create', range, 'other')).text).toBe(
    errorXml('Card Group was not found'),
  )
  // A distributor of somebody else is none.
  await mor.ask('calling_card_update', { card_id: String(id), distributor: String(theirs.id) })
  const [card] = cardsIn(await mor.ask('calling_cards_get'))
  expect(card).toMatchObject({ card_name: 'mine' })
  expect(card).not.toHaveProperty('card_distributor')
})
