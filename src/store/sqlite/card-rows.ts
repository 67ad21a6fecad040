import type { Database } from 'better-sqlite3'
import type { CardKey, NewCard } from '../../engine/card-store.ts'
import type { Card, CardGroup } from '../../engine/cards.ts'
import { ms, text } from './time.ts'

/** What is written of a card: its money is not, that follows the ledger and the holds. */
const WRITTEN = [
  ...(['group_id', 'number', 'name', 'pin', 'cli', 'minimal_balance_micros', 'language', 'batch'] as const),
  ...(['sold', 'distributor_id', 'valid_from', 'valid_until', 'first_used_at'] as const),
  ...(['daily_charge_paid_till', 'blocked', 'disabled', 'created_at'] as const),
] as const

const NAMES = ['id', 'account_id', ...WRITTEN, 'balance_micros', 'held_micros'] as const
export const CARD_COLUMNS = NAMES.map((name) => `card.${name}`).join(', ')

export type CardRow = Record<
  'id' | 'group_id' | 'balance_micros' | 'held_micros' | 'minimal_balance_micros',
  number
> &
  Record<'account_id' | 'number' | 'name' | 'pin' | 'language' | 'batch' | 'created_at', string> &
  Record<'cli' | 'valid_from' | 'valid_until' | 'first_used_at' | 'daily_charge_paid_till', string | null> &
  Record<'sold' | 'blocked' | 'disabled', 0 | 1> & { distributor_id: number | null }

type WrittenRow = Pick<CardRow, (typeof WRITTEN)[number]>

export function toCard(row: CardRow): Card {
  return {
    id: row.id,
    accountId: row.account_id,
    groupId: row.group_id,
    number: row.number,
    name: row.name,
    pin: row.pin,
    cli: row.cli ?? undefined,
    balanceMicros: row.balance_micros,
    heldMicros: row.held_micros,
    minimalBalanceMicros: row.minimal_balance_micros,
    language: row.language,
    batch: row.batch,
    sold: row.sold === 1,
    distributorId: row.distributor_id ?? undefined,
    validFrom: ms(row.valid_from),
    validUntil: ms(row.valid_until),
    firstUsedAt: ms(row.first_used_at),
    dailyChargePaidTill: ms(row.daily_charge_paid_till),
    blocked: row.blocked === 1,
    disabled: row.disabled === 1,
    createdAt: ms(row.created_at),
  }
}

function toRow(card: Card | NewCard): WrittenRow {
  return {
    group_id: card.groupId,
    number: card.number,
    name: card.name,
    pin: card.pin,
    cli: card.cli ?? null,
    minimal_balance_micros: card.minimalBalanceMicros,
    language: card.language,
    batch: card.batch,
    sold: card.sold ? 1 : 0,
    distributor_id: card.distributorId ?? null,
    valid_from: text(card.validFrom),
    valid_until: text(card.validUntil),
    first_used_at: text(card.firstUsedAt),
    daily_charge_paid_till: text(card.dailyChargePaidTill),
    blocked: card.blocked ? 1 : 0,
    disabled: card.disabled ? 1 : 0,
    created_at: text(card.createdAt),
  }
}

/** Finding a card of an account, by whatever it is called. */
export function cardFinder(db: Database): (key: CardKey) => Card | undefined {
  const select = (where: string) =>
    db.prepare<[number | string, string], CardRow>(
      `select ${CARD_COLUMNS} from card where ${where} and account_id = ?`,
    )
  const by = {
    id: select('id = ?'),
    number: select('number = ?'),
    cli: select('cli = ?'),
    pin: select('pin = ?'),
  }
  return (key) => {
    const [statement, value] =
      'id' in key
        ? [by.id, key.id]
        : 'number' in key
          ? [by.number, key.number]
          : 'cli' in key
            ? [by.cli, key.cli]
            : [by.pin, key.pin]
    const row = statement.get(value, key.accountId)
    return row && toCard(row)
  }
}

/** Writing cards, inside a transaction: all of them but their money. */
export function cardWriter(db: Database) {
  const insert = db.prepare<[WrittenRow & Pick<CardRow, 'account_id'>]>(
    `insert into card (account_id, ${WRITTEN.join(', ')}) values (@account_id, ${WRITTEN.map((name) => `@${name}`).join(', ')})`,
  )
  const update = db.prepare<[WrittenRow & Pick<CardRow, 'id'>]>(
    `update card set ${WRITTEN.map((name) => `${name} = @${name}`).join(', ')} where id = @id`,
  )
  return {
    /** Returns the card's id. */
    add: (card: NewCard): number =>
      Number(insert.run({ ...toRow(card), account_id: card.accountId }).lastInsertRowid),
    save: (card: Card): void => void update.run({ ...toRow(card), id: card.id }),
  }
}

export const GROUP_COLUMNS =
  'id, account_id, name, description, number_length, pin_length, price_micros, balance_micros, tariff_id, valid_ms'

export type GroupRow = {
  id: number
  account_id: string
  name: string
  description: string
  number_length: number
  pin_length: number
  price_micros: number
  balance_micros: number
  tariff_id: number | null
  valid_ms: number | null
}

export function toGroup(row: GroupRow): CardGroup {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    description: row.description,
    numberLength: row.number_length,
    pinLength: row.pin_length,
    priceMicros: row.price_micros,
    balanceMicros: row.balance_micros,
    tariffId: row.tariff_id ?? undefined,
    validMs: row.valid_ms ?? undefined,
  }
}

/** Finds a group by its id. */
export function groupFinder(db: Database): (id: number) => CardGroup | undefined {
  const find = db.prepare<[number], GroupRow>(`select ${GROUP_COLUMNS} from card_group where id = ?`)
  return (id) => {
    const row = find.get(id)
    return row && toGroup(row)
  }
}
