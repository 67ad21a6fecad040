import * as z from 'zod'
import type { WantedAllocation, WantedParty } from '../../../engine/allocate.ts'
import { Refusal } from '../../../engine/errors.ts'
import { parseDuration } from '../../../engine/time.ts'

/** JSON numbers are taken for what they write, also where the manual shows strings. They have lost their leading zeros. */
const text = z.union([z.string(), z.int().nonnegative().transform(String)]).pipe(z.string().max(255))
const list = z.array(text).max(100).nullish()
const length = z
  .union([z.int(), z.string().regex(/^\d$/).transform(Number)])
  .pipe(z.int().min(1).max(9))
  .nullish()
const party = z.object({ vns: list, numbers: list, pin: text.nullish(), pin_length: length }).nullish()
const policy = z.object({ duration: z.string().nullish() }).nullish()

/** Unknown keys are ignored: clients send more than the manual lists, and may. */
const body = z.object({
  transaction_id: text.nullish(),
  a: party,
  b: party,
  usage: z.enum(['oneway', 'twoway']).nullish(),
  deallocation_policy: policy,
  /** As the manual's table spells it. */
  Deallocation_policy: policy,
})

/** The POST parameters as the engine wants them. Throws Refusal 'invalid' with the parameter's name; what is missing the engine says. */
export function wantedAllocation(sent: unknown): WantedAllocation {
  const { success, data, error } = body.safeParse(sent)
  if (!success)
    throw new Refusal('invalid', error.issues[0]?.path.join('.') || 'the body must be a JSON object')
  return {
    transactionId: data.transaction_id ?? '',
    a: wantedParty(data.a),
    b: wantedParty(data.b),
    usage: data.usage ?? undefined,
    durationMs: wantedDuration((data.deallocation_policy ?? data.Deallocation_policy)?.duration),
  }
}

function wantedParty(sent: z.output<typeof party>): WantedParty {
  const { numbers, vns, pin, pin_length: pinLength } = sent ?? {}
  return { numbers: numbers ?? [], vns: vns ?? [], pin: pin ?? undefined, pinLength: pinLength ?? undefined }
}

function wantedDuration(sent: string | null | undefined): number | undefined {
  if (sent === undefined || sent === null) return undefined
  const ms = parseDuration(sent)
  if (ms === undefined) throw new Refusal('invalid', 'deallocation_policy.duration')
  return ms
}
