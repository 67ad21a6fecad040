import type { Account, VirtualNumber } from '../../engine/accounts.ts'
import { callIdle, endCall, openCall } from '../../engine/calls.ts'
import { cardByCli, cardByPin } from '../../engine/card-pins.ts'
import { availableMicros, isUsable, type Card } from '../../engine/cards.ts'
import type { Context } from '../../engine/context.ts'
import { destination } from '../../engine/destinations.ts'
import { Refusal } from '../../engine/errors.ts'
import { TRUNK } from '../../engine/guard.ts'
import type { Call, PromptName, Spoken } from '../call.ts'
import { askPin } from './ask-pin.ts'
import { whoLeft } from './connect.ts'
import { paidCall, type PaidCallEnd } from './paid-call.ts'
import { amount, minutesLeft } from './phrases.ts'

/** More than any number has, so that what is too long is refused as one input. */
const MAX_KEYS = 24
/** What fewer digits than this lead to is no subscriber anywhere, but somebody's short number, or nothing. */
const SHORT_DIGITS = 6

/**
 * A number for prepaid cards: whoever calls from a card's number, or keys its PIN, hears what is on it, keys a destination
 * and talks until the money ends; and then another one, for as long as there is money and the caller stays.
 */
export async function callingCard(
  call: Call,
  ctx: Context,
  { number: vn }: VirtualNumber,
  account: Account,
): Promise<void> {
  const { id, channelId, from } = call
  await openCall(ctx, { id, channelId, from, accountId: account.id, vn, startedAt: ctx.now() })
  try {
    await call.answer()
    const card = await admit(call, ctx, account)
    const why = card ? await callOn(call, ctx, account, { cardId: card.id, vn }) : []
    await call.play(...why, 'goodbye')
  } finally {
    await endCall(ctx, id, whoLeft(call))
  }
}

/** The card of the number that calls; without one that has money, it is asked for by PIN. */
async function admit(call: Call, ctx: Context, account: Account): Promise<Card | undefined> {
  const { from: caller } = call
  const known = caller === undefined ? undefined : await cardByCli(ctx, account, caller)
  if (known && availableMicros(known) > 0) return known
  // Whoever calls from this telephone may have another card.
  if (known) await call.play('no-money')
  let wrong = 0
  call.note({ verdict: 'refused', wrong })
  return askPin(call, {
    attempts: account.settings.pinAttempts,
    check: async (pin) => {
      const place = `cards ${account.id}`
      const card = await cardByPin(ctx, { account, pin, caller, place, way: TRUNK })
      if (!(card instanceof Refusal)) {
        call.note({ verdict: 'ok' })
        return card
      }
      // That one was not compared must not be hidden by what is keyed after it.
      if (card.code === 'forbidden') call.note({ verdict: 'locked' })
      return undefined
    },
    onWrong: () => call.note({ wrong: ++wrong }),
  })
}

type Visit = { cardId: number; vn: string }

/**
 * One destination after another, until there is no money or too many of them in a row lead nowhere. Resolves to what the
 * caller must be told then.
 */
async function callOn(call: Call, ctx: Context, account: Account, visit: Visit): Promise<Spoken[]> {
  const { currency, destinationAttempts } = account.settings.cards
  let why: Spoken[] = []
  for (let misses = 0; misses < destinationAttempts;) {
    const card = await ctx.store.findCard({ accountId: account.id, id: visit.cardId })
    if (!card || !isUsable(card, ctx.now())) return [...why, 'card-not-usable']
    const credit = availableMicros(card)
    if (credit === 0) return [...why, 'no-money']
    // Once is enough for whoever has only mistyped a number.
    const inWords = misses === 0 ? amount(credit, currency) : undefined
    const prompts: Spoken[] = [...why, ...(inWords ? ['you-have' as const, ...inWords] : []), 'enter-number']
    const keyed = await call.ask({ prompts, maxDigits: MAX_KEYS })
    const { told, rang } = await callOne(call, ctx, account, visit, keyed)
    why = told
    misses = rang ? 0 : misses + 1
  }
  return why
}

/** What the caller is told afterwards, and whether anybody was rung. */
type Outcome = { told: [PromptName] | []; rang: boolean }

async function callOne(
  call: Call,
  ctx: Context,
  account: Account,
  { cardId, vn }: Visit,
  keyed: string,
): Promise<Outcome> {
  if (keyed === '') return { told: ['number-nothing'], rang: false }
  const to = destination(keyed, account.settings)
  if (to instanceof Refusal) {
    if (keyed.length <= SHORT_DIGITS) return { told: ['number-short'], rang: false }
    return { told: [to.code === 'invalid_number' ? 'number-invalid' : 'number-not-allowed'], rang: false }
  }
  const end = await paidCall(call, ctx, account, {
    ...{ cardId, kind: 'card', to, callerId: vn },
    beforeRinging: ({ longestSeconds }) => call.play(...minutesLeft(longestSeconds)),
  })
  await callIdle(ctx, call.id)
  return afterwards(end)
}

function afterwards(end: PaidCallEnd): Outcome {
  switch (end) {
    case 'talked':
      return { told: [], rang: true }
    case 'cut':
      return { told: ['time-over'], rang: true }
    case 'busy':
      return { told: ['party-busy'], rang: true }
    case 'no-answer':
      return { told: ['party-no-answer'], rang: true }
    case 'failed':
      return { told: ['party-unreachable'], rang: true }
    case 'no_money':
      return { told: ['money-not-enough'], rang: false }
    case 'too_many_calls':
      return { told: ['card-busy'], rang: false }
    case 'no_rate':
      return { told: ['number-not-allowed'], rang: false }
    default:
      return { told: ['card-not-usable'], rang: false }
  }
}
