import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { groupNamed } from '../../../src/engine/card-admin.ts'
import type { Card } from '../../../src/engine/cards.ts'
import { createCards } from '../../../src/engine/create-cards.ts'
import { makeVouchers } from '../../../src/engine/vouchers.ts'
import { eventsOf } from '../../support/context.ts'
import {
  addCard,
  addLogin,
  type CardDoor,
  clientOf,
  expectFault,
  expectPrinted,
  granted,
  openCardDoor,
  talk,
} from './client.ts'

// Requests and answers as the vendor's pages print them, key by key; where a number is ours to give, ours.

let door: CardDoor
beforeEach(async () => {
  door = await openCardDoor()
})
afterEach(() => door.close())

/** What the page prints of the card of its samples. */
const PRINTED = {
  Kunde: '4917990000000',
  CLI: '4917990000000',
  Amount: '0,10 EUR',
  AmountAll: '0,10 EUR',
  fldSerial: '12871384',
  fldPIN: '321582778',
  active: 1 as number | string,
}

/** The user's fields, which several samples end with; the samples' customer has another number. */
const user = (card: Card, state: string) => ({
  customernumber: String(card.id).padStart(8, '0'),
  accountnumber: card.number,
  username: 'demo',
  customercurrency: 'eur',
  customeraccountstate: state,
})

describe('mycard-v2', () => {
  test('insert: makes a card with a serial number of 8 and a PIN of 9 digits, and asks for a text message', async () => {
    const body = granted(
      await door.shop.post('/v2/', {
        ...{ m: 'mycard-v2', v: 'json', act: 'insert', Kunde: '', Telefon: '4917990000000' },
        ...{ Amount: '0.10', sendSmsInfo: '1' },
      }),
    )
    const card = await door.ctx.store.findCard({ accountId: door.account.id, cli: '+4917990000000' })
    expect(card).toMatchObject({
      balanceMicros: 100_000,
      number: expect.stringMatching(/^\d{8}$/) as unknown,
    })
    expect(card?.pin).toMatch(/^\d{9}$/)
    expectPrinted(body, { ...PRINTED, fldSerial: card?.number, fldPIN: card?.pin })
    const [event, ...more] = await eventsOf(door.ctx)
    expect(more).toEqual([])
    expect(event).toMatchObject({
      type: 'sms.requested',
      to: '+4917990000000',
      text: expect.stringContaining(card!.pin) as unknown,
    })
  })

  const change = async (act: string, parameters: Record<string, string>) =>
    granted(await door.shop.post('/v2/', { m: 'mycard-v2', v: 'json', act, ...parameters }))
  const SAMPLES: [act: string, parameters: Record<string, string>, printed: object, disabled?: boolean][] = [
    ['show', { Telefon: '4917990000000' }, {}],
    ['blockcard', { Telefon: '4917990000000' }, { active: '' }],
    ['unblockcard', { Telefon: '4917990000000' }, {}],
    // The sample prints a space; the text says "empty".
    ['disableCliByNumber', { realm: 'testRealm', cli: '4917990000000' }, { active: '' }],
    [
      'changeCliByNumber',
      { realm: 'testRealm', cli: '4917990000000', newCli: '4917990000001' },
      { CLI: '4917990000001' },
    ],
    ['activateMyCard', { realm: 'testRealm', cli: '4917990000000', PIN: '321582778' }, {}, true],
  ]
  test.each(SAMPLES)('%s', async (act, parameters, printed, disabled = false) => {
    await sampleCard({ disabled, blocked: act === 'unblockcard' })
    expectPrinted(await change(act, parameters), { ...PRINTED, ...printed })
  })

  async function sampleCard(fields: { disabled: boolean; blocked: boolean }) {
    const group = await groupNamed(door.ctx, door.account, { name: '42com', numberLength: 8, pinLength: 9 })
    const owner = { name: PRINTED.Kunde, cli: '+4917990000000', pin: '321582778' }
    const wanted = { groupId: group.id, numbers: ['12871384'], openingMicros: 100_000 }
    await createCards(door.ctx, door.account, { ...wanted, fields: { ...owner, ...fields } })
  }
})

