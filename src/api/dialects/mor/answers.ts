import { Refusal, type RefusalCode } from '../../../engine/errors.ts'
import { isBadRequest } from '../../fields.ts'
import { xmlDocument, type Element } from '../../xml.ts'

/** An answer that is an error, in MOR's words. */
export class MorError extends Error {
  override name = 'MorError'
  /** Whether it stands in no `<page>`: MOR's errors about the request itself do not. */
  readonly bare: boolean

  constructor(text: string, { bare = false }: { bare?: boolean } = {}) {
    super(text)
    this.bare = bare
  }
}

const REFUSED = 'Request is not allowed'

/** What is answered to a refusal of the engine that the methods do not know better words for. */
const TEXTS: Record<RefusalCode, string> = {
  invalid: 'Request has a value that is not allowed',
  missing: REFUSED,
  too_many: 'Too many Cards for one request',
  invalid_number: REFUSED,
  region_not_supported: REFUSED,
  not_found: 'Calling Card was not found',
  deleted: REFUSED,
  forbidden: REFUSED,
  duplicate_transaction: REFUSED,
  duplicates: REFUSED,
  same_number_in_both_parties: REFUSED,
  pin_taken: 'PIN is already taken',
  no_free_pin: 'PIN is too short for this interval',
  number_taken: REFUSED,
  no_such_flow: REFUSED,
  duplicate_card: 'Number is already taken',
  card_not_usable: REFUSED,
  no_money: REFUSED,
  no_rate: REFUSED,
  not_allowed_destination: REFUSED,
  too_many_calls: REFUSED,
}

/** What this error is answered with; MOR's status is 200, whatever it says. `bug`: what should not happen, for the log. */
export function answerTo(error: unknown): { xml: string; bug?: unknown } {
  if (error instanceof MorError) return { xml: errorXml(error.message, error.bare) }
  if (error instanceof Refusal) return { xml: errorXml(TEXTS[error.code], false) }
  if (isBadRequest(error)) return { xml: errorXml('Request can not be read', true) }
  return { xml: errorXml('Internal error', true), bug: error }
}

function errorXml(text: string, bare: boolean): string {
  const status: Element = ['status', [['error', text]]]
  return xmlDocument(bare ? status : ['page', [status]])
}

/** What a method answers that has done what it should: a page with this in it. */
export function pageXml(...content: Element[]): string {
  return xmlDocument(['page', content])
}
