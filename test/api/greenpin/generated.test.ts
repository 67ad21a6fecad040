import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import request from 'supertest'
import { callbackBody } from '../../../src/api/dialects/greenpin/callbacks.ts'
import { openapi } from '../../../src/api/dialects/greenpin/openapi.ts'
import { signedLinks } from '../../../src/api/links.ts'
import type { Account } from '../../../src/engine/accounts.ts'
import type { Allocation } from '../../../src/engine/allocations.ts'
import { callAnswered, callRinging, endCall, openCall } from '../../../src/engine/calls.ts'
import { joinByPin, refuseCaller } from '../../../src/engine/membership.ts'
import { A, B, SECRET, STRANGER, testAccount, VN1, VN2, VN3 } from '../../support/context.ts'
import { type Door, granted, openDoor, sample } from '../door.ts'
import type { Pool } from '../arbitrary.ts'
import {
  type Checks,
  checksOf,
  type Document,
  type Operation,
  operationsOf,
  servedDocument,
} from '../document.ts'
import { filled, type Generated, requestsFor } from './generated-requests.ts'

/** Requests for each of the eleven operations. */
const RUNS = 80
const THEIR_VN = '+916292134400'
const OWNERS = [
  ['acme', VN1],
  ['other', THEIR_VN],
] as const

const document = openapi() as Document
let door: Door
let other: Account
let checks: Checks
let pool: Pool
let ids: string[]
/** Two accounts, each with allocations that live and one that has ended. */
beforeEach(async () => {
  door = await openDoor()
  other = await testAccount(door.ctx, { sid: 'other', vns: [THEIR_VN] })
  checks = checksOf(await servedDocument(door))
  ids = []
  for (const [sid, vn] of OWNERS) {
    const all = `/v1/tenants/${sid}/greenpin`
    for (const [transaction_id, pin] of [
      ['ended', '111'],
      ['first', '111'],
      ['second', '222'],
    ] as const) {
      const body = sample({ transaction_id, a: { numbers: [A], vns: [vn], pin } })
      const { greenpin_id: id } = await granted(door.as('post', all, sid).send(body))
      if (transaction_id === 'ended') await granted(door.as('delete', `${all}/${id}`, sid))
      ids.push(id)
    }
  }
  const [, , second] = await door.ctx.store
    .allocationsAfter(door.account.id, undefined, 3)
    .then((all) => all.reverse())
  await callIn(door.account, second!)
  pool = newPool()
})
afterEach(() => door.close())

function newPool(): Pool {
  const receivers = ['https://client.example/', 'http://127.0.0.1/', '', null]
  return {
    sid: ['acme', 'acme', 'acme', 'acme', 'acme', 'other', '%ZZ', '%00'],
    greenpin_id: [...ids, 'd7ffd4b3-c861-4bda-a024-9cef1ae2f2a8', 'x', '%', '%00'],
    after: ids,
    transaction_id: ['first', 'new', 'newer'],
    numbers: [A, B, STRANGER, '9812345670', 7987686144],
    vns: [VN1, VN2, VN3, VN1, VN2, THEIR_VN],
    number: [A, B],
    vn: [VN1, VN2],
    pin: ['111', '222', '1', 31337],
    from: ['2020-03-27', '2020-03-27 11:57:09', '2020-03-27T06:27:09Z'],
    to: ['2020-03-27', '2020-03-28T00:00:00+05:30'],
    country: ['IN', 'GB', 'IN', 'ZZ'],
    timezone: ['IST', 'UTC', 'America/New_York', 'x'],
    default_flow_id: ['masking', 'masking', 'masking', 'x'],
    ring_time: ['5s', '30s', '2m', '1h'],
    max_deallocation_time: ['-1', -1, '170d', '1s', '171d'],
    greenpin_call_complete_event_endpoint: receivers,
    verified_caller_event_endpoint: receivers,
  }
}

