import { AriError } from './ari-socket.ts'
import type { Ari } from './ari.ts'
import type { Answered, Call } from './call.ts'
import { callerChannel } from './caller.ts'
import { within } from './deferred.ts'
import { watchLeg, type Leg, type LegEnd } from './leg.ts'
import { ringParties } from './ring.ts'
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

/** How long the end of a leg may take after we have asked for it, in milliseconds. */
const END_MS = 5_000

/** A caller in the application, as the flows see it. */
export function ariCall(ari: Ari, options: AriCallOptions): Call {
  const { id, channelId, adopted } = options
  const caller = callerChannel(ari, channelId)
  const channel = `channels/${channelId}`
  const name = `${ari.application}-${id}`
  const legs: Leg[] = adopted ? [watchLeg(ari, adopted)] : []
  const bridge = `bridges/${name}`
  let bridgeMade = adopted !== undefined
  let joined = adopted !== undefined
  let dismissed = false
  caller.onGone(() => {
    for (const leg of legs) leg.cancel()
  })

  async function talk({ channelId: otherId }: Answered): Promise<number> {
    const other = legs.find((leg) => leg.channelId === otherId)
    if (!other) throw new Error('talk with a party that was not rung')
    try {
      if (!joined) await join(other)
      return await caller.whileHere(other.ended)
    } finally {
      other.cancel()
    }
  }

  async function join(other: Leg): Promise<void> {
    try {
      await caller.act('DELETE', `${channel}/ring`)
      bridgeMade = true
      await caller.act('POST', bridge, { type: 'mixing', name: ari.application })
      await caller.act('POST', `${bridge}/addChannel`, {
        channel: [channelId, other.channelId],
        inhibitConnectedLineUpdates: true,
      })
    } catch (error) {
      if (!(error instanceof AriError)) throw error
      // An answer that was lost on its way back has joined them all the same.
      const together = error.status === 0 && (await areTogether(other))
      if (!together && (await within(other.ended, END_MS)) === 'timeout') throw error
    }
    joined = true
  }

  async function areTogether(other: Leg): Promise<boolean> {
    const found = await ari.request('GET', bridge).catch(() => undefined)
    const { channels = [] } = (found ?? {}) as { channels?: string[] }
    return [channelId, other.channelId].every((one) => channels.includes(one))
  }

  async function hangup(cause?: number): Promise<void> {
    const reason = cause === undefined ? '' : `?reason_code=${cause}`
    const quietly = (uri: string) => ari.request('DELETE', uri, undefined, 'urgent').catch(() => undefined)
    if (caller.goneAt() === undefined) {
      dismissed = true
      await quietly(`${channel}${reason}`)
    }
    for (const leg of legs) leg.cancel()
    await within(Promise.all(legs.map((leg) => leg.ended)), END_MS)
    if (bridgeMade) await quietly(bridge)
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
    get dismissed() {
      return dismissed
    },
    get talking() {
      return joined && caller.goneAt() === undefined
    },
    answer: () => caller.act('POST', `${channel}/answer`),
    ...voice(ari, caller, options),
    ring: (ringing) =>
      ringParties(ari, { caller, legs, name, callId: id, onLegEnd: options.onLegEnd }, ringing),
    talk,
    hangup,
  }
}
