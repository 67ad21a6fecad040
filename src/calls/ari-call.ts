import type { Ari } from './ari.ts'
import { books } from './books.ts'
import { talkBridge } from './bridge.ts'
import type { Answered, Call, Notes, Recording, TalkEnd } from './call.ts'
import { callerChannel, type Caller } from './caller.ts'
import { sendTo } from './continue.ts'
import { type Monotonic, within } from './deferred.ts'
import { LEG_END_MS, watchLeg, type Leg, type LegEnd } from './leg.ts'
import { keepLimit, keepWaiting, letStay, limitBoth, VISIT_MS } from './limits.ts'
import { recordBridge, type Tape } from './recording.ts'
import { ringParties } from './ring.ts'
import { voice, type VoiceOptions } from './voice.ts'

export type AriCallOptions = VoiceOptions & {
  id: string
  channelId: string
  /** Asked when it is needed: which account's country reads the number is known only after the call has begun. */
  from: () => string | undefined
  onLegEnd?: (end: LegEnd) => void
  /** Contexts of the dialplan to which callers may be sent. */
  contexts: readonly string[]
  /** Told when a talk that should be recorded is not, or not to its end. */
  onNotRecorded: (why: Error) => void
  /** Rejects when the work does, and then tries it again in the background. */
  insist: (work: () => Promise<void>) => Promise<void>
  /** The party that this caller talks to already: a call that an earlier process left running. */
  adopted?: Answered
  clock?: Monotonic
}

type HowToTalk = NonNullable<Parameters<Call['talk']>[1]>

/** How long whom we have rung may stay after the talk, to hear why it is over, in milliseconds. */
const AFTERWARDS_MS = 15_000

/** How long the news of a hang-up may take after that of something else that it brought about, in milliseconds. */
const HANGUP_NEWS_MS = 1_000

/** A caller in the application, as the flows see it. */
export function ariCall(ari: Ari, options: AriCallOptions): Call {
  const { id, channelId, adopted, insist, clock = () => performance.now() } = options
  const caller = callerChannel(ari, channelId)
  const channel = `channels/${channelId}`
  const name = `${ari.application}-${id}`
  const legs: Leg[] = adopted ? [watchLeg(ari, adopted)] : []
  const bridge = talkBridge(ari, caller, { name, adopted: adopted !== undefined })
  let dismissed = false
  let hungUp = false
  let maxTalkMs = 0
  const notes: Notes = {}
  const speech = voice(ari, caller, options)
  const visitEndsAt = clock() + VISIT_MS
  const waiting = keepWaiting(ari, caller)
  const stayMs = () => (waiting.waited ? AFTERWARDS_MS : Math.max(visitEndsAt - clock(), 1_000))
  const missed = () => caller.missed() || legs.some((leg) => leg.missed)
  const { noting, settle, forget } = books(ari, { insist, missed })
  caller.onGone(() => {
    for (const leg of legs) leg.cancel()
  })

  async function talk({ channelId: otherId }: Answered, how: HowToTalk = {}): Promise<TalkEnd> {
    const other = legs.find((leg) => leg.channelId === otherId)
    if (!other) throw new Error('talk with a party that was not rung')
    const { recording, limit } = how
    const keeper = limit && keepLimit({ ari, caller, other, limit, voice: speech, clock, stayMs })
    const prepare = async () => {
      await waiting.over()
      await (keeper ? keeper.prepare() : limitBoth(ari, { callerId: channelId, otherId }, maxTalkMs))
    }
    if (limit) noting(limit.holdId)
    // What is keyed now is for whoever is at the other end.
    const stopHearing = caller.listen(() => 'more')
    let tape: Tape | undefined
    try {
      if (!bridge.joined && (await bridge.join(other, prepare)) && recording)
        tape = recordTalk(ari, options, { caller, other, recording, uri: bridge.uri, longestMs: maxTalkMs })
      const at = await caller.whileHere(other.ended)
      return { at, by: keeper?.reached ? 'limit' : 'party' }
    } finally {
      stopHearing()
      other.cancel()
      tape?.over()
      await keeper?.over()
      // Who is not asked for anybody else is hung up next.
      if (keeper && caller.goneAt() === undefined) await bridge.leave()
      // Whoever writes down how the call ended must know by then whether there is a recording.
      if (tape) await tape.begun
      else if (!adopted) recording?.onFailed()
    }
  }

  async function hangup(cause?: number): Promise<void> {
    const reason = cause === undefined ? '' : `?reason_code=${cause}`
    // Once: until the channel is gone, another request would put its own cause in the place of the first.
    if (caller.goneAt() === undefined && !hungUp) {
      dismissed = true
      const request = ari.request('DELETE', `${channel}${reason}`, undefined, 'urgent')
      hungUp = await request.then(
        () => true,
        () => false,
      )
    }
    for (const leg of legs) leg.cancel()
    await within(Promise.all(legs.map((leg) => leg.ended)), LEG_END_MS)
    await bridge.remove()
    await forget()
  }

  return {
    id,
    channelId,
    notes,
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
      return bridge.joined && caller.goneAt() === undefined
    },
    answer: () => caller.act('POST', `${channel}/answer`),
    play: speech.play,
    ask: speech.ask,
    ring(ringing) {
      maxTalkMs = ringing.maxTalkMs
      return ringParties(ari, { caller, legs, name, callId: id, onLegEnd: options.onLegEnd }, ringing)
    },
    stay: (longestMs) => letStay(caller, longestMs),
    wait(holdId, longestMs) {
      noting(holdId)
      return waiting.begin(holdId, longestMs)
    },
    talk,
    async settle(...what) {
      await settle(...what)
      // What is closed to one instant shall not be noted at another.
      await waiting.over()
    },
    continueAt: (place) => sendTo(ari, caller, options.contexts, place),
    note: (what) => void Object.assign(notes, what),
    hangup,
  }
}

type Recorded = { caller: Caller; other: Leg; recording: Recording; uri: string; longestMs: number }

function recordTalk(ari: Ari, options: AriCallOptions, talk: Recorded): Tape {
  const { caller, other, recording, uri, longestMs } = talk
  return recordBridge(ari, uri, recording, {
    name: options.id,
    longestMs,
    playbackId: `${ari.application}-${options.newId()}`,
    stillTalking: () =>
      within(caller.whileHere(other.ended), HANGUP_NEWS_MS).then(
        (news) => news === 'timeout',
        () => false,
      ),
    onFault: options.onNotRecorded,
    onBadPrompt: options.onBadPrompt,
  })
}
