import type * as z from 'zod'
import type { WantedAllocation, WantedChange, WantedParty } from '../../../engine/plan.ts'
import { read } from './reading.ts'
import { bulkItem, type SentChange, update, wanted } from './schema.ts'

/** The POST parameters as the engine wants them. Throws Refusal 'invalid' or 'missing' with the parameter's name. */
export function wantedAllocation(sent: unknown): WantedAllocation {
  const body = read(wanted, sent)
  return { ...changeOf(body), transactionId: body.transaction_id }
}

/** The PUT parameters as the engine wants them. Throws Refusal 'invalid'. */
export function wantedChange(sent: unknown): WantedChange {
  return changeOf(read(update, sent))
}

/** One item of the bulk PUT. Throws Refusal 'invalid' or 'missing' with the parameter's name. */
export function wantedItem(sent: unknown): { id: string; change: WantedChange } {
  const item: z.output<typeof bulkItem> = read(bulkItem, sent)
  return { id: item.greenpin_id, change: changeOf(item) }
}

function changeOf(sent: SentChange): WantedChange {
  const policy = sent.deallocation_policy ?? sent.Deallocation_policy
  return {
    a: partyOf(sent.a),
    b: partyOf(sent.b),
    usage: sent.usage ?? undefined,
    durationMs: policy?.duration ?? undefined,
  }
}

/** Null means the same as nothing. */
function partyOf(sent: SentChange['a']): WantedParty | undefined {
  if (!sent) return undefined
  const { numbers, vns, pin, pin_length: pinLength } = sent
  return {
    numbers: numbers ?? undefined,
    vns: vns ?? undefined,
    pin: pin ?? undefined,
    pinLength: pinLength ?? undefined,
  }
}
