import type { Account } from '../../../engine/accounts.ts'
import type { Allocation, PartyName } from '../../../engine/allocations.ts'
import { Refusal, type RefusalCode } from '../../../engine/errors.ts'
import { wallClock } from '../../../engine/time.ts'
import { BadRequest, isBadRequest } from '../../fields.ts'
import type { GreenpinData } from './answer-schema.ts'

/** Appendix 1 of the manual, "List of status codes and their definition", but for codes that cannot occur: code -> HTTP status and description. */
export const APPENDIX = {
  0: [500, 'Internal Service Error'],
  1: [404, 'Could not find the given GreenPin'],
  2: [400, 'One or more unsupported search filters provided'],
  3: [400, 'One or more mandatory parameters not present in request'],
  4: [452, 'No free GreenPins are available for allocation'],
  5: [400, 'Bad or missing parameters in Request'],
  7: [401, 'Authentication not provided or failed'],
  8: [403, 'Not permitted to do this operation.'],
  13: [409, 'All numbers in the group are duplicates'],
  14: [409, 'a-party numbers and b-party numbers cannot contain the same number for an allocation.'],
  15: [403, 'The region code specified is not supported'],
  16: [400, 'Invalid Number Received.'],
  17: [413, 'Too many allocation requests in bulk.'],
  18: [409, 'Allocation exists for this connection id'],
  19: [409, 'One or more of the numbers is already registered with another pin'],
  22: [410, 'This green_pin is already deleted'],
  23: [400, 'An invalid date range was provided in the query'],
  50: [422, 'An invalid call flow is configured'],
} as const

export type Code = keyof typeof APPENDIX

/** What each refusal of the engine is called here. */
const CODES: Record<RefusalCode, Code> = {
  invalid: 5,
  missing: 3,
  too_many: 5,
  invalid_number: 16,
  region_not_supported: 15,
  not_found: 1,
  deleted: 22,
  forbidden: 8,
  duplicate_transaction: 18,
  duplicates: 13,
  same_number_in_both_parties: 14,
  pin_taken: 19,
  no_free_pin: 4,
  number_taken: 19,
  no_such_flow: 50,
  // Of prepaid cards, which this vendor does not have.
  duplicate_card: 5,
  card_not_usable: 5,
  no_money: 5,
  no_rate: 5,
  not_allowed_destination: 5,
  too_many_calls: 5,
}

/** A refusal that only this vendor has a word for. `detail` names a parameter and never repeats what was sent. */
export class CodedRefusal extends Error {
  override name = 'CodedRefusal'
  readonly code: Code
  readonly detail: string | undefined

  constructor(code: Code, detail?: string) {
    super(detail ?? APPENDIX[code][1])
    this.code = code
    this.detail = detail
  }
}

/** The envelope of an answer that grants the request. */
export function success<T extends object>(data: T) {
  return { success: true, status: 200, code: null, message: null, data } as const
}

/** The envelope of a refusal; its `status` is the HTTP status. `detail` names parameters and never repeats what was sent. */
export function failure(code: Code, detail?: string) {
  const [status, description] = APPENDIX[code]
  const message = detail === undefined ? description : `${description}: ${detail}`
  return { success: false, status, code, message, data: null } as const
}

export type Failure = ReturnType<typeof failure>

/** The refusals whose message says which parameter was meant. */
const DETAILED: RefusalCode[] = ['missing', 'invalid']

/** The envelope for what was thrown; undefined when it is no refusal but a bug. */
export function refusalOf(error: unknown): Failure | undefined {
  if (error instanceof CodedRefusal) return failure(error.code, error.detail)
  if (error instanceof Refusal) {
    return failure(CODES[error.code], DETAILED.includes(error.code) ? error.message : undefined)
  }
  if (!isBadRequest(error)) return undefined
  return failure(5, error instanceof BadRequest ? error.message : undefined)
}

/** An allocation in the manual's words and order. "deallocation_time Optional": left out where nothing will end it. */
export function allocationData(allocation: Allocation, account: Account): GreenpinData {
  const { deallocateAt } = allocation
  return {
    transaction_id: allocation.transactionId,
    greenpin_id: allocation.id,
    a: party(allocation, 'a', account),
    b: party(allocation, 'b', account),
    usage: allocation.usage,
    state: allocation.state,
    ...(deallocateAt < Infinity && { deallocation_time: wallClock(deallocateAt, account.settings.timeZone) }),
  }
}

/**
 * "A-Party_Pin if tenant enabled a-party_pin": the PIN of a party without that setting works, but is not shown, unless it
 * is the only way into the party.
 */
function party(allocation: Allocation, name: PartyName, account: Account) {
  const { vns, numbers, pin } = allocation[name]
  const shown = pin !== undefined && (account.settings.pinEnabled[name] || numbers.length === 0)
  return { vns, ...(numbers.length > 0 && { numbers }), ...(shown && { pin }) }
}
