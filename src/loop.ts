const MOST_SLEEP_MS = 60_000
const FIRST_BACK_OFF_MS = 100
const MOST_BACK_OFF_MS = 15_000

/** A piece of work that repeats itself for as long as the application runs. */
export type Loop = {
  /** Run soon: something new may be due. Many calls make one run. Does not shorten a back-off. */
  wake: () => void
  /** Ends after the run under way. */
  stop: () => Promise<void>
}

export type LoopOptions = {
  /** Milliseconds since the epoch: the clock by which `work` names its next instant. */
  now: () => number
  onError: (error: unknown) => void
}

/**
 * Runs `work` at once and then again and again. `work` does what is due and resolves to the instant (milliseconds
 * since the epoch) of the next due thing, or undefined when nothing waits.
 *
 * A rejection goes to `onError` and the run is repeated after 100 ms, then 200 ms, doubling up to 15 s.
 * Never sleeps longer than a minute: Node fires a timer of more than 24.8 days at once, and clocks step.
 */
export function startLoop(work: () => Promise<number | undefined>, { now, onError }: LoopOptions): Loop {
  let stopped = false
  let woken = false
  let asleep: (Sleep & { wakeable: boolean }) | undefined

  async function rest(ms: number, wakeable: boolean): Promise<void> {
    if (stopped) return
    // Zero still lets the event loop turn, or work that wakes itself would starve everything else.
    asleep = { ...startSleep(wakeable && woken ? 0 : ms), wakeable }
    await asleep.over
    asleep = undefined
  }

  async function run(): Promise<void> {
    let backOffMs = FIRST_BACK_OFF_MS
    while (!stopped) {
      woken = false
      try {
        const next = await work()
        backOffMs = FIRST_BACK_OFF_MS
        await rest(Math.min(Math.max((next ?? Infinity) - now(), 0), MOST_SLEEP_MS), true)
      } catch (error) {
        onError(error)
        await rest(backOffMs, false)
        backOffMs = Math.min(backOffMs * 2, MOST_BACK_OFF_MS)
      }
    }
  }

  const running = run()
  return {
    wake: () => {
      woken = true
      if (asleep?.wakeable) asleep.end()
    },
    stop: () => {
      stopped = true
      asleep?.end()
      return running
    },
  }
}

type Sleep = { over: Promise<void>; end: () => void }

function startSleep(ms: number): Sleep {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, ms, undefined)
  const end = () => {
    clearTimeout(timer)
    resolve(undefined)
  }
  return { over: promise, end }
}
