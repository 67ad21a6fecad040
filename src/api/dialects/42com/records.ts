import type { Card } from '../../../engine/cards.ts'
import { connectedAt, type Hold, type HoldKind } from '../../../engine/holds.ts'
import { formatAmount } from '../../../engine/money.ts'
import { wallClock } from '../../../engine/time.ts'
import type { Body } from './answers.ts'
import { type Asked, ownCard, userFields } from './asked.ts'
import { parseDay } from './dates.ts'
import { notValid, withZeros } from './numbers.ts'
import type { Sent } from './schema.ts'

/** A call that was answered, of a callback by A at least, and has ended. */
type Record = Hold & { startedAt: number; endedAt: number }

/** "cdr-callshop". "If there is no record available right now, the body tree is an empty array." */
export async function callshopRecords(asked: Asked, sent: Sent<'cdr-callshop'>): Promise<Body> {
  const { timeZone } = asked.account.settings
  const records = await recordsOf(asked, sent)
  if (records.length === 0) return []
  const cdrs = records.map((record) => {
    // No tax is counted here, so both amounts are the price.
    const amount = formatAmount(record.chargedMicros, 4, 4, ',')
    return {
      data: `${wallClock(record.startedAt, timeZone)}.000`,
      caller: withZeros(record.from),
      callee: withZeros(record.to),
      duration: String(secondsOf(record)),
      billingduration: String(record.billedSeconds),
      comment: destinationOf(record),
      amount,
      amounttax: amount,
    }
  })
  return { cdrs }
}

const HEADINGS = [
  ...['datestart', 'dateend', 'time', 'customername', 'number'],
  ...['destination', 'amount', 'amounttax', 'type'],
]
const TYPES: { [K in HoldKind]: string } = { card: 'CALLTHROUGH', callback: 'CALLBACK', line: 'VOIP' }

/** "cdrs". "If there is no record available right now, the whole body tree is missing in the result." */
export async function records(asked: Asked, sent: Sent<'cdrs'>): Promise<Body> {
  const found = await recordsOf(asked, sent)
  if (found.length === 0) return undefined
  const cards = await cardsOf(asked, found)
  const { timeZone } = asked.account.settings
  const td = found.map((record) => {
    const amount = formatAmount(record.chargedMicros, 2, 2, '.')
    return {
      datestart: wallClock(record.startedAt, timeZone),
      dateend: wallClock(record.endedAt, timeZone),
      time: clockTime(secondsOf(record)),
      customername: cards.get(record.cardId)?.name ?? '',
      number: withZeros(record.to),
      destination: destinationOf(record),
      amount,
      amounttax: amount,
      type: TYPES[record.kind],
    }
  })
  const table = {
    caption: 'Call detail records',
    thead: Object.fromEntries(HEADINGS.map((name) => [name, name])),
    tbody: { tr: { td } },
    tfoot: '',
  }
  return { table, ...userFields(asked, asked.cardId === undefined ? undefined : cards.get(asked.cardId)) }
}

/** The newest calls of the days asked for, the oldest of them first; of the login's card, or of the whole account. */
async function recordsOf(asked: Asked, sent: Sent<'cdrs'>): Promise<Record[]> {
  const { ctx, account, cardId } = asked
  if (cardId !== undefined) await ownCard(asked)
  const [first, last] = [dayIn(asked, sent, 'from'), dayIn(asked, sent, 'to')]
  const filter = { accountId: account.id, cardId, from: first?.from ?? 0, to: last?.to ?? Infinity }
  if (filter.from >= filter.to) throw notValid('to')
  const holds = await ctx.store.holdsMatching(filter, undefined, sent.show)
  return holds.flatMap(recordOf).reverse()
}

function recordOf(hold: Hold): Record[] {
  const [startedAt, { endedAt }] = [connectedAt(hold), hold]
  return startedAt === undefined || endedAt === undefined ? [] : [{ ...hold, startedAt, endedAt }]
}

function dayIn({ account }: Asked, sent: Sent<'cdrs'>, name: 'from' | 'to') {
  const written = sent[name]
  if (written === undefined) return undefined
  const day = parseDay(written, account.settings.timeZone)
  if (!day) throw notValid(name)
  return day
}

async function cardsOf({ ctx, account }: Asked, found: Record[]): Promise<Map<number, Card>> {
  const cards = new Map<number, Card>()
  for (const id of new Set(found.map(({ cardId }) => cardId))) {
    const card = await ctx.store.findCard({ accountId: account.id, id })
    if (card) cards.set(id, card)
  }
  return cards
}

/** Where B has not answered, only the way to A was paid for. */
function destinationOf({ answeredAt, rate, alsoRate }: Record): string {
  return answeredAt === undefined && alsoRate ? alsoRate.name : rate.name
}

/** Between the second in which it was answered and that in which it ended, as the two are printed. */
function secondsOf({ startedAt, endedAt }: Record): number {
  return Math.floor(endedAt / 1_000) - Math.floor(startedAt / 1_000)
}

/** `01:02:03` */
function clockTime(seconds: number): string {
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  return parts.map((part) => String(part).padStart(2, '0')).join(':')
}
