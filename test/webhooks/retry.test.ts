import { randomInt } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { outcomeOf, RETRY_SCHEDULE_MS } from '../../src/webhooks/retry.ts'

const NOW = Date.UTC(2026, 2, 29, 1, 30)
const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const rules = { scheduleMs: RETRY_SCHEDULE_MS, randomInt: () => 0 }

const answered = (status: number, attempts = 0, retryAfter?: string) =>
  outcomeOf({ status, retryAfter }, attempts, NOW, rules)

describe('what follows from an attempt', () => {
  test.each([200, 201, 202, 204, 299])('%d is delivered', (status) => {
    expect(answered(status, 9)).toEqual({ state: 'delivered', status })
  })

  test.each([100, 101, 199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 422, 500, 503])(
    '%d is tried again',
    (status) => {
      expect(answered(status)).toEqual({ state: 'retry', dueAt: NOW + 5_000, reason: `HTTP ${status}` })
    },
  )

  test('410 Gone ends it, on the first attempt and on the last', () => {
    expect(answered(410)).toEqual({ state: 'gone', reason: 'HTTP 410' })
    expect(answered(410, 9)).toEqual({ state: 'gone', reason: 'HTTP 410' })
  })

  test('no answer is tried again, and given up after the tenth attempt', () => {
    const silent = (attempts: number) => outcomeOf({ reason: 'ECONNREFUSED' }, attempts, NOW, rules)
    expect(silent(8)).toEqual({ state: 'retry', dueAt: NOW + DAY_MS, reason: 'ECONNREFUSED' })
    expect(silent(9)).toEqual({ state: 'dead', reason: 'ECONNREFUSED' })
  })
})

describe('the schedule', () => {
  // Standard Webhooks 1.0.0, "Deliverability and reliability": 24 hours | 75:35:05
  test('spans 75 h 35 min 5 s, and jitter makes it longer by a tenth at most', () => {
    const total = (75 * 3600 + 35 * 60 + 5) * SECOND_MS
    for (let round = 0; round < 200; round++) {
      let now = NOW
      for (let attempts = 0; attempts < 9; attempts++) {
        const outcome = outcomeOf({ reason: 'x' }, attempts, now, { ...rules, randomInt })
        if (outcome.state !== 'retry') throw new Error(outcome.state)
        now = outcome.dueAt
      }
      expect(now - NOW).toBeGreaterThanOrEqual(total)
      expect(now - NOW).toBeLessThanOrEqual(total * 1.1)
    }
  })

  test('spreads what failed together over a tenth of the wait', () => {
    const dueAt = (pick: (max: number) => number) =>
      outcomeOf({ reason: 'x' }, 3, NOW, { ...rules, randomInt: pick })
    expect(dueAt(() => 0)).toMatchObject({ dueAt: NOW + 2 * HOUR_MS })
    expect(dueAt((max) => max - 1)).toMatchObject({ dueAt: NOW + 2.2 * HOUR_MS })
  })
})

describe('Retry-After', () => {
  const waitOf = (retryAfter: string, { status = 429, attempts = 0 } = {}) => {
    const outcome = answered(status, attempts, retryAfter)
    return outcome.state === 'retry' ? outcome.dueAt - NOW : outcome.state
  }

  test.each([429, 502, 503, 504])('is honoured with %d', (status) => {
    expect(waitOf('120', { status })).toBe(120_000)
  })

  test.each([301, 400, 500])('is not asked with %d', (status) => {
    expect(waitOf('120', { status })).toBe(5_000)
  })

  // RFC 9110 5.6.7: "A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date formats"
  test.each(['Sun, 29 Mar 2026 02:30:00 GMT', 'Sunday, 29-Mar-26 02:30:00 GMT', 'Sun Mar 29 02:30:00 2026'])(
    'may be the date %s',
    (date) => expect(waitOf(date)).toBe(HOUR_MS),
  )

  test('never brings an attempt forward, so that ten attempts still take three days', () => {
    expect(waitOf('1', { attempts: 5 })).toBe(10 * HOUR_MS)
  })

  test('is bounded by a day', () => {
    for (const long of ['86401', '9'.repeat(400), 'Sun, 29 Mar 2099 02:30:00 GMT'])
      expect(waitOf(long)).toBe(DAY_MS)
  })

  test('does not revive an event whose attempts are used up', () => {
    expect(waitOf('120', { attempts: 9 })).toBe('dead')
  })

  test.each(['', '-1', '1.5', '1e3', '0x10', 'soon', 'tomorrow 1', 'Sun, nonsense GMT', '2026-03-29'])(
    'is ignored when it says "%s"',
    (nonsense) => expect(waitOf(nonsense)).toBe(5_000),
  )

  test('is ignored when its date has passed', () => {
    expect(waitOf('Sun, 29 Mar 2020 02:30:00 GMT')).toBe(5_000)
  })
})
