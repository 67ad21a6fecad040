import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openapi } from '../../../src/api/dialects/stealthnet/openapi.ts'
import { ACTIONS } from '../../../src/api/dialects/stealthnet/schema.ts'
import {
  type Checks,
  checksOf,
  type Document,
  expectTrueExamples,
  expectValid,
  operationsOf,
  servedDocument,
} from '../document.ts'
import { type Door, openDoor } from '../door.ts'
import { clientOf, GRANTED } from './client.ts'

let door: Door
let document: Document
let checks: Checks
beforeAll(async () => {
  door = await openDoor()
  document = await servedDocument(door, 'stealthnet')
  checks = checksOf(document)
})
afterAll(() => door.close())

describe('the document', () => {
  test('is valid OpenAPI 3.1, and made once', async () => {
    await expectValid(document)
    expect(openapi()).toBe(openapi())
  })

  test('describes GET and POST, and every action with exactly the parameters that it reads', () => {
    expect(operationsOf(document).map(({ path, method }) => `${method} ${path}`)).toEqual([
      'get /simple-pins/',
      'post /simple-pins/',
    ])
    for (const [name, { shape }] of Object.entries(ACTIONS)) {
      if (name === 'upload-pins') continue
      const { properties = {}, required } = document.components.schemas[name]!
      expect(Object.keys(properties)).toEqual(Object.keys(shape))
      expect(required).toContain('action')
    }
  })

  test('describes every parameter in words', () => {
    for (const { operation } of operationsOf(document)) {
      for (const parameter of operation.parameters ?? [])
        expect(parameter).toMatchObject({ description: expect.stringMatching(/\w{2}/) as unknown })
      const names = operation.parameters?.map(({ name }) => name)
      expect(names).toEqual([...new Set(Object.values(ACTIONS).flatMap(({ shape }) => Object.keys(shape)))])
    }
  })

  test('every example is what its schema says', () => {
    expect(expectTrueExamples(document, checks)).toBeGreaterThan(20)
  })

  test('what the other tests take for granted is as described', async () => {
    for (const [action, parameters] of Object.entries(GRANTED)) {
      const { status } =
        action === 'upload-pins'
          ? await clientOf(door).upload('7000\n', parameters)
          : await clientOf(door).get({ action, ...parameters })
      expect({ action, status }).toEqual({ action, status: 200 })
      const schema = action === 'upload-pins' ? undefined : ['components', 'schemas', action]
      if (schema) expect(checks.at(schema, { action, ...parameters })).toBeUndefined()
    }
  })
})
