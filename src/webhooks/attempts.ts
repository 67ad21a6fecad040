import { checkReceiver, type GuardPolicy, type Resolve } from './guard.ts'
import { post, type Answer } from './post.ts'
import { signatureHeaders } from './sign.ts'

const TIMEOUT_MS = 15_000
const STOP_MS = 5_000

const TIMED_OUT = 'time-out'
/** Why an attempt ended that `stop` has cut off. */
export const STOPPED = 'stopped'

/** An attempt that got no answer, and why: a word that quotes nothing. */
export type Unanswered = { reason: string }

/** An attempt under way, or ended and not yet written down. */
export type UnderWay<Outcome> = {
  abort: AbortController
  done: Promise<void>
  outcome: Outcome | undefined
}

/** One request as it is sent. */
export type Message = {
  endpoint: string
  contentType: string
  body: string
  /** What the receiver wants besides, its key perhaps; never logged. */
  headers?: Readonly<Record<string, string>>
  /** The same on every try: receivers know a repetition by it. */
  webhookId: string
  webhookSecret: string
}

export type SendOptions = GuardPolicy & {
  /** Milliseconds since the epoch. */
  now: () => number
  /** Default: the system's name servers. */
  resolve?: Resolve
}

/**
 * Does the work of an attempt until it ends, is aborted, or has taken `timeoutMs` (default 15 s). Never rejects: why there is no
 * answer is a word for the log and the store.
 */
export async function attempt(
  abort: AbortController,
  work: (signal: AbortSignal) => Promise<Answer | Unanswered>,
  timeoutMs = TIMEOUT_MS,
): Promise<Answer | Unanswered> {
  const { signal } = abort
  const timer = setTimeout(() => abort.abort(TIMED_OUT), timeoutMs)
  try {
    return await work(signal)
  } catch (error) {
    return { reason: signal.aborted ? String(signal.reason) : codeOf(error) }
  } finally {
    clearTimeout(timer)
  }
}

/** Signs a message and POSTs it, if its receiver may be connected to; our own headers win. Rejects when no answer arrived. */
export async function send(
  options: SendOptions,
  { endpoint, contentType, body, headers: wanted, webhookId, webhookSecret }: Message,
  signal: AbortSignal,
): Promise<Answer | Unanswered> {
  const receiver = await unlessAborted(checkReceiver(endpoint, options, options.resolve), signal)
  if ('refused' in receiver) return { reason: `receiver refused: ${receiver.refused}` }
  const headers = {
    ...wanted,
    'content-type': contentType,
    'user-agent': 'pinbridge',
    ...signatureHeaders(webhookSecret, webhookId, body, options.now()),
  }
  return post(receiver, headers, body, signal)
}

/** A name server's silence cannot be aborted, only left behind. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_resolve, reject) => {
    const leave = () => reject(new Error(String(signal.reason)))
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
  return Promise.race([promise, aborted])
}

/** Never the message: it may quote addresses, or what is sent. */
function codeOf(error: unknown): string {
  if (!Error.isError(error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** Which machine an endpoint names, for the log. */
export function hostOf(endpoint: string): string {
  return URL.parse(endpoint)?.host ?? ''
}

/** Writes down what has ended, and forgets it. What cannot be written stays, and the first failure is thrown. */
export async function keepOutcomes<T extends UnderWay<unknown>>(
  underWay: Map<string, T>,
  write: (id: string, one: T, outcome: NonNullable<T['outcome']>) => Promise<unknown>,
): Promise<void> {
  const writes = [...underWay].map(async ([id, one]) => {
    const { outcome }: Pick<T, 'outcome'> = one
    if (outcome == null) return
    await write(id, one, outcome)
    underWay.delete(id)
  })
  const failed = (await Promise.allSettled(writes)).find((write) => write.status === 'rejected')
  if (failed) throw failed.reason
}

/** Lets the attempts under way end by themselves for a while (`stopMs`, default 5 s), then cuts them off. */
export async function finish(underWay: Iterable<UnderWay<unknown>>, stopMs = STOP_MS): Promise<void> {
  const all = [...underWay]
  const timer = setTimeout(() => {
    for (const { abort } of all) abort.abort(STOPPED)
  }, stopMs)
  await Promise.all(all.map(({ done }) => done))
  clearTimeout(timer)
}
