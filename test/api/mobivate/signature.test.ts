import { createHash, createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { whoSigned } from '../../../src/api/dialects/mobivate/signature.ts'
import { testAccount } from '../../support/context.ts'
import {
  ACCOUNT_ID,
  addLogin,
  type Answer,
  CAMPAIGN_ID,
  expectPrinted,
  expectState,
  KEYWORD,
  makeCampaign,
  md5,
  type Method,
  type Mobivate,
  MSISDN,
  openMobivate,
  SECRET,
  SIGNATURE,
  v2,
} from './client.ts'

let door: Mobivate
beforeEach(async () => {
  door = await openMobivate()
})
afterEach(() => door.close())

function expectRefused(answer: Answer, error = 'Invalid signature'): void {
  expectPrinted(answer, { status: 401, authenticated: false, state: null, error }, { knowsCampaign: false })
}

const FIELDS = { method: 'initiate', campaignId: CAMPAIGN_ID, msisdn: MSISDN, keyword: '', pin: '' } as const
const LOGINS = [{ user: ACCOUNT_ID, secretHash: SECRET }]
const seconds = (instant: number) => Math.floor(instant / 1_000)
/** Computed apart, with openssl: of the second in which the clock stands. */
const VECTORS = {
  initiate: 'v2.1585290429.4f4e83c8076416a04df65765680f313ac9d33ff2f54781a04736b588f42726f3',
  validatePin: 'v2.1585290429.9d120508116b046bc9ab8f4ee3251a6b16162285092aa1bba2cb5dd124850aad',
}

describe("the vendor's signature", () => {
  test('is that of its page: account id, campaign id, msisdn', () => {
    expect(whoSigned(LOGINS, FIELDS, SIGNATURE)).toEqual({
      ...{ user: ACCOUNT_ID, signature: SIGNATURE, at: undefined },
    })
  })

  test('and not in the order in which the page names the three', () => {
    const orders = [
      [CAMPAIGN_ID, MSISDN, ACCOUNT_ID],
      [CAMPAIGN_ID, ACCOUNT_ID, MSISDN],
      [ACCOUNT_ID, MSISDN, CAMPAIGN_ID],
    ]
    for (const order of orders) {
      const signature = createHash('md5').update(order.join('')).digest('hex')
      expect(whoSigned(LOGINS, FIELDS, signature)).toBeUndefined()
    }
  })

  test('opens every method, as a whole request', async () => {
    const body = { msisdn: MSISDN, signature: SIGNATURE, keyword: KEYWORD }
    expectState(await door.post('initiate', body), 200, 'pending_pin')
    const pin = (await door.kept()).subscription!.pin!.digits
    expectState(await door.post('validate_pin', { ...body, pin }), 200, 'subscribed')
    expectState(await door.post('status', { msisdn: MSISDN, signature: SIGNATURE }), 200, 'active')
    expectState(await door.post('unsubscribe', { msisdn: MSISDN, signature: SIGNATURE }), 200, 'unsubscribed')
  })

  const flip = (at: number) => {
    const other = SIGNATURE[at] === '0' ? '1' : '0'
    return SIGNATURE.slice(0, at) + other + SIGNATURE.slice(at + 1)
  }
  test.each<[string, unknown]>([
    ['one digit other, the first', flip(0)],
    ['one digit other, the last', flip(31)],
    ['upper case', SIGNATURE.toUpperCase()],
    ['cut', SIGNATURE.slice(0, 31)],
    ['and a digit more', `${SIGNATURE}0`],
    ['with a blank', ` ${SIGNATURE}`],
    ['empty', ''],
    ['null', null],
    ['a list', [SIGNATURE]],
    ['an object', { toString: SIGNATURE }],
    ['a number', 1],
    ['true', true],
    ['of another number', md5('254700000001')],
    ['of another campaign', md5(MSISDN, { campaignId: 'another-one' })],
    ['of another account id', md5(MSISDN, { accountId: 'nobody' })],
    ['of the name of the account, which is no login of this dialect', md5(MSISDN, { accountId: 'acme' })],
    ['SHA-1', createHash('sha1').update(`${ACCOUNT_ID}${CAMPAIGN_ID}${MSISDN}`).digest('hex')],
    ['other letters of the same length', 'é'.repeat(32)],
  ])('%s: 401, and nothing happens', async (_what, signature) => {
    for (const method of ['initiate', 'validate_pin', 'unsubscribe', 'status'] as const)
      expectRefused(await door.ask(method, { signature, pin: '12345' }))
    expect(await door.kept()).toEqual({})
    expect(door.woken()).toBe(0)
  })

  test('absent: 401', async () => {
    expectRefused(await door.post('status', { msisdn: MSISDN }))
  })

  test('is looked at before the number, the keyword and the rest', async () => {
    const bad = { msisdn: 'abc', keyword: 'x', custom_data: 'x', signature: md5('another') }
    expectRefused(await door.ask('initiate', bad))
    expectRefused(await door.post('initiate', {}))
  })

  test('any login of the account will do, and none of another account or of another dialect', async () => {
    await addLogin(door.ctx, door.account, 'second-id')
    const other = await testAccount(door.ctx, { sid: 'other', vns: [] })
    await addLogin(door.ctx, other, 'other-id')
    await door.ctx.store.addCredential({
      ...{ dialect: 'mor', user: 'mor-user', accountId: door.account.id, secretHash: SECRET },
    })
    const status = (accountId: string) => door.ask('status', { signature: md5(MSISDN, { accountId }) })
    expectState(await status('second-id'), 200, 'nf')
    expectRefused(await status('other-id'))
    expectRefused(await status('mor-user'))
    await makeCampaign(door.ctx, other, { id: 'campaign-of-other' })
    const of = { campaignId: 'campaign-of-other' }
    expectRefused(await door.ask('status', {}, of))
    const signature = md5(MSISDN, { accountId: 'other-id', ...of })
    expectState(await door.ask('status', { signature }, of), 200, 'nf')
  })
})

describe('the strong signature', () => {
  const sign = (method: Method, fields: object = {}, offsetMs = 0, secret = SECRET) => {
    const sent = { msisdn: MSISDN, keyword: KEYWORD, ...fields }
    return { ...sent, signature: v2(seconds(door.ctx.now() + offsetMs), method, sent, { secret }) }
  }

  test.each([
    ['initiate', '', VECTORS.initiate],
    ['validate_pin', '12345', VECTORS.validatePin],
  ] as const)('of %s is the golden one', (method, pin, signature) => {
    const fields = { method, campaignId: CAMPAIGN_ID, msisdn: MSISDN, keyword: KEYWORD, pin }
    expect(whoSigned(LOGINS, fields, signature)).toEqual({
      ...{ user: ACCOUNT_ID, signature, at: 1_585_290_429_000 },
    })
    for (const other of [
      { method: 'status' as const },
      { campaignId: 'another-one' },
      { msisdn: '254700000001' },
      { keyword: '' },
      { pin: '12346' },
    ])
      expect(whoSigned(LOGINS, { ...fields, ...other }, signature)).toBeUndefined()
    expect(whoSigned([{ user: ACCOUNT_ID, secretHash: 'x' }], fields, signature)).toBeUndefined()
  })

  test('opens every method', async () => {
    expectState(await door.post('initiate', sign('initiate')), 200, 'pending_pin')
    const pin = (await door.kept()).subscription!.pin!.digits
    expectState(await door.post('validate_pin', sign('validate_pin', { pin })), 200, 'subscribed')
    expectState(await door.post('status', sign('status')), 200, 'active')
    expectState(await door.post('unsubscribe', sign('unsubscribe')), 200, 'unsubscribed')
  })

  test('is over numbers as they are sent: with `+`, and as numbers of JSON', async () => {
    for (const msisdn of [`+${MSISDN}`, Number(MSISDN)])
      expectState(await door.post('status', sign('status', { msisdn })), 200, 'nf')
    const pin = Number(await door.pinOf())
    expectState(await door.post('validate_pin', sign('validate_pin', { pin })), 200, 'subscribed')
  })

  test('any login of the account may sign with its own secret', async () => {
    await addLogin(door.ctx, door.account, 'second-id', 'second secret')
    expectState(await door.post('status', sign('status', {}, 0, 'second secret')), 200, 'nf')
    expectRefused(await door.post('status', sign('status', {}, 0, 'third secret')))
  })

  const OLD = 'Signature is too old, or of the future'
  test.each([
    ['300 s old', -300_000, true],
    ['301 s old', -301_000, false],
    ['a year old', -365 * 86_400_000, false],
    ['300 s ahead', 300_000, true],
    ['301 s ahead', 301_000, false],
  ])('%s', async (_what, offsetMs, isGood) => {
    for (const method of ['initiate', 'status'] as const) {
      const answer = await door.post(method, sign(method, {}, offsetMs))
      if (isGood) expect(answer.status).toBe(200)
      else expectRefused(answer, OLD)
    }
  })

  test('to the millisecond', async () => {
    const signed = sign('status')
    door.ctx.clock.ms += 300_000
    expectState(await door.post('status', signed), 200, 'nf')
    door.ctx.clock.ms += 1
    expectRefused(await door.post('status', signed), OLD)
  })

  test('that it is too old is told to nobody but who has signed it', async () => {
    expectRefused(await door.post('status', sign('status', {}, -301_000, 'x')))
  })

  test.each([
    ['of another method', (good: string) => good, 'unsubscribe'],
    ['in upper case', (good: string) => good.toUpperCase(), 'status'],
    ['with its hex in upper case', (good: string) => `v2${good.slice(2).toUpperCase()}`, 'status'],
    ['cut', (good: string) => good.slice(0, -1), 'status'],
    ['and a digit more', (good: string) => `${good}0`, 'status'],
    ['with a zero before its time', (good: string) => good.replace('v2.', 'v2.0'), 'status'],
    ['of another time', (good: string) => good.replace(/\.(\d+)\d\./, '.$10.'), 'status'],
    ['without its time', (good: string) => good.replace(/\.\d+\./, '..'), 'status'],
    ['of another version', (good: string) => good.replace('v2', 'v3'), 'status'],
    ['of time alone', (good: string) => good.slice(0, 14), 'status'],
  ] as const)('%s: 401', async (_what, change, method) => {
    // Its last digit is a 9, so that another one is another time.
    const signed = sign('status')
    expect(seconds(door.ctx.now()) % 10).toBe(9)
    expectRefused(await door.post(method, { ...signed, signature: change(signed.signature) }))
  })

  test.each([
    ['the number', { msisdn: '254700000001' }],
    ['the keyword', { keyword: 'OTHER' }],
    ['the keyword, taken away', { keyword: null }],
    ['the PIN', { pin: '54321' }],
    ['the PIN, taken away', { pin: null }],
    [
      'a letter moved from one field into the next',
      { keyword: KEYWORD.slice(1), pin: `${KEYWORD[0]!}12345` },
    ],
  ])('%s changed on the way: 401', async (_what, change) => {
    const signed = sign('validate_pin', { pin: '12345' })
    expectRefused(await door.post('validate_pin', { ...signed, ...change }))
  })

  test('whose seconds are written with a zero before them is another spelling: 401', async () => {
    for (const [written, status] of [
      ['1585290429', 200],
      ['01585290429', 401],
    ] as const) {
      const message = [written, 'status', CAMPAIGN_ID, MSISDN, '', ''].join('\n')
      const signature = `v2.${written}.${createHmac('sha256', SECRET).update(message).digest('hex')}`
      expect((await door.post('status', { msisdn: MSISDN, signature })).status).toBe(status)
    }
  })

  test('a line feed cannot move from one field into another: no field has any', async () => {
    const signed = sign('validate_pin', { keyword: 'A', pin: 'B\nC' })
    const answer = await door.post('validate_pin', { ...signed, keyword: 'A\nB', pin: 'C' })
    expect(answer).toMatchObject({ status: 400, body: { campaign_name: null } })
  })

  test('an account can require it', async () => {
    await door.change({ strongSignature: true })
    for (const method of ['initiate', 'validate_pin', 'unsubscribe', 'status'] as const) {
      expectRefused(await door.ask(method, { pin: '12345' }), 'Signature must be made with the secret')
      // Nobody else learns that.
      expectRefused(await door.ask(method, { pin: '12345', signature: md5('x') }))
    }
    expect(await door.kept()).toEqual({})
    expectState(await door.post('initiate', sign('initiate')), 200, 'pending_pin')
    await door.change({ strongSignature: false })
    expectState(await door.ask('status'), 200, 'doi-onhold')
  })
})
