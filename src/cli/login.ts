import { Option, type Command } from 'commander'
import { newSecret } from '../api/login.ts'
import { ROLES, type Account, type Credential, type Role } from '../engine/accounts.ts'
import { Refusal } from '../engine/errors.ts'
import type { Store } from '../engine/store.ts'
import { cardNumber } from './card-options.ts'
import { DIALECTS_WITH_USERS, kept, signsPlain, told, type DialectWithUsers } from './logins.ts'
import { jsonOption, userName } from './options.ts'
import { print, table } from './output.ts'
import { withAccount } from './store.ts'

type AddOptions = {
  account: string
  dialect: DialectWithUsers
  card?: string
  role?: Role
  plainSignatures?: true
  json?: true
}
type RenewOptions = Pick<AddOptions, 'account' | 'dialect' | 'json'>
type ListOptions = { account: string; json?: true }

/** `pinbridge login …`: further users of the APIs that know users. */
export function addLoginCommands(program: Command): void {
  const login = program
    .command('login')
    .description("further users of an account's 42com, MOR and Mobivate APIs")
  const withWhom = (command: Command, what: string) =>
    command
      .argument('<user>', what, userName)
      .requiredOption('--account <sid>', 'whose')
      .addOption(
        new Option('--dialect <name>', 'of which API').choices(DIALECTS_WITH_USERS).makeOptionMandatory(),
      )
  withWhom(
    login.command('add'),
    'the name to sign with; mobivate: an account_id, to be kept as secret as a password',
  )
    .description('add a user; prints the password or secret key, once')
    .option('--card <number>', '42com: the card that this user is', cardNumber)
    .addOption(new Option('--role <role>', 'MOR: what this user may do').choices(ROLES))
    .option('--plain-signatures', '42com: for clients that sign the password itself, not its MD5')
    .addOption(jsonOption())
    .action(add)
  withWhom(login.command('renew'), 'who')
    .description('give a user a new password or secret key and print it, once; the old one stops working')
    .addOption(jsonOption())
    .action(renew)
  login
    .command('list')
    .description('list all users of all APIs, without their secrets')
    .requiredOption('--account <sid>', 'whose')
    .addOption(jsonOption())
    .action(list)
}

async function add(user: string, options: AddOptions, command: Command): Promise<void> {
  const { account: sid, dialect, card, role, plainSignatures, json } = options
  if (dialect !== '42com' && (card !== undefined || plainSignatures))
    command.error("error: options '--card <number>' and '--plain-signatures' are of use with 42com only")
  if (dialect !== 'mor' && role !== undefined)
    command.error("error: option '--role <role>' is of use with mor only")
  if (dialect === 'mobivate' && !/^[\w-]{8,64}$/.test(user))
    command.error('error: an account_id of Mobivate has 8 to 64 letters, digits, - and _')
  const secret = newSecret()
  await withAccount(sid, async ({ store }, account) => {
    const cardId = card === undefined ? undefined : await cardIdOf(store, account, card)
    const secretHash = kept(dialect, secret, plainSignatures)
    await store.addCredential({ dialect, user, accountId: account.id, secretHash, cardId, role })
  })
  print(
    json,
    { account: sid, dialect, login: told(dialect, user, secret), card: card ?? null, role: role ?? null },
    spoken(dialect, user, secret),
  )
}

async function cardIdOf(store: Store, account: Account, number: string): Promise<number> {
  const card = await store.findCard({ accountId: account.id, number })
  if (!card) throw new Refusal('not_found', `no card of the account has the number ${number}`)
  return card.id
}

function spoken(dialect: DialectWithUsers, user: string, secret: string): string {
  const names = dialect === 'mobivate' ? 'account_id' : 'user'
  return `The ${dialect} ${names} ${user} signs with this ${dialect === '42com' ? 'password' : 'secret key'}:

  ${secret}

Keep it now: it is not shown again.`
}

async function renew(user: string, options: RenewOptions): Promise<void> {
  const { account: sid, dialect, json } = options
  const secret = newSecret()
  await withAccount(sid, async ({ store }, { id: accountId }) => {
    const found = await store.findLogin(dialect, user)
    if (found?.account.id !== accountId) throw new Refusal('not_found', 'the account has no such user')
    const secretHash = kept(dialect, secret, signsPlain(found))
    await store.changeSecret({ dialect, user, accountId, secretHash }, 'one')
  })
  print(json, { account: sid, dialect, login: told(dialect, user, secret) }, spoken(dialect, user, secret))
}

async function list({ account: sid, json }: ListOptions): Promise<void> {
  const logins = await withAccount(sid, async ({ store }, { id }) =>
    Promise.all((await store.logins(id)).map((one) => described(store, one))),
  )
  const rows = logins.map(({ dialect, user, card, role, plainSignatures }) => [
    ...[dialect, user, card ?? '-', role ?? '-', plainSignatures ? 'plain' : '-'],
  ])
  print(json, { logins }, table([['DIALECT', 'USER', 'CARD', 'ROLE', 'SIGNATURES'], ...rows]))
}

async function described(store: Store, login: Credential) {
  const { dialect, user, accountId, cardId: id, role } = login
  const card = id === undefined ? undefined : await store.findCard({ accountId, id })
  const isMor = dialect === 'mor'
  return {
    dialect,
    user,
    card: card?.number ?? null,
    role: role ?? (isMor ? ('admin' as const) : null),
    plainSignatures: dialect === '42com' && signsPlain(login),
  }
}
