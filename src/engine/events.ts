import type { PartyName, Usage } from './allocations.ts'
import type { CallType, DialStatus } from './calls.ts'

/** What every event carries. */
type Common = {
  /** Stable for ever: receivers recognise a repeated delivery by it. */
  id: string
  accountId: string
  /** Milliseconds since the epoch. */
  at: number
}

/** A call that reached an allocation has ended. */
export type CallCompleted = Common & {
  type: 'call.completed'
  callId: string
  allocationId: string
  transactionId: string
  vn: string
  /** E.164, or undefined when the caller withheld it. */
  from: string | undefined
  /** The party's number that answered, else one that was rung; undefined when none was. */
  to: string | undefined
  callType: CallType
  dialStatus: DialStatus | undefined
  startedAt: number
  /** From the first ring of the called party to the end of its leg. */
  dialMs: number
  /** From the called party's answer to the end. */
  talkMs: number
  /** Until when the recording of the talk can be fetched; undefined when there is none. */
  recordedUntil: number | undefined
}

/** A caller whom no party listed has joined one by its PIN. */
export type CallerVerified = Common & {
  type: 'caller.verified'
  callId: string
  allocationId: string
  transactionId: string
  vn: string
  caller: string | undefined
  party: PartyName
  pin: string
}

/** A caller failed to name a PIN that opens anything. One event a call, with what was keyed last. */
export type CallerRefused = Common & {
  type: 'caller.refused'
  callId: string
  vn: string
  caller: string | undefined
  startedAt: number
  pin: string
}

/** An allocation has ended, by its policy or by hand. */
export type AllocationEnded = Common & {
  type: 'allocation.ended'
  allocationId: string
  transactionId: string
  a: { numbers: string[]; vns: string[]; pin: string | undefined }
  b: { numbers: string[]; vns: string[]; pin: string | undefined }
  usage: Usage
}

/** A text message is wanted for somebody, from whatever gateway the account has. */
export type SmsRequested = Common & {
  type: 'sms.requested'
  /** E.164. */
  to: string
  text: string
}

/** Everything the engine tells the outside. One line here per webhook a client can receive. */
export type Event = CallCompleted | CallerVerified | CallerRefused | AllocationEnded | SmsRequested

export type EventType = Event['type']
