import { InvalidArgumentError } from 'commander'
import { parseAmount } from '../engine/money.ts'

// Parsers of option values about cards and money, as those of options.ts.

/** Instead of a value: takes what was set away. */
export const NONE = 'none'

/** Micro-units, 0 or more. */
export function amount(value: string): number {
  const micros = parseAmount(value)
  if (micros !== undefined) return micros
  throw new InvalidArgumentError(
    'Expected an amount such as 12.50, at most a million, without currency or grouping.',
  )
}

/** Micro-units, more than 0. */
export function sum(value: string): number {
  const micros = amount(value)
  if (micros > 0) return micros
  throw new InvalidArgumentError('Expected more than 0.')
}

/** A parser of whole numbers between these. */
export function whole(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (/^\d{1,15}$/.test(value) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`Expected a whole number, ${least} to ${most}.`)
  }
}

/** `49,41,-4990`: digits of E.164 numbers; those after a `-` are taken out again. */
export function prefixes(value: string): string[] {
  if (value === NONE) return []
  const list = value.split(',').map((one) => one.trim().replace(/^(-?)\+/, '$1'))
  if (list.every((one) => /^-?[1-9]\d{0,14}$/.test(one))) return list
  throw new InvalidArgumentError(`Expected prefixes such as 49,41,-4990, or ${NONE}.`)
}

/** For people: what is allowed before what is not. */
export function speltPrefixes(allowed: readonly string[]): string {
  const inOrder = [...allowed].sort((x, y) => Number(x.startsWith('-')) - Number(y.startsWith('-')))
  return inOrder.map((one) => (one.startsWith('-') ? `not +${one.slice(1)}` : `+${one}`)).join(' ')
}

/** Of a card: digits. */
export function cardNumber(value: string): string {
  if (/^\d{4,20}$/.test(value)) return value
  throw new InvalidArgumentError('Expected 4 to 20 digits.')
}

export function onOff(value: string): boolean {
  if (value === 'on' || value === 'off') return value === 'on'
  throw new InvalidArgumentError('Expected on or off.')
}

export function language(value: string): string {
  if (/^[a-z]{2}$/.test(value)) return value
  throw new InvalidArgumentError('Expected two letters of ISO 639-1, such as en.')
}

/** Words that are kept with something: up to 100 printable characters. */
export function words(value: string): string {
  if (/^[^\p{Cc}]{1,100}$/u.test(value)) return value
  throw new InvalidArgumentError('Expected 1 to 100 printable characters.')
}
