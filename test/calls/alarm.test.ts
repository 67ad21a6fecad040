import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { alarm } from '../../src/calls/deferred.ts'
import { fakeTime } from './time.ts'

beforeEach(fakeTime)
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0)
  jest.useRealTimers()
})

/** A clock that nobody sets, on the test's time. */
function monotonic() {
  const zero = Date.now()
  return { clock: () => Date.now() - zero + 1_000_000 }
}

describe('an alarm', () => {
  test.each([1, 59_999, 60_000, 60_001, 10_800_000, 40 * 86_400_000])('fires after %d ms, once', (ms) => {
    const fire = jest.fn()
    alarm(ms, fire, monotonic().clock)
    jest.advanceTimersByTime(ms - 1)
    expect(fire).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1)
    expect(fire).toHaveBeenCalledTimes(1)
    jest.advanceTimersByTime(ms)
    expect(fire).toHaveBeenCalledTimes(1)
  })

  test('that is due fires at once', () => {
    const fire = jest.fn()
    alarm(0, fire, monotonic().clock)
    expect(fire).toHaveBeenCalledTimes(1)
  })

  test('that is taken back never fires', () => {
    const fire = jest.fn()
    const off = alarm(120_000, fire, monotonic().clock)
    jest.advanceTimersByTime(61_000)
    off()
    jest.advanceTimersByTime(120_000)
    expect(fire).not.toHaveBeenCalled()
  })

  test('whose timers lose time fires on time all the same', () => {
    const fire = jest.fn()
    // Each timer is as late as a busy machine makes it: the clock is a second further than the timers.
    let lost = 0
    const { clock } = monotonic()
    alarm(180_000, fire, () => clock() + lost)
    jest.advanceTimersByTime(60_000)
    lost = 1_000
    jest.advanceTimersByTime(60_000)
    lost = 2_000
    jest.advanceTimersByTime(57_999)
    expect(fire).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1_001)
    expect(fire).toHaveBeenCalledTimes(1)
    expect(clock() - 1_000_000).toBeLessThanOrEqual(180_000)
  })

  test('whose timer comes too early waits for the rest', () => {
    const fire = jest.fn()
    const { clock } = monotonic()
    // The clock stands still for five seconds, as under a debugger.
    alarm(10_000, fire, () => Math.max(clock() - 5_000, 1_000_000))
    jest.advanceTimersByTime(10_000)
    expect(fire).not.toHaveBeenCalled()
    jest.advanceTimersByTime(5_000)
    expect(fire).toHaveBeenCalledTimes(1)
  })
})
