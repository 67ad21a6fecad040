import type { Database } from 'better-sqlite3'
import type { VoipLine, PaidCallStore } from '../../engine/paid-call-store.ts'
import type { Commit } from './group-commit.ts'
import { unless } from './refused.ts'
import { ms, text } from './time.ts'

type Lines = Pick<PaidCallStore, 'addLine' | 'lines' | 'findLine' | 'removeLine'>
type Row = { username: string; account_id: string; card_id: number; password: string; created_at: string }

const COLUMNS = 'username, account_id, card_id, password, created_at'

/** SIP accounts that call on cards. */
export function lines(db: Database, commit: Commit): Lines {
  const insert = db.prepare<[Row]>(
    `insert into voip_line (${COLUMNS}) values (@username, @account_id, @card_id, @password, @created_at)`,
  )
  const all = db.prepare<[], Row>(`select ${COLUMNS} from voip_line order by username`)
  const ofAccount = db.prepare<[string], Row>(
    `select ${COLUMNS} from voip_line where account_id = ? order by username`,
  )
  const find = db.prepare<[string], Row>(`select ${COLUMNS} from voip_line where username = ?`)
  const remove = db.prepare<[string, string]>(`delete from voip_line where username = ? and account_id = ?`)
  return {
    addLine: ({ username, accountId, cardId, password, createdAt }) =>
      commit(() =>
        unless('duplicates', 'a line of this name exists', () => {
          const owner = { account_id: accountId, card_id: cardId }
          insert.run({ username, ...owner, password, created_at: text(createdAt) })
        }),
      ),
    lines: (accountId) =>
      Promise.resolve((accountId === undefined ? all.all() : ofAccount.all(accountId)).map(toLine)),
    findLine: (username) => {
      const row = find.get(username)
      return Promise.resolve(row && toLine(row))
    },
    removeLine: (accountId, username) => commit(() => remove.run(username, accountId).changes > 0),
  }
}

function toLine(row: Row): VoipLine {
  const { username, account_id: accountId, card_id: cardId, password } = row
  return { username, accountId, cardId, password, createdAt: ms(row.created_at) }
}
