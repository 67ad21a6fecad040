import { createHash, randomBytes } from 'node:crypto'
import { hashSecret, newSecret } from '../api/login.ts'
import type { Credential, Dialect } from '../engine/accounts.ts'
import type { Login } from '../engine/store.ts'

/** Whose clients `account token` can give a new secret. */
export const DIALECTS = ['greenpin', 'stealthnet', '42com', 'mor'] as const satisfies Dialect[]
/** Those in which an account can have more users than itself. */
export const DIALECTS_WITH_USERS = ['42com', 'mor'] as const satisfies Dialect[]
export type DialectWithUsers = (typeof DIALECTS_WITH_USERS)[number]

/** Before a password of 42com that is kept as it is, for clients that sign the password itself (docs/dialects/42com.md). */
const PLAIN = 'plain:'

/** How clients of an account log in at first, as it is told once, and as it is kept. */
export type NewLogins = { shown: ShownLogins; credentials: Credential[] }
type ShownLogins = {
  greenpin: { sid: string; key: string; token: string }
  stealthnet: { uid: string; token: string }
  '42com': { user: string; password: string }
  mor: { user: string; secret: string }
}

/** A login of a new account for each dialect. */
export function newLogins({ id: accountId, sid }: { id: string; sid: string }): NewLogins {
  const shown: ShownLogins = {
    greenpin: { sid, key: randomBytes(12).toString('hex'), token: newSecret() },
    stealthnet: { uid: sid, token: newSecret() },
    '42com': { user: sid, password: newSecret() },
    mor: { user: sid, secret: newSecret() },
  }
  const credential = (dialect: Dialect, user: string, secret: string): Credential => {
    return { dialect, user, accountId, secretHash: kept(dialect, secret) }
  }
  const { greenpin, stealthnet, '42com': fortyTwoCom, mor } = shown
  const credentials = [
    // GreenPin's manual logs in with the account's sid in one sentence and with an API key in the next.
    credential('greenpin', greenpin.sid, greenpin.token),
    credential('greenpin', greenpin.key, greenpin.token),
    credential('stealthnet', stealthnet.uid, stealthnet.token),
    credential('42com', fortyTwoCom.user, fortyTwoCom.password),
    credential('mor', mor.user, mor.secret),
  ]
  return { shown, credentials }
}

/**
 * What is kept of a secret. Clients of 42com and MOR sign with theirs and never send it, so that it, or what 42com's HMAC is
 * keyed with, must be there to check (docs/decisions/0018-secrets-that-sign-are-kept.md). `plain`: of use with 42com only.
 */
export function kept(dialect: Dialect, secret: string, plain = false): string {
  if (dialect === 'mor') return secret
  if (dialect !== '42com') return hashSecret(secret)
  return plain ? `${PLAIN}${secret}` : createHash('md5').update(secret).digest('hex')
}

/** Whether a login accepts clients that sign 42com's password itself. */
export function signsPlain(login: Pick<Login | Credential, 'secretHash'> | undefined): boolean {
  return login?.secretHash.startsWith(PLAIN) ?? false
}

/** A new secret as the users of a dialect are told it. */
export function told(dialect: DialectWithUsers, user: string, secret: string): object {
  return dialect === '42com' ? { user, password: secret } : { user, secret }
}
