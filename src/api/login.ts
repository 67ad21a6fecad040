import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Account, Dialect } from '../engine/accounts.ts'
import type { Store } from '../engine/store.ts'

/** A new secret of 256 random bits. It is shown once; only `hashSecret` of it is kept. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** What is kept of a secret: SHA-256 in hex. Enough for a random token, which no dictionary contains. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Compared with for users who do not exist, so that they take as long as those who do. */
const NOBODY = hashSecret(newSecret())

/** What somebody logs in with. */
export type GivenCredentials = { user: string; secret: string }

/** The account whose credential of this dialect the `Authorization` header carries (HTTP Basic, RFC 7617), or undefined. */
export function login(
  store: Pick<Store, 'findLogin'>,
  dialect: Dialect,
  header: string | undefined,
): Promise<Account | undefined> {
  return loginAs(store, dialect, basicCredentials(header))
}

/** The account whose credential of this dialect these are, or undefined. */
export async function loginAs(
  store: Pick<Store, 'findLogin'>,
  dialect: Dialect,
  given: GivenCredentials | undefined,
): Promise<Account | undefined> {
  if (!given) return undefined
  const found = await store.findLogin(dialect, given.user)
  const same = sameHash(hashSecret(given.secret), found?.secretHash ?? NOBODY)
  return same ? found?.account : undefined
}

/** User and secret of a Basic header. The space may be missing: GreenPin's Node sample sends `'Basic'+ encoding`. */
export function basicCredentials(header: string | undefined): GivenCredentials | undefined {
  const [, base64] = /^Basic *([A-Za-z0-9+/_-]{1,2048}={0,2})$/i.exec(header ?? '') ?? []
  if (base64 === undefined) return undefined
  const text = Buffer.from(base64, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 1 ? undefined : { user: text.slice(0, colon), secret: text.slice(colon + 1) }
}

function sameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
