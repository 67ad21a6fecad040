import type { Context } from '../../engine/context.ts'
import { abandonTry, beginSpeaking, endTry, type BegunSending } from '../../engine/sendings.ts'
import type { SendingOutcome } from '../../engine/subscription-store.ts'
import type { Call, Spoken } from '../call.ts'

/** How often whoever answers is invited to press a key. */
const INVITATIONS = 2
/** How often the digits are said again at most. */
const REPEATS = 2
/** The key for hearing the digits, and for hearing them again. */
const YES = '1'

/** The longest that such a call lasts, in milliseconds. Whoever takes every time that the default settings leave needs half of it. */
const LONGEST_MS = 180_000

/**
 * The subscriber's telephone was answered: says the PIN once `1` was pressed, so that no machine ever records it, and says it again
 * to whoever wants that. That it is about to be said is written down before, and how the call has ended at its end.
 */
export async function otp(
  call: Call,
  ctx: Context,
  { sending: { id }, digits }: Pick<BegunSending, 'sending' | 'digits'>,
): Promise<void> {
  let outcome: SendingOutcome | undefined
  try {
    await call.stay(LONGEST_MS)
    if (await isThere(call)) {
      for (let said = 0; await beginSpeaking(ctx, id);) {
        await call.play('code-is', ...slowly(digits))
        outcome = 'delivered'
        if (++said > REPEATS || !(await wantsItAgain(call))) break
      }
      outcome ??= 'not_needed'
    } else {
      outcome = 'no_key'
    }
    await call.play('goodbye')
  } finally {
    // We have hung up: nobody wants it any more, or we stop, and the next process calls again.
    if (outcome === undefined && call.dismissed) await abandonTry(ctx, id)
    else await endTry(ctx, id, outcome ?? (call.goneAt === undefined ? 'failed' : 'hung_up'))
  }
}

/** Whether somebody does what the invitation says. A tone that came before it is no answer to it. */
async function isThere(call: Call): Promise<boolean> {
  const invitation = { prompts: ['code-press-key' as const], maxDigits: 1, afresh: true }
  for (let n = 0; n < INVITATIONS; n++) if ((await call.ask(invitation)) === YES) return true
  return false
}

async function wantsItAgain(call: Call): Promise<boolean> {
  return (await call.ask({ prompts: ['code-again'], maxDigits: 1 })) === YES
}

/** One digit after another, with time to write it down. */
function slowly(digits: string): Spoken[] {
  return Array.from(digits).flatMap((digit, n): Spoken[] => [
    ...(n === 0 ? [] : ['pause' as const]),
    { digits: digit },
  ])
}
