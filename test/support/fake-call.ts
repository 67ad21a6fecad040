import {
  Hangup,
  type Answered,
  type Call,
  type Notes,
  type Place,
  type PromptName,
  type Recording,
  type Ring,
  type Rung,
} from '../../src/calls/call.ts'
import type { Unanswered } from '../../src/engine/calls.ts'

/** What a caller does, and how those who are rung take it. */
export type Script = {
  /** Undefined when withheld. */
  from: string | undefined
  /** What is keyed at each question, '' for nothing; after the last, nothing. */
  keys?: string[]
  /** The number that answers, or how ringing ends otherwise; by default the first answers. */
  ring?: Unanswered['status'] | { answers: string }
  /** How long the talk lasts until the other party leaves, in milliseconds. */
  talkMs?: number
  /** Asterisk does not record. */
  recordingFails?: boolean
  /** The caller leaves during this verb, counted from 0. */
  leavesAt?: number
}

export type FakeCall = Call & {
  /** The verbs so far, the one during which the caller left included. */
  verbs: string[]
  said: PromptName[]
  rung: Ring[]
  talkedWith: Answered[]
  /** How each talk was to be recorded. */
  recordings: (Recording | undefined)[]
  /** Where the caller was sent. */
  sentTo: Place[]
}

/** How long each verb takes on the test's clock, in milliseconds; the caller leaves in the middle of one. */
const VERB_MS = { answer: 100, play: 2_000, ask: 4_000, ring: 6_000, continueAt: 50 }

/** A caller who keeps to a script, and a clock that goes on with it. */
export function fakeCall(id: string, clock: { ms: number }, script: Script): FakeCall {
  const { keys = [], talkMs = 60_000, ring: outcome } = script
  let goneAt: number | undefined
  const verbs: string[] = []
  const said: PromptName[] = []
  const rung: Ring[] = []
  const talkedWith: Answered[] = []
  const recordings: (Recording | undefined)[] = []
  const sentTo: Place[] = []
  const notes: Notes = {}
  let asked = 0

  async function verb(name: string, ms: number): Promise<void> {
    await Promise.resolve()
    if (goneAt !== undefined) throw new Hangup()
    verbs.push(name)
    if (verbs.length - 1 === script.leavesAt) {
      clock.ms += ms / 2
      goneAt = clock.ms
      clock.ms += 50 // until anybody has noticed
      throw new Hangup()
    }
    clock.ms += ms
  }

  return {
    id,
    channelId: `channel-${id}`,
    from: script.from,
    verbs,
    said,
    rung,
    talkedWith,
    recordings,
    sentTo,
    notes,
    get goneAt() {
      return goneAt
    },
    talking: false,
    dismissed: false,
    answer: () => verb('answer', VERB_MS.answer),
    async play(...prompts) {
      said.push(...prompts)
      await verb(`play ${prompts.join()}`, VERB_MS.play)
    },
    async ask({ prompts }) {
      said.push(...prompts)
      await verb(`ask ${prompts.join()}`, VERB_MS.ask)
      return keys[asked++] ?? ''
    },
    async ring(ring): Promise<Rung> {
      rung.push(ring)
      await verb('ring', VERB_MS.ring)
      const to = ring.numbers[0] ?? ''
      if (typeof outcome === 'string') return { unanswered: { to, status: outcome } }
      return { answered: { number: outcome?.answers ?? to, channelId: `leg-${id}` } }
    },
    async talk(answered, recording) {
      talkedWith.push(answered)
      recordings.push(recording)
      if (script.recordingFails) recording?.onFailed()
      await verb('talk', talkMs)
      return clock.ms
    },
    async continueAt(place) {
      sentTo.push(place)
      await verb('continueAt', VERB_MS.continueAt)
      goneAt = clock.ms
    },
    note: (what) => void Object.assign(notes, what),
    hangup: () => Promise.resolve(),
  }
}
