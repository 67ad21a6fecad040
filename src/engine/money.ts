import type { Rate } from './rates.ts'

/** Money is whole micro-units: a safe integer holds nine thousand million of a currency. */
export const UNIT_MICROS = 1_000_000
/** The most that one movement, balance or price may be: far below what sums of them can hold exactly. */
export const MOST_MICROS = 1_000_000 * UNIT_MICROS

/**
 * A written amount, `0.10` or `0,10`, -> micro-units; undefined for what is none. At most six decimals, one point or comma and
 * no grouping: `1.000,50` and `1,000` read as different sums in different countries, so only the first is refused for sure.
 * `signed` allows a leading minus.
 */
export function parseAmount(written: string, signed: 'signed' | 'unsigned' = 'unsigned'): number | undefined {
  const [, minus = '', whole = '', decimals = ''] =
    /^(-?)(\d{1,9})(?:[.,](\d{1,6}))?$/.exec(written.trim()) ?? []
  if (whole === '' || (minus !== '' && signed === 'unsigned')) return undefined
  const micros = Number(whole) * UNIT_MICROS + Number(decimals.padEnd(6, '0'))
  if (micros > MOST_MICROS) return undefined
  return minus !== '' && micros > 0 ? -micros : micros
}

/**
 * Micro-units as a decimal with at least `least` and at most `most` places (0 to 6). What is cut off is rounded half away from
 * zero: for reading only, never to calculate with.
 */
export function formatAmount(micros: number, least = 2, most = 6, point: '.' | ',' = '.'): string {
  const scale = 10 ** (6 - most)
  const rounded = Math.floor((Math.abs(micros) + scale / 2) / scale) * scale
  const whole = Math.floor(rounded / UNIT_MICROS)
  const decimals = String(rounded % UNIT_MICROS)
    .padStart(6, '0')
    .slice(0, most)
    .replace(/0+$/, '')
    .padEnd(least, '0')
  const sign = micros < 0 && rounded > 0 ? '-' : ''
  return `${sign}${whole}${decimals === '' ? '' : point + decimals}`
}

/** Whether this is a sum of micro-units that one movement may have: above zero. */
export function isSum(micros: number): boolean {
  return Number.isInteger(micros) && micros > 0 && micros <= MOST_MICROS
}

/** Seconds that are paid for a talk that was answered, however short: begun increments count whole, and there is a minimum. */
export function billedSeconds(talkMs: number, { minimumSeconds, incrementSeconds }: Price): number {
  if (talkMs < 0) throw new RangeError('a talk is never negative')
  const seconds = Math.max(Math.ceil(talkMs / 1_000), 1)
  return roundUp(Math.max(seconds, minimumSeconds), incrementSeconds)
}

/** What so many billed seconds cost, rounded up to a whole micro-unit. Multiplied first and divided once. */
export function costOf(seconds: number, { perMinuteMicros, setUpMicros }: Price): number {
  return setUpMicros + Math.ceil((seconds * perMinuteMicros) / 60)
}

/**
 * The most billed seconds that so much money pays for, at most `mostSeconds`; 0 when it does not pay for the shortest talk.
 * Always whole increments, so that a talk that is cut there costs exactly what was counted for it.
 */
export function affordableSeconds(micros: number, mostSeconds: number, price: Price): number {
  const { perMinuteMicros, setUpMicros, minimumSeconds, incrementSeconds } = price
  const shortest = roundUp(Math.max(minimumSeconds, 1), incrementSeconds)
  if (costOf(shortest, price) > micros || shortest > mostSeconds) return 0
  const paid =
    perMinuteMicros === 0 ? mostSeconds : Math.floor(((micros - setUpMicros) * 60) / perMinuteMicros)
  const seconds = Math.min(paid, mostSeconds)
  return seconds - (seconds % incrementSeconds)
}

/** What a talk is charged by. */
export type Price = Pick<Rate, 'perMinuteMicros' | 'setUpMicros' | 'minimumSeconds' | 'incrementSeconds'>

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}
