import type { Database } from 'better-sqlite3'
import type { LedgerKind } from '../../engine/card-store.ts'
import type { AuditFinding, AuditPart, PaidCallStore } from '../../engine/paid-call-store.ts'
import type { Hold } from '../../engine/holds.ts'
import { inTurn } from './in-turn.ts'

type Line = {
  id: number
  kind: LedgerKind
  amount: number
  balance: number
  /** Of the hold of a charge or refund, or of the voucher that it names, as far as they are there. */
  holdState: Hold['state'] | null
  holdCard: number | null
  voucherCard: number | null
  voucherAmount: number | null
}
type CardSums = { balance: number; held: number; open: number }
type HoldSums = {
  id: string
  cardId: number
  state: Hold['state']
  held: number
  charged: number
  charges: number
  moved: number
}

/** How many rows are looked at in one turn of the event loop: about a millisecond. */
const ROWS_A_TURN = 500

/** No card has it. */
const NO_MORE = Number.MAX_SAFE_INTEGER

type Tell = (what: AuditFinding['what'], cardId: number, detail: string) => void

/** Goes through all money again, row by row: what the triggers and checks should never have let happen. */
export function audit(db: Database): Pick<PaidCallStore, 'audit' | 'auditSize'> {
  const parts: [AuditPart, (tell: Tell) => Generator<number>][] = [
    ['ledger', ledgers(db)],
    ['calls', closedHolds(db)],
    ['vouchers', usedVouchers(db)],
    ['holds', openHolds(db)],
  ]
  const lastId = (table: 'card' | 'ledger') =>
    db.prepare<[], number>(`select coalesce(max(id), 0) from ${table}`).pluck()
  const [cards, lines] = [lastId('card'), lastId('ledger')]
  return {
    audit: async (limit, onLooked) => {
      const findings: AuditFinding[] = []
      const tell: Tell = (what, cardId, detail) => {
        if (findings.length < limit) findings.push({ what, cardId, detail })
      }
      const wanted = () => findings.length < limit
      for (const [name, part] of parts) {
        const onRows = (rows: number) => onLooked?.(name, rows)
        await inPortions(db, part(tell), wanted, onRows)
      }
      return findings
    },
    // Neither is ever removed, so that the last id counts them.
    auditSize: () => Promise.resolve({ cards: cards.get() ?? 0, lines: lines.get() ?? 0 }),
  }
}

/**
 * Runs work that yields now and then how many rows it has looked at, some of them in each turn. What it does between two yields
 * sees one state of the database.
 */
async function inPortions(
  db: Database,
  work: Generator<number>,
  wanted: () => boolean,
  onRows: (rows: number) => void,
): Promise<void> {
  let looked = 0
  const portion = db.transaction(() => {
    for (let rows = 0; rows < ROWS_A_TURN;) {
      const next = work.next()
      if (next.done || !wanted()) return false
      rows += next.value
      looked += next.value
    }
    return true
  })
  while (await inTurn(portion)) onRows(looked)
}

/** For each card: its lines add up to its balance, line by line, and what runs to what it holds. */
function ledgers(db: Database): (tell: Tell) => Generator<number> {
  // Also of cards that are gone, and have left a ledger behind.
  const next = db
    .prepare<{ last: number }, number>(
      `select min(coalesce((select min(id) from card where id > @last), ${NO_MORE}),
         coalesce((select min(card_id) from ledger where card_id > @last), ${NO_MORE}))`,
    )
    .pluck()
  const page = db.prepare<[number, number, number], Line>(
    `select ledger.id, ledger.kind, ledger.amount_micros as amount, ledger.balance_micros as balance,
       hold.state as holdState, hold.card_id as holdCard, voucher.used_by as voucherCard,
       voucher.amount_micros as voucherAmount
     from ledger left join hold on hold.id = reference and ledger.kind in ('charge', 'refund')
       left join voucher on voucher.id = reference and ledger.kind = 'voucher'
     where ledger.card_id = ? and ledger.id > ? order by ledger.id limit ?`,
  )
  const sums = db.prepare<[number], CardSums>(
    `select balance_micros as balance, held_micros as held,
       (select coalesce(sum(held_micros), 0) from hold
        where account_id = card.account_id and card_id = card.id and state = 'open') as open
     from card where id = ?`,
  )

  function* ledgerOf(cardId: number, tell: Tell): Generator<number> {
    let [sum, balance, lastId] = [0, 0, 0]
    for (;;) {
      const lines = page.all(cardId, lastId, ROWS_A_TURN)
      for (const line of lines) {
        sum += line.amount
        // What follows a wrong line is held against that line, or all of them were findings.
        if (balance + line.amount !== line.balance)
          tell(
            'ledger',
            cardId,
            `line ${line.id}: balance ${line.balance} instead of ${balance + line.amount}`,
          )
        if (line.balance < 0) tell('negative', cardId, `line ${line.id}: balance ${line.balance}`)
        lineCheck(line, cardId, tell)
        ;({ balance, id: lastId } = line)
      }
      // Of the same instant as the last lines.
      if (lines.length < ROWS_A_TURN) cardCheck(cardId, sum, balance, sums.get(cardId), tell)
      yield lines.length + 1
      if (lines.length < ROWS_A_TURN) return
    }
  }

  return function* (tell) {
    let last = 0
    while ((last = next.get({ last }) ?? NO_MORE) !== NO_MORE) yield* ledgerOf(last, tell)
  }
}

