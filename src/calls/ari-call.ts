import { AriError } from './ari-socket.ts'
import type { Ari } from './ari.ts'
import type { Answered, Call, Ring, Rung } from './call.ts'
import { callerChannel } from './caller.ts'
import { deferred, within } from './deferred.ts'
import { ringLeg, watchLeg, type Leg, type LegEnd } from './leg.ts'
import { voice, type VoiceOptions } from './voice.ts'

export type AriCallOptions = VoiceOptions & {
  id: string
  channelId: string
  /** Asked when it is needed: which account's country reads the number is known only after the call has begun. */
  from: () => string | undefined
  onLegEnd?: (end: LegEnd) => void
  /** The party that this caller talks to already: a call that an earlier process left running. */
  adopted?: Answered
}

/** How much later than Asterisk we give up a ringing number ourselves, in milliseconds. */
const RING_GRACE_MS = 5_000
/** How long the end of a leg may take after we have asked for it, in milliseconds. */
const END_MS = 5_000

/** A caller in the application, as the flows see it. */
export function ariCall(ari: Ari, options: AriCallOptions): Call {
  const { id, channelId, adopted } = options
  const caller = callerChannel(ari, channelId)
  const channel = `channels/${channelId}`
  const name = `${ari.application}-${id}`
  const legs: Leg[] = adopted ? [watchLeg(ari, adopted)] : []
  let bridged = adopted !== undefined
  caller.onGone(() => {
    for (const leg of legs) leg.cancel()
  })

  async function ring(ringing: Ring): Promise<Rung> {
    const answer = deferred<Answered>()
    let winner: Leg | undefined
    const startLeg = (number: string): Leg => {
      const leg = ringLeg(ari, {
        ...ringing,
        channelId: `${name}-${legs.length + 1}`,
        number,
        callId: id,
        onEnd: options.onLegEnd,
        // Two parties can answer in the same instant: the first event decides, the other leg is hung up.
        onAnswer: () => {
          if (winner) return leg.cancel('elsewhere')
          winner = leg
          for (const other of legs) if (other !== leg) other.cancel('elsewhere')
          answer.resolve({ number, channelId: leg.channelId })
        },
      })
      legs.push(leg)
      return leg
    }
    await caller.act('POST', `${channel}/ring`)
    const groups = ringing.strategy === 'all' ? [ringing.numbers] : ringing.numbers.map((number) => [number])
    const failures = []
    for (const group of groups) {
      const started = group.map(startLeg)
      const outcome = await caller.whileHere(
        within(
          Promise.race([answer.promise, Promise.all(started.map((leg) => leg.failed))]),
          ringing.ringMs + RING_GRACE_MS,
        ),
      )
      if (outcome === 'timeout') {
        for (const leg of started) leg.cancel()
        failures.push(...group.map((to) => ({ to, status: 'no-answer' as const })))
      } else if (Array.isArray(outcome)) {
        failures.push(...outcome)
      } else {
        return { answered: outcome }
      }
    }
    await caller.act('DELETE', `${channel}/ring`)
    return { unanswered: mostHopeful(failures) }
  }

  async function talk({ channelId: otherId }: Answered): Promise<void> {
    const other = legs.find((leg) => leg.channelId === otherId)
    if (!other) throw new Error('talk with a party that was not rung')
    try {
      if (!bridged && !(await joined(other))) return
      await caller.whileHere(other.ended)
    } finally {
      other.cancel()
    }
  }

  /** False when the party that answered has hung up again before the two were joined. */
  async function joined(other: Leg): Promise<boolean> {
    try {
      await caller.act('DELETE', `${channel}/ring`)
      bridged = true
      await caller.act('POST', `bridges/${name}`, { type: 'mixing', name: ari.application })
      await caller.act('POST', `bridges/${name}/addChannel`, {
        channel: [channelId, other.channelId],
        inhibitConnectedLineUpdates: true,
      })
      return true
    } catch (error) {
      if (error instanceof AriError && (await within(other.ended, END_MS)) !== 'timeout') return false
      throw error
    }
  }

  async function hangup(cause?: number): Promise<void> {
    const reason = cause === undefined ? '' : `?reason_code=${cause}`
    const quietly = (uri: string) => ari.request('DELETE', uri, undefined, 'urgent').catch(() => undefined)
    if (caller.goneAt() === undefined) await quietly(`${channel}${reason}`)
    for (const leg of legs) leg.cancel()
    await within(Promise.all(legs.map((leg) => leg.ended)), END_MS)
    if (bridged) await quietly(`bridges/${name}`)
  }

  return {
    id,
    channelId,
    get from() {
      return options.from()
    },
    get goneAt() {
      return caller.goneAt()
    },
    get talking() {
      return bridged && caller.goneAt() === undefined
    },
    answer: () => caller.act('POST', `${channel}/answer`),
    ...voice(ari, caller, options),
    ring,
    talk,
    hangup,
  }
}

/** Of several numbers that did not answer, what to tell the caller: busy before silent before unreachable. */
function mostHopeful<T extends { status: 'busy' | 'no-answer' | 'failed' }>(failures: T[]): T {
  const found = (['busy', 'no-answer', 'failed'] as const).map((status) =>
    failures.find((f) => f.status === status),
  )
  const best = found.find((failure) => failure !== undefined)
  if (!best) throw new Error('nobody to ring')
  return best
}
