import type { Command } from 'commander'
import { loadConfig } from '../config.ts'
import type { Account } from '../engine/accounts.ts'
import { cardsPlace } from '../engine/card-pins.ts'
import { Refusal } from '../engine/errors.ts'
import {
  callerName,
  clientWays,
  databasePlace,
  FASTAGI,
  fullness,
  numberPlace,
  sentPinPlace,
  subscriberName,
  TRUNK,
  type Scope,
} from '../engine/guard.ts'
import { dialledNumber, maskNumber } from '../engine/phone.ts'
import { ANONYMOUS, canonicalKey } from '../engine/pin-databases.ts'
import type { NamedTally } from '../engine/pin-store.ts'
import type { Store } from '../engine/store.ts'
import { vouchersPlace } from '../engine/vouchers.ts'
import { campaignId } from './campaign-options.ts'
import { campaignOf } from './campaigns.ts'
import { databaseNumber, jsonOption, rowLimit } from './options.ts'
import { print, table } from './output.ts'
import { accountBySid, withStore } from './store.ts'

type ListOptions = { limit: number; json?: true }
type ForgetOptions = {
  account?: string
  caller?: string
  db?: number
  number?: string
  cards?: true
  vouchers?: true
  trunk?: true
  fastagi?: true
  api?: true
  campaign?: string
  subscriber?: string
  json?: true
}

/** `pinbridge guesses …`: what is remembered of wrong PINs. */
export function addGuessCommands(program: Command): void {
  const guesses = program.command('guesses').description('what is remembered of wrong PINs')
  guesses
    .command('list')
    .description('who and what has wrong PINs to their name, and how near the limit they are')
    .option('--limit <n>', 'how many at most', rowLimit, 50)
    .addOption(jsonOption())
    .action(list)
  guesses
    .command('forget')
    .description(
      'forgive a caller, a database, cards, vouchers, a virtual number, the trunk, FastAGI, HTTP clients ' +
        'or a number that was sent a PIN',
    )
    .option('--account <sid>', 'whose caller, database, cards, vouchers or HTTP clients')
    .option('--caller <number>', `a caller of the account: a number, or ${ANONYMOUS}`)
    .option('--db <n>', 'a database of the account', databaseNumber)
    .option('--cards', 'PINs of the cards of the account')
    .option('--vouchers', 'PINs of the vouchers of the account')
    .option('--number <number>', 'a virtual number')
    .option('--trunk', 'all that came by the trunk')
    .option('--fastagi', 'all that came by FastAGI')
    .option('--api', "all that came from the account's HTTP clients")
    .option('--subscriber <number>', 'a number in international form that was sent a PIN; with --campaign')
    .option('--campaign <id>', 'in which campaign', campaignId)
    .addOption(jsonOption())
    .action(forget)
}

async function list({ limit, json }: ListOptions): Promise<void> {
  const now = Date.now()
  const [tallies, accounts] = await withStore(loadConfig(), (store) =>
    Promise.all([store.guessTallies(now, limit), store.accounts()]),
  )
  const shown = tallies.map((one) => described(one, accounts, now))
  const rows = shown.map(({ scope, account, name, full, lockedUntil }) => [
    ...[scope, account ?? '', name, `${Math.round(full * 100)} %`, lockedUntil ?? ''],
  ])
  const people = table([['WHAT', 'ACCOUNT', 'NAME', 'FULL', 'LOCKED UNTIL'], ...rows])
  print(json, { guesses: shown }, rows.length > 0 ? people : 'No wrong PIN is remembered.')
}

/** Of a caller's number no more than a log would have. */
function described({ scope, name, tally }: NamedTally, accounts: Account[], now: number) {
  const account = accounts.find(({ id }) => name.includes(id))
  const own = name
    .replace(account?.id ?? '', '')
    .replaceAll(/ +/g, ' ')
    .trim()
  return {
    scope,
    account: account?.sid ?? null,
    name: scope === 'caller' && own !== ANONYMOUS ? masked(own) : withoutSubscriber(own),
    full: fullness(scope, tally, now),
    lockedUntil: tally.lockedUntil > now ? new Date(tally.lockedUntil).toISOString() : null,
  }
}

