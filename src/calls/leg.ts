import type { Unanswered } from '../engine/calls.ts'
import { AriError } from './ari-socket.ts'
import type { Ari } from './ari.ts'
import type { Answered } from './call.ts'
import { deferred } from './deferred.ts'
import type { ChannelEvent } from './listeners.ts'

export type LegOptions = {
  /** Chosen by us before the channel exists. */
  channelId: string
  /** E.164; only digits and a leading + ever reach a dial string. */
  number: string
  /** What the called party sees, E.164; undefined: that the number is withheld. */
  callerId: string | undefined
  ringMs: number
  /** The call that this leg belongs to; the leg says so when it enters the application. */
  callId: string
  /** Called once, synchronously with the answer, so that of two simultaneous answers one is first. */
  onAnswer: () => void
  /** Called once when Asterisk has destroyed the channel. */
  onEnd?: ((end: LegEnd) => void) | undefined
}

/** Why a leg ended: Q.850 cause and SIP status, as Asterisk reports them. For the log. */
export type LegEnd = { channel: string; cause: number; sip: number | undefined }

/** A party being rung, until its channel is gone. */
export type Leg = {
  readonly channelId: string
  readonly number: string
  /** What Asterisk calls the channel; undefined until it has been seen. */
  readonly name: string | undefined
  /** Whether it ended while nobody told us: then only the instant before that is known. */
  readonly missed: boolean
  /** Resolves when the leg will never answer any more. */
  readonly failed: Promise<Unanswered>
  /** Resolves when the channel is gone, answered or not, to the instant (ms since the epoch) it was last known to live. */
  readonly ended: Promise<number>
  /** Hangs up, now or as soon as the channel exists. `elsewhere` spares the phone a missed-call entry. */
  cancel: (elsewhere?: 'elsewhere') => void
}

/** How long the end of a leg may take after we have asked for it, in milliseconds. */
export const LEG_END_MS = 5_000

/**
 * How much longer than it may ring a leg may live before it is joined to anybody, in milliseconds. Asterisk ends it then, and that is
 * all that does once we are dead. Whoever joins it sets another limit first.
 */
const UNJOINED_MS = 10_000

/** First Stasis() argument of a leg that we create. */
export const LEG = 'leg'

/** Q.850 causes (also Asterisk's hangup causes). */
const NORMAL_CLEARING = 16
const ANSWERED_ELSEWHERE = 26

/** Rings one number of the other party. */
export function ringLeg(ari: Ari, options: LegOptions): Leg {
  const { channelId, number } = options
  const wanted = creation(ari.application, options)
  const failed = deferred<Unanswered>()
  const ended = deferred<number>()
  let phase: 'created' | 'dialled' | 'answered' | 'gone' = 'created'
  let cancelled: number | undefined
  let rang = false
  let name: string | undefined
  let missed = false

  const off = ari.onChannel(channelId, (event) => {
    switch (event.type) {
      case 'StasisStart':
        name = event.channel.name
        return started()
      case 'Dial':
        // Many carriers let it ring in early media, without saying so.
        if (event.dialstatus === 'RINGING' || event.dialstatus === 'PROGRESS') rang = true
        return event.dialstatus === 'ANSWER' ? answered() : undefined
      case 'Seen':
        name = event.channel.name
        if (event.channel.state === 'Ringing') rang = true
        return event.channel.state === 'Up' ? answered() : started()
      case 'ChannelDestroyed':
        options.onEnd?.({ channel: channelId, cause: event.cause, sip: event.tech_cause })
        return gone(statusOf(event, rang))
      case 'Vanished':
        missed = true
        return gone('failed', event.lastSeenAt)
    }
  })

  // Not before its StasisStart: until then Asterisk refuses to dial it.
  function started(): void {
    if (cancelled !== undefined) return hangUpChannel(ari, channelId, cancelled)
    if (phase !== 'created') return
    phase = 'dialled'
    const timeout = Math.ceil(options.ringMs / 1000)
    ari.request('POST', `channels/${channelId}/dial?timeout=${timeout}`).catch(() => {
      hangUpChannel(ari, channelId, NORMAL_CLEARING)
      gone('failed')
    })
  }

  function answered(): void {
    if (phase === 'answered' || phase === 'gone') return
    phase = 'answered'
    if (cancelled !== undefined) return hangUpChannel(ari, channelId, cancelled)
    options.onAnswer()
  }

  function gone(status: Unanswered['status'], at = ari.now()): void {
    if (phase === 'gone') return
    phase = 'gone'
    off()
    failed.resolve({ to: number, status })
    ended.resolve(at)
  }

  ari.request('POST', 'channels/create', wanted).catch((error: unknown) => {
    // Without an answer the channel may exist all the same. Should it come later still, the router hangs it up.
    if (error instanceof AriError && error.status === 0) hangUpChannel(ari, channelId, NORMAL_CLEARING)
    gone('failed')
  })

  return {
    channelId,
    number,
    get name() {
      return name
    },
    get missed() {
      return missed
    },
    failed: failed.promise,
    ended: ended.promise,
    cancel(elsewhere) {
      if (phase === 'gone' || cancelled !== undefined) return
      cancelled = elsewhere ? ANSWERED_ELSEWHERE : NORMAL_CLEARING
      hangUpChannel(ari, channelId, cancelled)
    },
  }
}

