import type { Database } from 'better-sqlite3'
import type { CardFilter, CardStore } from '../../engine/card-store.ts'
import type { PaidCallStore } from '../../engine/paid-call-store.ts'
import type { Card } from '../../engine/cards.ts'
import { CARD_COLUMNS, type CardRow, toCard } from './card-rows.ts'
import { HOLD_COLUMNS, type HoldRow, toHold } from './hold-rows.ts'
import { inTurn } from './in-turn.ts'
import { text } from './time.ts'

type CardLists = Pick<CardStore, 'cardsMatching'> & Pick<PaidCallStore, 'holdsMatching'>

type Wanted = {
  account: string
  number: string | null
  name: string | null
  pin: string | null
  cli: string | null
  batch: string | null
  least: number | null
  most: number | null
  language: string | null
  sold: 0 | 1 | null
  distributor: number | null
}
type Place = [groupId: number, number: string]

/** How many cards are looked at in one turn of the event loop: about a millisecond. */
const CARDS_A_TURN = 500

// Without an escape character: of all that a client writes, `%` and `_` act, and a backslash is one.
const MATCHES = `(@name is null or name like @name) and (@number is null or number like @number)
  and (@pin is null or pin like @pin) and (@cli is null or cli like @cli) and (@batch is null or batch like @batch)
  and (@least is null or balance_micros >= @least) and (@most is null or balance_micros <= @most)
  and (@language is null or language like @language) and (@sold is null or sold = @sold)
  and (@distributor is null or distributor_id = @distributor)`

const DAY_MS = 86_400_000

/** Pages of cards and of calls, each read from its place in an index. */
export function cardLists(db: Database): CardLists {
  return { cardsMatching: matchingCards(db), holdsMatching: matchingHolds(db) }
}

function matchingCards(db: Database): CardLists['cardsMatching'] {
  const lastOfTurn = db
    .prepare<[string, number, string, number], Place>(
      `select group_id, number from card where account_id = ? and (group_id, number) > (?, ?)
       order by group_id, number limit 1 offset ?`,
    )
    .raw()
  const bounded = `(group_id, number) > (@fromGroup, @fromNumber) and (group_id, number) <= (@toGroup, @toNumber)`
  type Bounds = { fromGroup: number; fromNumber: string; toGroup: number; toNumber: string; limit: number }
  const portion = db.prepare<Wanted & Bounds, CardRow>(
    `select ${CARD_COLUMNS} from card where account_id = @account and ${bounded} and ${MATCHES}
     order by group_id, number limit @limit`,
  )
  const one = (column: 'number' | 'pin' | 'cli') =>
    db.prepare<Wanted & { fromGroup: number; fromNumber: string }, CardRow>(
      `select ${CARD_COLUMNS} from card
       where account_id = @account and ${column} = @${column} and (group_id, number) > (@fromGroup, @fromNumber)
         and ${MATCHES}`,
    )
  const [byNumber, byPin, byCli] = [one('number'), one('pin'), one('cli')]

  return async (accountId, filter, after, limit) => {
    const wanted = wantedBy(accountId, filter)
    let [fromGroup, fromNumber]: Place = [after?.groupId ?? 0, after?.number ?? '']
    const exact = isWhole(filter.number) ? byNumber : isWhole(filter.pin) ? byPin : isWhole(filter.cli) ? byCli : undefined // prettier-ignore
    if (exact)
      return inTurn(() =>
        exact
          .all({ ...wanted, fromGroup, fromNumber })
          .slice(0, limit)
          .map(toCard),
      )
    const found: Card[] = []
    /** Looks at the next few cards; says whether there may be more. */
    const look = (): boolean => {
      const last = lastOfTurn.get(accountId, fromGroup, fromNumber, CARDS_A_TURN - 1)
      const [toGroup, toNumber] = last ?? [Number.MAX_SAFE_INTEGER, '']
      const bounds = { fromGroup, fromNumber, toGroup, toNumber, limit: limit - found.length }
      found.push(...portion.all({ ...wanted, ...bounds }).map(toCard))
      ;[fromGroup, fromNumber] = [toGroup, toNumber]
      return last !== undefined && found.length < limit
    }
    while (await inTurn(look));
    return found
  }
}

/** Whether it can stand for nothing but itself; of letters, `like` takes small and capital ones for the same. */
function isWhole(text: string | undefined): boolean {
  return text !== undefined && /^\+?\d+$/.test(text)
}

function wantedBy(accountId: string, filter: CardFilter): Wanted {
  const { number, name, pin, cli, batch, language, sold } = filter
  const { minBalanceMicros: least, maxBalanceMicros: most, distributorId: distributor } = filter
  return {
    account: accountId,
    number: number ?? null,
    name: name ?? null,
    pin: pin ?? null,
    cli: cli ?? null,
    batch: batch ?? null,
    least: least ?? null,
    most: most ?? null,
    language: language ?? null,
    sold: sold === undefined ? null : sold ? 1 : 0,
    distributor: distributor ?? null,
  }
}

function matchingHolds(db: Database): CardLists['holdsMatching'] {
  // A call rings for minutes, and never for a day: that bounds where in the order of opening those of some answers are.
  type Bounds = { id: string; before: string; beforeId: string; first: string; from: string; to: string; limit: number } // prettier-ignore
  const bounded = `state = 'settled' and (opened_at, id) < (@before, @beforeId) and opened_at > @first
    and coalesce(answered_at, also_answered_at) >= @from and coalesce(answered_at, also_answered_at) < @to
    order by opened_at desc, id desc limit @limit`
  const ofAccount = db.prepare<Bounds, HoldRow>(
    `select ${HOLD_COLUMNS} from hold where account_id = @id and ${bounded}`,
  )
  const ofCard = db.prepare<Bounds & { card: number }, HoldRow>(
    `select ${HOLD_COLUMNS} from hold where card_id = @card and +account_id = @id and ${bounded}`,
  )
  return ({ accountId, cardId, from, to }, after, limit) =>
    inTurn(() => {
      const { openedAt, id } = after ?? { openedAt: to + DAY_MS, id: '' }
      const first = text(Math.max(from - DAY_MS, 0))
      const place = { before: text(openedAt), beforeId: id, first, limit }
      const bounds = { id: accountId, ...place, from: text(Math.max(from, 0)), to: text(to) }
      const rows = cardId === undefined ? ofAccount.all(bounds) : ofCard.all({ ...bounds, card: cardId })
      return rows.map(toHold)
    })
}
