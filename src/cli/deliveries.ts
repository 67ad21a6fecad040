import { Option, type Command } from 'commander'
import { signedLinks, type Links } from '../api/links.ts'
import { httpAddress, loadConfig, type Config } from '../config.ts'
import type { Account } from '../engine/accounts.ts'
import { Refusal } from '../engine/errors.ts'
import type { Event } from '../engine/events.ts'
import type { EventState, StoredEvent } from '../engine/store.ts'
import { linkKey, loadSecrets } from '../secrets.ts'
import { hidden, HIDDEN_LINKS } from './hidden.ts'
import { eventId, jsonOption, rowLimit } from './options.ts'
import { print, table } from './output.ts'
import { resendDead, resendThese, type NotResent } from './resend.ts'
import { accountBySid, withStore } from './store.ts'

const STATES: readonly EventState[] = ['waiting', 'delivered', 'dead', 'no_receiver']
const LIST_LIMIT = 50

type ListOptions = { account?: string; state?: EventState; limit: number; before?: string; json?: true }
type ShowOptions = { reveal?: boolean; json?: true }
type ResendOptions = { account?: string; dead?: true; json?: true }

/** `pinbridge deliveries …`: what receivers were told, and what they were not. */
export function addDeliveryCommands(program: Command): void {
  const deliveries = program
    .command('deliveries')
    .description('the events that receivers are told by webhook')
  deliveries
    .command('list')
    .description('list events and what became of them, newest first')
    .option('--account <sid>', 'only those of this account')
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--limit <n>', 'how many at most', rowLimit, LIST_LIMIT)
    .option('--before <id>', 'only those older than this one', eventId)
    .addOption(jsonOption())
    .action(list)
  deliveries
    .command('show')
    .description('show an event and its body; PINs and numbers are hidden')
    .argument('<id>', 'the webhook-id')
    .option('--reveal', 'show the body as it is sent, with PINs and numbers')
    .addOption(jsonOption())
    .action(show)
  deliveries
    .command('resend')
    .description('send events again under the same webhook-id: some, or all of an account that were given up')
    .argument('[id...]', 'the webhook-id of each')
    .option('--account <sid>', 'whose; together with --dead')
    .option('--dead', 'all that were given up; together with --account')
    .addOption(jsonOption())
    .action(resend)
}

async function list({ account: sid, state, limit, before, json }: ListOptions): Promise<void> {
  const { rows, more } = await withStore(loadConfig(), async (store) => {
    const accounts = new Map((await store.accounts()).map((one) => [one.id, one]))
    const account = sid === undefined ? undefined : await accountBySid(store, sid)
    const found = await store.events({
      ...(account && { accountId: account.id }),
      ...(state && { state }),
      ...(before !== undefined && { before }),
      // One more tells whether there are more.
      limit: limit + 1,
    })
    return {
      rows: found.slice(0, limit).map((one) => summary(one, accounts.get(one.event.accountId))),
      more: found.length > limit,
    }
  })
  const next = more ? (rows.at(-1)?.id ?? null) : null
  const cells = rows.map((row) => [
    ...[row.id, row.account, row.type, row.state, String(row.attempts)],
    ...[row.nextTryAt ?? '-', row.lastWord ?? '-'],
  ])
  const people = [table([['ID', 'ACCOUNT', 'EVENT', 'STATE', 'ATTEMPTS', 'NEXT TRY', 'LAST WORD'], ...cells])]
  if (next !== null) people.push('', `There are older ones: --before ${next}`)
  print(json, { deliveries: rows, next }, rows.length > 0 ? people.join('\n') : 'There is no such event.')
}

async function show(id: string, { reveal = false, json }: ShowOptions): Promise<void> {
  const config = loadConfig()
  const { stored, account } = await withStore(config, async (store) => {
    const found = await store.findEvent(id)
    if (!found) throw new Refusal('not_found', 'no event has this id: see pinbridge deliveries list')
    const owner = (await store.accounts()).find((one) => one.id === found.event.accountId)
    return { stored: found, account: owner }
  })
  const row = summary(stored, account)
  const receiver = receiverOf(stored, account)
  const body = await bodyOf(stored.event, config, reveal)
  const lines = table([
    ['id', row.id],
    ['account', row.account],
    ['event', row.type],
    ['happened', row.at],
    ['state', row.state],
    ['attempts', String(row.attempts)],
    ['next try', row.nextTryAt ?? '-'],
    ['last word', row.lastWord ?? '-'],
    ['receiver', receiver ?? 'none now'],
  ])
  const title = reveal ? 'Its body:' : 'Its body, without PINs and numbers; --reveal shows it as it is sent:'
  const text = body ? `${title}\n${JSON.stringify(body)}` : 'Nothing is sent for such an event.'
  print(json, { delivery: { ...row, receiver, revealed: reveal, body: body ?? null } }, `${lines}\n\n${text}`)
}

async function resend(ids: string[], options: ResendOptions, command: Command): Promise<void> {
  const { account: sid, dead, json } = options
  const all = sid !== undefined && dead !== undefined && ids.length === 0
  const some = sid === undefined && dead === undefined && ids.length > 0
  if (!all && !some) command.error('error: expected ids, or --account <sid> with --dead and no ids')
  const results = await withStore(loadConfig(), async (store) =>
    all ? resendDead(store, (await accountBySid(store, sid)).id) : resendThese(store, ids),
  )
  const failed = results.filter((one) => !one.resent).length
  const lines = results.map((one) => `${one.id}  ${one.resent ? 'due now' : WHY_NOT[one.reason]}`)
  const nothing = 'No event of this account is given up.'
  const count = `${results.length - failed} of ${results.length} will be sent again, as soon as pinbridge runs.`
  const people = results.length === 0 ? nothing : [...lines, '', count].join('\n')
  print(json, { resent: results.length - failed, failed, results }, people)
  if (failed > 0) process.exitCode = 1
}

const WHY_NOT: Record<NotResent, string> = {
  not_found: 'not resent: there is no such event',
  no_endpoint: 'not resent: its account has no endpoint for it now',
}

/** An event without anything of its contents. */
function summary({ event, state, attempts, dueAt, lastWord }: StoredEvent, account: Account | undefined) {
  return {
    id: event.id,
    account: account?.sid ?? event.accountId,
    type: event.type,
    at: utc(event.at),
    state,
    attempts,
    nextTryAt: dueAt === undefined ? null : utc(dueAt),
    lastWord: lastWord ?? null,
  }
}

/** Where it would go now. The host alone, as in the log: some receivers keep a password in the rest of the address. */
function receiverOf({ event }: StoredEvent, account: Account | undefined): string | null {
  const endpoint = account?.settings.endpoints[event.type]
  return endpoint === undefined ? null : (URL.parse(endpoint)?.host ?? null)
}

/** What the receiver gets. Hidden before it is shaped, so that no dialect can show under a new name what is hidden. */
async function bodyOf(event: Event, config: Config, reveal: boolean): Promise<object | undefined> {
  // HTTP and its framework, which the other commands start faster without.
  const { bodyOf: tell } = await import('../api/dialects/index.ts')
  return reveal ? tell(event, ownLinks(config)) : tell(hidden(event), HIDDEN_LINKS)
}

/** The links that the application makes. Its secrets are read for a recording only: where nothing ran yet there are none. */
function ownLinks({ data, http }: Config): Links {
  const base = () => httpAddress(http, http.port)
  return { recording: (...which) => signedLinks(linkKey(loadSecrets(data)), base).recording(...which) }
}

function utc(ms: number): string {
  return new Date(ms).toISOString()
}
