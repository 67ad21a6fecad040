import { afterEach, beforeEach, describe } from '@jest/globals'
import { type Account, DEFAULT_SETTINGS } from '../../../src/engine/accounts.ts'
import type { Allocation, Party } from '../../../src/engine/allocations.ts'
import type { CallRecord } from '../../../src/engine/calls.ts'
import type { AllocationEnded, Event, EventType } from '../../../src/engine/events.ts'
import type {
  AllocationQuery,
  DeliveryAttempt,
  Membership,
  PinQuery,
  Store,
} from '../../../src/engine/store.ts'
import { openSqlite } from '../../../src/store/sqlite.ts'
import { keyed } from '../../support/context.ts'

/** Every backend keeps the same promises; a new one is a new line. */
const BACKENDS: { name: string; open: (onDue?: () => void) => Store }[] = [
  { name: 'SQLite', open: (onDue) => openSqlite(':memory:', onDue) },
]

export const VN1 = '+916292134471'
export const VN2 = '+916292134464'
export const A = '+917987686144'
export const B = '+919956555625'
export const T0 = Date.UTC(2026, 0, 1)
export const FAR = Date.UTC(2099, 0, 1)
export const ENDPOINT = 'https://client.example/events'

/** An attempt to deliver this event: the first one of an event of T0, unless told otherwise. */
export function attempt(eventId: string, change: Partial<DeliveryAttempt> = {}): DeliveryAttempt {
  return { eventId, attempts: 0, dueAt: T0, endpoint: ENDPOINT, ...change }
}

/** Looks for the same PINs on the same virtual numbers for both parties. */
export function forBoth(vns: string[], pins: string[]): PinQuery {
  return { a: { vns, pins }, b: { vns, pins } }
}

/** Looks for nothing. */
export const NO_PINS = forBoth([], [])

let count = 0
export const newId = (what: string) => `${what}-${String(++count).padStart(6, '0')}`

export function account(id: string, endpoints: Account['settings']['endpoints'] = {}): Account {
  const settings = { ...structuredClone(DEFAULT_SETTINGS), endpoints }
  return { id, sid: `sid-${id}`, name: id, settings, webhookSecret: `whsec_${id}` }
}

export const ALL: Partial<Record<EventType, string>> = {
  'call.completed': ENDPOINT,
  'caller.verified': ENDPOINT,
  'caller.refused': ENDPOINT,
  'allocation.ended': ENDPOINT,
}

export type Change = Partial<Omit<Allocation, 'a' | 'b'>> & { a?: Partial<Party>; b?: Partial<Party> }

export function allocation({ a, b, ...rest }: Change = {}): Allocation {
  return {
    id: newId('allocation'),
    accountId: 'acme',
    transactionId: newId('transaction'),
    a: { numbers: [A], vns: [VN1], pin: '713', ...a },
    b: { numbers: [B], vns: [VN2], pin: '884', ...b },
    usage: 'twoway',
    state: 'active',
    createdAt: T0,
    deallocateAt: T0 + 3_600_000,
    endedAt: undefined,
    pinsFreeAt: undefined,
    ...rest,
  }
}

export function call(change: Partial<CallRecord> = {}): CallRecord {
  const id = newId('call')
  return {
    ...{ id, accountId: 'acme', vn: VN1, from: A, channelId: `channel-${id}`, state: 'ivr', startedAt: T0 },
    ...{ allocationId: undefined, transactionId: undefined, party: undefined, to: undefined },
    ...{ toChannelId: undefined, ringingAt: undefined, answeredAt: undefined, endedAt: undefined },
    ...{ callType: undefined, dialStatus: undefined, recordedUntil: undefined },
    ...change,
  }
}

export function ended(of: Allocation, change: Partial<AllocationEnded> = {}): AllocationEnded {
  const { id: allocationId, accountId, transactionId, a, b, usage } = of
  const id = newId('event')
  return {
    ...{ type: 'allocation.ended', id, accountId, at: T0, allocationId, transactionId, a, b, usage },
    ...change,
  }
}

export function refused(accountId: string, at = T0, id = newId('event')): Event {
  const about = { callId: 'c', vn: VN1, caller: A, startedAt: T0, pin: '1' }
  return { type: 'caller.refused', id, accountId, at, ...about }
}

export const failing = (message: string) => (): never => {
  throw new Error(message)
}

/** Runs the tests on every backend. */
export function contract(about: string, tests: (it: Given) => void): void {
  describe.each(BACKENDS)(`$name: ${about}`, ({ open }) => {
    const it = new Given(open)
    beforeEach(() => it.begin())
    afterEach(() => it.store.close())
    tests(it)
  })
}

/** A fresh store in each test, with the account acme and its two numbers, and words for what the tests do with it. */
export class Given {
  store!: Store
  /** How often the store has said that something is due. */
  woken = 0
  readonly open: (onDue?: () => void) => Store

  constructor(open: (onDue?: () => void) => Store) {
    this.open = open
  }

  async begin(): Promise<void> {
    this.woken = 0
    this.store = this.open(() => this.woken++)
    await this.store.addAccount(account('acme', ALL), [])
    for (const number of [VN1, VN2])
      await this.store.addNumber({ number, accountId: 'acme', flow: 'masking' })
  }

  query({ accountId, transactionId }: Allocation): AllocationQuery {
    return { accountId, transactionId, pins: NO_PINS }
  }

  insert(save: Allocation, events: Event[] = []): Promise<undefined> {
    return this.store.addAllocation(this.query(save), () => ({ save, events, result: undefined }))
  }

  async add(change?: Change): Promise<Allocation> {
    const made = allocation(change)
    await this.insert(made)
    return made
  }

  change(of: Allocation, save: Allocation, events: Event[] = []): Promise<undefined> {
    return this.store.changeAllocation(of.accountId, of.id, () => ({ save, events, result: undefined }))
  }

  find(of: Allocation): Promise<Allocation | undefined> {
    return this.store.findAllocation(of.accountId, of.id)
  }

  /** Ends it, with a cool-off of its PINs until `pinsFreeAt`. */
  async end(of: Allocation, pinsFreeAt?: number): Promise<Allocation> {
    const over: Allocation = { ...of, state: 'vault', endedAt: T0 + 1, pinsFreeAt }
    await this.change(of, over)
    return over
  }

  /** Whom the PIN lets in. */
  byPin(vn: string, pin: string): Promise<Membership | undefined> {
    return this.store.changeByPin(keyed(vn, pin), (found) => ({ result: found }))
  }

  async eventIds(store = this.store): Promise<string[]> {
    return (await store.dueDeliveries(FAR, 100_000)).map(({ event }) => event.id)
  }

  callOf(id: string): Promise<CallRecord | undefined> {
    return this.store.changeCall(id, (found) => ({ result: found }))
  }
}
