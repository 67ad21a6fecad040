import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { testAccount, VN1, VN2 } from '../../support/context.ts'
import { type Data, type Door, type Envelope, expectRefusal, granted, openDoor, sample } from '../door.ts'

const ALL = '/v1/tenants/acme/greenpin'

let door: Door
let [first, second]: Data[] = []
beforeEach(async () => {
  door = await openDoor()
  first = await create('first', '111')
  second = await create('second', '222')
})
afterEach(() => door.close())

function create(transaction_id: string, pin: string) {
  const a = { numbers: ['7987686144'], vns: [VN1], pin }
  return granted(door.as('post', ALL).send(sample({ transaction_id, a })))
}

type Bulk = {
  request_id: string
  metadata: { failed: number; total: number; success: number }
  response: Envelope[]
}
/** The answer to a bulk update that must be 207. */
async function bulk(greenpins: unknown): Promise<Bulk> {
  const answer = await door.as('put', ALL).send({ greenpins })
  expect(answer.status).toBe(207)
  return answer.body as Bulk
}
const refusal = (status: number, code: number, message: string) => ({
  success: false,
  status,
  code,
  message: expect.stringMatching(message) as unknown,
  data: null,
})

describe('Bulk Update GreenPin Allocations', () => {
  test('the answer of the sample: "All the parameters associated with an allocation will be returned"', async () => {
    const items = [
      { greenpin_id: first!.greenpin_id, usage: 'oneway' },
      {
        transaction_id: 'ignored',
        greenpin_id: second!.greenpin_id,
        deallocation_policy: { duration: '1200s' },
      },
    ]
    const answer = await door.as('put', ALL).send({ greenpins: items })
    expect(answer.status).toBe(207)
    const ok = { success: true, status: 200, code: null, message: null }
    expect(answer.text).toBe(
      JSON.stringify({
        request_id: answer.headers['x-request-id'],
        method: 'PUT',
        http_code: 207,
        metadata: { failed: 0, total: 2, success: 2 },
        response: [
          { ...ok, data: { ...first, usage: 'oneway' } },
          { ...ok, data: { ...second, deallocation_time: '2020-03-27 12:17:09' } },
        ],
      }),
    )
  })

  test('"in the case of a partial success … you will be able to update all those allocations for which the request was … correct"', async () => {
    const [one, two] = [first!.greenpin_id, second!.greenpin_id]
    const { metadata, response } = await bulk([
      'not an object',
      { usage: 'oneway' },
      { greenpin_id: null, usage: 'oneway' },
      { greenpin_id: one },
      { greenpin_id: 'x', usage: 'oneway' },
      { greenpin_id: [two], usage: 'oneway' },
      { greenpin_id: one, a: { numbers: ['x'] } },
      { greenpin_id: one, a: { pin: '222' } },
      { greenpin_id: one, usage: 'both' },
      { greenpin_id: two, usage: 'oneway' },
    ])
    expect(response).toMatchObject([
      refusal(400, 5, ''),
      refusal(400, 3, ': greenpin_id$'),
      refusal(400, 3, ': greenpin_id$'),
      refusal(400, 3, ': nothing to update$'),
      refusal(404, 1, ''),
      refusal(400, 5, ': greenpin_id$'),
      refusal(400, 16, ''),
      refusal(409, 19, ''),
      refusal(400, 5, ': usage$'),
      { success: true, data: { greenpin_id: two, usage: 'oneway' } },
    ])
    expect(metadata).toEqual({ failed: 9, total: 10, success: 1 })
    expect(await granted(door.as('get', `${ALL}/${one}`))).toEqual(first)
    expect((await granted(door.as('get', `${ALL}/${two}`))).usage).toBe('oneway')
  })

  test('one after the other: an item gets the PIN that an earlier one gives up, and not that of a later one', async () => {
    const [one, two] = [first!.greenpin_id, second!.greenpin_id]
    const giveUp = { greenpin_id: one, a: { pin: '333' } }
    const take = { greenpin_id: two, a: { pin: '111' } }
    expect((await bulk([take, giveUp])).response).toMatchObject([{ code: 19 }, { code: null }])
    expect((await bulk([{ greenpin_id: one, a: { pin: '111' } }, giveUp, take])).metadata.success).toBe(3)
  })

  test('the same allocation twice: both changes, in their order', async () => {
    const id = first!.greenpin_id
    const { response } = await bulk([
      { greenpin_id: id, usage: 'oneway' },
      { greenpin_id: id, b: { vns: [VN2] } },
      { greenpin_id: id, usage: 'twoway' },
    ])
    expect(response.map(({ data }) => data.usage)).toEqual(['oneway', 'oneway', 'twoway'])
  })

  test('a hundred are updated; 17 "Too many allocation requests in bulk." 413 at one more', async () => {
    const items = (count: number) =>
      Array.from({ length: count }, () => ({ greenpin_id: first!.greenpin_id, usage: 'oneway' }))
    expect((await bulk(items(100))).metadata).toEqual({ failed: 0, total: 100, success: 100 })
    const sent = door.as('put', ALL).send({ greenpins: items(101) })
    await expectRefusal(sent, 413, 17, '^Too many allocation requests in bulk.$')
  })

  test('what is no list of allocations is refused as a whole', async () => {
    for (const body of [{}, { greenpins: null }, { greenpins: [] }]) {
      await expectRefusal(door.as('put', ALL).send(body), 400, 3, ': greenpins$')
    }
    for (const greenpins of ['x', {}, 1, true]) {
      await expectRefusal(door.as('put', ALL).send({ greenpins }), 400, 5, ': greenpins$')
    }
    await expectRefusal(door.as('put', ALL).send([]), 400, 5, ': the body must be a JSON object$')
  })

  test("another account's allocations are as unknown as none", async () => {
    await testAccount(door.ctx, { sid: 'other', vns: ['+916292134400'] })
    const change = (greenpin_id: string) => ({ greenpin_id, usage: 'oneway' })
    const sent = door.as('put', '/v1/tenants/other/greenpin', 'other')
    const answer = await sent.send({ greenpins: [change(first!.greenpin_id), change('x')] })
    const [theirs, none] = (answer.body as Bulk).response
    expect(theirs).toEqual(refusal(404, 1, '^Could not find the given GreenPin$'))
    expect(theirs).toEqual(none)
  })

  test('a bug in one item is that item\'s "Internal Service Error", and goes to the log', async () => {
    const { store } = door.ctx
    const find = store.findAllocation.bind(store)
    store.findAllocation = (accountId, id) =>
      id === 'broken' ? Promise.reject(new Error('disk I/O error')) : find(accountId, id)
    const { metadata, response } = await bulk([
      { greenpin_id: 'broken', usage: 'oneway' },
      { greenpin_id: first!.greenpin_id, usage: 'oneway' },
    ])
    expect(response).toMatchObject([refusal(500, 0, '^Internal Service Error$'), { success: true }])
    expect(metadata).toEqual({ failed: 1, total: 2, success: 1 })
    while (door.lines.length < 3) await new Promise(setImmediate)
    expect(door.lines.join('')).toMatch(/"level":50.*disk I\/O error/)
  })
})
