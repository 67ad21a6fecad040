import { randomInt as cryptoRandomInt } from 'node:crypto'
import type { Event } from '../engine/events.ts'
import type { Delivery, DeliveryOutcome, Store } from '../engine/store.ts'
import { startLoop, type Loop } from '../loop.ts'
import {
  attempt,
  finish,
  hostOf,
  keepOutcomes as keepAll,
  send,
  STOPPED,
  type SendOptions,
  type Unanswered,
  type UnderWay,
} from './attempts.ts'
import type { Answer } from './post.ts'
import { outcomeOf, RETRY_SCHEDULE_MS, type RetryRules } from './retry.ts'

const PER_ACCOUNT = 2
const MOST_SENDING = 128
/** The store names the earliest due row, sent or not: while some are being sent it cannot tell when another falls due. */
const LOOK_AGAIN_MS = 1_000

/** An event in the words of the account's dialect; undefined when that dialect has none for it. Same in, same out. */
export type Shape = (event: Event) => object | undefined

/** One attempt, for the log: nothing of the body is in it. */
export type Attempt = {
  eventId: string
  eventType: Event['type']
  accountId: string
  host: string
  /** Counts from 1. */
  attempt: number
  status: number | undefined
  outcome: DeliveryOutcome['state']
  reason: string | undefined
}

export type DeliverOptions = SendOptions & {
  store: Store
  shape: Shape
  /** Uniform integer in [0, max); jitter only. Default: node:crypto. */
  randomInt?: (max: number) => number
  onAttempt?: (attempt: Attempt) => void
  /** The store failed; what was to be written is kept and written later. */
  onError?: (error: unknown) => void
  /** Wait before each attempt; the first is not used. Default: ten attempts in 75 h 35 min 5 s. */
  scheduleMs?: readonly number[]
  /** For one attempt from name resolution to the last byte. Default: 15 s. */
  timeoutMs?: number
  /** How long `stop` waits for attempts under way before it cuts them off. Default: 5 s. */
  stopMs?: number
}

type Sending = UnderWay<DeliveryOutcome> & { delivery: Delivery }

type Desk = {
  options: DeliverOptions
  rules: RetryRules
  /** By event id. */
  sending: Map<string, Sending>
  /** When each account was served last, in turns. */
  served: Map<string, number>
  turn: number
  wake: () => void
}

/**
 * Tells each event to its account's endpoint, at least once: a receiver knows a repetition by `webhook-id`.
 * What matters is in the store, so that a restart goes on where the last process stopped. Two attempts at a time for
 * an account, so that its dead receiver delays only itself.
 */
export function startDelivery(options: DeliverOptions): Loop {
  const desk: Desk = {
    options,
    rules: {
      scheduleMs: options.scheduleMs ?? RETRY_SCHEDULE_MS,
      randomInt: options.randomInt ?? ((max) => cryptoRandomInt(max)),
    },
    sending: new Map(),
    served: new Map(),
    turn: 0,
    wake: () => loop.wake(),
  }
  const onError = options.onError ?? (() => undefined)
  const loop = startLoop(() => deliverDue(desk), { now: options.now, onError })
  return {
    wake: desk.wake,
    stop: async () => {
      await loop.stop()
      await finish(desk.sending.values(), options.stopMs)
      await keepOutcomes(desk).catch(onError)
    },
  }
}

/** One run: writes down what ended, starts what is due, says when to look again. */
async function deliverDue(desk: Desk): Promise<number | undefined> {
  const { store, now } = desk.options
  // First, and nothing is sent while it fails: a store that cannot remember would make every run a duplicate.
  await keepOutcomes(desk)
  const due = await store.dueDeliveries(now(), PER_ACCOUNT)
  for (const delivery of inTurn(desk, due)) {
    if (desk.sending.size >= MOST_SENDING) break
    if (mayStart(desk, delivery)) start(desk, delivery)
  }
  const next = await store.nextDeliveryAt()
  return next !== undefined && next <= now() ? now() + LOOK_AGAIN_MS : next
}

function keepOutcomes({ options, sending }: Desk): Promise<void> {
  return keepAll(sending, (eventId, { delivery }, outcome) => {
    const { attempts, dueAt, endpoint } = delivery
    return options.store.deliveryDone({ eventId, attempts, dueAt, endpoint }, outcome)
  })
}

/** The same deliveries, those of the account first that was served longest ago. */
function inTurn({ served }: Desk, due: Delivery[]): Delivery[] {
  const turnOf = ({ event }: Delivery) => served.get(event.accountId) ?? 0
  return due.toSorted((one, other) => turnOf(one) - turnOf(other))
}

function mayStart({ sending }: Desk, { event }: Delivery): boolean {
  if (sending.has(event.id)) return false
  const ofAccount = [...sending.values()].filter(
    ({ delivery }) => delivery.event.accountId === event.accountId,
  )
  return ofAccount.length < PER_ACCOUNT
}

function start(desk: Desk, delivery: Delivery): void {
  const { id, accountId } = delivery.event
  desk.served.set(accountId, ++desk.turn)
  const sending: Sending = {
    delivery,
    abort: new AbortController(),
    done: Promise.resolve(),
    outcome: undefined,
  }
  desk.sending.set(id, sending)
  sending.done = deliver(desk, sending)
}

async function deliver(desk: Desk, sending: Sending): Promise<void> {
  const { options, rules } = desk
  const { delivery, abort } = sending
  const result = await attempt(abort, (signal) => tell(options, delivery, signal), options.timeoutMs)
  // Cut off by `stop`: nobody's fault, so the next process makes the attempt again.
  if ('reason' in result && result.reason === STOPPED) return
  sending.outcome = outcomeOf(result, delivery.attempts, options.now(), rules)
  desk.wake()
  options.onAttempt?.(told(delivery, result, sending.outcome))
}

async function tell(
  options: DeliverOptions,
  { event, endpoint, webhookSecret }: Delivery,
  signal: AbortSignal,
): Promise<Answer | Unanswered> {
  const shaped = options.shape(event)
  if (!shaped) return NOTHING_TO_TELL
  const body = JSON.stringify(shaped)
  const contentType = 'application/json'
  return send(options, { endpoint, contentType, body, webhookId: event.id, webhookSecret }, signal)
}

/** Counts as delivered; the status is that of an answer without content. */
const NOTHING_TO_TELL: Answer = { status: 204, retryAfter: undefined }

function told(
  { event, endpoint, attempts }: Delivery,
  result: Answer | Unanswered,
  outcome: DeliveryOutcome,
): Attempt {
  return {
    eventId: event.id,
    eventType: event.type,
    accountId: event.accountId,
    host: hostOf(endpoint),
    attempt: attempts + 1,
    status: 'status' in result ? result.status : undefined,
    outcome: outcome.state,
    reason: 'reason' in outcome ? outcome.reason : undefined,
  }
}
