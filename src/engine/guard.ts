/**
 * How much guessing is let through. A PIN is a name and a secret in one, so a wrong one belongs to nobody, and the only
 * defence is to count: by whoever keys it, by where it is keyed, and by the way it came in. Every door that takes PINs
 * asks here before one is compared and tells what was wrong. Correct PINs cost nothing.
 */

/** What is remembered of wrong PINs under one name. */
export type Tally = {
  /**
   * The instant at which all of them are forgotten, had there been no more: a leaky bucket, written as the time at which it
   * is empty (the theoretical arrival time of the generic cell rate algorithm, ITU-T I.371).
   */
  emptyAt: number
  /** Nothing is compared before this instant. */
  lockedUntil: number
  /** How often it has been locked, one after the other: each time twice as long. */
  strikes: number
}

/** Whom a wrong PIN is counted for. */
export type Scope = 'caller' | 'place' | 'way'
export const SCOPES: readonly Scope[] = ['caller', 'place', 'way']

/**
 * Who keys a PIN where. The names are opaque; an account's callers and places are its own. No caller: a client that names
 * nobody, and may have many visitors. No way: a client of which it is known who it is, and who pays as a caller.
 */
export type Guesser = { caller: string | undefined; place: string; way: string | undefined }

/** The name of somebody who keys PINs of an account. `key`: as uses have it. */
export function callerName(accountId: string, key: string): string {
  return `${accountId} ${key}`
}

/**
 * The name of a number that was sent PINs, for which somebody names them. Another one than that of the caller with this number: whoever
 * asks for PINs to be sent there must not lock that caller out elsewhere.
 */
export function subscriberName(accountId: string, msisdn: string): string {
  return `${accountId} sent ${msisdn}`
}

/** The name of a virtual number as a place. */
export function numberPlace(vn: string): string {
  return `vn ${vn}`
}

/** The name of a database of PINs as a place. */
export function databasePlace(accountId: string, number: number): string {
  return `db ${accountId} ${number}`
}

/** The name of the PIN that a number was sent in a campaign, as a place: nobody else's can be guessed there. */
export function sentPinPlace(campaignId: string, msisdn: string): string {
  return `sent ${campaignId} ${msisdn}`
}

/** The way in of those who call: there is one trunk. */
export const TRUNK = 'trunk'

/** What HTTP clients send PINs of. */
const SENT = ['pins', 'cards', 'vouchers'] as const
export type SentPins = (typeof SENT)[number]

/** The way in of an account's HTTP clients; one for each kind of PINs, so that none of them uses up another's. */
export function clientWay(accountId: string, what: SentPins): string {
  return `api ${accountId} ${what}`
}

/** Those of them all. */
export function clientWays(accountId: string): string[] {
  return SENT.map((what) => clientWay(accountId, what))
}

/** The way in of those who are in somebody's own dialplan. */
export const FASTAGI = 'fastagi'

/** What is known before a PIN is compared. */
export type Suspicion = {
  tallies: Record<Scope, Tally | undefined>
  /**
   * Whether this PIN is known to be this caller's: it was right for them before, or they are listed with it. They are served
   * while strangers are turned away. It is not enough that they have another one there: whoever has one PIN could guess the rest.
   */
  known: boolean
  /** How many PINs of the keyed one's length would open something there. */
  pinsAlike: number
}

/** What is kept of a PIN that was not right. `forgetAt`: from then on the tally says nothing any more. */
export type Blame = Record<Scope, Tally & { forgetAt: number }>

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Wrong PINs of one caller: ten at once, one more every six minutes. */
const CALLER_BURST = 10
const CALLER_REFILL_MS = HOUR_MS / CALLER_BURST
const FIRST_LOCK_MS = HOUR_MS
const LONGEST_LOCK_MS = DAY_MS

/** Expected hits of strangers' guesses in one place on any one day. Half of it at once, half of it by and by. */
export const RISK_A_DAY = 0.01
/** Wrong PINs that strangers have on any one day wherever PINs are too few or too short for that risk. */
export const LEAST_A_DAY = 10

/** How many wrong PINs strangers have on any one day in a place where so many PINs of this length are good. */
export function strangersADay(pinLength: number, pins: number): number {
  return Math.max(Math.floor((RISK_A_DAY * 10 ** pinLength) / Math.max(pins, 1)), LEAST_A_DAY)
}

/** Wrong PINs on one way in, such as a trunk: a thousand at once, ten thousand more a day. */
const WAY_BURST = 1_000
const WAY_REFILL_MS = DAY_MS / 10_000

/** How far a clock may have been set back for what it wrote before to count: what lies further ahead is void. */
export const CLOCK_SLACK_MS = HOUR_MS

/** Whole milliseconds: how much it holds, and what one wrong PIN adds. */
type Bucket = { capacityMs: number; costMs: number }

