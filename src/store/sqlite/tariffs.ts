import type { Database } from 'better-sqlite3'
import type { CardStore } from '../../engine/card-store.ts'
import type { Rate, Tariff } from '../../engine/rates.ts'
import type { Commit } from './group-commit.ts'
import { inTurn } from './in-turn.ts'
import { RATE_COLUMNS, rateFinder, type RateRow, toRate } from './rates.ts'
import { ms, text } from './time.ts'

type Tariffs = Pick<
  CardStore,
  'beginTariff' | 'putRates' | 'finishTariff' | 'forgetRates' | 'tariffs' | 'findRate' | 'ratesAfter'
>

type TariffRow = {
  id: number
  account_id: string
  name: string
  version: number
  rates: number
  imported_at: string
}
type Begun = Pick<TariffRow, 'account_id' | 'name' | 'rates'> & { begun_at: string }

const COLUMNS = 'id, account_id, name, version, rates, imported_at'

/**
 * Tariffs. Rates belong to a version, and a tariff is one of them: an import writes another and puts it in its place in one go,
 * so that half of one is never seen. `commitAlone` is for the many rates.
 */
export function tariffs(db: Database, commit: Commit, commitAlone: Commit): Tariffs {
  const list = db.prepare<[string], TariffRow>(
    `select ${COLUMNS} from tariff where account_id = ? order by name`,
  )
  const versionOf = db.prepare<[number], number>(`select version from tariff where id = ?`).pluck()
  const page = db
    .prepare<[number, string, number], RateRow>(
      `select ${RATE_COLUMNS} from rate where version = ? and prefix > ? order by prefix limit ?`,
    )
    .raw()
  const findRate = rateFinder(db)
  return {
    ...imports(db, commit, commitAlone),
    forgetRates: forgetting(db, commitAlone),
    tariffs: (accountId) => Promise.resolve(list.all(accountId).map(toTariff)),
    findRate: (tariffId, digits) => {
      const version = versionOf.get(tariffId)
      return Promise.resolve(version === undefined ? undefined : findRate(version, digits))
    },
    ratesAfter: (tariffId, after, limit) =>
      inTurn(() => {
        const version = versionOf.get(tariffId)
        return version === undefined ? [] : page.all(version, after ?? '', limit).map(toRate)
      }),
  }
}

/** Writing a new version, and putting it in the place of the tariff of its name. */
function imports(
  db: Database,
  commit: Commit,
  commitAlone: Commit,
): Pick<Tariffs, 'beginTariff' | 'putRates' | 'finishTariff'> {
  const named = db.prepare<[string, string], TariffRow>(
    `select ${COLUMNS} from tariff where account_id = ? and name = ?`,
  )
  const begin = db.prepare<[string, string, string]>(
    `insert into tariff_version (account_id, name, begun_at, rates, over) values (?, ?, ?, 0, 0)`,
  )
  const findBegun = db.prepare<[number], Begun>(
    `select account_id, name, begun_at, rates from tariff_version where version = ? and over = 0`,
  )
  const count = db.prepare<[number, number]>(`update tariff_version set rates = rates + ? where version = ?`)
  const end = db.prepare<[number]>(`delete from tariff_version where version = ?`)
  const replace = db.prepare<[TariffRow]>(
    `insert into tariff_version (version, account_id, name, begun_at, rates, over)
     values (@version, @account_id, @name, @imported_at, @rates, 1)`,
  )
  const put = db
    .prepare<[string, string, number, number, string], number>(
      `insert into tariff (account_id, name, version, rates, imported_at) values (?, ?, ?, ?, ?)
       on conflict (account_id, name) do update
       set version = excluded.version, rates = excluded.rates, imported_at = excluded.imported_at
       returning id`,
    )
    .pluck()
  const putRate = rateWriter(db)

  function begun(version: number): Begun {
    const found = findBegun.get(version)
    if (!found) throw new Error('this import of a tariff is over: it was finished, or given up')
    return found
  }

  return {
    beginTariff: (accountId, name, at) =>
      commit(() => {
        const row = named.get(accountId, name)
        const version = Number(begin.run(accountId, name, text(at)).lastInsertRowid)
        return { version, sameName: row && toTariff(row) }
      }),
    putRates: (version, rates) =>
      commitAlone(() => {
        begun(version)
        let added = 0
        for (const rate of rates) added += putRate(version, rate)
        count.run(added, version)
      }),
    finishTariff: (version) =>
      commit(() => {
        const { account_id: accountId, name, begun_at: at, rates } = begun(version)
        end.run(version)
        const old = named.get(accountId, name)
        if (old) replace.run(old)
        const id = put.get(accountId, name, version, rates, at) ?? 0
        return { id, accountId, name, rates, importedAt: ms(at) }
      }),
  }
}

/** Writes one rate; returns how many that adds. */
function rateWriter(db: Database): (version: number, rate: Rate) => number {
  const values = `values (@version, @prefix, @name, @perMinuteMicros, @setUpMicros, @minimumSeconds, @incrementSeconds)`
  const insert = db.prepare<Rate & { version: number }>(
    `insert into rate (version, ${RATE_COLUMNS}) ${values} on conflict do nothing`,
  )
  const update = db.prepare<Rate & { version: number }>(
    `update rate set name = @name, per_minute_micros = @perMinuteMicros, set_up_micros = @setUpMicros,
       minimum_seconds = @minimumSeconds, increment_seconds = @incrementSeconds
     where version = @version and prefix = @prefix`,
  )
  return (version, rate) => {
    const row = { ...rate, version }
    const { changes } = insert.run(row)
    if (changes === 0) update.run(row)
    return changes
  }
}

function forgetting(db: Database, commitAlone: Commit): Tariffs['forgetRates'] {
  const giveUp = db.prepare<[string]>(`update tariff_version set over = 1 where over = 0 and begun_at < ?`)
  const first = db
    .prepare<[], number>(`select version from tariff_version where over = 1 order by version limit 1`)
    .pluck()
  const forget = db.prepare<[number, number]>(
    `delete from rate where (version, prefix) in (select version, prefix from rate where version = ? limit ?)`,
  )
  const end = db.prepare<[number]>(`delete from tariff_version where version = ?`)
  return (limit, abandonedBefore) =>
    commitAlone(() => {
      giveUp.run(text(abandonedBefore))
      let left = limit
      for (let version = first.get(); version !== undefined && left > 0; version = first.get()) {
        const gone = forget.run(version, left).changes
        // Fewer than might have been: there are no more of it.
        if (gone < left) end.run(version)
        left -= gone
      }
      return limit - left
    })
}

function toTariff(row: TariffRow): Tariff {
  const { id, account_id: accountId, name, rates, imported_at: importedAt } = row
  return { id, accountId, name, rates, importedAt: ms(importedAt) }
}
