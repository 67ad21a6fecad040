import type { Account } from './accounts.ts'
import { type Allocation, hasRunOut, type Party, type PartyName } from './allocations.ts'
import type { Context } from './context.ts'
import { Refusal } from './errors.ts'
import type { CallerVerified } from './events.ts'
import { blame, callerName, mayGuess, numberPlace, TRUNK } from './guard.ts'
import { mayBeRung } from './phone.ts'
import { ANONYMOUS } from './pin-databases.ts'
import { couldBePin } from './pins.ts'
import { MAX_NUMBERS } from './plan.ts'
import type { Change, Membership } from './store.ts'

/** What the number that calls says about the caller. `ask` means: only a PIN can tell. */
export type CallerKnown =
  | { kind: 'known'; membership: Membership }
  /** `membership` is there when the number belongs to exactly one allocation whose PIN is wanted all the same. */
  | { kind: 'ask'; membership: Membership | undefined }

/**
 * Who calls this virtual number. A caller is known without a PIN when listed in exactly one active allocation there, unless
 * the account wants that party's PIN from everybody (GreenPin: a.pin serves "a-party_caller and unregistered_caller").
 * Listed in several, the caller tells by PIN which one is meant.
 */
export async function whoIsCalling(
  ctx: Context,
  account: Account,
  vn: string,
  caller: string | undefined,
): Promise<CallerKnown> {
  if (caller === undefined) return { kind: 'ask', membership: undefined }
  const now = ctx.now()
  const found = await ctx.store.membershipsOn(vn, caller)
  return callerKnown(
    account,
    found.filter(({ allocation }) => isOpen(allocation, account, now)),
  )
}

function callerKnown(account: Account, memberships: Membership[]): CallerKnown {
  const [membership, ...others] = memberships
  if (!membership) return { kind: 'ask', membership: undefined }
  if (others.length > 0) return amongSeveral(memberships)
  const { allocation, party } = membership
  const pinWanted = account.settings.pinEnabled[party] && allocation[party].pin !== undefined
  return pinWanted ? { kind: 'ask', membership } : { kind: 'known', membership }
}

/** A PIN tells which is meant. Callers whose party has a PIN in none of them could never key one: they get the newest. */
function amongSeveral(memberships: Membership[]): CallerKnown {
  if (memberships.some(({ allocation, party }) => allocation[party].pin !== undefined)) {
    return { kind: 'ask', membership: undefined }
  }
  const newestFirst = memberships.toSorted((x, y) => y.allocation.createdAt - x.allocation.createdAt)
  const membership = newestFirst.find(mayCall) ?? newestFirst[0]
  return membership ? { kind: 'known', membership } : { kind: 'ask', membership: undefined }
}

/** Whether any allocation can be reached through this virtual number. */
export async function isInUse(ctx: Context, vn: string): Promise<boolean> {
  return ctx.store.hasAllocations(vn)
}

/** A PIN that a caller keyed on a virtual number of the account. */
export type KeyedPin = {
  account: Account
  vn: string
  /** E.164, or undefined when withheld. */
  caller: string | undefined
  pin: string
  callId: string
}

/**
 * Lets the caller into the party whose PIN this is, or returns Refusal 'not_found', the same for every reason.
 * A caller whom no party listed is listed from now on and told about with 'caller.verified'.
 */
export async function joinByPin(ctx: Context, keyed: KeyedPin): Promise<Membership | Refusal> {
  if (!couldBePin(keyed.pin)) return noSuchPin()
  const [now, eventId] = [ctx.now(), ctx.newId()]
  const { account, vn, pin, caller } = keyed
  const guesser = { caller: callerName(account.id, caller ?? ANONYMOUS), place: numberPlace(vn), way: TRUNK }
  return ctx.store.changeByPin({ vn, pin, caller, guesser }, (found, suspicion) => {
    const through = mayGuess(suspicion, pin, now)
    const change = through ? joining(found, keyed, now, eventId) : { result: noSuchPin() }
    return change.result instanceof Refusal ? { ...change, blame: blame(suspicion, pin, now) } : change
  })
}

