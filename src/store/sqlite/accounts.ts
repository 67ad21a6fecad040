import type { Database } from 'better-sqlite3'
import type { VirtualNumber } from '../../engine/accounts.ts'
import { Refusal, type RefusalCode } from '../../engine/errors.ts'
import type { Event } from '../../engine/events.ts'
import type { Store } from '../../engine/store.ts'
import {
  ACCOUNT_COLUMNS as COLUMNS,
  accountFinder,
  type AccountRow,
  settingsWriter,
  toAccount,
} from './account-rows.ts'
import type { Commit } from './group-commit.ts'

type Accounts = Pick<
  Store,
  'addAccount' | 'accounts' | 'changeAccount' | 'findLogin' | 'addNumber' | 'findNumber'
>

/** Accounts, their credentials and their numbers. */
export function accounts(db: Database, commit: Commit, keep: (events?: Event[]) => void): Accounts {
  const find = accountFinder(db)
  const saveSettings = settingsWriter(db)
  const insertAccount = db.prepare<[string, string, string, string, string]>(
    `insert into account (id, sid, name, settings, webhook_secret) values (?, ?, ?, ?, ?)`,
  )
  const insertCredential = db.prepare<[string, string, string, string]>(
    `insert into credential (dialect, user, account_id, secret_hash) values (?, ?, ?, ?)`,
  )
  const all = db.prepare<[], AccountRow>(`select ${COLUMNS} from account order by id`)
  const login = db.prepare<[string, string], AccountRow & { secret_hash: string }>(
    `select ${COLUMNS}, credential.secret_hash from credential join account on account.id = credential.account_id
     where credential.dialect = ? and credential.user = ?`,
  )
  const insertNumber = db.prepare<[string, string, string]>(
    `insert into virtual_number (number, account_id, flow) values (?, ?, ?)`,
  )
  const number = db.prepare<[string], AccountRow & Pick<VirtualNumber, 'number' | 'flow'>>(
    `select ${COLUMNS}, virtual_number.number, virtual_number.flow
     from virtual_number join account on account.id = virtual_number.account_id where virtual_number.number = ?`,
  )

  return {
    addAccount: (account, credentials) =>
      commit(() =>
        unless('duplicate_transaction', 'an account with this sid or key exists', () => {
          const { id, sid, name, settings, webhookSecret } = account
          insertAccount.run(id, sid, name, JSON.stringify(settings), webhookSecret)
          for (const { dialect, user, accountId, secretHash } of credentials)
            insertCredential.run(dialect, user, accountId, secretHash)
        }),
      ),
    accounts: () => Promise.resolve(all.all().map(toAccount)),
    changeAccount: (id, decide) =>
      commit(() => {
        const change = decide(find(id))
        if (change.save) saveSettings(id, change.save.settings, 'the endpoint was removed')
        // After the settings, which say where these go.
        keep(change.events)
        return change.result
      }),
    findLogin: (dialect, user) => {
      const row = login.get(dialect, user)
      return Promise.resolve(row && { account: toAccount(row), secretHash: row.secret_hash })
    },
    addNumber: ({ number: e164, accountId, flow }) =>
      commit(() =>
        unless('number_taken', `${e164} belongs to an account already`, () => {
          insertNumber.run(e164, accountId, flow)
        }),
      ),
    findNumber: (e164) => {
      const row = number.get(e164)
      if (!row) return Promise.resolve(undefined)
      const account = toAccount(row)
      return Promise.resolve({
        number: { number: row.number, flow: row.flow, accountId: account.id },
        account,
      })
    },
  }
}

/** The driver's word for "exists already" as the engine's. By code: under a test runner the error may be of another realm. */
function unless(code: RefusalCode, message: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    const { code: driverCode } = error as { code?: string }
    if (driverCode === 'SQLITE_CONSTRAINT_PRIMARYKEY' || driverCode === 'SQLITE_CONSTRAINT_UNIQUE')
      throw new Refusal(code, message)
    throw error
  }
}
