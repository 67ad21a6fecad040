import type { Account } from './accounts.ts'
import type { Callback, CallbackOutcome } from './paid-call-store.ts'
import type { Context } from './context.ts'

/** How long a callback may wait for A to be rung, in milliseconds. Whoever asked for it does not expect it any more then. */
export const CALLBACK_PATIENCE_MS = 5 * 60_000

/** Whether a callback that waits will never ring anybody: it was stopped, or nobody expects it any more. */
export function isStale({ outcome, createdAt }: Callback, now: number): boolean {
  return outcome === 'stopped' || now - createdAt > CALLBACK_PATIENCE_MS
}

/**
 * Writes down that A is about to be rung, under the id of the callback, once. Resolves to undefined when that must not be:
 * it was begun before, or it is stale and has ended with this.
 */
export async function beginCallback(ctx: Context, id: string): Promise<Callback | undefined> {
  const now = ctx.now()
  return ctx.store.changeCallback<Callback | undefined>(id, (callback) => {
    if (callback?.state !== 'waiting') return { result: undefined }
    if (isStale(callback, now)) return { save: ended(callback, 'failed', now), result: undefined }
    const save: Callback = { ...callback, state: 'ringing_a', callId: callback.id }
    return { save, result: save }
  })
}

/** Writes down that B is about to be rung, or joined. Resolves to whether that may be: it may have been stopped meanwhile. */
export async function callbackReached(
  ctx: Context,
  id: string,
  state: 'ringing_b' | 'talking',
): Promise<boolean> {
  return ctx.store.changeCallback(id, (callback) => {
    if (!callback || callback.state === 'ended' || callback.outcome === 'stopped') return { result: false }
    return { save: { ...callback, state }, result: true }
  })
}

/** Ends a callback, once however often it is called. One that its client has stopped ends as stopped. */
export async function endCallback(ctx: Context, id: string, outcome: CallbackOutcome): Promise<void> {
  const now = ctx.now()
  await ctx.store.changeCallback(id, (callback) => {
    if (!callback || callback.state === 'ended') return { result: undefined }
    return { save: ended(callback, outcome, now), result: undefined }
  })
}

/** As it is when it has ended with this, or as its client has stopped it. */
export function ended(callback: Callback, outcome: CallbackOutcome, now: number): Callback {
  // The clock may have been set back meanwhile.
  const endedAt = Math.max(now, callback.createdAt)
  return { ...callback, state: 'ended', outcome: callback.outcome ?? outcome, endedAt }
}

/** What those who are called see: the account's choice, else its first number, else nothing. */
export async function callerIdOf(ctx: Context, { id, settings }: Account): Promise<string | undefined> {
  return settings.cards.callerId ?? (await ctx.store.numbers(id))[0]?.number
}
