import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { joinByPin } from '../../../src/engine/membership.ts'
import { A, B, eventsOf, STRANGER, testAccount, VN1 } from '../../support/context.ts'
import { type Door, type Envelope, expectRefusal, granted, openDoor, SAMPLE, sample } from '../door.ts'

const ALL = '/v1/tenants/acme/greenpin'

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

const create = (body: object = SAMPLE) => door.as('post', ALL).send(body)

/** What the manual's three success samples show, byte for byte but for the id. */
function manualAnswer(id: string, state: string): string {
  return JSON.stringify({
    success: true,
    status: 200,
    code: null,
    message: null,
    data: {
      transaction_id: 'random_string',
      greenpin_id: id,
      a: { vns: ['+916292134471', '+916292134464'], numbers: ['+917987686144'], pin: '123' },
      b: { vns: ['+916292134465', '+916292134464'], numbers: ['+919956555625'] },
      usage: 'twoway',
      state,
      deallocation_time: '2020-03-27 12:17:09',
    },
  })
}

describe('Create a Pin Allocation', () => {
  test('"On success, the HTTP response status code will be 200" and the body is that of the sample', async () => {
    const answer = await create()
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.text).toBe(manualAnswer((answer.body as Envelope).data.greenpin_id, 'active'))
  })

  test('"a-party_numbers are Optional": left out of the answer too', async () => {
    const { a, b } = await granted(create(sample({ a: { vns: [VN1] } })))
    expect(Object.keys(a)).toEqual(['vns', 'pin'])
    expect(b).toEqual({ vns: [VN1], numbers: ['+919956555625'] })
  })

  test('"Either a[“numbers”] or b[“numbers”] must be present in request payload."', async () => {
    const message = '^One or more mandatory parameters not present in request: a.numbers, b.numbers$'
    await expectRefusal(create(sample({ a: { vns: [VN1] }, b: {} })), 400, 3, message)
    await expectRefusal(create(sample({ a: { vns: [VN1], numbers: [] }, b: null })), 400, 3, message)
  })

  test('"Either a[“vns”] or b[“vns”] must be present in request payload."', async () => {
    await expectRefusal(create(sample({ a: { numbers: ['7987686144'] } })), 400, 3, ': a.vns, b.vns$')
  })

  test('"If either one is missing, the other party\'s VNs will be associated with the missing party\'s VNs."', async () => {
    const b = { numbers: ['9956555625'], vns: ['6292134465', '6292134464'] }
    expect((await granted(create(sample({ a: { numbers: ['7987686144'] }, b })))).a.vns).toEqual([
      '+916292134465',
      '+916292134464',
    ])
  })

  test('transaction_id "Mandatory"', async () => {
    for (const transaction_id of [undefined, null, '', ' ']) {
      await expectRefusal(create(sample({ transaction_id })), 400, 3, ': transaction_id$')
    }
  })

  test('"Maximum A-Party numbers allowed in the list are 10."', async () => {
    const numbers = (count: number) => Array.from({ length: count }, (_, i) => `98123456${10 + i}`)
    await expectRefusal(create(sample({ a: { vns: [VN1], numbers: numbers(11) } })), 400, 5, ': a.numbers$')
    expect(
      (await granted(create(sample({ a: { vns: [VN1], numbers: numbers(10) } })))).a.numbers,
    ).toHaveLength(10)
  })

  test('"A-Party pin will be generated of a.pin_length, when a-party_pin is not mentioned in request."', async () => {
    const a = { numbers: ['7987686144'], vns: [VN1] }
    for (const pin_length of [1, 9, '3']) {
      const { a: made } = await granted(
        create({ ...sample({ a: { ...a, pin_length } }), transaction_id: `t${pin_length}` }),
      )
      expect(made.pin).toMatch(new RegExp(`^\\d{${pin_length}}$`))
    }
  })

  test('"Desired length of A-Party pin. Allowed values are 1 to 9. Default value is 4."', async () => {
    expect((await granted(create(sample()))).a.pin).toMatch(/^\d{4}$/)
    for (const pin_length of [0, 10, -1, 1.5, '0', '10', '', 'four', [4], true]) {
      const a = { numbers: ['7987686144'], vns: [VN1], pin_length }
      await expectRefusal(create(sample({ transaction_id: 't', a })), 400, 5, ': a.pin_length$')
    }
  })

  test('"If not required, it can be set as an account level setting." and "B-Party_Pin if tenant enabled b-party_pin"', async () => {
    const settings = { pinEnabled: { a: false, b: true } }
    await testAccount(door.ctx, { sid: 'shop', vns: ['+916292134400'], settings })
    const body = sample({ a: { numbers: ['7987686144'], vns: ['6292134400'], pin: '55' } })
    const { a, b } = await granted(door.as('post', '/v1/tenants/shop/greenpin', 'shop').send(body))
    expect(a).not.toHaveProperty('pin')
    expect(b.pin).toMatch(/^\d{4}$/)
  })

  test('"any number … entering the correct pin": a side without numbers has a PIN, and shows it, whatever the account wants', async () => {
    const settings = { pinEnabled: { a: false, b: false } }
    await testAccount(door.ctx, { sid: 'shop', vns: ['+916292134400'], settings })
    const as = (method: 'post' | 'put', path = '') =>
      door.as(method, `/v1/tenants/shop/greenpin${path}`, 'shop')
    const body = { transaction_id: 't', a: { vns: ['6292134400'], pin_length: 6 }, b: { numbers: [B] } }
    const made = await granted(as('post').send(body))
    expect(made.a).toEqual({ vns: ['+916292134400'], pin: expect.stringMatching(/^\d{6}$/) })
    expect(made.b).toEqual({ vns: ['+916292134400'], numbers: [B] })
    const turned = { a: { numbers: [A] }, b: { numbers: [] } }
    const { a, b } = await granted(as('put', `/${made.greenpin_id}`).send(turned))
    expect([a.pin, b]).toEqual([undefined, { vns: ['+916292134400'], pin: expect.stringMatching(/^\d{4}$/) }])
  })

  test('"The default value is "twoway"."', async () => {
    expect((await granted(create(sample()))).usage).toBe('twoway')
    expect((await granted(create(sample({ transaction_id: 't', usage: 'oneway' })))).usage).toBe('oneway')
    await expectRefusal(create(sample({ transaction_id: 'u', usage: 'bothways' })), 400, 5, ': usage$')
  })

  test('"If not set, the default deallocation period (6 months) is used which is configurable at account level."', async () => {
    expect((await granted(create(sample()))).deallocation_time).toBe('2020-09-13 11:57:09')
    const settings = { maxAllocationMs: 60_000, timeZone: 'UTC' }
    await testAccount(door.ctx, { sid: 'shop', vns: ['+916292134400'], settings })
    for (const deallocation_policy of [undefined, { duration: '2h' }, {}, null]) {
      const a = { numbers: ['7987686144'], vns: ['6292134400'] }
      const body = sample({ transaction_id: `t${Math.random()}`, a, deallocation_policy })
      const data = await granted(door.as('post', '/v1/tenants/shop/greenpin', 'shop').send(body))
      expect(data.deallocation_time).toBe('2020-03-27 06:28:09')
    }
  })

  test('the policy may be spelt as the table spells it: "Deallocation_policy"', async () => {
    const data = await granted(create(sample({ Deallocation_policy: { duration: '20s' } })))
    expect(data.deallocation_time).toBe('2020-03-27 11:57:29')
  })

  test('JSON numbers are read as they are written', async () => {
    const body = {
      transaction_id: 4711,
      a: { numbers: [7987686144], vns: [6292134471], pin: 123 },
      b: { numbers: ['9956555625'] },
    }
    expect(await granted(create(body))).toMatchObject({
      transaction_id: '4711',
      a: { numbers: ['+917987686144'], pin: '123' },
    })
  })

  test('what the manual does not list is ignored', async () => {
    await granted(create(sample({ tags: ['x'], __debug: { on: true }, a: { ...SAMPLE.a, colour: 'red' } })))
  })
})

