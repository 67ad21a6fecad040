import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

const ID = 'c71e2c2ee68b410a82d6c5f910c2d428'
const NAMED = ['--name', 'Test Campaign', '--service', '12345']
const GATEWAY = 'https://gateway.example/send?key=s3cr3t'

/** One for all: nothing of this changes anything, which is looked at after each. */
let pinbridge: Installation
let before: unknown

beforeAll(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme')
  await pinbridge.run('campaign', 'add', 'acme', ...NAMED, '--id', ID)
  before = await pinbridge.store().campaigns()
}, SLOW_MS)
afterAll(() => pinbridge.close())

async function refusedWith(args: string[]): Promise<[number, unknown]> {
  const { code, document } = await pinbridge.json('campaign', ...args)
  expect(await pinbridge.store().campaigns()).toEqual(before)
  return [code, document['error']]
}

const usage = (message: string) => [64, { code: 'usage', message: expect.stringContaining(message) }]

const WEBHOOK = ['--deliver', 'webhook', '--url', GATEWAY]

describe('used wrongly', () => {
  test.each([
    [['--allow', '0049'], 'Expected prefixes such as 49,41,-4990'],
    [['--allow', '49,-49'], 'none of them both allowed and not'],
    [['--allow', Array.from({ length: 1_001 }, (_, i) => 1_000 + i).join()], 'at most 1000 prefixes'],
    [['--pin-length', '3'], 'Expected a whole number, 4 to 9.'],
    [['--pin-length', '10'], 'Expected a whole number, 4 to 9.'],
    [['--attempts', '0'], 'Expected a whole number, 1 to 10.'],
    [['--tries', '6'], 'Expected a whole number, 1 to 5.'],
    [['--retry', '0'], 'Expected a whole number, 1 to 3600.'],
    [['--retry', '3601'], 'Expected a whole number, 1 to 3600.'],
    [['--lifetime', '59s'], 'from a minute to a day'],
    [['--lifetime', '1441'], 'from a minute to a day'],
    [['--lifetime', '1.5'], 'from a minute to a day'],
    [['--lifetime', '10 m'], 'from a minute to a day'],
    [['--pins-to-a-number', '1001'], 'Expected a whole number, 0 to 1000.'],
    [['--pins-an-hour', '-1'], 'Expected a whole number, 0 to 100000.'],
    [['--name', ' '], 'Expected 1 to 100 printable characters.'],
    [['--name', 'a\nb'], 'Expected 1 to 100 printable characters.'],
    [['--service', 'x'.repeat(41)], 'Expected 1 to 40 printable characters.'],
    [['--keyword', ''], 'Expected 1 to 100 printable characters.'],
    [['--keyword', '\u001b[2J'], 'Expected 1 to 100 printable characters.'],
    [['--deliver', 'sms'], 'Allowed choices are call, webhook.'],
    [['--deliver', 'webhook'], "option '--url <url>' is needed"],
    [['--url', GATEWAY], 'of use with --deliver webhook only'],
    [['--deliver', 'call', '--body', '{{pin}}'], 'of use with --deliver webhook only'],
    [[...WEBHOOK, '--content-type', 'xml'], 'Allowed choices are json, form, text.'],
    [[...WEBHOOK, '--content-type', 'text'], "option '--body <template>' is needed"],
    [[...WEBHOOK, '--body', '{"text":"no place for it"}'], "option '--body <template>' is refused"],
    [[...WEBHOOK, '--body', '{"text":"{{pin}} {{password}}"}'], "option '--body <template>' is refused"],
    [[...WEBHOOK, '--body', 'code {{pin}}'], 'Expected JSON'],
    [[...WEBHOOK, '--body', `{{pin}}${'x'.repeat(4_096)}`, '--content-type', 'text'], 'at most 4096'],
    [['--deliver', 'webhook', '--url', 'ftp://gateway.example'], "option '--url <url>' is refused"],
    [['--deliver', 'webhook', '--url', 'https://me:word@gateway.example'], 'found credentials'],
    [['--deliver', 'webhook', '--url', 'gateway'], 'found no address'],
    [['--deliver', 'webhook', '--url', 'https://x.example/{{pin}}'], 'only the body is filled in'],
    [['--deliver', 'webhook', '--url', `https://x.example/${'x'.repeat(2_000)}`], 'at most 2000'],
    [['--deliver', 'webhook', '--url', `https://x.example/${'ü'.repeat(400)}`], 'at most 2000'],
    [[...WEBHOOK, '--content-type', 'form', '--body', '{{pin}}'], 'Expected name=value'],
    [[...WEBHOOK, '--content-type', 'text', '--body', 'code {{ pin }}'], 'Expected text'],
    [['--sms'], "unknown option '--sms'"],
  ])(
    'campaign add %j ends with 64',
    async (args, message) => {
      expect(await refusedWith(['add', 'acme', ...NAMED, ...args])).toEqual(usage(message))
    },
    SLOW_MS,
  )

  // The options are read by the same code; what they contradict is another.
  test.each([
    [['--attempts', '11'], 'Expected a whole number, 1 to 10.'],
    [['--service', ''], 'Expected 1 to 40 printable characters.'],
    [['--deliver', 'webhook'], "option '--url <url>' is needed"],
    [['--url', GATEWAY], 'of use with --deliver webhook only'],
    [['--body', '{{pin}}'], 'of use with --deliver webhook only'],
    [[...WEBHOOK, '--body', 'no place for it'], "option '--body <template>' is refused"],
    [['--deliver', 'webhook', '--url', 'ftp://gateway.example'], "option '--url <url>' is refused"],
    [[], 'nothing to change'],
    [['--pause', '--resume'], 'contradict each other'],
    [['--status', 'gone'], "unknown option '--status'"],
  ])(
    'campaign change %j ends with 64',
    async (args, message) => {
      expect(await refusedWith(['change', ID, ...args])).toEqual(usage(message))
    },
    SLOW_MS,
  )

  test.each(['1234567', 'x'.repeat(65), 'with a space', '../../etc/passwd', "x'; drop table campaign"])(
    '%j cannot be the id of a campaign',
    async (id) => {
      for (const args of [
        ['add', 'acme', ...NAMED, '--id', id],
        ['show', id],
        ['change', id, '--pause'],
      ])
        expect(await refusedWith(args)).toEqual(usage('8 to 64 letters'))
    },
    SLOW_MS,
  )

  test.each([
    [['add', 'acme', '--name', 'Test'], "required option '--service <code>'"],
    [['add', 'acme', '--service', '1'], "required option '--name <text>'"],
    [['add', ...NAMED], "missing required argument 'sid'"],
    [['change', '--pause'], "missing required argument 'id'"],
    [['show', ID, '--sendings', '1001'], 'Expected a whole number, 0 to 1000.'],
    [['remove', ID], "unknown command 'remove'"],
  ])(
    'campaign %j ends with 64',
    async (args, message) => {
      expect(await refusedWith(args)).toEqual(usage(message))
    },
    SLOW_MS,
  )
})

