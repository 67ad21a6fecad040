import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { startLoop, type Loop } from '../src/loop.ts'

const MINUTE_MS = 60_000

let runs: number[]
let errors: unknown[]
let loop: Loop | undefined

beforeEach(() => {
  jest.useFakeTimers({ now: Date.UTC(2026, 2, 29) })
  runs = []
  errors = []
})

afterEach(async () => {
  await loop?.stop()
  jest.useRealTimers()
})

function start(work: (run: number) => Promise<number | undefined>): Loop {
  const startedAt = Date.now()
  loop = startLoop(
    () => {
      runs.push(Date.now() - startedAt)
      return work(runs.length)
    },
    { now: Date.now, onError: (error) => errors.push(error) },
  )
  return loop
}

const advance = (ms: number) => jest.advanceTimersByTimeAsync(ms)
const nothingDue = () => Promise.resolve(undefined)

describe('a loop', () => {
  test('runs at once and then at the instant that its work names', async () => {
    start((run) => Promise.resolve(run === 1 ? Date.now() + 5_000 : undefined))
    await advance(4_999)
    expect(runs).toEqual([0])
    await advance(1)
    expect(runs).toEqual([0, 5_000])
  })

  test.each([
    ['nothing waits', undefined],
    ['the next thing is due in 180 days, longer than Node can time', 180 * 86_400_000],
  ])('looks again after a minute when %s', async (_case, waitMs) => {
    start(() => Promise.resolve(waitMs === undefined ? undefined : Date.now() + waitMs))
    await advance(2 * MINUTE_MS)
    expect(runs).toEqual([0, MINUTE_MS, 2 * MINUTE_MS])
  })

  test('notices within a minute that the clock was set', async () => {
    const dueAt = Date.now() + 3_600_000
    start(() => Promise.resolve(dueAt))
    await advance(0)
    jest.setSystemTime(Date.now() + 3_600_000)
    await advance(MINUTE_MS)
    expect(runs).toHaveLength(2)
  })

  test('runs at once when woken, once for many calls', async () => {
    const { wake } = start(nothingDue)
    await advance(10)
    wake()
    wake()
    wake()
    await advance(0)
    expect(runs).toEqual([0, 10])
  })

  test('runs again when woken in the middle of a run, and never twice at a time', async () => {
    const first = Promise.withResolvers<undefined>()
    const { wake } = start((run) => (run === 1 ? first.promise : nothingDue()))
    await advance(0)
    wake()
    wake()
    await advance(10)
    expect(runs).toHaveLength(1)
    first.resolve(undefined)
    await advance(MINUTE_MS - 1)
    expect(runs).toEqual([0, 10])
  })

  test('lets others run although its work wakes it every time', async () => {
    const others = jest.fn()
    setTimeout(others, 1)
    const { wake } = start(() => {
      if (runs.length > 1) wake()
      return nothingDue()
    })
    wake()
    await advance(1)
    expect(others).toHaveBeenCalled()
  })

  test('runs what is overdue without a pause', async () => {
    start((run) => Promise.resolve(run < 4 ? Date.now() - 1 : undefined))
    await advance(3)
    expect(runs).toHaveLength(4)
  })

  test('tells an error and backs off: 100 ms, doubling, 15 s at most; afterwards as before', async () => {
    let broken = true
    start(() => (broken ? Promise.reject(new Error('no store')) : nothingDue()))
    await advance(100 + 200 + 400 + 800 + 1_600 + 3_200 + 6_400 + 12_800 + 15_000)
    expect(runs).toEqual([0, 100, 300, 700, 1_500, 3_100, 6_300, 12_700, 25_500, 40_500])
    expect(errors).toHaveLength(10)
    broken = false
    await advance(15_000 + MINUTE_MS)
    expect(runs.slice(10)).toEqual([55_500, 55_500 + MINUTE_MS])
    broken = true
    await advance(MINUTE_MS + 100)
    expect(runs.slice(12)).toEqual([115_500 + MINUTE_MS, 115_600 + MINUTE_MS])
  })

  test('being woken does not cut a back-off short', async () => {
    const { wake } = start(() => Promise.reject(new Error('no store')))
    await advance(50)
    wake()
    await advance(49)
    expect(runs).toEqual([0])
    await advance(1)
    expect(runs).toEqual([0, 100])
  })

  test('takes a throw like a rejection', async () => {
    start(() => {
      throw new Error('before the first await')
    })
    await advance(100)
    expect(errors).toHaveLength(2)
  })

  test('stops after the run under way', async () => {
    const first = Promise.withResolvers<undefined>()
    const { stop } = start(() => first.promise)
    await advance(0)
    const stopped = jest.fn()
    void stop().then(stopped)
    await advance(MINUTE_MS)
    expect(stopped).not.toHaveBeenCalled()
    first.resolve(undefined)
    await advance(0)
    expect(stopped).toHaveBeenCalled()
    await advance(MINUTE_MS)
    expect(runs).toHaveLength(1)
  })

  test('stops at once while it sleeps or backs off', async () => {
    await start(nothingDue).stop()
    await start(() => Promise.reject(new Error('no store'))).stop()
    expect(jest.getTimerCount()).toBe(0)
  })
})
