import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { hashSecret, loginAs } from '../../../src/api/login.ts'
import { type Door, openDoor } from '../door.ts'
import { answer, clientOf } from './client.ts'

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

const ask = (search: string, headers: Record<string, string> = {}) =>
  answer(fetch(`${door.url}/simple-pins/?action=download-dbs&${search}`, { headers }))
const basic = (text: string) => ({ Authorization: `Basic ${btoa(text)}` })

describe('wrong credentials', () => {
  const WRONG = {
    none: ['', {}],
    'no token': ['uid=acme', {}],
    'no uid': ['token=token', {}],
    'an empty token': ['uid=acme&token=', {}],
    'a wrong token': ['uid=acme&token=Token', {}],
    'a token and more': ['uid=acme&token=token%20', {}],
    'the hash of the token': [`uid=acme&token=${hashSecret('token')}`, {}],
    'an unknown uid': ['uid=nobody&token=token', {}],
    'a very long uid': [`uid=${'a'.repeat(4_000)}&token=token`, {}],
    'a name that objects have': ['uid=__proto__&token=token', {}],
    'a wrong token in Basic': ['', basic('acme:x')],
    'something that is not Basic': ['', { Authorization: 'Bearer token' }],
    'a wrong token beside a right Basic': ['uid=acme&token=x', basic('acme:token')],
    'half of them beside a right Basic': ['uid=acme', basic('acme:token')],
  } as const
  test.each(Object.entries(WRONG))(
    '%s: 401, and always the same answer',
    async (_what, [search, headers]) => {
      const { status, text, headers: got } = await ask(search, headers)
      expect({ status, text }).toEqual({ status: 401, text: 'The uid or the token is wrong.\n' })
      expect(got.get('www-authenticate')).toBe('Basic realm="simple-pins", charset="UTF-8"')
    },
  )

  test('are told before anything of the request is looked at, and change nothing', async () => {
    const search = 'uid=acme&token=x&start-pin=1&end-pin=1&nonsense=1'
    expect((await answer(fetch(`${door.url}/simple-pins/?action=write-pins&${search}`))).status).toBe(401)
    const upload = { method: 'POST', body: '7000\n', headers: { 'Content-Type': 'text/csv' } }
    expect(
      (await answer(fetch(`${door.url}/simple-pins/?action=upload-pins&uid=acme&token=x`, upload))).status,
    ).toBe(401)
    expect(await door.ctx.store.pinDatabases(door.account.id)).toEqual([])
  })

  test('are looked up once, for a uid that there is and one that there is not', async () => {
    const looked: string[] = []
    const real = { ...door.ctx.store }
    door.ctx.store.findLogin = (dialect, user) => {
      looked.push(`${dialect} ${user}`)
      return real.findLogin(dialect, user)
    }
    for (const uid of ['acme', 'nobody']) await ask(`uid=${uid}&token=wrong`)
    expect(looked).toEqual(['stealthnet acme', 'stealthnet nobody'])
  })

  test('are compared for nobody too: a digest is made and held against another', async () => {
    const { account } = door
    const found = { account, secretHash: hashSecret('token') }
    const took = { somebody: [] as number[], nobody: [] as number[] }
    // Long enough that making the digest is nearly all of it.
    const given = { user: 'x', secret: 'x'.repeat(100_000) }
    for (let i = 0; i < 400; i++) {
      for (const [who, result] of [
        ['somebody', found],
        ['nobody', undefined],
      ] as const) {
        const started = performance.now()
        await loginAs({ findLogin: () => Promise.resolve(result) }, 'stealthnet', given)
        took[who].push(performance.now() - started)
      }
    }
    const median = (all: number[]) => all.sort((x, y) => x - y)[200]!
    expect(median(took.nobody) / median(took.somebody)).toBeGreaterThan(0.7)
    expect(median(took.nobody) / median(took.somebody)).toBeLessThan(1.4)
  })

  test('of another dialect open nothing here', async () => {
    await door.ctx.store.addAccount({ ...door.account, id: door.ctx.newId(), sid: 'green' }, [
      { dialect: 'greenpin', user: 'green', accountId: door.account.id, secretHash: hashSecret('token') },
    ])
    expect((await ask('uid=green&token=token')).status).toBe(401)
  })
})

test('parameters win over Basic, which a proxy in front may want for itself', async () => {
  expect((await ask('uid=acme&token=token', basic('proxy:x'))).status).toBe(200)
  expect((await ask('', basic('acme:token'))).status).toBe(200)
})

test('no answer may be stored, sniffed or named to another site', async () => {
  for (const { headers } of [
    await ask('uid=acme&token=token'),
    await ask('uid=acme&token=x'),
    await ask(''),
  ]) {
    expect(Object.fromEntries(headers)).toMatchObject({
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
  }
})

test('the log has the route and the account, and nothing of an address or a body: no token, PIN, key or label', async () => {
  const client = clientOf(door)
  const canaries = { token: 'canary-token', pin: '31337', key: 'canary-key', label: 'canary-label' }
  const { pin, key, label } = canaries
  await client.get({ action: 'write-pins', 'start-pin': pin, 'end-pin': pin })
  await client.post({ action: 'check-pin', pin, key })
  await client.post({ action: 'write-db', label })
  await client.get({ action: 'download-keys', pin })
  await client.upload(`${pin}\n`)
  await client.get({ action: pin })
  await client.get({ action: 'download-db', [label]: pin })
  await ask(`uid=acme&token=${canaries.token}`)
  await answer(fetch(`${door.url}/simple-pins/${pin}?uid=acme&token=token`))
  door.ctx.store.keysAfter = () => Promise.reject(new Error('no disk'))
  await client.get({ action: 'download-keys', pin })
  const count = 10
  while (door.lines.length < count) await new Promise(setImmediate)
  const log = door.lines.join('')
  for (const canary of [...Object.values(canaries), 'token']) expect(log).not.toContain(canary)
  const lines = door.lines.map(
    (line) => JSON.parse(line) as { route: string; account?: string; status: number },
  )
  expect(lines.map(({ route }) => route)).toEqual([
    ...Array<string>(8).fill('/simple-pins/'),
    'none',
    '/simple-pins/',
  ])
  expect(lines.map(({ account }) => account)).toEqual([
    ...Array<string>(7).fill('acme'),
    undefined,
    undefined,
    'acme',
  ])
  expect(lines.at(-1)).toMatchObject({ status: 500, err: { message: 'no disk' } })
})
