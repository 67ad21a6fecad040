import { Refusal } from '../../../engine/errors.ts'
import { clientWay } from '../../../engine/guard.ts'
import { accountNumber } from '../../../engine/phone.ts'
import { checkPin } from '../../../engine/pin-check.ts'
import {
  canonicalKey,
  deleteKeys,
  deletePins,
  writeDatabase,
  writePins,
} from '../../../engine/pin-databases.ts'
import type { PinAction } from '../../../engine/pin-store.ts'
import { parseWallClock } from '../../../engine/time.ts'
import { type Asked, blank } from './answers.ts'
import { MEDIA_TYPES, recordsOf } from './records.ts'
import type { Sent } from './schema.ts'

export async function write({ ctx, account, limits, res }: Asked, sent: Sent<'write-pins'>): Promise<void> {
  const { timeZone } = account.settings
  const validity = {
    beginsAt: instantOf(sent['begins-at'], timeZone, 'begins-at'),
    expiresAt: instantOf(sent['expires-at'], timeZone, 'expires-at'),
  }
  await writePins(ctx, account, sent.db, { ...rangeOf(sent), ...validity }, limits.range)
  blank(res)
}

export async function remove({ ctx, account, limits, res }: Asked, sent: Sent<'delete-pins'>): Promise<void> {
  await deletePins(ctx, account, sent.db, rangeOf(sent), limits.range)
  blank(res)
}

export async function removeKey({ ctx, account, res }: Asked, sent: Sent<'delete-key'>): Promise<void> {
  await deleteKeys(ctx, account, sent.db, sent.pin, sent.value)
  blank(res)
}

export async function removeKeys({ ctx, account, res }: Asked, sent: Sent<'delete-keys'>): Promise<void> {
  await deleteKeys(ctx, account, sent.db, sent.pin)
  blank(res)
}

export async function writeDb({ ctx, account, limits, res }: Asked, sent: Sent<'write-db'>): Promise<void> {
  const { label, 'max-keys': maxKeys } = sent
  await writeDatabase(
    ctx,
    account,
    sent.db,
    { label, maxKeys, action: actionOf(sent, account) },
    limits.contexts,
  )
  blank(res)
}

/**
 * 200 when the PIN may be used, and was; else 403, so that a client who looks at nothing but the status lets nobody in.
 * The body is a record in both cases: PIN, DB, OK or REFUSED or LOCKED, number of keys.
 */
export async function check({ ctx, account, res }: Asked, sent: Sent<'check-pin'>): Promise<void> {
  const { pin, db, output } = sent
  const key = sent.key === undefined ? undefined : canonicalKey(sent.key, account)
  if (sent.key !== undefined && key === undefined) throw new Refusal('invalid', 'key')
  const verdict = await checkPin(ctx, { account, database: db, pin, key, way: clientWay(account.id, 'pins') })
  const { open, close, record } = recordsOf(output, ['pin', 'db', 'status', 'keys'])
  res.status(verdict.status === 'ok' ? 200 : 403).set('Content-Type', MEDIA_TYPES[output])
  res.end(open + record([pin, db, verdict.status.toUpperCase(), verdict.keys]) + close)
}

function rangeOf(sent: Sent<'delete-pins'> | Sent<'write-pins'>) {
  return { start: sent['start-pin'], end: sent['end-pin'] }
}

/** The instant of a date in the one form that the page has. Throws Refusal 'invalid' with the name of the parameter. */
function instantOf(written: string | undefined, timeZone: string, name: string): number | undefined {
  if (written === undefined) return undefined
  const instant = parseWallClock(written, timeZone)
  if (instant === undefined) throw new Refusal('invalid', name)
  return instant
}

function actionOf(sent: Sent<'write-db'>, { settings }: Asked['account']): PinAction | undefined {
  const { 'vn-action': wanted, target } = sent
  if (wanted === undefined || wanted === 'confirm') {
    if (target !== undefined) throw new Refusal('invalid', 'target')
    return wanted && { do: wanted }
  }
  if (target === undefined) throw new Refusal('missing', 'target')
  if (wanted === 'dial') return { do: 'dial', number: numberOf(target, settings) }
  const [context, extension, ...others] = target.split(',')
  if (context === undefined || extension === undefined || others.length > 0)
    throw new Refusal('invalid', 'target')
  return { do: 'continue', context, extension }
}

function numberOf(written: string, settings: Asked['account']['settings']): string {
  try {
    return accountNumber(written.replace(/^ (?=\d)/, '+'), settings)
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.code, 'target')
    throw error
  }
}
