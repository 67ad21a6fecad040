import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { MODULE_NAMES, PARAMETERS } from '../../../src/api/dialects/42com/schema.ts'
import { answer, type Answer, type CardDoor, expectFault, granted, openCardDoor } from './client.ts'

let door: CardDoor
beforeEach(async () => {
  door = await openCardDoor()
})
afterEach(() => door.close())

const FORM = 'application/x-www-form-urlencoded'
const post = (
  path: string,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
  more: Record<string, string> = {},
): Promise<Answer> =>
  answer(
    fetch(`${door.url}/api/rest${path}`, {
      method: 'POST',
      headers: { ...door.shop.sign(), 'Content-Type': type, ...more },
      body,
    }),
  )
const refusal = (message: string) => [403, `Request Refused: ${message}`] as const
const INSERT = { act: 'insert', Telefon: '4917990000000', Amount: '0.10' }
const QUERY = 'act=insert&Telefon=4917990000000&Amount=0.10'
const balance = async () =>
  (await door.ctx.store.findCard({ accountId: door.account.id, cli: '+4917990000000' }))?.balanceMicros ?? 0

describe('the parameters of one request are the same', () => {
  const WAYS: [string, () => Promise<Answer>][] = [
    ['in the query', () => door.shop.get(`/v2/?m=mycard-v2&${QUERY}`)],
    ['in a form', () => door.shop.post('/v2/', { m: 'mycard-v2', ...INSERT })],
    ['in JSON', () => post('/v2/', 'application/json', JSON.stringify({ m: 'mycard-v2', ...INSERT }))],
    [
      'in JSON that says it is a form',
      () => post('/v2/', FORM, JSON.stringify({ m: 'mycard-v2', ...INSERT })),
    ],
    [
      'in JSON with a charset',
      () => post('/v2/?mycard-v2', 'application/json; charset=utf-8', JSON.stringify(INSERT)),
    ],
    [
      'in JSON with white space around it',
      () => post('/v2/?mycard-v2', FORM, `\r\n\t ${JSON.stringify(INSERT)}\n`),
    ],
    [
      'some in the query, some in a form',
      () => door.shop.post(`/v2/?mycard-v2&act=insert`, { Telefon: '4917990000000', Amount: '0.10' }),
    ],
    [
      'some in the query, some in JSON',
      () => post(`/v2/?mycard-v2&act=insert&Amount=0.10`, FORM, '{"Telefon":"4917990000000"}'),
    ],
    [
      'as numbers of JSON',
      () => post('/v2/?mycard-v2', FORM, '{"act":"insert","Telefon":4917990000000,"Amount":0.10}'),
    ],
    [
      'with nulls and booleans of JSON',
      () => post('/v2/?mycard-v2', FORM, JSON.stringify({ ...INSERT, Kunde: null, sendSmsInfo: false })),
    ],
    [
      'with keys that JSON escapes',
      () =>
        post(
          '/v2/?mycard-v2',
          FORM,
          String.raw`{"\u0061ct":"insert","Telefon":"4917990000000","Amount":"0.10","x":"a\":\"b\\"}`,
        ),
    ],
    ['in a POST without a body', () => post(`/v2/?mycard-v2&${QUERY}`, FORM, '')],
    [
      'in a GET that says it has JSON',
      () =>
        door.shop.get(`/v2/?mycard-v2&${QUERY}`, { ...door.shop.sign(), 'Content-Type': 'application/json' }),
    ],
    ['below version 3', () => door.shop.get(`/v3/mycard-v2?${QUERY}`)],
    ['below version 3 with a slash', () => door.shop.get(`/v3/mycard-v2/?${QUERY}`)],
    ['without the last slash', () => door.shop.get(`/v2?mycard-v2&${QUERY}`)],
    ['with v=json', () => door.shop.get(`/v2/?mycard-v2&v=json&${QUERY}`)],
    [
      'with the module named three times alike',
      () => door.shop.get(`/v3/mycard-v2?mycard-v2&m=mycard-v2&${QUERY}`),
    ],
    [
      'with others that mean nothing here',
      () => door.shop.get(`/v2/?mycard-v2&${QUERY}&lang=de&realm=x&_=1`),
    ],
    [
      'with a + that is not escaped',
      () => door.shop.get('/v2/?mycard-v2&act=insert&Telefon=+4917990000000&Amount=0,10'),
    ],
  ]
  test.each(WAYS)('%s', async (_way, ask) => {
    expect(granted(await ask())).toMatchObject({ CLI: '4917990000000', Amount: '0,10 EUR' })
    expect(await balance()).toBe(100_000)
  })
})

