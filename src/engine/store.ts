import type { Account, Credential, Dialect, LoginScope, VirtualNumber } from './accounts.ts'
import type { Allocation, PartyName } from './allocations.ts'
import type { CallRecord } from './calls.ts'
import type { Event } from './events.ts'
import type { Blame, Guesser, Suspicion } from './guard.ts'
import type { CardStore } from './card-store.ts'
import type { PaidCallStore } from './paid-call-store.ts'
import type { PinStore } from './pin-store.ts'
import type { SubscriptionStore } from './subscription-store.ts'

/** What a decision wants kept. `save` and `events` are written together or not at all. */
export type Change<T, R> = { save?: T; events?: Event[]; result: R }

/** What a new allocation must know of its surroundings before it can be decided. */
export type Surroundings = {
  /** The account's active allocation with the same transaction id. */
  sameTransaction: Allocation | undefined
  /** For each party those of its candidate PINs that are in use on any of its virtual numbers (active, or cooling off). */
  takenPins: Record<PartyName, ReadonlySet<string>>
  /** The virtual numbers asked for that belong to the account. */
  ownVns: ReadonlySet<string>
}

/** The PINs that each party could get, and the virtual numbers on which they must be free. */
export type PinQuery = Record<PartyName, { vns: string[]; pins: string[] }>

/** What to look up for a new allocation. */
export type AllocationQuery = { accountId: string; transactionId: string; pins: PinQuery }

/** What to look up for a change of an allocation: as it may be afterwards. */
export type UpdateQuery = { accountId: string; id: string; pins: PinQuery }

/** A place in the list of an account's allocations, newest first. */
export type ListPosition = Pick<Allocation, 'createdAt' | 'id'>

/** An event and what has become of it. */
export type StoredEvent = {
  event: Event
  /** `no_receiver`: the account had no endpoint for it. `dead`: given up. */
  state: EventState
  /** Attempts made so far, since it was written or last resent. */
  attempts: number
  /** When it is tried next; undefined unless it waits. */
  dueAt: number | undefined
  /** How the last of them ended, in a word. */
  lastWord: string | undefined
}

export type EventState = 'no_receiver' | 'waiting' | 'delivered' | 'dead'

/** Whom a user name belongs to. */
export type Login = { account: Account; secretHash: string } & Partial<LoginScope>

/** A caller found in, or let into, an allocation. */
export type Membership = { allocation: Allocation; party: PartyName }

/** An event that its receiver has not taken yet. */
export type Delivery = {
  event: Event
  /** Where it goes, as the account's settings say now. */
  endpoint: string
  webhookSecret: string
  /** Attempts made so far. */
  attempts: number
  /** When it fell due. */
  dueAt: number
}

/** An attempt, by what the delivery said when it began. */
export type DeliveryAttempt = { eventId: string } & Pick<Delivery, 'attempts' | 'dueAt' | 'endpoint'>

/** How an attempt to deliver ended. */
export type DeliveryOutcome =
  | { state: 'delivered'; status: number }
  /** Try again at `dueAt`. */
  | { state: 'retry'; dueAt: number; reason: string }
  /** Never again: the schedule is exhausted. */
  | { state: 'dead'; reason: string }
  /** The receiver answered 410 Gone: if it still is the account's, it is switched off with all that waits for it. */
  | { state: 'gone'; reason: string }

/**
 * All that the product must remember. Each method is one transaction.
 * `decide` is synchronous, pure and does not throw: a backend may run it again after a conflict.
 * A throw is a bug and keeps nothing. A method resolves only after its change is durable.
 */
export interface Store extends PinStore, CardStore, PaidCallStore, SubscriptionStore {
  /** Throws Refusal 'duplicate_transaction' if the sid or a credential's user exists in that dialect. */
  addAccount(account: Account, credentials: Credential[]): Promise<void>
  accounts(): Promise<Account[]>
  findAccount(id: string): Promise<Account | undefined>
  /**
   * Changes the settings of an account. Events that wait for an endpoint which is no longer there are given up in the
   * same transaction, for nothing could ever deliver them.
   */
  changeAccount<R>(id: string, decide: (account: Account | undefined) => Change<Account, R>): Promise<R>
  /**
   * Gives the account's logins in this dialect (`one`: only that of the user) one new secret, after which the old one opens
   * nothing; makes one of that user where there is none. What else a login is for stays. Resolves to the users who have it
   * now, `user` first. Throws Refusal 'duplicate_transaction' if the user is somebody else's.
   */
  changeSecret(credential: Credential, which?: 'all' | 'one'): Promise<string[]>
  /** The account's logins, or those of one dialect, by dialect and user. */
  logins(accountId: string, dialect?: Dialect): Promise<Credential[]>
  /** Adds a login to an account. Throws Refusal 'duplicate_transaction' if the user exists in that dialect. */
  addCredential(credential: Credential): Promise<void>
  findLogin(dialect: Dialect, user: string): Promise<Login | undefined>
  /** The account's virtual numbers, in the order of their digits. */
  numbers(accountId: string): Promise<VirtualNumber[]>

