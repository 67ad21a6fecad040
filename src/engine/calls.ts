import type { Context } from './context.ts'
import type { PartyName } from './allocations.ts'
import type { CallCompleted, Event } from './events.ts'
import type { Change } from './store.ts'

/** How a call through an allocation ended (the words are GreenPin's, the distinctions are ours). */
export type CallType = 'completed' | 'incomplete' | 'call-attempt' | 'client-hangup'

/** How the called party's leg ended. */
export type DialStatus = 'completed' | 'busy' | 'no-answer' | 'failed' | 'canceled'

/**
 *   ivr --ringing--> ringing --answered--> talking
 *    |                  |                     |
 *    +---------------- ended <----------------+
 *
 * A caller on a card goes back to `ivr` after a talk, or where nobody answered, and may call somebody else. The row is
 * written before the action it names, so that a restarted application knows what it left behind.
 */
export type CallState = 'ivr' | 'ringing' | 'talking' | 'ended'

/** One caller's visit, from the first ring to the last hang-up. */
export type CallRecord = {
  id: string
  accountId: string
  vn: string
  /** E.164, or undefined when withheld. */
  from: string | undefined
  /** Asterisk's channel of the caller. The ids of everything else follow from `id`. */
  channelId: string
  state: CallState
  allocationId: string | undefined
  transactionId: string | undefined
  /** Which party the caller belongs to. */
  party: PartyName | undefined
  /** The number that answered; until then the first that is rung, and after failures the most hopeful of them. */
  to: string | undefined
  /** Asterisk's channel of the party that answered. */
  toChannelId: string | undefined
  startedAt: number
  ringingAt: number | undefined
  answeredAt: number | undefined
  endedAt: number | undefined
  callType: CallType | undefined
  dialStatus: DialStatus | undefined
  /** Until when the recording of the talk is kept, if it ended at once; undefined when there is none. It has the name of the call. */
  recordedUntil: number | undefined
}

type NewCall = Pick<CallRecord, 'id' | 'accountId' | 'vn' | 'from' | 'channelId' | 'startedAt'>

/** Writes down that a caller is here. */
export async function openCall(ctx: Context, call: NewCall): Promise<void> {
  await ctx.store.addCall({
    ...call,
    state: 'ivr',
    allocationId: undefined,
    transactionId: undefined,
    party: undefined,
    to: undefined,
    toChannelId: undefined,
    ringingAt: undefined,
    answeredAt: undefined,
    endedAt: undefined,
    callType: undefined,
    dialStatus: undefined,
    recordedUntil: undefined,
  })
}

/** An allocation, and whose side of it the caller is on. */
export type Reached = { id: string; transactionId: string; party: PartyName }

/** Writes down which allocation the call belongs to from now on, whatever happens to the allocation meanwhile. */
export async function callReached(ctx: Context, callId: string, reached: Reached): Promise<void> {
  const { id: allocationId, transactionId, party } = reached
  await change(ctx, callId, (call) => ({ ...call, allocationId, transactionId, party }))
}

/** Writes down that a number is about to be rung, and to which allocation the call belongs, if to any. */
export async function callRinging(
  ctx: Context,
  callId: string,
  to: string,
  reached?: Reached,
): Promise<void> {
  const { id: allocationId, transactionId, party } = reached ?? {}
  await change(ctx, callId, (call) => ({
    ...call,
    ...(reached && { allocationId, transactionId, party }),
    to,
    state: 'ringing',
    ringingAt: ctx.now(),
  }))
}

/**
 * Writes down who answered, before the two are joined.
 * `keepRecordingMs`: how long the recording that is about to be made shall be kept after the talk; undefined for none.
 */
export async function callAnswered(
  ctx: Context,
  callId: string,
  { number: to, channelId: toChannelId }: { number: string; channelId: string },
  keepRecordingMs?: number,
): Promise<void> {
  const answeredAt = ctx.now()
  const recordedUntil = keepRecordingMs === undefined ? undefined : answeredAt + keepRecordingMs
  await change(ctx, callId, (call) => ({
    ...call,
    to,
    toChannelId,
    state: 'talking',
    answeredAt,
    recordedUntil,
  }))
}

/** Writes down that the caller has nobody at the other end any more, and may be connected to somebody else. */
export async function callIdle(ctx: Context, callId: string): Promise<void> {
  await change(ctx, callId, (call) => ({
    ...call,
    state: 'ivr',
    ringingAt: undefined,
    toChannelId: undefined,
  }))
}

/** Writes down that the talk is not recorded after all. */
export async function callNotRecorded(ctx: Context, callId: string): Promise<void> {
  await change(ctx, callId, (call) => ({ ...call, recordedUntil: undefined }))
}

