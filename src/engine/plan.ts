import type { Account } from './accounts.ts'
import type { Allocation, Party, PartyName, Usage } from './allocations.ts'
import { Refusal } from './errors.ts'
import { accountNumber, virtualNumber } from './phone.ts'
import { couldBePin, MAX_PIN_LENGTH } from './pins.ts'

/** Most numbers of one party (GreenPin: "Maximum A-Party numbers allowed in the list are 10"). */
export const MAX_NUMBERS = 10
export const MAX_VNS = 50
const MAX_TRANSACTION_ID = 255

/** One side as the client wants it; what is undefined is as it was before, or has its default. */
export type WantedParty = {
  /** In any of the written forms of phone.ts. */
  numbers?: string[] | undefined
  /** Empty: the other side's. */
  vns?: string[] | undefined
  pin?: string | undefined
  /** Of a generated PIN. In a change, a PIN of another length is replaced. */
  pinLength?: number | undefined
}

export type WantedAllocation = {
  transactionId: string
  a?: WantedParty | undefined
  b?: WantedParty | undefined
  usage?: Usage | undefined
  /** Milliseconds, cut to the account's longest; that is the default too. */
  durationMs?: number | undefined
}

/** What is to be different; lists replace the ones that are there. */
export type WantedChange = {
  a?: WantedParty | undefined
  b?: WantedParty | undefined
  usage?: Usage | undefined
  /** Milliseconds from now, cut to the account's longest. */
  durationMs?: number | undefined
}

/** Where a party's PIN comes from. `fixed`: from the client, or the one that it has. */
type PinSource = { kind: 'none' } | { kind: 'fixed'; pin: string } | { kind: 'drawn'; length: number }

type PlannedParty = { numbers: string[]; vns: string[]; source: PinSource }

/** What an allocation is to be, but for its PINs. */
export type Plan = {
  parties: Record<PartyName, PlannedParty>
  /** All virtual numbers of both sides. */
  vns: string[]
  usage: Usage
}

export type NewPlan = Plan & Pick<Allocation, 'accountId' | 'transactionId'> & { lifeMs: number }

/** All that can be said about a new allocation without looking anything up. Throws Refusal. */
export function planAllocation(account: Account, wanted: WantedAllocation): NewPlan {
  const { transactionId, usage = 'twoway' } = wanted
  checkTransactionId(transactionId)
  const lifeMs = lifetime(account, wanted.durationMs)
  const change = readChange(account, wanted)
  const plan = settle({
    parties: { a: newParty(account, 'a', change.a), b: newParty(account, 'b', change.b) },
    usage,
  })
  return { ...plan, accountId: account.id, transactionId, lifeMs }
}

/** A change whose numbers have been read. */
export type ReadChange = Omit<WantedChange, 'durationMs'> & { lifeMs: number | undefined }

/** All that can be said about a change without looking anything up. Throws Refusal. */
export function readUpdate(account: Account, wanted: WantedChange): ReadChange {
  const { a, b, usage, durationMs } = wanted
  const asked = [...Object.values({ ...a }), ...Object.values({ ...b }), usage, durationMs]
  // "at-least one of the parameters have to be passed as a mandate"
  if (asked.every((value) => value === undefined)) throw new Refusal('missing', 'nothing to update')
  const lifeMs = durationMs === undefined ? undefined : lifetime(account, durationMs)
  return { ...readChange(account, wanted), usage, lifeMs }
}

/** What this allocation becomes by the change. Throws Refusal. */
export function planUpdate(account: Account, found: Allocation, change: ReadChange): Plan {
  return settle({
    parties: {
      a: changedParty(account, 'a', found.a, change.a),
      b: changedParty(account, 'b', found.b, change.b),
    },
    usage: change.usage ?? found.usage,
  })
}

function newParty(account: Account, name: PartyName, wanted: WantedParty = {}): PlannedParty {
  const { numbers = [], vns = [], pin, pinLength } = wanted
  return { numbers, vns, source: pinSource(account, name, { numbers, pin, pinLength }) }
}

/** A PIN that people know already stays, unless another is asked for. */
function changedParty(
  account: Account,
  name: PartyName,
  found: Party,
  wanted: WantedParty = {},
): PlannedParty {
  const { numbers = found.numbers, vns = found.vns, pinLength } = wanted
  const enough = pinLength === undefined || pinLength === found.pin?.length
  const pin = wanted.pin ?? (enough || !account.settings.pinEnabled[name] ? found.pin : undefined)
  // Whom nobody asked a PIN of so far is not given one by the way.
  const untouched = pin === undefined && pinLength === undefined && numbers.length > 0
  const source: PinSource = untouched
    ? { kind: 'none' }
    : pinSource(account, name, { numbers, pin, pinLength })
  return { numbers, vns, source }
}

