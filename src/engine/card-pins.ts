import type { Account } from './accounts.ts'
import { type Card, isUsable } from './cards.ts'
import type { Context } from './context.ts'
import { couldBeCardPin } from './draw-digits.ts'
import { Refusal } from './errors.ts'
import { blame, callerName, clientWays, type Guesser, mayGuess } from './guard.ts'
import { ANONYMOUS } from './pin-databases.ts'

/** A PIN that somebody keyed, or sent, to get at a card or at a voucher's money. */
export type KeyedCardPin = {
  account: Account
  pin: string
  /** Who does, E.164; undefined when withheld, or when a client sends it. */
  caller: string | undefined
  /** Where a wrong one is counted, and how it came in (guard.ts). */
  place: string
  way: string | undefined
}

/** The name of an account's cards as a place at which PINs are guessed. */
export function cardsPlace(accountId: string): string {
  return `cards ${accountId}`
}

/**
 * The usable card that this PIN opens. Returns Refusal 'not_found' for every reason, or 'forbidden' when it was not compared,
 * because of too many wrong ones before.
 */
export async function cardByPin(ctx: Context, keyed: KeyedCardPin): Promise<Card | Refusal> {
  return opened(ctx, keyed, isUsable)
}

/** The usable card that is called with from this number without a PIN, if any and if the account has that. */
export async function cardByCli(ctx: Context, account: Account, cli: string): Promise<Card | undefined> {
  if (!account.settings.cards.pinless) return undefined
  const card = await ctx.store.findCard({ accountId: account.id, cli })
  return card && isUsable(card, ctx.now()) ? card : undefined
}

/**
 * Lets a card be called with from this number: whoever knows its PIN may say so. It ends its being disabled. Returns Refusals like
 * cardByPin, but for a card that is disabled, and 'duplicate_card' when the number is another card's.
 */
export async function activateCard(ctx: Context, keyed: KeyedCardPin, cli: string): Promise<Card | Refusal> {
  const found = await opened(ctx, keyed, mayBeActivated)
  if (found instanceof Refusal) return found
  const [now, accountId] = [ctx.now(), keyed.account.id]
  return ctx.store.changeCard<Card | Refusal>(
    { accountId, id: found.id, takenBy: { cli } },
    (card, taken) => {
      // It may have been changed since its PIN was compared.
      if (card?.pin !== keyed.pin || !mayBeActivated(card, now)) return { result: noSuchCard() }
      if (taken.cli)
        return { result: new Refusal('duplicate_card', 'another card is called with from this number') }
      const save: Card = { ...card, cli, disabled: false }
      return { save, result: save }
    },
  )
}

function mayBeActivated(card: Card, now: number): boolean {
  return isUsable({ ...card, disabled: false }, now)
}

/** The card with this PIN, if it is one that `opens`. A wrong PIN is remembered in the transaction that compares it. */
async function opened(
  ctx: Context,
  keyed: KeyedCardPin,
  opens: (card: Card, now: number) => boolean,
): Promise<Card | Refusal> {
  const { account, pin, caller } = keyed
  // What cannot be a PIN is not compared, so it costs nothing and says nothing.
  if (!couldBeCardPin(pin)) return noSuchCard()
  const now = ctx.now()
  const query = { accountId: account.id, pin, cli: caller, guesser: guesserOf(keyed) }
  return ctx.store.checkCardPin<Card | Refusal>(query, (seen) => {
    const through = mayGuess(seen.suspicion, pin, now)
    const card = through ? seen.card : undefined
    if (card && opens(card, now)) return { use: { at: now }, result: card }
    return { blame: blame(seen.suspicion, pin, now), result: through ? noSuchCard() : tooManyWrong() }
  })
}

/** Whom a wrong PIN is counted for. A client that names nobody may have many visitors: it is no caller. */
export function guesserOf({ account, caller, place, way }: KeyedCardPin): Guesser {
  const isNobody = caller === undefined && way !== undefined && clientWays(account.id).includes(way)
  return { caller: isNobody ? undefined : callerName(account.id, caller ?? ANONYMOUS), place, way }
}

export function tooManyWrong(): Refusal {
  return new Refusal('forbidden', 'too many wrong PINs before; this one was not compared')
}

function noSuchCard(): Refusal {
  return new Refusal('not_found', 'no card of the account that can be used has this PIN')
}
