import type { Context } from '../../../engine/context.ts'
import { once as carriedOutOnce } from '../../once.ts'
import { type Body, Fault, granted, refused } from './answers.ts'
import { type Signed, WINDOW_MS } from './signature.ts'

/** What makes a request the same as another. */
export type Identity = { signed: Signed; module: string; sent: object }

/** As in api/once.ts. Throws Fault 504 when the answer is not known. */
export async function once(ctx: Context, identity: Identity, run: () => Promise<Body>): Promise<string> {
  const answer = await carriedOutOnce(ctx.store, repeatable(identity), () =>
    run().then(granted, (error: unknown) => {
      const refusal = refused(error)
      if (refusal === undefined) throw error
      return refusal
    }),
  )
  if (answer === undefined) throw new Fault(504, 'Same Request Was Sent Before, Its Result Is Not Known')
  return answer
}

/** Neither the method nor order and spelling of the parameters count: `sent` is what was read of them, in the order of their schema. */
function repeatable({ signed: { user, signature, at }, module, sent }: Identity) {
  return { identity: [user, signature, module, sent], goodUntil: at + WINDOW_MS }
}
