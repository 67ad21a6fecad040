import type { Database } from 'better-sqlite3'
import type { CardsSeen, CardStore, NewCard } from '../../engine/card-store.ts'
import type { Card } from '../../engine/cards.ts'
import type { Event } from '../../engine/events.ts'
import { cardFinder, cardWriter, groupFinder } from './card-rows.ts'
import type { Commit } from './group-commit.ts'
import { guesses } from './guesses.ts'
import { mover } from './ledger.ts'
import { text } from './time.ts'

type Cards = Pick<CardStore, 'addCards' | 'findCard' | 'changeCard' | 'checkCardPin'>

type Taken = { account: string; id: number; number: string | null; pin: string | null; cli: string | null }

/** Of one card, that are known to have its PIN. */
const MOST_CALLERS = 20

/** No card has it. */
const NO_ID = -1

/** Cards, and what is keyed to get at one. */
export function cards(db: Database, commit: Commit, keep: (events?: Event[]) => void): Cards {
  const find = cardFinder(db)
  const smsRequested = smsCounter(db)
  const beforeNew = lookingAround(db, smsRequested)
  const ofLength = db
    .prepare<[string, string], number>(
      `select pins from card_pin_length where account_id = ? and length = length(?)`,
    )
    .pluck()
  const { add, save } = cardWriter(db)
  const move = mover(db)
  const { tallies, keepBlame } = guesses(db)
  const callers = cardCallers(db)
  const taken = db
    .prepare<[Taken], [0 | 1, 0 | 1, 0 | 1]>(
      `select exists (select 1 from card where account_id = @account and number = @number and id <> @id),
         exists (select 1 from card where account_id = @account and pin = @pin and id <> @id),
         exists (select 1 from card where account_id = @account and cli = @cli and id <> @id)`,
    )
    .raw()

  function made(card: NewCard): Card {
    const { openingMicros, ...rest } = card
    const id = add(card)
    if (openingMicros > 0)
      move(id, {
        at: card.createdAt,
        kind: 'opening',
        amountMicros: openingMicros,
        reference: undefined,
        note: '',
      })
    return { id, ...rest, balanceMicros: openingMicros, heldMicros: 0 }
  }

  return {
    addCards: (query, decide) =>
      commit(() => {
        const { save: wanted = [], events, result } = decide(beforeNew(query))
        const all = wanted.map(made)
        keep(events)
        return typeof result === 'function' ? (result as (made: Card[]) => never)(all) : result
      }),
    findCard: (key) => Promise.resolve(find(key)),
    changeCard: ({ takenBy = {}, smsSince, ...key }, decide) =>
      commit(() => {
        const card = find(key)
        const { number = null, pin = null, cli = null } = takenBy
        const others = taken.get({ account: key.accountId, id: card?.id ?? NO_ID, number, pin, cli })
        const [byNumber, byPin, byCli] = others ?? []
        const change = decide(
          card,
          { number: byNumber === 1, pin: byPin === 1, cli: byCli === 1 },
          smsRequested(key.accountId, smsSince),
        )
        if (change.save) save(change.save)
        if (card) move(card.id, change.move)
        keep(change.events)
        return change.result
      }),
    checkCardPin: ({ accountId, pin, cli, guesser }, decide) =>
      commit(() => {
        const card = find({ accountId, pin })
        const change = decide({
          card,
          suspicion: {
            tallies: tallies(guesser),
            known: card !== undefined && cli !== undefined && (card.cli === cli || callers.has(card.id, cli)),
            pinsAlike: ofLength.get(accountId, pin) ?? 0,
          },
        })
        keepBlame(guesser, change.blame)
        if (change.save) save(change.save)
        if (change.use && card && cli !== undefined) callers.keep(card.id, cli, change.use.at)
        return change.result
      }),
  }
}

/** Who has keyed the right PIN of a card: the last of them. */
function cardCallers(db: Database) {
  const find = db
    .prepare<[number, string], 1>(`select 1 from card_caller where card_id = ? and caller = ?`)
    .pluck()
  const keep = db.prepare<[number, string, string]>(
    `insert into card_caller (card_id, caller, used_at) values (?, ?, ?)
     on conflict do update set used_at = excluded.used_at`,
  )
  const forget = db.prepare<{ card: number; most: number }>(
    `delete from card_caller where card_id = @card and caller in
     (select caller from card_caller where card_id = @card order by used_at desc, caller limit -1 offset @most)`,
  )
  return {
    has: (card: number, caller: string): boolean => find.get(card, caller) !== undefined,
    keep: (card: number, caller: string, at: number): void => {
      keep.run(card, caller, text(at))
      forget.run({ card, most: MOST_CALLERS })
    },
  }
}

/** What the cards of an account have already. */
function lookingAround(db: Database, smsRequested: ReturnType<typeof smsCounter>) {
  const findGroup = groupFinder(db)
  // `cross`: else SQLite would go through all cards of the account, and through the list for each of them.
  const among = (column: 'number' | 'pin' | 'cli') =>
    db
      .prepare<[string, string], string>(
        `select ${column} from json_each(?) cross join card on account_id = ? and ${column} = value`,
      )
      .pluck()
  const [numbers, pins, clis] = [among('number'), among('pin'), among('cli')]
  const lengths = db
    .prepare<[string], [number, number]>(`select length, pins from card_pin_length where account_id = ?`)
    .raw()

  return ({ accountId, groupId, smsSince, ...query }: Parameters<CardStore['addCards']>[0]): CardsSeen => {
    const group = findGroup(groupId)
    return {
      group: group?.accountId === accountId ? group : undefined,
      takenNumbers: new Set(numbers.all(JSON.stringify(query.numbers), accountId)),
      takenPins: new Set(pins.all(JSON.stringify(query.pins), accountId)),
      takenClis: new Set(clis.all(JSON.stringify(query.clis), accountId)),
      pinsOfLength: new Map(lengths.all(accountId)),
      smsRequested: smsRequested(accountId, smsSince),
    }
  }
}

/** How many text messages an account has asked for since an instant. */
function smsCounter(db: Database) {
  const count = db
    .prepare<[string, number], number>(
      `select count(*) from event where account_id = ? and type = 'sms.requested' and body ->> '$.at' >= ?`,
    )
    .pluck()
  return (accountId: string, since: number | undefined): number =>
    since === undefined ? 0 : (count.get(accountId, since) ?? 0)
}
