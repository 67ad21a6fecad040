import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openapi } from '../../../src/api/dialects/mobivate/openapi.ts'
import { METHODS } from '../../../src/api/dialects/mobivate/schema.ts'
import { halfMutated, type Pool, valid } from '../arbitrary.ts'
import { type Checks, checksOf, type Document, servedDocument } from '../document.ts'
import {
  type Answer,
  asSigned,
  CAMPAIGN_ID,
  type Fields,
  KEYWORD,
  md5,
  type Method,
  type Mobivate,
  MSISDN,
  openMobivate,
  v2,
} from './client.ts'

/** Requests for each method. */
const RUNS = 300

const document = openapi() as Document
const CAMPAIGNS = [CAMPAIGN_ID, CAMPAIGN_ID, CAMPAIGN_ID, CAMPAIGN_ID, CAMPAIGN_ID, 'unknown-campaign']
const SIGNING = ['md5', 'md5', 'md5', 'v2', 'v2', 'v2', 'late', 'wrong'] as const
const WAYS = ['json', 'json as a form', 'form', 'query'] as const
type Made = {
  way: (typeof WAYS)[number]
  campaignId: string
  signing: (typeof SIGNING)[number]
  sent: { value: unknown }
}

let door: Mobivate
let checks: Checks
let pin: string
let pool: Pool
beforeEach(async () => {
  door = await openMobivate()
  checks = checksOf(await servedDocument(door, 'mobivate'))
  pin = await door.pinOf()
  pool = {
    ...{ msisdn: [MSISDN, `+${MSISDN}`, Number(MSISDN), '254700000001', '4915112345678'] },
    ...{ keyword: [KEYWORD, KEYWORD, KEYWORD, KEYWORD, 'x'], pin: [pin, Number(pin), '12345', 'x'] },
    status: ['active', "'doi-onhold', 'nf'", 'x', ['active', 'unsub']],
    custom_data: ['{"a":1}', { a: { b: [1, null] } }, 'x'],
  }
})
afterEach(() => door.close())

/** The same with a signature over what it says, of this kind. */
function signed({ sent: { value }, signing, campaignId }: Made, method: Method, second: number): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const fields = value as Fields
  const { msisdn, keyword, pin: sentPin } = fields
  const said = { msisdn, keyword, pin: sentPin }
  const at = Math.floor(door.ctx.now() / 1_000) - (signing === 'late' ? 400 : 0) + (second % 250)
  const signature = {
    md5: md5(asSigned(said.msisdn), { campaignId }),
    v2: v2(at, method, said, { campaignId }),
    late: v2(at - 250, method, said, { campaignId }),
    wrong: md5('x'),
  }
  return { ...fields, signature: signature[signing] }
}

/** All as text. Lone surrogates cannot be sent. */
function sendable(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return { x: JSON.stringify(value) }
  const written = (part: unknown) => (typeof part === 'string' ? part : JSON.stringify(part)).toWellFormed()
  const entries = Object.entries(value).slice(0, 60)
  return Object.fromEntries(entries.map(([name, part]) => [written(name), written(part).slice(0, 2_000)]))
}

function send({ way, campaignId }: Made, method: Method, value: unknown): Promise<Answer> {
  const text = new URLSearchParams(sendable(value)).toString()
  if (way === 'query' && method === 'status')
    return door.send(`/subscriptions/v1/${campaignId}/status?${text.slice(0, 6_000)}`)
  const type = way === 'json' ? 'application/json' : 'application/x-www-form-urlencoded'
  return door.post(method, way === 'form' ? text : JSON.stringify(value), { type, campaignId })
}

/** Statuses that requests of a method end with, each seen at least once: those that are only ever refused would show little. */
const SEEN: Record<Method, number[]> = {
  initiate: [200, 400, 401, 404],
  validate_pin: [200, 400, 401, 404, 417, 440],
  unsubscribe: [200, 400, 401, 404],
  status: [200, 400, 401, 404],
}

describe('generated requests: always what the document describes, never a bug', () => {
  test.each(METHODS)('%s', async (method) => {
    const seen = new Set<number>()
    const made = fc.record({
      way: fc.constantFrom(...WAYS),
      campaignId: fc.constantFrom(...CAMPAIGNS),
      signing: fc.constantFrom(...SIGNING),
      sent: halfMutated(valid(document, document.components.schemas[method]!, pool)),
    })
    let second = 0
    const property = fc.asyncProperty(made, async (one) => {
      const got = await send(one, method, signed(one, method, second++))
      seen.add(got.status)
      expect(got.status).not.toBe(500)
      const isGet = one.way === 'query' && method === 'status'
      const path = `/subscriptions/v1/{campaign_id}/${method}`
      const wrong = checks.answer(path, isGet ? 'get' : 'post', got.status, got.body)
      expect({ text: got.text, wrong }).toEqual({ text: got.text, wrong: undefined })
      // Nothing of what was sent stands in a refusal, but the id of the campaign.
      if (got.status !== 200) expect(got.body.error).toMatch(/^[A-Z][\w .,!:'-]{5,90}$/)
    })
    const right = { msisdn: MSISDN, keyword: KEYWORD }
    const way = { way: 'json', campaignId: CAMPAIGN_ID, signing: 'v2' } as const
    const example = (value: Fields): [Made & { sent: { value: unknown; isValid: boolean } }] => [
      { ...way, sent: { value, isValid: true } },
    ]
    // A PIN is good once, and has three attempts: one request of chance may come too late.
    const examples =
      method === 'validate_pin'
        ? [example({ ...right, pin: 'x' }), example({ ...right, pin })]
        : [example(right)]
    await fc.assert(property, { numRuns: RUNS, examples })
    expect([...seen]).toEqual(expect.arrayContaining(SEEN[method]))
  })
})
