import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { A, B, STRANGER, testAccount, VN1, VN2, VN3 } from '../../support/context.ts'
import { type Data, type Door, type Envelope, expectRefusal, granted, openDoor } from '../door.ts'

const ALL = '/v1/tenants/acme/greenpin'
const MINUTE = 60_000

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

type List = {
  metadata: { page_size: number; count: number; next_page_uri: string | null }
  response: Envelope[]
}
async function list(path: string, user?: string): Promise<List> {
  const { status, body } = (await door.as('get', path, user)) as { status: number; body: List }
  expect({ status, success: body.response.every(({ success }) => success) }).toEqual({
    status: 200,
    success: true,
  })
  expect(body.metadata.count).toBe(body.response.length)
  return body
}
/** The transaction ids that these filters find. */
const found = async (query: string) =>
  (await list(`${ALL}?${query}`)).response.map(({ data }) => data.transaction_id)
const create = (transaction_id: string, change: object = {}) =>
  granted(
    door
      .as('post', ALL)
      .send({ transaction_id, a: { numbers: [A], vns: [VN1] }, b: { numbers: [B] }, ...change }),
  )

/** Four of them, a minute apart, the first at 11:57:09 in India; 'old' has ended. */
async function four(): Promise<Data[]> {
  const old = await create('old')
  await granted(door.as('delete', `${ALL}/${old.greenpin_id}`))
  door.ctx.clock.ms += MINUTE
  const oneway = await create('oneway', { usage: 'oneway' })
  door.ctx.clock.ms += MINUTE
  const stranger = await create('stranger', { a: { numbers: [STRANGER], vns: [VN2] } })
  door.ctx.clock.ms += MINUTE
  const both = await create('both', { b: { numbers: [B], vns: [VN3] } })
  return [old, oneway, stranger, both]
}

describe('the list', () => {
  test('newest first, each as GET shows it, in an envelope like that of the bulk update', async () => {
    const made = await four()
    const answer = await door.as('get', ALL)
    const ids = made.map(({ greenpin_id }) => greenpin_id).reverse()
    const each = await Promise.all(
      ids.map(async (id) => (await door.as('get', `${ALL}/${id}`)).body as Envelope),
    )
    expect(answer.text).toBe(
      JSON.stringify({
        request_id: answer.headers['x-request-id'],
        method: 'GET',
        http_code: 200,
        metadata: { page_size: 50, count: 4, next_page_uri: null },
        response: each,
      }),
    )
  })

  test('of an account without allocations is empty', async () => {
    expect((await list(ALL)).response).toEqual([])
  })

  test.each([
    ['transaction_id=stranger', ['stranger']],
    ['transaction_id=strange', []],
    ['transaction_id=', []],
    ['state=vault', ['old']],
    ['state=active', ['both', 'stranger', 'oneway']],
    ['usage=oneway', ['oneway']],
    ['usage=twoway', ['both', 'stranger', 'old']],
    ['number=9812345678', ['stranger']],
    ['number=%2B919812345678', ['stranger']],
    ['number=+919812345678', ['stranger']],
    ['number=%2B919956555625&usage=twoway&state=active', ['both', 'stranger']],
    ['number=%2B442079460000', []],
    ['number=+442079460000', []],
    ['vn=6292134464', ['stranger']],
    ['vn=+916292134465', ['both']],
    ['vn=%2B14155552671', []],
    ['from=2020-03-27 11:58:09', ['both', 'stranger', 'oneway']],
    ['from=2020-03-27T11:58:10', ['both', 'stranger']],
    ['from=2020-03-27T06:28:09Z', ['both', 'stranger', 'oneway']],
    ['from=2020-03-27T11:58:09%2B05:30', ['both', 'stranger', 'oneway']],
    ['from=2020-03-27T11:58:09+05:30', ['both', 'stranger', 'oneway']],
    ['to=2020-03-27 11:58:09', ['old']],
    ['to=2020-03-27 11:58:10', ['oneway', 'old']],
    ['from=2020-03-27 11:58:09&to=2020-03-27 11:59:09', ['oneway']],
    ['from=2020-03-27 11:58:09&to=2020-03-27 11:58:09', []],
    ['from=2020-03-27&to=2020-03-27', ['both', 'stranger', 'oneway', 'old']],
    ['to=2020-03-27Z&state=vault', ['old']],
    ['to=2020-03-26', []],
    ['from=2020-03-28', []],
    ['to=9999-12-31', ['both', 'stranger', 'oneway', 'old']],
    ['from=1970-01-01&to=1970-01-01', []],
    ['from=2020-03-27 11:58:09&to=2020-03-27&usage=oneway', ['oneway']],
  ])('%s', async (query, names) => {
    await four()
    expect(await found(query)).toEqual(names)
  })

  test('what has run out is in the vault, swept or not', async () => {
    await create('short', { deallocation_policy: { duration: '20s' } })
    door.ctx.clock.ms += MINUTE
    expect(await found('state=vault')).toEqual(['short'])
    expect(await found('state=active')).toEqual([])
  })

  test("a day is a day of the account's time zone, also when the clock changes", async () => {
    door.ctx.clock.ms = Date.UTC(2020, 2, 28, 23, 30)
    await create('before midnight')
    await granted(door.as('put', '/v1/tenants/acme/settings').send({ timezone: 'Europe/Berlin' }))
    expect(await found('from=2020-03-29&to=2020-03-29')).toEqual(['before midnight'])
    // Berlin's 29 March 2020 had 23 hours and ended at 22:00 UTC.
    door.ctx.clock.ms = Date.UTC(2020, 2, 29, 22, 0)
    await create('the day after')
    expect(await found('from=2020-03-29&to=2020-03-29')).toEqual(['before midnight'])
    expect(await found('from=2020-03-30')).toEqual(['the day after'])
  })
})

