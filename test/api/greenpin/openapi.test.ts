import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { APPENDIX } from '../../../src/api/dialects/greenpin/answers.ts'
import { openapi } from '../../../src/api/dialects/greenpin/openapi.ts'
import { type Door, granted, openDoor } from '../door.ts'
import {
  type Checks,
  checksOf,
  type Document,
  expectTrueExamples,
  expectValid,
  operationsOf,
  type Schema,
  schemasIn,
  servedDocument,
} from '../document.ts'

let door: Door
let document: Document
let checks: Checks
beforeAll(async () => {
  door = await openDoor()
  document = await servedDocument(door)
  checks = checksOf(document)
})
afterAll(() => door.close())

describe('the document', () => {
  test('is valid OpenAPI 3.1', async () => {
    await expectValid(document)
  })

  test('is public, and made once', async () => {
    expect((await request(door.url).get('/openapi/greenpin.json')).headers['content-type']).toMatch(/json/)
    expect(openapi()).toBe(openapi())
  })

  test('is in plain words: every operation has a summary, and every parameter of a body a description or an example', () => {
    for (const { operation } of operationsOf(document)) expect(operation).toHaveProperty('summary')
    const said = ({ description, examples, anyOf }: Schema & { description?: string }): boolean =>
      description !== undefined || examples !== undefined || (anyOf?.some(said) ?? false)
    const silent = ['GreenpinUpdate', 'WantedGreenpin', 'WantedSettings'].flatMap((name) => {
      const { properties = {} } = document.components.schemas[name]!
      return Object.entries(properties).flatMap(([key, schema]) => {
        const [first = schema] = schema.anyOf ?? []
        return first.$ref !== undefined || said(schema) ? [] : [`${name}.${key}`]
      })
    })
    expect(silent).toEqual([])
  })

  test('describes every operation that there is, and no other', async () => {
    const methods = ['get', 'post', 'put', 'delete'] as const
    for (const [path, item] of Object.entries(document.paths)) {
      const real = path.replace('{sid}', 'acme').replace('{greenpin_id}', 'x')
      for (const method of methods) {
        const { body } = (await door.as(method, real)) as { body: { code: number | null } }
        expect({ path, method, served: body.code !== 8 }).toEqual({ path, method, served: method in item })
      }
    }
  })

  test('names every code of the appendix that can occur', () => {
    const codes = new Set<unknown>()
    for (const { schema } of schemasIn(document)) {
      const { code } = schema.properties ?? {}
      for (const value of code?.enum ?? [code?.const]) codes.add(value)
    }
    codes.delete(undefined)
    expect([...codes].sort((one, other) => Number(one) - Number(other))).toEqual(
      Object.keys(APPENDIX).map(Number),
    )
  })

  test('every example is what its schema says', () => {
    expect(expectTrueExamples(document, checks)).toBeGreaterThan(0)
  })

  test('its examples are granted', async () => {
    const { WantedGreenpin, GreenpinUpdate, WantedSettings } = document.components.schemas
    const { greenpin_id: id } = await granted(
      door.as('post', '/v1/tenants/acme/greenpin').send(WantedGreenpin!.examples![0] as object),
    )
    await granted(
      door.as('put', `/v1/tenants/acme/greenpin/${id}`).send(GreenpinUpdate!.examples![0] as object),
    )
    await granted(door.as('put', '/v1/tenants/acme/settings').send(WantedSettings!.examples![0] as object))
  })
})
