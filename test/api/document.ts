import { createRequire } from 'node:module'
import { expect } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import request from 'supertest'
import type { Door } from './door.ts'

export type Schema = {
  $ref?: string
  anyOf?: Schema[]
  type?: string
  const?: unknown
  enum?: unknown[]
  examples?: unknown[]
  pattern?: string
  maxLength?: number
  minimum?: number
  maximum?: number
  items?: Schema
  minItems?: number
  maxItems?: number
  properties?: Record<string, Schema>
  required?: string[]
}
type Content = { content: { 'application/json': { schema: Schema } } }
export type Parameter = { in: string; name: string; required?: boolean; schema: Schema }
export type Operation = {
  operationId: string
  parameters?: Parameter[]
  requestBody?: Content
  responses: Record<string, Content>
}
export type Method = 'get' | 'post' | 'put' | 'delete'
export type Document = {
  openapi: string
  paths: Record<string, Partial<Record<Method, Operation>>>
  webhooks: Record<string, { post: Operation & Required<Pick<Operation, 'requestBody'>> }>
  components: { schemas: Record<string, Schema> }
}

/** The document of a dialect as clients get it: without login. */
export async function servedDocument({ url }: Door, dialect = 'greenpin'): Promise<Document> {
  const { status, body } = (await request(url).get(`/openapi/${dialect}.json`)) as {
    status: number
    body: Document
  }
  if (status !== 200) throw new Error(`the document is not served: ${status}`)
  return body
}

/** Fails unless it is OpenAPI 3.1. */
export async function expectValid(document: Document): Promise<void> {
  expect(document.openapi).toMatch(/^3\.1\./)
  expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true })
}

/** Every schema in the document, and where it stands. */
export function* schemasIn(
  node: unknown,
  pointer: string[] = [],
): Generator<{ pointer: string[]; schema: Schema }> {
  if (typeof node !== 'object' || node === null) return
  yield { pointer, schema: node }
  for (const [key, child] of Object.entries(node)) yield* schemasIn(child, [...pointer, key])
}

/** Fails unless every example in the document is what its schema says; returns how many there are. */
export function expectTrueExamples(document: Document, checks: Checks): number {
  let examined = 0
  for (const { pointer, schema } of schemasIn(document)) {
    // `properties` may have one of this name.
    if (!Array.isArray(schema.examples)) continue
    for (const example of schema.examples) {
      examined++
      expect({ pointer, wrong: checks.at(pointer, example) }).toEqual({ pointer, wrong: undefined })
    }
  }
  return examined
}

/** Every operation of the document. */
export function operationsOf({ paths }: Document): { path: string; method: Method; operation: Operation }[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method as Method, operation })),
  )
}

type Validate = { (value: unknown): boolean; errors?: unknown[] | null }
type Ajv = { addSchema: (schema: object, key: string) => void; compile: (schema: object) => Validate }

/** JSON Schema 2020-12, in the version that comes with the validator of documents. */
function newAjv(): Ajv {
  const require = createRequire(import.meta.url)
  const nested = createRequire(require.resolve('@seriousme/openapi-schema-validator'))
  const { Ajv2020 } = nested('ajv/dist/2020.js') as { Ajv2020: new (options: object) => Ajv }
  return new Ajv2020({ strict: false, validateFormats: false })
}

export type Checks = {
  /** What is wrong with the body of an answer; undefined when it is as described. */
  answer: (path: string, method: Method, status: number, body: unknown) => unknown
  callback: (type: string, body: unknown) => unknown
  /** Whether a value is what this place of the document says, written as a JSON pointer's parts. */
  at: (pointer: string[], value: unknown) => unknown
}

/** Checks that hold bodies against the document. */
export function checksOf(document: Document): Checks {
  const ajv = newAjv()
  ajv.addSchema(document, 'document')
  const compiled = new Map<string, Validate>()
  const at = (pointer: string[], value: unknown): unknown => {
    const parts = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
    const $ref = `document#/${parts.join('/')}`
    const validate = compiled.get($ref) ?? ajv.compile({ $ref })
    compiled.set($ref, validate)
    return validate(value) ? undefined : validate.errors
  }
  const body = ['content', 'application/json', 'schema']
  return {
    at,
    answer: (path, method, status, value) => {
      if (!document.paths[path]?.[method]?.responses[status]) return `${status} is not described`
      return at(['paths', path, method, 'responses', String(status), ...body], value)
    },
    callback: (type, value) => at(['webhooks', type, 'post', 'requestBody', ...body], value),
  }
}
