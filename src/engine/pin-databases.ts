import type { Account } from './accounts.ts'
import type { Context } from './context.ts'
import { Refusal } from './errors.ts'
import { inOrder } from './in-order.ts'
import { callerNumber, mayBeRung } from './phone.ts'
import { couldBeDatabasePin, inChunks, pinRuns } from './pin-range.ts'
import type { PinDatabase, PinAction, Validity } from './pin-store.ts'

/** Simple PINs: "Defaults to 1. May be any integer up to 9999." */
export const DEFAULT_DATABASE = 1
export const MAX_DATABASE = 9_999

/** The most keys that a limit can name. */
const MOST_KEYS = 1_000_000
const LONGEST_LABEL = 100

/** PINs written or deleted in one transaction: calls wait for no longer one. */
const CHUNK = 2_500

/** Who keys a PIN when the number is withheld: all of them are one. */
export const ANONYMOUS = 'anonymous'

/** What a database is unless something else was asked for: any number of keys, and nobody is connected. */
export const NEW_DATABASE: Pick<PinDatabase, 'label' | 'maxKeys' | 'action'> = {
  label: '',
  maxKeys: 0,
  action: { do: 'confirm' },
}

/** What to change about a database; undefined leaves it as it is. */
export type WantedDatabase = {
  label?: string | undefined
  /** 0: any number. */
  maxKeys?: number | undefined
  action?: PinAction | undefined
}

/** The PINs to write or to delete, from `start` to `end`, both included. */
export type WantedRange = { start: string; end: string }

/**
 * Makes a database, or changes what is said of it. Throws Refusal 'invalid' with the name of what is wrong.
 * `contexts`: those of the dialplan to which callers may be sent.
 */
export async function writeDatabase(
  ctx: Context,
  account: Account,
  number: number,
  wanted: WantedDatabase,
  contexts: readonly string[],
): Promise<void> {
  checkNumber(number)
  const { label, maxKeys, action } = wanted
  if (label !== undefined && !/^[^\p{Cc}\p{Cf}]*$/u.test(label)) throw new Refusal('invalid', 'label')
  if (label !== undefined && label.length > LONGEST_LABEL) throw new Refusal('invalid', 'label')
  if (maxKeys !== undefined && !(Number.isInteger(maxKeys) && maxKeys >= 0 && maxKeys <= MOST_KEYS))
    throw new Refusal('invalid', 'max-keys')
  if (action) checkAction(action, account, contexts)
  await ctx.store.changePinDatabase(account.id, number, (database) => {
    const { label, maxKeys, action } = database ?? NEW_DATABASE
    const save = {
      label: wanted.label ?? label,
      maxKeys: wanted.maxKeys ?? maxKeys,
      action: wanted.action ?? action,
    }
    return { save, result: undefined }
  })
}

/** An account is somebody's customer: it reaches neither numbers that cost nor contexts that it was not given. */
function checkAction(action: PinAction, account: Account, contexts: readonly string[]): void {
  if (action.do === 'dial' && !mayBeRung(action.number, account.settings))
    throw new Refusal('invalid_number', 'target')
  if (action.do !== 'continue') return
  if (!contexts.includes(action.context)) throw new Refusal('forbidden', 'target')
  // What dialplans run by themselves when something has happened is nobody's destination.
  const isSpecial = /^[hitToae]$/.test(action.extension)
  if (isSpecial || !/^[A-Za-z0-9_+*#-]{1,40}$/.test(action.extension)) throw new Refusal('invalid', 'target')
}

/**
 * Writes PINs, new ones and those that are there: each gets exactly this validity. A database is made by the first.
 * In chunks: one that fails half-way can be sent again. Throws Refusal 'invalid' or 'too_many'.
 * `most`: how many PINs one call may name.
 */
export async function writePins(
  ctx: Context,
  account: Account,
  number: number,
  { start, end, ...validity }: WantedRange & Validity,
  most: number,
): Promise<void> {
  checkNumber(number)
  const runs = pinRuns(start, end, most)
  const { beginsAt, expiresAt } = validity
  if (beginsAt !== undefined && expiresAt !== undefined && expiresAt <= beginsAt)
    throw new Refusal('invalid', 'expires-at')
  await inOrder(ctx.store, account.id, number, async () => {
    for (const run of inChunks(runs, CHUNK)) await ctx.store.writePins(account.id, number, run, validity)
  })
}

/** Deletes PINs; their uses and keys stay. Not finding any is no error. Throws Refusal 'invalid' or 'too_many'. */
export async function deletePins(
  ctx: Context,
  account: Account,
  number: number,
  { start, end }: WantedRange,
  most: number,
): Promise<void> {
  checkNumber(number)
  const runs = pinRuns(start, end, most)
  await inOrder(ctx.store, account.id, number, async () => {
    for (const run of inChunks(runs, CHUNK)) await ctx.store.deletePins(account.id, number, run)
  })
}

/** Deletes one key of a PIN, or all of them. Not finding any is no error. Throws Refusal 'invalid'. */
export async function deleteKeys(
  ctx: Context,
  account: Account,
  number: number,
  pin: string,
  key?: string,
): Promise<void> {
  checkNumber(number)
  if (!couldBeDatabasePin(pin)) throw new Refusal('invalid', 'pin')
  const canonical = key === undefined ? undefined : canonicalKey(key, account)
  if (key !== undefined && canonical === undefined) throw new Refusal('invalid', 'value')
  await ctx.store.deletePinKeys(account.id, number, pin, canonical)
}

/**
 * A key as it is kept: a telephone number in E.164, however it was written, and anything else as it is. Undefined for what
 * cannot be a key: 1 to 32 letters, digits and `+ * # . _ -`, of which the first is a letter or a digit, as a spreadsheet
 * takes what begins with a sign for a formula.
 */
export function canonicalKey(key: string, account: Account): string | undefined {
  const number = callerNumber(key, account.settings.country)
  if (number !== undefined) return number
  return /^[A-Za-z0-9][A-Za-z0-9+*#._-]{0,31}$/.test(key) ? key : undefined
}

function checkNumber(number: number): void {
  if (!Number.isInteger(number) || number < 1 || number > MAX_DATABASE) throw new Refusal('invalid', 'db')
}
