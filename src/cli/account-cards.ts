import { Option, type Command } from 'commander'
import type { Account } from '../engine/accounts.ts'
import {
  type CallCaps,
  type CardSettings,
  changeCardSettings,
  CURRENCIES,
  type Currency,
  type WantedCardSettings,
} from '../engine/card-settings.ts'
import { Refusal } from '../engine/errors.ts'
import { formatAmount } from '../engine/money.ts'
import { virtualNumber } from '../engine/phone.ts'
import type { Tariff } from '../engine/rates.ts'
import { amount, NONE, onOff, prefixes, speltPrefixes, whole } from './card-options.ts'
import { given, jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { withAccount } from './store.ts'

const MOST_CALLS = 1_000_000

type CapOptions = {
  callsAtOnce?: number
  callsAnHour?: number
  callsADay?: number
  spendAnHour?: number
  spendADay?: number
}
type Options = CapOptions & { [K in keyof CapOptions as `account${Capitalize<K>}`]?: number } & {
  currency?: Currency
  tariff?: string
  allow?: string[]
  callerId?: string
  pinless?: boolean
  warn?: number
  destinationAttempts?: number
  smsADay?: number
  mor?: boolean
  morGet?: boolean
  morBalance?: boolean
  json?: true
}

/** `pinbridge account cards …`: what an account has chosen for its prepaid cards. */
export function addCardSettingsCommand(account: Command): void {
  const command = account
    .command('cards')
    .description('show what holds for the prepaid cards of an account, and change what options name')
    .argument('<sid>', 'of which account')
    .addOption(
      new Option('--currency <code>', 'of all its money; fixed once there is a card').choices(CURRENCIES),
    )
    .option('--tariff <name>', `what calls of cards cost whose group has no tariff, or ${NONE}`)
    .option(
      '--allow <prefixes>',
      `where calls may go: 49,41,-4990 is +49 and +41 without +4990; ${NONE}: nowhere`,
      prefixes,
    )
    .option(
      '--caller-id <number>',
      `what the called see when no number of the account was dialled, or ${NONE}`,
    )
    .option('--pinless <on|off>', "whether who calls from a card's number is asked for no PIN", onOff)
    .option(
      '--warn <seconds>',
      'how long before the end of their money callers are warned; 0: never',
      whole(0, 600),
    )
    .option('--destination-attempts <n>', 'how often a caller may key a wrong destination', whole(1, 10))
  addCaps(command, '', 'one card')
  addCaps(command, 'account-', 'all cards together')
  command
    .option('--sms-a-day <n>', 'text messages with the PIN of a new card', whole(0, MOST_CALLS))
    .option('--mor <on|off>', "whether MOR's API answers", onOff)
    .option('--mor-get <on|off>', "whether MOR's API answers to GET", onOff)
    .option('--mor-balance <on|off>', "whether MOR's API may set what is on a card", onOff)
    .addOption(jsonOption())
    .action(cards)
}

function addCaps(command: Command, prefix: string, whose: string): void {
  const count = whole(0, MOST_CALLS)
  command
    .option(`--${prefix}calls-at-once <n>`, `calls of ${whose} at one time`, count)
    .option(`--${prefix}calls-an-hour <n>`, `calls of ${whose} in any hour`, count)
    .option(`--${prefix}calls-a-day <n>`, `calls of ${whose} in any 24 hours`, count)
    .option(`--${prefix}spend-an-hour <amount>`, `what calls of ${whose} may cost in any hour`, amount)
    .option(`--${prefix}spend-a-day <amount>`, `what calls of ${whose} may cost in any 24 hours`, amount)
}

async function cards(sid: string, { json, ...options }: Options): Promise<void> {
  const { settings, tariffs } = await withAccount(sid, async (ctx, account) => {
    const known = await ctx.store.tariffs(account.id)
    if (Object.keys(options).length === 0) return { settings: account.settings.cards, tariffs: known }
    const wanted = wantedFrom(options, account, known)
    return { settings: await changeCardSettings(ctx, account, wanted), tariffs: known }
  })
  const tariff = tariffs.find(({ id }) => id === settings.tariffId)?.name ?? null
  const document = { ...settings, callerId: settings.callerId ?? null, tariff }
  print(json, { account: sid, cards: document }, inWords(settings, tariff))
}

/** Throws Refusal 'not_found' and 'invalid_number'. */
function wantedFrom(options: Options, account: Account, tariffs: Tariff[]): WantedCardSettings {
  const { currency, tariff, allow, callerId, pinless, warn, destinationAttempts, smsADay } = options
  const { mor, morGet, morBalance } = options
  return {
    currency,
    tariffId: tariff === undefined || tariff === NONE ? noneOr(tariff) : tariffNamed(tariff, tariffs).id,
    allowed: allow,
    callerId:
      callerId === undefined || callerId === NONE
        ? noneOr(callerId)
        : virtualNumber(callerId, account.settings.country),
    pinless,
    warnMs: warn === undefined ? undefined : warn * 1_000,
    destinationAttempts,
    smsADay,
    card: capsFrom(options),
    account: capsFrom({
      ...given('callsAtOnce', options.accountCallsAtOnce),
      ...given('callsAnHour', options.accountCallsAnHour),
      ...given('callsADay', options.accountCallsADay),
      ...given('spendAnHour', options.accountSpendAnHour),
      ...given('spendADay', options.accountSpendADay),
    }),
    mor: { ...given('enabled', mor), ...given('get', morGet), ...given('balance', morBalance) },
  }
}

function capsFrom(options: CapOptions): Partial<CallCaps> {
  return {
    ...given('callsAtOnce', options.callsAtOnce),
    ...given('callsAnHour', options.callsAnHour),
    ...given('callsADay', options.callsADay),
    ...given('microsAnHour', options.spendAnHour),
    ...given('microsADay', options.spendADay),
  }
}

function noneOr(value: typeof NONE | undefined): null | undefined {
  return value === undefined ? undefined : null
}

/** Throws Refusal 'not_found'. */
export function tariffNamed(name: string, tariffs: Tariff[]): Tariff {
  const found = tariffs.find((one) => one.name === name)
  if (!found) throw new Refusal('not_found', `no tariff is called ${name}: see pinbridge tariff list`)
  return found
}

function inWords(settings: CardSettings, tariff: string | null): string {
  const { currency, allowed, callerId, pinless, warnMs, destinationAttempts, smsADay, mor, card, account } =
    settings
  const rest = table([
    ['currency', currency],
    ['tariff', tariff ?? 'none: only cards of groups with one can call'],
    ['may call', allowed.length > 0 ? speltPrefixes(allowed) : 'nowhere'],
    ['caller id', callerId ?? 'none'],
    ['PIN', pinless ? "none from a card's own number" : 'always asked for'],
    ['warned', warnMs === 0 ? 'never' : `${warnMs / 1_000} s before the end of the money`],
    ['destinations', `${destinationAttempts} attempts`],
    ['text messages', `${smsADay} a day`],
    [
      'MOR',
      mor.enabled
        ? `on, ${mor.get ? 'GET too' : 'POST only'}, balances ${mor.balance ? '' : 'not '}set`
        : 'off',
    ],
  ])
  const caps = table([
    ['AT MOST', 'A CARD', 'ALL CARDS'],
    ...(
      [
        ['calls at once', 'callsAtOnce'],
        ['calls an hour', 'callsAnHour'],
        ['calls a day', 'callsADay'],
      ] as const
    ).map(([what, name]) => [what, String(card[name]), String(account[name])]),
    ...(
      [
        [`${currency} an hour`, 'microsAnHour'],
        [`${currency} a day`, 'microsADay'],
      ] as const
    ).map(([what, name]) => [what, formatAmount(card[name]), formatAmount(account[name])]),
  ])
  return `${rest}\n\n${caps}`
}
