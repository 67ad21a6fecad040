const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Milliseconds of `20s`, `15m`, `2h` or `170d` (GreenPin: "Duration can be specified in any unit").
 * Undefined for anything else, also for nothing at all: `0s` is no duration.
 */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,12})([smhd])$/.exec(text) ?? []
  if (count === undefined || unit === undefined) return undefined
  const ms = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]
  return ms > 0 ? ms : undefined
}

const clocks = new Map<string, Intl.DateTimeFormat>()

/**
 * `2020-03-27 12:17:09`: the instant (milliseconds since the epoch) as a clock on the wall of that IANA time zone shows it.
 * A zone that Intl does not know is a RangeError: settings are checked where they are made.
 */
export function wallClock(instant: number, timeZone: string): string {
  let clock = clocks.get(timeZone)
  if (!clock) {
    const parts = { year: 'numeric', month: '2-digit', day: '2-digit' } as const
    const time = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
    clock = new Intl.DateTimeFormat('sv-SE', { timeZone, calendar: 'gregory', ...parts, ...time })
    clocks.set(timeZone, clock)
  }
  return clock.format(instant)
}

/** `2020-03-23T12:58:02+00:00`: ISO 8601 in UTC, with an offset in digits and without milliseconds. */
export function utcSeconds(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}+00:00`
}

/** Whole seconds that have passed completely. */
export function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000)
}
