import type { Database } from 'better-sqlite3'
import type { CardStore } from '../../engine/card-store.ts'
import type { CardGroup, Distributor } from '../../engine/cards.ts'
import { GROUP_COLUMNS, groupFinder, type GroupRow, toGroup } from './card-rows.ts'
import type { Commit } from './group-commit.ts'
import { unless } from './refused.ts'

type CardGroups = Pick<
  CardStore,
  'addCardGroup' | 'changeCardGroup' | 'findCardGroup' | 'cardGroups' | 'addDistributor' | 'distributors'
>

const DUPLICATE = ['duplicates', 'the account has one of this name already'] as const

/** Kinds of cards, and those who sell them. */
export function cardGroups(db: Database, commit: Commit): CardGroups {
  const insert = db.prepare<[Omit<GroupRow, 'id'>]>(
    `insert into card_group (account_id, name, description, number_length, pin_length, price_micros, balance_micros,
       tariff_id, valid_ms)
     values (@account_id, @name, @description, @number_length, @pin_length, @price_micros, @balance_micros,
       @tariff_id, @valid_ms)`,
  )
  const update = db.prepare<[GroupRow]>(
    `update card_group set name = @name, description = @description, number_length = @number_length,
       pin_length = @pin_length, price_micros = @price_micros, balance_micros = @balance_micros,
       tariff_id = @tariff_id, valid_ms = @valid_ms
     where id = @id and account_id = @account_id`,
  )
  const find = groupFinder(db)
  const list = db.prepare<[string], GroupRow & { cards: number; unsold: number }>(
    `select ${GROUP_COLUMNS}, cards, unsold from card_group where account_id = ? order by id`,
  )
  const insertDistributor = db.prepare<[string, string]>(
    `insert into distributor (account_id, name) values (?, ?)`,
  )
  const listDistributors = db.prepare<[string], Distributor>(
    `select id, account_id as accountId, name from distributor where account_id = ? order by id`,
  )
  return {
    addCardGroup: (group) =>
      commit(() =>
        unless(...DUPLICATE, () => {
          const { lastInsertRowid } = insert.run(toRow(group))
          return { ...group, id: Number(lastInsertRowid) }
        }),
      ),
    changeCardGroup: (group) =>
      commit(() => unless(...DUPLICATE, () => void update.run({ ...toRow(group), id: group.id }))),
    findCardGroup: (accountId, id) => {
      const group = find(id)
      return Promise.resolve(group?.accountId === accountId ? group : undefined)
    },
    cardGroups: (accountId) =>
      Promise.resolve(
        list.all(accountId).map((row) => ({ ...toGroup(row), cards: row.cards, unsold: row.unsold })),
      ),
    addDistributor: ({ accountId, name }) =>
      commit(() =>
        unless(...DUPLICATE, () => {
          const { lastInsertRowid } = insertDistributor.run(accountId, name)
          return { id: Number(lastInsertRowid), accountId, name }
        }),
      ),
    distributors: (accountId) => Promise.resolve(listDistributors.all(accountId)),
  }
}

function toRow(group: Omit<CardGroup, 'id'>): Omit<GroupRow, 'id'> {
  return {
    account_id: group.accountId,
    name: group.name,
    description: group.description,
    number_length: group.numberLength,
    pin_length: group.pinLength,
    price_micros: group.priceMicros,
    balance_micros: group.balanceMicros,
    tariff_id: group.tariffId ?? null,
    valid_ms: group.validMs ?? null,
  }
}
