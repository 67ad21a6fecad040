import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import { openapi } from '../../../src/api/dialects/stealthnet/openapi.ts'
import { ACTIONS } from '../../../src/api/dialects/stealthnet/schema.ts'
import {
  type Checks,
  checksOf,
  type Document,
  operationsOf,
  type Schema,
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

function* schemasIn(node: unknown, pointer: string[] = []): Generator<{ pointer: string[]; schema: Schema }> {
  if (typeof node !== 'object' || node === null) return
  yield { pointer, schema: node }
  for (const [key, child] of Object.entries(node)) yield* schemasIn(child, [...pointer, key])
}

describe('the document', () => {
  test('is valid OpenAPI 3.1, and made once', async () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true })
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
    let examined = 0
    for (const { pointer, schema } of schemasIn(document)) {
      if (!Array.isArray(schema.examples)) continue
      for (const example of schema.examples) {
        examined++
        expect({ pointer, wrong: checks.at(pointer, example) }).toEqual({ pointer, wrong: undefined })
      }
    }
    expect(examined).toBeGreaterThan(20)
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
