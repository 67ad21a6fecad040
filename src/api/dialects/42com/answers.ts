import { Refusal, type RefusalCode } from '../../../engine/errors.ts'
import { BadRequest, isBadRequest } from '../../fields.ts'

/**
 * What each code of the vendor says. The texts of 200, 1011 and 1200 are those of its pages; of the others only the meaning is
 * known, so nobody can rely on theirs.
 */
export const CODES = {
  200: 'OK',
  401: 'Credentials Missing Or Wrong',
  403: 'Request Refused',
  404: 'No Such Module',
  504: 'Request Could Not Be Served',
  1001: 'Result Not Known',
  1011: 'Wrong x-date Too Old.',
  1012: 'Wrong x-date In The Future.',
  1200: 'Personal Identification Number Not Valid',
  1201: 'Account Not Connected To A Calling Card',
} as const
export type Code = keyof typeof CODES

/** What a module answers. Undefined: no `body` at all. */
export type Body = object | undefined

/** Why a request ends without its result, in the vendor's words. */
export class Fault extends Error {
  override name = 'Fault'
  readonly code: Exclude<Code, 200>

  constructor(code: Exclude<Code, 200>, description: string = CODES[code]) {
    super(description)
    this.code = code
  }
}

/** What the engine's words are here. */
const REFUSALS: Record<RefusalCode, ConstructorParameters<typeof Fault>> = {
  invalid: [403],
  missing: [403],
  too_many: [403, 'Too Many Text Messages'],
  invalid_number: [403, 'Number Not Valid'],
  region_not_supported: [403],
  not_found: [1001],
  deleted: [1001],
  forbidden: [403, 'Too Many Wrong PINs'],
  duplicate_transaction: [403],
  duplicates: [403],
  same_number_in_both_parties: [403, 'Both Numbers Are The Same'],
  pin_taken: [403],
  no_free_pin: [504],
  number_taken: [403],
  no_such_flow: [403],
  duplicate_card: [403, 'Number Belongs To Another Card'],
  card_not_usable: [403, 'Card Not Active'],
  no_money: [403, 'Balance Too Low'],
  no_rate: [1001],
  not_allowed_destination: [403, 'Destination Not Allowed'],
  too_many_calls: [403, 'Too Many Calls'],
}

/** The answer to a request that was carried out, as text. */
export function granted(body: Body): string {
  return envelope(false, 200, CODES[200], body)
}

/** The answer to a request that was refused; undefined when the error is none that clients are to know: a bug, a full disk. */
export function refused(error: unknown): string | undefined {
  const fault = faultOf(error)
  return fault && envelope(true, fault.code, fault.message, [])
}

/** What is told of a bug: nothing. */
export const BROKEN = envelope(true, 504, CODES[504], [])

function faultOf(error: unknown): Fault | undefined {
  if (error instanceof Fault) return error
  if (error instanceof Refusal) return new Fault(...REFUSALS[error.code])
  if (error instanceof BadRequest) return new Fault(403, `${CODES[403]}: ${error.message}`)
  return isBadRequest(error) ? new Fault(403) : undefined
}

function envelope(error: boolean, code: Code, description: string, body: Body): string {
  return JSON.stringify({ error, codes: [{ code, description }], body })
}
