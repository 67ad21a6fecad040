import { createHash, randomBytes } from 'node:crypto'
import { hashSecret, newSecret } from '../api/login.ts'
import type { Account, Credential, Dialect } from '../engine/accounts.ts'
import type { Login, Store } from '../engine/store.ts'

/** Whose clients `account token` can give a new secret. */
export const DIALECTS = ['greenpin', 'stealthnet', '42com', 'mor', 'mobivate'] as const satisfies Dialect[]
/** Those in which an account can have more users than itself. */
export const DIALECTS_WITH_USERS = ['42com', 'mor', 'mobivate'] as const satisfies Dialect[]
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
  mobivate: { accountId: string; secret: string }
}

/** A login of a new account for each dialect. */
export function newLogins({ id: accountId, sid }: { id: string; sid: string }): NewLogins {
  const shown: ShownLogins = {
    greenpin: { sid, key: randomBytes(12).toString('hex'), token: newSecret() },
    stealthnet: { uid: sid, token: newSecret() },
    '42com': { user: sid, password: newSecret() },
    mor: { user: sid, secret: newSecret() },
    mobivate: { accountId: newMobivateId(), secret: newSecret() },
  }
  const credential = (dialect: Dialect, user: string, secret: string): Credential => {
    return { dialect, user, accountId, secretHash: kept(dialect, secret) }
  }
  const { greenpin, stealthnet, '42com': fortyTwoCom, mor, mobivate } = shown
  const credentials = [
    // GreenPin's manual logs in with the account's sid in one sentence and with an API key in the next.
    credential('greenpin', greenpin.sid, greenpin.token),
    credential('greenpin', greenpin.key, greenpin.token),
    credential('stealthnet', stealthnet.uid, stealthnet.token),
    credential('42com', fortyTwoCom.user, fortyTwoCom.password),
    credential('mor', mor.user, mor.secret),
    credential('mobivate', mobivate.accountId, mobivate.secret),
  ]
  return { shown, credentials }
}

/** An `account_id` of Mobivate, in the vendor's form: half of a signature whose other half everybody sees, so never a name. */
export function newMobivateId(): string {
  return randomBytes(16).toString('hex')
}

/** The account's own, by their letters. */
export async function mobivateIds(store: Store, { id }: Account): Promise<string[]> {
  return (await store.logins(id, 'mobivate')).map(({ user }) => user)
}

/**
 * What is kept of a secret. Clients of 42com, MOR and Mobivate sign with theirs and never send it, so that it, or what 42com's
 * HMAC is keyed with, must be there to check (docs/decisions/0018-secrets-that-sign-are-kept.md). `plain`: of use with 42com only.
 */
export function kept(dialect: Dialect, secret: string, plain = false): string {
  if (dialect === 'mor' || dialect === 'mobivate') return secret
  if (dialect !== '42com') return hashSecret(secret)
  return plain ? `${PLAIN}${secret}` : createHash('md5').update(secret).digest('hex')
}

/** Whether a login accepts clients that sign 42com's password itself. */
export function signsPlain(login: Pick<Login | Credential, 'secretHash'> | undefined): boolean {
  return login?.secretHash.startsWith(PLAIN) ?? false
}

/** A new secret as the users of a dialect are told it. */
export function told(dialect: DialectWithUsers, user: string, secret: string): object {
  if (dialect === 'mobivate') return { accountId: user, secret }
  return dialect === '42com' ? { user, password: secret } : { user, secret }
}
