import type { Logger } from 'pino'
import type { Unanswered } from '../engine/calls.ts'
import type { Context } from '../engine/context.ts'
import { maskNumber } from '../engine/phone.ts'
import { startLoop } from '../loop.ts'
import type { AriCallOptions } from './ari-call.ts'
import type { Ari } from './ari.ts'
import type { Call } from './call.ts'
import { deferred, within } from './deferred.ts'
import { LEG_END_MS, ringLeg, type LegEnd } from './leg.ts'
import { RING_GRACE_MS } from './ring.ts'

/** A row for which we owe somebody a call: it waits for its turn, is begun, and has ended. */
export type Owed = { id: string; accountId: string; state: string; createdAt: number }

/** Rings people whom we owe a call. */
export type OwedDesk = {
  /** Look now. */
  wake: () => void
  /** Begins none any more, and gives up those in which nobody has answered yet. Where somebody has it is a call like others. */
  stop: () => Promise<void>
  /** Ids of the rows that were begun here; their calls may not be among those that run yet. */
  placing: () => Iterable<string>
}

/** What such a desk needs of the call door. */
export type OwedDeskParts = {
  ctx: Context
  log: Logger
  ari: Ari
  newCall: (what: Pick<AriCallOptions, 'id' | 'channelId' | 'from'>) => Call
  /** Runs the script of a call, and resolves at its end. */
  run: (call: Call, script: () => Promise<void>) => Promise<void>
  /** Until it succeeds or the application stops. Never rejects. */
  keepTrying: (id: string, work: () => Promise<void>) => Promise<void>
}

/** One that this process has begun. */
export type Placed<T extends Owed> = {
  row: T
  /** Once whom it rings has answered. */
  call: Call | undefined
  /** Nobody wants it any more. */
  stopped: boolean
  /** Stops ringing. */
  giveUp: () => void
}

/** What the rows of one kind are, and what is done for them. */
export type OwedKind<T extends Owed> = {
  /** What the log calls one. */
  name: 'callback' | 'sending'
  /** Those that were begun and have not ended, and of each account those that wait, as many as may be begun in one look. */
  owed: () => Promise<T[]>
  /** Whether it was begun, and shall end now. */
  isStopped: (row: T) => boolean
  /** Whether it waits and will ring nobody: it need not wait for its turn to end. */
  isStale: (row: T) => boolean
  /** Which of those that wait may ring now, in what order. `ringing`: how many of each account ring somebody. */
  next: (waiting: T[], ringing: ReadonlyMap<string, number>, placed: readonly T[]) => T[]
  /** Was begun by a process that is gone; or here, and is over by now, which must not change how it has ended. */
  leftBehind: (row: T) => Promise<void>
  /** Begins it, and resolves when it is over. */
  place: (one: Placed<T>) => Promise<void>
}

/** How often is looked for rows that are due or stopped, in milliseconds: another process may have written them. */
const LOOK_MS = 1_000

/** Looks for rows now, once a second, when it is woken and when one is over. */
export function serveOwed<T extends Owed>({ ctx, log, ari }: OwedDeskParts, kind: OwedKind<T>): OwedDesk {
  const placed = new Map<string, Placed<T> & { over: Promise<void> }>()
  let stopping = false

  async function look(): Promise<number> {
    // Unconnected, we do not know who talks.
    const owed = ari.connected() ? await kind.owed() : []
    const waiting: T[] = []
    for (const row of owed) {
      const mine = placed.get(row.id)
      if (mine) {
        if (kind.isStopped(row)) end(mine)
      } else if (row.state !== 'waiting') {
        await kind.leftBehind(row)
      } else if (kind.isStale(row)) {
        begin(row)
      } else {
        waiting.push(row)
      }
    }
    const rows = [...placed.values()].map(({ row }) => row)
    for (const row of kind.next(waiting, ringing(), rows)) begin(row)
    return ctx.now() + LOOK_MS
  }

  /** How many of each account. Those who talk are none of them. */
  function ringing(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { row, call } of placed.values())
      if (!call?.talking) counts.set(row.accountId, (counts.get(row.accountId) ?? 0) + 1)
    return counts
  }

  function end(one: Placed<T>): void {
    one.stopped = true
    if (one.call) void one.call.hangup()
    else one.giveUp()
  }

  function begin(row: T): void {
    const { id } = row
    if (stopping) return
    const one: Placed<T> = { row, call: undefined, stopped: false, giveUp: () => undefined }
    const over = kind.place(one).finally(() => placed.delete(id))
    placed.set(id, Object.assign(one, { over }))
    // One that fails may wait still, and is looked at again in a second, not at once.
    over.then(loop.wake, (error: unknown) =>
      log.error({ err: error, [kind.name]: id }, `a ${kind.name} failed`),
    )
  }

  const onError = (error: unknown) => log.error({ err: error }, `${kind.name}s cannot be looked after`)
  const loop = startLoop(look, { now: ctx.now, onError })
  return {
    wake: loop.wake,
    placing: () => placed.keys(),
    async stop() {
      stopping = true
      await loop.stop()
      const ringing = [...placed.values()].filter(({ call }) => !call)
      for (const one of ringing) end(one)
      await within(Promise.allSettled(ringing.map(({ over }) => over)), LEG_END_MS)
    },
  }
}

