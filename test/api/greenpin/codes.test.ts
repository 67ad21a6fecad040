import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { APPENDIX, type Code } from '../../../src/api/dialects/greenpin/answers.ts'
import { SECRET, testAccount, VN1 } from '../../support/context.ts'
import { type Door, expectRefusal, granted, openDoor, SAMPLE, sample } from '../door.ts'

const ALL = '/v1/tenants/acme/greenpin'
const SETTINGS = '/v1/tenants/acme/settings'

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

const create = (body: object = SAMPLE) => door.as('post', ALL).send(body)
const put = (id: string, body: object) => door.as('put', `${ALL}/${id}`).send(body)
const A = { numbers: ['7987686144'], vns: [VN1] }
/** With the A side changed. */
const withA = (change: object) => sample({ a: { ...A, ...change } })

const basic = (text: string) => `Basic ${btoa(text)}`
const LOGINS = [
  ...['', 'Basic', 'Basic !', 'Bearer token', btoa(`acme:${SECRET}`)],
  ...['acme', `:${SECRET}`, 'acme:', 'acme:Token', `nobody:${SECRET}`, `acme:${SECRET} `].map(basic),
]
const IDS = ['d7ffd4b3-c861-4bda-a024-9cef1ae2f2a8', 'x', '0', '%00', "'or'1'='1", 'a'.repeat(5_000)]

/** Makes each code of Appendix 1 occur wherever it can. `says` is the manual's sentence for it, as a regular expression. */
const OCCURRING: Record<Code, (says: string) => Promise<void>> = {
  0: async (says) => {
    door.ctx.store.findAllocation = () => Promise.reject(new Error('disk I/O error'))
    for (const sent of [() => door.as('get', `${ALL}/x`), () => put('x', { usage: 'oneway' })]) {
      await expectRefusal(sent(), 500, 0, `${says}$`)
      expect((await sent()).text).not.toMatch(/disk|at /)
    }
    expect(door.lines.join('')).toMatch(/"level":50.*disk I\/O error/)
  },
  1: async (says) => {
    for (const id of IDS) {
      await expectRefusal(door.as('get', `${ALL}/${id}`), 404, 1, `${says}$`)
      await expectRefusal(door.as('delete', `${ALL}/${id}`), 404, 1, `${says}$`)
      await expectRefusal(put(id, { usage: 'oneway' }), 404, 1, `${says}$`)
    }
    await expectRefusal(door.as('get', '/v1/tenants/acme/greenpins'), 404, 1, `${says}$`)
    await expectRefusal(door.as('put', '/v1/tenants/acme/greenvn').send({}), 404, 1, `${says}$`)
  },
  2: (says) => expectRefusal(door.as('get', `${ALL}?colour=red`), 400, 2, `${says}$`),
  3: async (says) => {
    const { greenpin_id: id } = await granted(create())
    await expectRefusal(create({ ...SAMPLE, transaction_id: undefined }), 400, 3, `${says}: transaction_id$`)
    await expectRefusal(put(id, {}), 400, 3, `${says}: nothing to update$`)
    await expectRefusal(door.as('put', ALL).send({}), 400, 3, `${says}: greenpins$`)
  },
  4: async (says) => {
    for (let i = 0; i < 9; i++)
      await granted(create({ ...withA({ pin_length: 1 }), transaction_id: `t${i}` }))
    const { greenpin_id: id } = await granted(create(withA({ pin: '123' })))
    await granted(create({ ...withA({ pin_length: 1 }), transaction_id: 'last' }))
    await expectRefusal(create({ ...withA({ pin_length: 1 }), transaction_id: 't' }), 452, 4, `${says}$`)
    await expectRefusal(put(id, { a: { pin_length: 1 } }), 452, 4, `${says}$`)
  },
  5: async (says) => {
    const { greenpin_id: id } = await granted(create())
    await expectRefusal(create({ ...SAMPLE, usage: 'x' }), 400, 5, `${says}: usage$`)
    await expectRefusal(put(id, { a: { pin: 'x' } }), 400, 5, `${says}: a.pin$`)
    await expectRefusal(door.as('put', ALL).send({ greenpins: {} }), 400, 5, `${says}: greenpins$`)
    await expectRefusal(door.as('put', SETTINGS).send({ ring_time: 30 }), 400, 5, `${says}: ring_time$`)
    await expectRefusal(door.as('get', `${ALL}/%ZZ`), 400, 5, `${says}$`)
  },
  7: async (says) => {
    for (const header of LOGINS) {
      for (const [method, path] of [
        ['post', ALL],
        ['put', ALL],
        ['get', ALL],
        ['get', SETTINGS],
      ] as const) {
        const sent = door.as(method, path).set('Authorization', header)
        await expectRefusal(method === 'get' ? sent : sent.send(SAMPLE), 401, 7, `${says}$`)
        expect((await sent).headers['www-authenticate']).toMatch(/^Basic /)
      }
    }
  },
  8: async (says) => {
    await testAccount(door.ctx, { sid: 'other', vns: ['+916292134400'] })
    for (const sid of ['other', 'nobody', 'ACME', 'acme%20']) {
      await expectRefusal(door.as('post', `/v1/tenants/${sid}/greenpin`).send(SAMPLE), 403, 8, `${says}$`)
      await expectRefusal(door.as('get', `/v1/tenants/${sid}/greenpin`), 403, 8, `${says}$`)
      await expectRefusal(door.as('put', `/v1/tenants/${sid}/settings`).send({}), 403, 8, `${says}$`)
    }
    const { greenpin_id: id } = await granted(create())
    for (const vn of ['+916292134400', '+916292134401']) {
      await expectRefusal(create({ ...withA({ vns: [vn] }), transaction_id: 't' }), 403, 8, `${says}$`)
      await expectRefusal(put(id, { a: { vns: [vn] } }), 403, 8, `${says}$`)
    }
    await expectRefusal(door.as('delete', ALL), 403, 8, `${says}$`)
    await expectRefusal(door.as('post', SETTINGS).send({}), 403, 8, `${says}$`)
  },
  13: async (says) => {
    const numbers = ['7987686144', '+91 79876 86144']
    await expectRefusal(create(withA({ numbers })), 409, 13, `${says}$`)
    const { greenpin_id: id } = await granted(create())
    await expectRefusal(put(id, { a: { numbers } }), 409, 13, `${says}$`)
    expect((await granted(put(id, { a: { numbers: [...numbers, '9812345678'] } }))).a.numbers).toHaveLength(2)
  },
  14: async (says) => {
    await expectRefusal(create(sample({ b: { numbers: ['0 79876 86144'] } })), 409, 14, `${says}$`)
    const { greenpin_id: id } = await granted(create())
    await expectRefusal(put(id, { b: { numbers: ['7987686144'] } }), 409, 14, `${says}$`)
  },
  15: async (says) => {
    for (const country of ['ZZ', 'in', '', 'India']) {
      await expectRefusal(door.as('put', SETTINGS).send({ country, deletion_time: 9 }), 403, 15, `${says}$`)
    }
    expect(await granted(door.as('get', SETTINGS))).toMatchObject({ country: 'IN', deletion_time: 0 })
  },
  16: async (says) => {
    const { greenpin_id: id } = await granted(create())
    for (const number of ['1/sip:x@evil', '500&PJSIP/itsp/1416', '+442079460000', '12', '']) {
      await expectRefusal(create(sample({ b: { numbers: [number] } })), 400, 16, `${says}$`)
      await expectRefusal(put(id, { b: { numbers: [number] } }), 400, 16, `${says}$`)
    }
    await expectRefusal(create(withA({ vns: ['x'] })), 400, 16, `${says}$`)
    await expectRefusal(put(id, { a: { numbers: [VN1] } }), 400, 16, `${says}$`)
    await expectRefusal(door.as('get', `${ALL}?number=x`), 400, 16, `${says}$`)
  },
  17: (says) => {
    const greenpins = Array.from({ length: 101 }, () => ({ greenpin_id: 'x', usage: 'oneway' }))
    return expectRefusal(door.as('put', ALL).send({ greenpins }), 413, 17, `${says}$`)
  },
  18: async (says) => {
    await granted(create())
    await expectRefusal(create(sample({ transaction_id: 'random_string' })), 409, 18, `${says}$`)
  },
  19: async (says) => {
    await granted(create())
    await expectRefusal(create({ ...SAMPLE, transaction_id: 't' }), 409, 19, `${says}$`)
    const { greenpin_id: id } = await granted(create(sample()))
    await expectRefusal(put(id, { a: { pin: '123' } }), 409, 19, `${says}$`)
  },
  22: async (says) => {
    const { greenpin_id: id } = await granted(create())
    await granted(door.as('delete', `${ALL}/${id}`))
    await expectRefusal(door.as('delete', `${ALL}/${id}`), 410, 22, `${says}$`)
    await expectRefusal(put(id, { usage: 'oneway' }), 410, 22, `${says}$`)
  },
  23: (says) => expectRefusal(door.as('get', `${ALL}?from=2020-03-28&to=2020-03-27`), 400, 23, `${says}$`),
  50: async (says) => {
    for (const default_flow_id of ['calling-card', '', 4711, 'Masking']) {
      await expectRefusal(door.as('put', SETTINGS).send({ default_flow_id }), 422, 50, `${says}$`)
    }
    await granted(door.as('put', SETTINGS).send({ default_flow_id: null }))
  },
}

