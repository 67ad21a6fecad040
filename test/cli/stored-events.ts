import { v7 } from 'uuid'
import type { CallCompleted, Event } from '../../src/engine/events.ts'
import type { DeliveryOutcome } from '../../src/engine/store.ts'
import type { Installation } from './command.ts'

export const PIN = '904173582'
export const CALLER = '+917987686144'
export const OTHER = '+919956555625'
export const VN = '+916292134471'
/** Nobody listens there. */
export const ENDPOINT = 'http://127.0.0.1:9/hook?token=receivers-own-secret'

const call = { callId: '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b', vn: VN }
// Some clients write a telephone number into their id.
const allocation = { allocationId: '6447bb53-70c3-40ea-850b-de2fd3c585ee', transactionId: `x${OTHER}/1` }
const common = (accountId: string) => ({ id: v7(), accountId, at: Date.now() })

export function callerRefused(accountId: string): Event {
  const caller = { caller: CALLER, startedAt: Date.now(), pin: PIN }
  return { type: 'caller.refused', ...common(accountId), ...call, ...caller }
}

export function callerVerified(accountId: string): Event {
  const caller = { caller: CALLER, party: 'a', pin: PIN } as const
  return { type: 'caller.verified', ...common(accountId), ...call, ...allocation, ...caller }
}

export function allocationEnded(accountId: string): Event {
  const a = { numbers: [CALLER], vns: [VN], pin: PIN }
  const b = { numbers: [OTHER], vns: [], pin: undefined }
  return { type: 'allocation.ended', ...common(accountId), ...allocation, a, b, usage: 'twoway' }
}

/** Our own words, with the PIN and the number of a new card in them. */
export function smsRequested(accountId: string): Event {
  return { type: 'sms.requested', ...common(accountId), to: CALLER, text: `Your PIN is ${PIN}, call ${VN}` }
}

/** A call whose recording can be fetched until 2030. */
export function callCompleted(accountId: string): CallCompleted {
  return {
    ...{ type: 'call.completed', ...common(accountId), ...call, ...allocation, from: CALLER, to: OTHER },
    ...{ callType: 'completed', dialStatus: 'completed', startedAt: Date.now() },
    ...{ dialMs: 20_300, talkMs: 17_900, recordedUntil: Date.UTC(2030, 0, 1) },
  }
}

/** An account made by the command, with one receiver for all events or without any. */
export async function addAccount(
  { json }: Installation,
  sid: string,
  webhook?: string,
): Promise<{ id: string; secret: string }> {
  const endpoint = webhook === undefined ? [] : ['--webhook', webhook]
  const { document } = await json('account', 'add', '--name', sid, '--sid', sid, ...endpoint)
  return { id: (document['account'] as { id: string }).id, secret: String(document['webhookSecret']) }
}

/** Commits that many events, oldest first, and resolves to their ids. */
export async function commit({ store }: Installation, accountId: string, count = 1): Promise<string[]> {
  const events = Array.from({ length: count }, () => callerRefused(accountId))
  await store().addEvents(events)
  return events.map(({ id }) => id)
}

/** Makes an attempt of each of these events, which wait, end so. */
export async function settle(
  { store }: Installation,
  outcome: DeliveryOutcome,
  ...ids: string[]
): Promise<void> {
  for (const eventId of ids) {
    const { attempts, dueAt } = (await store().findEvent(eventId)) ?? {}
    if (attempts === undefined || dueAt === undefined) throw new Error(`${eventId} does not wait`)
    await store().deliveryDone({ eventId, attempts, dueAt, endpoint: ENDPOINT }, outcome)
  }
}

export function giveUp(pinbridge: Installation, ...ids: string[]): Promise<void> {
  return settle(pinbridge, { state: 'dead', reason: 'HTTP 500' }, ...ids)
}

/** What `deliveries list` finds. */
export async function listed(
  { json }: Installation,
  ...filter: string[]
): Promise<{ ids: string[]; next: unknown }> {
  const { document } = await json('deliveries', 'list', ...filter)
  return { ids: (document['deliveries'] as { id: string }[]).map(({ id }) => id), next: document['next'] }
}
