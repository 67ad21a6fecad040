import type { Unanswered } from '../engine/calls.ts'
import type { Ari } from './ari.ts'
import type { Answered, Ring, Rung } from './call.ts'
import type { Caller } from './caller.ts'
import { deferred, within } from './deferred.ts'
import { ringLeg, type Leg, type LegEnd } from './leg.ts'

export type Ringing = {
  caller: Caller
  /** All legs of the call; new ones are added here, so that whoever ends the call finds them. */
  legs: Leg[]
  /** What the ids of our channels begin with. */
  name: string
  callId: string
  onLegEnd: ((end: LegEnd) => void) | undefined
}

/** How much later than Asterisk we give up a ringing number ourselves, in milliseconds. */
export const RING_GRACE_MS = 5_000

/** Rings the other party's numbers while the caller hears a ringing tone. The first answer wins, however close the second. */
export async function ringParties(ari: Ari, call: Ringing, ring: Ring): Promise<Rung> {
  const { caller, legs } = call
  const tone = `channels/${caller.channelId}/ring`
  const answer = deferred<Answered>()

  function startLeg(number: string): Leg {
    const channelId = `${call.name}-${legs.length + 1}`
    // In one turn of the event loop with the event itself: a second answer, however close, finds its leg cancelled.
    const onAnswer = () => {
      for (const other of legs) if (other !== leg) other.cancel('elsewhere')
      answer.resolve({ number, channelId })
    }
    const leg = ringLeg(ari, {
      ...ring,
      channelId,
      number,
      callId: call.callId,
      onAnswer,
      onEnd: call.onLegEnd,
    })
    legs.push(leg)
    return leg
  }

  async function ringGroup(numbers: string[]): Promise<Answered | Unanswered[]> {
    const group = numbers.map(startLeg)
    const allFailed = Promise.all(group.map((leg) => leg.failed))
    const limitMs = ring.ringMs + RING_GRACE_MS
    const outcome = await caller.whileHere(within(Promise.race([answer.promise, allFailed]), limitMs))
    if (outcome !== 'timeout') return outcome
    for (const leg of group) leg.cancel()
    return numbers.map((to) => ({ to, status: 'no-answer' }))
  }

  await caller.act('POST', tone)
  const groups = ring.strategy === 'all' ? [ring.numbers] : ring.numbers.map((number) => [number])
  const failures: Unanswered[] = []
  for (const group of groups) {
    const outcome = await ringGroup(group)
    if (!Array.isArray(outcome)) return { answered: outcome }
    failures.push(...outcome)
  }
  await caller.act('DELETE', tone)
  return { unanswered: mostHopeful(failures) }
}

/** Of several numbers that did not answer, what to tell the caller: busy before silent before unreachable. */
function mostHopeful(failures: Unanswered[]): Unanswered {
  const order = ['busy', 'no-answer', 'failed'] as const
  const [best] = order.flatMap((status) => failures.filter((failure) => failure.status === status))
  if (!best) throw new Error('nobody to ring')
  return best
}
