import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { joinByPin } from '../../../src/engine/membership.ts'
import { eventsOf, STRANGER, testAccount, VN1, VN2, VN3 } from '../../support/context.ts'
import { type Data, type Door, expectRefusal, granted, openDoor, SAMPLE, sample } from '../door.ts'

const ALL = '/v1/tenants/acme/greenpin'

let door: Door
let made: Data
beforeEach(async () => {
  door = await openDoor()
  made = await granted(door.as('post', ALL).send(SAMPLE))
})
afterEach(() => door.close())

const put = (body: object, path = `${ALL}/${made.greenpin_id}`) => door.as('put', path).send(body)

describe('Update a GreenPin Allocation', () => {
  test('"On success, the HTTP response status code will be 200": the sample, byte for byte but for the ids', async () => {
    // The sample itself, whose pin_length of a is 3 here.
    const answer = await put({ ...SAMPLE, a: { ...SAMPLE.a, pin_length: 3 }, transaction_id: undefined })
    expect(answer.status).toBe(200)
    expect(answer.text).toBe(
      JSON.stringify({
        request_id: answer.headers['x-request-id'],
        method: 'PUT',
        success: true,
        status: 200,
        code: null,
        message: null,
        data: {
          transaction_id: 'random_string',
          greenpin_id: made.greenpin_id,
          a: { vns: ['+916292134471', '+916292134464'], numbers: ['+917987686144'], pin: '123' },
          b: { vns: ['+916292134465', '+916292134464'], numbers: ['+919956555625'] },
          usage: 'twoway',
          state: 'active',
          deallocation_time: '2020-03-27 12:17:09',
        },
      }),
    )
  })

  test('under greenvn too, as the other operations on one allocation', async () => {
    const path = `/v1/tenants/acme/greenvn/${made.greenpin_id}`
    expect((await granted(put({ usage: 'oneway' }, path))).usage).toBe('oneway')
  })

  test('"Although none of the above parameters are mandatory": each alone, and what is absent or null stays', async () => {
    const steps: [body: object, change: object][] = [
      [{ usage: 'oneway' }, { usage: 'oneway' }],
      [{ usage: 'twoway', a: null, b: null, deallocation_policy: null }, { usage: 'twoway' }],
      [{ a: { numbers: ['9812345678'] } }, { a: { vns: [VN1, VN2], numbers: [STRANGER], pin: '123' } }],
      [{ a: { pin: '777', vns: null } }, { a: { vns: [VN1, VN2], numbers: [STRANGER], pin: '777' } }],
      [{ a: { vns: [VN1] } }, { a: { vns: [VN1], numbers: [STRANGER], pin: '777' } }],
      [{ b: { numbers: ['9812345679'] } }, { b: { vns: [VN3, VN2], numbers: ['+919812345679'] } }],
      [{ deallocation_policy: { duration: '20s' } }, { deallocation_time: '2020-03-27 11:57:29' }],
      [{ Deallocation_policy: { duration: '1m' } }, { deallocation_time: '2020-03-27 11:58:09' }],
    ]
    let before: object = made
    for (const [body, change] of steps) {
      const expected = { ...before, ...change }
      expect(await granted(put(body))).toEqual(expected)
      before = await granted(door.as('get', `${ALL}/${made.greenpin_id}`))
      expect(before).toEqual(expected)
    }
  })

  test('"at-least one of the parameters have to be passed as a mandate"', async () => {
    for (const body of [
      {},
      { a: {} },
      { a: null, usage: null },
      { transaction_id: 'new' },
      { b: { pin: null } },
    ]) {
      await expectRefusal(put(body), 400, 3, ': nothing to update$')
    }
  })

  test('"pin_length": another length is a new PIN, the same one keeps it', async () => {
    expect((await granted(put({ a: { pin_length: '3' } }))).a.pin).toBe('123')
    expect((await granted(put({ a: { pin_length: 6 } }))).a.pin).toMatch(/^\d{6}$/)
  })

  test('an empty list of numbers leaves the party to whoever keys its PIN; the last number cannot go', async () => {
    expect((await granted(put({ a: { numbers: [] } }))).a).toEqual({ vns: [VN1, VN2], pin: '123' })
    await expectRefusal(put({ b: { numbers: [] } }), 400, 3, ': a.numbers, b.numbers$')
  })

  test("an empty list of VNs is the other party's; both cannot be empty", async () => {
    expect((await granted(put({ b: { vns: [] } }))).b.vns).toEqual([VN1, VN2])
    await expectRefusal(put({ a: { vns: [] }, b: { vns: [] } }), 400, 3, ': a.vns, b.vns$')
  })

  test('the new PIN opens, the old one does not, and is free for others', async () => {
    await granted(put({ a: { pin: '4321' } }))
    const key = (pin: string) =>
      joinByPin(door.ctx, { account: door.account, vn: VN1, caller: STRANGER, pin, callId: 'c' })
    expect(await key('123')).toMatchObject({ code: 'not_found' })
    expect(await key('4321')).toMatchObject({ party: 'a' })
    await granted(
      door.as('post', ALL).send(sample({ a: { numbers: ['9812345670'], vns: [VN1], pin: '123' } })),
    )
  })

  test('a refused update changes nothing and tells nobody', async () => {
    await expectRefusal(put({ usage: 'oneway', a: { pin: '1', numbers: ['x'] } }), 400, 16, '')
    await expectRefusal(
      put({ usage: 'oneway', deallocation_policy: { duration: '0s' } }),
      400,
      5,
      ': deallocation_policy.duration$',
    )
    expect(await granted(door.as('get', `${ALL}/${made.greenpin_id}`))).toEqual(made)
    expect(await eventsOf(door.ctx)).toEqual([])
  })

  test('an allocation without end has no deallocation_time, until it is given one', async () => {
    await testAccount(door.ctx, { sid: 'shop', vns: ['+916292134400'], settings: { maxAllocationMs: null } })
    const shop = '/v1/tenants/shop/greenpin'
    const body = sample({ a: { numbers: ['7987686144'], vns: ['6292134400'] } })
    const { greenpin_id: id, ...data } = await granted(door.as('post', shop, 'shop').send(body))
    expect(data).not.toHaveProperty('deallocation_time')
    const sent = door.as('put', `${shop}/${id}`, 'shop').send({ deallocation_policy: { duration: '1d' } })
    expect((await granted(sent)).deallocation_time).toBe('2020-03-28 11:57:09')
  })
})
