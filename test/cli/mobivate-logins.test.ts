import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

type Login = { accountId: string; secret: string }

const SECRET = /^[\w-]{43}$/

let pinbridge: Installation
let first: Login

beforeEach(async () => {
  pinbridge = installation()
  first = await addAccount('acme')
}, SLOW_MS)
afterEach(() => pinbridge.close())

async function addAccount(sid: string): Promise<Login> {
  const { document } = await pinbridge.json('account', 'add', '--name', sid, '--sid', sid)
  return (document['credentials'] as { mobivate: Login }).mobivate
}

async function login(verb: 'add' | 'renew', accountId: string, sid = 'acme'): Promise<Json> {
  const args = ['login', verb, accountId, '--account', sid, '--dialect', 'mobivate']
  return (await pinbridge.json(...args)).document
}

/** Whose it is, and the secret that is kept to check signatures. */
async function kept(accountId: string): Promise<[string, string] | undefined> {
  const found = await pinbridge.store().findLogin('mobivate', accountId)
  return found && [found.account.sid, found.secretHash]
}

test(
  'a new account has an account_id that is no name, and a secret kept as it is',
  async () => {
    expect(first).toEqual({
      accountId: expect.stringMatching(/^[0-9a-f]{32}$/),
      secret: expect.stringMatching(SECRET),
    })
    expect(await kept(first.accountId)).toEqual(['acme', first.secret])
    const { stdout } = await pinbridge.run('account', 'add', '--name', 'Other', '--sid', 'other')
    const [, id, secret] =
      /\n {2}Mobivate account_id +(\S+)\n {2}Mobivate secret key +(\S+)\n/.exec(stdout) ?? []
    expect(await kept(id ?? '')).toEqual(['other', secret])
    expect([id, secret]).not.toEqual([first.accountId, first.secret])
    expect(stdout).toContain('so it is a secret as well')
  },
  SLOW_MS,
)

describe('login', () => {
  test(
    'add: an account_id that clients have from before, once in all accounts',
    async () => {
      const id = '43e36f54eef111e270639871000000f1'
      const document = await login('add', id)
      expect(document).toEqual({
        ...{ account: 'acme', dialect: 'mobivate', card: null, role: null },
        login: { accountId: id, secret: expect.stringMatching(SECRET) },
      })
      expect(await kept(id)).toEqual(['acme', (document['login'] as Login).secret])
      await addAccount('other')
      expect(await login('add', id, 'other')).toMatchObject({ error: { code: 'duplicate_transaction' } })
      expect(await login('renew', id, 'other')).toMatchObject({ error: { code: 'not_found' } })
      expect(await kept(id)).toEqual(['acme', (document['login'] as Login).secret])
      for (const shape of ['Aa0_-Zz9', `-${'x'.repeat(63)}`])
        expect(
          (
            await pinbridge.run(
              ...['login', 'add', '--account', 'acme', '--dialect', 'mobivate'],
              '--',
              shape,
            )
          ).code,
        ).toBe(0)
    },
    SLOW_MS,
  )

  test(
    'renew: one account_id gets a new secret, the others keep theirs',
    async () => {
      const before = (await login('add', 'from-before'))['login'] as Login
      const renewed = (await login('renew', 'from-before'))['login'] as Login
      expect(renewed).toEqual({ accountId: 'from-before', secret: expect.stringMatching(SECRET) })
      expect(renewed.secret).not.toBe(before.secret)
      expect(await kept('from-before')).toEqual(['acme', renewed.secret])
      expect(await kept(first.accountId)).toEqual(['acme', first.secret])
    },
    SLOW_MS,
  )

  test.each([
    [['a234567'], '8 to 64 letters'],
    [['a'.repeat(65)], 'Expected 1 to 64 letters'],
    [['user@example'], '8 to 64 letters'],
    [["x' or 1=1 --"], 'Expected 1 to 64 letters'],
    [['a2345678', '--card', '1000000025'], 'of use with 42com only'],
    [['a2345678', '--plain-signatures'], 'of use with 42com only'],
    [['a2345678', '--role', 'admin'], 'of use with mor only'],
  ])(
    'add %j ends with 64 and adds nothing',
    async (args, message) => {
      const all = ['login', 'add', ...args, '--account', 'acme', '--dialect', 'mobivate']
      const { code, document } = await pinbridge.json(...all)
      expect([code, document]).toEqual([
        64,
        { error: { code: 'usage', message: expect.stringContaining(message) } },
      ])
      expect(await kept(args[0]!)).toBeUndefined()
    },
    SLOW_MS,
  )
})

describe('account token', () => {
  const token = async (sid: string) => {
    const { code, document } = await pinbridge.json('account', 'token', sid, '--dialect', 'mobivate')
    expect([code, document]).toEqual([0, { account: sid, credentials: { mobivate: expect.any(Object) } }])
    return (document['credentials'] as { mobivate: { accountIds: string[]; secret: string } }).mobivate
  }

  test(
    'gives all account_ids of the account one new secret, and nobody else one',
    async () => {
      await login('add', 'zzz-from-before')
      await login('add', 'AAA-from-before')
      const others = await addAccount('other')
      const { accountIds, secret } = await token('acme')
      expect([...accountIds].sort()).toEqual(['AAA-from-before', 'zzz-from-before', first.accountId].sort())
      expect(secret).toMatch(SECRET)
      expect(secret).not.toBe(first.secret)
      for (const id of accountIds) expect(await kept(id)).toEqual(['acme', secret])
      expect(await kept(others.accountId)).toEqual(['other', others.secret])
    },
    SLOW_MS,
  )

  test(
    'gives an account from before there was that API its first account_id, once',
    async () => {
      const [acme] = await pinbridge.store().accounts()
      await pinbridge.store().addAccount({ ...acme!, id: 'old', sid: 'old' }, [])
      const made = await token('old')
      expect(made.accountIds).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)])
      const again = await token('old')
      expect(again.accountIds).toEqual(made.accountIds)
      expect(await kept(made.accountIds[0]!)).toEqual(['old', again.secret])
      const { stdout } = await pinbridge.run('account', 'token', 'old', '--dialect', 'mobivate')
      expect(stdout).toContain(`\n  account_id ${made.accountIds[0]!}\n`)
    },
    SLOW_MS,
  )
})
