import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { BodyTimes } from '../../src/api/bodies.ts'
import { SECRET } from '../support/context.ts'
import { until } from '../support/until.ts'
import { type Door, openDoor, sample } from './door.ts'

/** Longer than any test. */
const NEVER_MS = 600_000
const SOON_MS = 50
const LATE: BodyTimes = { withinMs: SOON_MS, afterAnswerMs: NEVER_MS }
const LEFT_OVER: BodyTimes = { withinMs: NEVER_MS, afterAnswerMs: SOON_MS }

let door: Door
beforeEach(() => void jest.spyOn(globalThis, 'setTimeout'))
afterEach(async () => {
  jest.restoreAllMocks()
  await door.close()
})
const open = async (bodyTimes: BodyTimes) => (door = await openDoor({ bodyTimes }))

const LOGIN = `Authorization: Basic ${btoa(`acme:${SECRET}`)}\r\n`
const JSON_TYPE = 'Content-Type: application/json\r\n'
const FORM_TYPE = 'Content-Type: application/x-www-form-urlencoded\r\n'
const CSV_TYPE = 'Content-Type: text/csv\r\n'
const UPLOAD = '/simple-pins/?uid=acme&token=token&action=upload-pins'

/** A client who writes bytes as they are; `answer` is all that came back. */
function client(sends: string) {
  const socket = connect((door.server.address() as AddressInfo).port, '127.0.0.1')
  const closed = new Promise((resolve) => void socket.once('close', resolve))
  const self = { socket, closed, answer: '', status: () => Number(self.answer.split(' ')[1]) }
  socket.setEncoding('utf8').on('data', (part: string) => (self.answer += part))
  socket.on('error', () => undefined)
  socket.write(sends)
  return self
}

const head = (request: string, headers: string, length: number) =>
  `${request} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${length}\r\n\r\n`
const LIVEZ = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'

/** A client who sends this header and then its body drop by drop. */
function drip(request: string, headers: string, length = 60_000) {
  const self = client(head(request, headers, length))
  const drops = setInterval(() => self.socket.write(' '), 5)
  self.socket.once('close', () => clearInterval(drops))
  return self
}