test.each([
  [['add', 'acme', ...NAMED, '--caller-id', 'anonymous'], 'invalid_number'],
  [['change', ID, '--caller-id', '0'], 'invalid_number'],
  [['add', 'nobody', ...NAMED], 'not_found'],
  [['add', 'acme', ...NAMED, '--id', ID], 'duplicates'],
  [['change', 'not-there', '--pause'], 'not_found'],
  [['show', 'not-there'], 'not_found'],
  [['list', '--account', 'nobody'], 'not_found'],
])(
  'refused, campaign %j changes nothing',
  async (args, code) => {
    expect(await refusedWith(args)).toEqual([1, { code, message: expect.any(String) }])
  },
  SLOW_MS,
)

test(
  'addresses that only this machine reaches are refused unless they are allowed',
  async () => {
    const strict = installation({ PINBRIDGE_WEBHOOK_PRIVATE: 'false' })
    try {
      await strict.run('account', 'add', '--name', 'Acme', '--sid', 'acme')
      for (const url of [
        ...['http://gateway.example', 'https://127.0.0.1', 'https://[::1]/', 'https://169.254.169.254/'],
        ...['https://10.0.0.1', 'https://2130706433/', 'https://gateway.example:22/'],
      ]) {
        const args = ['campaign', 'add', 'acme', ...NAMED, '--deliver', 'webhook', '--url', url]
        const { code, document } = await strict.json(...args)
        expect([url, code, (document['error'] as Json)['message']]).toEqual([
          ...[url, 64, expect.stringContaining("option '--url <url>' is refused")],
        ])
      }
      expect(await strict.store().campaigns()).toEqual([])
    } finally {
      await strict.close()
    }
  },
  SLOW_MS,
)