/** A leg that talks already, left by an earlier process. */
export function watchLeg(ari: Ari, { channelId, number }: Answered): Leg {
  const failed = deferred<Unanswered>()
  const ended = deferred<number>()
  let gone = false
  let missed = false
  const off = ari.onChannel(channelId, (event) => {
    const { type } = event
    if (type !== 'StasisEnd' && type !== 'ChannelDestroyed' && type !== 'Vanished') return
    gone = true
    missed = type === 'Vanished'
    off()
    ended.resolve(type === 'Vanished' ? event.lastSeenAt : ari.now())
  })
  const cancel = () => (gone ? undefined : hangUpChannel(ari, channelId, NORMAL_CLEARING))
  return {
    ...{ channelId, number, name: undefined, failed: failed.promise, ended: ended.promise, cancel },
    get missed() {
      return missed
    },
  }
}

/** 404 is as good as done: the channel does not exist yet, and then comes back at its start, or no longer. */
function hangUpChannel(ari: Ari, channelId: string, cause: number): void {
  ari
    .request('DELETE', `channels/${channelId}?reason_code=${cause}`, undefined, 'urgent')
    .catch(() => undefined)
}

function creation(application: string, options: LegOptions): object {
  const { channelId, number, callerId, callId, ringMs } = options
  return {
    endpoint: `PJSIP/${dialable(number)}@trunk`,
    app: application,
    appArgs: `${LEG},${callId}`,
    channelId,
    // `originator` would do too, but would tie the caller's identity to this leg.
    formats: 'ulaw,alaw',
    variables: {
      // On a created channel the connected line, not the caller id, becomes the From of the INVITE.
      // A presentation without a number would show the trunk's own name.
      'CONNECTEDLINE(num,i)': callerId === undefined ? 'anonymous' : dialable(callerId),
      'CONNECTEDLINE(num-pres)': callerId === undefined ? 'prohib' : 'allowed',
      'TIMEOUT(absolute)': String(Math.ceil((ringMs + UNJOINED_MS) / 1000)),
    },
  }
}

/** Rebuilt from what a number may consist of: `/`, `@` and `&` would choose another destination. */
function dialable(number: string): string {
  if (!/^\+?[0-9]{3,15}$/.test(number)) throw new Error('not a number that can be dialled')
  return number
}

/**
 * What the caller is told, from the Q.850 cause and the SIP status that Asterisk reports. A number that never rang
 * cannot have been heard: then its silence means that it could not be reached.
 */
function statusOf(
  { cause, tech_cause: sip }: Extract<ChannelEvent, { type: 'ChannelDestroyed' }>,
  rang: boolean,
): Unanswered['status'] {
  if (cause === 17 || cause === 21 || sip === 486 || sip === 600 || sip === 603) return 'busy'
  if (rang && (cause === 18 || cause === 19 || sip === 408 || sip === 480)) return 'no-answer'
  return 'failed'
}
