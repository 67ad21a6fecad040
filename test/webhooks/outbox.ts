import { DEFAULT_SETTINGS } from '../../src/engine/accounts.ts'
import type { Event } from '../../src/engine/events.ts'
import type { Loop } from '../../src/loop.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { newWebhookSecret } from '../../src/webhooks/sign.ts'
import { startDelivery, type Attempt, type DeliverOptions, type Shape } from '../../src/webhooks/deliver.ts'

/** Keyed by the caller in every event of these tests; must appear in bodies and nowhere else. */
export const CANARY_PIN = '904173582'

type Options = Partial<DeliverOptions>

/** A real store with accounts and events in it, a delivery over it, and a clock that the test turns. */
export function testOutbox(file = ':memory:') {
  const store = openSqlite(file)
  const clock = { ms: Date.now() }
  const attempts: Attempt[] = []
  const errors: unknown[] = []
  const secrets = new Map<string, string>()
  let running: Loop | undefined
  let eventCount = 0

  async function account(id: string, endpoint: string): Promise<void> {
    const webhookSecret = newWebhookSecret()
    secrets.set(id, webhookSecret)
    const settings = { ...DEFAULT_SETTINGS, endpoints: { 'caller.refused': endpoint } }
    await store.addAccount({ id, sid: id, name: id, settings, webhookSecret }, [])
  }

  /** Commits events of an account and resolves to their ids. */
  async function commit(accountId: string, count = 1): Promise<string[]> {
    const events = Array.from({ length: count }, () => refused(accountId, `event-${++eventCount}`, clock.ms))
    await store.addEvents(events)
    running?.wake()
    return events.map(({ id }) => id)
  }

  function start(options: Options = {}): Loop {
    running = startDelivery({
      store,
      shape,
      now: () => clock.ms,
      randomInt: () => 0,
      allowPrivate: true,
      onAttempt: (attempt) => attempts.push(attempt),
      onError: (error) => errors.push(error),
      ...options,
    })
    return running
  }

  return {
    store,
    clock,
    attempts,
    errors,
    secrets,
    account,
    commit,
    start,
    /** Turns the clock to the next due delivery and lets it go out. */
    async untilNextDue(): Promise<number> {
      const next = await store.nextDeliveryAt()
      if (next === undefined) throw new Error('nothing waits')
      const waitMs = next - clock.ms
      clock.ms = next
      running?.wake()
      return waitMs
    },
    async close(): Promise<void> {
      await running?.stop()
      await store.close()
    },
  }
}

export type TestOutbox = ReturnType<typeof testOutbox>

export const shape: Shape = (event) => ({
  event: event.type,
  of: event.accountId,
  pin: 'pin' in event ? event.pin : '',
})

function refused(accountId: string, id: string, at: number): Event {
  const call = { callId: `call-${id}`, vn: '+442079460000', caller: '+447700900001', startedAt: at }
  return { type: 'caller.refused', id, accountId, at, ...call, pin: CANARY_PIN }
}
