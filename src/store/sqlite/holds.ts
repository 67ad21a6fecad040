import type { Database } from 'better-sqlite3'
import type { HoldSeen, PaidCallStore } from '../../engine/paid-call-store.ts'
import type { Hold } from '../../engine/holds.ts'
import { cardFinder, cardWriter, groupFinder } from './card-rows.ts'
import type { Commit } from './group-commit.ts'
import { HOLD_COLUMNS as COLUMNS, HOLD_VALUES, type HoldRow, toHold, toHoldRow } from './hold-rows.ts'
import { mover } from './ledger.ts'
import { rateFinder } from './rates.ts'
import { NO_USAGE, usage } from './usage.ts'

type Holds = Pick<PaidCallStore, 'openHold' | 'changeHold' | 'findHold' | 'openHolds'>
type Changed = Pick<
  HoldRow,
  'id' | 'state' | 'answered_at' | 'also_answered_at' | 'ended_at' | 'charged_micros' | 'billed_seconds'
>

/** Money that is set aside for calls, and what becomes of it. */
export function holds(db: Database, commit: Commit): Holds {
  const lookAround = lookingAround(db)
  const { forget } = usage(db)
  const findCard = cardFinder(db)
  const findGroup = groupFinder(db)
  const { save: saveCard } = cardWriter(db)
  const move = mover(db)
  const insert = db.prepare<[HoldRow]>(`insert into hold (${COLUMNS}) values (${HOLD_VALUES})`)
  // What is set aside, for whom and by which rate is never changed.
  const update = db.prepare<[Changed]>(
    `update hold set state = @state, answered_at = @answered_at, also_answered_at = @also_answered_at,
       ended_at = @ended_at, charged_micros = @charged_micros, billed_seconds = @billed_seconds
     where id = @id`,
  )
  const find = db.prepare<[string], HoldRow>(`select ${COLUMNS} from hold where id = ?`)
  const open = db.prepare<[], HoldRow>(
    `select ${COLUMNS} from hold where state = 'open' order by opened_at, id`,
  )

  function whole(id: string) {
    const row = find.get(id)
    if (!row) return undefined
    const hold = toHold(row)
    const card = findCard({ accountId: hold.accountId, id: hold.cardId })
    const group = card && findGroup(card.groupId)
    if (!group) throw new Error('a call is paid by a card of its account, and the card is of a group')
    return { hold, card, group }
  }

  function save(hold: Hold): void {
    const row = toHoldRow(hold)
    const { id, state, answered_at, also_answered_at, ended_at, charged_micros, billed_seconds } = row
    update.run({ id, state, answered_at, also_answered_at, ended_at, charged_micros, billed_seconds })
  }

  return {
    openHold: (query, decide) =>
      commit(() => {
        const { hold, result } = decide(lookAround(query))
        if (hold) {
          insert.run(toHoldRow(hold))
          forget(hold.accountId, query.now)
        }
        return result
      }),
    changeHold: (id, decide) =>
      commit(() => {
        const seen = whole(id)
        const change = decide(seen)
        if (seen) {
          // First what is held is let go, then it is charged: the balance is never below what is held.
          if (change.save) save(change.save)
          if (change.saveCard) saveCard(change.saveCard)
          move(seen.card.id, change.move)
        }
        return change.result
      }),
    findHold: (id) => {
      const row = find.get(id)
      return Promise.resolve(row && toHold(row))
    },
    openHolds: () => Promise.resolve(open.all().map(toHold)),
  }
}

/** What is there when a hold is wanted. */
function lookingAround(db: Database) {
  const findCard = cardFinder(db)
  const findGroup = groupFinder(db)
  const findRate = rateFinder(db)
  const { ofCard, ofAccount } = usage(db)
  // The group's tariff, or else the account's.
  const version = db
    .prepare<{ account: string; group: number }, number>(
      `select version from tariff where account_id = @account and id = coalesce(
         (select tariff_id from card_group where id = @group),
         (select settings ->> '$.cards.tariffId' from account where id = @account))`,
    )
    .pluck()

  return (query: Parameters<PaidCallStore['openHold']>[0]): HoldSeen => {
    const { accountId, cardId, digits, alsoDigits, now } = query
    const account = ofAccount(accountId, now)
    const card = findCard({ accountId, id: cardId })
    if (!card) return { ...NOTHING, usage: { card: NO_USAGE, account } }
    const tariff = version.get({ account: accountId, group: card.groupId })
    const rateOf = (to: string | undefined) =>
      tariff === undefined || to === undefined ? undefined : findRate(tariff, to)
    return {
      card,
      group: findGroup(card.groupId),
      rate: rateOf(digits),
      alsoRate: rateOf(alsoDigits),
      usage: { card: ofCard(accountId, cardId, now), account },
    }
  }
}

const NOTHING = { card: undefined, group: undefined, rate: undefined, alsoRate: undefined }
