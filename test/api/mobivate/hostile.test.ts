import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { BODIES, type Body as HostileBody } from '../greenpin/hostile-bodies.ts'
import { openDoor } from '../door.ts'
import {
  asSigned,
  type Body,
  CAMPAIGN_ID,
  expectPrinted,
  KEYWORD,
  md5,
  type Mobivate,
  MSISDN,
  openMobivate,
  SIGNATURE,
} from './client.ts'

let door: Mobivate
beforeAll(async () => {
  door = await openMobivate()
})
afterAll(() => door.close())

const METHODS = ['initiate', 'validate_pin', 'unsubscribe', 'status'] as const
const TYPES = ['application/json', 'application/x-www-form-urlencoded', 'text/plain']

const bytesOf = (body: HostileBody): string | Uint8Array<ArrayBuffer> =>
  body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body)

const HEAD = ['authenticated', 'valid_msisdn', 'valid_campaign']
const OF_CAMPAIGN = ['campaign_status', 'campaign_name', 'campaign_service']

/** Every answer to nonsense: the nine fields, a refusal, and nothing of ours. */
function expectRefusal(status: number, text: string): void {
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
  const body = JSON.parse(text) as Body
  expect(Object.keys(body)).toEqual([...HEAD, ...OF_CAMPAIGN, 'state', 'error', 'reference'])
  expect(body.error).toMatch(/^[A-Z][\w .,:-]{10,80}$/)
  expect(text).not.toMatch(/<|node_modules|\.ts:|Error:/)
}

test.each(BODIES)('a body that is %s', async (_name, body) => {
  for (const method of METHODS) {
    for (const type of TYPES) {
      const init = { method: 'POST', headers: { 'Content-Type': type }, body: bytesOf(body) }
      const { status, text } = await door.send(`/subscriptions/v1/${CAMPAIGN_ID}/${method}`, init)
      expectRefusal(status, text)
    }
  }
})

const HOSTILE: unknown[] = [
  ...[
    '',
    '\0',
    '\r\n',
    '\ud800',
    '\u202e',
    '${SHELL(id)}',
    "' or 1=1 --",
    '1,2',
    '1|2',
    '%00',
    '../..',
    '{{pin}}',
  ],
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e21,
    2 ** 53,
    [],
    {},
    [[]],
    { toString: 'x' },
    { length: 9 },
    'x'.repeat(30_000),
  ],
]
const FIELDS = ['msisdn', 'signature', 'keyword', 'pin', 'status', 'custom_data', 'ip', 'email', 'first_name']

describe.each(METHODS)('of %s', (method) => {
  test.each(FIELDS)('%s with nonsense in it ends in no fault of ours', async (name) => {
    for (const value of HOSTILE) {
      const good = { msisdn: MSISDN, signature: SIGNATURE, keyword: KEYWORD, pin: '12345' }
      const signature = name === 'msisdn' ? md5(asSigned(value)) : SIGNATURE
      const { status } = await door.post(method, { ...good, signature, [name]: value })
      expect({ value, isFault: status >= 500 }).toEqual({ value, isFault: false })
    }
  })
})

test('a compressed body, which could be a bomb', async () => {
  const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }
  const body = gzipSync(JSON.stringify({ msisdn: MSISDN, signature: SIGNATURE }))
  const answer = await door.send(`/subscriptions/v1/${CAMPAIGN_ID}/status`, { method: 'POST', headers, body })
  expectPrinted(answer, { status: 400, state: null, error: 'Bad request' }, { knowsCampaign: false })
})

test('a body in the middle of which the client stops is answered when its time is over', async () => {
  const patient = await openDoor({ bodyTimes: { withinMs: 50, afterAnswerMs: 50 } })
  const head = `POST /subscriptions/v1/${CAMPAIGN_ID}/initiate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`
  const { status, body } = await patient.raw(head)
  expectRefusal(status, body)
  expect(JSON.parse(body)).toMatchObject({ error: 'Bad request: the body did not come in time' })
  await patient.close()
})