/** How many recordings one sweep removes. */
const SWEEP_BATCH = 100

/**
 * Removes recordings whose time is over, a bounded number of them. `remove` takes the id of the call and must not mind
 * a recording that is gone already; while it fails, the recording stays on the list. `more` asks for another sweep.
 */
export async function removeDueRecordings(
  ctx: Context,
  remove: (callId: string) => Promise<void>,
): Promise<{ more: boolean }> {
  const due = await ctx.store.dueRecordings(ctx.now(), SWEEP_BATCH)
  const removals = due.map(async (callId) => {
    await remove(callId)
    await ctx.store.changeCall(callId, (call) => ({
      ...(call && { save: { ...call, recordedUntil: undefined } }),
      result: undefined,
    }))
  })
  // One that cannot be removed must not keep the others from it.
  const failed = (await Promise.allSettled(removals)).find((removal) => removal.status === 'rejected')
  if (failed) throw failed.reason
  return { more: due.length === SWEEP_BATCH }
}

/** Why a call that rang nobody to an answer ended; undefined when the caller left. */
export type Unanswered = { to: string; status: 'busy' | 'no-answer' | 'failed' }

/** How a call ended, as far as the record cannot know it. */
export type CallEnd = {
  /** The attempt to reach the other party that failed. */
  unanswered?: Unanswered | undefined
  /** Milliseconds since the epoch; now unless said otherwise. */
  endedAt?: number | undefined
  /** Who gave up while it rang: the caller, or we by a fault or a restart. */
  by?: 'caller' | 'us' | undefined
}

/**
 * Closes the call and tells its end, once however often it is called.
 * `endedAt` defaults to now; recovery passes the last instant at which the call was known to be alive.
 */
export async function endCall(ctx: Context, callId: string, why: CallEnd = {}): Promise<void> {
  const endedAt = why.endedAt ?? ctx.now()
  await ctx.store.changeCall(callId, (call) => closing(call, { ...why, endedAt }, ctx.newId()))
}

/** The rule behind `endCall`. */
function closing(
  call: CallRecord | undefined,
  end: CallEnd & { endedAt: number },
  eventId: string,
): Change<CallRecord, undefined> {
  if (!call || call.state === 'ended') return { result: undefined }
  // The clock may have been set back meanwhile; a talk is never negative.
  const endedAt = Math.max(end.endedAt, call.answeredAt ?? call.ringingAt ?? call.startedAt)
  const { answeredAt = endedAt, recordedUntil } = call
  const save: CallRecord = {
    ...call,
    ...outcome(call, end),
    to: end.unanswered?.to ?? call.to,
    state: 'ended',
    endedAt,
    // It is kept for so long after the talk, however long that was.
    recordedUntil: recordedUntil === undefined ? undefined : recordedUntil + endedAt - answeredAt,
  }
  return { save, events: completed(save, eventId), result: undefined }
}

function outcome(
  call: CallRecord,
  { unanswered, by }: CallEnd,
): { callType: CallType; dialStatus: DialStatus | undefined } {
  if (call.answeredAt !== undefined) return { callType: 'completed', dialStatus: 'completed' }
  if (call.ringingAt === undefined) return { callType: 'call-attempt', dialStatus: undefined }
  if (unanswered) return { callType: 'incomplete', dialStatus: unanswered.status }
  if (by === 'us') return { callType: 'incomplete', dialStatus: 'failed' }
  return { callType: 'client-hangup', dialStatus: 'canceled' }
}

function completed(call: CallRecord, eventId: string): Event[] {
  const { allocationId, transactionId, endedAt, callType } = call
  if (allocationId === undefined || transactionId === undefined || endedAt === undefined || !callType)
    return []
  const event: CallCompleted = {
    type: 'call.completed',
    id: eventId,
    accountId: call.accountId,
    at: endedAt,
    callId: call.id,
    allocationId,
    transactionId,
    vn: call.vn,
    from: call.from,
    to: call.to,
    callType,
    dialStatus: call.dialStatus,
    startedAt: call.startedAt,
    dialMs: call.ringingAt === undefined ? 0 : endedAt - call.ringingAt,
    talkMs: call.answeredAt === undefined ? 0 : endedAt - call.answeredAt,
    recordedUntil: call.recordedUntil,
  }
  return [event]
}

async function change(ctx: Context, callId: string, next: (call: CallRecord) => CallRecord): Promise<void> {
  await ctx.store.changeCall(callId, (call) => {
    if (!call || call.state === 'ended') return { result: undefined }
    return { save: next(call), result: undefined }
  })
}