describe('pages', () => {
  /** All pages from here on, and how long each was. */
  async function pages(path: string): Promise<{ names: string[]; sizes: number[] }> {
    const [names, sizes]: [string[], number[]] = [[], []]
    for (let next: string | null = path; next !== null;) {
      const { metadata, response } = await list(next)
      names.push(...response.map(({ data }) => data.transaction_id))
      sizes.push(response.length)
      next = metadata.next_page_uri
    }
    return { names, sizes }
  }

  test('next_page_uri leads through all of them, once each, and is null on the last', async () => {
    for (let i = 0; i < 7; i++) await create(`t${i}`)
    const newest = ['t6', 't5', 't4', 't3', 't2', 't1', 't0']
    expect(await pages(`${ALL}?limit=3`)).toEqual({ names: newest, sizes: [3, 3, 1] })
    expect(await pages(`${ALL}?limit=7`)).toEqual({ names: newest, sizes: [7] })
    expect((await list(`${ALL}?limit=3`)).metadata.page_size).toBe(3)
  })

  test('keeps the filters, however they were written', async () => {
    for (let i = 0; i < 5; i++) await create(`t${i}`, { usage: i === 2 ? 'oneway' : 'twoway' })
    const query = 'limit=2&usage=twoway&number=+919956555625&to=2020-03-27T23:00:00+05:30'
    expect(await pages(`${ALL}?${query}`)).toEqual({ names: ['t4', 't3', 't1', 't0'], sizes: [2, 2] })
  })

  test('inserts in between neither repeat nor hide anything', async () => {
    for (let i = 0; i < 4; i++) await create(`t${i}`)
    const { metadata } = await list(`${ALL}?limit=2`)
    // At the very instant of the others, and later.
    await create('same instant')
    door.ctx.clock.ms += MINUTE
    await create('later')
    expect(await pages(metadata.next_page_uri!)).toEqual({ names: ['t1', 't0'], sizes: [2] })
  })

  test('an allocation that has ended meanwhile is still where the next page begins', async () => {
    const made = [await create('t0'), await create('t1')]
    const { metadata } = await list(`${ALL}?limit=1`)
    await granted(door.as('delete', `${ALL}/${made[1]!.greenpin_id}`))
    expect((await pages(metadata.next_page_uri!)).names).toEqual(['t0'])
  })

  test('fifty without a limit, a hundred at most', async () => {
    for (let i = 0; i < 101; i++) await create(`t${i}`)
    expect((await pages(ALL)).sizes).toEqual([50, 50, 1])
    expect((await pages(`${ALL}?limit=100`)).sizes).toEqual([100, 1])
  })
})

describe('refused', () => {
  const FILTERS = '^One or more unsupported search filters provided'
  test.each([
    ['colour=red', ''],
    ['Usage=oneway', ''],
    ['state=active&state=active', ''],
    ['state=Active', ': state'],
    ['state=', ': state'],
    ['usage=both', ': usage'],
    ['limit=0', ': limit'],
    ['limit=101', ': limit'],
    ['limit=-1', ': limit'],
    ['limit=1e1', ': limit'],
    ['limit=', ': limit'],
    ['after=x', ': after'],
    ['after=', ': after'],
    ['__proto__=x', ''],
    ['constructor=x', ''],
    ['transaction_id=%FF', ''],
    [Array.from({ length: 60 }, (_, i) => `x${i}=`).join('&'), ''],
  ])('2 "%s"', async (query, detail) => {
    await expectRefusal(door.as('get', `${ALL}?${query}`), 400, 2, `${FILTERS}${detail}$`)
  })

  test.each([
    'from=yesterday',
    'from=',
    'to=2020-02-30',
    'to=2020-03-27 25:00:00',
    'from=2020-03-27 12:17',
    'from=1585290429',
    `to=${'2020-03-27 '.repeat(9)}`,
    'from=2020-03-28&to=2020-03-27',
    'from=2020-03-27 12:00:01&to=2020-03-27 12:00:00',
  ])('23 "%s"', async (query) => {
    await expectRefusal(
      door.as('get', `${ALL}?${query}`),
      400,
      23,
      '^An invalid date range was provided in the query$',
    )
  })

  test.each(['number=x', 'number=', 'vn=12', 'number=%2B44', 'number=1/sip:x@evil'])(
    '16 "%s"',
    async (query) => {
      await expectRefusal(door.as('get', `${ALL}?${query}`), 400, 16, '^Invalid Number Received.$')
    },
  )

  test("a page that begins at another account's allocation is as unknown as any", async () => {
    await testAccount(door.ctx, { sid: 'other', vns: [] })
    const { greenpin_id: id } = await create('mine')
    const path = '/v1/tenants/other/greenpin'
    await expectRefusal(door.as('get', `${path}?after=${id}`, 'other'), 400, 2, ': after$')
    expect((await list(path, 'other')).response).toEqual([])
  })
})
