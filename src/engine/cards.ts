/** Cards of one kind. */
export type CardGroup = {
  /** Counted up over all accounts, as MOR's clients expect numbers. */
  id: number
  accountId: string
  /** Unique in the account. */
  name: string
  description: string
  /** Digits of the numbers of its cards, 4 to 20, and of their PINs, 4 to 15. */
  numberLength: number
  pinLength: number
  /** What a card of it is sold for; micro-units. For whoever asks, nothing is booked by it. */
  priceMicros: number
  /** What a new card has on it when nothing else is said. */
  balanceMicros: number
  /** Its calls are charged by this tariff; undefined: by the account's. */
  tariffId: number | undefined
  /** How long a card is good for after its first call, in milliseconds; undefined: for ever. */
  validMs: number | undefined
}

/** A prepaid card: money that whoever knows its PIN, or calls from its number, may talk away. */
export type Card = {
  /** Counted up over all accounts. */
  id: number
  accountId: string
  groupId: number
  /** Printed on it, digits; unique in the account. */
  number: string
  name: string
  /** Digits; unique in the account. */
  pin: string
  /** From which number no PIN is asked for, E.164, or what a client has written there that is none; unique in the account. */
  cli: string | undefined
  /** Sum of its ledger; never below zero. Only the store changes it, with a line of the ledger. */
  balanceMicros: number
  /** What is set aside for its live calls, at most the balance. Only the store changes it, with the holds. */
  heldMicros: number
  /** Calls leave so much on it: 0 or more. */
  minimalBalanceMicros: number
  /** ISO 639-1. */
  language: string
  batch: string
  sold: boolean
  distributorId: number | undefined
  /** It calls from then on, and before that. */
  validFrom: number | undefined
  validUntil: number | undefined
  firstUsedAt: number | undefined
  /** MOR's field, kept for its clients; nothing is charged by the day. */
  dailyChargePaidTill: number | undefined
  /** By the operator: it cannot call, and no PIN or number opens it. */
  blocked: boolean
  /** Given up by its user (42com's disableCliByNumber) until its PIN activates it again. It cannot call either. */
  disabled: boolean
  createdAt: number
}

/** Who sells cards. MOR's clients know them by number. */
export type Distributor = { id: number; accountId: string; name: string }

/** What may be said of a card that is made or changed; what is left out stays as it is, or is the default. */
export type CardFields = Partial<
  Pick<
    Card,
    | 'number'
    | 'name'
    | 'pin'
    | 'cli'
    | 'minimalBalanceMicros'
    | 'language'
    | 'batch'
    | 'sold'
    | 'distributorId'
    | 'validFrom'
    | 'validUntil'
    | 'firstUsedAt'
    | 'dailyChargePaidTill'
    | 'blocked'
    | 'disabled'
  >
>

/** Whether it may be called with now, by anything but its money. */
export function isUsable(card: Card, now: number): boolean {
  const { blocked, disabled, validFrom = -Infinity, validUntil = Infinity } = card
  return !blocked && !disabled && now >= validFrom && now < validUntil
}

/** What can be talked away, in micro-units: the balance without what is held and what must stay on it. */
export function availableMicros({ balanceMicros, heldMicros, minimalBalanceMicros }: Card): number {
  return Math.max(balanceMicros - heldMicros - minimalBalanceMicros, 0)
}
