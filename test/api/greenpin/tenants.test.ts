import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Test } from 'supertest'
import { callbackBody } from '../../../src/api/dialects/greenpin/callbacks.ts'
import { openapi } from '../../../src/api/dialects/greenpin/openapi.ts'
import { signedLinks } from '../../../src/api/links.ts'
import type { Account } from '../../../src/engine/accounts.ts'
import { endDueAllocations } from '../../../src/engine/allocations.ts'
import { joinByPin, whoIsCalling } from '../../../src/engine/membership.ts'
import { A, B, STRANGER, testAccount, VN1 } from '../../support/context.ts'
import { type Data, type Door, type Envelope, granted, openDoor } from '../door.ts'
import { type Document, type Method, operationsOf } from '../document.ts'

const VNS = { acme: VN1, other: '+916292134400' } as const
/** Neither account has any of the other's numbers, so each can be recognised wherever it turns up. */
const NUMBERS = { acme: [A, B], other: ['+919812300001', '+919812300002'] } as const
const PINS = { acme: '713713', other: '884884' } as const
const SIDS = ['acme', 'other'] as const
type Sid = (typeof SIDS)[number]

let door: Door
let accounts: Record<Sid, Account>
let made: Record<Sid, Data>
beforeEach(async () => {
  door = await openDoor()
  accounts = { acme: door.account, other: await testAccount(door.ctx, { sid: 'other', vns: [VNS.other] }) }
  await door
    .as('put', '/v1/tenants/acme/settings')
    .send({ verified_caller_event_endpoint: 'https://acme.example/' })
  made = { acme: await create('acme'), other: await create('other') }
})
afterEach(() => door.close())

function create(sid: Sid): Promise<Data> {
  const [a, b] = NUMBERS[sid]
  const body = {
    transaction_id: `order of ${sid}`,
    a: { numbers: [a], vns: [VNS[sid]], pin: PINS[sid] },
    b: { numbers: [b] },
  }
  return granted(door.as('post', `/v1/tenants/${sid}/greenpin`, sid).send(body))
}
const foe = (sid: Sid): Sid => (sid === 'acme' ? 'other' : 'acme')

/** What must never reach anybody but the account itself. Its name and its virtual number are no secrets to who knows them. */
const secretsOf = (sid: Sid) => [made[sid].greenpin_id, `order of ${sid}`, PINS[sid], ...NUMBERS[sid]]

/** Everything that the account would notice if somebody changed it. */
async function stateOf(sid: Sid): Promise<unknown> {
  const all = await door.as('get', `/v1/tenants/${sid}/greenpin?limit=100`, sid)
  const settings = await door.as('get', `/v1/tenants/${sid}/settings`, sid)
  const events = await door.ctx.store.events({ accountId: accounts[sid].id, limit: 100 })
  const calls = await whoIsCalling(door.ctx, accounts[sid], VNS[sid], NUMBERS[sid][1])
  const { response } = all.body as { response: Envelope[] }
  return { response, settings: (settings.body as Envelope).data, events, calls }
}

type Case = { method: Method; path: string; user: Sid; sid: Sid; id: string }

const takesId = ({ path, method }: { path: string; method: Method }) =>
  path.includes('{greenpin_id}') || (method === 'put' && path.endsWith('/greenpin'))

/** Every operation of the document × credential × tenant in the path × id. */
const CASES: Case[] = operationsOf(openapi() as Document).flatMap(({ path, method }) =>
  SIDS.flatMap((user) =>
    SIDS.flatMap((sid) =>
      (takesId({ path, method }) ? ['own', 'foreign', 'random', 'garbage'] : ['none']).map((id) => {
        return { method, path, user, sid, id }
      }),
    ),
  ),
)

/** What each id means to this user. */
function idFor(user: Sid, id: string): string {
  const ids: Record<string, string> = {
    own: made[user].greenpin_id,
    foreign: made[foe(user)].greenpin_id,
    random: 'd7ffd4b3-c861-4bda-a024-9cef1ae2f2a8',
    garbage: "x' or 1=1 --",
  }
  return ids[id] ?? 'none'
}

/** A request that would change what it can: the id stands wherever one may stand. */
function send({ method, path, user, sid, id }: Case): Test {
  const greenpinId = idFor(user, id)
  const filled = path.replace('{sid}', sid).replace('{greenpin_id}', encodeURIComponent(greenpinId))
  const sent = door.as(method, filled, user)
  if (method === 'post')
    return sent.send({ transaction_id: 'new', a: { vns: [VNS[foe(user)]], numbers: [STRANGER] } })
  if (method !== 'put') return sent
  if (path.endsWith('/settings')) return sent.send({ ring_time: '7s', deletion_time: 7, country: 'GB' })
  const change = { usage: 'oneway', b: { numbers: [STRANGER] }, deallocation_policy: { duration: '7s' } }
  return sent.send(
    path.includes('{greenpin_id}') ? change : { greenpins: [{ greenpin_id: greenpinId, ...change }] },
  )
}

/** The answer without what is new in every answer. */
async function answerTo(sent: Test): Promise<{ status: number; text: string }> {
  const { status, text } = await sent
  return { status, text: text.replace(/"request_id":"[0-9a-f-]{36}"/, '"request_id":"-"') }
}

test('the matrix is as large as the document', () => {
  // Seven operations take an id, four take none; two credentials, two tenants.
  expect(CASES).toHaveLength(7 * 4 * 4 + 4 * 4)
})

