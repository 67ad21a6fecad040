import { randomInt as cryptoRandomInt } from 'node:crypto'
import type { Event } from '../engine/events.ts'
import type { Delivery, DeliveryOutcome, Store } from '../engine/store.ts'
import { startLoop, type Loop } from '../loop.ts'
import { checkReceiver, type GuardPolicy, type Resolve } from './guard.ts'
import { post, type Answer } from './post.ts'
import { outcomeOf, RETRY_SCHEDULE_MS, type RetryRules, type Unanswered } from './retry.ts'
import { signatureHeaders } from './sign.ts'

const PER_ACCOUNT = 2
const MOST_SENDING = 128
const TIMEOUT_MS = 15_000
/** The store names the earliest due row, sent or not: while some are being sent it cannot tell when another falls due. */
const LOOK_AGAIN_MS = 1_000
const STOP_MS = 5_000

const TIMED_OUT = 'time-out'
const STOPPED = 'stopped'

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

export type DeliverOptions = GuardPolicy & {
  store: Store
  shape: Shape
  /** Milliseconds since the epoch. */
  now: () => number
  /** Uniform integer in [0, max); jitter only. Default: node:crypto. */
  randomInt?: (max: number) => number
  /** Default: the system's name servers. */
  resolve?: Resolve
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

/** An attempt under way, or ended and not yet written down. */
type Sending = {
  delivery: Delivery
  abort: AbortController
  done: Promise<void>
  outcome: DeliveryOutcome | undefined
}

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
      await finish(desk)
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

async function keepOutcomes({ options, sending }: Desk): Promise<void> {
  const writes = [...sending].map(async ([eventId, { delivery, outcome }]) => {
    if (!outcome) return
    const { attempts, dueAt, endpoint } = delivery
    await options.store.deliveryDone({ eventId, attempts, dueAt, endpoint }, outcome)
    sending.delete(eventId)
  })
  const failed = (await Promise.allSettled(writes)).find((write) => write.status === 'rejected')
  if (failed) throw failed.reason
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
  sending.done = attempt(desk, sending)
}

async function attempt(desk: Desk, sending: Sending): Promise<void> {
  const { options, rules } = desk
  const { delivery, abort } = sending
  const timer = setTimeout(() => abort.abort(TIMED_OUT), options.timeoutMs ?? TIMEOUT_MS)
  const result = await send(options, delivery, abort.signal).catch((error: unknown) => ({
    reason: abort.signal.aborted ? String(abort.signal.reason) : codeOf(error),
  }))
  clearTimeout(timer)
  // Cut off by `stop`: nobody's fault, so the next process makes the attempt again.
  if ('reason' in result && result.reason === STOPPED) return
  sending.outcome = outcomeOf(result, delivery.attempts, options.now(), rules)
  desk.wake()
  options.onAttempt?.(told(delivery, result, sending.outcome))
}

async function send(
  options: DeliverOptions,
  { event, endpoint, webhookSecret }: Delivery,
  signal: AbortSignal,
): Promise<Answer | Unanswered> {
  const shaped = options.shape(event)
  if (!shaped) return NOTHING_TO_TELL
  const receiver = await unlessAborted(checkReceiver(endpoint, options, options.resolve), signal)
  if ('refused' in receiver) return { reason: `receiver refused: ${receiver.refused}` }
  const body = JSON.stringify(shaped)
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'pinbridge',
    ...signatureHeaders(webhookSecret, event.id, body, options.now()),
  }
  return post(receiver, headers, body, signal)
}

/** Counts as delivered; the status is that of an answer without content. */
const NOTHING_TO_TELL: Answer = { status: 204, retryAfter: undefined }

/** A name server's silence cannot be aborted, only left behind. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error(String(signal.reason))), { once: true })
  })
  return Promise.race([promise, aborted])
}

/** A word for the log and the store. Never the message: it may quote addresses, or the event. */
function codeOf(error: unknown): string {
  if (!Error.isError(error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

function told(
  { event, endpoint, attempts }: Delivery,
  result: Answer | Unanswered,
  outcome: DeliveryOutcome,
): Attempt {
  return {
    eventId: event.id,
    eventType: event.type,
    accountId: event.accountId,
    host: URL.parse(endpoint)?.host ?? '',
    attempt: attempts + 1,
    status: 'status' in result ? result.status : undefined,
    outcome: outcome.state,
    reason: 'reason' in outcome ? outcome.reason : undefined,
  }
}

/** Lets the attempts under way end by themselves for a while, then cuts them off. */
async function finish({ options, sending }: Desk): Promise<void> {
  const cut = () => {
    for (const { abort } of sending.values()) abort.abort(STOPPED)
  }
  const timer = setTimeout(cut, options.stopMs ?? STOP_MS)
  await Promise.all([...sending.values()].map(({ done }) => done))
  clearTimeout(timer)
}
