import type { Logger } from 'pino'
import type { Account, FlowName, VirtualNumber } from '../engine/accounts.ts'
import { endCall } from '../engine/calls.ts'
import type { Context } from '../engine/context.ts'
import { callerNumber, dialledNumber, maskNumber } from '../engine/phone.ts'
import { ariCall, type AriCallOptions } from './ari-call.ts'
import { connectAri, type AriOptions, type Snapshot } from './ari.ts'
import type * as Asterisk from './ari-types.ts'
import { Hangup, type Call, type PromptName } from './call.ts'
import { within } from './deferred.ts'
import { masking, resumeTalk } from './flows/masking.ts'
import { LEG, type LegEnd } from './leg.ts'
import { recovery } from './recover.ts'
import type { DigitTimes } from './voice.ts'

type Flow = (call: Call, ctx: Context, vn: VirtualNumber, account: Account) => Promise<void>

/** The script that answers a virtual number, by the name in its row. */
const FLOWS: Record<FlowName, Flow> = { masking }

export type CallDoorOptions = Pick<
  AriOptions,
  'url' | 'user' | 'password' | 'application' | 'onDisconnect' | 'onReplaced'
> & {
  ctx: Context
  digits: DigitTimes
  /** Whose national numbers the trunk may deliver without a country code. */
  country: string | undefined
  log: Logger
}

/** Where calls come in. */
export type CallDoor = {
  connected: () => boolean
  /** Calls whose scripts run now. */
  live: () => number
  /**
   * Turns new callers away, gives those who are not talking yet `graceMs` to get through, hangs up the rest and
   * disconnects. Talks go on without us; the next process adopts them.
   */
  stop: (graceMs: number) => Promise<void>
}

/** Q.850: number not assigned, network out of order. */
const UNASSIGNED = 1
const OUT_OF_ORDER = 38

/** How long a call that is hung up may take to be gone, in milliseconds. */
const HANGUP_MS = 1_000

/** Connects to Asterisk and runs the script of each call that comes. */
export function takeCalls(options: CallDoorOptions): CallDoor {
  const { ctx, log, application } = options
  const live = new Map<string, Running>()
  let stopping = false
  const ari = connectAri({ ...options, onStart: arrived, reconcile })

  function arrived({ args, channel }: Asterisk.StasisStart): void {
    if (args[0] === LEG) return strayLeg(channel.id)
    const call = newCall({ channelId: channel.id, from: () => caller })
    let caller: string | undefined
    run(call, async () => {
      const number = dialledNumber(channel.dialplan.exten, options.country)
      const found = number === undefined ? undefined : await ctx.store.findNumber(number)
      if (stopping) return turnAway(call, 'try-later', OUT_OF_ORDER)
      if (!found) return turnAway(call, 'number-not-active', UNASSIGNED)
      const { number: vn, account } = found
      caller = callerNumber(channel.caller.number, account.settings.country)
      log.info(
        { call: call.id, channel: channel.id, vn: vn.number, from: maskNumber(caller), flow: vn.flow },
        'call',
      )
      await FLOWS[vn.flow](call, ctx, vn, account)
    })
  }

  /** Runs one call to its end. Never rejects: a call is nobody's await. */
  function run(call: Call, script: () => Promise<void>): void {
    const ended = runToEnd(call, script).finally(() => {
      live.delete(call.id)
      log.info({ call: call.id }, 'call ended')
    })
    live.set(call.id, { call, channelId: call.channelId, ended })
  }

  async function runToEnd(call: Call, script: () => Promise<void>): Promise<void> {
    try {
      await script()
    } catch (error) {
      if (!(error instanceof Hangup)) {
        log.error({ err: error, call: call.id }, 'a call failed')
        await turnAway(call, 'try-later', OUT_OF_ORDER).catch(() => undefined)
      }
    } finally {
      await call.hangup()
    }
  }

  async function reconcile(snapshot: Snapshot): Promise<void> {
    const records = await ctx.store.openCalls()
    const todo = recovery(application, records, snapshot, live)
    const lastAlive = await ctx.store.lastAlive()
    for (const { record, answered } of todo.adopt) {
      const call = newCall({
        id: record.id,
        channelId: record.channelId,
        from: () => record.from,
        adopted: answered,
      })
      run(call, () => resumeTalk(call, ctx, answered))
    }
    for (const { channelId, record } of todo.apologise) {
      const call = newCall({ channelId, from: () => record?.from, ...(record && { id: record.id }) })
      run(call, async () => {
        if (record) await endCall(ctx, record.id)
        await turnAway(call, 'try-later', OUT_OF_ORDER)
      })
    }
    for (const record of todo.close) await endCall(ctx, record.id, { endedAt: lastAlive ?? record.startedAt })
    // One at a time: Asterisk has crashed on bridges that were deleted together (asterisk/asterisk#1201).
    const remove = (uri: string) => ari.request('DELETE', uri).catch(() => undefined)
    for (const id of todo.hangUp) await remove(`channels/${id}`)
    for (const id of todo.removeBridges) await remove(`bridges/${id}`)
    log.info(counts(todo), 'agreed with Asterisk')
  }

  function newCall(what: Pick<AriCallOptions, 'channelId' | 'from' | 'adopted'> & { id?: string }): Call {
    const id = what.id ?? ctx.newId()
    const onBadPrompt = (prompts: PromptName[]) =>
      log.error({ call: id, prompts }, 'Asterisk cannot play this')
    const onLegEnd = (end: LegEnd) => log.info({ call: id, ...end }, 'leg ended')
    return ariCall(ari, { ...what, id, times: options.digits, newId: ctx.newId, onBadPrompt, onLegEnd })
  }

  /** A leg whose call ended while it was being created. */
  function strayLeg(channelId: string): void {
    ari.request('DELETE', `channels/${channelId}`).catch(() => undefined)
  }

  async function stop(graceMs: number): Promise<void> {
    stopping = true
    const quiet = [...live.values()].filter(({ call }) => !call.talking)
    await within(Promise.all(quiet.map(({ ended }) => ended)), graceMs)
    for (const { call, ended } of quiet)
      if (!call.talking && live.has(call.id)) {
        await call.hangup(OUT_OF_ORDER)
        await within(ended, HANGUP_MS)
      }
    ari.close()
  }

  return { connected: ari.connected, live: () => live.size, stop }
}

type Running = { call: Call; channelId: string; ended: Promise<void> }

async function turnAway(call: Call, prompt: 'try-later' | 'number-not-active', cause: number): Promise<void> {
  await call.play(prompt)
  await call.hangup(cause)
}

function counts(recovery: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(recovery).map(([what, list]) => [what, (list as unknown[]).length]),
  )
}
