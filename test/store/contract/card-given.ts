import type { Movement, NewCard, Voucher } from '../../../src/engine/card-store.ts'
import type { Card, CardGroup } from '../../../src/engine/cards.ts'
import type { Hold } from '../../../src/engine/holds.ts'
import type { Rate } from '../../../src/engine/rates.ts'
import type { Store } from '../../../src/engine/store.ts'
import { A, B, newId, T0 } from './given.ts'

export const NOBODY = { caller: undefined, place: undefined, way: undefined }
export const GUESSER = { caller: 'c', place: 'p', way: 'w' }

export function groupOf(change: Partial<CardGroup> = {}): Omit<CardGroup, 'id'> {
  return {
    ...{ accountId: 'acme', name: 'gold', description: 'of ten', numberLength: 8, pinLength: 9 },
    ...{ priceMicros: 10_000_000, balanceMicros: 9_000_000, tariffId: undefined, validMs: undefined },
    ...change,
  }
}

let count = 0
/** Of the first group, with numbers of its own and money for some calls. */
export function newCard(change: Partial<NewCard> = {}): NewCard {
  const serial = String(++count).padStart(8, '0')
  return {
    ...{ accountId: 'acme', groupId: 1, number: serial, name: '', pin: `1${serial}`, cli: undefined },
    ...{ openingMicros: 5_000_000, minimalBalanceMicros: 0, language: 'de', batch: 'b1', sold: false },
    ...{ distributorId: undefined, validFrom: undefined, validUntil: undefined, firstUsedAt: undefined },
    ...{ dailyChargePaidTill: undefined, blocked: false, disabled: false, createdAt: T0 },
    ...change,
  }
}

/** Makes cards as they are given. */
export function addCards(store: Store, ...save: NewCard[]): Promise<Card[]> {
  const [{ accountId, groupId }] = save as [NewCard]
  return store.addCards<Card[]>({ accountId, groupId, numbers: [], pins: [], clis: [] }, () => ({
    save,
    result: (made) => made,
  }))
}

/** A card in a group that is made when it is the first. */
export async function addCard(store: Store, change: Partial<NewCard> = {}): Promise<Card> {
  const { accountId = 'acme' } = change
  const [group] = await store.cardGroups(accountId)
  const { id: groupId } = group ?? (await store.addCardGroup(groupOf({ accountId })))
  const [card] = await addCards(store, newCard({ groupId, ...change }))
  return card!
}

export function rate(prefix: string, change: Partial<Rate> = {}): Rate {
  return {
    ...{ prefix, name: `to ${prefix}`, perMinuteMicros: 60_000, setUpMicros: 0 },
    ...{ minimumSeconds: 0, incrementSeconds: 1 },
    ...change,
  }
}

/** A tariff of these rates. */
export async function addTariff(store: Store, rates: Rate[], name = 'world', accountId = 'acme') {
  const { version } = await store.beginTariff(accountId, name, T0)
  await store.putRates(version, rates)
  return store.finishTariff(version)
}

export function holdOf(card: Card, change: Partial<Hold> = {}): Hold {
  return {
    ...{ id: newId('hold'), accountId: card.accountId, cardId: card.id, callId: newId('call') },
    ...{ kind: 'card', from: A, to: B, rate: rate('91'), heldMicros: 1_000_000, longestSeconds: 1_000 },
    ...{ state: 'open', openedAt: T0, answeredAt: undefined, endedAt: undefined },
    ...{ chargedMicros: 0, billedSeconds: 0 },
    ...change,
  }
}

/** Keeps it as it is given. */
export async function addHold(store: Store, hold: Hold): Promise<Hold> {
  const { accountId, cardId, openedAt: now } = hold
  return store.openHold({ accountId, cardId, digits: '', now }, () => ({ hold, result: hold }))
}

/** Ends it: charged when it cost something, void when it was not answered. */
export async function endHold(
  store: Store,
  hold: Hold,
  endedAt: number,
  chargedMicros?: number,
): Promise<Hold> {
  const answeredAt = chargedMicros === undefined ? undefined : (hold.answeredAt ?? hold.openedAt)
  const state = answeredAt === undefined ? 'void' : 'settled'
  const save: Hold = { ...hold, state, answeredAt, endedAt, chargedMicros: chargedMicros ?? 0 }
  const move = chargedMicros ? movement(-chargedMicros, { kind: 'charge', reference: hold.id }) : undefined
  return store.changeHold(hold.id, () => ({ save, ...(move && { move }), result: save }))
}

export function movement(amountMicros: number, change: Partial<Movement> = {}): Movement {
  return { at: T0, kind: 'top_up', amountMicros, reference: undefined, note: '', ...change }
}

export function move(
  store: Store,
  card: Card,
  amountMicros: number,
  change?: Partial<Movement>,
): Promise<void> {
  return store.changeCard({ accountId: card.accountId, id: card.id }, () => ({
    move: movement(amountMicros, change),
    result: undefined,
  }))
}

export async function find(store: Store, { accountId, id }: Card): Promise<Card> {
  return (await store.findCard({ accountId, id }))!
}

export function voucher(change: Partial<Voucher> = {}): Voucher {
  return {
    ...{ id: newId('voucher'), accountId: 'acme', pin: String(++count).padStart(8, '7') },
    ...{
      amountMicros: 2_000_000,
      validUntil: undefined,
      createdAt: T0,
      usedAt: undefined,
      usedBy: undefined,
    },
    ...change,
  }
}

export function addVouchers(store: Store, ...save: Voucher[]): Promise<void> {
  return store.addVouchers({ accountId: 'acme', length: 8, pins: [] }, () => ({ save, result: undefined }))
}
