import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

const ID = 'c71e2c2ee68b410a82d6c5f910c2d428'
const NAMED = ['--name', 'Test Campaign', '--service', '12345']
const WEBHOOK = ['--deliver', 'webhook', '--url', 'https://gateway.example/send']
const KEYS = ['--header', 'Authorization: Bearer b34rer: x', '--header', 'X-API-Key:k3y']
const SECRETS = /b34rer|k3y/i

let pinbridge: Installation

const add = (id: string, ...options: string[]) =>
  pinbridge.json('campaign', 'add', 'acme', ...NAMED, '--id', id, ...options)
const change = (...options: string[]) => pinbridge.json('campaign', 'change', ID, ...options)
async function headers(id = ID) {
  const { means } = (await pinbridge.store().findCampaign(id))!.campaign
  return means.kind === 'webhook' ? means.headers : means.kind
}
const meansShown = (document: Json) => (document['campaign'] as { means: Json }).means

describe('headers of a gateway', () => {
  beforeEach(async () => {
    pinbridge = installation()
    await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme')
  }, SLOW_MS)
  afterEach(() => pinbridge.close())

  test(
    'are kept in lower case as they were keyed, and their values are not printed',
    async () => {
      const { code, document } = await add(ID, ...WEBHOOK, ...KEYS)
      expect(code).toBe(0)
      expect(await headers()).toEqual({ authorization: 'Bearer b34rer: x', 'x-api-key': 'k3y' })
      const hidden = { headers: { authorization: '****', 'x-api-key': '****' } }
      expect(meansShown(document)).toMatchObject(hidden)
      const listed = (await pinbridge.json('campaign', 'list')).document
      expect((listed['campaigns'] as Json[])[0]).toMatchObject({ means: hidden })
      const changed = await change('--attempts', '5')
      expect(meansShown(changed.document)).toMatchObject(hidden)
      const { stdout } = await pinbridge.run('campaign', 'change', ID, '--attempts', '4')
      expect(stdout).toMatch(/\nheader +authorization: \*{4}\nheader +x-api-key: \*{4}\n/)
      const people = [
        await pinbridge.run('campaign', 'add', 'acme', ...NAMED, '--id', 'another-one', ...WEBHOOK, ...KEYS),
        await pinbridge.run('campaign', 'list'),
      ]
      expect(await headers('another-one')).toEqual(await headers())
      expect(JSON.stringify([document, listed, changed, stdout, people])).not.toMatch(SECRETS)
    },
    SLOW_MS,
  )

  test(
    'are all changed at once, taken away by none, and stay when something else is changed',
    async () => {
      const now = async (...options: string[]) => {
        expect((await change(...options)).code).toBe(0)
        return headers()
      }
      await add(ID, ...WEBHOOK)
      expect(await headers()).toEqual({})
      expect(await now('--header', 'A: 1', '--header', 'b: \t 2 3 \t')).toEqual({ a: '1', b: '2 3' })
      expect(await now('--url', 'https://other.example', '--body', '{"x":{{pin}}}')).toEqual({
        ...{ a: '1', b: '2 3' },
      })
      expect(await now('--header', 'B: none')).toEqual({ b: 'none' })
      expect(await now('--header', 'none')).toEqual({})
      expect(await now(...KEYS)).toMatchObject({ 'x-api-key': 'k3y' })
      expect(await now('--deliver', 'call')).toBe('call')
      expect(await now(...WEBHOOK)).toEqual({})
    },
    SLOW_MS,
  )
})

describe('used wrongly', () => {
  let before: unknown
  beforeAll(async () => {
    pinbridge = installation()
    await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme')
    await add(ID, ...WEBHOOK, ...KEYS)
    before = await pinbridge.store().campaigns()
  }, SLOW_MS)
  afterAll(() => pinbridge.close())

  test.each([
    [['s3cr3t'], "Expected 'Name: value', or none alone."],
    [[''], "Expected 'Name: value', or none alone."],
    [['none', 'X-Key: s3cr3t'], "Expected 'Name: value', or none alone."],
    [['X-Key: s3cr3t', 'x-kEY: s3cr3t'], 'Expected each name once, whatever its case.'],
    [['__proto__: s3cr3t'], 'Expected a name of letters, digits and hyphens'],
    [['__proto__: s3cr3t', '__PROTO__: s3cr3t'], 'Expected each name once'],
    [[': s3cr3t'], 'Expected a name of letters, digits and hyphens'],
    [['s3cr3t key: 1'], 'Expected a name of letters, digits and hyphens'],
    [['X-Key : s3cr3t'], 'Expected a name of letters, digits and hyphens'],
    [['X-\u212aey: s3cr3t'], 'Expected a name of letters, digits and hyphens'],
    [['a\r\nX-Key: s3cr3t'], 'Expected a name of letters, digits and hyphens'],
    [['X-Key: s3cr3t\r\nX-More: 1'], 'as x-key: only the body is filled in'],
    [['X-Key: s3cr3t\n'], 'as x-key: only the body is filled in'],
    [['X-Key: s3cr3t\u00e9'], 'as x-key: only the body is filled in'],
    [['X-Key: s3cr3t {{pin}}'], 'as x-key: only the body is filled in'],
    [['X-Key:'], 'as x-key: only the body is filled in'],
    [['X-Key:  \t'], 'as x-key: only the body is filled in'],
    [['Content-Type: s3cr3t'], 'content-type is not for a campaign to say'],
    [['TRANSFER-ENCODING: s3cr3t'], 'transfer-encoding is not for a campaign to say'],
    [['Proxy-Authorization: s3cr3t'], 'proxy-authorization is not for a campaign to say'],
    [['Webhook-Signature: s3cr3t'], 'webhook-signature is not for a campaign to say'],
    [Array.from({ length: 21 }, (_, n) => `X-${n}: s3cr3t`), 'Expected at most 20 headers.'],
    [[`X: s3cr3t${'x'.repeat(4_090)}`], 'Expected at most 4096 characters in all headers together.'],
  ])(
    '--header %j ends with 64, and what it says is not printed',
    async (lines, message) => {
      const given = lines.flatMap((one) => ['--header', one])
      for (const args of [
        ['add', 'acme', ...NAMED, ...WEBHOOK, ...given],
        ['change', ID, ...given],
      ]) {
        const { code, document } = await pinbridge.json('campaign', ...args)
        expect([code, document['error']]).toEqual([
          64,
          { code: 'usage', message: expect.stringContaining(message) },
        ])
        expect(JSON.stringify(document)).not.toContain('s3cr3t')
      }
      expect(await pinbridge.store().campaigns()).toEqual(before)
    },
    SLOW_MS,
  )

  test(
    'a campaign that calls has none',
    async () => {
      const { code, document } = await pinbridge.json('campaign', 'add', 'acme', ...NAMED, ...KEYS)
      const message = expect.stringContaining('--header are of use with --deliver webhook only')
      expect([code, document['error']]).toEqual([64, { code: 'usage', message }])
      expect(await pinbridge.store().campaigns()).toEqual(before)
    },
    SLOW_MS,
  )
})