function bucketOf(scope: Scope, { pinsAlike }: Suspicion, pin: string): Bucket {
  const capacityMs = CAPACITY_MS[scope]
  if (scope === 'caller') return { capacityMs, costMs: CALLER_REFILL_MS }
  if (scope === 'way') return { capacityMs, costMs: WAY_REFILL_MS }
  // Full, it holds half of a day's risk and empties in a day, so that no day sees more than two fillings. A guess adds its
  // chance to hit, pinsAlike / 10^length; letters only make that smaller. Rounded up: a cheap guess must not be free.
  const costMs = Math.ceil((2 * DAY_MS * pinsAlike) / (RISK_A_DAY * 10 ** pin.length))
  return { capacityMs, costMs: Math.min(costMs, (2 * DAY_MS) / LEAST_A_DAY) }
}

/** What one bucket of a scope holds, in milliseconds. */
const CAPACITY_MS: Record<Scope, number> = {
  caller: CALLER_BURST * CALLER_REFILL_MS,
  place: DAY_MS,
  way: WAY_BURST * WAY_REFILL_MS,
}

/** How full it is, 0 to 1, where 1 compares nothing any more; for people who look. */
export function fullness(scope: Scope, tally: Tally, now: number): number {
  if (tally.lockedUntil > now) return 1
  return Math.min(Math.max((tally.emptyAt - now) / CAPACITY_MS[scope], 0), 1)
}

/** Whether this PIN is let through. If not, nothing must be done for it, whatever it would open. */
export function mayGuess(seen: Suspicion, pin: string, now: number): boolean {
  return hasRoom('caller', seen, pin, now) && (seen.known || strangersMay(seen, pin, now))
}

function strangersMay(seen: Suspicion, pin: string, now: number): boolean {
  return hasRoom('place', seen, pin, now) && hasRoom('way', seen, pin, now)
}

function hasRoom(scope: Scope, seen: Suspicion, pin: string, now: number): boolean {
  const bucket = bucketOf(scope, seen, pin)
  const { emptyAt, lockedUntil } = asOf(seen.tallies[scope], bucket, now)
  return lockedUntil <= now && emptyAt + bucket.costMs <= now + bucket.capacityMs
}

/** What is left of a tally. */
function asOf(tally: Tally | undefined, { capacityMs }: Bucket, now: number): Tally {
  const { emptyAt, lockedUntil, strikes } = tally ?? { emptyAt: 0, lockedUntil: 0, strikes: 0 }
  const counts = (instant: number, longestMs: number) => instant <= now + longestMs + CLOCK_SLACK_MS
  return {
    emptyAt: counts(emptyAt, capacityMs) ? Math.max(emptyAt, now) : now,
    lockedUntil: counts(lockedUntil, LONGEST_LOCK_MS) ? lockedUntil : 0,
    strikes,
  }
}

/**
 * What is kept of a PIN that was not right, or might not be: undefined for a caller who is locked out, who goes unheard.
 * Who was turned away with the strangers pays as a caller all the same: that it is none of their own has come out.
 */
export function blame(seen: Suspicion, pin: string, now: number): Blame | undefined {
  if (!hasRoom('caller', seen, pin, now)) return undefined
  const compared = !seen.known && strangersMay(seen, pin, now)
  const tallyOf = (scope: Scope, counts: boolean): Tally => {
    const bucket = bucketOf(scope, seen, pin)
    const tally = asOf(seen.tallies[scope], bucket, now)
    return { ...tally, emptyAt: tally.emptyAt + (counts ? bucket.costMs : 0) }
  }
  // All three, also where nothing is added: every refusal does the same work.
  return {
    caller: kept(lockedIfFull(tallyOf('caller', true), now)),
    place: kept(tallyOf('place', compared)),
    way: kept(tallyOf('way', compared)),
  }
}

/** A caller who has no room for another wrong PIN has had the last one for now. */
function lockedIfFull(tally: Tally, now: number): Tally {
  const { emptyAt, lockedUntil, strikes } = tally
  if (emptyAt + CALLER_REFILL_MS <= now + CAPACITY_MS.caller) return tally
  // A day without another lock, and the next one is a first one again.
  const before = now < lockedUntil + LONGEST_LOCK_MS ? strikes : 0
  const lockMs = Math.min(FIRST_LOCK_MS * 2 ** before, LONGEST_LOCK_MS)
  return { emptyAt: now, lockedUntil: now + lockMs, strikes: before + 1 }
}

function kept(tally: Tally): Blame[Scope] {
  const { emptyAt, lockedUntil, strikes } = tally
  return { ...tally, forgetAt: Math.max(emptyAt, strikes > 0 ? lockedUntil + LONGEST_LOCK_MS : 0) }
}
