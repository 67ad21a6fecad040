import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { ACTIONS } from '../../../src/api/dialects/stealthnet/schema.ts'
import { type Door, openDoor } from '../door.ts'
import { answer, type Client, clientOf, expectRefusal, GRANTED, query } from './client.ts'

let door: Door
let client: Client
beforeAll(async () => {
  door = await openDoor()
  client = clientOf(door)
})
afterAll(() => door.close())

const raw = (search: string, init?: RequestInit) => answer(fetch(`${door.url}/simple-pins/?${search}`, init))
const LOGIN = 'uid=acme&token=token'
describe('a parameter', () => {
  test.each([
    'pin=1&pin=1',
    'pin=1&pin=2',
    'pin=1&%70in=2',
    'action=download-keys',
    'db=1&db=1',
    'output=csv&output=csv',
    'uid=acme',
    'token=token',
  ])('that comes twice is refused: %s', async (more) => {
    expectRefusal(await raw(`${LOGIN}&action=download-keys&${more}`), 'comes twice')
  })

  test.each(['action=download-keys', 'uid=acme', 'pin=1'])(
    'that comes twice over query and form is refused: %s',
    async (body) => {
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
      const search = `${LOGIN}&action=download-keys&pin=1`
      expectRefusal(await raw(search, { method: 'POST', body, headers }), 'comes twice')
    },
  )

  test.each([
    'pin[]=1',
    'pin[0]=1',
    'pin%5B%5D=1',
    '[pin]=1',
    'PIN=1',
    ' pin=1',
    'pin.=1',
    'start_pin=1',
    '__proto__=1',
    '__proto__[x]=1',
    'constructor=1',
    '=1',
    'x',
  ])('that there is not is refused: %s', async (more) => {
    expectRefusal(await raw(`${LOGIN}&action=download-keys&${more}`), 'this action does not have')
  })

  test.each(Object.keys(GRANTED))('of another action is refused: %s', async (action) => {
    const own = Object.keys((ACTIONS as Record<string, { shape: object }>)[action]!.shape)
    const all = [...new Set(Object.values(ACTIONS).flatMap(({ shape }) => Object.keys(shape)))]
    for (const name of all.filter((one) => !own.includes(one))) {
      const parameters = { action, ...GRANTED[action], [name]: '1' }
      const sent = action === 'upload-pins' ? client.upload('', parameters) : client.get(parameters)
      expectRefusal(await sent, 'this action does not have')
    }
  })

  test.each([
    ['too many', 'more than 50', Array.from({ length: 60 }, (_, i) => `p${i}=1`).join('&')],
    ['not UTF-8', 'a byte that is none', 'label=%ff'],
    ['not UTF-8', 'half a character', 'label=%C3'],
    ['not UTF-8', 'a lone surrogate', 'label=%ED%A0%80'],
    ['control characters', 'NUL', 'label=%00'],
    ['control characters', 'a line feed', 'label=7%0A'],
    ['control characters', 'a tab', 'label=7%09'],
    ['control characters', 'DEL', 'label=%7F'],
    ['control characters', 'a C1 control', 'label=%C2%85'],
    ['control characters', 'a control in a name', 'labe%00l=1'],
  ])('that cannot be read is refused: %s, %s', async (why, _what, more) => {
    expectRefusal(await raw(`${LOGIN}&action=write-db&${more}`), why)
  })

  test.each(['\xff', '\xc3', '\xed\xa0\x80'])('in a form that is not UTF-8 is refused: %j', async (bytes) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const body = Buffer.from(`action=write-db&label=${bytes}`, 'latin1')
    expectRefusal(await raw(LOGIN, { method: 'POST', headers, body }), 'not UTF-8')
  })

  test('in letters that are not escaped is what it says in a form; an address cannot have them', async () => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const form = { method: 'POST', headers, body: 'action=write-db&db=77&label=Größe' }
    expect((await raw(LOGIN, form)).status).toBe(200)
    expect(await door.ctx.store.findPinDatabase(door.account.id, 77)).toMatchObject({ label: 'Größe' })
    const line = `GET /simple-pins/?${LOGIN}&action=write-db&db=77&label=Größer HTTP/1.1\r\n`
    expect((await door.raw(`${line}Host: x\r\nConnection: close\r\n\r\n`)).status).toBe(400)
  })
})

