import type { Account } from '../engine/accounts.ts'
import { availableMicros, type Card, type CardGroup } from '../engine/cards.ts'
import { Refusal } from '../engine/errors.ts'
import type { Store } from '../engine/store.ts'

/** Throws Refusal 'not_found'. */
export async function cardNumbered(store: Store, { id: accountId }: Account, number: string): Promise<Card> {
  const card = await store.findCard({ accountId, number })
  if (!card) throw new Refusal('not_found', `no card of the account has the number ${number}`)
  return card
}

/** Throws Refusal 'not_found'. */
export async function groupNamed(store: Store, { id }: Account, name: string): Promise<CardGroup> {
  const group = (await store.cardGroups(id)).find((one) => one.name === name)
  if (!group) throw new Refusal('not_found', `no group is called ${name}: see pinbridge group list`)
  return group
}

/** How many cards of the account are in groups with PINs of this length. */
export async function cardsAlike(store: Store, { id }: Account, pinLength: number): Promise<number> {
  const groups = (await store.cardGroups(id)).filter((one) => one.pinLength === pinLength)
  return groups.reduce((sum, { cards }) => sum + cards, 0)
}

/** Why a card cannot be called with, or `ok`; its money aside. */
export function stateOf({ blocked, disabled, validFrom, validUntil }: Card, now: number): string {
  if (blocked) return 'blocked'
  if (disabled) return 'given up'
  if (validFrom !== undefined && now < validFrom) return 'not yet valid'
  if (validUntil !== undefined && now >= validUntil) return 'expired'
  return 'ok'
}

/** A card for scripts. Its PIN is asked for on purpose: whoever reads it in a terminal's history can talk the money away. */
export function described(card: Card, group: string | undefined, now: number, showPin: boolean | undefined) {
  const { id, number, name, balanceMicros, heldMicros, minimalBalanceMicros, language, batch, sold } = card
  return {
    ...{ id, number, name, group: group ?? null, cli: card.cli ?? null, language, batch, sold },
    ...(showPin && { pin: card.pin }),
    ...{ balanceMicros, heldMicros, minimalBalanceMicros, availableMicros: availableMicros(card) },
    state: stateOf(card, now),
    blocked: card.blocked,
    disabled: card.disabled,
    distributorId: card.distributorId ?? null,
    validFrom: utc(card.validFrom),
    validUntil: utc(card.validUntil),
    firstUsedAt: utc(card.firstUsedAt),
    createdAt: utc(card.createdAt),
  }
}

export function utc(ms: number): string
export function utc(ms: number | undefined): string | null
export function utc(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
