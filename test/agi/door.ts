import { serveAgi, type AgiDoor, type AgiOptions } from '../../src/agi/server.ts'
import { createLog } from '../../src/log.ts'
import { testContext, type TestContext } from '../support/context.ts'
import { visit, type Caller, type Visit } from './peer.ts'

/** FastAGI on a real engine and an empty store. */
export type TestDoor = AgiDoor & {
  ctx: TestContext
  /** Lines of the log, parsed. */
  log: () => Record<string, unknown>[]
  rawLog: () => string
  visit: (caller?: Caller) => Visit
  /** A visit to its end. */
  visited: (caller?: Caller) => Promise<Visit>
  /** The store looks up no PIN until what this returns is called. */
  holdChecks: () => () => void
  close: () => Promise<void>
}

export const TIMES = { firstMs: 8_000, nextMs: 4_000, totalMs: 30_000 }

export async function openDoor(more: Partial<AgiOptions> = {}): Promise<TestDoor> {
  const ctx = testContext()
  const lines: string[] = []
  const log = createLog('trace', { write: (line: string) => void lines.push(line) })
  const where = { host: '127.0.0.1', port: 0 }
  const door = await serveAgi({ ctx, log, digits: TIMES, country: undefined, ...where, ...more })
  const visits: Visit[] = []
  const come = (caller?: Caller) => {
    const visiting = visit(door.port, caller)
    visits.push(visiting)
    return visiting
  }
  return {
    ...door,
    ctx,
    log: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    rawLog: () => lines.join(''),
    visit: come,
    async visited(caller) {
      const visiting = come(caller)
      await visiting.over
      return visiting
    },
    holdChecks() {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      const checkPin = ctx.store.checkPin.bind(ctx.store)
      ctx.store.checkPin = async (...asked) => {
        await promise
        return checkPin(...asked)
      }
      return () => resolve(undefined)
    },
    async close() {
      for (const { socket } of visits) socket.destroy()
      await door.stop(0)
      await ctx.store.close()
    },
  }
}
