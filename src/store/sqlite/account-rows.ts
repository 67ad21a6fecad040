import type { Database } from 'better-sqlite3'
import { type Account, type AccountSettings, DEFAULT_SETTINGS } from '../../engine/accounts.ts'

export type AccountRow = { id: string; sid: string; name: string; settings: string; webhook_secret: string }

export const ACCOUNT_COLUMNS =
  'account.id, account.sid, account.name, account.settings, account.webhook_secret'

/** A row written before a setting existed lacks it, and means its default. */
export function toAccount(row: AccountRow): Account {
  const { cards, subscriptions, ...own } = JSON.parse(row.settings) as Partial<AccountSettings>
  const settings = {
    ...DEFAULT_SETTINGS,
    ...own,
    cards: { ...DEFAULT_SETTINGS.cards, ...cards },
    subscriptions: { ...DEFAULT_SETTINGS.subscriptions, ...subscriptions },
  }
  return { id: row.id, sid: row.sid, name: row.name, settings, webhookSecret: row.webhook_secret }
}

export type FindAccount = (id: string) => Account | undefined

/** Finds an account by its id. */
export function accountFinder(db: Database): FindAccount {
  const find = db.prepare<[string], AccountRow>(`select ${ACCOUNT_COLUMNS} from account where id = ?`)
  return (id) => {
    const row = find.get(id)
    return row && toAccount(row)
  }
}

/** Looks each account up once. For one piece of work only: it would not see a change. */
export function eachOnce(find: FindAccount): FindAccount {
  const seen = new Map<string, Account | undefined>()
  return (id) => {
    if (!seen.has(id)) seen.set(id, find(id))
    return seen.get(id)
  }
}

/**
 * Writes an account's settings, inside a transaction. Events that wait for an endpoint which they no longer have are
 * given up with `lastWord`, for nothing could ever deliver them.
 */
export function settingsWriter(db: Database) {
  const save = db.prepare<[string, string]>(`update account set settings = ? where id = ?`)
  // The index is named, as SQLite would take event_state, and read what waits for all accounts.
  const giveUp = db.prepare<[string, string, string]>(
    `update event indexed by event_due set state = 'dead', due_at = null, last_word = ?
     where account_id = ? and state = 'waiting' and type not in (select key from json_each(?))`,
  )
  return (accountId: string, settings: AccountSettings, lastWord: string): void => {
    save.run(JSON.stringify(settings), accountId)
    giveUp.run(lastWord, accountId, JSON.stringify(settings.endpoints))
  }
}
