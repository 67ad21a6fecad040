import type { Card, CardGroup, Distributor } from './cards.ts'
import type { Event } from './events.ts'
import type { Blame, Guesser, Suspicion } from './guard.ts'
import type { Hold, Usage } from './holds.ts'
import type { Rate, Tariff } from './rates.ts'

/** Why money was moved. */
export type LedgerKind = 'opening' | 'top_up' | 'voucher' | 'refund' | 'correction' | 'charge'

/** One movement of a card's money. Lines are added and never changed: a correction is a line of its own. */
export type LedgerLine = {
  id: number
  cardId: number
  at: number
  kind: LedgerKind
  /** Never 0; negative takes from the card. Only charges and corrections are. */
  amountMicros: number
  /** After this line. */
  balanceMicros: number
  /** What it belongs to: the hold of a charge or refund, the voucher's id; undefined for others. */
  reference: string | undefined
  /** In words, by whoever made it. */
  note: string
}

/** A line that is wanted. The store refuses none: whoever decides has seen the card. */
export type Movement = Pick<LedgerLine, 'at' | 'kind' | 'amountMicros' | 'reference' | 'note'>

/** Which card of the account. */
export type CardKey = { accountId: string } & (
  { id: number } | { number: string } | { cli: string } | { pin: string }
)

/** What a decision wants done with a card: its fields saved, its money moved, in this order and together. */
export type CardChange<R> = { save?: Card; move?: Movement; events?: Event[]; result: R }

/** What new cards of a group must know before they can be decided. */
export type CardsSeen = {
  group: CardGroup | undefined
  /** Those of the query's that a card of the account has already. */
  takenNumbers: ReadonlySet<string>
  takenPins: ReadonlySet<string>
  takenClis: ReadonlySet<string>
  /** How many cards of the account have a PIN of each length. */
  pinsOfLength: ReadonlyMap<number, number>
  /** Events 'sms.requested' of the account from `smsSince` of the query on; 0 when that was not asked. */
  smsRequested: number
}

/** A card to be. Its id is the store's to give; an opening balance is a line of the ledger. */
export type NewCard = Omit<Card, 'id' | 'balanceMicros' | 'heldMicros'> & { openingMicros: number }

/** Search of cards. Left out: whatever it is. Text is compared whole, but `%` and `_` stand for any and for one character. */
export type CardFilter = {
  number?: string
  name?: string
  pin?: string
  cli?: string
  batch?: string
  minBalanceMicros?: number
  maxBalanceMicros?: number
  language?: string
  sold?: boolean
  distributorId?: number
}

