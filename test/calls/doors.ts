import { expect } from '@jest/globals'
import { takeCalls, type CallDoor } from '../../src/calls/router.ts'
import type { Context } from '../../src/engine/context.ts'
import type { Store } from '../../src/engine/store.ts'
import { createLog } from '../../src/log.ts'
import { PASSWORD, USER, type FakeAri } from '../support/fake-ari.ts'
import { soon } from './time.ts'

/** Applications that take the calls of one Asterisk, one after another. */
export type Doors = {
  /** One that is connected. */
  open: (store?: Store) => Promise<CallDoor>
  /** A process that will be killed: from then on it writes nothing, and its successor takes its connection away. */
  openDoomed: () => Promise<{ door: CallDoor; kill: () => void }>
  /** Those that were not killed. */
  alive: () => readonly CallDoor[]
  /** What all of them have logged, at `info` and above unless `trace` is asked for. */
  log: string[]
}

export function doorsOf(asterisk: FakeAri, ctx: Context, level: 'info' | 'trace' = 'info'): Doors {
  const log: string[] = []
  let doors: CallDoor[] = []

  async function open(store = ctx.store): Promise<CallDoor> {
    const door = takeCalls({
      ...{ url: asterisk.url, user: USER, password: PASSWORD, application: 'pinbridge' },
      ...{ ctx: { ...ctx, store }, digits: { firstMs: 800, nextMs: 400, totalMs: 3_000 } },
      ...{ contexts: [], country: undefined, onReplaced: () => undefined },
      log: createLog(level, { write: (line: string) => void log.push(line) }),
    })
    doors.push(door)
    await soon(() => expect(door.connected()).toBe(true))
    return door
  }

  async function openDoomed(): Promise<{ door: CallDoor; kill: () => void }> {
    let alive = true
    const never = new Promise<never>(() => undefined)
    const store = new Proxy(ctx.store, {
      get(target, name) {
        const methods = target as unknown as Record<string | symbol, (...args: unknown[]) => unknown>
        return (...args: unknown[]) => (alive ? methods[name]!(...args) : never)
      },
    })
    const door = await open(store)
    const kill = () => {
      alive = false
      doors = doors.filter((one) => one !== door)
    }
    return { door, kill }
  }

  return { open, openDoomed, alive: () => doors, log }
}
