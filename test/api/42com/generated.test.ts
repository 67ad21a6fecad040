import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openapi } from '../../../src/api/dialects/42com/openapi.ts'
import { MODULE_NAMES, type ModuleName } from '../../../src/api/dialects/42com/schema.ts'
import { groupNamed } from '../../../src/engine/card-admin.ts'
import { createCards } from '../../../src/engine/create-cards.ts'
import type { Voucher } from '../../../src/engine/card-store.ts'
import { halfMutated, type Pool, valid } from '../arbitrary.ts'
import { type Checks, checksOf, type Document, type Schema, servedDocument } from '../document.ts'
import { type Answer, answer, type CardDoor, openCardDoor, phpDate, signed, talk } from './client.ts'

/** Requests for each module. */
const RUNS = 150

const document = openapi() as Document
const CLIS = ['4917990000000', '+4917990000001', '017990000002', '0049 179 90000003']
const PIN = '321582778'
const ID = '01A20290-D07E-7145-8FE4-9DCDB9B72A4C'
const days = ['2020-03-27', '27.03.2020', '2014-02-14', '2020-02-30', '31.12.9999']
const POOL: Pool = {
  ...{ Telefon: CLIS, cli: CLIS, newCli: CLIS, Amount: ['0.10', '5,00', '1000000'], PIN: [PIN, '1234'] },
  ...{ aNumber: ['0302434299', '+41443643532', '110'], bNumber: ['0302434298', '+442079460958'] },
  ...{ from: days, to: days, show: ['1', '2', '1000'], pin: [PIN, '123456789'], prefix: ['49', '+41', '44'] },
  ...{ number: ['179123456789', '443643532', '110'], numbers: ['030123456', '030123456|0177123456', 'x'] },
  ...{ callId: [ID, ID.toLowerCase()], callerId: [ID] },
}

let door: CardDoor
let checks: Checks
beforeEach(async () => {
  door = await openCardDoor()
  checks = checksOf(await servedDocument(door, '42com'))
  const { ctx, account, card } = door
  const group = await groupNamed(ctx, account, { name: '42com', numberLength: 8, pinLength: 9 })
  const fields = { cli: '+4917990000000', pin: PIN }
  await createCards(ctx, account, { groupId: group.id, numbers: ['12871384'], fields })
  await talk(ctx, account, card, { at: ctx.now() - 60_000, ms: 1_000 })
  await ctx.store.addLine({
    accountId: account.id,
    cardId: card.id,
    username: 'x',
    password: 'x',
    createdAt: 0,
  })
  const voucher: Omit<Voucher, 'id' | 'pin'> = {
    ...{ accountId: account.id, amountMicros: 1_000_000, validUntil: undefined },
    ...{ createdAt: 0, usedAt: undefined, usedBy: undefined },
  }
  await ctx.store.addVouchers({ accountId: account.id, length: 9, pins: [PIN] }, () => {
    return { save: [{ ...voucher, id: ID, pin: PIN }], result: undefined }
  })
  await ctx.store.addCallback({
    ...{ id: ID.toLowerCase(), accountId: account.id, cardId: card.id, a: '+49302434299', b: '+41443643532' },
    ...{ state: 'waiting', outcome: undefined, callId: undefined, createdAt: ctx.now(), endedAt: undefined },
  })
})
afterEach(() => door.close())

/** Parameters as the document has them, one act or another. */
function parametersOf(module: ModuleName): fc.Arbitrary<unknown> {
  const schema = document.components.schemas[module] as Schema & { oneOf?: Schema[] }
  const acts = schema.oneOf ?? [schema]
  return fc.oneof(...acts.map((act) => valid(document, act, POOL)))
}

/** All as text, and no longer than an address may be. Lone surrogates cannot be sent. */
function sendable(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return { act: JSON.stringify(value) }
  const written = (part: unknown) =>
    (typeof part === 'string' ? part : JSON.stringify(part)).toWellFormed().slice(0, 180)
  const entries = Object.entries(value).slice(0, 60)
  return Object.fromEntries(entries.map(([name, part]) => [written(name), written(part)]))
}

const WAYS = ['query', 'form', 'json', 'json as a form', 'v2'] as const
type Way = (typeof WAYS)[number]

async function send(way: Way, module: string, user: string, date: string, value: unknown): Promise<Answer> {
  const headers = signed(user, date)
  const query = new URLSearchParams(sendable(value)).toString()
  const url = `${door.url}/api/rest`
  if (way === 'query') return answer(fetch(`${url}/v3/${module}?${query}`, { headers }))
  if (way === 'v2') return answer(fetch(`${url}/v2/?${module}&${query}`, { headers }))
  const type = way === 'json' ? 'application/json' : 'application/x-www-form-urlencoded'
  const body = way === 'form' ? query : JSON.stringify(value)
  const init = { method: 'POST', headers: { ...headers, 'Content-Type': type }, body }
  return answer(fetch(`${url}/v3/${module}`, init))
}

/** Codes that requests of a module end with, each seen at least once: those that are only ever refused would show little. */
const SEEN: Record<ModuleName, number[]> = {
  'mycard-v2': [200, 401, 403, 1001, 1011],
  'number-check': [200, 401, 403, 1001, 1011],
  account: [200, 401, 1011, 1201],
  'cdr-callshop': [200, 401, 403, 1011],
  cdrs: [200, 401, 403, 1011],
  topup: [200, 401, 403, 1011, 1200, 1201],
  voiplist: [200, 401, 1011, 1201],
  rates: [200, 401, 403, 1001, 1011],
  webcallback: [200, 401, 403, 1011, 1201],
}

describe('generated requests: always HTTP 200 and what the document describes, never a bug', () => {
  test.each(MODULE_NAMES)('%s', async (module) => {
    const seen = new Set<number>()
    const made = fc.record({
      way: fc.constantFrom(...WAYS),
      user: fc.constantFrom('demo', 'demo', 'demo', 'shop', 'shop', 'shop', 'nobody'),
      lateMs: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 180_001),
      sent: halfMutated(parametersOf(module)),
    })
    let micros = 0
    const property = fc.asyncProperty(made, async ({ way, user, lateMs, sent: { value } }) => {
      const date = phpDate(door.ctx.now() - lateMs, micros++)
      const got = await send(way, module, user, date, value)
      const [code] = got.envelope.codes
      seen.add(code!.code)
      expect({ text: got.text, code: code!.code }).not.toMatchObject({ code: 504 })
      const path = way === 'v2' ? '/api/rest/v2/' : `/api/rest/v3/${module}`
      const method = way === 'query' || way === 'v2' ? 'get' : 'post'
      const wrong = checks.answer(path, method, got.status, got.envelope)
      expect({ text: got.text, wrong }).toEqual({ text: got.text, wrong: undefined })
      // Nothing of what was sent stands in a refusal.
      if (got.envelope.error) expect(code!.description).toMatch(/^[A-Z][\w :.,-]{1,90}$/)
    })
    // The voucher is good once, and ten wrong ones lock the user out: one request of chance may come too late.
    const sent = { value: { pin: PIN } as unknown, isValid: true }
    const right = { way: 'form', user: 'demo', lateMs: 0, sent } as const
    await fc.assert(property, { numRuns: RUNS, examples: module === 'topup' ? [[right]] : [] })
    expect([...seen]).toEqual(expect.arrayContaining(SEEN[module]))
  })
})