/** A PIN with money behind it that is good once, for any card of its account. */
export type Voucher = {
  /** UUID. */
  id: string
  accountId: string
  pin: string
  amountMicros: number
  validUntil: number | undefined
  createdAt: number
  usedAt: number | undefined
  usedBy: number | undefined
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

/** What is there when a hold is wanted. */
export type HoldSeen = {
  card: Card | undefined
  group: CardGroup | undefined
  /** The rate of the longest prefix in the tariff of the card, and that of `alsoDigits` of the query. */
  rate: Rate | undefined
  alsoRate: Rate | undefined
  usage: Record<'card' | 'account', Usage>
}

/** What is there when a PIN of a card, or of a voucher, is keyed. `known` of the suspicion: the card has the caller's CLI, or its PIN was right for this caller before. */
type CardPinSeen = { card: Card | undefined; suspicion: Suspicion }
export type VoucherSeen = { voucher: Voucher | undefined; card: Card | undefined; suspicion: Suspicion }

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

/** Prepaid cards and their money. Each method is one transaction; rules as with Store. */
export interface CardStore {
  /** Throws Refusal 'duplicates' when the account has a group of that name. */
  addCardGroup(group: Omit<CardGroup, 'id'>): Promise<CardGroup>
  changeCardGroup(group: CardGroup): Promise<void>
  /** By id. */
  cardGroups(accountId: string): Promise<(CardGroup & { cards: number; unsold: number })[]>

  /** Throws Refusal 'duplicates' when the account has one of that name. */
  addDistributor(distributor: Omit<Distributor, 'id'>): Promise<Distributor>
  distributors(accountId: string): Promise<Distributor[]>

  addCards<R>(
    query: {
      accountId: string
      groupId: number
      numbers: string[]
      pins: string[]
      clis: string[]
      /** From which instant on text messages are counted; they are not when left out. */
      smsSince?: number | undefined
    },
    decide: (seen: CardsSeen) => { save?: NewCard[]; events?: Event[]; result: R | ((made: Card[]) => R) },
  ): Promise<R>
  findCard(key: CardKey): Promise<Card | undefined>
  /**
   * `taken`: whether another card of the account has one of these already. `smsRequested`: as CardsSeen has it, counted from
   * `smsSince` on.
   */
  changeCard<R>(
    key: CardKey & {
      takenBy?: { number?: string | undefined; pin?: string | undefined; cli?: string | undefined }
      smsSince?: number | undefined
    },
    decide: (
      card: Card | undefined,
      taken: { number: boolean; pin: boolean; cli: boolean },
      smsRequested: number,
    ) => CardChange<R>,
  ): Promise<R>
  /** By group and then number, from the first after `after`; read in a later turn of the event loop. */
  cardsMatching(
    accountId: string,
    filter: CardFilter,
    after: Pick<Card, 'groupId' | 'number'> | undefined,
    limit: number,
  ): Promise<Card[]>
  /**
   * Looks a PIN up and keeps what becomes of it, as PinStore.checkPin does. `cli`: the caller's. `use`: the PIN was right,
   * and that caller is known to have this card from then on, among the last twenty, until the card gets another PIN.
   */
  checkCardPin<R>(
    query: { accountId: string; pin: string; cli: string | undefined; guesser: Guesser },
    decide: (seen: CardPinSeen) => {
      save?: Card
      use?: { at: number }
      blame?: Blame | undefined
      result: R
    },
  ): Promise<R>

  /** Of one card, newest first, from the first before the line `before`. */
  ledger(cardId: number, before: number | undefined, limit: number): Promise<LedgerLine[]>
  /**
   * `taken`: those of the query's PINs that a voucher of the account has, used or not. `pinsAlike`: how many of its vouchers that
   * are not used have PINs of this length.
   */
  addVouchers<R>(
    query: { accountId: string; length: number; pins: string[] },
    decide: (seen: { taken: ReadonlySet<string>; pinsAlike: number }) => { save?: Voucher[]; result: R },
  ): Promise<R>
  /** Looks a voucher and the card up; `use` marks the voucher as used by the card, with the movement. */
  useVoucher<R>(
    query: { accountId: string; cardId: number; pin: string; guesser: Guesser },
    decide: (seen: VoucherSeen) => {
      use?: { at: number; move: Movement }
      blame?: Blame | undefined
      result: R
    },
  ): Promise<R>

  /** Makes an empty tariff to import into. Rates become those of the name with `finishTariff` only. */
  beginTariff(
    accountId: string,
    name: string,
    at: number,
  ): Promise<{ version: number; sameName: Tariff | undefined }>
  /** Writes rates into a tariff that was begun; a prefix that comes again counts last. */
  putRates(version: number, rates: Rate[]): Promise<void>
  /** Puts what was imported in the place of the account's tariff of that name, which keeps its id. */
  finishTariff(version: number): Promise<Tariff>
  /** Throws away what was begun, or what a finished import has replaced, at most `limit` rates; resolves to how many. */
  forgetRates(limit: number, abandonedBefore: number): Promise<number>
  tariffs(accountId: string): Promise<Tariff[]>
  /** The rate of the longest prefix of these digits (E.164 without `+`). */
  findRate(tariffId: number, digits: string): Promise<Rate | undefined>
  ratesAfter(tariffId: number, after: string | undefined, limit: number): Promise<Rate[]>

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
  findLine(username: string): Promise<{ line: VoipLine; accountId: string } | undefined>
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

  /**
   * Remembers that a request with this key is being served, unless it is known: then what was answered to it, or undefined as
   * long as (or because) that is not known.
   */
  beginRequest(key: string, forgetAt: number): Promise<'new' | { answer: string | undefined }>
  endRequest(key: string, answer: string): Promise<void>
  /** Forgets requests whose time is over at `now`, at most `limit`; resolves to how many. */
  forgetRequests(now: number, limit: number): Promise<number>
}
