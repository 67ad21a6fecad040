import type { Database } from 'better-sqlite3'
import type { CardStore, Voucher } from '../../engine/card-store.ts'
import { cardFinder } from './card-rows.ts'
import type { Commit } from './group-commit.ts'
import { guesses } from './guesses.ts'
import { mover } from './ledger.ts'
import { ms, text } from './time.ts'

type Row = {
  id: string
  account_id: string
  pin: string
  amount_micros: number
  valid_until: string | null
  created_at: string
  used_at: string | null
  used_by: number | null
}

/** PINs with money behind them. */
export function vouchers(db: Database, commit: Commit): Pick<CardStore, 'addVouchers' | 'useVoucher'> {
  const findCard = cardFinder(db)
  const move = mover(db)
  const { tallies, keepBlame } = guesses(db)
  const insert = db.prepare<[Row]>(
    `insert into voucher (id, account_id, pin, amount_micros, valid_until, created_at, used_at, used_by)
     values (@id, @account_id, @pin, @amount_micros, @valid_until, @created_at, @used_at, @used_by)`,
  )
  const find = db.prepare<[string, string], Row>(
    `select id, account_id, pin, amount_micros, valid_until, created_at, used_at, used_by from voucher
     where account_id = ? and pin = ?`,
  )
  const taken = db
    .prepare<[string, string], string>(
      `select pin from json_each(?) cross join voucher on account_id = ? and pin = value`,
    )
    .pluck()
  const alike = db
    .prepare<[string, number], number>(`select pins from voucher_length where account_id = ? and length = ?`)
    .pluck()
  const ofLength = (accountId: string, length: number) => alike.get(accountId, length) ?? 0
  const markUsed = db.prepare<[string, number, string]>(
    `update voucher set used_at = ?, used_by = ? where id = ?`,
  )

  return {
    addVouchers: ({ accountId, length, pins }, decide) =>
      commit(() => {
        const { save = [], result } = decide({
          taken: new Set(taken.all(JSON.stringify(pins), accountId)),
          pinsAlike: ofLength(accountId, length),
        })
        for (const voucher of save) insert.run(toRow(voucher))
        return result
      }),
    useVoucher: ({ accountId, cardId, pin, guesser }, decide) =>
      commit(() => {
        const row = find.get(accountId, pin)
        const card = findCard({ accountId, id: cardId })
        const change = decide({
          voucher: row && toVoucher(row),
          card,
          suspicion: {
            tallies: tallies(guesser),
            known: false,
            pinsAlike: ofLength(accountId, pin.length),
          },
        })
        keepBlame(guesser, change.blame)
        if (change.use && row) {
          markUsed.run(text(change.use.at), cardId, row.id)
          move(cardId, change.use.move)
        }
        return change.result
      }),
  }
}

function toRow(voucher: Voucher): Row {
  return {
    id: voucher.id,
    account_id: voucher.accountId,
    pin: voucher.pin,
    amount_micros: voucher.amountMicros,
    valid_until: text(voucher.validUntil),
    created_at: text(voucher.createdAt),
    used_at: text(voucher.usedAt),
    used_by: voucher.usedBy ?? null,
  }
}

function toVoucher(row: Row): Voucher {
  return {
    id: row.id,
    accountId: row.account_id,
    pin: row.pin,
    amountMicros: row.amount_micros,
    validUntil: ms(row.valid_until),
    createdAt: ms(row.created_at),
    usedAt: ms(row.used_at),
    usedBy: row.used_by ?? undefined,
  }
}
