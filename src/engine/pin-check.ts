import type { Account } from './accounts.ts'
import type { Context } from './context.ts'
import { blame, callerName, clientWay, databasePlace, mayGuess, type Blame } from './guard.ts'
import { ANONYMOUS } from './pin-databases.ts'
import { couldBeDatabasePin } from './pin-range.ts'
import type { PinSeen } from './pin-store.ts'

/** A PIN that somebody keyed, or sent. */
export type PinCheck = {
  account: Account
  database: number
  pin: string
  /** Who uses it, in canonical form: a caller's E.164, or another value; undefined when withheld. */
  key: string | undefined
  /** How it came in: a trunk, FastAGI, an account's HTTP client. */
  way: string
}

/** `locked`: too many wrong ones before, and this one was not looked at. `keys`: how many the PIN has now; 0 unless ok. */
export type PinVerdict = { status: 'ok' | 'refused' | 'locked'; keys: number }

/**
 * Decides on a PIN: right if its database has it, it is valid now, and it has this key already or may have one more. A right
 * one is a use, and a new key is kept with it, before this resolves. Why another is refused is told to nobody.
 */
export async function checkPin(ctx: Context, check: PinCheck): Promise<PinVerdict> {
  const { account, database: number, pin, key = ANONYMOUS, way } = check
  // What cannot be a PIN is not compared, so it costs nothing and says nothing.
  if (!couldBeDatabasePin(pin)) return { status: 'refused', keys: 0 }
  const now = ctx.now()
  // Whoever sends a client's form without a name would lock out all who do.
  const isNobody = check.key === undefined && way === clientWay(account.id, 'pins')
  const caller = isNobody ? undefined : callerName(account.id, key)
  const guesser = { caller, place: databasePlace(account.id, number), way }
  return ctx.store.checkPin({ accountId: account.id, number, pin, key, guesser }, (seen) =>
    checking(seen, pin, now),
  )
}

type Checked = { use?: { at: number }; blame?: Blame | undefined; result: PinVerdict }

/** The rule behind `checkPin`. */
function checking(seen: PinSeen, pin: string, now: number): Checked {
  const { suspicion, keys } = seen
  const through = mayGuess(suspicion, pin, now)
  if (through && opens(seen, now))
    return { use: { at: now }, result: { status: 'ok', keys: suspicion.known ? keys : keys + 1 } }
  return { blame: blame(suspicion, pin, now), result: { status: through ? 'refused' : 'locked', keys: 0 } }
}

function opens({ maxKeys, pin, suspicion, keys }: PinSeen, now: number): boolean {
  if (maxKeys === undefined || !pin) return false
  const { beginsAt = -Infinity, expiresAt = Infinity } = pin
  // Simple PINs: "Uses of the service before this time will not find this PIN"; the same with "after".
  if (now < beginsAt || now >= expiresAt) return false
  return suspicion.known || maxKeys === 0 || keys < maxKeys
}
