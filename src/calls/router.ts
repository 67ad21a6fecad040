import type { Logger } from 'pino'
import type { Account, FlowName, VirtualNumber } from '../engine/accounts.ts'
import type { Context } from '../engine/context.ts'
import { callerNumber, dialledNumber, maskNumber } from '../engine/phone.ts'
import { ariCall, type AriCallOptions } from './ari-call.ts'
import { connectAri, type AriOptions, type Snapshot } from './ari.ts'
import type * as Asterisk from './ari-types.ts'
import { OUT_OF_ORDER, turnAway, UNASSIGNED, type Call, type Spoken } from './call.ts'
import { serveCallbacks } from './callbacks.ts'
import { within } from './deferred.ts'
import { callingCard } from './flows/calling-card.ts'
import { masking } from './flows/masking.ts'
import { pinLine } from './flows/pin-line.ts'
import { REJECTED, voipLine } from './flows/voip-line.ts'
import { LEG, type LegEnd } from './leg.ts'
import { callingLine, LINE } from './line-door.ts'
import { serveLines } from './lines.ts'
import { asked } from './override.ts'
import { recover } from './recover.ts'
import { runCalls } from './running.ts'
import { serveSendings } from './sendings.ts'
import type { DigitTimes } from './voice.ts'

type Flow = (call: Call, ctx: Context, vn: VirtualNumber, account: Account) => Promise<void>

/** The script that answers a virtual number, by the name in its row. */
const FLOWS: Record<FlowName, Flow> = { masking, 'pin-line': pinLine, 'calling-card': callingCard }

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
  /** Looks now for callbacks that are owed or shall end. */
  wakeCallbacks: () => void
  /** Looks now for people who are owed a call that tells them their PIN. */
  wakeSendings: () => void
  /**
   * Turns new callers away, gives those who are not talking yet `graceMs` to get through, hangs up the rest and
   * disconnects. Talks go on without us; the next process adopts them.
   */
  stop: (graceMs: number) => Promise<void>
}

/** How long a call that is hung up may take to be gone, in milliseconds. */
const HANGUP_MS = 1_000

/** Connects to Asterisk and runs the script of each call that comes. */
export function takeCalls(options: CallDoorOptions): CallDoor {
  const { ctx, log } = options
  let stopping = false
  const { live, run, close, keepTrying, insist } = runCalls({ ctx, log, stopping: () => stopping })
  const ari = connectAri({ ...options, now: ctx.now, onStart: arrived, reconcile })

  function arrived({ args, channel }: Asterisk.StasisStart): void {
    if (args[0] === LEG) return strayLeg(channel.id)
    if (args[0] === LINE) return calledByLine(args, channel)
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

  function calledByLine(args: string[], channel: Asterisk.Channel): void {
    let caller: string | undefined
    const call = newCall({ channelId: channel.id, from: () => caller })
    run(call, async () => {
      if (stopping) return turnAway(call, 'try-later', OUT_OF_ORDER)
      const line = await callingLine(ctx, args, channel.name)
      log.info({ call: call.id, channel: channel.id, card: line?.cardId, flow: LINE }, 'call')
      if (!line) return call.hangup(REJECTED)
      caller = line.callerId
      await voipLine(call, ctx, line.account, { ...line, dialled: channel.dialplan.exten })
    })
  }

  function reconcile(snapshot: Snapshot): Promise<void> {
    lines.reconnected()
    return recover(
      { ctx, log, ari, live, placing: callbacks.placing, newCall, run, close, keepTrying },
      snapshot,
    )
  }

  function newCall(what: Pick<AriCallOptions, 'channelId' | 'from' | 'adopted'> & { id?: string }): Call {
    const id = what.id ?? ctx.newId()
    const onBadPrompt = (prompts: Spoken[]) => log.error({ call: id, prompts }, 'Asterisk cannot play this')
    const onNotRecorded = (err: Error) => log.error({ call: id, err }, 'a talk is not recorded')
    const onLegEnd = (end: LegEnd) => log.info({ call: id, ...end }, 'leg ended')
    return ariCall(ari, {
      ...{ ...what, id, times: options.digits, newId: ctx.newId, contexts: options.contexts },
      ...{ onBadPrompt, onNotRecorded, onLegEnd, insist: (work) => insist(id, work) },
    })
  }

  /** A leg whose call ended while it was being created. */
  function strayLeg(channelId: string): void {
    ari.request('DELETE', `channels/${channelId}`).catch(() => undefined)
  }

  async function stop(graceMs: number): Promise<void> {
    stopping = true
    await Promise.all([callbacks.stop(), sendings.stop(), lines.stop()])
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

  const lines = serveLines({ ari, ctx, log })
  const toEnd = (call: Call, script: () => Promise<void>) => run(call, script).over
  const callbacks = serveCallbacks({ ctx, log, ari, live, newCall, keepTrying, run: toEnd })
  const sendings = serveSendings({ ctx, log, ari, newCall, keepTrying, run: toEnd })
  const running = () => [...live.values()].filter(({ ended }) => !ended)
  return {
    connected: ari.connected,
    live: () => running().length,
    talking: () => running().filter(({ call }) => call.talking).length,
    wakeCallbacks: callbacks.wake,
    wakeSendings: sendings.wake,
    stop,
  }
}
