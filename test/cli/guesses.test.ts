import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { randomInt } from 'node:crypto'
import { v7 as newId } from 'uuid'
import type { Account } from '../../src/engine/accounts.ts'
import type { Context } from '../../src/engine/context.ts'
import { addGroup } from '../../src/engine/card-admin.ts'
import { cardByPin, cardsPlace } from '../../src/engine/card-pins.ts'
import { addCampaign, DEFAULT_CAMPAIGN } from '../../src/engine/campaigns.ts'
import { createCards } from '../../src/engine/create-cards.ts'
import { clientWays, FASTAGI, TRUNK } from '../../src/engine/guard.ts'
import { joinByPin } from '../../src/engine/membership.ts'
import { checkPin } from '../../src/engine/pin-check.ts'
import { deletePins, writePins } from '../../src/engine/pin-databases.ts'
import { initiate, validatePin } from '../../src/engine/subscriptions.ts'
import { makeVouchers, redeemVoucher, vouchersPlace } from '../../src/engine/vouchers.ts'
import { installation, SLOW_MS, type Installation } from './command.ts'

const VN = '+916292134471'
const CALLER = '+919812345678'

let pinbridge: Installation
let ctx: Context
let account: Account

beforeEach(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme')
  await pinbridge.run('number', 'add', VN, '--account', 'acme')
  const store = pinbridge.store()
  ctx = { store, now: Date.now, randomInt: (max) => randomInt(max), newId }
  account = (await store.accounts())[0]!
  // With one PIN of eight digits the database has room for wrong ones; their chance to hit is still counted.
  const range = { start: '12345678', end: '12345678', beginsAt: undefined, expiresAt: undefined }
  await writePins(ctx, account, 7, range, 1)
}, SLOW_MS)
afterEach(() => pinbridge.close())

const check = (key: string | undefined, pin = '00000000') =>
  checkPin(ctx, { account, database: 7, pin, key, way: TRUNK })

/** A card that a voucher's money could go to. */
async function addCard(): Promise<number> {
  const group = await addGroup(ctx, account, { name: 'Basic' })
  const [card] = await createCards(ctx, account, { groupId: group.id, numbers: ['1000000025'] })
  return card!.id
}

/** Ten wrong PINs of a caller, and the right one after them. */
async function lockOut(key: string | undefined): Promise<void> {
  for (let n = 0; n < 10; n++) await check(key)
  expect(await check(key, '12345678')).toEqual({ status: 'locked', keys: 0 })
}

test(
  'nobody has wrong PINs to their name',
  async () => {
    expect((await pinbridge.run('guesses', 'list')).stdout).toBe('No wrong PIN is remembered.\n')
    expect(await pinbridge.json('guesses', 'list')).toEqual({ code: 0, document: { guesses: [] } })
  },
  SLOW_MS,
)

test(
  'a caller who is locked out is shown without the number, forgiven, and heard again',
  async () => {
    await lockOut(CALLER)
    const { document } = await pinbridge.json('guesses', 'list')
    const listed = document['guesses'] as Record<string, unknown>[]
    expect(listed.find(({ scope }) => scope === 'caller')).toEqual({
      ...{ scope: 'caller', account: 'acme', name: '+91…78', full: 1 },
      lockedUntil: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    })
    expect(listed.find(({ scope }) => scope === 'place')).toMatchObject({ account: 'acme', name: 'db 7' })
    const way = listed.find(({ scope }) => scope === 'way')
    expect(way).toMatchObject({ account: null, name: 'trunk', lockedUntil: null })
    expect(way!['full']).toBeCloseTo(0.01)
    expect((await pinbridge.run('guesses', 'list')).stdout).toMatch(/caller +acme +\+91…78 +100 % +\d{4}-/)

    const forget = ['guesses', 'forget', '--account', 'acme', '--caller', '098123 45678']
    expect(await pinbridge.json(...forget)).toEqual({ code: 0, document: { forgiven: true } })
    expect(await check(CALLER, '12345678')).toEqual({ status: 'ok', keys: 1 })
    expect(await pinbridge.run(...forget)).toMatchObject({
      code: 1,
      stdout: 'There was nothing to forgive.\n',
    })
  },
  SLOW_MS,
)

