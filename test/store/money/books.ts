import Database from 'better-sqlite3'
import { billedSeconds, costOf, type Price } from '../../../src/engine/money.ts'

/** What a client was told and can rely on. */
export type Told =
  /** Money was moved, by this line, once. `by`: what it is recognised by. */
  | {
      what: 'line'
      cardId: number
      kind: string
      by: { note: string } | { reference: string }
    }
  /** A balance was set. */
  | { what: 'corrected'; cardId: number; balance: number }
  /** A call was let begin, and so much was set aside for it. */
  | { what: 'opened'; holdId: string; heldMicros: number }
  /** A call was answered, and had not ended. */
  | { what: 'answered'; holdId: string }
  /** So was the first of two numbers. */
  | { what: 'first answered'; holdId: string }
  /** A call has ended like this. */
  | { what: 'closed'; holdId: string; state: string; endedAt: number; billedSeconds: number }

/** What the file says, read without the store. */
export type Books = { cards: CardRow[]; lines: LineRow[]; holds: HoldRow[]; vouchers: VoucherRow[] }

type CardRow = { id: number; balance: number; held: number }
type LineRow = {
  card: number
  kind: string
  amount: number
  balance: number
  reference: string | null
  note: string
}
type HoldRow = {
  id: string
  card: number
  state: string
  rate: string
  alsoRate: string | null
  held: number
  longest: number
  answered: string | null
  alsoAnswered: string | null
  ended: string | null
  charged: number
  billed: number
}
type VoucherRow = { id: string; amount: number; usedBy: number | null }

export function readBooks(file: string): Books {
  const db = new Database(file, { readonly: true })
  try {
    return {
      cards: db
        .prepare<[], CardRow>(`select id, balance_micros as balance, held_micros as held from card`)
        .all(),
      lines: db
        .prepare<[], LineRow>(
          `select card_id as card, kind, amount_micros as amount, balance_micros as balance, reference, note
           from ledger order by id`,
        )
        .all(),
      holds: db
        .prepare<[], HoldRow>(
          `select id, card_id as card, state, rate, held_micros as held, longest_seconds as longest,
             also_rate as alsoRate, also_answered_at as alsoAnswered, answered_at as answered, ended_at as ended, charged_micros as charged, billed_seconds as billed from hold`,
        )
        .all(),
      vouchers: db
        .prepare<[], VoucherRow>(`select id, amount_micros as amount, used_by as usedBy from voucher`)
        .all(),
    }
  } finally {
    db.close()
  }
}

/** What is wrong with the books in themselves, in words. */
export function faultsOf({ cards, lines, holds, vouchers }: Books): string[] {
  const faults: string[] = []
  const check = (right: boolean, what: string) => right || faults.push(what)
  for (const { id, balance, held } of cards) {
    let sum = 0
    for (const line of lines.filter(({ card }) => card === id)) {
      sum += line.amount
      check(line.balance === sum && sum >= 0, `card ${id}: a line says ${line.balance}, and there is ${sum}`)
    }
    check(balance === sum, `card ${id}: balance ${balance}, ledger ${sum}`)
    const open = holds.filter(({ card, state }) => card === id && state === 'open')
    const openSum = open.reduce((micros, hold) => micros + hold.held, 0)
    check(held === openSum, `card ${id}: held ${held}, open ${openSum}`)
    check(balance >= 0 && held >= 0 && held <= balance, `card ${id}: balance ${balance}, held ${held}`)
  }
  const linesOf = (kind: string, id: string) =>
    lines.filter((line) => line.kind === kind && line.reference === id)
  for (const hold of holds) {
    const [charges, refunds] = [linesOf('charge', hold.id), linesOf('refund', hold.id)]
    const due = dueOf(hold)
    const said = `hold ${hold.id}: ${JSON.stringify({ hold, charges, refunds, due })}`
    check(charges.length === (due.micros > 0 ? 1 : 0) && refunds.length <= charges.length, said)
    check(
      charges.every(({ amount, card }) => amount === -due.micros && card === hold.card),
      said,
    )
    check(
      refunds.every(({ amount, card }) => amount === due.micros && card === hold.card),
      said,
    )
    check(hold.charged === (refunds.length > 0 ? 0 : due.micros) && hold.billed === due.seconds, said)
  }
  const known = new Set(holds.map(({ id }) => id))
  for (const { kind, reference } of lines)
    if (kind === 'charge' || kind === 'refund') check(known.has(reference ?? ''), `${kind} of ${reference}`)
  for (const { id, amount, usedBy } of vouchers) {
    const moved = linesOf('voucher', id).map((line) => `${line.card} ${line.amount}`)
    check(
      moved.join() === (usedBy === null ? '' : `${usedBy} ${amount}`),
      `voucher ${id}: ${usedBy}, ${moved.join()}`,
    )
  }
  return faults
}

/** What a call must have cost, by its instants and its rate. */
function dueOf({ state, rate, alsoRate, held, longest, answered, alsoAnswered, ended }: HoldRow): {
  micros: number
  seconds: number
} {
  if (state !== 'settled' || ended === null) return { micros: 0, seconds: 0 }
  const between = (from: string, to: string) => Math.max(Date.parse(to) - Date.parse(from), 0)
  const first = alsoRate === null || alsoAnswered === null ? undefined : { price: JSON.parse(alsoRate) as Price, at: alsoAnswered } // prettier-ignore
  if (answered === null) {
    if (!first) return { micros: 0, seconds: 0 }
    const seconds = billedSeconds(between(first.at, ended), first.price)
    return { micros: Math.min(costOf(seconds, first.price), held), seconds }
  }
  const price = JSON.parse(rate) as Price
  const seconds = Math.min(billedSeconds(between(answered, ended), price), longest)
  let micros = costOf(seconds, price)
  if (first) {
    const { perMinuteMicros, incrementSeconds } = first.price
    const increments = Math.ceil(Math.ceil(between(first.at, answered) / 1_000) / incrementSeconds)
    micros += Math.ceil((increments * incrementSeconds * perMinuteMicros) / 60)
  }
  return { micros: Math.min(micros, held), seconds }
}

/** What of that which was told is not so. */
export function brokenWord({ lines, holds }: Books, told: Told[]): string[] {
  const byId = new Map(holds.map((hold) => [hold.id, hold]))
  return told.filter((one) => !isKept(one)).map((one) => `told, and not so: ${JSON.stringify(one)}`)

  function isKept(one: Told): boolean {
    if (one.what === 'line') {
      const { cardId, kind, by } = one
      const isIt = (line: LineRow) => line.kind === kind && Object.entries(by).every(([name, value]) => line[name as keyof LineRow] === value) // prettier-ignore
      return lines.filter((line) => line.card === cardId && isIt(line)).length === 1
    }
    // By a line of its own, unless it was that already.
    if (one.what === 'corrected') return lines.some(({ card, balance }) => card === one.cardId && balance === one.balance) // prettier-ignore
    const hold = byId.get(one.holdId)
    if (!hold) return false
    if (one.what === 'answered') return hold.answered !== null
    if (one.what === 'first answered') return hold.alsoAnswered !== null
    if (one.what === 'opened') return hold.held === one.heldMicros
    const { state, endedAt } = one
    return (
      hold.state === state && Date.parse(hold.ended ?? '') === endedAt && hold.billed === one.billedSeconds
    )
  }
}

/** Notes of top-ups that are there more than once, whether they were told or not. */
export function repeated({ lines }: Books): string[] {
  const notes = lines.map(({ note }) => note).filter((note) => note !== '')
  return notes.filter((note, i) => notes.indexOf(note) !== i)
}
