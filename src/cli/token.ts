import { Option, type Command } from 'commander'
import { newSecret } from '../api/login.ts'
import { loadConfig } from '../config.ts'
import type { Account } from '../engine/accounts.ts'
import type { Store } from '../engine/store.ts'
import { DIALECTS, kept, mobivateIds, newMobivateId, signsPlain, told } from './logins.ts'
import { jsonOption } from './options.ts'
import { print } from './output.ts'
import { accountBySid, withStore } from './store.ts'

type NamedDialect = (typeof DIALECTS)[number]
type TokenOptions = { dialect: NamedDialect; json?: true }

/** `pinbridge account token …`: a new secret for clients of one vendor's API. */
export function addTokenCommand(account: Command): void {
  account
    .command('token')
    .description(
      "make a new token, or 42com password or MOR secret key of the account's own user, or one Mobivate secret key " +
        'for all its account_ids, and print it, once; the old one stops working at once',
    )
    .argument('<sid>', 'of which account')
    .addOption(new Option('--dialect <name>', 'for which API').choices(DIALECTS).makeOptionMandatory())
    .addOption(jsonOption())
    .action(renew)
}

async function renew(sid: string, { dialect, json }: TokenOptions): Promise<void> {
  const token = newSecret()
  const users = await withStore(loadConfig(), async (store) => {
    const account = await accountBySid(store, sid)
    const user = dialect === 'mobivate' ? await anyMobivateId(store, account) : sid
    const secretHash = kept(dialect, token, signsPlain(await store.findLogin(dialect, user)))
    return store.changeSecret({ dialect, user, accountId: account.id, secretHash }, WHICH[dialect])
  })
  const logins = {
    greenpin: { sid, key: users.find((user) => user !== sid) ?? null, token },
    stealthnet: { uid: sid, token },
    '42com': told('42com', sid, token),
    mor: told('mor', sid, token),
    mobivate: { accountIds: users, secret: token },
  }
  const names = dialect === 'mobivate' ? `${users.map((id) => `  account_id ${id}\n`).join('')}\n` : ''
  print(
    json,
    { account: sid, credentials: { [dialect]: logins[dialect] } },
    `The ${dialect} clients of ${sid} ${WITH[dialect]} from now on:

${names}  ${token}

Keep it now: it is not shown again. The one before has stopped working.`,
  )
}

/** One that the account has; one to be made for an account from before there was that API. */
async function anyMobivateId(store: Store, account: Account): Promise<string> {
  const [first = newMobivateId()] = await mobivateIds(store, account)
  return first
}

/** GreenPin's and Simple PINs' names are the account's own, and so is any account_id; 42com and MOR have users with secrets of their own. */
const WHICH: Record<NamedDialect, 'one' | 'all'> = {
  greenpin: 'all',
  stealthnet: 'all',
  '42com': 'one',
  mor: 'one',
  mobivate: 'all',
}

const WITH: Record<NamedDialect, string> = {
  greenpin: 'log in with this token',
  stealthnet: 'log in with this token',
  '42com': 'sign with this password',
  mor: 'sign with this secret key',
  mobivate: 'sign with this secret key, where their signatures have one,',
}
