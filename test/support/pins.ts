import path from 'node:path'
import { randomInt } from 'node:crypto'
import { v7 as newId } from 'uuid'
import type { Account } from '../../src/engine/accounts.ts'
import type { Context } from '../../src/engine/context.ts'
import { writeDatabase, writePins } from '../../src/engine/pin-databases.ts'
import type { PinUse, Validity } from '../../src/engine/pin-store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

/** The PIN databases of an account whose application is running: beside it, as the command line would. */
export type PinDesk = {
  write: (database: number, start: string, end?: string, validity?: Partial<Validity>) => Promise<void>
  /** 0: any number. */
  limitKeys: (database: number, maxKeys: number) => Promise<void>
  /** All uses so far, oldest first. */
  uses: (database: number) => Promise<PinUse[]>
}

/** `data`: the data folder. */
export function pinDesk(data: string, sid: string): PinDesk {
  async function open<R>(work: (ctx: Context, account: Account) => Promise<R>): Promise<R> {
    const store = openSqlite(path.join(data, 'pinbridge.db'))
    try {
      const account = (await store.accounts()).find((one) => one.sid === sid)
      if (!account) throw new Error(`no account ${sid}`)
      return await work({ store, now: Date.now, randomInt: (max) => randomInt(max), newId }, account)
    } finally {
      await store.close()
    }
  }
  return {
    write: (database, start, end = start, validity = {}) =>
      open((ctx, account) => {
        const wanted = { start, end, beginsAt: undefined, expiresAt: undefined, ...validity }
        return writePins(ctx, account, database, wanted, 1_000_000)
      }),
    limitKeys: (database, maxKeys) =>
      open((ctx, account) => writeDatabase(ctx, account, database, { maxKeys }, [])),
    uses: (database) =>
      open((ctx, account) =>
        ctx.store.usesAfter(account.id, database, { from: 0, to: Infinity }, undefined, 10_000),
      ),
  }
}
