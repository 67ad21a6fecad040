import type { Account } from './accounts.ts'
import { type Allocation, endDueAllocations, type Party, type PartyName, type Usage } from './allocations.ts'
import type { Context } from './context.ts'
import { granted, Refusal, type RefusalCode } from './errors.ts'
import { accountNumber, virtualNumber } from './phone.ts'
import { couldBePin, drawPins, MAX_PIN_LENGTH } from './pins.ts'
import type { AllocationQuery, Change, Surroundings } from './store.ts'

/** Most numbers of one party (GreenPin: "Maximum A-Party numbers allowed in the list are 10"). */
export const MAX_NUMBERS = 10
const MAX_VNS = 50
const MAX_TRANSACTION_ID = 255
/** PINs drawn for each one needed, so that a round rarely finds all of them in use. */
const CANDIDATES = 32
/** A round is lost only when others take everything that was drawn meanwhile. */
const ROUNDS = 5

/** One side as the client wants it: numbers in any of the written forms of phone.ts. */
export type WantedParty = {
  numbers: string[]
  /** Empty: the other side's. */
  vns: string[]
  pin?: string | undefined
  pinLength?: number | undefined
}

export type WantedAllocation = {
  transactionId: string
  a: WantedParty
  b: WantedParty
  usage?: Usage | undefined
  /** Milliseconds, cut to the account's longest; that is the default too. */
  durationMs?: number | undefined
}

/** Where a party's PIN comes from. */
type PinSource = { kind: 'none' } | { kind: 'given'; pin: string } | { kind: 'drawn'; length: number }
type Plan = Pick<Allocation, 'accountId' | 'transactionId' | 'usage'> & {
  parties: Record<PartyName, { numbers: string[]; vns: string[]; source: PinSource }>
  /** All virtual numbers of both sides; a PIN must be free on each. */
  vns: string[]
  lifeMs: number
}

/**
 * Puts two parties behind virtual numbers and gives them PINs where the account wants PINs.
 * Throws Refusal: missing, invalid, invalid_number, same_number_in_both_parties, forbidden (a virtual number of somebody
 * else), duplicate_transaction, pin_taken, no_free_pin.
 */
export async function createAllocation(
  ctx: Context,
  account: Account,
  wanted: WantedAllocation,
): Promise<Allocation> {
  const plan = planAllocation(account, wanted)
  const result = await allocate(ctx, plan)
  // What is in the way may have run out already and wait only for the sweeper.
  const inTheWay = result instanceof Refusal && IN_THE_WAY.includes(result.code)
  if (inTheWay && (await endDueAllocations(ctx)).ended > 0) return granted(await allocate(ctx, plan))
  return granted(result)
}

const IN_THE_WAY: RefusalCode[] = ['duplicate_transaction', 'pin_taken', 'no_free_pin']

async function allocate(ctx: Context, plan: Plan): Promise<Allocation | Refusal> {
  for (let round = 0; round < ROUNDS; round++) {
    const pins = await candidates(ctx, plan, round > 0)
    if (pins.a?.length === 0 || pins.b?.length === 0) break
    const { accountId, transactionId, vns } = plan
    const query: AllocationQuery = {
      accountId,
      transactionId,
      vns,
      pins: [...(pins.a ?? []), ...(pins.b ?? [])],
    }
    const born = { id: ctx.newId(), createdAt: ctx.now() }
    const result = await ctx.store.addAllocation(query, (seen) => allocating(plan, pins, seen, born))
    if (result !== 'draw again') return result
  }
  return new Refusal('no_free_pin', 'every PIN of this length is in use on the virtual numbers')
}

/** For each party the PINs it could get, best first; undefined for a party without PIN. */
type Candidates = Record<PartyName, string[] | undefined>

async function candidates(ctx: Context, plan: Plan, space: boolean): Promise<Candidates> {
  const draw = async ({ source }: { source: PinSource }) => {
    if (source.kind === 'none') return undefined
    if (source.kind === 'given') return [source.pin]
    const inUse = space ? await ctx.store.pinsInUse(plan.vns, source.length) : undefined
    return drawPins(ctx.randomInt, source.length, CANDIDATES, inUse)
  }
  return { a: await draw(plan.parties.a), b: await draw(plan.parties.b) }
}

