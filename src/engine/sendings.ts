import type { Campaign } from './campaigns.ts'
import type { Context } from './context.ts'
import { isGood } from './sent-pins.ts'
import type { Sending, SendingOutcome, Subscription } from './subscription-store.ts'

/** What is needed to send a PIN. */
export type BegunSending = {
  sending: Sending
  digits: string
  campaign: Campaign
  subscription: Subscription
}

/** Outcomes after which the same PIN is sent once more, as long as it is good and the campaign wants it. */
const AGAIN: ReadonlySet<SendingOutcome> = new Set<SendingOutcome>(['busy', 'no_answer', 'failed'])

/**
 * Writes down that another try is about to be made. Resolves to undefined when that must not be: it is not due; or its PIN is none any
 * more or its campaign paused, and then it has ended with this; or its campaign has other means by now, for which it waits from then
 * on. A PIN that would expire while the telephone rings is sent all the same.
 */
export async function beginSending(ctx: Context, id: string): Promise<BegunSending | undefined> {
  const now = ctx.now()
  return ctx.store.changeSending<BegunSending | undefined>(id, (seen) => {
    if (seen?.sending.state !== 'waiting' || seen.sending.dueAt > now) return { result: undefined }
    const { sending, subscription, campaign } = seen
    const { pin } = subscription
    if (!isGood(pin, now) || campaign.status === 'paused')
      return { save: overtaken(sending, now), result: undefined }
    const means = campaign.means.kind
    if (sending.means !== means) return { save: { ...sending, means }, result: undefined }
    const save: Sending = { ...sending, state: 'trying', tries: sending.tries + 1 }
    return { save, result: { sending: save, digits: pin.digits, campaign, subscription } }
  })
}

/** Writes down that the digits are about to be said, first or again. Resolves to whether they may be: the PIN may be none any more. */
export async function beginSpeaking(ctx: Context, id: string): Promise<boolean> {
  const now = ctx.now()
  return ctx.store.changeSending(id, (seen) => {
    if (!seen || !isUnderWay(seen.sending) || seen.sending.outcome === 'not_needed') return { result: false }
    const { sending, subscription } = seen
    if (!isGood(subscription.pin, now)) return { result: false }
    return { save: { ...sending, state: 'speaking' }, result: true }
  })
}

/**
 * Writes down how a try has ended: the sending waits for the next one then, or has ended with it. Where none is under way nothing
 * changes, and a sending that is not needed any more ends as that. Resolves to it as it is then.
 */
export async function endTry(
  ctx: Context,
  id: string,
  outcome: SendingOutcome,
): Promise<Sending | undefined> {
  const now = ctx.now()
  return ctx.store.changeSending<Sending | undefined>(id, (seen) => {
    if (!seen || !isUnderWay(seen.sending)) return { result: seen?.sending }
    const { tries, retryMs } = seen.campaign
    const save = afterTry(seen, outcome, now, { mostTries: tries, dueAt: now + retryMs })
    return { save, result: save }
  })
}

/**
 * Writes down that whoever made a try is gone, and nobody knows how it went: another one is due at once, though it were one more than
 * the campaign wants, unless the digits were being said. So no PIN is lost with a process; its time bounds how often that can happen.
 */
export async function abandonTry(ctx: Context, id: string): Promise<void> {
  const now = ctx.now()
  await ctx.store.changeSending(id, (seen) => {
    if (!seen || !isUnderWay(seen.sending)) return { result: undefined }
    // Whoever listens to a second call may be somebody else.
    const outcome = seen.sending.state === 'speaking' ? 'hung_up' : 'failed'
    return { save: afterTry(seen, outcome, now, { mostTries: Infinity, dueAt: now }), result: undefined }
  })
}

function isUnderWay({ state }: Sending): boolean {
  return state === 'trying' || state === 'speaking'
}

function afterTry(
  { sending, subscription, campaign }: { sending: Sending; subscription: Subscription; campaign: Campaign },
  outcome: SendingOutcome,
  now: number,
  { mostTries, dueAt }: { mostTries: number; dueAt: number },
): Sending {
  const again =
    AGAIN.has(outcome) &&
    sending.state === 'trying' &&
    sending.outcome !== 'not_needed' &&
    sending.tries < mostTries &&
    campaign.status === 'active' &&
    isGood(subscription.pin, dueAt)
  if (again) return { ...sending, state: 'waiting', outcome, dueAt }
  // What was heard, or taken, was, though the PIN has been used or replaced meanwhile.
  const last = sending.outcome === 'not_needed' && outcome !== 'delivered' ? 'not_needed' : outcome
  return { ...sending, state: 'ended', outcome: last, endedAt: Math.max(now, sending.createdAt) }
}

/** As it is when its PIN is none any more: it has ended, or whoever makes it sees that it shall. One that has ended stays as it is. */
export function overtaken(sending: Sending, now: number): Sending {
  if (sending.state === 'ended') return sending
  if (sending.state !== 'waiting') return { ...sending, outcome: 'not_needed' }
  return { ...sending, state: 'ended', outcome: 'not_needed', endedAt: Math.max(now, sending.createdAt) }
}