  /** Throws Refusal 'number_taken' if any account has the number already. */
  addNumber(number: VirtualNumber): Promise<void>
  findNumber(number: string): Promise<{ number: VirtualNumber; account: Account } | undefined>

  addAllocation<R>(query: AllocationQuery, decide: (seen: Surroundings) => Change<Allocation, R>): Promise<R>
  findAllocation(accountId: string, id: string): Promise<Allocation | undefined>
  changeAllocation<R>(
    accountId: string,
    id: string,
    decide: (allocation: Allocation | undefined) => Change<Allocation, R>,
  ): Promise<R>
  /**
   * Changes an allocation of the account for which PINs or virtual numbers are needed. `takenPins` leaves out what is
   * taken by this allocation itself; `ownVns` are those of the query's that belong to the account.
   */
  updateAllocation<R>(
    query: UpdateQuery,
    decide: (
      allocation: Allocation | undefined,
      seen: Pick<Surroundings, 'takenPins' | 'ownVns'>,
    ) => Change<Allocation, R> & {
      /** Until when PINs that the change takes from a virtual number stay reserved there; undefined: they are free. */
      retiredPinsFreeAt?: number | undefined
    },
  ): Promise<R>
  /**
   * The account's allocations, newest first (then by id, falling), from the first one after `after`. It resolves in a later
   * turn of the event loop, so that whoever reads many pages in a row keeps nobody waiting.
   */
  allocationsAfter(accountId: string, after: ListPosition | undefined, limit: number): Promise<Allocation[]>
  /** Those with this transaction id, in the same order and likewise in a later turn. At most one of them is active. */
  allocationsNamed(
    accountId: string,
    transactionId: string,
    after: ListPosition | undefined,
    limit: number,
  ): Promise<Allocation[]>
  /** The active allocation that the PIN opens on this virtual number, as its caller, `suspicion.known`: who is listed with it. */
  changeByPin<R>(
    query: { vn: string; pin: string; caller: string | undefined; guesser: Guesser },
    decide: (
      found: Membership | undefined,
      suspicion: Suspicion,
    ) => Change<Allocation, R> & { blame?: Blame | undefined },
  ): Promise<R>
  /** Active allocations in which the number may call this virtual number. */
  membershipsOn(vn: string, number: string): Promise<Membership[]>
  /** Whether any active allocation has this virtual number; one that is cooling off does not count. */
  hasAllocations(vn: string): Promise<boolean>
  /** Active allocations whose policy has run out at `now`, oldest first. */
  dueAllocations(now: number, limit: number): Promise<{ account: Account; id: string }[]>
  /** When the next allocation ends by its policy or the next PIN has cooled off; undefined when nothing waits for that. */
  nextDueAt(): Promise<number | undefined>
  /** Forgets PINs that have cooled off at `now`, at most `limit`; resolves to how many. */
  releasePins(now: number, limit: number): Promise<number>
  /** All PINs in use, or cooling off, on the virtual numbers that have this length. For the rare full space only. */
  pinsInUse(vns: string[], length: number): Promise<Set<string>>

  addCall(call: CallRecord): Promise<void>
  changeCall<R>(id: string, decide: (call: CallRecord | undefined) => Change<CallRecord, R>): Promise<R>
  /** Calls that have not ended, oldest first. */
  openCalls(): Promise<CallRecord[]>
  /** Ids of ended calls whose recording need not be kept any longer at `now`, oldest first. */
  dueRecordings(now: number, limit: number): Promise<string[]>

  /** Keeps events that belong to no row of their own. */
  addEvents(events: Event[]): Promise<void>
  /**
   * Events due at `now`, at most `perAccount` of each account, so that one account's dead receiver never hides
   * another's events. By row, not by cursor: a PostgreSQL sequence can commit late.
   */
  dueDeliveries(now: number, perAccount: number): Promise<Delivery[]>
  /** Keeps how this attempt ended, unless the event has been resent or settled meanwhile. */
  deliveryDone(attempt: DeliveryAttempt, outcome: DeliveryOutcome): Promise<void>
  /** When the next delivery falls due; undefined when none waits. */
  nextDeliveryAt(): Promise<number | undefined>
  /** How many events wait for their receiver, and how many were given up. */
  deliveryCounts(): Promise<{ waiting: number; dead: number }>
  /** Events, newest first (by id, falling). `before` is the id of one: only older ones. */
  events(filter: {
    accountId?: string
    state?: EventState
    before?: string
    limit: number
  }): Promise<StoredEvent[]>
  findEvent(id: string): Promise<StoredEvent | undefined>
  /**
   * Makes the event due at `now` with its whole schedule before it, whatever became of it so far. Resolves to false, and
   * changes nothing, when there is no such event or its account has no endpoint for it.
   */
  resendEvent(id: string, now: number): Promise<boolean>

  /** Notes that the application was alive at this instant; recovery ends lost calls there. */
  touch(now: number): Promise<void>
  lastAlive(): Promise<number | undefined>
  close(): Promise<void>
}