/** A key that is no number is shown by its first letters, so that whoever knows it recognises it. */
function masked(key: string): string {
  const [, sent = '', name = key] = /^(sent )(\+\d+)$/.exec(key) ?? []
  return sent + (name.startsWith('+') ? maskNumber(name) : `${name.slice(0, 3)}…`)
}

/** A virtual number is shown, for it is ours; somebody's own, who was sent a PIN, is not. */
function withoutSubscriber(place: string): string {
  const [, campaign, msisdn] = /^(sent \S+) (\+\d+)$/.exec(place) ?? []
  return campaign === undefined ? place : `${campaign} ${maskNumber(msisdn)}`
}

async function forget(options: ForgetOptions, command: Command): Promise<void> {
  const { caller, db, cards, vouchers, number, trunk, fastagi, api, account, json } = options
  const { subscriber, campaign } = options
  const own = [caller, db, cards, vouchers, api]
  if ([...own, number, trunk, fastagi, subscriber].filter((one) => one !== undefined).length !== 1)
    command.error(
      'error: exactly one of --caller, --db, --cards, --vouchers, --number, --trunk, --fastagi, --api and --subscriber is needed',
    )
  if ((subscriber === undefined) !== (campaign === undefined))
    command.error("error: options '--subscriber <number>' and '--campaign <id>' go together")
  if (own.some((one) => one !== undefined) && account === undefined)
    command.error("error: option '--account <sid>' is needed: these are an account's own")
  const forgiven = await withStore(loadConfig(), async (store) => {
    const names = await named(store, options)
    const found = await Promise.all(names.map((one) => store.forgiveGuesses(...one)))
    return found.includes(true)
  })
  print(json, { forgiven }, forgiven ? 'Forgiven.' : 'There was nothing to forgive.')
  if (!forgiven) process.exitCode = 1
}

async function named(store: Store, options: ForgetOptions): Promise<[Scope, string][]> {
  const { caller, db, cards, vouchers, number, trunk, fastagi, account: sid = '' } = options
  const { subscriber, campaign } = options
  if (number !== undefined) return [['place', numberPlace(await ownNumber(store, number))]]
  if (trunk) return [['way', TRUNK]]
  if (fastagi) return [['way', FASTAGI]]
  if (subscriber !== undefined && campaign !== undefined) return subscribed(store, campaign, subscriber)
  const account = await accountBySid(store, sid)
  if (db !== undefined) return [['place', databasePlace(account.id, db)]]
  if (cards) return [['place', cardsPlace(account.id)]]
  if (vouchers) return [['place', vouchersPlace(account.id)]]
  if (caller === undefined) return clientWays(account.id).map((name) => ['way', name])
  const key = canonicalKey(caller, account)
  if (key === undefined) throw new Refusal('invalid_number', 'that cannot be a caller')
  return [['caller', callerName(account.id, key)]]
}

/** Wrong PINs of a subscriber count for the number in the whole account, and for the PIN that it was sent. */
async function subscribed(store: Store, id: string, written: string): Promise<[Scope, string][]> {
  const { campaign } = await campaignOf(store, id)
  const msisdn = dialledNumber(written, undefined)
  if (msisdn === undefined) throw new Refusal('invalid_number', 'that cannot be a subscriber')
  return [
    ['caller', subscriberName(campaign.accountId, msisdn)],
    ['place', sentPinPlace(id, msisdn)],
  ]
}

/** A virtual number in any international form. */
async function ownNumber(store: Store, written: string): Promise<string> {
  const number = dialledNumber(written, undefined)
  const found = number === undefined ? undefined : await store.findNumber(number)
  if (!found) throw new Refusal('not_found', `${written} is no virtual number`)
  return found.number.number
}