/** A charge or refund is of a settled call of the card, a voucher's line of a voucher that the card has used. */
function lineCheck(line: Line, cardId: number, tell: Tell): void {
  const { id, kind, amount } = line
  if (kind === 'charge' || kind === 'refund') {
    if (line.holdState !== 'settled' || line.holdCard !== cardId)
      tell('ledger', cardId, `line ${id}: ${kind} without a settled call of this card`)
  } else if (kind === 'voucher') {
    if (line.voucherCard !== cardId || line.voucherAmount !== amount)
      tell('ledger', cardId, `line ${id}: no voucher of ${amount} that was used for this card`)
  }
}

function cardCheck(cardId: number, sum: number, last: number, card: CardSums | undefined, tell: Tell): void {
  if (!card) return tell('balance', cardId, 'the card is gone')
  const { balance, held, open } = card
  if (balance !== sum) tell('balance', cardId, `balance ${balance}, and the ledger adds up to ${sum}`)
  if (balance !== last) tell('ledger', cardId, `balance ${balance}, and ${last} after the last line`)
  if (held !== open) tell('held', cardId, `held ${held}, and ${open} for calls that run`)
  if (balance < 0 || held < 0 || held > balance) tell('negative', cardId, `balance ${balance}, held ${held}`)
}

/** For each call that has ended: what it cost was taken once, and no more than was held. */
function closedHolds(db: Database): (tell: Tell) => Generator<number> {
  const page = db.prepare<[string, number], HoldSums>(
    `select id, card_id as cardId, state, held_micros as held, charged_micros as charged,
       (select count(*) from ledger where kind = 'charge' and reference = hold.id) as charges,
       (select -coalesce(sum(amount_micros), 0) from ledger
        where kind in ('charge', 'refund') and reference = hold.id) as moved
     from hold where id > ? order by id limit ?`,
  )
  return function* (tell) {
    for (let lastId = '', more = true; more;) {
      const rows = page.all(lastId, ROWS_A_TURN)
      for (const { id, cardId, state, held, charged, charges, moved } of rows) {
        if (charged < 0 || charged > held || (state !== 'settled' && charged !== 0))
          tell('hold', cardId, `call ${id}: ${state}, charged ${charged} of ${held}`)
        if (charged !== moved)
          tell('hold', cardId, `call ${id}: charged ${charged}, and ${moved} in the ledger`)
        if (charges > 1) tell('hold', cardId, `call ${id}: charged ${charges} times`)
        lastId = id
      }
      yield rows.length
      more = rows.length === ROWS_A_TURN
    }
  }
}

/** A voucher that was used has moved its money once. */
function usedVouchers(db: Database): (tell: Tell) => Generator<number> {
  type Used = { id: string; cardId: number | null; lines: number }
  const page = db.prepare<[string, number], Used>(
    `select id, used_by as cardId, (select count(*) from ledger where kind = 'voucher' and reference = voucher.id) as lines
     from voucher where id > ? order by id limit ?`,
  )
  return function* (tell) {
    for (let lastId = '', more = true; more;) {
      const rows = page.all(lastId, ROWS_A_TURN)
      for (const { id, cardId, lines } of rows) {
        if (lines !== (cardId === null ? 0 : 1))
          tell(
            'ledger',
            cardId ?? 0,
            `voucher ${id}: ${lines} lines, ${cardId === null ? 'not used' : 'used'}`,
          )
        lastId = id
      }
      yield rows.length
      more = rows.length === ROWS_A_TURN
    }
  }
}

/** Money is held for calls that run, and for callbacks whose first party rings; for nothing else. */
function openHolds(db: Database): (tell: Tell) => Generator<number> {
  const left = db.prepare<[], { id: string; cardId: number; callState: string | null }>(
    `select hold.id, hold.card_id as cardId, call.state as callState
     from hold left join call on call.id = hold.call_id
     where hold.state = 'open' and (call.state = 'ended' or (call.id is null and not exists
       (select 1 from callback where callback.id = hold.call_id and callback.state = 'ringing_a')))
     order by opened_at, hold.id`,
  )
  return function* (tell) {
    const rows = left.all()
    for (const { id, cardId, callState } of rows)
      tell('hold', cardId, `call ${id}: money is held, and the call ${callState === null ? 'is not there' : 'has ended'}`) // prettier-ignore
    yield rows.length
  }
}