/** The bodies that are as described and refused as malformed all the same. */
const STRICTER = new Set(['changeSettings'])

describe('generated requests: never a 5xx, always what the document describes', () => {
  for (const { path, method, operation } of operationsOf(document)) {
    test(`${method.toUpperCase()} ${path}`, async () => {
      const statuses = new Set<number>()
      const send = ({ user, path: written, body }: Generated) => {
        const sent = request(door.url)[method](written).auth(user, SECRET)
        return body === undefined
          ? sent
          : sent.set('Content-Type', 'application/json').send(JSON.stringify(body))
      }
      const one = granting(path, operation)
      const property = fc.asyncProperty(requestsFor(document, path, operation, pool), async (generated) => {
        const { status, body } = (await send(generated)) as {
          status: number
          body: { code?: number; message?: string }
        }
        statuses.add(status)
        expect(status).toBeLessThan(500)
        expect(checks.answer(path, method, status, body)).toBeUndefined()
        const malformed = body.code === 5 && body.message?.includes(':') === true
        if (generated.isValid && !STRICTER.has(operation.operationId)) expect(malformed).toBe(false)
      })
      await fc.assert(property, { numRuns: RUNS, examples: [[one], [{ ...one, user: 'nobody' }]] })
      // Requests that are only ever refused would show little.
      expect(statuses).toContain(operation.operationId === 'updateMany' ? 207 : 200)
      await tellAndCheck()
    })
  }
})

/** A request of this operation that is granted. */
function granting(path: string, { requestBody, operationId }: Operation): Generated {
  const schema = requestBody?.content['application/json'].schema
  const [, reference = ''] = /([^/]*)$/.exec((schema?.anyOf?.[0] ?? schema)?.$ref ?? '') ?? []
  const many = { greenpins: [{ greenpin_id: ids[1], usage: 'oneway' }] }
  const body = operationId === 'updateMany' ? many : document.components.schemas[reference]?.examples?.[0]
  return { user: 'acme', path: filled(path, { sid: 'acme', greenpin_id: ids[1]! }), body, isValid: true }
}

/** Has calls come in for what the requests have left, and holds every call-back that results against the document. */
async function tellAndCheck(): Promise<void> {
  for (const account of [door.account, other]) {
    for (const allocation of await door.ctx.store.allocationsAfter(account.id, undefined, 20)) {
      await callIn(account, allocation)
    }
  }
  const links = signedLinks('key', () => 'https://pins.example')
  const told = await door.ctx.store.events({ limit: 10_000 })
  const types = new Set(told.map(({ event }) => event.type))
  expect([...types].sort()).toEqual(Object.keys(document.webhooks).sort())
  for (const { event } of told) {
    const body = JSON.parse(JSON.stringify(callbackBody(event, links))) as unknown
    expect({ event, wrong: checks.callback(event.type, body) }).toEqual({ event, wrong: undefined })
  }
}

/** A stranger keys the PIN and talks, another keys a wrong one. */
async function callIn(account: Account, { id, transactionId, a }: Allocation): Promise<void> {
  const { ctx } = door
  const vn = a.vns[0]!
  const call = {
    id: ctx.newId(),
    accountId: account.id,
    vn,
    from: STRANGER,
    channelId: ctx.newId(),
    startedAt: ctx.now(),
  }
  await openCall(ctx, call)
  await joinByPin(ctx, { account, vn, caller: STRANGER, pin: a.pin ?? '', callId: call.id })
  await callRinging(ctx, call.id, B, { id, transactionId, party: 'a' })
  await callAnswered(ctx, call.id, { number: B, channelId: ctx.newId() }, 60_000)
  ctx.clock.ms += 1_500
  await endCall(ctx, call.id)
  await refuseCaller(ctx, {
    account,
    callId: ctx.newId(),
    vn,
    caller: undefined,
    startedAt: ctx.now(),
    pin: '999999',
  })
}