describe('a body that does not come in time', () => {
  test.each([
    ['JSON', 'POST /v1/tenants/acme/greenpin', `${LOGIN}${JSON_TYPE}`, 400, '"code":5,', 60_000],
    [
      'CSV to who wants JSON',
      'PUT /v1/tenants/acme/settings',
      `${LOGIN}${CSV_TYPE}`,
      400,
      '"code":5,',
      60_000,
    ],
    ['a form', 'POST /simple-pins/', FORM_TYPE, 403, 'the body did not come in time', 60_000],
    ['a form that is too large', 'POST /simple-pins/', FORM_TYPE, 403, 'in time', 65_537],
  ])('is refused as its door refuses: %s', async (_what, request, headers, status, words, length) => {
    await open({ withinMs: SOON_MS, afterAnswerMs: SOON_MS })
    const dripping = drip(request, headers, length)
    await dripping.closed
    expect(dripping.status()).toBe(status)
    expect(dripping.answer).toContain(words)
    expect(dripping.answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    await until(() => expect(door.lines).toHaveLength(1))
    expect(JSON.parse(door.lines[0] ?? '')).toMatchObject({ status, msg: 'request' })
  })

  test('and that nobody reads costs the connection', async () => {
    door = await openDoor({ bodyTimes: LATE, ready: () => new Promise(() => undefined) })
    const dripping = drip('GET /readyz', CSV_TYPE)
    await dripping.closed
    expect(dripping.answer).toBe('')
    await until(() => expect(door.lines).toHaveLength(1))
    const line = JSON.parse(door.lines[0] ?? '') as object
    expect(line).toMatchObject({ msg: 'request broken off' })
    expect(line).not.toHaveProperty('status')
  })
})

describe('a body that comes after it was refused', () => {
  test('does nothing', async () => {
    await open(LATE)
    const login = 'uid=acme&token=token&action=write-db'
    const [first, second] = [`${login}&db=71&label=x`, `${login}&db=72&label=x`]
    const slow = client(head('POST /simple-pins/', FORM_TYPE, first.length))
    await until(() => expect(slow.status()).toBe(403))
    slow.socket.write(`${first}GET /simple-pins/?${second} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await until(() => expect(slow.answer).toContain(' 200 OK'))
    expect(await door.ctx.store.findPinDatabase(door.account.id, 72)).toBeDefined()
    expect(await door.ctx.store.findPinDatabase(door.account.id, 71)).toBeUndefined()
    slow.socket.destroy()
  })

  test('does not go on either when the answer has to wait for others', async () => {
    door = await openDoor({
      bodyTimes: { withinMs: SOON_MS, afterAnswerMs: SOON_MS },
      ready: () => new Promise(() => undefined),
    })
    const stuck = client('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n' + head('POST /simple-pins/', FORM_TYPE, 9))
    await stuck.closed
    expect(stuck.answer).toBe('')
  })
})

describe('after the answer', () => {
  test.each([
    ['without login', 'POST /simple-pins/?action=upload-pins', CSV_TYPE, 401],
    ['to the other dialect without login', 'POST /v1/tenants/acme/greenpin', CSV_TYPE, 401],
    ['to nobody', 'POST /nobody', CSV_TYPE, 404],
    ['with an unknown expectation', 'POST /nobody', `${CSV_TYPE}Expect: x\r\n`, 404],
    ['of an upload that is refused', `POST ${UPLOAD}&db=x`, CSV_TYPE, 403],
    ['of an upload that breaks', `POST ${UPLOAD}`, CSV_TYPE, 500],
  ])('a body %s does not go on', async (_what, request, headers, status) => {
    await open(LEFT_OVER)
    if (status === 500) door.ctx.store.putPins = () => Promise.reject(new Error('no disk'))
    const dripping = drip(request, headers)
    if (status === 500) dripping.socket.write('7\n7\n')
    await dripping.closed
    expect(dripping.status()).toBe(status)
  })

  test('a client who sends the rest soon keeps the connection, however much it is', async () => {
    door = await openDoor({
      bodyTimes: { withinMs: NEVER_MS, afterAnswerMs: NEVER_MS },
      pins: { range: 1, contexts: [] },
    })
    const rest = '7\n'.repeat(1_000_000)
    const quick = client(head(`POST ${UPLOAD}`, CSV_TYPE, 4 + rest.length))
    quick.socket.write('7\n7\n')
    await until(() => expect(quick.status()).toBe(403))
    quick.socket.write(rest + LIVEZ)
    await until(() => expect(quick.answer).toContain('{"status":"ok"}'))
    quick.socket.destroy()
  })
})

describe('no timer is left', () => {
  const times = { withinMs: 543_210, afterAnswerMs: 54_321 }
  /** How many of these timers were started, and how many of them still run. */
  const timers = () => {
    const { calls, results } = jest.mocked(setTimeout).mock
    const ours = results.filter((_, i) => Object.values(times).includes(calls[i]?.[1] ?? 0))
    // A timer that is over has no place in Node's list of those to come.
    const left = ours.filter(({ value }) => !(value as { _destroyed?: boolean })._destroyed)
    return { started: ours.length, left: left.length }
  }

  test('by requests that are answered', async () => {
    await open(times)
    expect((await door.as('post', '/v1/tenants/acme/greenpin').send(sample())).status).toBe(200)
    expect((await door.as('get', '/livez')).status).toBe(200)
    await until(() => expect(timers()).toEqual({ started: 2, left: 0 }))
  })

  test('by clients who leave before the answer', async () => {
    await open(times)
    const dripping = drip('POST /v1/tenants/acme/greenpin', `${LOGIN}${JSON_TYPE}`)
    await until(() => expect(timers()).toEqual({ started: 1, left: 1 }))
    dripping.socket.destroy()
    await until(() => expect(timers()).toEqual({ started: 1, left: 0 }))
  })

  test('by clients who leave after it', async () => {
    await open(times)
    const dripping = drip('POST /nobody', CSV_TYPE)
    await until(() => expect(timers()).toEqual({ started: 2, left: 1 }))
    dripping.socket.destroy()
    await until(() => expect(timers()).toEqual({ started: 2, left: 0 }))
  })

  test('and no listener, by clients who send the rest after it', async () => {
    await open(times)
    const { socket } = client(LIVEZ)
    const [ours] = (await once(door.server, 'connection')) as [Socket]
    await until(() => expect(timers()).toEqual({ started: 1, left: 0 }))
    const listeners = ours.listenerCount('close')
    socket.write(head('POST /nobody', CSV_TYPE, 3))
    await until(() => expect(timers()).toEqual({ started: 3, left: 1 }))
    expect(ours.listenerCount('close')).toBe(listeners + 1)
    socket.write('7\n7')
    await until(() => expect(timers()).toEqual({ started: 3, left: 0 }))
    expect(ours.listenerCount('close')).toBe(listeners)
    socket.destroy()
  })
})
