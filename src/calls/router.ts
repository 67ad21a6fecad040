import type { Logger } from 'pino'
import type { Account, FlowName, VirtualNumber } from '../engine/accounts.ts'
import { endCall, type CallEnd } from '../engine/calls.ts'
import type { Context } from '../engine/context.ts'
import { callerNumber, dialledNumber, maskNumber } from '../engine/phone.ts'
import { ariCall, type AriCallOptions } from './ari-call.ts'
import { connectAri, type AriOptions, type Snapshot } from './ari.ts'
import type * as Asterisk from './ari-types.ts'
import { Hangup, OUT_OF_ORDER, turnAway, UNASSIGNED, type Call, type PromptName } from './call.ts'
import { within } from './deferred.ts'
import { masking } from './flows/masking.ts'
import { pinLine } from './flows/pin-line.ts'
import { LEG, type LegEnd } from './leg.ts'
import { asked } from './override.ts'
import { recover } from './recover.ts'
import type { DigitTimes } from './voice.ts'

type Flow = (call: Call, ctx: Context, vn: VirtualNumber, account: Account) => Promise<void>

/** The script that answers a virtual number, by the name in its row. */
const FLOWS: Record<FlowName, Flow> = { masking, 'pin-line': pinLine }

export type CallDoorOptions = Pick<
  AriOptions,
  'url' | 'user' | 'password' | 'application' | 'onDisconnect' | 'onReplaced'
> & {
  ctx: Context
  digits: DigitTimes
  /** Contexts of the dialplan to which callers may be sent. */
  contexts: readonly string[]
  /** Whose national numbers the trunk may deliver without a country code. */
  country: string | undefined
  log: Logger
}

/** Where calls come in. */
export type CallDoor = {
  connected: () => boolean
  /** Calls whose scripts run now. */
  live: () => number
  /** Those of them in which two people are joined. */
  talking: () => number
  /**
   * Turns new callers away, gives those who are not talking yet `graceMs` to get through, hangs up the rest and
   * disconnects. Talks go on without us; the next process adopts them.
   */
  stop: (graceMs: number) => Promise<void>
}

/** How long a call that is hung up may take to be gone, in milliseconds. */
const HANGUP_MS = 1_000
/** Pauses between attempts to close a record that the store does not take, in milliseconds. */
const FIRST_CLOSE_MS = 1_000
const LONGEST_CLOSE_MS = 60_000

/** Connects to Asterisk and runs the script of each call that comes. */
export function takeCalls(options: CallDoorOptions): CallDoor {
  const { ctx, log } = options
  const live = new Map<string, Running>()
  let stopping = false
  const ari = connectAri({ ...options, now: ctx.now, onStart: arrived, reconcile })

  function arrived({ args, channel }: Asterisk.StasisStart): void {
    if (args[0] === LEG) return strayLeg(channel.id)
    let caller: string | undefined
    const call = newCall({ channelId: channel.id, from: () => caller })
    run(call, async () => {
      const number = dialledNumber(channel.dialplan.exten, options.country)
      const found = number === undefined ? undefined : await ctx.store.findNumber(number)
      if (stopping) return turnAway(call, 'try-later', OUT_OF_ORDER)
      if (!found) return turnAway(call, 'number-not-active', UNASSIGNED)
      const { number: vn, account } = found
      const flow = args[0] ?? vn.flow
      caller = callerNumber(channel.caller.number, account.settings.country)
      const from = maskNumber(caller)
      log.info({ call: call.id, channel: channel.id, vn: vn.number, from, flow }, 'call')
      const wanted = asked(vn, args)
      await FLOWS[wanted.flow](call, ctx, wanted, account)
    })
  }

  /** Runs one call to its end. Never rejects: a call is nobody's await. */
  function run(call: Call, script: () => Promise<void>): void {
    const state: Running = { call, channelId: call.channelId, over: runToEnd(call, script), ended: false }
    live.set(call.id, state)
    void state.over.then(async () => {
      state.ended = true
      log.info({ call: call.id, ...call.notes }, 'call ended')
      await close(call.id, { endedAt: call.goneAt ?? ctx.now(), by: call.dismissed ? 'us' : 'caller' })
      live.delete(call.id)
    })
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

  /**
   * Closes a call's record whatever happens: the script has usually done so, and then this changes nothing. The store
   * may be full or locked for a while; the instant stays the true one.
   */
  async function close(id: string, end: CallEnd): Promise<void> {
    for (let waitMs = FIRST_CLOSE_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_CLOSE_MS)) {
      try {
        return await endCall(ctx, id, end)
      } catch (error) {
        log.error({ err: error, call: id }, 'a call cannot be closed yet')
      }
      if (stopping) return
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  function reconcile(snapshot: Snapshot): Promise<void> {
    return recover({ ctx, log, ari, live, newCall, run, close }, snapshot)
  }

  function newCall(what: Pick<AriCallOptions, 'channelId' | 'from' | 'adopted'> & { id?: string }): Call {
    const id = what.id ?? ctx.newId()
    const onBadPrompt = (prompts: PromptName[]) =>
      log.error({ call: id, prompts }, 'Asterisk cannot play this')
    const onNotRecorded = (err: Error) => log.error({ call: id, err }, 'a talk is not recorded')
    const onLegEnd = (end: LegEnd) => log.info({ call: id, ...end }, 'leg ended')
    return ariCall(ari, {
      ...{ ...what, id, times: options.digits, newId: ctx.newId, contexts: options.contexts },
      ...{ onBadPrompt, onNotRecorded, onLegEnd },
    })
  }

  /** A leg whose call ended while it was being created. */
  function strayLeg(channelId: string): void {
    ari.request('DELETE', `channels/${channelId}`).catch(() => undefined)
  }

  async function stop(graceMs: number): Promise<void> {
    stopping = true
    const quiet = () => running().filter(({ call }) => !call.talking)
    await within(Promise.all(quiet().map(({ over }) => over)), graceMs)
    // Looked for anew: some have come meanwhile.
    await Promise.all(
      quiet().map(async ({ call, over }) => {
        await call.hangup(OUT_OF_ORDER)
        await within(over, HANGUP_MS)
      }),
    )
    ari.close()
  }

  const running = () => [...live.values()].filter(({ ended }) => !ended)
  return {
    connected: ari.connected,
    live: () => running().length,
    talking: () => running().filter(({ call }) => call.talking).length,
    stop,
  }
}

/** A call whose script runs, or has `ended` and whose record is being closed. */
type Running = { call: Call; channelId: string; over: Promise<void>; ended: boolean }
