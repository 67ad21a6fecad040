import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { CODES } from '../../../src/api/dialects/greenpin/answers.ts'
import type { RefusalCode } from '../../../src/engine/errors.ts'
import { SECRET, testAccount, VN1 } from '../../support/context.ts'
import { type Door, expectRefusal, granted, openDoor, SAMPLE, sample } from '../door.ts'

const ALL = '/v1/tenants/acme/greenpin'

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

const create = (body: object = SAMPLE) => door.as('post', ALL).send(body)

describe('Appendix 1', () => {
  test('1 "Could not find the given GreenPin" 404', async () => {
    for (const id of [
      'd7ffd4b3-c861-4bda-a024-9cef1ae2f2a8',
      'x',
      '0',
      '%00',
      "'or'1'='1",
      'a'.repeat(5_000),
    ]) {
      await expectRefusal(door.as('get', `${ALL}/${id}`), 404, 1, '^Could not find the given GreenPin$')
      await expectRefusal(door.as('delete', `${ALL}/${id}`), 404, 1, '^Could not find the given GreenPin$')
    }
  })

  test('4 "No free GreenPins are available for allocation" 452', async () => {
    const a = { numbers: ['7987686144'], vns: [VN1], pin_length: 1 }
    for (let i = 0; i < 10; i++) await granted(create(sample({ transaction_id: `t${i}`, a })))
    await expectRefusal(create(sample({ a })), 452, 4, '^No free GreenPins are available for allocation$')
  })

  test('7 "Authentication not provided or failed" 401', async () => {
    const message = '^Authentication not provided or failed$'
    const basic = (text: string) => `Basic ${btoa(text)}`
    const wrong = [
      '',
      'Basic',
      'Basic !',
      'Bearer token',
      btoa(`acme:${SECRET}`),
      basic('acme'),
      basic(`:${SECRET}`),
    ]
    for (const header of [
      ...wrong,
      basic('acme:'),
      basic('acme:Token'),
      basic(`nobody:${SECRET}`),
      basic(`acme:${SECRET} `),
    ]) {
      const sent = door.as('post', ALL).set('Authorization', header).send(SAMPLE)
      await expectRefusal(sent, 401, 7, message)
      expect((await sent).headers['www-authenticate']).toMatch(/^Basic /)
    }
  })

  test("'Authorization': 'Basic'+ encoding, as the Node sample sends it", async () => {
    const header = `Basic${btoa(`acme:${SECRET}`)}`
    await granted(door.as('post', ALL).set('Authorization', header).send(SAMPLE))
  })

  test('8 "Not permitted to do this operation." 403', async () => {
    const message = '^Not permitted to do this operation.$'
    await testAccount(door.ctx, { sid: 'other', vns: ['+916292134400'] })
    for (const sid of ['other', 'nobody', 'ACME', 'acme%20']) {
      await expectRefusal(door.as('post', `/v1/tenants/${sid}/greenpin`).send(SAMPLE), 403, 8, message)
    }
    for (const vn of ['+916292134400', '+916292134401']) {
      await expectRefusal(create(sample({ a: { numbers: ['7987686144'], vns: [vn] } })), 403, 8, message)
    }
    await expectRefusal(door.as('put', ALL).send({}), 403, 8, message)
  })

  test('14 "a-party numbers and b-party numbers cannot contain the same number for an allocation." 409', async () => {
    const b = { numbers: ['0 79876 86144'] }
    await expectRefusal(create(sample({ b })), 409, 14, '^a-party numbers and b-party numbers cannot')
  })

  test('16 "Invalid Number Received." 400', async () => {
    for (const number of ['1/sip:x@evil', '500&PJSIP/itsp/1416', '+442079460000', '12', '']) {
      await expectRefusal(create(sample({ b: { numbers: [number] } })), 400, 16, '^Invalid Number Received.$')
    }
    await expectRefusal(create(sample({ a: { numbers: ['7987686144'], vns: ['x'] } })), 400, 16, '')
  })

  test('18 "Allocation exists for this connection id" 409', async () => {
    await granted(create())
    const body = sample({ transaction_id: 'random_string' })
    await expectRefusal(create(body), 409, 18, '^Allocation exists for this connection id$')
  })

  test('19 "One or more of the numbers is already registered with another pin" 409', async () => {
    await granted(create())
    const body = { ...SAMPLE, transaction_id: 't' }
    await expectRefusal(
      create(body),
      409,
      19,
      '^One or more of the numbers is already registered with another pin$',
    )
  })

  test('22 "This green_pin is already deleted" 410', async () => {
    const { greenpin_id: id } = await granted(create())
    await granted(door.as('delete', `${ALL}/${id}`))
    await expectRefusal(door.as('delete', `${ALL}/${id}`), 410, 22, '^This green_pin is already deleted$')
  })

  test('0 "Internal Service Error" 500 tells nothing; the log does', async () => {
    door.ctx.store.findAllocation = () => Promise.reject(new Error('disk I/O error'))
    const sent = door.as('get', `${ALL}/x`)
    await expectRefusal(sent, 500, 0, '^Internal Service Error$')
    expect((await sent).text).not.toMatch(/disk|at /)
    expect(door.lines.join('')).toMatch(/"level":50.*disk I\/O error/)
  })

  test('every refusal of the engine has a code', () => {
    const codes: Record<RefusalCode, number> = CODES
    expect(Object.values(codes).every(Number.isInteger)).toBe(true)
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
