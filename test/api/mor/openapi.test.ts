import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import { HASHED } from '../../../src/api/dialects/mor/hash.ts'
import { openapi } from '../../../src/api/dialects/mor/openapi.ts'
import { PARAMETERS } from '../../../src/api/dialects/mor/schema.ts'
import {
  type Checks,
  checksOf,
  type Document,
  operationsOf,
  type Schema,
  servedDocument,
} from '../document.ts'
import { hashFor, type Method, type Mor, openMor } from './client.ts'

let mor: Mor
let document: Document
let checks: Checks
beforeAll(async () => {
  mor = await openMor()
  document = await servedDocument(mor.door, 'mor')
  checks = checksOf(document)
})
afterAll(() => mor.door.close())

const METHODS = Object.keys(HASHED) as Method[]

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

  test('describes every method by GET and by POST, with exactly the parameters that it reads', () => {
    expect(operationsOf(document).map(({ path, method }) => `${method} ${path}`)).toEqual(
      METHODS.flatMap((method) => [`get /${method}`, `post /${method}`]),
    )
    for (const { path, operation } of operationsOf(document)) {
      const names = Object.keys(PARAMETERS[path.slice(1) as Method].shape)
      expect(operation.parameters?.map(({ name }) => name)).toEqual(names)
      const { properties = {}, required } = document.components.schemas[path.slice(1)]!
      expect(Object.keys(properties)).toEqual(names)
      expect(required).toEqual(['u', 'hash'])
      for (const parameter of operation.parameters ?? [])
        expect(parameter).toMatchObject({ description: expect.stringMatching(/\w{2}/) as unknown })
    }
  })

  test('names of each method what is hashed, which is among its parameters', () => {
    for (const method of METHODS) {
      for (const name of HASHED[method]) expect(Object.keys(PARAMETERS[method].shape)).toContain(name)
      const { post } = document.paths[`/${method}`]!
      const names = HASHED[method].join(', ') || 'no parameter'
      expect(post).toMatchObject({ description: expect.stringContaining(`secret key: ${names}.`) as unknown })
    }
  })

  test('every example is what its schema says, and those of the hash are right', () => {
    let examined = 0
    for (const { pointer, schema } of schemasIn(document)) {
      if (!Array.isArray(schema.examples)) continue
      for (const example of schema.examples) {
        examined++
        expect({ pointer, wrong: checks.at(pointer, example) }).toEqual({ pointer, wrong: undefined })
      }
    }
    expect(examined).toBeGreaterThan(20)
    expect(document.components.schemas['calling_cards_get']?.properties?.['hash']?.examples).toEqual([
      hashFor('calling_cards_get', {}),
    ])
  })
})
