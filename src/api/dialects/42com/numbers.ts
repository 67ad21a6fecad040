import { callerNumber, dialledNumber } from '../../../engine/phone.ts'
import { Fault } from './answers.ts'

const WRITTEN = /^\+?[\d ().-]{3,40}$/

/**
 * The CLI of a card as this vendor's clients write it -> E.164: with its country code (`+49 179…`, `0049179…`, `49179…`), or
 * beginning with a single 0 as it is dialled within the country of the account. Undefined for what is none.
 */
export function readCli(written: string, country: string): string | undefined {
  if (!WRITTEN.test(written)) return undefined
  const digits = written.replaceAll(/\D/g, '')
  const isDialled = !written.startsWith('+') && digits.startsWith('0')
  return isDialled ? callerNumber(digits, country) : dialledNumber(`+${digits}`, undefined)
}

/** What is answered to a parameter that does not say what it should. */
export function notValid(name: string): Fault {
  return new Fault(403, `Parameter ${name} Not Valid`)
}

/** E.164 -> `49179…` */
export function withoutPlus(e164: string): string {
  return e164.replace(/^\+/, '')
}

/** E.164 -> `0049179…`; nothing for a caller who withheld the number. */
export function withZeros(e164: string | undefined): string {
  return e164?.replace(/^\+/, '00') ?? ''
}
