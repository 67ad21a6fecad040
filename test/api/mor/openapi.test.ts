import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { HASHED } from '../../../src/api/dialects/mor/hash.ts'
import { openapi } from '../../../src/api/dialects/mor/openapi.ts'
import { PARAMETERS } from '../../../src/api/dialects/mor/schema.ts'
import {
  type Checks,
  checksOf,
  type Document,
  expectTrueExamples,
  expectValid,
  operationsOf,
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

describe('the document', () => {
  test('is valid OpenAPI 3.1, and made once', async () => {
    await expectValid(document)
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
    expect(expectTrueExamples(document, checks)).toBeGreaterThan(20)
    expect(document.components.schemas['calling_cards_get']?.properties?.['hash']?.examples).toEqual([
      hashFor('calling_cards_get', {}),
    ])
  })
})