describe('what cannot be understood for sure is refused, and does nothing', () => {
  const start = `/v2/?mycard-v2&act=insert&Telefon=4917990000000`
  const json = JSON.stringify({ Amount: '0.10' })
  const CASES: [string, () => Promise<Answer>, readonly [number, string]][] = [
    [
      'twice in the query',
      () => door.shop.get(`${start}&Amount=1&Amount=1`),
      refusal('a parameter of the query comes twice'),
    ],
    [
      'in query and form',
      () => door.shop.post(`${start}&Amount=1`, { Amount: '1' }),
      refusal('a parameter of the form comes twice'),
    ],
    [
      'in query and JSON',
      () => post(`${start}&Amount=1`, FORM, json),
      refusal('a parameter of the query comes again in the body'),
    ],
    [
      'twice in JSON',
      () => post(start, FORM, '{"Amount":"1","Amount":"2"}'),
      refusal('a parameter of the body comes twice'),
    ],
    [
      'twice in JSON, escaped',
      () => post(start, FORM, String.raw`{"Amount":"1","\u0041mount":"2"}`),
      refusal('a parameter of the body comes twice'),
    ],
    [
      'the act twice',
      () => post(start, FORM, '{"act":"show","Amount":"1"}'),
      refusal('a parameter of the query comes again in the body'),
    ],
    ['half a JSON', () => post(start, FORM, '{"Amount":"1"'), refusal('the body is not JSON')],
    ['two JSONs', () => post(start, FORM, `${json}${json}`), refusal('the body is not JSON')],
    [
      'an array',
      () => post(start, 'application/json', '["Amount"]'),
      refusal('the body must be a JSON object'),
    ],
    [
      'a string of JSON',
      () => post(start, 'application/json', '"Amount=1"'),
      refusal('the body must be a JSON object'),
    ],
    [
      'a form that says it is JSON',
      () => post(start, 'application/json', 'Amount=1'),
      refusal('the body is not JSON'),
    ],
    [
      'a list',
      () => post(start, FORM, '{"Amount":["1"]}'),
      refusal('a parameter of the body is no plain value'),
    ],
    [
      'an object',
      () => post(start, FORM, '{"Amount":{"x":"1"}}'),
      refusal('a parameter of the body is no plain value'),
    ],
    [
      'a number that JSON does not keep',
      () => post(start, FORM, '{"Amount":"1","x":4917990000000000001}'),
      refusal('a parameter of the body is no plain value'),
    ],
    [
      'a key that programs trip over',
      () => post(start, FORM, '{"Amount":"1","__proto__":"1"}'),
      refusal('the body has a key that is not allowed'),
    ],
    [
      'half a character',
      () => post(start, FORM, String.raw`{"Amount":"1","Kunde":"\ud800"}`),
      refusal('a parameter has characters that are not allowed'),
    ],
    [
      'a control character',
      () => post(start, FORM, String.raw`{"Amount":"1","Kunde":"\n"}`),
      refusal('a parameter has characters that are not allowed'),
    ],
    [
      'a control character in the query',
      () => door.shop.get(`${start}&Amount=1&Kunde=%00`),
      refusal('a parameter has control characters'),
    ],
    [
      'what is not UTF-8',
      () => post(start, FORM, Buffer.from('{"Amount":"1","Kunde":"\xff"}', 'latin1')),
      refusal('the body is not JSON'),
    ],
    [
      'what is not UTF-8 in a form',
      () => post(start, FORM, 'Amount=1&Kunde=%ff'),
      refusal('the form is not UTF-8'),
    ],
    [
      'too many',
      () =>
        post(
          start,
          FORM,
          JSON.stringify(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`p${i}`, '1']))),
        ),
      refusal('too many parameters in the body'),
    ],
    [
      'too much',
      () => post(start, FORM, JSON.stringify({ Amount: '1', x: 'x'.repeat(65_536) })),
      [403, 'Request Refused'],
    ],
    [
      'compressed',
      () => post(start, FORM, gzipSync(json), { 'Content-Encoding': 'gzip' }),
      [403, 'Request Refused'],
    ],
    ['text', () => post(`${start}&Amount=1`, 'text/plain', json), refusal('the body must be a form or JSON')],
    [
      'multipart',
      () => post(`${start}&Amount=1`, 'multipart/form-data; boundary=x', '--x--'),
      refusal('the body must be a form or JSON'),
    ],
    [
      'another form of answer',
      () => door.shop.get(`${start}&Amount=1&v=xml`),
      [403, 'Parameter v Not Valid'],
    ],
    ['two modules', () => door.shop.get(`${start}&Amount=1&cdrs`), [403, 'More Than One Module']],
    [
      'two modules, one as m',
      () => door.shop.get(`${start}&Amount=1&m=topup`),
      [403, 'More Than One Module'],
    ],
    [
      'two modules, one in the path',
      () => door.shop.get(`/v3/account?mycard-v2&${QUERY}`),
      [403, 'More Than One Module'],
    ],
    ['no module', () => door.shop.get(`/v2/?${QUERY}`), [404, 'No Such Module']],
    ['a module with a value', () => door.shop.get(`/v2/?mycard-v2=1&${QUERY}`), [404, 'No Such Module']],
    ['a module that there is not', () => door.shop.get(`/v2/?m=sms&${QUERY}`), [404, 'No Such Module']],
    ['a module in other letters', () => door.shop.get(`/v3/MYCARD-V2?${QUERY}`), [404, 'No Such Module']],
    [
      'the name of a property of objects',
      () => door.shop.get(`/v3/__proto__?${QUERY}`),
      [404, 'No Such Module'],
    ],
    ['another path', () => door.shop.get(`/v1/?mycard-v2&${QUERY}`), [404, 'No Such Module']],
    ['a path below the module', () => door.shop.get(`/v3/mycard-v2/x?${QUERY}`), [404, 'No Such Module']],
    ['a path that does not decode', () => door.shop.get(`/v3/%ZZ?${QUERY}`), [403, 'Request Refused']],
  ]
  test.each(CASES)('%s', async (_what, ask, fault) => {
    expectFault(await ask(), ...fault)
    expect(await balance()).toBe(0)
  })
})

