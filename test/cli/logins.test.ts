import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

type Logins = {
  '42com': { user: string; password: string }
  mor: { user: string; secret: string }
  mobivate: { accountId: string; secret: string }
}

let pinbridge: Installation
let logins: Logins

const md5 = (text: string) => createHash('md5').update(text).digest('hex')
const kept = async (dialect: '42com' | 'mor' | 'mobivate', user: string) => {
  const found = await pinbridge.store().findLogin(dialect, user)
  return (
    found && { sid: found.account.sid, secretHash: found.secretHash, cardId: found.cardId, role: found.role }
  )
}

async function addAccount(sid: string): Promise<Logins> {
  const { document } = await pinbridge.json('account', 'add', '--name', sid, '--sid', sid)
  return document['credentials'] as Logins
}

async function addLogin(user: string, ...options: string[]): Promise<Json> {
  const { code, document } = await pinbridge.json('login', 'add', user, '--account', 'acme', ...options)
  expect([code, document]).toEqual([0, expect.objectContaining({ account: 'acme' })])
  return document['login'] as Json
}

beforeEach(async () => {
  pinbridge = installation()
  logins = await addAccount('acme')
})
afterEach(() => pinbridge.close())

describe('a new account', () => {
  test(
    'has a user in 42com and one in MOR, kept as what their clients sign with',
    async () => {
      const { '42com': fortyTwoCom, mor } = logins
      expect([fortyTwoCom.user, mor.user]).toEqual(['acme', 'acme'])
      expect(fortyTwoCom.password).toMatch(/^[\w-]{43}$/)
      expect(mor.secret).toMatch(/^[\w-]{43}$/)
      expect(await kept('42com', 'acme')).toMatchObject({
        sid: 'acme',
        secretHash: md5(fortyTwoCom.password),
      })
      expect(await kept('mor', 'acme')).toMatchObject({
        sid: 'acme',
        secretHash: mor.secret,
        role: undefined,
      })
      for (const name of readdirSync(pinbridge.data))
        expect(readFileSync(path.join(pinbridge.data, name)).includes(fortyTwoCom.password)).toBe(false)
      const { stdout } = await pinbridge.run('account', 'add', '--name', 'Other', '--sid', 'other')
      expect(stdout).toMatch(/\n {2}42com user +other\n {2}42com password +[\w-]{43}\n {2}MOR user +other\n/)
      expect(stdout).toMatch(/\n {2}MOR secret key +[\w-]{43}\n/)
    },
    SLOW_MS,
  )

  test(
    'gets a new password and a new key, which leaves those of its other users alone',
    async () => {
      const [shop] = [
        await addLogin('shop', '--dialect', '42com'),
        await addLogin('clerk', '--dialect', 'mor'),
      ]
      const others = [await kept('42com', 'shop'), await kept('mor', 'clerk')]
      const renewed = async (dialect: '42com' | 'mor') => {
        const { document } = await pinbridge.json('account', 'token', 'acme', '--dialect', dialect)
        return (document['credentials'] as Logins)[dialect]
      }
      const fortyTwoCom = (await renewed('42com')) as Logins['42com']
      expect(fortyTwoCom).toEqual({ user: 'acme', password: expect.stringMatching(/^[\w-]{43}$/) })
      expect(fortyTwoCom.password).not.toBe(logins['42com'].password)
      expect(await kept('42com', 'acme')).toMatchObject({ secretHash: md5(fortyTwoCom.password) })
      const mor = (await renewed('mor')) as Logins['mor']
      expect(await kept('mor', 'acme')).toMatchObject({ secretHash: mor.secret })
      expect(await kept('42com', 'shop')).toMatchObject({ secretHash: md5(shop['password'] as string) })
      expect([await kept('42com', 'shop'), await kept('mor', 'clerk')]).toEqual(others)
    },
    SLOW_MS,
  )
})