/** The rule behind `createAllocation`: what the plan becomes in these surroundings. */
function allocating(
  plan: Plan,
  pins: Candidates,
  seen: Surroundings,
  born: { id: string; createdAt: number },
): Change<Allocation, Allocation | Refusal | 'draw again'> {
  const { parties, vns, lifeMs, ...named } = plan
  if (vns.some((vn) => !seen.ownVns.has(vn))) return refuse('forbidden', 'a virtual number is not yours')
  if (seen.sameTransaction)
    return refuse('duplicate_transaction', 'an active allocation has this transaction id')
  const given = (party: PartyName) => parties[party].source.kind === 'given' && pins[party]?.[0]
  if ([given('a'), given('b')].some((pin) => pin && seen.takenPins.has(pin))) {
    return refuse('pin_taken', 'the PIN is in use on a virtual number')
  }
  const free = (party: PartyName, notThis: string | false | undefined) =>
    given(party) || pins[party]?.find((pin) => pin !== notThis && !seen.takenPins.has(pin))
  const a = free('a', given('b'))
  const b = free('b', a)
  if ((pins.a && !a) || (pins.b && !b)) return { result: 'draw again' }
  const save: Allocation = {
    ...named,
    ...born,
    a: party(parties.a, a),
    b: party(parties.b, b),
    state: 'active',
    deallocateAt: born.createdAt + lifeMs,
    endedAt: undefined,
  }
  return { save, result: save }
}

function party({ numbers, vns }: Omit<Party, 'pin'>, pin: string | undefined): Party {
  return { numbers, vns, pin }
}

function refuse(code: RefusalCode, message: string) {
  return { result: new Refusal(code, message) }
}

/** All that can be said about the wish without looking anything up. Throws Refusal. */
function planAllocation(account: Account, wanted: WantedAllocation): Plan {
  const { maxAllocationMs } = account.settings
  const { transactionId, usage = 'twoway', durationMs = maxAllocationMs } = wanted
  checkTransactionId(transactionId)
  if (!(durationMs > 0)) throw new Refusal('invalid', 'duration')
  if (wanted.a.numbers.length + wanted.b.numbers.length === 0)
    throw new Refusal('missing', 'a.numbers, b.numbers')
  if (wanted.a.vns.length + wanted.b.vns.length === 0) throw new Refusal('missing', 'a.vns, b.vns')
  const a = planParty(account, 'a', wanted.a)
  const b = planParty(account, 'b', wanted.b)
  // "If either one is missing, the other party's VNs will be associated with the missing party's VNs."
  const parties = { a: { ...a, vns: or(a.vns, b.vns) }, b: { ...b, vns: or(b.vns, a.vns) } }
  checkApart(parties)
  const vns = unique([...a.vns, ...b.vns])
  if ([...a.numbers, ...b.numbers].some((number) => vns.includes(number))) {
    throw new Refusal('invalid_number', 'a virtual number cannot be a member of a party')
  }
  const lifeMs = Math.min(durationMs, maxAllocationMs)
  return { accountId: account.id, transactionId, usage, parties, vns, lifeMs }
}

function planParty(account: Account, name: PartyName, wanted: WantedParty) {
  const { settings } = account
  const { pin, pinLength = settings.pinLength[name] } = wanted
  if (wanted.numbers.length > MAX_NUMBERS) throw new Refusal('invalid', `${name}.numbers`)
  if (wanted.vns.length > MAX_VNS) throw new Refusal('invalid', `${name}.vns`)
  if (pin !== undefined && !couldBePin(pin)) throw new Refusal('invalid', `${name}.pin`)
  if (!Number.isInteger(pinLength) || pinLength < 1 || pinLength > MAX_PIN_LENGTH) {
    throw new Refusal('invalid', `${name}.pin_length`)
  }
  const numbers = unique(wanted.numbers.map((raw) => accountNumber(raw, settings)))
  const vns = unique(wanted.vns.map((raw) => virtualNumber(raw, settings.country)))
  return { numbers, vns, source: pinSource(pin, settings.pinEnabled[name], pinLength) }
}

function pinSource(pin: string | undefined, enabled: boolean, length: number): PinSource {
  if (pin !== undefined) return { kind: 'given', pin }
  return enabled ? { kind: 'drawn', length } : { kind: 'none' }
}

function checkApart({ a, b }: Plan['parties']): void {
  if (a.numbers.some((number) => b.numbers.includes(number))) {
    throw new Refusal('same_number_in_both_parties', 'the parties share a number')
  }
  const samePin = a.source.kind === 'given' && b.source.kind === 'given' && a.source.pin === b.source.pin
  if (samePin && a.vns.some((vn) => b.vns.includes(vn))) {
    throw new Refusal('pin_taken', 'both parties have this PIN on the same virtual number')
  }
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