describe('Get Details of a Pin Allocation', () => {
  test('"The parameters in the above request are the same as described in the response of the allocation request."', async () => {
    const { greenpin_id: id } = await granted(create())
    for (const path of [`${ALL}/${id}`, `/v1/tenants/acme/greenvn/${id}`]) {
      expect((await door.as('get', path)).text).toBe(manualAnswer(id, 'active'))
    }
  })

  test('after its policy ran out it is in the vault, swept or not', async () => {
    const { greenpin_id: id } = await granted(create())
    door.ctx.clock.ms += 1_200_000
    expect((await door.as('get', `${ALL}/${id}`)).text).toBe(manualAnswer(id, 'vault'))
  })

  test('who joined by PIN is a member like those whom the client sent', async () => {
    const { greenpin_id: id } = await granted(create())
    await joinByPin(door.ctx, { account: door.account, vn: VN1, caller: STRANGER, pin: '123', callId: 'c' })
    expect((await granted(door.as('get', `${ALL}/${id}`))).a.numbers).toEqual(['+917987686144', STRANGER])
  })
})

describe('Delete a Pin Allocation', () => {
  test.each(['greenpin', 'greenvn'])('under %s: the answer of the sample, in the vault', async (name) => {
    const { greenpin_id: id } = await granted(create())
    const answer = await door.as('delete', `/v1/tenants/acme/${name}/${id}`)
    expect(answer.text).toBe(manualAnswer(id, 'vault'))
    expect((await door.as('get', `${ALL}/${id}`)).text).toBe(manualAnswer(id, 'vault'))
    expect((await eventsOf(door.ctx)).map(({ type }) => type)).toEqual(['allocation.ended'])
  })

  test('"So that the same pin can be reused for future transactions."', async () => {
    const { greenpin_id: id } = await granted(create())
    await granted(door.as('delete', `${ALL}/${id}`))
    await granted(create())
  })

  test('…after the `deletion_time` of the account', async () => {
    await granted(door.as('put', '/v1/tenants/acme/settings').send({ deletion_time: 60 }))
    const { greenpin_id: id } = await granted(create())
    await granted(door.as('delete', `${ALL}/${id}`))
    await expectRefusal(create(), 409, 19, '')
    door.ctx.clock.ms += 60_000
    await granted(create())
  })
})
