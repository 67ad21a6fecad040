import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { makeVouchers } from '../../../src/engine/vouchers.ts'
import { openSqlite } from '../../../src/store/sqlite.ts'
import { eventsOf, testContext } from '../../support/context.ts'
import { openDoor } from '../door.ts'
import {
  addLogin,
  type Answer,
  type CardDoor,
  clientOf,
  expectFault,
  granted,
  openCardDoor,
  type Parameters,
  phpDate,
  signed,
} from './client.ts'

let door: CardDoor
beforeEach(async () => {
  door = await openCardDoor()
})
afterEach(() => door.close())

const UNKNOWN = [504, 'Same Request Was Sent Before, Its Result Is Not Known'] as const
const TELEFON = '4917990000000'
const INSERT = { m: 'mycard-v2', act: 'insert', Telefon: TELEFON, Amount: '5', sendSmsInfo: '1' }

async function balance(cli = `+${TELEFON}`): Promise<number> {
  const { ctx, account } = door
  return (await ctx.store.findCard({ accountId: account.id, cli }))?.balanceMicros ?? 0
}

async function voucherPin(): Promise<string> {
  const wanted = { count: 1, pinLength: 9, amountMicros: 5_000_000, validUntil: undefined }
  const [voucher] = await makeVouchers(door.ctx, door.account, wanted)
  return voucher!.pin
}

/** Sends the same hundred times at once. Who asks before there is an answer is told so; all others are told the same. */
async function hundredTimes(send: () => Promise<Answer>): Promise<string> {
  const answers = await Promise.all(Array.from({ length: 100 }, send))
  const told = answers.filter(({ envelope }) => envelope.codes[0]?.code !== 504)
  for (const early of answers.filter((one) => !told.includes(one))) expectFault(early, ...UNKNOWN)
  const texts = new Set([...told, await send()].map(({ text }) => text))
  expect(texts.size).toBe(1)
  return [...texts][0]!
}

describe('the same signed request a hundred times at once', () => {
  test('insert credits once, makes one card and asks for one message', async () => {
    const headers = door.shop.sign()
    const text = await hundredTimes(() => door.shop.post('/v2/', INSERT, headers))
    expect(JSON.parse(text)).toMatchObject({
      error: false,
      body: { Amount: '5,00 EUR', AmountAll: '5,00 EUR' },
    })
    expect(await balance()).toBe(5_000_000)
    expect(await eventsOf(door.ctx)).toHaveLength(1)
  })

  test('topup credits once', async () => {
    const [pin, headers] = [await voucherPin(), door.demo.sign()]
    const text = await hundredTimes(() => door.demo.post('/v2/?topup', `{"pin":"${pin}"}`, headers))
    expect(JSON.parse(text)).toMatchObject({ error: false, body: { customeraccountstate: '20,44' } })
    const card = await door.ctx.store.findCard({ accountId: door.account.id, id: door.card.id })
    expect(card?.balanceMicros).toBe(door.card.balanceMicros + 5_000_000)
  })

  test('trycallback asks for one call', async () => {
    const headers = door.demo.sign()
    const form = { act: 'trycallback', aNumber: '0302434299', bNumber: '0302434298' }
    await hundredTimes(() => door.demo.post('/v2/?webcallback', form, headers))
    expect(await door.ctx.store.openCallbacks()).toHaveLength(1)
  })

  test('a refusal is the same refusal, also when it would be granted by now, and a wrong PIN counts once', async () => {
    const headers = door.demo.sign()
    const text = await hundredTimes(() => door.demo.post('/v2/?topup', '{"pin":"123456789"}', headers))
    expect(JSON.parse(text)).toMatchObject({ codes: [{ code: 1200 }] })
    // A hundred would have locked the user out.
    granted(await door.demo.post('/v2/?topup', `{"pin":"${await voucherPin()}"}`))
  })

  test('one after another with a voucher between them: each signature has its own answer', async () => {
    const pin = await voucherPin()
    const [first, second] = [door.demo.sign(), door.demo.sign()]
    const right = await door.demo.post('/v2/?topup', { pin }, first)
    const wrong = await door.demo.post('/v2/?topup', { pin }, second)
    granted(right)
    expectFault(wrong, 1200, 'Personal Identification Number Not Valid')
    expect(await door.demo.post('/v2/?topup', { pin }, first)).toEqual(right)
    expect(await door.demo.post('/v2/?topup', { pin }, second)).toEqual(wrong)
  })
})

