import { randomInt } from 'node:crypto'
import path from 'node:path'
import { v7 } from 'uuid'
import type { Account, AccountSettings } from '../../src/engine/accounts.ts'
import type { Callback, VoipLine } from '../../src/engine/paid-call-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import { DEFAULT_CARD_SETTINGS, type CardSettings } from '../../src/engine/card-settings.ts'
import type { Context } from '../../src/engine/context.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { testAccount } from './context.ts'
import type { Stage } from './stage.ts'

/** German numbers, at a price by the second. */
export const GERMANY = '+4930901820'
export const GERMANY_TOO = '+4930901821'
export const PER_SECOND_MICROS = 1_000

type Wanted = {
  balanceMicros?: number
  cli?: string
  sid?: string
  cards?: Partial<CardSettings>
  settings?: Partial<AccountSettings>
  incrementSeconds?: number
}

/** An account that lets Germany be called at a price by the second, and a card of it with money. */
export async function cardAccount(
  ctx: Context,
  wanted: Wanted = {},
): Promise<{ account: Account; card: Card }> {
  const { id } = await testAccount(ctx, wanted.sid === undefined ? {} : { sid: wanted.sid, vns: [] })
  const card = await giveCard(ctx, id, wanted)
  const account = (await ctx.store.accounts()).find((one) => one.id === id)
  return { account: account!, card }
}

let cards = 10_000_000

/** Lets the account call Germany on cards, at a price, and gives it a card with money. */
export async function giveCard(ctx: Context, accountId: string, wanted: Wanted = {}): Promise<Card> {
  const { balanceMicros = 60 * PER_SECOND_MICROS, cli, incrementSeconds = 1 } = wanted
  const number = String(++cards)
  const { version } = await ctx.store.beginTariff(accountId, number, ctx.now())
  const price = {
    perMinuteMicros: 60 * PER_SECOND_MICROS,
    setUpMicros: 0,
    minimumSeconds: 1,
    incrementSeconds,
  }
  await ctx.store.putRates(version, [{ prefix: '49', name: 'Germany', ...price }])
  const { id: tariffId } = await ctx.store.finishTariff(version)
  await ctx.store.changeAccount(accountId, (account) => {
    const settings: AccountSettings = {
      ...account!.settings,
      country: 'DE',
      ...wanted.settings,
      cards: { ...DEFAULT_CARD_SETTINGS, allowed: ['49'], ...wanted.cards },
    }
    return { save: { ...account!, settings }, result: undefined }
  })
  const group = await ctx.store.addCardGroup({
    ...{ accountId, name: number, description: '', numberLength: 8, pinLength: 9 },
    ...{ priceMicros: 0, balanceMicros: 0, tariffId, validMs: undefined },
  })
  const query = { accountId, groupId: group.id, numbers: [number], pins: [], clis: [] }
  const [card] = await ctx.store.addCards<Card[]>(query, () => ({
    save: [
      {
        ...{ accountId, groupId: group.id, number, name: '', pin: `1${number}`, cli },
        ...{ openingMicros: balanceMicros, minimalBalanceMicros: 0, language: 'en', batch: '', sold: true },
        ...{ distributorId: undefined, validFrom: undefined, validUntil: undefined, firstUsedAt: undefined },
        ...{ dailyChargePaidTill: undefined, blocked: false, disabled: false, createdAt: ctx.now() },
      },
    ],
    result: (made: Card[]) => made,
  }))
  return card!
}

/** A line of the card. */
export async function addLine(ctx: Context, card: Card, change: Partial<VoipLine> = {}): Promise<VoipLine> {
  const { accountId, id: cardId } = card
  const line = {
    username: 'bob',
    accountId,
    cardId,
    password: 'Secret-of-bob',
    createdAt: ctx.now(),
    ...change,
  }
  await ctx.store.addLine(line)
  return line
}

/** A callback of the card that waits, as an API has written it. */
export async function addCallback(
  ctx: Context,
  card: Card,
  change: Partial<Callback> = {},
): Promise<Callback> {
  const callback: Callback = {
    ...{ id: ctx.newId(), accountId: card.accountId, cardId: card.id, a: GERMANY, b: GERMANY_TOO },
    ...{ state: 'waiting', outcome: undefined, callId: undefined, createdAt: ctx.now(), endedAt: undefined },
    ...change,
  }
  await ctx.store.addCallback(callback)
  return callback
}

/** The engine on the database of a stage, beside the application, as the command line is. */
export function beside(stage: Pick<Stage, 'data'>): Context {
  const store = openSqlite(path.join(stage.data, 'pinbridge.db'))
  return { store, now: Date.now, randomInt, newId: v7 }
}
