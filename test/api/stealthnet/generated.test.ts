import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openapi } from '../../../src/api/dialects/stealthnet/openapi.ts'
import { ACTIONS } from '../../../src/api/dialects/stealthnet/schema.ts'
import { STRANGER } from '../../support/context.ts'
import { halfMutated, type Pool, valid } from '../arbitrary.ts'
import { type Checks, checksOf, type Document, servedDocument } from '../document.ts'
import { type Door, openDoor } from '../door.ts'
import { type Answer, answer, clientOf, GRANTED, query, use } from './client.ts'

/** Requests for each action. */
const RUNS = 100

const document = openapi() as Document
let door: Door
let checks: Checks
beforeEach(async () => {
  door = await openDoor()
  checks = checksOf(await servedDocument(door, 'stealthnet'))
  const client = clientOf(door)
  for (const db of ['1', '2']) {
    await client.get({ action: 'write-pins', db, 'start-pin': '7000', 'end-pin': '7009' })
    for (const pin of ['7000', '7001']) await use(door, door.account, pin, STRANGER, Number(db))
  }
})
afterEach(() => door.close())

const dates = [
  '2026-03-29 01:30:00',
  '2027-01-31 23:59:59',
  '2020-01-01 00:00:00',
  '9999-12-31 23:59:59',
  '2026-02-30 00:00:00',
]
const pins = ['7000', '7001', '7009', '0000', 'VIP-7', '999999999999999']
const keys = [STRANGER, '9812345678', ' 919812345678', 'seat-12', 'anonymous', '*67']
const POOL: Pool = {
  ...{ db: ['1', '2', '9999'], output: ['csv', 'txt', 'json'], 'begins-at': dates, 'expires-at': dates },
  ...{
    pin: pins,
    'start-pin': ['7000', '0000', 'VIP-7'],
    'end-pin': ['7000', '7100', 'VIP-7'],
    value: keys,
    key: keys,
  },
  ...{ year: ['2020'], month: ['03'], day: ['27', '28'], target: [STRANGER, 'after-pin,s', 'default,s'] },
}

/** What of this answer is not as the document says. */
function wrongWith(method: 'get' | 'post', { status, text, headers }: Answer): unknown {
  if (status === 200 && text === '') return undefined
  const [type = ''] = (headers.get('content-type') ?? '').split(';')
  const content = ['paths', '/simple-pins/', method, 'responses', String(status), 'content', type]
  const place = content.reduce<unknown>(
    (node, key) => (node as Record<string, unknown> | undefined)?.[key],
    document,
  )
  if (place === undefined) return `${status} as ${type} is not described`
  return checks.at([...content, 'schema'], type === 'application/json' ? (JSON.parse(text) as unknown) : text)
}

/** All as text, and no longer than an address may be. Lone surrogates cannot be sent. */
function sendable(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return { action: JSON.stringify(value) }
  const entries = Object.entries(value).slice(0, 60)
  const written = (part: unknown) =>
    (typeof part === 'string' ? part : JSON.stringify(part)).toWellFormed().slice(0, 180)
  return Object.fromEntries(entries.map(([name, part]) => [written(name), written(part)]))
}

async function send(
  method: 'get' | 'post',
  user: string,
  parameters: Record<string, string>,
): Promise<Answer> {
  const headers = { Authorization: `Basic ${btoa(`${user}:token`)}` }
  const url = `${door.url}/simple-pins/`
  if (method === 'get') return answer(fetch(`${url}?${query(parameters)}`, { headers }))
  return answer(fetch(url, { method: 'POST', headers, body: new URLSearchParams(parameters) }))
}

describe('generated requests: never a 5xx, always what the document describes', () => {
  for (const action of Object.keys(ACTIONS).filter((name) => name !== 'upload-pins')) {
    test(action, async () => {
      const statuses = new Set<number>()
      const made = fc.record({
        method: fc.constantFrom('get', 'post'),
        user: fc.constantFrom('acme', 'acme', 'acme', 'acme', 'nobody'),
        sent: halfMutated(valid(document, document.components.schemas[action]!, POOL)),
      })
      const property = fc.asyncProperty(made, async ({ method, user, sent: { value, isValid } }) => {
        const got = await send(method, user, sendable(value))
        statuses.add(got.status)
        expect(got.status).toBeLessThan(500)
        expect({ got: got.text, wrong: wrongWith(method, got) }).toEqual({ got: got.text, wrong: undefined })
        // What no pattern can say is still to be refused: days that there are not, ranges that go backwards.
        if (isValid) expect(got.text).not.toMatch(/does not have|comes twice|cannot be read|too many/)
      })
      const one = {
        method: 'get',
        user: 'acme',
        sent: { value: { action, ...GRANTED[action] }, isValid: true },
      } as const
      await fc.assert(property, { numRuns: RUNS, examples: [[one], [{ ...one, user: 'nobody' }]] })
      // Requests that are only ever refused would show little.
      expect([...statuses].sort()).toEqual([200, 401, 403])
    })
  }

  test('upload-pins', async () => {
    const cell = fc.oneof(
      fc.constantFrom(...pins, ...dates, '', '1', '2', '"', '""', '=1', '\r', '\0', '\ud800'),
      fc.string(),
    )
    const quoted = cell.map((text) => `"${text.replaceAll('"', '""')}"`)
    const line = fc.array(fc.oneof(cell, quoted), { maxLength: 5 }).map((cells) => cells.join(','))
    const body = fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n'))
    const more = fc.record({
      'dry-run': fc.constantFrom('yes', 'no'),
      output: fc.constantFrom('csv', 'txt', 'json'),
    })
    const property = fc.asyncProperty(body, more, async (csv, parameters) => {
      const got = await clientOf(door).upload(csv, parameters)
      expect({ csv, status: got.status, wrong: wrongWith('post', got) }).toEqual({
        csv,
        status: 200,
        wrong: undefined,
      })
    })
    await fc.assert(property, { numRuns: RUNS * 5 })
  })
})
