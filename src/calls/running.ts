import type { Logger } from 'pino'
import { endCall, type CallEnd } from '../engine/calls.ts'
import type { Context } from '../engine/context.ts'
import { Hangup, OUT_OF_ORDER, turnAway, type Call } from './call.ts'

/** Pauses between attempts to close a record that the store does not take, in milliseconds. */
const FIRST_CLOSE_MS = 1_000
const LONGEST_CLOSE_MS = 60_000

/** A call whose script runs, or has `ended` and whose record is being closed. `owed`: what must still be written of it. */
type Running = {
  call: Call
  channelId: string
  over: Promise<void>
  ended: boolean
  owed: Promise<void>[]
}

export type Runner = {
  /** By the id of the call. */
  live: ReadonlyMap<string, Running>
  /** Runs one call to its end. Never rejects: a call is nobody's await. */
  run: (call: Call, script: () => Promise<void>) => Running
  /**
   * Closes a call's record whatever happens: the script has usually done so, and then this changes nothing. The store
   * may be full or locked for a while; the instant stays the true one.
   */
  close: (id: string, end: CallEnd) => Promise<void>
  /** Until it succeeds or we stop. Never rejects. */
  keepTrying: (id: string, work: () => Promise<void>) => Promise<void>
  /** Rejects when the first attempt does; the others are made in the background. */
  insist: (id: string, work: () => Promise<void>) => Promise<void>
}

/** Runs the scripts of calls, and sees to it that what they owe is written in the end. */
export function runCalls({
  ctx,
  log,
  stopping,
}: {
  ctx: Context
  log: Logger
  /** Whether the application stops: then nothing is tried again. */
  stopping: () => boolean
}): Runner {
  const live = new Map<string, Running>()

  function run(call: Call, script: () => Promise<void>): Running {
    const { id, channelId } = call
    const state: Running = { call, channelId, over: runToEnd(call, script), ended: false, owed: [] }
    live.set(id, state)
    void state.over.then(async () => {
      state.ended = true
      log.info({ call: id, ...call.notes }, 'call ended')
      await close(id, { endedAt: call.goneAt ?? ctx.now(), by: call.dismissed ? 'us' : 'caller' })
      // Whoever looks meanwhile for what nobody looks after must not find the money of this call.
      await Promise.all(state.owed)
      live.delete(id)
    })
    return state
  }

  async function runToEnd(call: Call, script: () => Promise<void>): Promise<void> {
    try {
      await script()
    } catch (error) {
      if (!(error instanceof Hangup)) {
        log.error({ err: error, call: call.id }, 'a call failed')
        await turnAway(call, 'try-later', OUT_OF_ORDER).catch(() => undefined)
      }
    }
    await call.hangup()
  }

  const close = (id: string, end: CallEnd) => keepTrying(id, () => endCall(ctx, id, end))

  async function keepTrying(id: string, work: () => Promise<void>): Promise<void> {
    for (let waitMs = FIRST_CLOSE_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_CLOSE_MS)) {
      try {
        return await work()
      } catch (error) {
        log.error({ err: error, call: id }, 'a call cannot be closed yet')
      }
      if (stopping()) return
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  async function insist(id: string, work: () => Promise<void>): Promise<void> {
    const first = work()
    const done = first.catch(() => keepTrying(id, work))
    live.get(id)?.owed.push(done)
    return first
  }

  return { live, run, close, keepTrying, insist }
}
