import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Credential } from '../../../engine/accounts.ts'
import type { Method } from './schema.ts'

/** What a signature is made over, as it is sent; '' for what is not. */
export type SignedFields = {
  method: Method
  campaignId: string
  msisdn: string
  keyword: string
  pin: string
}

/** Who signed a request. */
export type Signed = {
  /** The account id: a login of the account. */
  user: string
  signature: string
  /** When, in milliseconds since the epoch; undefined where the signature does not say: it is the vendor's, and good for ever. */
  at: number | undefined
}

/** How far the time of a strong signature may be from our clock, either way. */
export const WINDOW_MS = 300_000

/** `v2.<seconds since the epoch>.<HMAC in lower-case hex>`. What is written any other way would be a second spelling. */
const STRONG = /^v2\.([1-9]\d{0,11})\.[0-9a-f]{64}$/

/**
 * Whichever of the logins signed this, undefined when none did: the vendor's way, or with its secret, see `weak` and `strong`. All are
 * compared, in time that does not depend on how much is right.
 */
export function whoSigned(
  logins: readonly Pick<Credential, 'user' | 'secretHash'>[],
  fields: SignedFields,
  signature: string,
): Signed | undefined {
  const [, seconds] = STRONG.exec(signature) ?? []
  const fits = logins.map(({ user, secretHash }) =>
    same(signature, seconds === undefined ? weak(user, fields) : strong(secretHash, seconds, fields)),
  )
  const login = logins[fits.indexOf(true)]
  const at = seconds === undefined ? undefined : Number(seconds) * 1_000
  return login && { user: login.user, signature, at }
}

/** The vendor's: account id first, though its page names it last, as its example shows. Nothing of it is a secret. */
function weak(accountId: string, { campaignId, msisdn }: SignedFields): string {
  return createHash('md5').update(`${accountId}${campaignId}${msisdn}`).digest('hex')
}

/** Ours, which has the secret, the time, and all that matters. No field has a line feed in it (`readFields`). */
function strong(secret: string, seconds: string, fields: SignedFields): string {
  const { method, campaignId, msisdn, keyword, pin } = fields
  const message = [seconds, method, campaignId, msisdn, keyword, pin].join('\n')
  return `v2.${seconds}.${createHmac('sha256', secret).update(message).digest('hex')}`
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
