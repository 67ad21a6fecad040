import type { Account } from './accounts.ts'
import { crediting, groupNamed, notASum, type WantedGroup } from './card-admin.ts'
import type { CardsSeen, NewCard } from './card-store.ts'
import type { Card, CardGroup } from './cards.ts'
import type { Context } from './context.ts'
import { newCard, noFreePin } from './create-cards.ts'
import { drawDigits } from './draw-digits.ts'
import { granted, Refusal } from './errors.ts'
import type { Event, SmsRequested } from './events.ts'
import { formatAmount, isSum } from './money.ts'
import { mostOfLength, withSpares } from './pin-space.ts'

const DAY_MS = 86_400_000

/** Rounds are lost to others who make, or give up, a card with the same CLI at the same time. */
const ROUNDS = 10

/** When the client gives no text of its own. */
const DEFAULT_SMS = 'Your calling card {serial} was credited with {amount}. PIN: {pin}'

export type WantedCredit = {
  /** E.164. */
  cli: string
  name: string
  amountMicros: number
  /** Where the card comes from if there is none. */
  group: WantedGroup
  /**
   * A text message with the PIN is asked for with event 'sms.requested': `{pin}`, `{serial}` and `{amount}` stand for them. Empty:
   * a text of ours.
   */
  sms?: string
}

/**
 * Puts money on the card with this CLI; makes one, with a random number and PIN, where there is none. Throws Refusal 'invalid' for
 * an amount that is not above zero or too large, 'too_many' when the account's text messages of the last 24 hours are used up (and
 * then nothing is done), 'no_free_pin'.
 */
export async function creditByCli(ctx: Context, account: Account, wanted: WantedCredit): Promise<Card> {
  if (!isSum(wanted.amountMicros)) throw notASum()
  for (let round = 0; round < ROUNDS; round++) {
    const card = (await creditThere(ctx, account, wanted)) ?? (await creditNew(ctx, account, wanted))
    if (card) return granted(card)
  }
  throw new Error('the card of a CLI came and went in every round')
}

/** Credits the card that is there; undefined when there is none. */
async function creditThere(
  ctx: Context,
  account: Account,
  wanted: WantedCredit,
): Promise<Card | Refusal | undefined> {
  const { cli, amountMicros } = wanted
  const [now, eventId] = [ctx.now(), ctx.newId()]
  const key = { accountId: account.id, cli, smsSince: now - DAY_MS + 1 }
  return ctx.store.changeCard<Card | Refusal | undefined>(key, (card, _, smsRequested) => {
    if (!card) return { result: undefined }
    if (!maySend(account, wanted, smsRequested)) return { result: tooManyTexts() }
    const move = { at: now, kind: 'top_up', amountMicros, reference: undefined, note: '' } as const
    const change = crediting(card, move)
    if (change.result instanceof Refusal) return change
    return { ...change, events: texts(account, wanted, card, now, eventId) }
  })
}

/** Credits a card that is made for it; undefined when there is one meanwhile, or the drawn number is another's. */
async function creditNew(
  ctx: Context,
  account: Account,
  wanted: WantedCredit,
): Promise<Card | Refusal | undefined> {
  const [now, eventId] = [ctx.now(), ctx.newId()]
  const { cli, name } = wanted
  const group = await groupNamed(ctx, account, wanted.group)
  const numbers = drawDigits(ctx.randomInt, group.numberLength, withSpares(1), { leadingZero: false })
  const pins = drawDigits(ctx.randomInt, group.pinLength, withSpares(1))
  const query = {
    accountId: account.id,
    groupId: group.id,
    numbers,
    pins,
    clis: [cli],
    smsSince: now - DAY_MS + 1,
  }
  return ctx.store.addCards<Card | Refusal | undefined>(query, (seen) => {
    if (seen.takenClis.has(cli)) return { result: undefined }
    if (!maySend(account, wanted, seen.smsRequested)) return { result: tooManyTexts() }
    const free = firstFree(seen, group, numbers, pins)
    if (!free) return { result: noFreePin() }
    const card: NewCard = newCard(group, { ...free, cli, name, sold: true }, wanted.amountMicros, now)
    return { save: [card], events: texts(account, wanted, card, now, eventId), result: ([made]) => made }
  })
}

/** A number and a PIN that no other card has, if there may be another card at all. */
function firstFree(
  { takenNumbers, takenPins, pinsOfLength }: CardsSeen,
  group: CardGroup,
  ...drawn: [string[], string[]]
) {
  const number = drawn[0].find((one) => !takenNumbers.has(one))
  const pin = drawn[1].find((one) => !takenPins.has(one))
  const isFull = (pinsOfLength.get(group.pinLength) ?? 0) >= mostOfLength(group.pinLength)
  return isFull || number === undefined || pin === undefined ? undefined : { number, pin }
}

function maySend({ settings }: Account, { sms }: WantedCredit, smsRequested: number): boolean {
  return sms === undefined || smsRequested < settings.cards.smsADay
}

function texts(
  { id: accountId, settings }: Account,
  { sms, cli, amountMicros }: WantedCredit,
  { pin, number }: Pick<Card, 'pin' | 'number'>,
  at: number,
  id: string,
): Event[] {
  if (sms === undefined) return []
  const values = { pin, serial: number, amount: `${formatAmount(amountMicros)} ${settings.cards.currency}` }
  const template = sms === '' ? DEFAULT_SMS : sms
  const text = template.replaceAll(/\{(pin|serial|amount)\}/g, (_, name: keyof typeof values) => values[name])
  const event: SmsRequested = { type: 'sms.requested', id, accountId, at, to: cli, text }
  return [event]
}

function tooManyTexts(): Refusal {
  return new Refusal('too_many', 'the account has asked for all its text messages of the last 24 hours')
}
