import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Account } from '../../../engine/accounts.ts'
import type { Store } from '../../../engine/store.ts'
import { newSecret } from '../../login.ts'
import { Fault } from './answers.ts'
import { parseSentDate } from './dates.ts'

/** Who signed a request. */
export type Signed = {
  account: Account
  user: string
  /** The card that the user's login is for. */
  cardId: number | undefined
  signature: string
  /** When it was signed; milliseconds since the epoch. */
  at: number
}

/** "older than three minutes": how far the date of a request may be from our clock, either way. */
export const WINDOW_MS = 180_000

/** `user:signature`, where the signature is the base64 of 20 bytes. What is written any other way would be a second spelling. */
const AUTHORIZATION = /^(.{1,128}):([A-Za-z0-9+/]{27}=)$/

/**
 * Whoever signed the date of this request: `x-authorization` is the user, a colon, and the base64 of
 * HMAC-SHA1(key, message) with the MD5 of the password, in hex, as the key, and that, a line feed and `x-date` as the message.
 * Method, address and body are not signed. Throws Fault 401, the same for all that may be wrong; and once the signature is right
 * 403 for a date that is none, 1011 and 1012 for one that is too far from `now`.
 */
export async function signedBy(
  store: Pick<Store, 'findLogin'>,
  headers: IncomingHttpHeaders,
  now: number,
): Promise<Signed> {
  const { 'x-date': date, 'x-authorization': authorization } = headers
  const [, user, signature] = AUTHORIZATION.exec(typeof authorization === 'string' ? authorization : '') ?? []
  if (user === undefined || signature === undefined || typeof date !== 'string') throw new Fault(401)
  const found = await store.findLogin('42com', user)
  const right = isSignature(signature, date, found?.secretHash ?? NOBODY)
  if (!found || !right) throw new Fault(401)
  const at = parseSentDate(date)
  if (at === undefined) throw new Fault(403, 'Header x-date Not Valid')
  if (now - at > WINDOW_MS) throw new Fault(1011)
  if (at - now > WINDOW_MS) throw new Fault(1012)
  return { account: found.account, user, cardId: found.cardId, signature, at }
}

/** Compared with for users who do not exist, so that they take as long as those who do. */
const NOBODY = md5(newSecret())
/** Before a password that is kept as it is, because its user's client signs the password itself in place of its MD5. */
const PLAIN = 'plain:'

/**
 * Whether a user with this secret would sign so. Both ways to sign are computed for everybody; for a secret that is no password
 * they are the same.
 */
export function isSignature(signature: string, date: string, secretHash: string): boolean {
  const isPlain = secretHash.startsWith(PLAIN)
  const password = isPlain ? secretHash.slice(PLAIN.length) : secretHash
  const key = isPlain ? md5(password) : secretHash
  const asDocumented = same(signature, hmac(key, `${key}\n${date}`))
  const asSomeDo = same(signature, hmac(key, `${password}\n${date}`))
  return asDocumented || asSomeDo
}

function hmac(key: string, message: string): string {
  return createHmac('sha1', key).update(message).digest('base64')
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
