import type { Card, CardGroup, Distributor } from './cards.ts'
import type { Event } from './events.ts'
import type { Blame, Guesser, Suspicion } from './guard.ts'
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

/** What is there when a PIN of a card, or of a voucher, is keyed. `known` of the suspicion: the card has the caller's CLI, or its PIN was right for this caller before. */
type CardPinSeen = { card: Card | undefined; suspicion: Suspicion }
export type VoucherSeen = { voucher: Voucher | undefined; card: Card | undefined; suspicion: Suspicion }

/** Prepaid cards and their money. Each method is one transaction; rules as with Store. */
export interface CardStore {
  /** Throws Refusal 'duplicates' when the account has a group of that name. */
  addCardGroup(group: Omit<CardGroup, 'id'>): Promise<CardGroup>
  changeCardGroup(group: CardGroup): Promise<void>
  findCardGroup(accountId: string, id: number): Promise<CardGroup | undefined>
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
   * Remembers that a request with this key is being served, unless it is known: then what was answered to it, or undefined as
   * long as (or because) that is not known.
   */
  beginRequest(key: string, forgetAt: number): Promise<'new' | { answer: string | undefined }>
  endRequest(key: string, answer: string): Promise<void>
  /** Forgets requests whose time is over at `now`, at most `limit`; resolves to how many. */
  forgetRequests(now: number, limit: number): Promise<number>
}
