import type { Database } from 'better-sqlite3'
import type { Credential, Dialect, LoginScope, Role, VirtualNumber } from '../../engine/accounts.ts'
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
import { unless } from './refused.ts'

type Accounts = Pick<
  Store,
  | 'addAccount'
  | 'accounts'
  | 'findAccount'
  | 'changeAccount'
  | 'changeSecret'
  | 'logins'
  | 'addCredential'
  | 'findLogin'
  | 'numbers'
  | 'addNumber'
  | 'findNumber'
>

type ScopeRow = { card_id: number | null; role: Role | null }
type LoginRow = AccountRow & ScopeRow & { secret_hash: string }
type LoginListRow = Pick<Credential, 'dialect' | 'user'> &
  ScopeRow & { account_id: string; secret_hash: string }
type NumberRow = Pick<VirtualNumber, 'number' | 'flow'> & { account_id: string; pin_database: number | null }

/** Accounts, their credentials and their numbers. */
export function accounts(db: Database, commit: Commit, keep: (events?: Event[]) => void): Accounts {
  const find = accountFinder(db)
  const saveSettings = settingsWriter(db)
  const insertAccount = db.prepare<[string, string, string, string, string]>(
    `insert into account (id, sid, name, settings, webhook_secret) values (?, ?, ?, ?, ?)`,
  )
  const addLogin = loginWriter(db)
  const updateSecret = db.prepare<[string, string, string]>(
    `update credential set secret_hash = ? where account_id = ? and dialect = ?`,
  )
  const users = db
    .prepare<[string, string, string], string>(
      `select user from credential where account_id = ? and dialect = ? order by user <> ?, user`,
    )
    .pluck()
  const updateOne = db.prepare<[string, string, string]>(
    `update credential set secret_hash = ? where dialect = ? and user = ?`,
  )
  const someLogins = (also: string) =>
    `select dialect, user, account_id, secret_hash, card_id, role from credential
     where account_id = ? ${also} order by dialect, user`
  const allLogins = db.prepare<[string], LoginListRow>(someLogins(''))
  const loginsIn = db.prepare<[string, Dialect], LoginListRow>(someLogins('and dialect = ?'))
  const all = db.prepare<[], AccountRow>(`select ${COLUMNS} from account order by id`)
  const login = db.prepare<[string, string], LoginRow>(
    `select ${COLUMNS}, credential.secret_hash, credential.card_id, credential.role from credential join account on account.id = credential.account_id
     where credential.dialect = ? and credential.user = ?`,
  )
  const insertNumber = db.prepare<[string, string, string, number | null]>(
    `insert into virtual_number (number, account_id, flow, pin_database) values (?, ?, ?, ?)`,
  )
  const allNumbers = db.prepare<[string], NumberRow>(
    `select number, account_id, flow, pin_database from virtual_number where account_id = ? order by number`,
  )
  const number = db.prepare<[string], AccountRow & NumberRow>(
    `select ${COLUMNS}, virtual_number.number, account_id, virtual_number.flow, virtual_number.pin_database
     from virtual_number join account on account.id = virtual_number.account_id where virtual_number.number = ?`,
  )

  return {
    addAccount: (account, credentials) =>
      commit(() =>
        unless('duplicate_transaction', 'an account with this sid or key exists', () => {
          const { id, sid, name, settings, webhookSecret } = account
          insertAccount.run(id, sid, name, JSON.stringify(settings), webhookSecret)
          for (const credential of credentials) addLogin(credential)
        }),
      ),
    findAccount: (id) => Promise.resolve(find(id)),
    accounts: () => Promise.resolve(all.all().map(toAccount)),
    changeAccount: (id, decide) =>
      commit(() => {
        const change = decide(find(id))
        if (change.save) saveSettings(id, change.save.settings, 'the endpoint was removed')
        // After the settings, which say where these go.
        keep(change.events)
        return change.result
      }),
    changeSecret: (credential, which = 'all') =>
      commit(() =>
        unless('duplicate_transaction', 'another account logs in with this name', () => {
          const { dialect, user, accountId, secretHash } = credential
          if (!users.all(accountId, dialect, user).includes(user)) addLogin(credential)
          if (which === 'one') {
            updateOne.run(secretHash, dialect, user)
            return [user]
          }
          updateSecret.run(secretHash, accountId, dialect)
          return users.all(accountId, dialect, user)
        }),
      ),
    logins: (accountId, dialect) => {
      const rows = dialect === undefined ? allLogins.all(accountId) : loginsIn.all(accountId, dialect)
      return Promise.resolve(
        rows.map(({ dialect, user, account_id, secret_hash, ...scope }) => ({
          ...{ dialect, user, accountId: account_id, secretHash: secret_hash },
          ...toScope(scope),
        })),
      )
    },
    addCredential: (credential) =>
      commit(() =>
        unless('duplicate_transaction', 'a login of this name exists', () => addLogin(credential)),
      ),
    findLogin: (dialect, user) => {
      const row = login.get(dialect, user)
      if (!row) return Promise.resolve(undefined)
      return Promise.resolve({ account: toAccount(row), secretHash: row.secret_hash, ...toScope(row) })
    },
    numbers: (accountId) => Promise.resolve(allNumbers.all(accountId).map(toNumber)),
    addNumber: ({ number: e164, accountId, flow, database }) =>
      commit(() =>
        unless('number_taken', `${e164} belongs to an account already`, () => {
          insertNumber.run(e164, accountId, flow, database ?? null)
        }),
      ),
    findNumber: (e164) => {
      const row = number.get(e164)
      return Promise.resolve(row && { number: toNumber(row), account: toAccount(row) })
    },
  }
}

/** Writes a login, inside a transaction. */
function loginWriter(db: Database): (credential: Credential) => void {
  const insert = db.prepare<[string, string, string, string, number | null, string | null]>(
    `insert into credential (dialect, user, account_id, secret_hash, card_id, role) values (?, ?, ?, ?, ?, ?)`,
  )
  return ({ dialect, user, accountId, secretHash, cardId, role }) =>
    void insert.run(dialect, user, accountId, secretHash, cardId ?? null, role ?? null)
}

function toScope({ card_id: cardId, role }: ScopeRow): LoginScope {
  return { cardId: cardId ?? undefined, role: role ?? undefined }
}

function toNumber({ number, account_id: accountId, flow, pin_database: database }: NumberRow): VirtualNumber {
  return { number, accountId, flow, ...(database !== null && { database }) }
}
