import type { Database } from 'better-sqlite3'
import type { CardStore } from '../../engine/card-store.ts'
import type { Commit } from './group-commit.ts'
import { text } from './time.ts'

/** Requests that are carried out once, and what was answered to them. */
export function requests(
  db: Database,
  commit: Commit,
): Pick<CardStore, 'beginRequest' | 'endRequest' | 'forgetRequests'> {
  const find = db.prepare<[string], { answer: string | null }>(`select answer from request where key = ?`)
  const insert = db.prepare<[string, string]>(`insert into request (key, forget_at) values (?, ?)`)
  const update = db.prepare<[string, string]>(`update request set answer = ? where key = ?`)
  const forget = db.prepare<[string, number]>(
    `delete from request where key in (select key from request where forget_at <= ? order by forget_at limit ?)`,
  )
  return {
    beginRequest: (key, forgetAt) =>
      commit(() => {
        const known = find.get(key)
        if (known) return { answer: known.answer ?? undefined }
        insert.run(key, text(forgetAt))
        return 'new' as const
      }),
    endRequest: (key, answer) => commit(() => void update.run(answer, key)),
    forgetRequests: (now, limit) => commit(() => forget.run(text(now), limit).changes),
  }
}
