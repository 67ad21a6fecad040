import type { RingStrategy } from '../engine/accounts.ts'
import type { Unanswered } from '../engine/calls.ts'
import type { PinVerdict } from '../engine/pin-check.ts'

/** Thrown by every Call method once the caller is gone. A flow lets it pass; the router takes it as a normal end. */
export class Hangup extends Error {
  override name = 'Hangup'

  constructor() {
    super('the caller is gone')
  }
}

export type PromptName =
  | 'enter-pin'
  | 'pin-wrong'
  | 'pin-nothing'
  | 'pin-right'
  | 'goodbye'
  | 'number-not-active'
  | 'not-allowed'
  | 'party-busy'
  | 'party-no-answer'
  | 'party-unreachable'
  | 'call-recorded'
  | 'try-later'
  | 'you-have'
  | 'less-than'
  | 'and'
  | 'euro'
  | 'euros'
  | 'dollar'
  | 'dollars'
  | 'pound'
  | 'pounds'
  | 'cent'
  | 'cents'
  | 'penny'
  | 'pence'
  | 'minute'
  | 'minutes'
  | 'second'
  | 'seconds'
  | 'enter-number'
  | 'number-nothing'
  | 'number-invalid'
  | 'number-short'
  | 'number-not-allowed'
  | 'no-money'
  | 'money-not-enough'
  | 'card-busy'
  | 'card-not-usable'
  | 'call-ends-soon'
  | 'time-over'
  | 'code-press-key'
  | 'code-is'
  | 'code-again'
  | 'pause'

/** What is said: a recording, a whole number in words (0 to 999 999 999), or digits one after another. */
export type Spoken = PromptName | { number: number } | { digits: string }

export type Ask<S extends Spoken = Spoken> = {
  /** Played one after another; the first key ends them. */
  prompts: S[]
  /** Input is complete at this many digits. `#` completes it earlier, `*` starts it again. */
  maxDigits: number
  /** Whether keys that were pressed before the prompts begin are forgotten, rather than being the first of the input. */
  afresh?: boolean
}

export type Ring = {
  /** E.164. */
  numbers: string[]
  /** What the called party sees: a virtual number, E.164. Undefined: that the number is withheld. */
  callerId: string | undefined
  strategy: RingStrategy
  /** How long each number rings, in milliseconds. */
  ringMs: number
  /** Longest talk in milliseconds, kept by Asterisk even when this process is dead. */
  maxTalkMs: number
}

/** The party that answered. */
export type Answered = { number: string; channelId: string }

export type Rung = { answered: Answered } | { unanswered: Unanswered }

/** A talk that is recorded, from the moment the two are joined to the end. The recording has the id of the call. */
export type Recording = {
  /** Whether both are told first thing that they are recorded. */
  announced: boolean
  /** Called when Asterisk does not record; the talk goes on all the same. */
  onFailed: () => void
}

/** How long a talk may be that is paid for. */
export type TalkLimit = {
  /** The hold that pays for it: Asterisk notes the end of the talk under this id, whether we live then or not. */
  holdId: string
  /** From now on, in milliseconds. The party that was rung is hung up then, and the caller stays. */
  longestMs: number
  /** How long before that the caller is warned, in milliseconds; 0, or as much as `longestMs` and more: not at all. */
  warnMs: number
  /** Heard by the caller alone. */
  warning: Spoken[]
}

/** How a talk ended while the caller stayed. `by`: the other party left, or the limit was reached. */
export type TalkEnd = {
  /** The instant at which the other party was last known to be there, in milliseconds since the epoch. */
  at: number
  by: 'party' | 'limit'
}

/** Where a caller goes on in the dialplan: at the first priority, with these channel variables. */
export type Place = { context: string; extension: string; variables: Record<string, string> }

/** What the log says of the PINs of a call. None of its names may be one that the log hides (src/log.ts). */
export type Notes = {
  /** The database whose PINs were asked for. */
  db?: number
  /** What became of the caller: `refused` also for one who keyed nothing, `locked` when one PIN at least was not compared. */
  verdict?: PinVerdict['status']
  /** How many PINs opened nothing. */
  wrong?: number
}

/** One caller, as a flow sees it. The ARI door and the tests' scripted caller each make one. */
export interface Call {
  readonly id: string
  /** Asterisk's channel of the caller. */
  readonly channelId: string
  /** E.164, or undefined when withheld. A hint, never proof. */
  readonly from: string | undefined
  /** The instant at which the caller was last known to be here, in milliseconds since the epoch; undefined while here. */
  readonly goneAt: number | undefined
  /** Whether the caller and another party are joined. */
  readonly talking: boolean
  /** Whether it was we who hung up. */
  readonly dismissed: boolean
  /** All that has been noted. */
  readonly notes: Readonly<Notes>
  answer(): Promise<void>
  /** Resolves when the prompts have been heard to their end. Keys pressed meanwhile are kept for the next `ask`. */
  play(...prompts: Spoken[]): Promise<void>
  /** The digits keyed, without `#`; '' when none came in time. Type-ahead from the first moment of the call counts. */
  ask(ask: Ask): Promise<string>
  /** Rings the numbers while the caller hears a ringing tone; at most one answers, all others are cancelled. */
  ring(ring: Ring): Promise<Rung>
  /** Lets Asterisk hang the caller, whom we have rung, up after so long from now, in milliseconds. Rejects when it refuses. */
  stay(longestMs: number): Promise<void>
  /**
   * The caller, whom we have rung, waits for somebody at the cost of a hold. Asterisk lets that last for `longestMs` unless a talk
   * begins, and notes its end under the hold, whether we live then or not. Rejects when Asterisk refuses.
   */
  wait(holdId: string, longestMs: number): Promise<void>
  /** Joins the caller and the party that answered. Resolves when that party leaves or is hung up for the limit. */
  talk(
    answered: Answered,
    options?: { recording?: Recording | undefined; limit?: TalkLimit },
  ): Promise<TalkEnd>
  /**
   * Closes the books of a hold, which ended at this instant: `close` is given that, or what Asterisk has noted where the end
   * was missed. Rejects when `close` does; then it is tried again, in the background, until it succeeds or the application stops.
   */
  settle(holdId: string, endedAt: number, close: (endedAt: number) => Promise<void>): Promise<void>
  /**
   * Hands the caller back to the dialplan, and resolves once that is done: the caller is gone then as far as we go.
   * Throws when the operator has not named the context, or the dialplan has no such place.
   */
  continueAt(place: Place): Promise<void>
  /** Adds to what the log says of the call when it has ended: never a PIN. A later word on the same thing counts. */
  note(what: Notes): void
  /** Ends the call and everything that belongs to it. Never rejects. */
  hangup(cause?: number): Promise<void>
}

/** Causes that we end calls with (Q.850): number not assigned, network out of order. */
export const UNASSIGNED = 1
export const OUT_OF_ORDER = 38

/** Says why, without answering if that has not happened yet, and hangs up. */
export async function turnAway(
  call: Call,
  prompt: 'try-later' | 'number-not-active',
  cause: typeof UNASSIGNED | typeof OUT_OF_ORDER,
): Promise<void> {
  await call.play(prompt)
  await call.hangup(cause)
}
