import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventsOf, SECRET, VN1 } from '../../support/context.ts'
import { type Door, openDoor, SAMPLE, sample } from '../door.ts'

const ALL = '/v1/tenants/acme/greenpin'
const LOGIN = `Authorization: Basic ${btoa(`acme:${SECRET}`)}`

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

/** Every answer to nonsense: the manual's envelope with one of its codes, which fits the HTTP status, and nothing of ours. */
function expectEnvelope(status: number, text: string) {
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
  const body = JSON.parse(text) as { code: unknown; message: unknown }
  expect(body).toEqual({ success: false, status, code: body.code, message: body.message, data: null })
  expect([1, 3, 5, 7, 8, 14, 16]).toContain(body.code)
  expect(body.message).toMatch(/^[A-Z][\w .,:/-]{10,120}$/)
  expect(text).not.toMatch(/<|node_modules|\.ts:|Error:/)
}

const a = { numbers: ['7987686144'], vns: [VN1] }
const withA = (change: object) => sample({ a: { ...a, ...change } })
const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`

/** A request that would be granted but for this one key. */
const withKey = (json: string) => JSON.stringify(sample()).replace('{', `{${json},`)

const HOSTILE_NUMBERS = [
  ...'1/sip:x@evil 1@trunk2 500&PJSIP/itsp/14165551212 ${SHELL(id)} $[1+1] 1%0d%0aVia: 1;tag=x 1,2,3 1|2'.split(
    ' ',
  ),
  ...'\'" \\ + *#06# <b> ０７９８７６８６１４４ 7987686144\u202e 7987686144\0 1\r\nX-Evil:1'.split(' '),
  '9'.repeat(10_000),
]

type Body = object | string | Uint8Array<ArrayBuffer>

const BODIES: [string, Body][] = [
  ...HOSTILE_NUMBERS.map((number): [string, Body] => [
    `number ${number.slice(0, 20)}`,
    withA({ numbers: [number] }),
  ]),
  ...HOSTILE_NUMBERS.map((vn): [string, Body] => [`vn ${vn.slice(0, 20)}`, withA({ vns: [vn] })]),
  ...HOSTILE_NUMBERS.map((pin): [string, Body] => [`pin ${pin.slice(0, 20)}`, withA({ pin })]),
  ['nothing', ''],
  ['no JSON', '{'],
  ['two JSONs', '{}{}'],
  ['half a string', '{"transaction_id":"x'],
  ['an array', []],
  ['a string', '"x"'],
  ['a number', '1'],
  ['null', 'null'],
  ['NaN', '{"transaction_id":NaN}'],
  ['form fields', 'transaction_id=x&a[numbers][]=7987686144'],
  ['XML', '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'],
  ['UTF-16', Buffer.from(JSON.stringify(SAMPLE), 'utf16le')],
  ['wrong UTF-8', Buffer.from(withKey('"\xff":1'), 'latin1')],
  ['256 kB and more', withKey(`"x":"${'x'.repeat(262_144)}"`)],
  ['nine deep', withKey(`"x":${deep(8)}`)],
  ['100000 deep', withKey(`"x":${deep(100_000)}`)],
  ['40000 deep, objects, not closed', withKey(`"x":${'{"a":'.repeat(40_000)}1`)],
  ['__proto__', withKey('"__proto__":{"polluted":1}')],
  ['__proto__ inside', withKey('"x":{"__proto__":{"polluted":1}}')],
  ['__proto__ escaped', withKey('"\\u005f_proto__":{"polluted":1}')],
  ['constructor', withKey('"constructor":{}')],
  ['prototype in a list', withKey('"x":[{"prototype":1}]')],
  ['transaction_id an array', sample({ transaction_id: ['x'] })],
  ['transaction_id an object', sample({ transaction_id: { $ne: 1 } })],
  ['transaction_id true', sample({ transaction_id: true })],
  ['transaction_id 1.5', sample({ transaction_id: 1.5 })],
  ['transaction_id 1e400', '{"transaction_id":1e400}'],
  ['transaction_id too long', sample({ transaction_id: 'x'.repeat(256) })],
  ['transaction_id with NUL', sample({ transaction_id: 'a\0b' })],
  ['transaction_id with a line break', sample({ transaction_id: 'a\r\nb' })],
  ['transaction_id half a character', '{"transaction_id":"\\ud800"}'],
  ['a an array', sample({ a: [] })],
  ['a a string', sample({ a: '7987686144' })],
  ['a.numbers a string', withA({ numbers: '7987686144' })],
  ['a.numbers an object', withA({ numbers: { 0: '7987686144', length: 1 } })],
  ['a.numbers of arrays', withA({ numbers: [['7987686144']] })],
  ['a.numbers of nulls', withA({ numbers: [null] })],
  ['a.numbers of objects', withA({ numbers: [{ toString: '7987686144' }] })],
  ['a.numbers negative', withA({ numbers: [-7987686144] })],
  ['a.numbers a thousand', withA({ numbers: Array.from({ length: 1_000 }, () => '7987686144') })],
  ['a.vns a string', withA({ vns: VN1 })],
  ['a.vns a thousand', withA({ vns: Array.from({ length: 1_000 }, () => VN1) })],
  ['a.vns not ours', withA({ vns: ['+916292130000'] })],
  ['a.pin an array', withA({ pin: ['1', '2'] })],
  ['a.pin negative', withA({ pin: -1 })],
  ['a.pin a fraction', withA({ pin: 1.5 })],
  ['a.pin true', withA({ pin: true })],
  ['a.pin empty', withA({ pin: '' })],
  ['a.pin a card', withA({ pin: '4111111111111111' })],
  ['a.pin Arabic digits', withA({ pin: '١٢٣٤' })],
  ['a.pin_length huge', withA({ pin_length: 1e9 })],
  ['a.pin_length hex', withA({ pin_length: '0x4' })],
  ['a.pin_length blank', withA({ pin_length: ' 4' })],
  ['usage an array', sample({ usage: ['oneway'] })],
  ['usage shouted', sample({ usage: 'ONEWAY' })],
  ['policy a string', sample({ deallocation_policy: '20s' })],
  ['policy an array', sample({ deallocation_policy: ['20s'] })],
  ['duration a number', sample({ deallocation_policy: { duration: 20 } })],
  ...['', '20', '-1', '0s', '1.5h', '20 s', '1e3s', '20s; drop table', '9'.repeat(60_000)].map(
    (duration): [string, Body] => [
      `duration ${duration.slice(0, 20)}`,
      sample({ deallocation_policy: { duration } }),
    ],
  ),
]

test('the table is long enough to mean something', () => {
  expect(BODIES.length).toBeGreaterThanOrEqual(100)
})

/** Sends these bytes unchanged. */
async function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const login = `Basic ${btoa(`acme:${SECRET}`)}`
  const all = { Authorization: login, 'Content-Type': 'application/json', ...headers }
  const answer = await fetch(`${door.url}${ALL}`, { method: 'POST', headers: all, body })
  return { status: answer.status, text: await answer.text() }
}

test.each(BODIES)('body: %s', async (_name, body) => {
  const started = performance.now()
  const { status, text } = await post(
    body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body),
  )
  expect(performance.now() - started).toBeLessThan(500)
  expectEnvelope(status, text)
})

test.each([
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/jsonp',
  'text/plain; application/json',
  'application/xml',
])('a body that says it is %s', async (type) => {
  const { status, text } = await post(JSON.stringify(sample()), { 'Content-Type': type })
  expectEnvelope(status, text)
})

test('a compressed body, which could be a bomb', async () => {
  const { status, text } = await post(new Uint8Array(gzipSync(JSON.stringify(sample()))), {
    'Content-Encoding': 'gzip',
  })
  expectEnvelope(status, text)
})

const HEAD = `Host: x\r\nConnection: close\r\n${LOGIN}`
const JSON_HEAD = `${HEAD}\r\nContent-Type: application/json`

test.each([
  ['no type', `POST ${ALL} HTTP/1.1\r\n${HEAD}\r\nContent-Length: 2\r\n\r\n{}`],
  ['no body', `POST ${ALL} HTTP/1.1\r\n${JSON_HEAD}\r\n\r\n`],
  [
    'a header __proto__',
    `POST ${ALL} HTTP/1.1\r\n${JSON_HEAD}\r\n__proto__: x\r\nContent-Length: 2\r\n\r\n{}`,
  ],
  ['two logins', `GET ${ALL}/x HTTP/1.1\r\n${HEAD}\r\nAuthorization: Basic eDp5\r\n\r\n`],
  [
    'a login of 10 kB',
    `GET ${ALL}/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic ${'A'.repeat(10_000)}\r\n\r\n`,
  ],
  ['no login', `GET ${ALL}/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`],
  ...[
    ...[
      `${ALL}/%ZZ`,
      `${ALL}/%`,
      `${ALL}/%C0%AF`,
      '/v1/tenants/%E0%A4/greenpin',
      `${ALL}/..%2f..%2fetc`,
      `${ALL}/%00`,
    ],
    ...[
      '/v1/tenants',
      '/v1/tenants/',
      '/v1/tenants/acme',
      '/v1/tenants/acme/settings',
      `${ALL}/x/y`,
      '/v1/tenants/__proto__/greenpin/x',
    ],
    ...[
      `${ALL}/x?pin=1&pin=2&pin[]=3&pin[__proto__][x]=1&__proto__=1`,
      `${ALL}/x?${'a=1&'.repeat(2_000)}`,
      `${ALL}/constructor`,
    ],
    ...[
      `${ALL}/%3Cscript%3E`,
      `${ALL}//x`,
      '/v1/tenants//greenpin/x',
      `${ALL}/x#y`,
      '/v1/tenants/acme%2fgreenpin%2fx',
    ],
  ].map((path) => [`path ${path.slice(0, 60)}`, `GET ${path} HTTP/1.1\r\n${HEAD}\r\n\r\n`]),
  ...['PUT', 'PATCH', 'OPTIONS', 'PROPFIND', 'DELETE'].map((method) => [
    method,
    `${method} ${ALL} HTTP/1.1\r\n${HEAD}\r\n\r\n`,
  ]),
  ...['POST', 'PUT', 'PATCH', 'OPTIONS'].map((method) => [
    `${method} one`,
    `${method} ${ALL}/x HTTP/1.1\r\n${HEAD}\r\n\r\n`,
  ]),
] as [string, string][])('request: %s', async (_name, text) => {
  const { status, body } = await door.raw(text)
  expectEnvelope(status, body)
})

describe('afterwards', () => {
  test('the largest and the deepest that are allowed are granted', async () => {
    const x = { x: 'x'.repeat(261_000), y: [[[[[[[]]]]]]] }
    const { status } = await door
      .as('post', ALL)
      .send(sample({ transaction_id: 'large', ...x, a: { ...a, pin: '1' } }))
    expect(status).toBe(200)
  })

  test('the query means nothing, not even to a request that is granted', async () => {
    const { status, text } = await door
      .as('post', `${ALL}?usage=oneway&transaction_id=x&a[numbers][]=1`)
      .send(sample({ transaction_id: 'good' }))
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ data: { transaction_id: 'good', usage: 'twoway' } })
  })

  test('nothing was kept, told, polluted or logged in full', async () => {
    expect(await eventsOf(door.ctx)).toEqual([])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    const log = door.lines.join('')
    expect(log).not.toMatch(/"level":[56]0|7987686144|4111111111111111|pin=1|drop table|acme:/)
    expect(log).not.toContain(btoa(`acme:${SECRET}`))
  })
})
