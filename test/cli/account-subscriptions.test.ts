import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { DEFAULT_SETTINGS } from '../../src/engine/accounts.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

let pinbridge: Installation

beforeEach(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme')
}, SLOW_MS)
afterEach(() => pinbridge.close())

const subscriptions = (...options: string[]) => pinbridge.json('account', 'subscriptions', 'acme', ...options)
const stored = async () => (await pinbridge.store().accounts())[0]!.settings

test(
  'shows what holds, and changes what is named and nothing else',
  async () => {
    const before = await stored()
    const holds = { strongSignature: false, pinsADay: 5_000 }
    expect(await subscriptions()).toEqual({ code: 0, document: { account: 'acme', subscriptions: holds } })
    expect((await pinbridge.run('account', 'subscriptions', 'acme')).stdout).toBe(
      "signatures  Mobivate's own too\nPINs a day  5000\n",
    )
    expect(await stored()).toEqual(before)
    expect((await subscriptions('--pins-a-day', '7')).document).toEqual({
      ...{ account: 'acme', subscriptions: { strongSignature: false, pinsADay: 7 } },
    })
    expect((await subscriptions('--strong-signature', 'on')).document).toEqual({
      ...{ account: 'acme', subscriptions: { strongSignature: true, pinsADay: 7 } },
    })
    expect(await stored()).toEqual({ ...before, subscriptions: { strongSignature: true, pinsADay: 7 } })
    expect((await pinbridge.run('account', 'subscriptions', 'acme')).stdout).toBe(
      'signatures  with the secret key only\nPINs a day  7\n',
    )
    await subscriptions('--strong-signature', 'off', '--pins-a-day', '0')
    expect((await stored()).subscriptions).toEqual({ strongSignature: false, pinsADay: 0 })
    await subscriptions('--pins-a-day', '1000000')
    expect((await stored()).subscriptions.pinsADay).toBe(1_000_000)
  },
  SLOW_MS,
)

test.each([
  [['--strong-signature', 'yes'], 'Expected on or off.'],
  [['--strong-signature', ''], 'Expected on or off.'],
  [['--pins-a-day', '-1'], 'Expected a whole number, 0 to 1000000.'],
  [['--pins-a-day', '1000001'], 'Expected a whole number, 0 to 1000000.'],
  [['--pins-a-day', '1e3'], 'Expected a whole number, 0 to 1000000.'],
  [['--pins-a-day', ''], 'Expected a whole number, 0 to 1000000.'],
])(
  'used wrongly, %j, ends with 64 and changes nothing',
  async (args, message) => {
    const { code, document } = await subscriptions('--strong-signature', 'on', ...args)
    expect([code, document]).toEqual([
      64,
      { error: { code: 'usage', message: expect.stringContaining(message) } },
    ])
    expect((await stored()).subscriptions).toEqual(DEFAULT_SETTINGS.subscriptions)
  },
  SLOW_MS,
)

test(
  'nobody has that sid',
  async () => {
    const { code, document } = await pinbridge.json('account', 'subscriptions', 'other', '--pins-a-day', '1')
    expect([code, (document['error'] as Json)['code']]).toEqual([1, 'not_found'])
  },
  SLOW_MS,
)