/** Whom to ring first, and what happens when there is an answer. */
export type FirstParty = {
  callId: string
  /** The last part of the id of the channel, `-a` in `pinbridge-<callId>-a`. */
  suffix: string
  /** E.164. */
  number: string
  /** What is seen there, E.164; undefined: that the number is withheld. */
  callerId: string | undefined
  ringMs: number
  script: (call: Call) => Promise<void>
}

/**
 * There was an answer, and the call's script runs; or there will be none. `declined`: whoever was rung has rejected the call;
 * `not-rung`: nobody was.
 */
export type FirstRung =
  { over: Promise<void> } | { unanswered: Unanswered['status'] | 'declined' | 'not-rung' }

/** SIP statuses by which a person rejects a call, and not the network or the telephone (RFC 3261 21.6.2, RFC 8197). */
const REJECTED: ReadonlySet<number | undefined> = new Set([603, 607])

/** Rings somebody, whose answer begins a call. `prepare`: what must be known for that. Never rejects. */
export async function ringFirst<T extends Owed>(
  parts: OwedDeskParts,
  { name }: Pick<OwedKind<T>, 'name'>,
  one: Placed<T>,
  prepare: () => Promise<FirstParty>,
): Promise<FirstRung> {
  const { id } = one.row
  try {
    const party = await prepare()
    if (one.stopped) return { unanswered: 'not-rung' }
    return await ring(parts, name, one, party)
  } catch (error) {
    parts.log.error({ err: error, [name]: id }, `a ${name} cannot be placed`)
    return { unanswered: 'not-rung' }
  }
}

async function ring<T extends Owed>(
  { log, ari, newCall, run }: OwedDeskParts,
  name: OwedKind<T>['name'],
  one: Placed<T>,
  { callId, suffix, number, callerId, ringMs, script }: FirstParty,
): Promise<FirstRung> {
  const about = { [name]: one.row.id }
  const channelId = `${ari.application}-${callId}${suffix}`
  const answered = deferred<{ over: Promise<void> }>()
  let declined = false
  log.info({ ...about, channel: channelId, to: maskNumber(number) }, name)
  const leg = ringLeg(ari, {
    ...{ channelId, number, callerId, ringMs, callId },
    onAnswer() {
      // In one turn with the event: from here on the call is told what happens to the channel, and the leg no more.
      const call = newCall({ id: callId, channelId, from: () => number })
      one.call = call
      answered.resolve({ over: run(call, () => script(call)) })
    },
    onEnd(leg: LegEnd) {
      declined = REJECTED.has(leg.sip)
      log.info({ ...about, ...leg }, 'leg ended')
    },
  })
  one.giveUp = () => leg.cancel()
  const failed = leg.failed.then(({ status }) => ({ unanswered: declined ? ('declined' as const) : status }))
  const rung = await within(Promise.race([answered.promise, failed]), ringMs + RING_GRACE_MS)
  if (rung !== 'timeout') return rung
  leg.cancel()
  return { unanswered: 'no-answer' }
}
