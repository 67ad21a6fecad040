/** What calls to numbers with a prefix cost. */
export type Rate = {
  /** Digits of E.164, without `+`: 1 to 15. */
  prefix: string
  /** `Germany Mobile O2`. */
  name: string
  /** Micro-units of the account's currency a minute, and once for each call that is answered. */
  perMinuteMicros: number
  setUpMicros: number
  /** A talk is paid for at least so long, and by so many seconds at a time: 0 or more, and 1 or more. */
  minimumSeconds: number
  incrementSeconds: number
}

/** Dearest price, by the minute and by the call: with the longest of times, costs stay far below what a number holds exactly. */
export const MOST_RATE_MICROS = 10_000 * 1_000_000
/** Longest minimum and increment. */
export const MOST_RATE_SECONDS = 86_400

/**
 * What a call costs that rings two numbers, `first` and then `second`: both prices together for the seconds of the second's talk.
 * Seconds are counted as the coarser of the two counts them: the longer minimum, the larger increment. Name and prefix are the
 * second's.
 */
export function combinedRate(first: Rate, second: Rate): Rate {
  return {
    ...second,
    perMinuteMicros: first.perMinuteMicros + second.perMinuteMicros,
    setUpMicros: first.setUpMicros + second.setUpMicros,
    minimumSeconds: Math.max(first.minimumSeconds, second.minimumSeconds),
    incrementSeconds: Math.max(first.incrementSeconds, second.incrementSeconds),
  }
}

/** A named list of rates of an account. */
export type Tariff = { id: number; accountId: string; name: string; rates: number; importedAt: number }
