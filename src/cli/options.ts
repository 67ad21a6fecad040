import { InvalidArgumentError, Option } from 'commander'
import { isSupportedCountry } from 'libphonenumber-js/max'
import { validate as isUuid } from 'uuid'
import { MAX_DATABASE } from '../engine/pin-databases.ts'
import { isTimeZone } from '../engine/time.ts'

/** Rows of one list are in memory together; more come page by page. */
const MOST_ROWS = 1_000

// Parsers of option values. Each throws commander's InvalidArgumentError, which ends in exit code 64.

export function accountName(value: string): string {
  const name = value.trim()
  if (/^[^\p{Cc}]{1,100}$/u.test(name)) return name
  throw new InvalidArgumentError('Expected 1 to 100 printable characters.')
}

export function sid(value: string): string {
  if (/^[a-z0-9][a-z0-9_-]{1,62}$/i.test(value)) return value
  throw new InvalidArgumentError('Expected 2 to 63 letters, digits, - and _: it becomes part of addresses.')
}

export function userName(value: string): string {
  if (/^[\w.@+-]{1,64}$/.test(value)) return value
  throw new InvalidArgumentError('Expected 1 to 64 letters, digits and . _ @ + -')
}

export function countryCode(value: string): string {
  const code = value.toUpperCase()
  if (isSupportedCountry(code)) return code
  throw new InvalidArgumentError('Expected two letters of ISO 3166-1, such as IN.')
}

export function timeZone(value: string): string {
  // Its own canonical name may be an outdated one (Asia/Calcutta), so the name stays as given.
  if (isTimeZone(value)) return value
  throw new InvalidArgumentError('Expected a name of the IANA time zone database, such as Asia/Kolkata.')
}

export function ringSeconds(value: string): number {
  const seconds = Number(value)
  if (/^\d+$/.test(value) && seconds >= 5 && seconds <= 120) return seconds
  throw new InvalidArgumentError('Expected whole seconds, 5 to 120.')
}

export function rowLimit(value: string): number {
  const limit = Number(value)
  if (/^\d+$/.test(value) && limit >= 1 && limit <= MOST_ROWS) return limit
  throw new InvalidArgumentError(`Expected 1 to ${MOST_ROWS}.`)
}

export function databaseNumber(value: string): number {
  const number = Number(value)
  if (/^[1-9]\d*$/.test(value) && number <= MAX_DATABASE) return number
  throw new InvalidArgumentError(`Expected the number of a database, 1 to ${MAX_DATABASE}.`)
}

export function eventId(value: string): string {
  if (isUuid(value)) return value.toLowerCase()
  throw new InvalidArgumentError('Expected the id of an event: see pinbridge deliveries list.')
}

export function uuid(value: string): string {
  if (isUuid(value)) return value.toLowerCase()
  throw new InvalidArgumentError('Expected an id such as 01a200c4-649c-7197-93e2-3a488217afca.')
}

/** What an option has given, as a part of an object: nothing when it was left out. */
export function given<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>)
}

/** `--json`, which every command takes. */
export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document for scripts, errors too')
}
