import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { DEFAULT_CARD_SETTINGS, type CardSettings } from '../../src/engine/card-settings.ts'
import type { Rate } from '../../src/engine/rates.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

let pinbridge: Installation

beforeEach(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme', '--country', 'DE')
}, SLOW_MS)
afterEach(() => pinbridge.close())

const stored = async (): Promise<CardSettings> => (await pinbridge.store().accounts())[0]!.settings.cards
const cards = (...options: string[]) => pinbridge.json('account', 'cards', 'acme', ...options)
async function change(...options: string[]): Promise<CardSettings> {
  const { code, document } = await cards(...options)
  expect([code, document['account']]).toEqual([0, 'acme'])
  return stored()
}

async function addTariff(name: string): Promise<number> {
  const store = pinbridge.store()
  const [account] = await store.accounts()
  const { version } = await store.beginTariff(account!.id, name, Date.now())
  const price = { perMinuteMicros: 40_000, setUpMicros: 0, minimumSeconds: 1, incrementSeconds: 1 }
  const rate: Rate = { prefix: '49', name: 'Germany', ...price }
  await store.putRates(version, [rate])
  return (await store.finishTariff(version)).id
}

test(
  'shows what holds, and changes nothing by that',
  async () => {
    const { document } = await cards()
    expect(document['cards']).toEqual({
      ...DEFAULT_CARD_SETTINGS,
      tariffId: undefined,
      tariff: null,
      callerId: null,
    })
    const { stdout } = await pinbridge.run('account', 'cards', 'acme')
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/))
    expect(rows).toEqual([
      ['currency', 'EUR'],
      ['tariff', 'none: only cards of groups with one can call'],
      ['may call', 'nowhere'],
      ['caller id', 'none'],
      ['PIN', "none from a card's own number"],
      ['warned', '60 s before the end of the money'],
      ['destinations', '3 attempts'],
      ['text messages', '100 a day'],
      ['MOR', 'on, POST only, balances set'],
      [''],
      ['AT MOST', 'A CARD', 'ALL CARDS'],
      ['calls at once', '1', '200'],
      ['calls an hour', '60', '20000'],
      ['calls a day', '300', '200000'],
      ['EUR an hour', '50.00', '2000.00'],
      ['EUR a day', '100.00', '10000.00'],
    ])
    expect(await stored()).toEqual(DEFAULT_CARD_SETTINGS)
  },
  SLOW_MS,
)

test(
  'changes what is named, and nothing else',
  async () => {
    const id = await addTariff('standard')
    let wanted: CardSettings = { ...DEFAULT_CARD_SETTINGS, tariffId: id, allowed: ['-4990', '49', '41'] }
    expect(await change('--tariff', 'standard', '--allow', '-4990,49,+41,49')).toEqual(wanted)
    wanted = { ...wanted, callerId: '+4930123456', warnMs: 30_000, currency: 'GBP', destinationAttempts: 5 }
    const various = [
      '--caller-id',
      '030 123456',
      '--warn',
      '30',
      '--currency',
      'GBP',
      '--destination-attempts',
      '5',
    ]
    expect(await change(...various)).toEqual(wanted)
    const card = {
      callsAtOnce: 2,
      callsAnHour: 3,
      callsADay: 4,
      microsAnHour: 5_500_000,
      microsADay: 6_000_000,
    }
    const caps = ['--calls-at-once', '2', '--calls-an-hour', '3', '--calls-a-day', '4']
    expect(await change(...caps, '--spend-an-hour', '5.5', '--spend-a-day', '6')).toEqual(
      (wanted = { ...wanted, card }),
    )
    const account = { ...card, callsAtOnce: 20, microsADay: 0 }
    const all = caps.map((one) => one.replace(/^--/, '--account-'))
    expect(
      await change(
        ...all,
        '--account-calls-at-once',
        '20',
        '--account-spend-an-hour',
        '5,50',
        '--account-spend-a-day',
        '0',
      ),
    ).toEqual((wanted = { ...wanted, account }))
    const mor = { enabled: false, get: true, balance: false }
    expect(
      await change(
        '--pinless',
        'off',
        '--sms-a-day',
        '7',
        '--mor',
        'off',
        '--mor-get',
        'on',
        '--mor-balance',
        'off',
      ),
    ).toEqual({
      ...wanted,
      pinless: false,
      smsADay: 7,
      mor,
    })
    wanted = {
      ...wanted,
      pinless: false,
      smsADay: 7,
      mor,
      tariffId: undefined,
      callerId: undefined,
      allowed: [],
      warnMs: 0,
    }
    expect(await change('--tariff', 'none', '--caller-id', 'none', '--allow', 'none', '--warn', '0')).toEqual(
      wanted,
    )
  },
  SLOW_MS,
)

test(
  'the currency is fixed once there is a card',
  async () => {
    await pinbridge.run('group', 'add', 'Basic', '--account', 'acme')
    expect((await change('--currency', 'USD')).currency).toBe('USD')
    await pinbridge.run('card', 'add', '--account', 'acme', '--group', 'Basic', '--count', '1')
    const { code, document } = await cards('--currency', 'EUR', '--warn', '5')
    expect([code, document]).toMatchObject([1, { error: { code: 'forbidden' } }])
    expect(await stored()).toEqual({ ...DEFAULT_CARD_SETTINGS, currency: 'USD' })
    expect((await change('--currency', 'USD', '--warn', '5')).warnMs).toBe(5_000)
  },
  SLOW_MS,
)

test.each([
  [['--currency', 'DEM'], 'Allowed choices are EUR, USD, GBP.'],
  [['--allow', '0049'], 'Expected prefixes such as 49,41,-4990'],
  [['--allow', '49,,41'], 'Expected prefixes such as 49,41,-4990'],
  [['--warn', '601'], 'Expected a whole number, 0 to 600.'],
  [['--warn', '1.5'], 'Expected a whole number, 0 to 600.'],
  [['--destination-attempts', '0'], 'Expected a whole number, 1 to 10.'],
  [['--calls-at-once', '-1'], 'Expected a whole number, 0 to 1000000.'],
  [['--account-spend-a-day', '1.000,50'], 'Expected an amount such as 12.50'],
  [['--spend-an-hour', '1e3'], 'Expected an amount such as 12.50'],
  [['--mor', 'yes'], 'Expected on or off.'],
])(
  'used wrongly, %j, ends with 64',
  async (args, message) => {
    const { code, document } = await cards(...args)
    expect([code, document]).toEqual([
      64,
      { error: { code: 'usage', message: expect.stringContaining(message) } },
    ])
  },
  SLOW_MS,
)

test.each([
  [['--tariff', 'other'], 'not_found'],
  [['--caller-id', '1'], 'invalid_number'],
  [['--allow', '49,-49'], 'invalid'],
])(
  'refused, %j, changes nothing',
  async (args, code) => {
    const { document } = await cards('--warn', '5', ...args)
    expect((document['error'] as Json)['code']).toBe(code)
    expect(await stored()).toEqual(DEFAULT_CARD_SETTINGS)
  },
  SLOW_MS,
)
