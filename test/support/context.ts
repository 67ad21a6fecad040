import { randomInt } from 'node:crypto'
import { v7 } from 'uuid'
import { hashSecret } from '../../src/api/login.ts'
import { type Account, type AccountSettings, DEFAULT_SETTINGS } from '../../src/engine/accounts.ts'
import type { Allocation } from '../../src/engine/allocations.ts'
import type { WantedAllocation } from '../../src/engine/plan.ts'
import type { Context } from '../../src/engine/context.ts'
import type { Event } from '../../src/engine/events.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

/** A context whose clock stands still until the test turns it. */
export type TestContext = Context & { clock: { ms: number } }

/** A real engine on an empty store in memory. The clock starts in the manual's own minute, 2020-03-27 11:57:09 in India. */
export function testContext(chance: (max: number) => number = randomInt): TestContext {
  const clock = { ms: Date.UTC(2020, 2, 27, 6, 27, 9) }
  return { store: openSqlite(':memory:'), clock, now: () => clock.ms, randomInt: chance, newId: v7 }
}

export const SECRET = 'token'
/** The virtual numbers and the members of the manual's samples, and a caller whom nobody listed. */
export const VN1 = '+916292134471'
export const VN2 = '+916292134464'
export const VN3 = '+916292134465'
export const A = '+917987686144'
export const B = '+919956555625'
export const STRANGER = '+919812345678'

type Wanted = { sid?: string; vns?: string[]; settings?: Partial<AccountSettings> }

/** An account that logs in as `<sid>:token`, owns these virtual numbers and has a receiver for every event. */
export async function testAccount(ctx: Context, wanted: Wanted = {}): Promise<Account> {
  const { sid = 'acme', vns = [VN1, VN2, VN3] } = wanted
  const endpoint = 'https://client.example/events'
  const endpoints = {
    'call.completed': endpoint,
    'caller.verified': endpoint,
    'caller.refused': endpoint,
    'allocation.ended': endpoint,
  }
  const settings = structuredClone({ ...DEFAULT_SETTINGS, endpoints, ...wanted.settings })
  const account: Account = {
    id: ctx.newId(),
    sid,
    name: sid,
    settings,
    webhookSecret: `whsec_${btoa(sid.repeat(8))}`,
  }
  const secretHash = hashSecret(SECRET)
  const credentials = (['greenpin', 'stealthnet'] as const).map((dialect) => {
    return { dialect, user: sid, accountId: account.id, secretHash }
  })
  await ctx.store.addAccount(account, credentials)
  for (const number of vns) await ctx.store.addNumber({ number, accountId: account.id, flow: 'masking' })
  return account
}

/** A PIN keyed by a stranger of whom nothing is remembered. */
export function keyed(vn: string, pin: string) {
  return { vn, pin, caller: undefined, guesser: { caller: 'nobody', place: vn, way: 'trunk' } }
}

/** A and B behind a virtual number each, with PINs. */
export function wantedAllocation(change: Partial<WantedAllocation> = {}): WantedAllocation {
  const a = { numbers: [A], vns: [VN1], pin: '713' }
  const b = { numbers: [B], vns: [VN2], pin: '884' }
  return { transactionId: v7(), a, b, ...change }
}

/** Many at once: written as the store has them, a millisecond apart, without PINs. Their ids, oldest first. */
export async function crowd(
  ctx: TestContext,
  { id: accountId }: Account,
  count: number,
  change: (i: number) => Partial<Allocation> = () => ({}),
): Promise<string[]> {
  const party = { numbers: [A], vns: [VN1], pin: undefined }
  const all = Array.from({ length: count }, (_, i): Allocation => ({
    ...{ id: `crowd ${String(i).padStart(5, '0')}`, accountId, transactionId: `t${i}` },
    ...{
      a: party,
      b: { ...party, numbers: [B] },
      usage: 'twoway',
      state: 'active',
      createdAt: ctx.now() + i,
    },
    ...{ deallocateAt: Infinity, endedAt: undefined, pinsFreeAt: undefined },
    ...change(i),
  }))
  const nothing = { vns: [], pins: [] }
  const query = { accountId, transactionId: '', pins: { a: nothing, b: nothing } }
  await Promise.all(all.map((save) => ctx.store.addAllocation(query, () => ({ save, result: undefined }))))
  ctx.clock.ms += count
  return all.map(({ id }) => id)
}

/** Every event that was committed, oldest first. */
export async function eventsOf(ctx: TestContext): Promise<Event[]> {
  const farAhead = ctx.clock.ms + 10 * 365 * 86_400_000
  const all = (await ctx.store.dueDeliveries(farAhead, 100_000)).map(({ event }) => event)
  return all.sort((x, y) => x.at - y.at || (x.id < y.id ? -1 : 1))
}
