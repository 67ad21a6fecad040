import type { Database } from 'better-sqlite3'
import {
  SCOPES,
  type Blame,
  type Guesser,
  type Scope,
  type Suspicion,
  type Tally,
} from '../../engine/guard.ts'
import type { NamedTally } from '../../engine/pin-store.ts'
import { ms, text } from './time.ts'

type Row = [scope: Scope, emptyAt: string, lockedUntil: string, strikes: number]

/** What is remembered of wrong PINs. Read and written inside the transaction that compares one. */
export function guesses(db: Database) {
  const find = db
    .prepare<[Record<Scope, string | null>], Row>(
      SCOPES.map(
        (scope) => `select scope, empty_at, locked_until, strikes from guess_tally
                    where scope = '${scope}' and name = @${scope}`,
      ).join(' union all '),
    )
    .raw()
  const save = db.prepare<[Scope, string, string, string, number, string]>(
    `insert into guess_tally (scope, name, empty_at, locked_until, strikes, forget_at) values (?, ?, ?, ?, ?, ?)
     on conflict do update set empty_at = excluded.empty_at, locked_until = excluded.locked_until,
     strikes = excluded.strikes, forget_at = excluded.forget_at`,
  )
  const forget = db.prepare<[string, number]>(
    `delete from guess_tally where (scope, name) in
     (select scope, name from guess_tally where forget_at <= ? order by forget_at limit ?)`,
  )

  const list = db
    .prepare<[string, number], [...Row, name: string]>(
      `select scope, empty_at, locked_until, strikes, name from guess_tally
       where forget_at > ? order by forget_at desc limit ?`,
    )
    .raw()
  // Not by the index on forget_at: there may be many callers before the first place.
  const listScope = db
    .prepare<[Scope, string, number], [...Row, name: string]>(
      `select scope, empty_at, locked_until, strikes, name from guess_tally
       where scope = ? and forget_at > ? order by forget_at desc limit ?`,
    )
    .raw()
  const forgive = db.prepare<[Scope, string]>(`delete from guess_tally where scope = ? and name = ?`)

  return {
    tallies: (guesser: Guesser): Suspicion['tallies'] => {
      const found: Suspicion['tallies'] = { caller: undefined, place: undefined, way: undefined }
      for (const row of find.all({ ...guesser, caller: guesser.caller ?? null, way: guesser.way ?? null }))
        found[row[0]] = toTally(row)
      return found
    },
    keepBlame: (guesser: Guesser, blame: Blame | undefined): void => {
      if (!blame) return
      for (const scope of SCOPES) {
        const name = guesser[scope]
        if (name === undefined) continue
        const { emptyAt, lockedUntil, strikes, forgetAt } = blame[scope]
        save.run(scope, name, text(emptyAt), text(lockedUntil), strikes, text(forgetAt))
      }
    },
    list: (now: number, limit: number, only?: Scope): NamedTally[] => {
      const rows = only === undefined ? list.all(text(now), limit) : listScope.all(only, text(now), limit)
      return rows.map(([scope, emptyAt, lockedUntil, strikes, name]) => ({
        scope,
        name,
        tally: toTally([scope, emptyAt, lockedUntil, strikes]),
      }))
    },
    forgive: (scope: Scope, name: string): boolean => forgive.run(scope, name).changes > 0,
    forget: (now: number, limit: number): number => forget.run(text(now), limit).changes,
  }
}

function toTally([, emptyAt, lockedUntil, strikes]: Row): Tally {
  return { emptyAt: ms(emptyAt), lockedUntil: ms(lockedUntil), strikes }
}
