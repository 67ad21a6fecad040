import type { Sending, Subscription } from '../../../engine/subscription-store.ts'
import { type Standing, standing } from '../../../engine/subscriptions.ts'
import { type Answer, granted } from './answers.ts'
import type { Asked } from './gate.ts'
import type { STATUS_WORDS } from './schema.ts'

/** Which of the vendor's words says what; the others mean nothing here. */
const WORDS: Record<Standing['status'], (typeof STATUS_WORDS)[number]> = {
  active: 'active',
  pending: 'doi-onhold',
  lapsed: 'inactive',
  unsubscribed: 'unsub',
  none: 'nf',
}

/** "status": where the number stands, and beyond the vendor's fields what has become of its last PIN. */
export async function status({ ctx, campaign, msisdn, requestId, sent }: Asked<'status'>): Promise<Answer> {
  const { status: where, subscription, sending } = await standing(ctx, campaign, msisdn)
  const word = WORDS[where]
  const wanted = sent.status ?? []
  const state = wanted.length === 0 || wanted.includes(word) ? word : null
  const pin = where === 'pending' ? subscription?.pin : undefined
  return granted({ campaign, subscription }, state, requestId, {
    delivery: sending ? deliveryOf(sending) : null,
    ...pinFields(pin),
  })
}

/** Never the PIN itself. */
function pinFields(pin: Subscription['pin']) {
  return {
    pin_expires_at: pin ? instant(pin.expiresAt) : null,
    attempts_left: pin ? pin.attempts - pin.wrong : null,
  }
}

function deliveryOf(sending: Sending) {
  const { means, state, outcome = null, tries, createdAt, dueAt, endedAt } = sending
  return {
    ...{ means, state, outcome, tries, created_at: instant(createdAt) },
    next_try_at: state === 'waiting' ? instant(dueAt) : null,
    ended_at: endedAt === undefined ? null : instant(endedAt),
  }
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
