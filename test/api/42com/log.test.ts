import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { makeVouchers } from '../../../src/engine/vouchers.ts'
import {
  type CardDoor,
  expectFault,
  granted,
  md5,
  openCardDoor,
  PASSWORD,
  phpDate,
  signed,
} from './client.ts'

let door: CardDoor
beforeEach(async () => {
  door = await openCardDoor()
})
afterEach(() => door.close())

const logged = async (count: number) => {
  while (door.lines.length < count) await new Promise(setImmediate)
  return door.lines.map((line) => JSON.parse(line) as { route: string; account?: string; status: number })
}

test('the log has route and account, and nothing of an address, a header or a body: no PIN, number, name or signature', async () => {
  const { shop, demo, ctx, account } = door
  const wanted = { count: 1, pinLength: 9, amountMicros: 5_000_000, validUntil: undefined }
  const [voucher] = await makeVouchers(ctx, account, wanted)
  const headers = shop.sign()
  const insert = {
    m: 'mycard-v2',
    act: 'insert',
    Telefon: '4917990000123',
    Kunde: 'canary-name',
    Amount: '777.77',
  }
  const message = { sendSmsInfo: '1', smsinfo_message: 'canary-message' }
  const { fldPIN, fldSerial } = granted(
    await shop.post('/v2/', { ...insert, ...message }, headers),
  ) as Record<string, string>
  await shop.post('/v2/', insert, headers)
  await shop.mycard('activateMyCard', { cli: '4917990000124', PIN: fldPIN! })
  await shop.mycard('activateMyCard', { cli: '4917990000124', PIN: '31337313' })
  await demo.post('/v2/?topup', `{"pin":"${voucher!.pin}"}`)
  await demo.post('/v2/?topup', `{"pin":"424242424"`)
  await demo.get('/v2/?webcallback&act=trycallback&aNumber=0302434299&bNumber=0302434298')
  await demo.get('/v3/number-check?prefix=49&number=179555555')
  await demo.get('/v2/?m=canary-module')
  await demo.get('/v3/canary-module?canary=1')
  await demo.get('/v1/canary-module')
  const bad = signed('canary-user', phpDate(ctx.now()), 'canary-password')
  await demo.get('/v2/?account', bad)
  ctx.store.lines = () => Promise.reject(new Error('no disk'))
  expectFault(await demo.get('/v2/?voiplist'), 504, 'Request Could Not Be Served')

  const lines = await logged(13)
  const log = door.lines.join('')
  const secrets = [
    ...[
      fldPIN,
      fldSerial,
      voucher!.pin,
      '31337313',
      '424242424',
      'canary',
      '4917990000',
      '30243429',
      '179555555',
    ],
    ...[
      headers['x-authorization']!.slice(5),
      bad['x-authorization']!.slice(12),
      md5(PASSWORD),
      '777.77',
      '2020-03-27',
    ],
  ]
  for (const secret of secrets) expect(log).not.toContain(secret)
  expect(lines.map(({ route, account }) => [route, account])).toEqual([
    ...(Array(7).fill(['/api/rest/v2', 'shop']) as unknown[]),
    ['/api/rest/v3/:module', 'shop'],
    ['/api/rest/v2', 'shop'],
    ['/api/rest/v3/:module', 'shop'],
    ['none', 'shop'],
    ['/api/rest/v2', undefined],
    ['/api/rest/v2', 'shop'],
  ])
  expect(lines.at(-1)).toMatchObject({ status: 200, level: 50, err: { message: 'no disk' } })
})

test('no answer may be stored, sniffed or named to another site', async () => {
  for (const headers of [door.demo.sign(), {}]) {
    const got = await fetch(`${door.url}/api/rest/v2/?voiplist`, { headers })
    expect(Object.fromEntries(got.headers)).toMatchObject({
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
  }
})

test('a bug is told as 504 and nothing more, and of an act that changes something it is not remembered as its answer', async () => {
  const real = { ...door.ctx.store }
  door.ctx.store.changeCard = () => Promise.reject(new Error('canary'))
  const headers = door.shop.sign()
  const insert = { m: 'mycard-v2', act: 'insert', Telefon: '4917990000123', Amount: '5' }
  expectFault(await door.shop.post('/v2/', insert, headers), 504, 'Request Could Not Be Served')
  Object.assign(door.ctx.store, real)
  const again = await door.shop.post('/v2/', insert, headers)
  expectFault(again, 504, 'Same Request Was Sent Before, Its Result Is Not Known')
  granted(await door.shop.post('/v2/', insert))
})
