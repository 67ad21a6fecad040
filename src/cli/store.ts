import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { v7 as newId } from 'uuid'
import { loadConfig, type Config } from '../config.ts'
import type { Account } from '../engine/accounts.ts'
import type { Context } from '../engine/context.ts'
import { Refusal } from '../engine/errors.ts'
import type { Store } from '../engine/store.ts'
import { openSqlite } from '../store/sqlite.ts'

/** The database of the data folder. */
export function databaseFile(config: Config): string {
  return path.join(config.data, 'pinbridge.db')
}

/** Does something with the store, which the application may have open at the same time, and closes it. */
export async function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const store = openSqlite(databaseFile(config))
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** Throws Refusal 'not_found'. */
export async function accountBySid(store: Store, sid: string): Promise<Account> {
  const account = (await store.accounts()).find((one) => one.sid === sid)
  if (!account) throw new Refusal('not_found', `no account has the sid ${sid}: see pinbridge account list`)
  return account
}

/** Does something about an account, as withStore does. Throws Refusal 'not_found'. */
export function withAccount<T>(
  sid: string,
  work: (ctx: Context, account: Account) => Promise<T>,
): Promise<T> {
  return withContext(loadConfig(), async (ctx) => work(ctx, await accountBySid(ctx.store, sid)))
}

/** Does something with the engine, as withStore does. */
export function withContext<T>(config: Config, work: (ctx: Context) => Promise<T>): Promise<T> {
  return withStore(config, (store) => work(contextOf(store)))
}

/** The engine's doors to the outside, for a command. */
function contextOf(store: Store): Context {
  return { store, now: Date.now, randomInt: (max) => randomInt(max), newId }
}
