import type { Campaign } from '../engine/campaigns.ts'
import type { Context } from '../engine/context.ts'
import { abandonTry, beginSending, endTry } from '../engine/sendings.ts'
import type { Sending, SendingOutcome } from '../engine/subscription-store.ts'
import { otp } from './flows/otp.ts'
import {
  ringFirst,
  serveOwed,
  type FirstRung,
  type OwedDesk,
  type OwedDeskParts,
  type OwedKind,
  type Placed,
} from './owed.ts'
import { MOST_OF_ACCOUNT, nextInTurn } from './turns.ts'

type WhyNot = Extract<FirstRung, { unanswered: unknown }>['unanswered']

const WHY_NOT: Record<WhyNot, SendingOutcome> = {
  busy: 'busy',
  'no-answer': 'no_answer',
  failed: 'failed',
  // Whoever has rejected the call is not called again for this PIN.
  declined: 'refused',
  'not-rung': 'failed',
}

/**
 * Calls people who are owed a PIN, and leaves those alone whose PIN is none any more. A try is written down before anybody is rung, and
 * that the digits are said before they are. As many ring or listen at one time as callbacks ring, counted apart from these: PINs expire,
 * and shall not wait for callbacks.
 */
export function serveSendings(parts: OwedDeskParts): OwedDesk {
  const { ctx, keepTrying } = parts

  async function place(one: Placed<Sending>): Promise<void> {
    const begun = await beginSending(ctx, one.row.id)
    if (!begun) return
    const { campaign, sending } = begun
    const { id, to: number, tries } = sending
    const rung = await ringFirst(parts, kind, one, async () => ({
      // Another one for each try: what becomes of an earlier one is no news of this.
      ...{ callId: `${id}-try${tries}`, suffix: '', number, ...(await calling(ctx, campaign)) },
      script: (call) => otp(call, ctx, begun),
    }))
    if ('over' in rung) return rung.over
    await keepTrying(id, async () => {
      // We have given up: nobody wants it any more, or we stop, and the next process calls again.
      if (one.stopped) await abandonTry(ctx, id)
      else await endTry(ctx, id, WHY_NOT[rung.unanswered])
    })
  }

  const kind: OwedKind<Sending> = {
    name: 'sending',
    owed: () => ctx.store.sendingsToMake('call', ctx.now(), MOST_OF_ACCOUNT),
    isStopped: ({ outcome }) => outcome === 'not_needed',
    isStale: () => false,
    next: oneToEach,
    leftBehind: ({ id }) => abandonTry(ctx, id),
    place,
  }
  return serveOwed(parts, kind)
}

/** Those whose turn it is, but to a number that is being called, or is called before, in this look, none. */
export function oneToEach(
  waiting: readonly Sending[],
  ringing: ReadonlyMap<string, number>,
  placed: readonly Sending[],
): Sending[] {
  const called = new Set(placed.map(({ to }) => to))
  const free = waiting.filter(({ to }) => !called.has(to))
  return nextInTurn(free, ringing).filter(({ to }) => {
    const first = !called.has(to)
    called.add(to)
    return first
  })
}

/** What is seen there: the campaign's choice, else the account's first number, else nothing. And how long it may ring. */
async function calling(
  { store }: Context,
  { accountId, callerId }: Campaign,
): Promise<{ callerId: string | undefined; ringMs: number }> {
  const account = await store.findAccount(accountId)
  if (!account) throw new Error('the account is gone')
  const { ringMs } = account.settings
  return { callerId: callerId ?? (await store.numbers(accountId))[0]?.number, ringMs }
}
