import * as z from 'zod'
import type { Sending, SendingOutcome, SendingState } from '../../../engine/subscription-store.ts'
import { SUBSCRIPTION_STATES } from '../../../engine/subscription-store.ts'
import { BROKEN, REFUSALS } from './answers.ts'
import { type Method, STATUS_WORDS } from './schema.ts'

const reference = z
  .string()
  .regex(/^AP:[\da-f-]{36}$/)
  .meta({
    description:
      'Of the subscription, where there is one, and always the same; otherwise of this request, as in X-Request-Id.',
    examples: ['AP:01a20290-d07e-7145-8fe4-9dcdb9b72a4c'],
  })

const campaign = {
  campaign_status: z.enum(['active', 'paused']),
  campaign_name: z.string().meta({ examples: ['Test Campaign'] }),
  campaign_service: z.string().meta({ examples: ['12345'] }),
}

const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
  .meta({ description: 'ISO 8601, UTC.', examples: ['2026-11-22T12:00:00.000Z'] })

const MEANS = ['call', 'webhook'] as const satisfies Sending['means'][]
const STATES = ['waiting', 'trying', 'speaking', 'ended'] as const satisfies SendingState[]
const OUTCOMES = [
  ...(['delivered', 'busy', 'no_answer', 'no_key', 'hung_up', 'refused', 'failed', 'not_needed'] as const),
] satisfies SendingOutcome[]

const delivery = z
  .strictObject({
    means: z.enum(MEANS),
    state: z.enum(STATES),
    outcome: z.enum(OUTCOMES).nullable().meta({ description: 'How the last try ended; null before.' }),
    tries: z.int().min(0),
    created_at: instant,
    next_try_at: instant.nullable().meta({ description: 'Not before this; null unless it waits.' }),
    ended_at: instant.nullable(),
  })
  .meta({ id: 'Delivery', description: 'How the last PIN got to the number.' })

/** What `status` answers beyond the vendor's fields. */
const more = {
  delivery: delivery.nullable().meta({ description: 'Null where no PIN was ever sent.' }),
  pin_expires_at: instant.nullable().meta({ description: 'Null where no PIN is good.' }),
  attempts_left: z.int().min(1).max(10).nullable().meta({ description: 'Null where no PIN is good.' }),
}

const GRANTED: Record<Method, z.ZodType> = {
  initiate: z.enum(['pending_pin', 'subscribed']),
  validate_pin: z.literal('subscribed'),
  unsubscribe: z.literal('unsubscribed'),
  status: z.enum(STATUS_WORDS).nullable().meta({
    description:
      'active: subscribed. doi-onhold: was sent a PIN that is good. inactive: was sent one that is not any more. unsub: has left. nf: was never sent one. Null when it is none of those that the request looks for. Others never.',
  }),
}

/** The answer of a method that has done what was asked. */
export function grantedAnswer(method: Method): z.ZodType {
  const yes = z.literal(true)
  return z.strictObject({
    ...{ authenticated: yes, valid_msisdn: yes, valid_campaign: yes, ...campaign },
    ...{ state: GRANTED[method], error: z.null(), reference },
    ...(method === 'status' && more),
  })
}

const ALL_REFUSALS = [...Object.values(REFUSALS), BROKEN]
/** Statuses of refusals that any request of any method may meet. */
export const COMMON_STATUSES = [400, 401, 404, 405, 413, 500]
/** Those of some only. */
export const OWN_STATUSES: Record<Method, number[]> = {
  initiate: [409, 429],
  validate_pin: [409, 417, 440],
  unsubscribe: [409],
  status: [],
}

/** The answer of every method that has not, with this status. */
export function refusedAnswer(status: number): z.ZodType {
  const kinds = ALL_REFUSALS.filter((kind) => kind.status === status)
  const flags = kinds.map((kind) => ('flag' in kind ? kind.flag : undefined))
  const flag = (name: (typeof flags)[number]) => {
    if (!flags.includes(name)) return z.literal(true)
    return flags.every((one) => one === name) ? z.literal(false) : z.boolean()
  }
  const nullable = Object.entries(campaign).map(([name, schema]) => [name, schema.nullable()] as const)
  return z
    .strictObject({
      authenticated: flag('authenticated'),
      valid_msisdn: flag('valid_msisdn'),
      valid_campaign: flag('valid_campaign'),
      ...Object.fromEntries(nullable),
      state: z
        .enum(SUBSCRIPTION_STATES)
        .nullable()
        .meta({ description: 'Of the subscription, as it stands.' }),
      error: z.string().meta({ description: 'What is wrong, for people.' }),
      reference,
    })
    .meta({ id: `Refused${status}`, description: kinds.map(({ error }) => error).join('\n\n') })
}