test('number-check: GET /api/rest/v3/number-check?prefix=49&number=…', async () => {
  // The page asks for another number than it answers for.
  expectPrinted(granted(await door.demo.get('/v3/number-check?prefix=49&number=179123456789')), {
    completenumber: '49179123456789',
    prefix: '49179',
    number: '123456789',
    name: 'Germany Mobile O2',
  })
})

test('account: GET /api/rest/v2/?account', async () => {
  const one = {
    customername: 'Demo Kunde',
    customernumber: String(door.card.id).padStart(8, '0'),
    accountnumber: door.card.number,
    amount: '15,4426',
    accountname: 'Account, Demo',
  }
  expectPrinted(granted(await door.demo.get('/v2/?account')), { accounts: [one] })
})

test('cdr-callshop: GET /api/rest/v2/?cdr-callshop&from=2014-02-01&to=2014-02-20&show=2', async () => {
  const path = '/v2/?cdr-callshop&from=2014-02-01&to=2014-02-20&show=2'
  expectPrinted(granted(await door.demo.get(path)), [])
  const at = Date.UTC(2014, 1, 20, 20, 51, 56)
  for (const before of [60_000, 1, 0])
    await talk(door.ctx, door.account, door.card, { at: at - before, ms: 1_000 })
  const cdr = {
    data: '2014-02-20 21:51:56.000',
    caller: '00493019991390875',
    callee: '0049179123456',
    duration: '1',
    billingduration: '1',
    comment: 'Germany Mobile O2',
    amount: '0,0012',
    amounttax: '0,0012',
  }
  expectPrinted(granted(await door.demo.get(path)), {
    cdrs: [{ ...cdr, data: '2014-02-20 21:51:55.000' }, cdr],
  })
})

test('topup: POST /api/rest/v2/?topup, JSON that says it is a form', async () => {
  const wrong = await door.demo.post('/v2/?topup', '{\n "pin": "123456"\n}')
  expectFault(wrong, 1200, 'Personal Identification Number Not Valid')
  const wanted = { count: 1, pinLength: 9, amountMicros: 5_000_000, validUntil: undefined }
  const [voucher] = await makeVouchers(door.ctx, door.account, wanted)
  const right = granted(await door.demo.post('/v2/?topup', `{\n "pin": "${voucher!.pin}"\n}`))
  expectPrinted(right, { amount: '5,00', ...user(door.card, '20,44') })
})

test('voiplist: GET /api/rest/v2/?voiplist, with the address and the transport of this Asterisk', async () => {
  const line = { accountId: door.account.id, cardId: door.card.id, password: 'demo', createdAt: 0 }
  await door.ctx.store.addLine({ ...line, username: 'demo' })
  const sip = {
    ...{ type: 'SIP', username: 'demo', password: btoa('demo'), ip: '203.0.113.5:50123', domain: '' },
    ...{ stun_server: '', proxy: '', prefix: '', transport_tls: 'false', transport_tcp: 'false' },
    ...{ transport_udp: 'true', transport_use_standard_ports: 'true', forbid_self_call: 'true' },
    ...{
      echo_cancellation: 'false',
      escape_plus: 'false',
      enable_outbound_proxy: 'false',
      wifi_only: 'false',
    },
    ...{ unknown_incoming_call_name: 'Unbekannt', codec_speex16: 'false', codec_speex8: 'false' },
    codec_ilbc: 'false',
  }
  const body = { voiplist: { sip_1: sip }, ...user(door.card, '15,44') }
  expectPrinted(granted(await door.demo.get('/v2/?voiplist')), body)
})

