import type { Database } from 'better-sqlite3'
import type { CardStore, LedgerKind, LedgerLine, Movement } from '../../engine/card-store.ts'
import { ms, text } from './time.ts'

type Row = {
  id: number
  card_id: number
  at: string
  kind: LedgerKind
  amount_micros: number
  balance_micros: number
  reference: string | null
  note: string
}

/** Every movement of money. */
export function ledger(db: Database): Pick<CardStore, 'ledger'> {
  const list = db.prepare<[number, number, number], Row>(
    `select id, card_id, at, kind, amount_micros, balance_micros, reference, note from ledger
     where card_id = ? and id < ? order by id desc limit ?`,
  )
  return {
    ledger: (cardId, before, limit) =>
      Promise.resolve(list.all(cardId, before ?? Number.MAX_SAFE_INTEGER, limit).map(toLine)),
  }
}

/** Moves the money of a card, inside a transaction. A movement that its card cannot have throws. */
export function mover(db: Database): (cardId: number, move: Movement | undefined) => void {
  // The card's balance follows by a trigger.
  const insert = db.prepare<{
    card: number
    at: string
    kind: LedgerKind
    amount: number
    reference: string | null
    note: string
  }>(
    `insert into ledger (card_id, at, kind, amount_micros, balance_micros, reference, note)
     select id, @at, @kind, @amount, balance_micros + @amount, @reference, @note from card where id = @card`,
  )
  return (cardId, move) => {
    if (!move) return
    const { at, kind, amountMicros, reference, note } = move
    const line = { at: text(at), kind, amount: amountMicros, reference: reference ?? null, note }
    const { changes } = insert.run({ card: cardId, ...line })
    if (changes === 0) throw new Error('money was to be moved on a card that is not there')
  }
}

function toLine(row: Row): LedgerLine {
  return {
    id: row.id,
    cardId: row.card_id,
    at: ms(row.at),
    kind: row.kind,
    amountMicros: row.amount_micros,
    balanceMicros: row.balance_micros,
    reference: row.reference ?? undefined,
    note: row.note,
  }
}
