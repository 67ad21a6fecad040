import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { callbackBody } from '../../../src/api/dialects/42com/42com.ts'
import { CODES } from '../../../src/api/dialects/42com/answers.ts'
import { openapi } from '../../../src/api/dialects/42com/openapi.ts'
import { CHANGING, MODULE_NAMES, PARAMETERS } from '../../../src/api/dialects/42com/schema.ts'
import {
  type Checks,
  checksOf,
  type Document,
  expectTrueExamples,
  expectValid,
  operationsOf,
  type Schema,
  servedDocument,
} from '../document.ts'
import { type CardDoor, openCardDoor } from './client.ts'

let door: CardDoor
let document: Document
let checks: Checks
beforeAll(async () => {
  door = await openCardDoor()
  document = await servedDocument(door, '42com')
  checks = checksOf(document)
})
afterAll(() => door.close())

/** The acts of a module, or the module itself. */
function actsOf(module: keyof typeof PARAMETERS): { shape: object }[] {
  const schema = PARAMETERS[module]
  return 'options' in schema ? [...schema.options] : [schema]
}

describe('the document', () => {
  test('is valid OpenAPI 3.1, and made once', async () => {
    await expectValid(document)
    expect(openapi()).toBe(openapi())
  })

  test('describes GET and POST of every module, and of the address of version 2', () => {
    const paths = ['/api/rest/v2/', ...MODULE_NAMES.map((name) => `/api/rest/v3/${name}`)]
    expect(operationsOf(document).map(({ path, method }) => `${method} ${path}`)).toEqual(
      paths.flatMap((path) => [`get ${path}`, `post ${path}`]),
    )
    const ids = operationsOf(document).map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9]+$/)
  })

  test.each(MODULE_NAMES)('has exactly the parameters that %s reads, each in words', (module) => {
    const read = new Set(actsOf(module).flatMap(({ shape }) => Object.keys(shape)))
    const { parameters = [] } = document.paths[`/api/rest/v3/${module}`]!.get!
    expect(new Set(parameters.map(({ name }) => name))).toEqual(read)
    for (const parameter of parameters)
      expect(parameter).toMatchObject({ description: expect.stringMatching(/\w{2}/) as unknown })
    const schema = document.components.schemas[module]!
    const acts = (schema as { oneOf?: Schema[] }).oneOf ?? [schema]
    expect(acts.map(({ properties = {} }) => Object.keys(properties))).toEqual(
      actsOf(module).map(({ shape }) => Object.keys(shape)),
    )
  })

  test('every example is what its schema says', () => {
    expect(expectTrueExamples(document, checks)).toBeGreaterThan(20)
  })

  test('has every code of the vendor', () => {
    const { Refused } = document.components.schemas
    for (const code of Object.keys(CODES).map(Number)) {
      const envelope = { error: true, codes: [{ code, description: 'x' }], body: [] }
      expect(checks.at(['components', 'schemas', 'Refused'], envelope) === undefined).toBe(code !== 200)
    }
    expect(Refused).toBeDefined()
  })

  test('describes the webhook', () => {
    const event = {
      type: 'sms.requested',
      id: '1',
      accountId: '2',
      at: 0,
      to: '+4917990000000',
      text: 'x',
    } as const
    expect(checks.callback('sms.requested', callbackBody(event))).toBeUndefined()
    expect(checks.callback('sms.requested', { id: '1', to: '4917990000000', text: 'x' })).toBeDefined()
  })
})

test('every act that there is either changes something or is known to be harmless', () => {
  const acts = MODULE_NAMES.flatMap((module) =>
    actsOf(module).map(({ shape }) => {
      const { act } = shape as { act?: { value: string } }
      return act ? `${module} ${act.value}` : module
    }),
  )
  const changing = Object.entries(CHANGING).flatMap(([module, which]) =>
    which === 'always' ? [module] : which.map((act) => `${module} ${act}`),
  )
  const harmless = [
    'mycard-v2 show',
    'number-check',
    'account',
    'cdr-callshop',
    'cdrs',
    'voiplist',
    'rates',
    'webcallback status',
  ]
  expect([...changing, ...harmless].sort()).toEqual(acts.sort())
})
