import { Option, type Command } from 'commander'
import { hashSecret, newSecret } from '../api/login.ts'
import { loadConfig } from '../config.ts'
import type { Dialect } from '../engine/accounts.ts'
import { jsonOption } from './options.ts'
import { print } from './output.ts'
import { accountBySid, withStore } from './store.ts'

const DIALECTS: readonly Dialect[] = ['greenpin', 'stealthnet']

type TokenOptions = { dialect: Dialect; json?: true }

/** `pinbridge account token …`: a new secret for clients of one vendor's API. */
export function addTokenCommand(account: Command): void {
  account
    .command('token')
    .description('make a new API token and print it, once; the old one stops working at once')
    .argument('<sid>', 'of which account')
    .addOption(new Option('--dialect <name>', 'for which API').choices(DIALECTS).makeOptionMandatory())
    .addOption(jsonOption())
    .action(renew)
}

async function renew(sid: string, { dialect, json }: TokenOptions): Promise<void> {
  const token = newSecret()
  const users = await withStore(loadConfig(), async (store) => {
    const { id: accountId } = await accountBySid(store, sid)
    return store.changeSecret({ dialect, user: sid, accountId, secretHash: hashSecret(token) })
  })
  const logins = {
    greenpin: { sid, key: users.find((user) => user !== sid) ?? null, token },
    stealthnet: { uid: sid, token },
  }
  print(
    json,
    { account: sid, credentials: { [dialect]: logins[dialect] } },
    `The ${dialect} clients of ${sid} log in with this token from now on:

  ${token}

Keep it now: it is not shown again. The one before has stopped working.`,
  )
}
