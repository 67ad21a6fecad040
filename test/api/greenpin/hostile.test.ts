import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventsOf, SECRET } from '../../support/context.ts'
import { type Door, openDoor, sample } from '../door.ts'
import { a, BODIES, type Body } from './hostile-bodies.ts'

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
  const { request_id, method, ...body } = JSON.parse(text) as Record<
    'request_id' | 'method' | 'code' | 'message',
    unknown
  >
  expect(body).toEqual({ success: false, status, code: body.code, message: body.message, data: null })
  expect(method).toBe(request_id === undefined ? undefined : 'PUT')
  expect([1, 2, 3, 5, 7, 8, 13, 14, 16, 22]).toContain(body.code)
  expect(body.message).toMatch(/^[A-Z][\w .,:/-]{10,120}$/)
  expect(text).not.toMatch(/<|node_modules|\.ts:|Error:/)
}

test('the table is long enough to mean something', () => {
  expect(BODIES.length).toBeGreaterThanOrEqual(100)
})

type Sent = { method?: string; path?: string; headers?: Record<string, string> }
type Bytes = string | Uint8Array<ArrayBuffer>

/** Sends these bytes unchanged, in no more time than an attacker deserves. */
async function send(body: Bytes, { method = 'POST', path = ALL, headers }: Sent = {}) {
  const login = `Basic ${btoa(`acme:${SECRET}`)}`
  const all = { Authorization: login, 'Content-Type': 'application/json', ...headers }
  const started = performance.now()
  const answer = await fetch(`${door.url}${path}`, { method, headers: all, body })
  const text = await answer.text()
  expect(performance.now() - started).toBeLessThan(500)
  return { status: answer.status, text }
}

const bytesOf = (body: Body): Bytes =>
  body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body)

test.each(BODIES)('body of POST: %s', async (_name, body) => {
  const { status, text } = await send(bytesOf(body))
  expectEnvelope(status, text)
})

test.each(BODIES)('body of PUT, of one and of many: %s', async (_name, body) => {
  const one = await send(bytesOf(body), { method: 'PUT', path: `${ALL}/x` })
  expectEnvelope(one.status, one.text)
  if (body instanceof Uint8Array) return
  const item = String(bytesOf(body)).replace(/^\{(?=")/, '{"greenpin_id":"x",')
  const many = await send(`{"greenpins":[${item}]}`, { method: 'PUT' })
  if (many.status !== 207) return expectEnvelope(many.status, many.text)
  const { response } = JSON.parse(many.text) as { response: { status: number }[] }
  for (const envelope of response) expectEnvelope(envelope.status, JSON.stringify(envelope))
})

test.each([
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/jsonp',
  'text/plain; application/json',
  'application/xml',
])('a body that says it is %s', async (type) => {
  const { status, text } = await send(JSON.stringify(sample()), { headers: { 'Content-Type': type } })
  expectEnvelope(status, text)
})

test('a compressed body, which could be a bomb', async () => {
  const headers = { 'Content-Encoding': 'gzip' }
  const { status, text } = await send(new Uint8Array(gzipSync(JSON.stringify(sample()))), { headers })
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
      '/v1/tenants/acme/settings/x',
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
