import type { Ari } from './ari.ts'
import { talkBridge } from './bridge.ts'
import type { Answered, Call, Notes, Place, Recording } from './call.ts'
import { callerChannel } from './caller.ts'
import { within } from './deferred.ts'
import { LEG_END_MS, watchLeg, type Leg, type LegEnd } from './leg.ts'
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
  /** The party that this caller talks to already: a call that an earlier process left running. */
  adopted?: Answered
}

/** How long the news of a hang-up may take after that of something else that it brought about, in milliseconds. */
const HANGUP_NEWS_MS = 1_000

/** A caller in the application, as the flows see it. */
export function ariCall(ari: Ari, options: AriCallOptions): Call {
  const { id, channelId, adopted } = options
  const caller = callerChannel(ari, channelId)
  const channel = `channels/${channelId}`
  const name = `${ari.application}-${id}`
  const legs: Leg[] = adopted ? [watchLeg(ari, adopted)] : []
  const bridge = talkBridge(ari, caller, { name, adopted: adopted !== undefined })
  let dismissed = false
  let hungUp = false
  let maxTalkMs = 0
  const notes: Notes = {}
  caller.onGone(() => {
    for (const leg of legs) leg.cancel()
  })

  async function talk({ channelId: otherId }: Answered, recording?: Recording): Promise<number> {
    const other = legs.find((leg) => leg.channelId === otherId)
    if (!other) throw new Error('talk with a party that was not rung')
    let tape: Tape | undefined
    try {
      if (!bridge.joined && (await bridge.join(other, maxTalkMs)) && recording)
        tape = record(other, recording)
      return await caller.whileHere(other.ended)
    } finally {
      other.cancel()
      tape?.over()
      // Whoever writes down how the call ended must know by then whether there is a recording.
      if (tape) await tape.begun
      else if (!adopted) recording?.onFailed()
    }
  }

  function record(other: Leg, recording: Recording): Tape {
    return recordBridge(ari, bridge.uri, recording, {
      name: id,
      longestMs: maxTalkMs,
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

  /** Asterisk would take a caller sent to a place that is not there for one who hung up. */
  async function isPlace(context: string, extension: string): Promise<boolean> {
    const where = encodeURIComponent(`DIALPLAN_EXISTS(${context},${extension},1)`)
    // An Asterisk without this function cannot tell.
    const found = await ari.request('GET', `${channel}/variable?variable=${where}`).catch(() => undefined)
    return (found as { value: string } | undefined)?.value !== '0'
  }

  async function continueAt({ context, extension, variables }: Place): Promise<void> {
    if (!options.contexts.includes(context))
      throw new Error(`callers may not be sent to the context ${context}: see pins.contexts`)
    // The one for what matches nothing else.
    if (!(await isPlace(context, extension)) && !(await isPlace(context, 'i')))
      throw new Error(`the dialplan has no ${extension} in the context ${context}`)
    for (const [variable, value] of Object.entries(variables))
      await caller.act('POST', `${channel}/variable`, { variable, value })
    await caller.sendAway(`${channel}/continue`, { context, extension, priority: 1 })
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
    ...voice(ari, caller, options),
    ring(ringing) {
      maxTalkMs = ringing.maxTalkMs
      return ringParties(ari, { caller, legs, name, callId: id, onLegEnd: options.onLegEnd }, ringing)
    },
    talk,
    continueAt,
    note: (what) => void Object.assign(notes, what),
    hangup,
  }
}
