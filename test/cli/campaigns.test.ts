import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { DEFAULT_CAMPAIGN, type Campaign } from '../../src/engine/campaigns.ts'
import { DEFAULT_BODY } from '../../src/engine/sent-texts.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

const ID = 'c71e2c2ee68b410a82d6c5f910c2d428'
const NAMED = ['--name', 'Test Campaign', '--service', '12345']
const GATEWAY = 'https://gateway.example/send?key=s3cr3t'
const API = 'https://pinbridge.example/ivr/subscriptions/v1'

let pinbridge: Installation
let accountId: string

beforeEach(async () => {
  pinbridge = installation()
  const args = ['account', 'add', '--name', 'Acme', '--sid', 'acme', '--country', 'DE']
  const { document } = await pinbridge.json(...args)
  const { mobivate } = document['credentials'] as { mobivate: { accountId: string } }
  accountId = mobivate.accountId
}, SLOW_MS)
afterEach(() => pinbridge.close())

const add = (...options: string[]) => pinbridge.json('campaign', 'add', 'acme', ...NAMED, ...options)
const change = (...options: string[]) => pinbridge.json('campaign', 'change', ID, ...options)
const stored = async (id = ID) => (await pinbridge.store().findCampaign(id))?.campaign
/** All of it but whose it is, and since when. */
async function settings(id = ID) {
  const chosen = Object.entries((await stored(id))!).filter(
    ([name]) => !['id', 'accountId', 'createdAt'].includes(name),
  )
  return Object.fromEntries(chosen)
}
const NEW = { ...DEFAULT_CAMPAIGN, name: 'Test Campaign', service: '12345' }
const WEBHOOK = {
  kind: 'webhook',
  url: GATEWAY,
  contentType: 'application/json',
  body: DEFAULT_BODY,
  headers: {},
} as const