/** A side without numbers has a PIN in any case: there is no other way into it. */
function pinSource(
  { settings }: Account,
  name: PartyName,
  { numbers, pin, pinLength: length = settings.pinLength[name] }: WantedParty & { numbers: string[] },
): PinSource {
  if (pin !== undefined) return { kind: 'fixed', pin }
  return settings.pinEnabled[name] || numbers.length === 0 ? { kind: 'drawn', length } : { kind: 'none' }
}

/** Checks what concerns both sides at once. Throws Refusal. */
function settle({ parties: { a, b }, usage }: Pick<Plan, 'parties' | 'usage'>): Plan {
  if (a.numbers.length + b.numbers.length === 0) throw new Refusal('missing', 'a.numbers, b.numbers')
  if (a.vns.length + b.vns.length === 0) throw new Refusal('missing', 'a.vns, b.vns')
  // "If either one is missing, the other party's VNs will be associated with the missing party's VNs."
  const parties = { a: { ...a, vns: or(a.vns, b.vns) }, b: { ...b, vns: or(b.vns, a.vns) } }
  checkApart(parties)
  const vns = unique([...a.vns, ...b.vns])
  if ([...a.numbers, ...b.numbers].some((number) => vns.includes(number))) {
    throw new Refusal('invalid_number', 'a virtual number cannot be a member of a party')
  }
  return { parties, vns, usage }
}

function checkApart({ a, b }: Plan['parties']): void {
  if (a.numbers.some((number) => b.numbers.includes(number))) {
    throw new Refusal('same_number_in_both_parties', 'the parties share a number')
  }
  const samePin = a.source.kind === 'fixed' && b.source.kind === 'fixed' && a.source.pin === b.source.pin
  if (samePin && a.vns.some((vn) => b.vns.includes(vn))) {
    throw new Refusal('pin_taken', 'both parties have this PIN on the same virtual number')
  }
}

function readChange(account: Account, { a, b }: Pick<WantedChange, 'a' | 'b'>) {
  return { a: a && readParty(account, 'a', a), b: b && readParty(account, 'b', b) }
}

function readParty(account: Account, name: PartyName, wanted: WantedParty): WantedParty {
  const { settings } = account
  const { numbers, vns, pin, pinLength } = wanted
  if (numbers && numbers.length > MAX_NUMBERS) throw new Refusal('invalid', `${name}.numbers`)
  if (vns && vns.length > MAX_VNS) throw new Refusal('invalid', `${name}.vns`)
  if (pin !== undefined && !couldBePin(pin)) throw new Refusal('invalid', `${name}.pin`)
  if (pinLength !== undefined && !isPinLength(pinLength)) throw new Refusal('invalid', `${name}.pin_length`)
  return {
    numbers: numbers && distinct(numbers.map((raw) => accountNumber(raw, settings))),
    vns: vns && unique(vns.map((raw) => virtualNumber(raw, settings.country))),
    pin,
    pinLength,
  }
}

/** Each number once. Throws Refusal 'duplicates' for a list that says the same number again and again and no other. */
function distinct(numbers: string[]): string[] {
  const once = unique(numbers)
  if (numbers.length > 1 && once.length === 1) {
    throw new Refusal('duplicates', 'all numbers of the list are the same')
  }
  return once
}

/** GreenPin: "Allowed values are 1 to 9". */
export function isPinLength(length: number): boolean {
  return Number.isInteger(length) && length >= 1 && length <= MAX_PIN_LENGTH
}

function lifetime({ settings }: Account, durationMs: number | undefined): number {
  const longest = settings.maxAllocationMs ?? Infinity
  if (durationMs === undefined) return longest
  if (!(durationMs > 0)) throw new Refusal('invalid', 'duration')
  return Math.min(durationMs, longest)
}

const HUNDRED_YEARS_MS = 100 * 365.25 * 86_400_000

/** When a life of this length ends that begins now. What outlives everybody is without end: clocks stop at the year 9999. */
export function deallocationOf(now: number, lifeMs: number): number {
  return lifeMs > HUNDRED_YEARS_MS ? Infinity : now + lifeMs
}

function checkTransactionId(id: string): void {
  if (id.trim() === '') throw new Refusal('missing', 'transaction_id')
  // It goes back to the client in answers and webhooks, so it must survive text columns and JSON unchanged.
  if (id.length > MAX_TRANSACTION_ID || /\p{Cc}/u.test(id) || !id.isWellFormed()) {
    throw new Refusal('invalid', 'transaction_id')
  }
}

function unique(list: string[]): string[] {
  return [...new Set(list)]
}

function or(list: string[], fallback: string[]): string[] {
  return list.length > 0 ? list : fallback
}
