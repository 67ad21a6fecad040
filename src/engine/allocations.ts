export type PartyName = 'a' | 'b'

export type Usage = 'oneway' | 'twoway'

/**
 *   active --(policy due, or by hand)--> vault
 *
 * `vault` is the end: an allocation never becomes active again.
 */
export type AllocationState = 'active' | 'vault'

/** One side of an allocation: who belongs to it, through which virtual numbers, and its PIN. */
export type Party = {
  /** E.164, in the order in which they are rung. */
  numbers: string[]
  /** E.164 virtual numbers that this side dials and sees. */
  vns: string[]
  /** Undefined when nobody can join this side by PIN. */
  pin: string | undefined
}

/** Two parties behind virtual numbers (GreenPin: a pin allocation). */
export type Allocation = {
  id: string
  accountId: string
  /** The client's own identifier, unique among the account's active allocations. */
  transactionId: string
  a: Party
  b: Party
  usage: Usage
  state: AllocationState
  /** Milliseconds since the epoch, as all instants of the engine. */
  createdAt: number
  /** When the policy ends it. */
  deallocateAt: number
  /** When it really ended. */
  endedAt: number | undefined
}