describe('a request', () => {
  test.each(['HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])(
    'by %s does nothing',
    async (method) => {
      const path = `/simple-pins/?${query({ uid: 'acme', token: 'token', action: 'write-pins', 'start-pin': '66', 'end-pin': '66' })}`
      const { status } = await door.raw(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      expect(status).toBe(403)
      expect((await client.get({ action: 'download-db' })).text).not.toContain('66')
    },
  )

  test.each(['/simple-pins/x', '/simple-pins/%ZZ', '/simple-pins/../simple-pins/x'])(
    'to %s is refused',
    async (path) => {
      const { status } = await door.raw(
        `GET ${path}?${LOGIN}&action=download-dbs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      )
      expect(status).toBe(403)
    },
  )

  test.each([
    ['JSON', 'application/json', '{"action":"download-db"}'],
    ['multipart', 'multipart/form-data; boundary=x', '--x--'],
    ['text', 'text/plain', 'action=download-db'],
    ['CSV', 'text/csv', '7000\n'],
    ['nothing that it says', '', 'action=download-db'],
  ])('with a body of %s for what is no upload is refused', async (_what, type, body) => {
    const headers = type === '' ? '' : `Content-Type: ${type}\r\n`
    const head = `POST /simple-pins/?${LOGIN}&action=download-db HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}`
    const got = await door.raw(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
    expect(got).toEqual({ status: 403, body: expect.stringContaining('x-www-form-urlencoded') as unknown })
  })

  test('for an upload that is no POST of plain CSV is refused', async () => {
    const search = `${LOGIN}&action=upload-pins`
    expectRefusal(await raw(search), 'POST of text/csv')
    for (const type of ['text/plain', 'application/json', 'text/csvx', 'multipart/form-data; boundary=x'])
      expectRefusal(
        await raw(search, { method: 'POST', headers: { 'Content-Type': type }, body: '7\n' }),
        'text/csv',
      )
    const headers = { 'Content-Type': 'text/csv', 'Content-Encoding': 'gzip' }
    const body = new Uint8Array(gzipSync('7\n'))
    expectRefusal(await raw(search, { method: 'POST', headers, body }), 'text/csv')
    expectRefusal(await client.post({ action: 'upload-pins' }), 'text/csv')
  })

  test('with a compressed form or one of over 64 kB is refused', async () => {
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const headers = { ...type, 'Content-Encoding': 'gzip' }
    const body = gzipSync('action=download-db')
    expectRefusal(await raw(LOGIN, { method: 'POST', headers, body: new Uint8Array(body) }))
    const large = `action=write-db&label=${'x'.repeat(65_536)}`
    expectRefusal(await raw(LOGIN, { method: 'POST', headers: type, body: large }), 'cannot be read')
  })

  test('by a page of another site, with the login that a browser remembers, is refused', async () => {
    const sent = (site: string) =>
      request(door.url)
        .get('/simple-pins/?action=download-dbs')
        .auth('acme', 'token')
        .set('Sec-Fetch-Site', site)
    expect((await sent('cross-site')).status).toBe(403)
    expect((await sent('same-site')).status).toBe(403)
    expect((await sent('none')).status).toBe(200)
    expect((await sent('same-origin')).status).toBe(200)
    const { status } = await request(door.url)
      .get(`/simple-pins/?${LOGIN}&action=download-dbs`)
      .set('Sec-Fetch-Site', 'cross-site')
    expect(status).toBe(200)
  })
})