/** The rule behind `joinByPin`. */
function joining(
  found: Membership | undefined,
  keyed: KeyedPin,
  now: number,
  eventId: string,
): Change<Allocation, Membership | Refusal> {
  const { account, caller } = keyed
  if (!found || !isOpen(found.allocation, account, now)) return { result: noSuchPin() }
  const { allocation, party } = found
  if (caller !== undefined) {
    // "any number (other than b-party_numbers)": nobody talks to themselves by the other side's PIN.
    if (allocation[other(party)].numbers.includes(caller)) return { result: noSuchPin() }
    if (allocation[party].numbers.includes(caller)) return { result: found }
  }
  // Whom `oneway` will not connect has not been verified for anything.
  if (!mayCall(found)) return { result: found }
  const events = [verified(found, keyed, now, eventId)]
  if (caller === undefined || !mayBeListed(allocation, party, caller, account))
    return { events, result: found }
  const joined: Party = { ...allocation[party], numbers: [...allocation[party].numbers, caller] }
  const save: Allocation = { ...allocation, [party]: joined }
  return { save, events, result: { allocation: save, party } }
}

/** Listed numbers are rung when the other side calls, so the same rules hold as for numbers that the client sends. */
function mayBeListed(allocation: Allocation, party: PartyName, caller: string, account: Account): boolean {
  const { a, b } = allocation
  if (allocation[party].numbers.length >= MAX_NUMBERS) return false
  return ![...a.vns, ...b.vns].includes(caller) && mayBeRung(caller, account.settings)
}

function verified(found: Membership, keyed: KeyedPin, now: number, eventId: string): CallerVerified {
  const { allocation, party } = found
  return {
    type: 'caller.verified',
    id: eventId,
    accountId: allocation.accountId,
    at: now,
    callId: keyed.callId,
    allocationId: allocation.id,
    transactionId: allocation.transactionId,
    vn: keyed.vn,
    caller: keyed.caller,
    party,
    pin: keyed.pin,
  }
}

/** A call in which no PIN opened anything. */
export type RefusedCall = Omit<KeyedPin, 'pin'> & {
  startedAt: number
  /** What was keyed last; empty when nothing was. */
  pin: string
}

/** Tells that a caller gave up or ran out of attempts. What cannot be a PIN, a card number say, is not passed on. */
export async function refuseCaller(ctx: Context, call: RefusedCall): Promise<void> {
  const { account, callId, vn, caller, startedAt } = call
  const pin = couldBePin(call.pin) ? call.pin : ''
  const about = { id: ctx.newId(), accountId: account.id, at: ctx.now() }
  await ctx.store.addEvents([{ type: 'caller.refused', ...about, callId, vn, caller, startedAt, pin }])
}

/** Whether this side may call the other (GreenPin: "oneway" lets only a-party callers talk to the b-party). */
export function mayCall({ allocation, party }: Membership): boolean {
  return party === 'a' || allocation.usage === 'twoway'
}

/** Who is rung for this caller, in order, and the virtual number they see: the first of their own, so that they can call it back. */
export function othersOf({ allocation, party }: Membership): { numbers: string[]; vn: string } {
  const { numbers, vns } = allocation[other(party)]
  const [vn] = vns
  if (vn === undefined) throw new Error(`allocation ${allocation.id} has a party without virtual numbers`)
  return { numbers, vn }
}

function other(party: PartyName): PartyName {
  return party === 'a' ? 'b' : 'a'
}

function isOpen(allocation: Allocation, account: Account, now: number): boolean {
  return allocation.accountId === account.id && allocation.state === 'active' && !hasRunOut(allocation, now)
}

function noSuchPin(): Refusal {
  return new Refusal('not_found', 'no allocation on this virtual number has this PIN')
}
