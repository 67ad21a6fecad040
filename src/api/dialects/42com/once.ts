import { createHash } from 'node:crypto'
import type { Context } from '../../../engine/context.ts'
import { type Body, Fault, granted, refused } from './answers.ts'
import { type Signed, WINDOW_MS } from './signature.ts'

/** How far our clock may be set back without a request that was forgotten becoming good again. */
const CLOCK_SLACK_MS = 3_600_000

/** What makes a request the same as another. */
export type Identity = { signed: Signed; module: string; sent: object }

/**
 * Carries out a request that changes something, and resolves to the answer. The same request again, as long as its date is good,
 * gets that answer again and changes nothing. Throws Fault 504 when the answer is not known: the first is still being served, or
 * its process died meanwhile. Who asks must look what has become of it.
 */
export async function once(ctx: Context, identity: Identity, run: () => Promise<Body>): Promise<string> {
  const key = keyOf(identity)
  const seen = await ctx.store.beginRequest(key, identity.signed.at + WINDOW_MS + CLOCK_SLACK_MS)
  if (seen !== 'new') {
    if (seen.answer === undefined)
      throw new Fault(504, 'Same Request Was Sent Before, Its Result Is Not Known')
    return seen.answer
  }
  const answer = await run().then(granted, (error: unknown) => {
    const refusal = refused(error)
    if (refusal === undefined) throw error
    return refusal
  })
  await ctx.store.endRequest(key, answer)
  return answer
}

/** Neither the method nor order and spelling of the parameters count: `sent` is what was read of them, in the order of their schema. */
function keyOf({ signed: { user, signature }, module, sent }: Identity): string {
  const text = JSON.stringify([user, signature, module, sent])
  return createHash('sha256').update(text).digest('hex')
}
