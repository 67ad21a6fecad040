import type { Account } from './accounts.ts'
import type { CallCaps } from './card-settings.ts'
import type { Movement } from './card-store.ts'
import type { HoldSeen } from './paid-call-store.ts'
import { availableMicros, type Card, type CardGroup, isUsable } from './cards.ts'
import type { Context } from './context.ts'
import { Refusal } from './errors.ts'
import { priceOf, waitMicros } from './hold-price.ts'
import { affordableSeconds, billedSeconds, costOf } from './money.ts'
import { combinedRate, type Rate } from './rates.ts'

const HOUR_MS = 3_600_000

/** How a paid call came about. */
export type HoldKind = 'card' | 'callback' | 'line'

/**
 * A paid call: money that is set aside before anybody is rung, and what became of it.
 *
 *   open --answered and ended--> settled (charged, at most what was held)
 *     |
 *     +--------not answered----> void    (nothing is charged)
 *
 * A callback rings two numbers, A and then B, and one hold pays for both: A from its own answer on, while B rings, and both from
 * B's answer on. It is settled too when A alone has answered.
 *
 * Both ends are final, and each hold comes to one of them once, whoever says so first: the call, a restart, an operator.
 */
export type Hold = {
  /** UUID. */
  id: string
  accountId: string
  cardId: number
  /** The caller's visit; there can be several paid calls in one, one after another. */
  callId: string
  kind: HoldKind
  /** Who calls, as far as known, and A of a callback; E.164. */
  from: string | undefined
  /** Who is called; E.164. */
  to: string
  /** As the tariff said when the hold was made; later changes do not touch a running call. Of a callback that of both together. */
  rate: Rate
  /** Of a callback: that of A alone. */
  alsoRate?: Rate | undefined
  /** What is set aside, and the longest talk that it pays for, A's waiting for B not counted. Micro-units; whole seconds. */
  heldMicros: number
  longestSeconds: number
  state: 'open' | 'settled' | 'void'
  openedAt: number
  answeredAt: number | undefined
  /** Of a callback: when A has answered. `answeredAt` is B's. */
  alsoAnsweredAt?: number | undefined
  endedAt: number | undefined
  /**
   * What was charged, and for how many seconds of the talk; 0 until it is settled. Where A of a callback alone has answered: of A's
   * line.
   */
  chargedMicros: number
  billedSeconds: number
}

/** The answer that a record of the call begins with: the called party's, or that of A where A alone has answered. */
export function connectedAt({ answeredAt, alsoAnsweredAt }: Hold): number | undefined {
  return answeredAt ?? alsoAnsweredAt
}

/** What has been called lately. */
export type Usage = {
  /** Open holds. */
  open: number
  callsHour: number
  callsDay: number
  /** Charged, and held for calls that run: of what is held for a long one, for the hour, what an hour of it costs. */
  microsHour: number
  microsDay: number
}

/** A paid call that is wanted. */
export type WantedCall = {
  account: Account
  cardId: number
  callId: string
  kind: HoldKind
  from: string | undefined
  /** E.164, as `destination` (destinations.ts) has allowed it. */
  to: string
  /** Another number that is rung on the card's money, before this one and likewise allowed: A of a callback. */
  alsoPays?: string | undefined
}

/**
 * Sets money aside for a call, before anybody is rung. The talk must be cut after `longestSeconds`: that is what the money, the
 * account's longest talk and its caps pay for, whichever is least. Of a callback so much is set aside besides as A costs while B
 * rings for as long as the account lets it.
 * Returns Refusal 'card_not_usable', 'no_rate', 'too_many_calls' (a cap is reached) or 'no_money'.
 */
export async function openHold(ctx: Context, wanted: WantedCall): Promise<Hold | Refusal> {
  const [now, id] = [ctx.now(), ctx.newId()]
  return ctx.store.openHold<Hold | Refusal>(queryOf(wanted, now), (seen) => {
    const hold = holding(seen, wanted, now, id)
    return hold instanceof Refusal ? { result: hold } : { hold, result: hold }
  })
}

/** Why openHold would refuse this call now, if it would; nothing is set aside. */
export async function whyNoCall(
  ctx: Context,
  wanted: Omit<WantedCall, 'callId'>,
): Promise<Refusal | undefined> {
  const now = ctx.now()
  return ctx.store.openHold<Refusal | undefined>(queryOf(wanted, now), (seen) => {
    const hold = holding(seen, { ...wanted, callId: '' }, now, '')
    return { result: hold instanceof Refusal ? hold : undefined }
  })
}

function queryOf({ account, cardId, to, alsoPays }: Omit<WantedCall, 'callId'>, now: number) {
  return { accountId: account.id, cardId, digits: to.slice(1), alsoDigits: alsoPays?.slice(1), now }
}

/** By what a talk is charged; undefined when the tariff does not know one of its numbers. */
function rateOf({ rate, alsoRate }: HoldSeen, { alsoPays }: WantedCall): Rate | undefined {
  if (!rate || alsoPays === undefined) return rate
  return alsoRate && combinedRate(alsoRate, rate)
}

