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

/** `170d`, `90m`, `20s`: the duration (whole seconds, in milliseconds) in the largest unit that says it exactly. */
export function formatDuration(ms: number): string {
  const seconds = wholeSeconds(ms)
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
  ] as const) {
    if (seconds >= size && seconds % size === 0) return `${seconds / size}${unit}`
  }
  return `${seconds}s`
}

/** Whether Intl knows the IANA time zone. Offsets such as `+05:30` are none: they know no daylight saving. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** Before, clocks show years of three digits, which are no dates here. */
const EARLIEST = Date.UTC(1001, 0)

/**
 * The instant (milliseconds since the epoch) of `2020-03-27`, `2020-03-27 12:17:09` or `2020-03-27T12:17:09` on the wall
 * of that time zone; with `Z` or an offset (`+05:30`) at its end, of that. Undefined for anything that is no date, such
 * as 2026-02-30. Of a time that the clock shows twice it is the first; one that the clock skips is read by the clock
 * before the change (as RFC 5545 3.3.5 reads both).
 */
export function parseWallClock(text: string, timeZone: string): number | undefined {
  const form = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2}))?(Z|[+-]\d{2}:\d{2})?$/
  const [, date, time = '00:00:00', offset] = form.exec(text) ?? []
  if (date === undefined) return undefined
  const asUtc = Date.parse(`${date}T${time}Z`)
  if (!(asUtc >= EARLIEST) || wallClock(asUtc, 'UTC') !== `${date} ${time}`) return undefined
  if (offset !== undefined) {
    const exact = Date.parse(`${date}T${time}${offset}`)
    return Number.isNaN(exact) ? undefined : exact
  }
  const offsetAt = (instant: number) =>
    Date.parse(`${wallClock(instant, timeZone).replace(' ', 'T')}Z`) - instant
  // The offsets of a day before and after are all that can hold here; the larger one gives the earlier instant.
  const [early, late] = [offsetAt(asUtc - 86_400_000), offsetAt(asUtc + 86_400_000)].sort((x, y) => y - x)
  const candidates = [early, late].map((ms) => asUtc - (ms ?? 0))
  return candidates.find((instant) => wallClock(instant, timeZone) === `${date} ${time}`) ?? candidates[1]
}