/** What the request comes to: its own is granted, another's tenant or virtual number is forbidden, another's id unknown. */
function outcome({ user, sid, id, method }: Case): RegExp {
  if (sid !== user || method === 'post') return /"status":403,"code":8,/
  return id === 'own' || id === 'none' ? /"success":true|"response":\[/ : /"status":404,"code":1,/
}

describe('nothing of another account can be seen or changed', () => {
  test.each(CASES)('$method $path as $user, tenant $sid, id $id', async (one) => {
    const victim = foe(one.user)
    const before = await stateOf(victim)
    const { text } = await answerTo(send(one))
    expect(text).toMatch(outcome(one))
    for (const secret of secretsOf(victim)) expect(text).not.toContain(secret)
    expect(await stateOf(victim)).toEqual(before)
  })

  test.each(CASES.filter(({ id }) => id === 'foreign'))(
    "$method $path as $user, tenant $sid: another's id and one of nobody have the same answer",
    async (one) => {
      const foreign = await answerTo(send(one))
      expect(await answerTo(send({ ...one, id: 'random' }))).toEqual(foreign)
      expect(await answerTo(send({ ...one, id: 'garbage' }))).toEqual(foreign)
    },
  )

  test.each(SIDS)("as %s: the other's tenant id and one of nobody have the same answer", async (user) => {
    for (const { path, method } of operationsOf(openapi() as Document)) {
      const one = { method, path, user, id: 'own' }
      const nobody = path.replace('{sid}', 'nobody')
      expect(await answerTo(send({ ...one, sid: foe(user) }))).toEqual(
        await answerTo(send({ ...one, path: nobody, sid: user })),
      )
    }
  })
})

describe('the list', () => {
  test.each(SIDS)("of %s never has what is the other's, whatever is looked for", async (user) => {
    const { greenpin_id: id, transaction_id } = made[foe(user)]
    const [a, b] = NUMBERS[foe(user)]
    const filters = { transaction_id, number: a, vn: VNS[foe(user)], after: id }
    for (const [name, value] of [...Object.entries(filters), ['number', b]] as const) {
      const path = `/v1/tenants/${user}/greenpin?${name}=${encodeURIComponent(value)}`
      const { text } = await door.as('get', path, user)
      if (name === 'after') expect(text).toContain('"code":2,')
      else expect(text).toContain('"response":[]')
    }
  })
})

describe('events', () => {
  test("of one account go to its own receivers, and say nothing of the other's", async () => {
    for (const sid of SIDS) {
      const call = { account: accounts[sid], vn: VNS[sid], caller: STRANGER, callId: door.ctx.newId() }
      await joinByPin(door.ctx, { ...call, pin: PINS[sid] })
    }
    door.ctx.clock.ms += 171 * 86_400_000
    await endDueAllocations(door.ctx)
    const due = await door.ctx.store.dueDeliveries(door.ctx.clock.ms, 100)
    const links = signedLinks('key', () => 'https://pins.example')
    expect(due.map(({ event: { type } }) => type).sort()).toEqual([
      'allocation.ended',
      'allocation.ended',
      'caller.verified',
      'caller.verified',
    ])
    for (const { event, endpoint, webhookSecret } of due) {
      const sid = SIDS.find((name) => accounts[name].id === event.accountId)!
      const receiver = event.type === 'caller.verified' && sid === 'acme' ? 'acme' : 'client'
      expect({ endpoint, webhookSecret }).toEqual({
        endpoint: receiver === 'acme' ? 'https://acme.example/' : 'https://client.example/events',
        webhookSecret: accounts[sid].webhookSecret,
      })
      const body = JSON.stringify(callbackBody(event, links))
      expect(body).toContain(made[sid].greenpin_id)
      for (const secret of secretsOf(foe(sid))) expect(body).not.toContain(secret)
    }
  })
})

describe("calls: the other's PIN on one's own virtual number", () => {
  test.each(SIDS)('of %s opens nothing, tells nobody and lists nobody', async (sid) => {
    const before = [await stateOf('acme'), await stateOf('other')]
    const call = { account: accounts[sid], vn: VNS[sid], callId: door.ctx.newId(), pin: PINS[foe(sid)] }
    for (const caller of [STRANGER, NUMBERS[foe(sid)][0], undefined]) {
      expect(await joinByPin(door.ctx, { ...call, caller })).toMatchObject({ code: 'not_found' })
    }
    expect([await stateOf('acme'), await stateOf('other')]).toEqual(before)
  })

  test.each(SIDS)('a member of the other is a stranger on the virtual number of %s', async (sid) => {
    for (const caller of NUMBERS[foe(sid)]) {
      const known = await whoIsCalling(door.ctx, accounts[sid], VNS[sid], caller)
      expect(known).toEqual({ kind: 'ask', membership: undefined })
    }
  })

  test.each(SIDS)("the account of %s on the other's virtual number reaches nothing", async (sid) => {
    const call = { account: accounts[sid], vn: VNS[foe(sid)], callId: door.ctx.newId(), pin: PINS[foe(sid)] }
    expect(await joinByPin(door.ctx, { ...call, caller: STRANGER })).toMatchObject({ code: 'not_found' })
    const known = await whoIsCalling(door.ctx, accounts[sid], VNS[foe(sid)], NUMBERS[foe(sid)][1])
    expect(known).toEqual({ kind: 'ask', membership: undefined })
  })
})
