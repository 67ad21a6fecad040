/** A promise that is settled from outside, once. */
export type Deferred<T> = {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
}

/** Its rejection counts as handled, since nobody may be waiting at that moment. */
export function deferred<T>(): Deferred<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}

/** Resolves like `promise`, or to 'timeout' after `ms` milliseconds. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | 'timeout'> {
  const timeout = deferred<'timeout'>()
  const timer = setTimeout(() => timeout.resolve('timeout'), ms)
  try {
    return await Promise.race([promise, timeout.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Longer than this no timer of ours runs: over hours they lose time, and beyond 24 days Node has none. In milliseconds. */
const LONGEST_TIMER_MS = 60_000

/** Milliseconds since whenever: a clock that nobody sets. */
export type Monotonic = () => number

/** Fires once after so many milliseconds of that clock, unless the function that it returns is called before. */
export function alarm(ms: number, fire: () => void, clock: Monotonic): () => void {
  const dueAt = clock() + ms
  let timer: NodeJS.Timeout | undefined
  function look(): void {
    const leftMs = dueAt - clock()
    if (leftMs <= 0) fire()
    else timer = setTimeout(look, Math.min(leftMs, LONGEST_TIMER_MS))
  }
  look()
  return () => clearTimeout(timer)
}

/** One timer that each `arm` sets anew, until it is stopped for good. */
export function rearmable(fire: () => void): { arm: (ms: number) => void; stop: () => void } {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  return {
    arm(ms) {
      clearTimeout(timer)
      if (!stopped) timer = setTimeout(fire, ms)
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
