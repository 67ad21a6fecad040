import type { Blame, Guesser, Suspicion, Scope, Tally } from './guard.ts'
import type { PinRun } from './pin-range.ts'

/** When a PIN opens: from `beginsAt` on and before `expiresAt`, in milliseconds since the epoch; undefined: no bound. */
export type Validity = { beginsAt: number | undefined; expiresAt: number | undefined }

export type DatabasePin = { pin: string } & Validity

/** What becomes of a caller whose PIN is right. */
export type PinAction =
  /** Is told so, and no more. */
  | { do: 'confirm' }
  /** E.164. */
  | { do: 'dial'; number: string }
  /** Goes on in the dialplan at the first priority there. */
  | { do: 'continue'; context: string; extension: string }

/** A numbered set of PINs of an account. */
export type PinDatabase = {
  accountId: string
  /** 1 to 9999. */
  number: number
  label: string
  /** How many different keys one PIN may have; 0: any number. */
  maxKeys: number
  action: PinAction
}

/** A PIN was right. */
export type PinUse = { pin: string; at: number; key: string }

/** Who used a PIN, when first. */
export type PinKey = { pin: string; key: string; firstUsedAt: number }

/** What is there when a PIN is checked. */
export type PinSeen = {
  /** As in PinDatabase; undefined when there is no such database. */
  maxKeys: number | undefined
  /** Undefined when the database does not have it. */
  pin: Validity | undefined
  /** How many keys this PIN has. */
  keys: number
  /** `known`: this PIN has this key already. */
  suspicion: Suspicion
}

type PinQuery = { accountId: string; number: number; pin: string; key: string; guesser: Guesser }

/** What is remembered of wrong PINs under one name. */
export type NamedTally = { scope: Scope; name: string; tally: Tally }

/** A place in a list of uses. */
export type UsePosition = { at: number; id: number }

/**
 * The databases of PINs. Each method is one transaction; the lists are read in a later turn of the event loop, so that whoever
 * reads a million rows page by page keeps nobody waiting and holds no snapshot between two pages.
 */
export interface PinStore {
  /** `decide` as with Store. `save` makes the database or changes it. */
  changePinDatabase<R>(
    accountId: string,
    number: number,
    decide: (database: PinDatabase | undefined) => {
      save?: Pick<PinDatabase, 'label' | 'maxKeys' | 'action'>
      result: R
    },
  ): Promise<R>
  findPinDatabase(accountId: string, number: number): Promise<PinDatabase | undefined>
  /** All databases of the account with how many PINs they have, by number. */
  pinDatabases(accountId: string): Promise<(PinDatabase & { pins: number })[]>

  /** Writes the PINs of one run with this validity, making the database if it is not there. */
  writePins(accountId: string, number: number, run: PinRun, validity: Validity): Promise<void>
  deletePins(accountId: string, number: number, run: PinRun): Promise<void>
  /**
   * Writes PINs each with a validity of its own, or with `dryRun` only counts what that would do. No PIN twice in one call.
   */
  putPins(
    accountId: string,
    number: number,
    pins: DatabasePin[],
    dryRun: boolean,
  ): Promise<{ created: number; changed: number; unchanged: number }>

  /** In the order of the PINs' text, from the first after `after`. */
  pinsAfter(
    accountId: string,
    number: number,
    after: string | undefined,
    limit: number,
  ): Promise<DatabasePin[]>
  /** Uses from `from` on and before `to`, oldest first. */
  usesAfter(
    accountId: string,
    number: number,
    span: { from: number; to: number },
    after: UsePosition | undefined,
    limit: number,
  ): Promise<(PinUse & UsePosition)[]>
  /** By PIN and then by key. Of one PIN or of all. */
  keysAfter(
    accountId: string,
    number: number,
    pin: string | undefined,
    after: Pick<PinKey, 'pin' | 'key'> | undefined,
    limit: number,
  ): Promise<PinKey[]>
  /** One key of a PIN, or all of them. */
  deletePinKeys(accountId: string, number: number, pin: string, key: string | undefined): Promise<void>

  /** Looks a PIN up and keeps what `decide` makes of it: a use (and its key, if new), or the blame. */
  checkPin<R>(
    query: PinQuery,
    decide: (seen: PinSeen) => { use?: { at: number }; blame?: Blame | undefined; result: R },
  ): Promise<R>

  /** What is remembered of wrong PINs at `now`, of one scope or of all, the longest remembered first. */
  guessTallies(now: number, limit: number, scope?: Scope): Promise<NamedTally[]>
  /** Forgives whoever or whatever has this name; resolves to whether there was anything to forgive. */
  forgiveGuesses(scope: Scope, name: string): Promise<boolean>
  /** Forgets tallies of wrong PINs that say nothing any more at `now`, at most `limit`; resolves to how many. */
  forgetGuesses(now: number, limit: number): Promise<number>
}
