import type { Context } from '../engine/context.ts'
import { type BegunSending, beginSending, abandonTry, endTry } from '../engine/sendings.ts'
import { textOf } from '../engine/sent-texts.ts'
import type { Sending, SendingOutcome } from '../engine/subscription-store.ts'
import { inTurn } from '../engine/turns.ts'
import { startLoop, type Loop } from '../loop.ts'
import {
  attempt,
  finish,
  hostOf,
  keepOutcomes,
  send,
  type SendOptions,
  STOPPED,
  type Unanswered,
  type UnderWay,
} from './attempts.ts'
import type { Answer } from './post.ts'

/** How often is looked for PINs that are owed, in milliseconds: another process may have written them. */
const LOOK_MS = 1_000
/** Requests at one time: of a campaign, which has a gateway of its own, and of all; but every campaign has a first. */
const [MOST_OF_CAMPAIGN, MOST_IN_ALL] = [10, 100]
const OVERTAKEN = 'overtaken'
const NO_GATEWAY = 'no gateway'
/** Answers after which it is worth while to ask again, though they blame the request (RFC 9110 15.5.9, RFC 8470, RFC 6585). */
const ASK_AGAIN: ReadonlySet<number> = new Set([408, 425, 429])

/** One request, for the log: nothing of the body and the headers is in it, nor the number. */
export type TextAttempt = {
  sendingId: string
  accountId: string
  host: string
  /** Counts from 1. */
  attempt: number
  status: number | undefined
  outcome: SendingOutcome
  reason: string | undefined
}

export type TextsOptions = Omit<SendOptions, 'now'> & {
  ctx: Context
  onAttempt: (attempt: TextAttempt) => void
  /** The store failed; what was to be written is kept and written later. */
  onError: (error: unknown) => void
  /** For one request from name resolution to the last byte, in milliseconds. Default: 15 s. */
  timeoutMs?: number
  /** How long `stop` waits for requests under way before it cuts them off, in milliseconds. Default: 5 s. */
  stopMs?: number
}

/** A request that this process makes, from before its try is written down until its outcome is. */
type Text = UnderWay<SendingOutcome> & {
  campaignId: string
  /** `stop` has cut it off: nobody's fault. */
  isCut: boolean
}

type Desk = { options: TextsOptions; underWay: Map<string, Text>; wake: () => void }

/**
 * Sends the PINs of campaigns whose means is a gateway: looks for them now, once a second, when it is woken and when a request has
 * ended. Each is sent at least once, and a gateway knows a repetition by `webhook-id`. A try that a process did not end, or that
 * `stop` has cut off, has failed: it is made again at once, or by the next process. Campaigns take turns, those of an account too: one
 * whose gateway hangs holds up no other.
 */
export function sendTexts(options: TextsOptions): Loop {
  const { ctx, onError } = options
  const desk: Desk = { options, underWay: new Map(), wake: () => loop.wake() }
  const loop = startLoop(() => look(desk), { now: ctx.now, onError })
  return {
    wake: desk.wake,
    stop: async () => {
      await loop.stop()
      await finish(desk.underWay.values(), options.stopMs)
      await keep(desk).catch(onError)
    },
  }
}

async function look(desk: Desk): Promise<number> {
  const { ctx } = desk.options
  // First, and nothing is sent while it fails: a store that cannot remember would have everything sent again.
  await keep(desk)
  const waiting: Sending[] = []
  for (const sending of await ctx.store.sendingsToMake('webhook', ctx.now(), MOST_OF_CAMPAIGN)) {
    const mine = desk.underWay.get(sending.id)
    if (mine) {
      if (sending.outcome === 'not_needed') mine.abort.abort(OVERTAKEN)
    } else if (sending.state === 'waiting') {
      waiting.push(sending)
    } else {
      await abandonTry(ctx, sending.id)
    }
  }
  const places = { ofAccount: MOST_OF_CAMPAIGN, inAll: MOST_IN_ALL }
  const next = inTurn(waiting, counts(desk), places, ({ campaignId }) => campaignId)
  for (const sending of next) start(desk, sending)
  return ctx.now() + LOOK_MS
}

function keep({ options, underWay }: Desk): Promise<void> {
  const { ctx } = options
  return keepOutcomes(underWay, (id, { isCut }, outcome) =>
    isCut ? abandonTry(ctx, id) : endTry(ctx, id, outcome),
  )
}

/** How many there are of each campaign. */
function counts({ underWay }: Desk): Map<string, number> {
  const found = new Map<string, number>()
  for (const { campaignId } of underWay.values()) found.set(campaignId, (found.get(campaignId) ?? 0) + 1)
  return found
}

function start(desk: Desk, { id, campaignId }: Sending): void {
  const text: Text = {
    ...{
      campaignId,
      isCut: false,
      abort: new AbortController(),
      done: Promise.resolve(),
      outcome: undefined,
    },
  }
  desk.underWay.set(id, text)
  text.done = begin(desk, id, text).catch((error: unknown) => {
    // What the store has of it is looked at again in a second, not at once.
    if (text.outcome === undefined) desk.underWay.delete(id)
    desk.options.onError(error)
  })
}

async function begin(desk: Desk, id: string, text: Text): Promise<void> {
  const { options } = desk
  const begun = await beginSending(options.ctx, id)
  if (begun) {
    const work = (signal: AbortSignal) => ask(options, begun, signal)
    const result = await attempt(text.abort, work, options.timeoutMs)
    text.isCut = 'reason' in result && result.reason === STOPPED
    text.outcome = outcomeOf(result)
    options.onAttempt(told(begun, result, text.outcome))
  } else {
    desk.underWay.delete(id)
  }
  desk.wake()
}

async function ask(
  options: TextsOptions,
  begun: BegunSending,
  signal: AbortSignal,
): Promise<Answer | Unanswered> {
  const { ctx } = options
  const { sending, campaign } = begun
  const { means } = campaign
  const account = await ctx.store.findAccount(sending.accountId)
  // `beginSending` has seen to the latter.
  if (!account || means.kind !== 'webhook') return { reason: NO_GATEWAY }
  const message = {
    endpoint: means.url,
    contentType: means.contentType === 'text/plain' ? 'text/plain; charset=utf-8' : means.contentType,
    body: textOf(means, begun),
    headers: means.headers,
    webhookId: sending.id,
    webhookSecret: account.webhookSecret,
  }
  return send({ ...options, now: ctx.now }, message, signal)
}

function outcomeOf(result: Answer | Unanswered): SendingOutcome {
  if ('reason' in result) return result.reason === OVERTAKEN ? 'not_needed' : 'failed'
  const { status } = result
  if (status >= 200 && status <= 299) return 'delivered'
  return status >= 400 && status <= 499 && !ASK_AGAIN.has(status) ? 'refused' : 'failed'
}

function told(
  { sending, campaign: { means } }: BegunSending,
  result: Answer | Unanswered,
  outcome: SendingOutcome,
): TextAttempt {
  return {
    sendingId: sending.id,
    accountId: sending.accountId,
    host: means.kind === 'webhook' ? hostOf(means.url) : '',
    attempt: sending.tries,
    status: 'status' in result ? result.status : undefined,
    outcome,
    reason: 'reason' in result ? result.reason : undefined,
  }
}
