import { Option, type Command } from 'commander'
import { newSecret } from '../api/login.ts'
import { loadConfig } from '../config.ts'
import { DIALECTS, kept, signsPlain, told } from './logins.ts'
import { jsonOption } from './options.ts'
import { print } from './output.ts'
import { accountBySid, withStore } from './store.ts'

type TokenOptions = { dialect: (typeof DIALECTS)[number]; json?: true }

/** `pinbridge account token …`: a new secret for clients of one vendor's API. */
export function addTokenCommand(account: Command): void {
  account
    .command('token')
    .description(
      "make a new token, or 42com password or MOR secret key of the account's own user, and print it, once; " +
        'the old one stops working at once',
    )
    .argument('<sid>', 'of which account')
    .addOption(new Option('--dialect <name>', 'for which API').choices(DIALECTS).makeOptionMandatory())
    .addOption(jsonOption())
    .action(renew)
}

async function renew(sid: string, { dialect, json }: TokenOptions): Promise<void> {
  const token = newSecret()
  const users = await withStore(loadConfig(), async (store) => {
    const { id: accountId } = await accountBySid(store, sid)
    const secretHash = kept(dialect, token, signsPlain(await store.findLogin(dialect, sid)))
    // All of GreenPin's and Simple PINs' names are the account's own; 42com and MOR have users with secrets of their own.
    const which = dialect === '42com' || dialect === 'mor' ? 'one' : 'all'
    return store.changeSecret({ dialect, user: sid, accountId, secretHash }, which)
  })
  const logins = {
    greenpin: { sid, key: users.find((user) => user !== sid) ?? null, token },
    stealthnet: { uid: sid, token },
    '42com': told('42com', sid, token),
    mor: told('mor', sid, token),
  }
  print(
    json,
    { account: sid, credentials: { [dialect]: logins[dialect] } },
    `The ${dialect} clients of ${sid} ${WITH[dialect]} from now on:

  ${token}

Keep it now: it is not shown again. The one before has stopped working.`,
  )
}

const WITH = {
  greenpin: 'log in with this token',
  stealthnet: 'log in with this token',
  '42com': 'sign with this password',
  mor: 'sign with this secret key',
}
