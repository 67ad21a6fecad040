import type { Movement } from './card-store.ts'
import type { Card, CardGroup } from './cards.ts'
import type { Hold, Usage } from './holds.ts'
import type { Rate } from './rates.ts'

/** What is there when a hold is wanted. */
export type HoldSeen = {
  card: Card | undefined
  group: CardGroup | undefined
  /** The rate of the longest prefix in the tariff of the card, and that of `alsoDigits` of the query. */
  rate: Rate | undefined
  alsoRate: Rate | undefined
  usage: Record<'card' | 'account', Usage>
}

/** A place in a list of calls, newest first. */
export type HoldPosition = Pick<Hold, 'openedAt' | 'id'>

/** Calls of an account, or of one card of it, that were answered, by A of a callback at least, and have ended. */
export type HoldFilter = {
  accountId: string
  cardId?: number | undefined
  /** By the instant of the answer (holds.ts, `connectedAt`): from and before. */
  from: number
  to: number
}

/** What an audit goes through, one after another: cards with their lines, paid calls that have ended, vouchers, and what runs. */
export type AuditPart = 'ledger' | 'calls' | 'vouchers' | 'holds'

/** A finding of the audit, in words, with what it concerns. */
export type AuditFinding = {
  what: 'balance' | 'held' | 'negative' | 'hold' | 'ledger'
  cardId: number
  detail: string
}

/** A SIP account that can register here and call on a card. */
export type VoipLine = {
  /** Its SIP user name; unique over all accounts: lower-case letters, digits and `-`. */
  username: string
  accountId: string
  cardId: number
  /** As it is told to the line's owner, and to Asterisk. */
  password: string
  createdAt: number
}

/** A call that we owe: A is rung, then B, and the two are joined. */
export type Callback = {
  /** UUID, told to the client. */
  id: string
  accountId: string
  cardId: number
  /** E.164. */
  a: string
  b: string
  state: CallbackState
  /** Why it ended, in a word; undefined while it has not. `stopped` before that: its client wants it ended. */
  outcome: CallbackOutcome | undefined
  /** Of the call that it became. */
  callId: string | undefined
  createdAt: number
  endedAt: number | undefined
}

/** `waiting` until A is rung. */
export type CallbackState = 'waiting' | 'ringing_a' | 'ringing_b' | 'talking' | 'ended'
export type CallbackOutcome =
  | 'completed'
  | 'a_busy'
  | 'a_no_answer'
  | 'a_failed'
  | 'b_busy'
  | 'b_no_answer'
  | 'b_failed'
  | 'stopped'
  | 'no_money'
  | 'too_many_calls'
  | 'failed'

/** Calls that cards pay for, and what they come from. Each method is one transaction; rules as with Store. */
export interface PaidCallStore {
  /**
   * Decides about a call of a card: what of its money is set aside for it. `digits`, and `alsoDigits` where the card pays for a
   * second number too, as findRate has them.
   */
  openHold<R>(
    query: {
      accountId: string
      cardId: number
      digits: string
      alsoDigits?: string | undefined
      now: number
    },
    decide: (seen: HoldSeen) => { hold?: Hold; result: R },
  ): Promise<R>
  /** Changes a hold, and its card: in its fields, and by a movement. */
  changeHold<R>(
    id: string,
    decide: (seen: { hold: Hold; card: Card; group: CardGroup } | undefined) => {
      save?: Hold
      saveCard?: Card
      move?: Movement
      result: R
    },
  ): Promise<R>
  findHold(id: string): Promise<Hold | undefined>
  /** Those that are neither settled nor void, oldest first. */
  openHolds(): Promise<Hold[]>
  /** Newest first (by the instant they were opened, then by id, falling), from the first after `after`; in a later turn. */
  holdsMatching(filter: HoldFilter, after: HoldPosition | undefined, limit: number): Promise<Hold[]>
  /**
   * What does not add up, at most `limit`: of the ledgers, of what is held, of holds whose call has ended. In turns of the event
   * loop, after each of which `onLooked` is told how many rows of which part it has been through; what that throws ends the audit.
   */
  audit(limit: number, onLooked?: (part: AuditPart, rows: number) => void): Promise<AuditFinding[]>
  /** How many cards, and lines of the ledger, an audit goes through. */
  auditSize(): Promise<{ cards: number; lines: number }>

  /** Throws Refusal 'duplicates' when the name is taken. */
  addLine(line: VoipLine): Promise<void>
  /** Of one account, or all; by name. */
  lines(accountId?: string): Promise<VoipLine[]>
  findLine(username: string): Promise<VoipLine | undefined>
  /** Resolves to whether there was one. */
  removeLine(accountId: string, username: string): Promise<boolean>

  addCallback(callback: Callback): Promise<void>
  changeCallback<R>(
    id: string,
    decide: (callback: Callback | undefined) => { save?: Callback; result: R },
  ): Promise<R>
  findCallback(accountId: string, id: string): Promise<Callback | undefined>
  /** Those that have not ended, oldest first. */
  openCallbacks(): Promise<Callback[]>
  /** Those that were begun and have not ended, and of each account the oldest that wait, at most so many. */
  callbacksToPlace(ofEach: number): Promise<Callback[]>
}
