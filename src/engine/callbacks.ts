import type { Account } from './accounts.ts'
import { ended } from './callback-states.ts'
import type { Callback } from './paid-call-store.ts'
import type { Context } from './context.ts'
import { destination } from './destinations.ts'
import { Refusal } from './errors.ts'
import { whyNoCall } from './holds.ts'

export type WantedCallback = {
  cardId: number
  /** As written: whom to ring first, and then. */
  a: string
  b: string
}

/**
 * Writes down a call that we owe; the calls' side (calls/callbacks.ts) places it. The card pays A's price from A's answer on, and
 * both numbers' for the time that the two talk (rates.ts, `combinedRate`). Returns Refusal 'same_number_in_both_parties', those of
 * `destination` for either number, and those of `openHold`, as things are now: a courtesy, for it is decided when the money is
 * held, before anybody is rung.
 */
export async function askForCallback(
  ctx: Context,
  account: Account,
  { cardId, ...written }: WantedCallback,
): Promise<Callback | Refusal> {
  const a = destination(written.a, account.settings)
  if (a instanceof Refusal) return a
  const b = destination(written.b, account.settings)
  if (b instanceof Refusal) return b
  if (a === b) return new Refusal('same_number_in_both_parties', 'nobody is connected with themselves')
  const refusal = await whyNoCall(ctx, { account, cardId, kind: 'callback', from: a, to: b, alsoPays: a })
  if (refusal) return refusal
  const callback: Callback = {
    ...{ id: ctx.newId(), accountId: account.id, cardId, a, b, state: 'waiting' },
    ...{ outcome: undefined, callId: undefined, createdAt: ctx.now(), endedAt: undefined },
  }
  await ctx.store.addCallback(callback)
  return callback
}

/**
 * Ends a callback that waits, and says of one that was begun that it shall end: whoever places it sees that. Resolves to it, as it
 * is then; undefined when the account has none of this id.
 */
export async function stopCallback(
  ctx: Context,
  account: Account,
  id: string,
): Promise<Callback | undefined> {
  const now = ctx.now()
  return ctx.store.changeCallback<Callback | undefined>(id, (callback) => {
    if (callback?.accountId !== account.id) return { result: undefined }
    // Whatever has ended has an outcome.
    if (callback.outcome !== undefined) return { result: callback }
    const save = callback.state === 'waiting' ? ended(callback, 'stopped', now) : stopping(callback)
    return { save, result: save }
  })
}

function stopping(callback: Callback): Callback {
  return { ...callback, outcome: 'stopped' }
}
