import { jest } from '@jest/globals'

/** Only what waits is faked: sockets, promises and immediates go on by themselves. */
export function fakeTime(): void {
  jest.useFakeTimers({
    now: Date.UTC(2026, 2, 29),
    doNotFake: [
      ...(['nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate'] as const),
      ...(['hrtime', 'performance'] as const),
    ],
  })
}

/** Repeats an assertion until it holds, without a timer; after five seconds throws what it threw last. */
export async function soon(assertion: () => void | Promise<void>): Promise<void> {
  const giveUpAt = performance.now() + 5_000
  for (;;) {
    try {
      await assertion()
      return
    } catch (error) {
      if (performance.now() >= giveUpAt) throw error
      await new Promise((turn) => setImmediate(turn))
    }
  }
}
