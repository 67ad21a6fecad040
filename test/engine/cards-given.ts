import { addGroup } from '../../src/engine/card-admin.ts'
import { type CallCaps, type CardSettings, DEFAULT_CARD_SETTINGS } from '../../src/engine/card-settings.ts'
import type { Account, AccountSettings } from '../../src/engine/accounts.ts'
import type { Card, CardFields, CardGroup } from '../../src/engine/cards.ts'
import type { Context } from '../../src/engine/context.ts'
import { createCards } from '../../src/engine/create-cards.ts'
import { Refusal } from '../../src/engine/errors.ts'
import type { Rate } from '../../src/engine/rates.ts'
import { testAccount, type TestContext } from '../support/context.ts'

export const UNIT = 1_000_000
/** Numbers of two parties that nobody has, in Germany and in Britain. */
export const BERLIN = '+493023125000'
export const LONDON = '+442079460000'

/** Six cents a minute, by the second. */
export const RATE: Rate = {
  ...{ prefix: '49', name: 'Germany', perMinuteMicros: 60_000, setUpMicros: 0 },
  ...{ minimumSeconds: 0, incrementSeconds: 1 },
}

type Wanted = {
  rates?: Partial<Rate>[]
  settings?: Partial<AccountSettings>
  cards?: Partial<CardSettings>
  caps?: { card?: Partial<CallCaps>; account?: Partial<CallCaps> }
}

/** An account in Germany that may call there and to Britain, by a tariff of its own. */
export async function cardAccount(ctx: Context, wanted: Wanted = {}): Promise<Account> {
  const { rates = [{}], settings, cards, caps = {} } = wanted
  const account = await testAccount(ctx, { vns: [], settings: { country: 'DE', ...settings } })
  const tariffId = await tariff(ctx, account, rates)
  const { card, account: all } = DEFAULT_CARD_SETTINGS
  const own: CardSettings = {
    ...{ ...DEFAULT_CARD_SETTINGS, tariffId, allowed: ['49', '44'] },
    ...{ card: { ...card, ...caps.card }, account: { ...all, ...caps.account } },
    ...cards,
  }
  return changed(ctx, account, { cards: own })
}

/** The account with other settings, here and in the store. */
export async function changed(
  ctx: Context,
  account: Account,
  settings: Partial<AccountSettings>,
): Promise<Account> {
  const save = { ...account, settings: { ...account.settings, ...settings } }
  return ctx.store.changeAccount(account.id, () => ({ save, result: save }))
}

/** Writes a tariff; its id. */
export async function tariff(ctx: Context, { id }: Account, rates: Partial<Rate>[], name = 'standard') {
  const { version } = await ctx.store.beginTariff(id, name, ctx.now())
  await ctx.store.putRates(
    version,
    rates.map((rate) => ({ ...RATE, ...rate })),
  )
  return (await ctx.store.finishTariff(version)).id
}

export function group(ctx: Context, account: Account, wanted: Partial<CardGroup> = {}): Promise<CardGroup> {
  return addGroup(ctx, account, { name: ctx.newId(), pinLength: 9, ...wanted })
}

let last = 1_000_000_000

/** A card with so much on it, in a group of its own unless one is named. */
export async function givenCard(
  ctx: Context,
  account: Account,
  openingMicros: number,
  { of, ...fields }: Omit<CardFields, 'number'> & { of?: CardGroup } = {},
): Promise<Card> {
  const { id: groupId } = of ?? (await group(ctx, account))
  const [card] = await createCards(ctx, account, {
    groupId,
    numbers: [String(++last)],
    fields,
    openingMicros,
  })
  if (!card) throw new Error('there is a card of this number')
  return card
}

/** What a card has now, and its lines: oldest first, and their sum must be the balance. */
export async function moneyOf({ store }: TestContext, { accountId, id }: Card) {
  const card = await store.findCard({ accountId, id })
  const lines = (await store.ledger(id, undefined, 1_000)).reverse()
  const sum = lines.reduce((total, { amountMicros }) => total + amountMicros, 0)
  if (sum !== card?.balanceMicros)
    throw new Error(`the lines sum up to ${sum}, not to ${card?.balanceMicros}`)
  return {
    balance: card.balanceMicros,
    held: card.heldMicros,
    lines: lines.map(({ kind, amountMicros }) => [kind, amountMicros]),
  }
}

/** The word of a refusal, returned or thrown. */
export async function code(work: Promise<unknown>): Promise<string> {
  const result: unknown = await work.catch((error: unknown) => error)
  if (result instanceof Refusal) return result.code
  if (result instanceof Error) throw result
  return 'no refusal'
}