/** The rule behind `openHold`. */
function holding(seen: HoldSeen, wanted: WantedCall, now: number, id: string): Hold | Refusal {
  const { card } = seen
  const rate = rateOf(seen, wanted)
  if (!card || !isUsable(card, now))
    return new Refusal('card_not_usable', 'the card cannot be called with now')
  if (!rate) return new Refusal('no_rate', 'the tariff has no rate for this number')
  const { settings } = wanted.account
  const [own, all] = [
    mostMicros(seen.usage.card, settings.cards.card),
    mostMicros(seen.usage.account, settings.cards.account),
  ]
  const [hour, day] = [Math.min(own.hour, all.hour), Math.min(own.day, all.day)]
  if (hour <= 0 || day <= 0)
    return new Refusal('too_many_calls', 'the card or its account may not call more now')
  const mostSeconds = Math.floor(settings.maxTalkMs / 1_000)
  if (billedSeconds(0, rate) > mostSeconds)
    return new Refusal('no_rate', 'the shortest talk of this rate is longer than the account allows')
  const { alsoRate } = seen
  const waiting = alsoRate ? waitMicros(settings.ringMs, alsoRate) : 0
  // Whatever an hour's cap pays an hour for, it pays for however long.
  const left = costOf(billedSeconds(HOUR_MS, rate), rate) + waiting <= hour ? day : Math.min(hour, day)
  const seconds = affordableSeconds(availableMicros(card) - waiting, mostSeconds, rate)
  if (seconds === 0) return new Refusal('no_money', 'the money does not pay for the shortest talk')
  const longestSeconds = Math.min(seconds, affordableSeconds(left - waiting, mostSeconds, rate))
  if (longestSeconds === 0)
    return new Refusal('too_many_calls', 'the card or its account may not spend more now')
  const { account, cardId, callId, kind, from, to } = wanted
  return {
    ...{ id, accountId: account.id, cardId, callId, kind, from, to, rate, alsoRate },
    heldMicros: costOf(longestSeconds, rate) + waiting,
    longestSeconds,
    state: 'open',
    openedAt: now,
    answeredAt: undefined,
    alsoAnsweredAt: undefined,
    endedAt: undefined,
    chargedMicros: 0,
    billedSeconds: 0,
  }
}

/** How much may be spent until the caps of the hour and the day, 0 or less when nothing; 0 when no call may begin at all. */
function mostMicros(used: Usage, caps: CallCaps): { hour: number; day: number } {
  const isFull =
    used.open >= caps.callsAtOnce || used.callsHour >= caps.callsAnHour || used.callsDay >= caps.callsADay
  if (isFull) return { hour: 0, day: 0 }
  return { hour: caps.microsAnHour - used.microsHour, day: caps.microsADay - used.microsDay }
}

/** Writes down that the called party has answered, before the two are joined. From then on the call is paid for. */
export function holdAnswered(ctx: Context, id: string): Promise<void> {
  return answered(ctx, id, 'answeredAt')
}

/** Writes down that A of a callback has answered, before B is rung. From then on A is paid for. */
export function holdAlsoAnswered(ctx: Context, id: string): Promise<void> {
  return answered(ctx, id, 'alsoAnsweredAt')
}

async function answered(ctx: Context, id: string, who: 'answeredAt' | 'alsoAnsweredAt'): Promise<void> {
  const now = ctx.now()
  await ctx.store.changeHold(id, (seen) => {
    if (seen?.hold.state !== 'open' || seen.hold[who] !== undefined) return { result: undefined }
    const { hold, card, group } = seen
    const save = { ...hold, [who]: now }
    return {
      save,
      ...(card.firstUsedAt === undefined && { saveCard: firstUsed(card, group, now) }),
      result: undefined,
    }
  })
}

/** A card is used from its first connected call on, and its group may say for how long. */
function firstUsed(card: Card, { validMs }: CardGroup, now: number): Card {
  if (validMs === undefined) return { ...card, firstUsedAt: now }
  return { ...card, firstUsedAt: now, validUntil: Math.min(now + validMs, card.validUntil ?? Infinity) }
}

/**
 * Ends a paid call, once however often it is called: charges what was talked, never more than was held, or nothing when nobody
 * answered. `endedAt` is the instant of the first hang-up, in milliseconds since the epoch. Resolves to the hold as it is then,
 * or undefined when there is none.
 */
export async function closeHold(ctx: Context, id: string, endedAt: number): Promise<Hold | undefined> {
  return ctx.store.changeHold(id, (seen) => {
    if (seen?.hold.state !== 'open') return { result: seen?.hold }
    const { save, move } = closing(seen.hold, endedAt)
    return { save, ...(move && { move }), result: save }
  })
}

/** The rule behind `closeHold`. */
function closing(hold: Hold, at: number): { save: Hold; move?: Movement } {
  const since = connectedAt(hold)
  if (since === undefined) return { save: { ...hold, state: 'void', endedAt: Math.max(at, hold.openedAt) } }
  // The clock may have been set back meanwhile, and Asterisk cuts a little after the money's end.
  const endedAt = Math.max(at, since)
  const { seconds, micros: charged } = priceOf(hold, endedAt)
  const save: Hold = { ...hold, state: 'settled', endedAt, chargedMicros: charged, billedSeconds: seconds }
  if (charged === 0) return { save }
  const move: Movement = { at: endedAt, kind: 'charge', amountMicros: -charged, reference: hold.id, note: '' }
  return { save, move }
}

/** Gives the money of a settled call back, once. Returns Refusal 'not_found' when there is nothing to give back. */
export async function refundHold(
  ctx: Context,
  account: Account,
  id: string,
  note: string,
): Promise<Hold | Refusal> {
  const now = ctx.now()
  return ctx.store.changeHold<Hold | Refusal>(id, (seen) => {
    const hold = seen?.hold
    if (hold?.accountId !== account.id || hold.state !== 'settled' || hold.chargedMicros === 0)
      return { result: new Refusal('not_found', 'no call of the account has cost anything under this id') }
    const move: Movement = { at: now, kind: 'refund', amountMicros: hold.chargedMicros, reference: id, note }
    return { save: { ...hold, chargedMicros: 0 }, move, result: hold }
  })
}
