import { randomInt } from 'node:crypto'
import { InvalidArgumentError, type Command } from 'commander'
import { newSecret } from '../api/login.ts'
import { Refusal } from '../engine/errors.ts'
import { cardNumber } from './card-options.ts'
import { cardNumbered, utc } from './cards.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { withAccount } from './store.ts'

/** No 0, o, 1, l, i, u: they are typed into telephones. */
const LETTERS = 'abcdefghjkmnpqrstvwxyz23456789'
/** So many that nobody who tries names finds one. */
const NAME_LETTERS = 12

type AddOptions = { account: string; card: string; username?: string; json?: true }
type RemoveOptions = { account: string; json?: true }
type ListOptions = { account: string; json?: true }

/** `pinbridge line …`: telephones and apps that register here and call on a card. */
export function addLineCommands(program: Command): void {
  const line = program
    .command('line')
    .description('VoIP lines: SIP accounts that register here and call on a card')
  line
    .command('add')
    .description('make a line; prints its password, once')
    .requiredOption('--account <sid>', 'whose')
    .requiredOption('--card <number>', 'whose money its calls cost', cardNumber)
    .option('--username <name>', 'its SIP user name (default: a random one, which nobody guesses)', lineName)
    .addOption(jsonOption())
    .action(add)
  line
    .command('list')
    .description('list the lines, without their passwords')
    .requiredOption('--account <sid>', 'whose')
    .addOption(jsonOption())
    .action(list)
  line
    .command('remove')
    .description('let a line register and call no more')
    .argument('<username>', 'which', lineName)
    .requiredOption('--account <sid>', 'whose')
    .addOption(jsonOption())
    .action(remove)
}

function lineName(value: string): string {
  // What calls come in by has a name of that kind too.
  if (/^[a-z0-9][a-z0-9-]{3,39}$/.test(value) && value !== 'trunk') return value
  throw new InvalidArgumentError('Expected 4 to 40 lower-case letters, digits and -, and not trunk.')
}

async function add({ account: sid, card: number, username = randomName(), json }: AddOptions): Promise<void> {
  const password = newSecret()
  await withAccount(sid, async ({ store, now }, account) => {
    const card = await cardNumbered(store, account, number)
    await store.addLine({ username, accountId: account.id, cardId: card.id, password, createdAt: now() })
  })
  print(
    json,
    { line: { username, password, card: number } },
    `A telephone that registers as this user calls on card ${number}:

  user     ${username}
  password ${password}

Keep the password now: it is not shown again here.`,
  )
}

function randomName(): string {
  const letters = Array.from({ length: NAME_LETTERS }, () => LETTERS[randomInt(LETTERS.length)])
  return `line-${letters.join('')}`
}

async function list({ account: sid, json }: ListOptions): Promise<void> {
  const lines = await withAccount(sid, async ({ store }, { id: accountId }) =>
    Promise.all(
      (await store.lines(accountId)).map(async ({ username, cardId, createdAt }) => {
        const card = await store.findCard({ accountId, id: cardId })
        return { username, card: card?.number ?? null, createdAt: utc(createdAt) }
      }),
    ),
  )
  const rows = lines.map(({ username, card, createdAt }) => [username, card ?? '-', createdAt])
  print(
    json,
    { lines },
    rows.length > 0 ? table([['USER', 'CARD', 'MADE'], ...rows]) : 'There is no line yet.',
  )
}

async function remove(username: string, { account: sid, json }: RemoveOptions): Promise<void> {
  await withAccount(sid, async ({ store }, { id }) => {
    if (!(await store.removeLine(id, username)))
      throw new Refusal('not_found', 'the account has no such line')
  })
  print(json, { removed: username }, `${username} cannot register or call any more.`)
}
