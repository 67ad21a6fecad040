import { askPin } from '../calls/flows/ask-pin.ts'
import type { Account, VirtualNumber } from '../engine/accounts.ts'
import type { Context } from '../engine/context.ts'
import { FASTAGI } from '../engine/guard.ts'
import { callerNumber, dialledNumber } from '../engine/phone.ts'
import { checkPin, type PinVerdict } from '../engine/pin-check.ts'
import { DEFAULT_DATABASE } from '../engine/pin-databases.ts'
import type { AgiChannel } from './channel.ts'
import type { Environment } from './environment.ts'
import { BadRequest, checkRequest } from './request.ts'

/** What the dialplan is told in PINSTATUS. */
type PinStatus = 'OK' | 'REFUSED' | 'LOCKED' | 'ERROR'

/** What became of one run of AGI(), as far as it came. */
export type Report = {
  status: PinStatus
  account?: Account
  database?: number
  /** The caller in E.164; undefined when withheld. */
  caller?: string | undefined
}

export type CheckOptions = {
  ctx: Context
  /** Whose national numbers may be dialled without a country code. */
  country: string | undefined
}

const STATUS: Record<PinVerdict['status'], PinStatus> = { ok: 'OK', refused: 'REFUSED', locked: 'LOCKED' }

/**
 * `AGI(agi://host/check?…)`: asks the caller for a PIN, or takes the one that it is given, and tells the dialplan what it is
 * worth. Writes what happens into `report`. Throws BadRequest, Hangup, or what the store throws; the dialplan reads ERROR
 * then.
 */
export async function check(
  channel: AgiChannel,
  environment: Environment,
  { ctx, country }: CheckOptions,
  report: Report,
): Promise<void> {
  // Before anything else: whatever ends this half-way must not leave what an earlier check said.
  await channel.setVariable('PINSTATUS', 'ERROR')
  await channel.setVariable('PINKEY_COUNT', '0')
  const request = checkRequest(environment.get('network_script') ?? '', argumentsOf(environment))
  const { account, number } = await owner(ctx, environment, country, request.account)
  const database = request.database ?? number?.database ?? DEFAULT_DATABASE
  const key = callerOf(environment, account)
  Object.assign(report, { account, database, caller: key })
  const tried = (pin: string) => checkPin(ctx, { account, database, pin, key, way: FASTAGI })

  let verdict: PinVerdict = { status: 'refused', keys: 0 }
  if (request.pin !== undefined) verdict = await tried(request.pin)
  else {
    await channel.answer()
    const keyed = async (pin: string) => {
      verdict = await channel.meanwhile(tried(pin))
      if (verdict.status !== 'ok') return undefined
      await tell(channel, verdict, report)
      return verdict
    }
    const attempts = request.attempts ?? account.settings.pinAttempts
    const right = await askPin(channel, { attempts, check: keyed, onWrong: () => undefined })
    if (right) return channel.play('pin-right')
  }
  await tell(channel, verdict, report)
}

/** What stands after the address in AGI(), in order. */
function argumentsOf(environment: Environment): string[] {
  return [...environment].flatMap(([name, value]) => (/^arg_\d+$/.test(name) ? [value] : []))
}

async function tell(channel: AgiChannel, { status, keys }: PinVerdict, report: Report): Promise<void> {
  await channel.setVariable('PINKEY_COUNT', String(keys))
  // Last, because the dialplan goes by it.
  await channel.setVariable('PINSTATUS', STATUS[status])
  report.status = STATUS[status]
}

/** Whose PINs they are, and the virtual number that was dialled if it is that account's. */
async function owner(
  ctx: Context,
  environment: Environment,
  country: string | undefined,
  sid: string | undefined,
): Promise<{ account: Account; number?: VirtualNumber }> {
  const dialled = await dialledOwner(ctx, environment, country)
  if (dialled && (sid === undefined || dialled.account.sid === sid)) return dialled
  const all = await ctx.store.accounts()
  const account = sid === undefined ? undefined : all.find((one) => one.sid === sid)
  if (account) return { account }
  if (sid !== undefined) throw new BadRequest('account is none of ours')
  const [only, ...others] = all
  if (!only || others.length > 0)
    throw new BadRequest("account is not given, and the number dialled is nobody's")
  return { account: only }
}

/** Of the number that the trunk delivered, else of the extension at which the dialplan is. */
async function dialledOwner(ctx: Context, environment: Environment, country: string | undefined) {
  for (const name of ['dnid', 'extension']) {
    const number = dialledNumber(environment.get(name) ?? '', country)
    const found = number === undefined ? undefined : await ctx.store.findNumber(number)
    if (found) return found
  }
  return undefined
}

/** The bits of a presentation that say whether the number may be shown: none of them, if it may (Q.951). */
const WITHHELD = 0x60

function callerOf(environment: Environment, account: Account): string | undefined {
  if (Number(environment.get('callingpres') ?? 0) & WITHHELD) return undefined
  // `unknown`, which Asterisk says where there is none, is no number.
  return callerNumber(environment.get('callerid') ?? '', account.settings.country)
}
