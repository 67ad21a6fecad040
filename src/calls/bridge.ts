import { AriError } from './ari-socket.ts'
import type { Ari } from './ari.ts'
import type { Caller } from './caller.ts'
import { within } from './deferred.ts'
import { LEG_END_MS, type Leg } from './leg.ts'

/** The bridge in which a caller and the other party talk. */
export type TalkBridge = {
  readonly uri: string
  readonly joined: boolean
  /**
   * Joins the two after `prepare`. Resolves to whether they talk now; if not, the other party has left meanwhile.
   * Throws Hangup when it was the caller, else AriError.
   */
  join: (other: Leg, prepare: () => Promise<unknown>) => Promise<boolean>
  /** Takes the caller out of it, so that somebody else can be joined. Never rejects. */
  leave: () => Promise<void>
  /** Never rejects. To be called when both have left it. */
  remove: () => Promise<void>
}

/** `adopted`: the two are in it already. */
export function talkBridge(
  ari: Ari,
  caller: Caller,
  { name, adopted }: { name: string; adopted: boolean },
): TalkBridge {
  const uri = `bridges/${name}`
  let made = adopted
  let joined = adopted

  async function join(other: Leg, prepare: () => Promise<unknown>): Promise<boolean> {
    const channel = [caller.channelId, other.channelId]
    let together = true
    try {
      await caller.act('DELETE', `channels/${caller.channelId}/ring`)
      const making = made ? undefined : caller.act('POST', uri, { type: 'mixing', name: ari.application })
      made = true
      await Promise.all([making, prepare()])
      await caller.act('POST', `${uri}/addChannel`, { channel, inhibitConnectedLineUpdates: true })
    } catch (error) {
      if (!(error instanceof AriError)) throw error
      // An answer that was lost on its way back has joined them all the same.
      together = error.status === 0 && (await areIn(channel))
      if (!together && (await within(other.ended, LEG_END_MS)) === 'timeout') throw error
    }
    joined = true
    return together
  }

  async function leave(): Promise<void> {
    if (!joined) return
    joined = false
    await ari.request('POST', `${uri}/removeChannel`, { channel: caller.channelId }).catch(() => undefined)
  }

  async function areIn(both: string[]): Promise<boolean> {
    const found = await ari.request('GET', uri).catch(() => undefined)
    const { channels = [] } = (found ?? {}) as { channels?: string[] }
    return both.every((one) => channels.includes(one))
  }

  return {
    uri,
    get joined() {
      return joined
    },
    join,
    leave,
    async remove() {
      if (made) await ari.request('DELETE', uri, undefined, 'urgent').catch(() => undefined)
    },
  }
}
