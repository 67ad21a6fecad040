import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import express, { Router } from 'express'
import request from 'supertest'
import { readQuery } from '../../src/api/fields.ts'
import { listen } from '../../src/api/server.ts'
import { A } from '../support/context.ts'
import { type Door, openDoor, sample } from './door.ts'

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

type Line = {
  level: number
  requestId: string
  method: string
  route: string
  status: number
  account?: string
}
/** The log lines as objects, once there are as many as this. */
async function logged(count: number): Promise<Line[]> {
  while (door.lines.length < count) await new Promise(setImmediate)
  return door.lines.map((line) => JSON.parse(line) as Line)
}

describe('health', () => {
  test('alive and ready, without login', async () => {
    expect((await request(door.url).get('/livez')).body).toEqual({ status: 'ok' })
    const answer = await request(door.url).get('/readyz')
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ status: 'ok', checks: {} })
  })

  test('503 while calls cannot be served, with the reason', async () => {
    const closed = await openDoor({
      ready: () => Promise.resolve({ ready: false, checks: { asterisk: 'not connected' } }),
    })
    const answer = await request(closed.url).get('/readyz')
    expect(answer.status).toBe(503)
    expect(answer.body).toEqual({ status: 'unavailable', checks: { asterisk: 'not connected' } })
    await closed.close()
  })

  test('a check that breaks is a 500 without detail', async () => {
    const broken = await openDoor({ ready: () => Promise.reject(new Error('secret')) })
    const answer = await request(broken.url).get('/readyz')
    expect(answer.status).toBe(500)
    expect(answer.text).toBe('{"error":"internal"}')
    await broken.close()
  })
})

describe('every answer', () => {
  test('outside of the dialects too is JSON, not stored, and names nothing that serves it', async () => {
    for (const path of ['/', '/livez/x', '/%ZZ', '/v1', '/v2/tenants/acme/greenpin']) {
      const { status, text, headers } = await request(door.url).get(path)
      expect([400, 404]).toContain(status)
      expect(text).toMatch(/^{"error":"(not_found|bad_request)"}$/)
      expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
      expect(headers).not.toHaveProperty('x-powered-by')
      expect(headers).not.toHaveProperty('etag')
    }
  })

  test('has a request id of ours, and the log has it too', async () => {
    const { headers } = await door.as('get', '/v1/tenants/acme/greenpin/x').set('X-Request-Id', 'forged')
    const [line] = await logged(1)
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(line).toMatchObject({ requestId: headers['x-request-id'] as unknown })
  })
})

test('no door sees a query that it has not read with readQuery, so none can be polluted', async () => {
  const router = () => Router().get('/', (req, res) => void res.json({ query: req.query }))
  const { url, close } = await openDoor({
    dialects: { echo: { prefix: '/echo', router, callbackBody: () => undefined, openapi: () => ({}) } },
  })
  expect((await request(url).get('/echo?pin=1&pin=2&pin[]=3&__proto__[x]=1')).text).toBe('{"query":{}}')
  await close()
})

describe('a query', () => {
  const read = (query: string) => [...readQuery({ url: `/path${query}` })]

  test('is text by name, decoded', () => {
    expect(read('?number=%2B91&to=2020-03-27+12%3A00&empty=&flag')).toEqual([
      ['number', '+91'],
      ['to', '2020-03-27 12:00'],
      ['empty', ''],
      ['flag', ''],
    ])
    expect(read('')).toEqual([])
    expect(read('?')).toEqual([])
  })

  test('makes nothing of brackets and of the names that objects have', () => {
    const names = ['pin[]', 'pin[__proto__][x]', '__proto__', 'constructor']
    expect(read(`?${names.map((name) => `${name}=1`).join('&')}`)).toEqual(names.map((name) => [name, '1']))
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })

  test.each([
    ['comes twice', '?pin=1&pin=2'],
    ['comes twice', '?pin=1&%70in=2'],
    ['too many', `?${Array.from({ length: 10_000 }, (_, i) => `p${i}=1`).join('&')}`],
    ['not UTF-8', '?pin=%ff'],
  ])('that %s is refused', (why, query) => {
    expect(() => read(query)).toThrow(why)
  })
})

test('each dialect has its document, for whoever wants to read it', async () => {
  const answer = await request(door.url).get('/openapi/greenpin.json')
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({ openapi: '3.1.1', info: { title: 'GreenPin' } })
  expect((await request(door.url).get('/openapi/nobody.json')).status).toBe(404)
})

describe('the log', () => {
  test('names the route and the account, never what was sent', async () => {
    await door.as('post', '/v1/tenants/acme/greenpin?pin=31337').send(sample({ transaction_id: 'canary' }))
    await door.as('get', '/v1/tenants/acme/greenpin/31337?x=31337')
    await request(door.url).get('/31337')
    await request(door.url).get('/livez')
    const lines = await logged(4)
    expect(lines).toMatchObject([
      { level: 30, method: 'POST', route: '/v1/tenants/:sid/greenpin', status: 200, account: 'acme' },
      { level: 30, method: 'GET', route: '/v1/tenants/:sid/greenpin/:id', status: 404, account: 'acme' },
      { level: 30, method: 'GET', route: 'none', status: 404 },
      { level: 20, method: 'GET', route: '/livez', status: 200 },
    ])
    for (const canary of ['31337', 'canary', A.slice(3), 'token'])
      expect(door.lines.join('')).not.toContain(canary)
  })
})

describe('listening', () => {
  test('has limits, of which that of a request leaves time for the largest upload', () => {
    expect(door.server).toMatchObject({
      ...{ headersTimeout: 10_000, requestTimeout: 900_000, maxConnections: 512 },
      timeout: 300_000,
    })
  })

  test('a header that never ends is cut off', async () => {
    const started = performance.now()
    const { status } = await door.raw('GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    expect(status).toBe(408)
    expect(performance.now() - started).toBeLessThan(13_000)
  }, 20_000)

  test('an address that is taken is an error at once', async () => {
    const port = Number(new URL(door.url).port)
    await expect(listen(express(), { host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
