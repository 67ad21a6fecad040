import { randomInt } from 'node:crypto'
import { Command, Option } from 'commander'
import { v7 as newId } from 'uuid'
import { loadConfig } from '../config.ts'
import {
  DEFAULT_SETTINGS,
  type Account,
  type AccountSettings,
  type RingStrategy,
} from '../engine/accounts.ts'
import type { EventType } from '../engine/events.ts'
import { whyRefused } from '../webhooks/guard.ts'
import { newWebhookSecret } from '../webhooks/sign.ts'
import { addCardSettingsCommand } from './account-cards.ts'
import { addSubscriptionSettingsCommand } from './account-subscriptions.ts'
import { newLogins } from './logins.ts'
import { accountName, countryCode, jsonOption, ringSeconds, sid, timeZone } from './options.ts'
import { print, table } from './output.ts'
import { withStore } from './store.ts'
import { addTokenCommand } from './token.ts'

const PIN_ASKED = { a: [true, false], b: [false, true], both: [true, true], none: [false, false] } as const
/** No 0, o, 1, l, i, u: sids are read out on the telephone. */
const SUFFIX_LETTERS = 'abcdefghjkmnpqrstvwxyz23456789'
const RINGS: Record<string, RingStrategy> = { 'in-turn': 'in_turn', all: 'all' }

type AddOptions = {
  name: string
  sid?: string
  country: string
  timezone: string
  pin: keyof typeof PIN_ASKED
  ring: string
  ringSeconds: number
  international?: true
  webhook?: string
  json?: true
}

/** `pinbridge account …`: the customers of the APIs. */
export function addAccountCommands(program: Command): void {
  const { country, timeZone: zone, ringMs } = DEFAULT_SETTINGS
  const account = program.command('account').description('the customers of the APIs')
  account
    .command('add')
    .description('add an account; prints its API tokens, once')
    .requiredOption('--name <text>', 'what people call it', accountName)
    .option('--sid <sid>', 'its name in API addresses (default: made from the name)', sid)
    .option('--country <code>', 'whose numbers are understood without a country code', countryCode, country)
    .option('--timezone <zone>', 'in which instants are written', timeZone, zone)
    .addOption(
      new Option('--pin <parties>', 'who keys a PIN although the number is known')
        .choices(Object.keys(PIN_ASKED))
        .default('a'),
    )
    .addOption(
      new Option('--ring <how>', "how a party's numbers are rung")
        .choices(Object.keys(RINGS))
        .default('in-turn'),
    )
    .option('--ring-seconds <n>', 'how long each number rings', ringSeconds, ringMs / 1_000)
    .option('--international', 'accept numbers of other countries')
    .option('--webhook <url>', 'where all events of the account are POSTed')
    .addOption(jsonOption())
    .action(add)
  addTokenCommand(account)
  addCardSettingsCommand(account)
  addSubscriptionSettingsCommand(account)
  account.command('list').description('list the accounts').addOption(jsonOption()).action(list)
}

async function add(options: AddOptions, command: Command): Promise<void> {
  const config = loadConfig()
  if (options.webhook !== undefined) {
    const refused = await whyRefused(options.webhook, config.webhooks)
    if (refused !== undefined) command.error(`error: option '--webhook <url>' is refused. ${refused}`)
  }
  const account: Account = {
    id: newId(),
    sid: options.sid ?? sidFrom(options.name),
    name: options.name,
    settings: settingsFrom(options),
    webhookSecret: newWebhookSecret(),
  }
  const { sid, webhookSecret } = account
  const { shown: logins, credentials } = newLogins(account)
  await withStore(config, (store) => store.addAccount(account, credentials))

  const { greenpin, stealthnet, '42com': fortyTwoCom, mor, mobivate } = logins
  const document = { account: shown(account), credentials: logins, webhookSecret }
  print(
    options.json,
    document,
    `Account ${sid} is ready.

  account sid          ${sid}
  API key              ${greenpin.key}
  API token            ${greenpin.token}
  Simple PINs uid      ${stealthnet.uid}
  Simple PINs token    ${stealthnet.token}
  42com user           ${fortyTwoCom.user}
  42com password       ${fortyTwoCom.password}
  MOR user             ${mor.user}
  MOR secret key       ${mor.secret}
  Mobivate account_id  ${mobivate.accountId}
  Mobivate secret key  ${mobivate.secret}
  webhook secret       ${webhookSecret}

GreenPin's clients log in with the API key, or the account sid, as user and the API token as password; those of
Simple PINs send uid and token. Those of 42com and MOR sign their requests. Those of Mobivate sign with the account_id,
so it is a secret as well, or with the secret key, which is better. Keep all that is secret now: it is not shown again.`,
  )
}

async function list(options: { json?: true }): Promise<void> {
  const accounts = await withStore(loadConfig(), (store) => store.accounts())
  const rows = accounts.map(({ sid, name, settings }) => {
    const asked = Object.entries(settings.pinEnabled).flatMap(([party, isAsked]) => (isAsked ? [party] : []))
    return [sid, name, settings.country, settings.timeZone, asked.join(' ') || 'none']
  })
  const people = table([['SID', 'NAME', 'COUNTRY', 'TIME ZONE', 'PIN ASKED OF'], ...rows])
  print(
    options.json,
    { accounts: accounts.map(shown) },
    rows.length > 0 ? people : 'There is no account yet.',
  )
}

function shown({ id, sid, name, settings }: Account): Omit<Account, 'webhookSecret'> {
  return { id, sid, name, settings }
}

function settingsFrom(options: AddOptions): AccountSettings {
  const [a, b] = PIN_ASKED[options.pin]
  const { webhook } = options
  return {
    ...DEFAULT_SETTINGS,
    country: options.country,
    internationalNumbers: options.international ?? false,
    timeZone: options.timezone,
    pinEnabled: { a, b },
    ringStrategy: RINGS[options.ring] ?? DEFAULT_SETTINGS.ringStrategy,
    ringMs: options.ringSeconds * 1_000,
    endpoints: webhook === undefined ? {} : everyEvent(webhook),
  }
}

function everyEvent(url: string): Record<EventType, string> {
  return {
    'call.completed': url,
    'caller.verified': url,
    'caller.refused': url,
    'allocation.ended': url,
    'sms.requested': url,
  }
}

/** `Acme Ltd.` -> `acme-ltd-x7k2`: readable, and not to be guessed from the name alone. */
function sidFrom(name: string): string {
  const plain = name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()
  const slug = plain
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 24)
    .replaceAll(/^-+|-+$/g, '')
  const suffix = Array.from({ length: 4 }, () => SUFFIX_LETTERS[randomInt(SUFFIX_LETTERS.length)]).join('')
  return `${slug || 'account'}-${suffix}`
}