describe('a request is the same by user, signature, module and what is read of its parameters', () => {
  const SAME: [string, Parameters, string][] = [
    [
      'in another order',
      { Amount: '5', Telefon: TELEFON, sendSmsInfo: '1', act: 'insert', m: 'mycard-v2' },
      '',
    ],
    ['with others that mean nothing', { ...INSERT, x: '1' }, ''],
    ['in the query', {}, new URLSearchParams(INSERT).toString()],
    ['with the sum written another way', { ...INSERT, Amount: '5,0' }, ''],
  ]
  test.each(SAME)('%s it is the same', async (_how, form, search) => {
    const headers = door.shop.sign()
    const first = await door.shop.post('/v2/', INSERT, headers)
    granted(first)
    expect(await door.shop.post(`/v2/?${search}`, form, headers)).toEqual(first)
    expect(await balance()).toBe(5_000_000)
  })

  test('by GET it is the same', async () => {
    const headers = door.shop.sign()
    const first = await door.shop.post('/v2/', INSERT, headers)
    granted(first)
    expect(await door.shop.get(`/v2/?${new URLSearchParams(INSERT).toString()}`, headers)).toEqual(first)
    expect(await balance()).toBe(5_000_000)
  })

  test('the samples use one date for several modules and acts: those are several requests', async () => {
    const headers = door.shop.sign()
    granted(await door.shop.post('/v2/', INSERT, headers))
    granted(await door.shop.post('/v2/', { ...INSERT, Telefon: '4917990000001' }, headers))
    granted(await door.shop.post('/v2/', { ...INSERT, Amount: '6' }, headers))
    expect(await balance()).toBe(11_000_000)
    for (const act of ['blockcard', 'unblockcard']) {
      granted(await door.shop.post('/v2/', { m: 'mycard-v2', act, Telefon: TELEFON }, headers))
    }
    const show = { m: 'mycard-v2', act: 'show', Telefon: TELEFON }
    expect(granted(await door.shop.post('/v2/', show, headers))).toMatchObject({ active: 1 })
  })

  test('another user who has signed the same date has asked for something else', async () => {
    await addLogin(door.ctx, door.account, 'shop2')
    const date = phpDate(door.ctx.now())
    for (const user of ['shop', 'shop2']) granted(await door.shop.post('/v2/', INSERT, signed(user, date)))
    expect(await balance()).toBe(10_000_000)
  })

  test('another date makes another request', async () => {
    granted(await door.shop.post('/v2/', INSERT))
    granted(await door.shop.post('/v2/', INSERT))
    expect(await balance()).toBe(10_000_000)
  })

  test('reading is not remembered: it tells how things are', async () => {
    granted(await door.shop.post('/v2/', INSERT))
    const headers = door.shop.sign()
    const show = () => door.shop.post('/v2/', { m: 'mycard-v2', act: 'show', Telefon: TELEFON }, headers)
    expect(granted(await show())).toMatchObject({ AmountAll: '5,00 EUR' })
    granted(await door.shop.post('/v2/', INSERT))
    expect(granted(await show())).toMatchObject({ AmountAll: '10,00 EUR' })
  })
})

test('what cannot be understood is not remembered', async () => {
  const headers = door.shop.sign()
  expectFault(
    await door.shop.post('/v2/', { ...INSERT, Amount: 'x' }, headers),
    403,
    'Parameter Amount Not Valid',
  )
  granted(await door.shop.post('/v2/', INSERT, headers))
})

test('a request that broke off has no answer ever: whoever asks again is told that nobody knows', async () => {
  const headers = door.shop.sign()
  const real = { ...door.ctx.store }
  door.ctx.store.endRequest = () => Promise.reject(new Error('no disk'))
  expectFault(await door.shop.post('/v2/', INSERT, headers), 504, 'Request Could Not Be Served')
  Object.assign(door.ctx.store, real)
  expectFault(await door.shop.post('/v2/', INSERT, headers), ...UNKNOWN)
  expect(await balance()).toBe(5_000_000)
})

test('it is remembered for longer than its date is good, whichever way our clock is turned', async () => {
  const headers = signed('shop', phpDate(door.ctx.now() + 180_000))
  const first = await door.shop.post('/v2/', INSERT, headers)
  granted(first)
  for (const ms of [0, 180_000, 180_000]) {
    door.ctx.clock.ms += ms
    await door.ctx.store.forgetRequests(door.ctx.now(), 1_000)
    expect(await door.shop.post('/v2/', INSERT, headers)).toEqual(first)
  }
  door.ctx.clock.ms += 1
  expectFault(await door.shop.post('/v2/', INSERT, headers), 1011, 'Wrong x-date Too Old.')
  // An hour later it is forgotten, and its date stays too old unless the clock goes back by more than that.
  expect(await door.ctx.store.forgetRequests(door.ctx.now() + 3_500_000, 1_000)).toBe(0)
  expect(await door.ctx.store.forgetRequests(door.ctx.now() + 3_600_000, 1_000)).toBe(1)
  expect(await balance()).toBe(5_000_000)
})

test('after a restart it is still known', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pinbridge-42com-'))
  const file = join(folder, 'test.db')
  try {
    const { store: inMemory, ...rest } = testContext()
    await inMemory.close()
    const ctx = { ...rest, store: openSqlite(file) }
    const before = await openCardDoor({}, { ctx })
    const headers = before.shop.sign()
    const first = await before.shop.post('/v2/', INSERT, headers)
    granted(first)
    await before.close()
    await ctx.store.close()

    const again = { ...ctx, store: openSqlite(file) }
    const after = await openDoor({ ctx: again })
    const shop = clientOf({ url: after.url, ctx: again }, 'shop')
    const text = await hundredTimes(() => shop.post('/v2/', INSERT, headers))
    expect(text).toBe(first.text)
    const card = await again.store.findCard({ accountId: before.account.id, cli: `+${TELEFON}` })
    expect(card?.balanceMicros).toBe(5_000_000)
    await after.close()
    await again.store.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})
