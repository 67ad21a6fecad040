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
  'addAccount' | 'accounts' | 'changeAccount' | 'changeSecret' | 'findLogin' | 'addNumber' | 'findNumber'
>

type NumberRow = Pick<VirtualNumber, 'number' | 'flow'> & { pin_database: number | null }

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
  const updateSecret = db.prepare<[string, string, string]>(
    `update credential set secret_hash = ? where account_id = ? and dialect = ?`,
  )
  const users = db
    .prepare<[string, string, string], string>(
      `select user from credential where account_id = ? and dialect = ? order by user <> ?, user`,
    )
    .pluck()
  const all = db.prepare<[], AccountRow>(`select ${COLUMNS} from account order by id`)
  const login = db.prepare<[string, string], AccountRow & { secret_hash: string }>(
    `select ${COLUMNS}, credential.secret_hash from credential join account on account.id = credential.account_id
     where credential.dialect = ? and credential.user = ?`,
  )
  const insertNumber = db.prepare<[string, string, string, number | null]>(
    `insert into virtual_number (number, account_id, flow, pin_database) values (?, ?, ?, ?)`,
  )
  const number = db.prepare<[string], AccountRow & NumberRow>(
    `select ${COLUMNS}, virtual_number.number, virtual_number.flow, virtual_number.pin_database
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
    changeSecret: ({ dialect, user, accountId, secretHash }) =>
      commit(() =>
        unless('duplicate_transaction', 'another account logs in with this name', () => {
          if (!users.all(accountId, dialect, user).includes(user))
            insertCredential.run(dialect, user, accountId, secretHash)
          updateSecret.run(secretHash, accountId, dialect)
          return users.all(accountId, dialect, user)
        }),
      ),
    findLogin: (dialect, user) => {
      const row = login.get(dialect, user)
      return Promise.resolve(row && { account: toAccount(row), secretHash: row.secret_hash })
    },
    addNumber: ({ number: e164, accountId, flow, database }) =>
      commit(() =>
        unless('number_taken', `${e164} belongs to an account already`, () => {
          insertNumber.run(e164, accountId, flow, database ?? null)
        }),
      ),
    findNumber: (e164) => {
      const row = number.get(e164)
      if (!row) return Promise.resolve(undefined)
      const account = toAccount(row)
      const { number: found, flow, pin_database: database } = row
      const vn = { number: found, flow, accountId: account.id, ...(database !== null && { database }) }
      return Promise.resolve({ number: vn, account })
    },
  }
}

/** The driver's word for "exists already" as the engine's. By code: under a test runner the error may be of another realm. */
function unless<T>(code: RefusalCode, message: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { code: driverCode } = error as { code?: string }
    if (driverCode === 'SQLITE_CONSTRAINT_PRIMARYKEY' || driverCode === 'SQLITE_CONSTRAINT_UNIQUE')
      throw new Refusal(code, message)
    throw error
  }
}
