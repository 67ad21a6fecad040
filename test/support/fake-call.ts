import {
  Hangup,
  type Answered,
  type Call,
  type Notes,
  type Place,
  type Recording,
  type Ring,
  type Rung,
  type Spoken,
  type TalkEnd,
  type TalkLimit,
} from '../../src/calls/call.ts'
import type { Unanswered } from '../../src/engine/calls.ts'

/** What a caller does, and how those who are rung take it. */
export type Script = {
  /** Undefined when withheld. */
  from: string | undefined
  /** What is keyed at each question, '' for nothing; after the last, nothing. */
  keys?: string[]
  /** The number that answers, or how ringing ends otherwise; by default the first answers. A list: one time after the other. */
  ring?: Ringing | Ringing[]
  /** How long the talk lasts until the other party leaves, in milliseconds. A list: one talk after the other. */
  talkMs?: number | number[]
  /** Asterisk does not record. */
  recordingFails?: boolean
  /** The caller leaves during this verb, counted from 0. */
  leavesAt?: number
}

type Ringing = Unanswered['status'] | { answers: string } | undefined

export type FakeCall = Call & {
  /** The verbs so far, the one during which the caller left included. */
  verbs: string[]
  /** Prompts by their names, numbers by their digits. */
  said: string[]
  rung: Ring[]
  talkedWith: Answered[]
  /** How each talk was to be recorded. */
  recordings: (Recording | undefined)[]
  limits: (TalkLimit | undefined)[]
  /** How long the caller might stay, in milliseconds. */
  stays: number[]
  /** What the caller waited on. */
  waits: { holdId: string; longestMs: number }[]
  /** Holds whose books were closed, and the instants. */
  settled: { holdId: string; endedAt: number }[]
  /** Where the caller was sent. */
  sentTo: Place[]
}

/** How long each verb takes on the test's clock, in milliseconds; the caller leaves in the middle of one. */
const VERB_MS = { answer: 100, play: 2_000, ask: 4_000, ring: 6_000, stay: 0, wait: 0, continueAt: 50 }

/** A caller who keeps to a script, and a clock that goes on with it. */
export function fakeCall(id: string, clock: { ms: number }, script: Script): FakeCall {
  const { keys = [], talkMs = 60_000, ring } = script
  const rings = Array.isArray(ring) ? [...ring] : undefined
  const talks = Array.isArray(talkMs) ? [...talkMs] : undefined
  let goneAt: number | undefined
  const verbs: string[] = []
  const said: string[] = []
  const rung: Ring[] = []
  const talkedWith: Answered[] = []
  const recordings: (Recording | undefined)[] = []
  const limits: (TalkLimit | undefined)[] = []
  const stays: number[] = []
  const waits: { holdId: string; longestMs: number }[] = []
  const settled: { holdId: string; endedAt: number }[] = []
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
    limits,
    stays,
    waits,
    settled,
    sentTo,
    notes,
    get goneAt() {
      return goneAt
    },
    talking: false,
    dismissed: false,
    answer: () => verb('answer', VERB_MS.answer),
    async play(...prompts) {
      const words = prompts.map(spell)
      said.push(...words)
      await verb(`play ${words.join()}`, VERB_MS.play)
    },
    async ask({ prompts }) {
      const words = prompts.map(spell)
      said.push(...words)
      await verb(`ask ${words.join()}`, VERB_MS.ask)
      return keys[asked++] ?? ''
    },
    async ring(ring): Promise<Rung> {
      rung.push(ring)
      await verb('ring', VERB_MS.ring)
      const to = ring.numbers[0] ?? ''
      const outcome = rings ? rings.shift() : (script.ring as Ringing)
      if (typeof outcome === 'string') return { unanswered: { to, status: outcome } }
      return { answered: { number: outcome?.answers ?? to, channelId: `leg-${id}` } }
    },
    async stay(longestMs) {
      stays.push(longestMs)
      await verb('stay', VERB_MS.stay)
    },
    async wait(holdId, longestMs) {
      waits.push({ holdId, longestMs })
      await verb('wait', VERB_MS.wait)
    },
    async talk(answered, { recording, limit } = {}): Promise<TalkEnd> {
      talkedWith.push(answered)
      recordings.push(recording)
      limits.push(limit)
      if (script.recordingFails) recording?.onFailed()
      const lastsMs = talks ? (talks.shift() ?? 60_000) : (talkMs as number)
      const isCut = limit !== undefined && lastsMs >= limit.longestMs
      await verb('talk', isCut ? limit.longestMs : lastsMs)
      return { at: clock.ms, by: isCut ? 'limit' : 'party' }
    },
    async settle(holdId, endedAt, close) {
      settled.push({ holdId, endedAt })
      await close(endedAt)
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

function spell(spoken: Spoken): string {
  if (typeof spoken === 'string') return spoken
  return 'number' in spoken ? String(spoken.number) : spoken.digits
}
