import { createHash } from 'node:crypto'
import { CLOCK_SLACK_MS } from '../engine/guard.ts'
import type { Store } from '../engine/store.ts'

/** A request that may come again. */
export type Repeatable = {
  /** What makes it the same as another, as JSON has it; the order of keys counts. */
  identity: readonly unknown[]
  /** After this instant its sender's signature is too old for it, whoever sends it; milliseconds since the epoch. */
  goodUntil: number
}

/**
 * Carries out a request that changes something, and resolves to its answer. The same request again, as long as it is good, gets that
 * answer again and changes nothing. `run` resolves to what is to be remembered, refusals too, and rejects for what is not: a bug.
 * Resolves to undefined when the answer is not known: the first is still being served, or its process died meanwhile. Who asks must
 * look what has become of it.
 */
export async function once(
  store: Pick<Store, 'beginRequest' | 'endRequest'>,
  { identity, goodUntil }: Repeatable,
  run: () => Promise<string>,
): Promise<string | undefined> {
  const key = createHash('sha256').update(JSON.stringify(identity)).digest('hex')
  // A clock that is set back must not make a request good again that was forgotten.
  const seen = await store.beginRequest(key, goodUntil + CLOCK_SLACK_MS)
  if (seen !== 'new') return seen.answer
  const answer = await run()
  await store.endRequest(key, answer)
  return answer
}