describe('Appendix 1', () => {
  for (const [code, [status, sentence]] of Object.entries(APPENDIX)) {
    test(`${code} "${sentence}" ${status}`, () => OCCURRING[Number(code) as Code](`^${sentence}`))
  }

  test("'Authorization': 'Basic'+ encoding, as the Node sample sends it", async () => {
    const header = `Basic${btoa(`acme:${SECRET}`)}`
    await granted(door.as('post', ALL).set('Authorization', header).send(SAMPLE))
  })
})

test('two accounts do not see each other', async () => {
  await testAccount(door.ctx, { sid: 'other', vns: ['+916292134400'] })
  const { greenpin_id: id } = await granted(create())
  for (const method of ['get', 'delete'] as const) {
    await expectRefusal(
      door.as(method, `/v1/tenants/other/greenpin/${id}`, 'other'),
      404,
      1,
      '^Could not find',
    )
    await expectRefusal(door.as(method, `${ALL}/${id}`, 'other'), 403, 8, '^Not permitted')
  }
  const body = sample({
    transaction_id: 'random_string',
    a: { numbers: ['7987686144'], vns: ['6292134400'], pin: '123' },
  })
  const theirs = await granted(door.as('post', '/v1/tenants/other/greenpin', 'other').send(body))
  await expectRefusal(door.as('get', `${ALL}/${theirs.greenpin_id}`), 404, 1, '^Could not find')
  expect((await granted(door.as('get', `${ALL}/${id}`))).state).toBe('active')
})