test('rates: GET /api/rest/v2/?rates&numbers=0177123456|030123456', async () => {
  const rated = [
    {
      number: '0177123456',
      destinationname: 'Germany Mobile EPlus',
      price: '0,10',
      prefix: '0049177',
    },
    { number: '030123456', destinationname: 'Germany', price: '0,04', prefix: '0049' },
  ]
  const got = await door.demo.get('/v2/?rates&numbers=0177123456|030123456')
  expectPrinted(granted(got), { currency: 'EUR', rates: [rated] })
})

test('cdrs: GET /api/rest/v2/?cdrs&from=14.02.2014&to=19.02.2014&show=2', async () => {
  const path = '/v2/?cdrs&from=14.02.2014&to=19.02.2014&show=2'
  const { text } = await door.demo.get(path)
  // "the whole body tree is missing in the result"
  expect(text).toBe('{"error":false,"codes":[{"code":200,"description":"OK"}]}')

  const { ctx, account } = door
  const card = await addCard(ctx, account, { name: 'Doe, Jon' }, 18_405_000)
  await addLogin(ctx, account, 'jon', card.id)
  const [first, second] = [Date.UTC(2014, 1, 14, 14, 40), Date.UTC(2014, 1, 19, 15, 50, 48)]
  await talk(ctx, account, card, { at: Date.UTC(2014, 1, 14, 12), ms: 9_000 })
  await talk(ctx, account, card, { at: first, ms: 1_000, to: '+41443643532', kind: 'line' })
  await talk(ctx, account, card, { at: second, ms: 601_000, to: '+49123465798' })
  const names = [
    ...['datestart', 'dateend', 'time', 'customername', 'number', 'destination'],
    ...['amount', 'amounttax', 'type'],
  ]
  const td = [
    {
      ...{ datestart: '2014-02-14 15:40:00', dateend: '2014-02-14 15:40:01', time: '00:00:01' },
      ...{ customername: 'Doe, Jon', number: '0041443643532', destination: 'Switzerland' },
      ...{ amount: '0.00', amounttax: '0.00', type: 'VOIP' },
    },
    {
      ...{ datestart: '2014-02-19 16:50:48', dateend: '2014-02-19 17:00:49', time: '00:10:01' },
      ...{ customername: 'Doe, Jon', number: '0049123465798', destination: 'Germany' },
      ...{ amount: '0.40', amounttax: '0.40', type: 'CALLTHROUGH' },
    },
  ]
  const table = {
    caption: 'Call detail records',
    thead: Object.fromEntries(names.map((name) => [name, name])),
    tbody: { tr: { td } },
    tfoot: '',
  }
  const wanted = { table, ...user(card, '17,99'), username: 'jon' }
  expectPrinted(granted(await clientOf(door, 'jon').get(path)), wanted)
})

describe('webcallback: POST /api/rest/v2/?webcallback', () => {
  const body = (bNumber: string) => `{
"act": "trycallback",	
"aNumber": "0302434299",
"bNumber": "${bNumber}"
}`

  test('answers with a callId, and the call is owed', async () => {
    const got = granted(await door.demo.post('/v2/?webcallback', body('0302434298'))) as { callId: string }
    expect(got.callId).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$/)
    const call = { callId: got.callId, firstownnumber: null, destinationnumber: null }
    expectPrinted(got, { ...call, ...user(door.card, '15,44') })
    expect(await door.ctx.store.openCallbacks()).toMatchObject([
      { id: got.callId.toLowerCase(), a: '+49302434299', b: '+49302434298', state: 'waiting' },
    ])
    expect(door.woken()).toBe(1)
  })

  test('with the same two numbers, which the page itself has, is refused: nobody is connected with themselves', async () => {
    expectFault(
      await door.demo.post('/v2/?webcallback', body('0302434299')),
      403,
      'Both Numbers Are The Same',
    )
    expect(await door.ctx.store.openCallbacks()).toEqual([])
    expect(door.woken()).toBe(0)
  })
})
