import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { hashSecret } from '../../src/api/login.ts'
import { installation, SLOW_MS, type Installation } from './command.ts'

type Logins = {
  greenpin: { sid: string; key: string; token: string }
  stealthnet: { uid: string; token: string }
}

let pinbridge: Installation

beforeEach(() => {
  pinbridge = installation()
})
afterEach(() => pinbridge.close())

async function addAccount(sid: string): Promise<Logins> {
  const { document } = await pinbridge.json('account', 'add', '--name', sid, '--sid', sid)
  return document['credentials'] as Logins
}

async function renew(sid: string, dialect: string): Promise<Partial<Logins>> {
  const { code, document } = await pinbridge.json('account', 'token', sid, '--dialect', dialect)
  expect([code, document]).toEqual([0, { account: sid, credentials: expect.any(Object) }])
  return document['credentials'] as Partial<Logins>
}

test(
  'a new token works at once and the old one no more, while the application runs',
  async () => {
    const http = await pinbridge.serve()
    const [before, others] = [await addAccount('acme'), await addAccount('others')]
    const greenpin = async (user: string, token: string) => {
      const authorization = `Basic ${Buffer.from(`${user}:${token}`).toString('base64')}`
      const { sid } = user === others.greenpin.sid ? others.greenpin : before.greenpin
      const headers = { authorization, connection: 'close' }
      return (await fetch(`${http}/v1/tenants/${sid}/greenpin/none`, { headers })).status
    }
    const pins = async (uid: string, token: string) => {
      const query = new URLSearchParams({ uid, token, action: 'download-dbs' })
      return (await fetch(`${http}/simple-pins/?${query.toString()}`, { headers: { connection: 'close' } }))
        .status
    }
    const { sid, key, token } = before.greenpin
    const { uid, token: pinsToken } = before.stealthnet
    const all = () =>
      Promise.all([
        ...[greenpin(sid, token), greenpin(key, token), pins(uid, pinsToken)],
        ...[greenpin('others', others.greenpin.token), pins('others', others.stealthnet.token)],
      ])
    expect(await all()).toEqual([404, 404, 200, 404, 200])

    const { stealthnet } = await renew('acme', 'stealthnet')
    expect(stealthnet).toEqual({ uid, token: expect.stringMatching(/^[\w-]{43}$/) })
    expect(await all()).toEqual([404, 404, 401, 404, 200])
    expect(await pins(uid, stealthnet!.token)).toBe(200)

    const renewed = (await renew('acme', 'greenpin')).greenpin
    expect(renewed).toEqual({ sid, key, token: expect.stringMatching(/^[\w-]{43}$/) })
    expect(await all()).toEqual([401, 401, 401, 404, 200])
    expect([await greenpin(sid, renewed!.token), await greenpin(key, renewed!.token)]).toEqual([404, 404])
    expect(await pins(uid, stealthnet!.token)).toBe(200)
  },
  SLOW_MS,
)

test(
  'an account from before there was that API gets its first token; nobody else does',
  async () => {
    await addAccount('acme')
    const [acme] = await pinbridge.store().accounts()
    await pinbridge.store().addAccount({ ...acme!, id: 'old', sid: 'old' }, [])
    const { stealthnet } = await renew('old', 'stealthnet')
    expect(await pinbridge.store().findLogin('stealthnet', 'old')).toMatchObject({
      account: { id: 'old' },
      secretHash: hashSecret(stealthnet!.token),
    })
    const nobody = await pinbridge.json('account', 'token', 'nobody', '--dialect', 'stealthnet')
    expect([nobody.code, nobody.document]).toMatchObject([1, { error: { code: 'not_found' } }])
    const { stdout } = await pinbridge.run('account', 'token', 'old', '--dialect', 'greenpin')
    expect(stdout).toMatch(/^The greenpin clients of old .*\n\n {2}[\w-]{43}\n/)
  },
  SLOW_MS,
)