describe('login', () => {
  beforeEach(async () => {
    await pinbridge.run('group', 'add', 'Basic', '--account', 'acme')
    await pinbridge.run('card', 'add', '--account', 'acme', '--group', 'Basic', '--from', '1000000025')
  }, SLOW_MS)

  test(
    'add: a 42com user that is a card, one whose clients sign otherwise, a MOR user of a role',
    async () => {
      const { id } = (await pinbridge.store().findCard({
        accountId: (await pinbridge.store().accounts())[0]!.id,
        number: '1000000025',
      }))!
      const user = await addLogin('shop', '--dialect', '42com', '--card', '1000000025')
      expect(user).toEqual({ user: 'shop', password: expect.stringMatching(/^[\w-]{43}$/) })
      expect(await kept('42com', 'shop')).toEqual({
        ...{ sid: 'acme', secretHash: md5(user['password'] as string), cardId: id, role: undefined },
      })
      const plain = await addLogin('gwt', '--dialect', '42com', '--plain-signatures')
      expect(await kept('42com', 'gwt')).toMatchObject({ secretHash: `plain:${plain['password'] as string}` })
      const clerk = await addLogin('clerk', '--dialect', 'mor', '--role', 'accountant-no-pins')
      expect(clerk).toEqual({ user: 'clerk', secret: expect.stringMatching(/^[\w-]{43}$/) })
      expect(await kept('mor', 'clerk')).toEqual({
        ...{ sid: 'acme', secretHash: clerk['secret'], cardId: undefined, role: 'accountant-no-pins' },
      })
    },
    SLOW_MS,
  )

  test(
    'renew: a new secret in the form of the old one; card and role stay',
    async () => {
      await addLogin('gwt', '--dialect', '42com', '--plain-signatures', '--card', '1000000025')
      await addLogin('clerk', '--dialect', 'mor', '--role', 'accountant')
      const [gwt, clerk] = [await kept('42com', 'gwt'), await kept('mor', 'clerk')]
      const renew = async (user: string, dialect: string) => {
        const args = ['login', 'renew', user, '--account', 'acme', '--dialect', dialect]
        return (await pinbridge.json(...args)).document['login'] as Json
      }
      const { password } = await renew('gwt', '42com')
      expect(await kept('42com', 'gwt')).toEqual({ ...gwt, secretHash: `plain:${password as string}` })
      const { secret } = await renew('clerk', 'mor')
      expect(await kept('mor', 'clerk')).toEqual({ ...clerk, secretHash: secret })
      expect([gwt?.secretHash, clerk?.secretHash]).not.toContain(secret)
    },
    SLOW_MS,
  )

  test(
    'list: everybody, and nobody’s secret',
    async () => {
      const { password } = await addLogin(
        'shop',
        '--dialect',
        '42com',
        '--card',
        '1000000025',
        '--plain-signatures',
      )
      await addLogin('clerk', '--dialect', 'mor', '--role', 'accountant')
      const { stdout } = await pinbridge.run('login', 'list', '--account', 'acme')
      const rows = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/))
      // One of GreenPin's names is random, and so is its place.
      expect(rows.filter(([dialect]) => dialect === 'greenpin')).toHaveLength(2)
      expect(rows.filter(([dialect]) => dialect === 'mobivate')).toEqual([
        ['mobivate', logins.mobivate.accountId, '-', '-', '-'],
      ])
      expect(rows.filter(([dialect = '']) => !['greenpin', 'mobivate'].includes(dialect))).toEqual([
        ['DIALECT', 'USER', 'CARD', 'ROLE', 'SIGNATURES'],
        ['42com', 'acme', '-', '-', '-'],
        ['42com', 'shop', '1000000025', '-', 'plain'],
        ['mor', 'acme', '-', 'admin', '-'],
        ['mor', 'clerk', '-', 'accountant', '-'],
        ['stealthnet', 'acme', '-', '-', '-'],
      ])
      const { document } = await pinbridge.json('login', 'list', '--account', 'acme')
      const all = JSON.stringify(document)
      for (const secret of [
        ...[password, logins.mor.secret, md5(logins['42com'].password), logins.mobivate.secret],
      ])
        expect(all).not.toContain(secret)
      expect((document['logins'] as Json[])[1]).toEqual({
        ...{ dialect: '42com', user: 'shop', card: '1000000025', role: null, plainSignatures: true },
      })
    },
    SLOW_MS,
  )

  test(
    'what somebody else has, and what is not there, is refused',
    async () => {
      await addAccount('other')
      const refused = async (...args: string[]) => {
        const { code, document } = await pinbridge.json('login', ...args)
        return [code, (document['error'] as Json)['code']]
      }
      const of = (sid: string, dialect: string) => ['--account', sid, '--dialect', dialect]
      expect(await refused('add', 'other', ...of('acme', 'mor'))).toEqual([1, 'duplicate_transaction'])
      expect(await refused('renew', 'other', ...of('acme', 'mor'))).toEqual([1, 'not_found'])
      expect(await refused('add', 'x', ...of('other', '42com'), '--card', '1000000025')).toEqual([
        1,
        'not_found',
      ])
      expect((await kept('mor', 'other'))?.sid).toBe('other')
    },
    SLOW_MS,
  )

  test.each([
    [['add', 'x', '--dialect', '42com'], "required option '--account <sid>' not specified"],
    [['add', 'x', '--account', 'acme', '--dialect', 'greenpin'], 'Allowed choices are 42com, mor, mobivate.'],
    [['add', 'x:y', '--account', 'acme', '--dialect', 'mor'], 'Expected 1 to 64 letters'],
    [['add', 'x', '--account', 'acme', '--dialect', 'mor', '--card', '1000000025'], 'of use with 42com only'],
    [['add', 'x', '--account', 'acme', '--dialect', 'mor', '--plain-signatures'], 'of use with 42com only'],
    [['add', 'x', '--account', 'acme', '--dialect', '42com', '--role', 'admin'], 'of use with mor only'],
    [['add', 'x', '--account', 'acme', '--dialect', 'mor', '--role', 'king'], 'Allowed choices are admin,'],
  ])(
    'used wrongly, %j, ends with 64',
    async (args, message) => {
      const { code, document } = await pinbridge.json('login', ...args)
      expect([code, document]).toEqual([
        64,
        { error: { code: 'usage', message: expect.stringContaining(message) } },
      ])
    },
    SLOW_MS,
  )
})