test(
  'those who withhold their number are forgiven together, a database, a number and the trunk by their names',
  async () => {
    await lockOut(undefined)
    await check('seat-12')
    expect((await pinbridge.run('guesses', 'list')).stdout).toMatch(/caller +acme +sea… +10 %/)
    await deletePins(ctx, account, 7, { start: '12345678', end: '12345678' }, 1)
    for (const way of [FASTAGI, ...clientWays(account.id)])
      await checkPin(ctx, { account, database: 7, pin: '0', key: 'seat-12', way })
    const cardId = await addCard()
    await makeVouchers(ctx, account, { count: 1, pinLength: 6, amountMicros: 1, validUntil: undefined })
    const sent = { account, caller: CALLER, way: TRUNK }
    await cardByPin(ctx, { ...sent, pin: '0000', place: cardsPlace(account.id) })
    await redeemVoucher(ctx, { ...sent, pin: '000000', place: vouchersPlace(account.id) }, cardId)
    await joinByPin(ctx, { account, vn: VN, caller: CALLER, pin: '4711', callId: 'call' })
    for (const what of [
      ['--account', 'acme', '--caller', 'anonymous'],
      ['--account', 'acme', '--caller', CALLER],
      ['--account', 'acme', '--caller', 'seat-12'],
      ['--account', 'acme', '--db', '7'],
      ['--account', 'acme', '--cards'],
      ['--account', 'acme', '--vouchers'],
      ['--number', VN],
      ['--trunk'],
      ['--fastagi'],
      ['--account', 'acme', '--api'],
    ])
      expect(await pinbridge.json('guesses', 'forget', ...what)).toEqual({
        ...{ code: 0, document: { forgiven: true } },
      })
    expect(await pinbridge.json('guesses', 'list')).toEqual({ code: 0, document: { guesses: [] } })
  },
  SLOW_MS,
)

test(
  'a number that guessed the PIN it was sent is shown without its digits, forgiven, and heard again',
  async () => {
    const [id, msisdn] = ['c71e2c2ee68b410a82d6c5f910c2d428', '+254700000011']
    // Four digits: so few guesses that ten of them are a good part of a day's.
    const settings = { ...DEFAULT_CAMPAIGN, name: 'Test', service: '1', allowed: ['254'], pinLength: 4 }
    const campaign = await addCampaign(ctx, account, { ...settings, id, attempts: 10, pinsOfNumberADay: 9 })
    const begin = async () => (await initiate(ctx, { campaign, account }, msisdn)).status
    expect(await begin()).toBe('pending_pin')
    const pin = (await ctx.store.findSubscription(id, msisdn))!.subscription.pin!.digits
    const wrong = pin === '1234' ? '1235' : '1234'
    for (let n = 0; n < 10; n++) await validatePin(ctx, campaign, msisdn, wrong)
    expect(await begin()).toBe('locked')

    const { document } = await pinbridge.json('guesses', 'list')
    const listed = document['guesses'] as Record<string, unknown>[]
    expect(listed.find(({ scope }) => scope === 'caller')).toMatchObject({
      account: 'acme',
      name: 'sent +25…11',
    })
    expect(listed.find(({ scope }) => scope === 'place')).toMatchObject({ name: `sent ${id} +25…11` })
    expect(JSON.stringify(listed)).not.toContain(msisdn)

    const forget = ['guesses', 'forget', '--campaign', id, '--subscriber', '254 700 000 011']
    expect(await pinbridge.json(...forget)).toEqual({ code: 0, document: { forgiven: true } })
    const { document: after } = await pinbridge.json('guesses', 'list')
    expect(after['guesses']).toEqual([])
    expect(await begin()).toBe('pending_pin')
    expect((await pinbridge.json(...forget)).code).toBe(1)
  },
  SLOW_MS,
)

test.each([
  [64, [], 'exactly one of'],
  [64, ['--trunk', '--number', VN], 'exactly one of'],
  [64, ['--db', '7'], '--account'],
  [64, ['--api'], '--account'],
  [64, ['--cards'], '--account'],
  [64, ['--account', 'acme', '--cards', '--vouchers'], 'exactly one of'],
  [64, ['--account', 'acme', '--db', '0'], '--db'],
  [64, ['--subscriber', '+254700000011'], 'go together'],
  [64, ['--trunk', '--campaign', 'not-there'], 'go together'],
  [64, ['--subscriber', '+254700000011', '--campaign', 'short'], '8 to 64 letters'],
  [1, ['--subscriber', '+254700000011', '--campaign', 'not-there'], 'no campaign'],
  [1, ['--number', '+916292134465'], 'is no virtual number'],
  [1, ['--account', 'acme', '--caller', 'a b'], 'cannot be a caller'],
  [1, ['--account', 'other', '--db', '7'], 'no account'],
])(
  'exit code %i: guesses forget %j',
  async (code, args, said) => {
    const ended = await pinbridge.run('guesses', 'forget', ...args)
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr).toContain(said)
  },
  SLOW_MS,
)
