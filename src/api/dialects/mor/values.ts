import { MOST_MICROS, UNIT_MICROS } from '../../../engine/money.ts'
import { callerNumber } from '../../../engine/phone.ts'
import { wallClock } from '../../../engine/time.ts'

/** A number of a card, a group or a distributor, or a count; undefined for what is none. */
export function idOf(written: string): number | undefined {
  return /^\d{1,15}$/.test(written) ? Number(written) : undefined
}

/** The least balance that is not below what is written, in micro-units; undefined for what is no number. */
export function amountAtLeast(written: string): number | undefined {
  return exactly(written, Math.ceil)
}

/** The largest balance that is not above it. */
export function amountAtMost(written: string): number | undefined {
  return exactly(written, Math.floor)
}

/** As many decimals as anybody writes: MOR prints thirteen. A comma is a point. */
function exactly(written: string, toWhole: (micros: number) => number): number | undefined {
  const [, minus = '', whole = '', decimals = ''] =
    /^([+-]?)(\d{1,12})(?:[.,](\d{1,30}))?$/.exec(written.trim()) ?? []
  if (whole === '') return undefined
  const micros = Number(whole) * UNIT_MICROS + Number(decimals.slice(0, 6).padEnd(6, '0'))
  // Beyond what any balance can be, floating point need not be exact any more.
  const rest = /[1-9]/.test(decimals.slice(6)) && micros <= 2 * MOST_MICROS ? 0.5 : 0
  return toWhole(minus === '-' ? -micros - rest : micros + rest)
}

/** The last second of the year 9999 minus a day, so that no time zone shows a later year. */
const LAST_SECOND = 253_402_214_399

/** The instant (milliseconds) of a Unix time in seconds; undefined for what is none. */
export function unixTime(written: string): number | undefined {
  if (!/^\d{1,12}$/.test(written)) return undefined
  const seconds = Number(written)
  return seconds <= LAST_SECOND ? seconds * 1_000 : undefined
}

/** `2015-11-05 02:00:00 +0200`: as a clock on the wall of that IANA time zone shows it, and how far it is from UTC. */
export function zonedTime(instant: number, timeZone: string): string {
  const clock = wallClock(instant, timeZone)
  const minutes = Math.round((Date.parse(`${clock.replace(' ', 'T')}Z`) - instant) / 60_000)
  const ofHour = Math.abs(minutes)
  const digits = [Math.floor(ofHour / 60), ofHour % 60].map((part) => String(part).padStart(2, '0'))
  return `${clock} ${minutes < 0 ? '-' : '+'}${digits.join('')}`
}

/**
 * From which number a card calls without a PIN: E.164 as callers' numbers are read, so that the two are the same; as it was
 * written where it is no telephone number. A `+` that was not escaped arrives as a space.
 */
export function callerIdOf(written: string, country: string): string {
  const text = written.replace(/^ (?=\d)/, '+').trim()
  return callerNumber(text, country) ?? text
}

/** Whether this could be a language: `en`, `lt`, `pt-br`. */
export function isLanguage(written: string): boolean {
  return /^[a-z]{2,3}(-[a-z]{2})?$/.test(written)
}