describe('campaign add', () => {
  test(
    'with defaults, under an id that is made, for an account whose clients are told how to sign',
    async () => {
      const { code, document } = await add('--allow', '49')
      const { id } = document['campaign'] as Campaign
      expect(id).toMatch(/^[0-9a-f]{32}$/)
      expect([code, document]).toEqual([
        0,
        {
          campaign: {
            ...{ id, account: 'acme', name: 'Test Campaign', service: '12345', keyword: null },
            ...{ status: 'active', means: { kind: 'call' }, allowed: ['49'], callerId: null, pinLength: 5 },
            ...{ attempts: 3, pinTtlMs: 600_000, tries: 3, retryMs: 30_000, pinsOfNumberADay: 5 },
            ...{ pinsAnHour: 500, createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
          },
          address: `${API}/${id}`,
          accountIds: [accountId],
          lacks: ['asterisk', 'caller_id'],
        },
      ])
      expect(await settings(id)).toEqual({ ...NEW, allowed: ['49'] })
      const { stdout } = await pinbridge.run('campaign', 'add', 'acme', ...NAMED, '--id', ID)
      const rows = stdout.split('\n').map((line) => line.trim().split(/ {2,}/))
      expect(rows).toContainEqual(['first', `POST ${API}/${ID}/initiate`])
      expect(rows).toContainEqual(['then', `POST ${API}/${ID}/validate_pin`])
      expect(rows).toContainEqual(['account_id', accountId])
      for (const word of ['MD5', 'HMAC-SHA256', 'keep that as secret as a password', 'It sends to nobody'])
        expect(stdout).toContain(word)
      const { secretHash } = (await pinbridge.store().findLogin('mobivate', accountId))!
      expect(stdout).not.toContain(secretHash)
    },
    SLOW_MS,
  )

  test(
    'with everything that can be chosen',
    async () => {
      const options = [
        ...['--id', ID, '--keyword', 'JOIN', '--allow', '-4990,+49,254,49', '--deliver', 'webhook'],
        ...['--url', GATEWAY, '--content-type', 'form', '--body', 'to={{msisdn}}&text={{pin}}'],
        ...['--header', 'X-Api-Key: k3y'],
        ...['--caller-id', '030 123456', '--pin-length', '6', '--attempts', '10', '--lifetime', '2h'],
        ...['--tries', '5', '--retry', '3600', '--pins-to-a-number', '1000', '--pins-an-hour', '100000'],
      ]
      const { code, document } = await add(...options)
      expect([code, document['lacks']]).toEqual([0, []])
      expect(await settings()).toEqual({
        ...NEW,
        ...{ keyword: 'JOIN', allowed: ['-4990', '49', '254'], callerId: '+4930123456', pinLength: 6 },
        ...{ attempts: 10, pinTtlMs: 7_200_000, tries: 5, retryMs: 3_600_000 },
        ...{ pinsOfNumberADay: 1_000, pinsAnHour: 100_000 },
        means: {
          kind: 'webhook',
          url: GATEWAY,
          contentType: 'application/x-www-form-urlencoded',
          body: 'to={{msisdn}}&text={{pin}}',
          headers: { 'x-api-key': 'k3y' },
        },
      })
    },
    SLOW_MS,
  )

  test(
    'by a webhook with the body that is ours; the key in its address is not printed',
    async () => {
      const { document } = await add('--id', ID, '--deliver', 'webhook', '--url', GATEWAY, '--allow', '49')
      expect(await settings()).toEqual({ ...NEW, allowed: ['49'], means: WEBHOOK })
      expect(document['campaign']).toMatchObject({ means: { url: 'https://gateway.example/****' } })
      expect(document['lacks']).toEqual([])
    },
    SLOW_MS,
  )

  test.each([
    [['90s'], 90_000],
    [['1'], 60_000],
    [['60s'], 60_000],
    [['1d'], 86_400_000],
    [['1440'], 86_400_000],
  ])(
    'a lifetime of %s',
    async ([lifetime = ''], pinTtlMs) => {
      await add('--id', ID, '--lifetime', lifetime)
      expect((await stored())?.pinTtlMs).toBe(pinTtlMs)
    },
    SLOW_MS,
  )

  test(
    'the secret of strong signatures alone is spoken of where no other is accepted',
    async () => {
      await pinbridge.run('account', 'subscriptions', 'acme', '--strong-signature', 'on')
      const { stdout } = await pinbridge.run('campaign', 'add', 'acme', ...NAMED)
      expect(stdout).toContain('The signature is `v2.`')
      expect(stdout).not.toContain('MD5')
    },
    SLOW_MS,
  )

  test(
    'an id that another account has is refused',
    async () => {
      await add('--id', ID)
      await pinbridge.run('account', 'add', '--name', 'Other', '--sid', 'other')
      const { code, document } = await pinbridge.json('campaign', 'add', 'other', ...NAMED, '--id', ID)
      expect([code, (document['error'] as Json)['code']]).toEqual([1, 'duplicates'])
      expect(await pinbridge.store().campaigns()).toHaveLength(1)
    },
    SLOW_MS,
  )
})

describe('campaign change', () => {
  beforeEach(async () => {
    await add('--id', ID, '--allow', '49', '--keyword', 'JOIN', '--caller-id', '+4930123456')
  }, SLOW_MS)

  test(
    'changes what is named, and nothing else',
    async () => {
      let wanted: Json = { ...NEW, allowed: ['49'], keyword: 'JOIN', callerId: '+4930123456' }
      const changed = async (options: string[], becomes: Json) => {
        wanted = { ...wanted, ...becomes }
        const { code, document } = await change(...options)
        expect([code, document]).toMatchObject([0, { campaign: { id: ID, account: 'acme' } }])
        expect(await settings()).toEqual(wanted)
      }
      await changed(['--pause'], { status: 'paused' })
      await changed(['--attempts', '5', '--lifetime', '5'], { attempts: 5, pinTtlMs: 300_000 })
      await changed(['--resume', '--name', 'Other', '--service', '1'], {
        ...{ status: 'active', name: 'Other', service: '1' },
      })
      await changed(['--keyword', 'none', '--caller-id', 'none', '--allow', 'none'], {
        ...{ keyword: undefined, callerId: undefined, allowed: [] },
      })
      await changed(['--pin-length', '9', '--tries', '1', '--retry', '1'], {
        ...{ pinLength: 9, tries: 1, retryMs: 1_000 },
      })
      await changed(['--pins-to-a-number', '0', '--pins-an-hour', '0'], {
        pinsOfNumberADay: 0,
        pinsAnHour: 0,
      })
    },
    SLOW_MS,
  )

  test(
    'the means: address, body and type each alone, and back to calls',
    async () => {
      const means = async (...options: string[]) => {
        expect((await change(...options)).code).toBe(0)
        return (await stored())!.means
      }
      expect(await means('--deliver', 'webhook', '--url', GATEWAY)).toEqual(WEBHOOK)
      expect(await means('--attempts', '4')).toEqual(WEBHOOK)
      const moved = { ...WEBHOOK, url: 'https://other.example/' }
      expect(await means('--url', 'https://other.example')).toEqual(moved)
      const text = { ...moved, contentType: 'text/plain', body: 'Code {{pin}}' }
      expect(await means('--content-type', 'text', '--body', 'Code {{pin}}')).toEqual(text)
      expect(await means('--body', '{{pin}} it is')).toEqual({ ...text, body: '{{pin}} it is' })
      // What it has is no JSON.
      const refused = await change('--content-type', 'json')
      expect([refused.code, (refused.document['error'] as Json)['message']]).toEqual([
        64,
        expect.stringContaining('Expected JSON'),
      ])
      expect(await means('--deliver', 'call')).toEqual({ kind: 'call' })
      expect((await change('--url', GATEWAY)).code).toBe(64)
    },
    SLOW_MS,
  )
})

describe('campaign list', () => {
  test(
    'all of them, or those of an account, in the order in which they were made',
    async () => {
      expect((await pinbridge.run('campaign', 'list')).stdout).toBe('There is no campaign yet.\n')
      expect((await pinbridge.json('campaign', 'list')).document).toEqual({ campaigns: [] })
      await pinbridge.run('account', 'add', '--name', 'Other', '--sid', 'other')
      await add(
        '--id',
        'zzz-first',
        '--deliver',
        'webhook',
        '--url',
        GATEWAY,
        '--body',
        '{"k":"w0rd","t":"{{pin}}"}',
      )
      await pinbridge.run('campaign', 'add', 'other', ...NAMED, '--id', 'mmm-other')
      await add('--id', 'aaa-last')
      await pinbridge.run('campaign', 'change', 'aaa-last', '--pause')
      const ids = async (...options: string[]) => {
        const { document } = await pinbridge.json('campaign', 'list', ...options)
        expect(JSON.stringify(document)).not.toMatch(/s3cr3t|w0rd/)
        return (document['campaigns'] as Json[]).map(({ id }) => id)
      }
      expect(await ids()).toEqual(['zzz-first', 'mmm-other', 'aaa-last'])
      expect(await ids('--account', 'acme')).toEqual(['zzz-first', 'aaa-last'])
      const { stdout } = await pinbridge.run('campaign', 'list')
      const made = expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
      expect(
        stdout
          .trimEnd()
          .split('\n')
          .map((line) => line.split(/ {2,}/)),
      ).toEqual([
        ['ID', 'ACCOUNT', 'NAME', 'SERVICE', 'STATUS', 'BY', 'MADE'],
        ['zzz-first', 'acme', 'Test Campaign', '12345', 'active', 'webhook', made],
        ['mmm-other', 'other', 'Test Campaign', '12345', 'active', 'call', made],
        ['aaa-last', 'acme', 'Test Campaign', '12345', 'paused', 'call', made],
      ])
    },
    SLOW_MS,
  )
})
