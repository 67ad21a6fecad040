import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { HASHED } from '../../../src/api/dialects/mor/hash.ts'
import { openapi } from '../../../src/api/dialects/mor/openapi.ts'
import { halfMutated, type Pool, valid } from '../arbitrary.ts'
import { type Checks, checksOf, type Document, servedDocument } from '../document.ts'
import { type Answer, hashFor, type Method, type Mor, openMor } from './client.ts'
import { parseXml, toObject } from './strict-xml.ts'

/** Requests for each method. */
const RUNS = 250

const document = openapi() as Document
let mor: Mor
let checks: Checks
beforeEach(async () => {
  mor = await openMor()
  const { ctx, account } = mor.door
  checks = checksOf(await servedDocument(mor.door, 'mor'))
  await ctx.store.addDistributor({ accountId: account.id, name: 'One & <only>' })
  for (let i = 0; i < 5; i++)
    await mor.card(`100000000${i}`, { name: `card ${i}`, distributorId: 1, sold: i % 2 === 0 }, i * 1_000_000)
  await mor.login('looks', 'accountant-no-pins')
  await mor.login('user', 'user')
  await mor.allow({ get: true })
})
afterEach(() => mor.door.close())

const amounts = ['0', '1', '2,5', '10.0840336134454', '-1', '1e3', '999999999999']
const times = ['1446721871', '-1', '0', '253402214399', '253402214400', '2015-11-05']
const POOL: Pool = {
  ...{ u: ['admin', 'admin', 'admin', 'admin', 'looks', 'user', 'nobody'], min_balance: amounts },
  ...{ max_balance: amounts, balance: amounts, first_use: times, daily_charge_paid_till: times },
  ...{
    number: ['1000000001', '1000000007', '%', '1000000_01', '1', 'x'],
    name: ['card 1', 'card%', '', 'ü<&>'],
  },
  ...{ pin: ['%', '1234', '12345', '', '0000'], callerid: ['3', '+917987686144', '07987686144', '%', "'"] },
  ...{ language: ['en', 'lt', 'English'], sold: ['yes', 'no', '1', '0', '2'], distributor: ['1', '9', 'x'] },
  ...{ limit: ['1', '0', '99'], offset: ['0', '2', '-1'], card_id: ['1', '2', '22', "'1", '1'] },
  ...{ card_group_id: ['1', '1', '1', '2', ''], cards_from: ['1000000003', '1000000100', '10'] },
  ...{ cards_till: ['1000000005', '1000000110', '9999999999'], distributor_id: ['1', '9', 'x'] },
}

type Sent = { by: 'get' | 'form' | 'json' | 'query'; isSigned: boolean; sent: Record<string, string> }

/** All as text, and no longer than an address may be. Lone surrogates can be sent in JSON only. */
function sendable(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return { u: JSON.stringify(value) }
  const written = (part: unknown) => (typeof part === 'string' ? part : JSON.stringify(part)).slice(0, 180)
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, 60)
      .map(([name, part]) => [written(name), written(part)]),
  )
}

function send(method: Method, { by, isSigned, sent }: Sent): Promise<Answer> {
  const parameters = isSigned ? { ...sent, hash: hashFor(method, sent) } : sent
  const well = Object.fromEntries(
    Object.entries(parameters).map(([name, part]) => [name.toWellFormed(), part.toWellFormed()]),
  )
  const encoded = new URLSearchParams(well)
  const path = `/billing/api/${method}`
  // Node itself refuses a head of more than 16 kB.
  const isLong = encoded.toString().length > 12_000
  if (by === 'get' && !isLong) return mor.send(`${path}?${encoded.toString()}`, { method: 'GET' })
  if (by === 'query' && !isLong) return mor.send(`${path}?${encoded.toString()}`)
  if (by === 'form' || by === 'get') return mor.send(path, { body: encoded })
  return mor.send(path, { body: JSON.stringify(parameters), headers: { 'Content-Type': 'application/json' } })
}

/** What of this answer is not as the document says. */
function wrongWith(method: Method, { by }: Sent, { text }: Answer): unknown {
  const root = parseXml(text)
  const verb = by === 'get' ? 'get' : 'post'
  const pointer = ['paths', `/${method}`, verb, 'responses', '200', 'content', 'text/xml', 'schema']
  const schemas = (
    pointer.reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document) as {
      anyOf: { $ref: string }[]
    }
  ).anyOf
  const ofRoot = schemas
    .map(({ $ref }) => $ref.replace('#/components/schemas/', ''))
    .filter((id) => (document.components.schemas[id] as { xml?: { name: string } }).xml?.name === root.name)
  const wrong = ofRoot.map((id) => checks.at(['components', 'schemas', id], toObject(root, ['card'])))
  return wrong.includes(undefined) ? undefined : { root: root.name, wrong }
}

describe('generated requests: never a 5xx, always XML that the document describes', () => {
  for (const method of Object.keys(HASHED) as Method[]) {
    test(
      method,
      async () => {
        const answers = new Set<string>()
        const made: fc.Arbitrary<Sent> = fc.record({
          by: fc.constantFrom('get', 'form', 'json', 'query'),
          isSigned: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.boolean()),
          sent: halfMutated(valid(document, document.components.schemas[method]!, POOL)).map(({ value }) =>
            sendable(value),
          ),
        })
        const property = fc.asyncProperty(made, async (request) => {
          const got = await send(method, request)
          expect({ status: got.status, type: got.headers.get('content-type') }).toEqual({
            status: 200,
            type: 'text/xml; charset=utf-8',
          })
          expect({ text: got.text, wrong: wrongWith(method, request, got) }).toEqual({
            text: got.text,
            wrong: undefined,
          })
          const [, error] = /<error>(.*)<\/error>/.exec(got.text) ?? []
          answers.add(error ?? 'granted')
        })
        const examples = [
          EXAMPLES[method],
          { ...EXAMPLES[method], u: 'user' },
          { ...EXAMPLES[method], u: 'x' },
        ]
        await fc.assert(property, {
          numRuns: RUNS,
          examples: [
            ...examples.map((sent): [Sent] => [{ by: 'json', isSigned: true, sent }]),
            [{ by: 'form', isSigned: false, sent: EXAMPLES[method] }],
          ],
        })
        // Requests that are only ever refused would show little.
        expect([...answers]).toEqual(expect.arrayContaining(['granted', 'Access Denied', 'Incorrect hash']))
        // And money is as it should be, whatever came.
        expect(await mor.door.ctx.store.audit(10)).toEqual([])
      },
      60_000,
    )
  }
})

const EXAMPLES: Record<Method, Record<string, string>> = {
  calling_cards_get: { u: 'admin', name: 'card%' },
  calling_cards_create: {
    u: 'admin',
    card_group_id: '1',
    cards_from: '1000000003',
    cards_till: '1000000009',
  },
  calling_card_update: { u: 'admin', card_id: '1', name: 'ü<&>', balance: '2,5', callerid: '3' },
  card_balance_get: { u: 'admin', number: '1000000001' },
}
