import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { until } from '../../support/until.ts'
import { type Door, openDoor } from '../door.ts'
import { type Client, clientOf } from './client.ts'

let door: Door
let client: Client
beforeEach(async () => {
  door = await openDoor()
  client = clientOf(door)
})
afterEach(() => door.close())

const list = async () => (await client.get({ action: 'download-db' })).text

describe('too much', () => {
  test('more lines than one request may name are refused where they begin, and the client is answered', async () => {
    const small = await openDoor({ pins: { range: 2_500, contexts: [] } })
    const body = Array.from({ length: 200_000 }, (_, i) => String(100_000 + i)).join('\n')
    const { status, text } = await clientOf(small).upload(body)
    expect({ status, text }).toEqual({
      status: 403,
      text: 'There are more PINs up to the last line than one request may name.\n',
    })
    const exact = await clientOf(small).upload(`${body.split('\n').slice(0, 2_500).join('\n')}\n\n`)
    expect(exact.status).toBe(200)
    await small.close()
  })

  test('a body of over 64 MB is refused: at once where it says so, else where it becomes so', async () => {
    const head = `POST /simple-pins/?uid=acme&token=token&action=upload-pins HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/csv\r\n`
    const announced = await door.raw(`${head}Content-Length: 67108865\r\n\r\n`)
    expect(announced).toEqual({ status: 403, body: 'The request is refused: the body is too large.\n' })
    const piece = new Uint8Array(1024 * 1024).fill(0x20)
    let pieces = 0
    const endless = new ReadableStream({
      pull: (controller) => (pieces++ < 66 ? controller.enqueue(piece) : controller.close()),
    })
    const url = client.url({ action: 'upload-pins' })
    const init = { method: 'POST', body: endless, duplex: 'half', headers: { 'Content-Type': 'text/csv' } }
    const answer = await fetch(url, init as RequestInit)
    expect({ status: answer.status, text: await answer.text() }).toEqual({
      status: 403,
      text: announced.body,
    })
  }, 20_000)

  test('a quote that nobody closes holds nothing up: 60 MB are one refused line', async () => {
    const body = new Uint8Array(60 * 1024 * 1024).fill(0x37)
    body[0] = 0x22
    const started = performance.now()
    const { text } = await client.upload(body)
    expect(text).toBe('created,0,\nchanged,0,\nunchanged,0,\nrefused,1,\nline,1,columns\n')
    expect(performance.now() - started).toBeLessThan(15_000)
  }, 20_000)
})

test('a client who leaves in the middle leaves what was whole, and no fault in the log', async () => {
  const sent = httpRequest(client.url({ action: 'upload-pins' }), {
    method: 'POST',
    headers: { 'Content-Type': 'text/csv' },
  })
  sent.on('error', () => undefined)
  const lines = Array.from({ length: 5_000 }, (_, i) => `${100_000 + i}\n`).join('')
  sent.write(`${lines}7`)
  await until(async () => expect((await list()).length).toBeGreaterThan(1_000))
  sent.destroy()
  await until(() => expect(door.lines.join('')).toContain('request broken off'))
  expect(door.lines.join('')).not.toContain('request failed')
  const line = door.lines.find((text) => text.includes('request broken off'))
  expect(JSON.parse(line ?? '')).not.toHaveProperty('status')
  expect(await list()).not.toMatch(/^7,/m)
})

test('an upload may take longer than all other bodies', async () => {
  const patient = await openDoor({ bodyTimes: { withinMs: 500, afterAnswerMs: 60_000 } })
  const sent = httpRequest(clientOf(patient).url({ action: 'upload-pins' }), {
    method: 'POST',
    headers: { 'Content-Type': 'text/csv' },
  })
  sent.write('7000\n70')
  await once(patient.server, 'request')
  // A body that began later is over its time before this one goes on.
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const late = httpRequest(`${patient.url}/simple-pins/`, { method: 'POST', headers })
  late.on('error', () => undefined).write('a')
  const [refused] = (await once(late, 'response')) as [IncomingMessage]
  expect(refused.statusCode).toBe(403)
  sent.end('01\n')
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  expect(await textOf(response)).toBe('created,2,\nchanged,0,\nunchanged,0,\nrefused,0,\n')
  await patient.close()
})

test('a store that fails is a 500 with an answer, also when the body is over', async () => {
  door.ctx.store.putPins = () => Promise.reject(new Error('no disk'))
  expect((await client.upload('1\n')).status).toBe(500)
  const many = Array.from({ length: 100_000 }, (_, i) => `${100_000 + i}\n`).join('')
  expect((await client.upload(many)).status).toBe(500)
})

test('calls wait for no upload: the event loop turns all the time', async () => {
  // Counted in time of the processor: other processes of the machine are no fault of ours.
  const usedMs = () => (({ user, system }) => (user + system) / 1_000)(process.cpuUsage())
  let [longest, last] = [0, usedMs()]
  const timer = setInterval(() => {
    const now = usedMs()
    longest = Math.max(longest, now - last)
    last = now
  }, 1)
  const lines = Array.from({ length: 100_000 }, (_, i) => `${100_000 + i},1,2027-01-01 00:00:00,\n`).join('')
  expect((await client.upload(lines)).text).toMatch(/^created,100000,\n/)
  clearInterval(timer)
  expect(longest).toBeLessThan(250)
}, 20_000)
