import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { REFUSALS } from '../../../src/api/dialects/mobivate/answers.ts'
import { openapi } from '../../../src/api/dialects/mobivate/openapi.ts'
import { FIELDS, METHODS, STATUS_QUERY } from '../../../src/api/dialects/mobivate/schema.ts'
import {
  type Checks,
  checksOf,
  type Document,
  expectTrueExamples,
  expectValid,
  operationsOf,
  servedDocument,
} from '../document.ts'
import { type Mobivate, openMobivate } from './client.ts'

let door: Mobivate
let document: Document
let checks: Checks
beforeAll(async () => {
  door = await openMobivate()
  document = await servedDocument(door, 'mobivate')
  checks = checksOf(document)
})
afterAll(() => door.close())

const pathOf = (method: string) => `/subscriptions/v1/{campaign_id}/${method}`

test('the document is valid OpenAPI 3.1, and made once', async () => {
  await expectValid(document)
  expect(openapi()).toBe(openapi())
})

test('it has the four methods by POST, and status by GET', () => {
  const wanted = [...METHODS.map((method) => `post ${pathOf(method)}`), `get ${pathOf('status')}`]
  const found = operationsOf(document).map(({ method, path }) => `${method} ${path}`)
  expect(found.sort()).toEqual(wanted.sort())
  const ids = operationsOf(document).map(({ operation }) => operation.operationId)
  expect(ids.sort()).toEqual([...METHODS, 'status_by_get'].sort())
})

describe.each(METHODS)('%s', (method) => {
  test('has exactly the fields that are read, each in words, and requires what the vendor does', () => {
    const { properties = {}, required } = document.components.schemas[method]!
    expect(Object.keys(properties)).toEqual(Object.keys(FIELDS[method].shape))
    for (const property of Object.values(properties))
      expect(property).toMatchObject({ description: expect.stringMatching(/\w{2}/) as unknown })
    const all = ['msisdn', 'signature', 'keyword', 'pin']
    const wanted = {
      initiate: all.slice(0, 3),
      validate_pin: all,
      unsubscribe: all.slice(0, 2),
      status: all.slice(0, 2),
    }
    expect(required).toEqual(wanted[method])
  })
})

test('by GET the query has the fields that are read, and all is text', () => {
  const { parameters = [] } = document.paths[pathOf('status')]!.get!
  const query = parameters.filter((one) => one.in === 'query')
  expect(query.map(({ name }) => name)).toEqual(Object.keys(STATUS_QUERY.shape))
  expect(query.filter(({ required }) => required).map(({ name }) => name)).toEqual(['msisdn', 'signature'])
})

test('every example is what its schema says', () => {
  expect(expectTrueExamples(document, checks)).toBeGreaterThan(40)
})

test('every refusal of the table is described where it can be met', () => {
  const described = new Set(
    operationsOf(document).flatMap(({ operation }) => Object.keys(operation.responses)),
  )
  const statuses = Object.values(REFUSALS).map(({ status }) => String(status))
  expect([...described].sort()).toEqual([...new Set(['200', '500', ...statuses])].sort())
})

test('an answer that has one field less, one more, or the PIN is none of those described', () => {
  const body = {
    ...{ authenticated: true, valid_msisdn: true, valid_campaign: true, campaign_status: 'active' },
    ...{ campaign_name: 'Test Campaign', campaign_service: '12345', state: 'subscribed', error: null },
    reference: 'AP:01a20290-d07e-7145-8fe4-9dcdb9b72a4c',
  }
  const wrong = (value: object) => checks.answer(pathOf('validate_pin'), 'post', 200, value)
  expect(wrong(body)).toBeUndefined()
  expect(wrong({ ...body, pin: '12345' })).toBeDefined()
  expect(wrong({ ...body, state: 'pending_pin' })).toBeDefined()
  expect(wrong({ ...body, authenticated: false })).toBeDefined()
  for (const name of Object.keys(body)) expect(wrong({ ...body, [name]: undefined })).toBeDefined()
})