test.each(MODULE_NAMES)(
  '%s is found as a parameter without a value, as m= and below /v3/',
  async (module) => {
    const paths = [`/v2/?${module}&act=x`, `/v2/?m=${module}&act=x`, `/v3/${module}?act=x`]
    const answers = await Promise.all(paths.map((path) => door.shop.get(path)))
    const [first] = answers
    for (const { text, envelope } of answers) {
      expect(text).toBe(first!.text)
      expect(envelope.codes[0]?.code).not.toBe(404)
    }
  },
)

describe('a parameter that is missing or wrong is named', () => {
  const CASES: [string, string, string][] = [
    ['mycard-v2', '', 'act Missing'],
    ['mycard-v2', 'act=', 'act Not Valid'],
    ['mycard-v2', 'act=delete', 'act Not Valid'],
    ['mycard-v2', 'act=INSERT', 'act Not Valid'],
    ['mycard-v2', 'act=insert&Amount=1', 'Telefon Missing'],
    ['mycard-v2', 'act=insert&Telefon=&Amount=1', 'Telefon Not Valid'],
    ['mycard-v2', 'act=insert&Telefon=x&Amount=1', 'Telefon Not Valid'],
    ['mycard-v2', 'act=insert&Telefon=%2B017990000000&Amount=1', 'Telefon Not Valid'],
    ['mycard-v2', 'act=insert&Telefon=4917990000000', 'Amount Missing'],
    ...[
      '',
      '0',
      '0.00',
      '-1',
      '+1',
      '1e3',
      'NaN',
      '1.000,50',
      '1,000',
      '0.001',
      '1.',
      '.5',
      ' 1',
      '1 ',
      '0x1',
      '\u0661',
      '1000000.01',
      '9999999',
      '10000000000',
    ].map((amount): [string, string, string] => [
      'mycard-v2',
      `act=insert&Telefon=4917990000000&Amount=${encodeURIComponent(amount)}`,
      'Amount Not Valid',
    ]),
    ['mycard-v2', `act=insert&Telefon=4917990000000&Amount=1&Kunde=${'x'.repeat(101)}`, 'Kunde Not Valid'],
    ['mycard-v2', 'act=insert&Telefon=4917990000000&Amount=1&sendSmsInfo=2', 'sendSmsInfo Not Valid'],
    ['mycard-v2', 'act=changeCliByNumber&cli=4917990000000', 'newCli Missing'],
    ['mycard-v2', 'act=changeCliByNumber&cli=4917990000000&newCli=1/sip:x@evil', 'newCli Not Valid'],
    ['mycard-v2', 'act=activateMyCard&cli=4917990000000&PIN=12a4', 'PIN Not Valid'],
    ['number-check', 'number=1', 'prefix Missing'],
    ['number-check', 'prefix=49', 'number Missing'],
    ['number-check', 'prefix=x&number=1', 'prefix Not Valid'],
    ['cdrs', 'from=2014-02-30', 'from Not Valid'],
    ['cdrs', 'from=14/02/2014', 'from Not Valid'],
    ['cdrs', 'to=31.04.2014', 'to Not Valid'],
    ['cdrs', 'from=2014-02-02&to=2014-02-01', 'to Not Valid'],
    ['cdrs', 'show=0', 'show Not Valid'],
    ['cdrs', 'show=1001', 'show Not Valid'],
    ['cdr-callshop', 'show=-1', 'show Not Valid'],
    ['cdr-callshop', 'from=', 'from Not Valid'],
    ['rates', '', 'numbers Missing'],
    ['rates', `numbers=${Array(101).fill('030123456').join('|')}`, 'numbers Not Valid'],
    ['topup', '', 'pin Missing'],
    ['topup', 'pin=12x456', 'pin Not Valid'],
    ['webcallback', '', 'act Missing'],
    ['webcallback', 'act=trycallback&aNumber=030123456', 'bNumber Missing'],
  ]
  test.each(CASES)('%s?%s: %s', async (module, search, description) => {
    expectFault(await door.shop.get(`/v3/${module}?${search}`), 403, `Parameter ${description}`)
    expect(await balance()).toBe(0)
  })
})

test('a + that is not escaped arrives as a space; a number with it is one with its country code, wherever that matters', () => {
  const call = { act: 'trycallback', aNumber: ' 3522712345', bNumber: '(352) 271 2345' }
  expect(PARAMETERS.webcallback.parse(call)).toEqual({ ...call, aNumber: '+3522712345' })
  const { numbers } = PARAMETERS.rates.parse({ numbers: ' 3522712345|3522712345| |x' })
  expect(numbers).toEqual(['+3522712345', '3522712345', ' ', 'x'])
})
