import type { Account } from '../../../engine/accounts.ts'
import type { Allocation, PartyName } from '../../../engine/allocations.ts'
import type { RefusalCode } from '../../../engine/errors.ts'
import { wallClock } from '../../../engine/time.ts'

/** Appendix 1 of the manual, "List of status codes and their definition": code -> HTTP status and description. */
const APPENDIX = {
  0: [500, 'Internal Service Error'],
  1: [404, 'Could not find the given GreenPin'],
  3: [400, 'One or more mandatory parameters not present in request'],
  4: [452, 'No free GreenPins are available for allocation'],
  5: [400, 'Bad or missing parameters in Request'],
  7: [401, 'Authentication not provided or failed'],
  8: [403, 'Not permitted to do this operation.'],
  14: [409, 'a-party numbers and b-party numbers cannot contain the same number for an allocation.'],
  15: [403, 'The region code specified is not supported'],
  16: [400, 'Invalid Number Received.'],
  18: [409, 'Allocation exists for this connection id'],
  19: [409, 'One or more of the numbers is already registered with another pin'],
  22: [410, 'This green_pin is already deleted'],
} as const

export type Code = keyof typeof APPENDIX

/** What each refusal of the engine is called here. */
export const CODES: Record<RefusalCode, Code> = {
  invalid: 5,
  missing: 3,
  invalid_number: 16,
  region_not_supported: 15,
  not_found: 1,
  deleted: 22,
  forbidden: 8,
  duplicate_transaction: 18,
  same_number_in_both_parties: 14,
  pin_taken: 19,
  no_free_pin: 4,
  number_taken: 19,
}

/** The envelope of an answer that grants the request. */
export function success(data: object) {
  return { success: true, status: 200, code: null, message: null, data }
}

/** The envelope of a refusal; its `status` is the HTTP status. `detail` names parameters and never repeats what was sent. */
export function failure(code: Code, detail?: string) {
  const [status, description] = APPENDIX[code]
  const message = detail === undefined ? description : `${description}: ${detail}`
  return { success: false, status, code, message, data: null }
}

/** An allocation in the manual's words and order. */
export function allocationData(allocation: Allocation, account: Account) {
  return {
    transaction_id: allocation.transactionId,
    greenpin_id: allocation.id,
    a: party(allocation, 'a', account),
    b: party(allocation, 'b', account),
    usage: allocation.usage,
    state: allocation.state,
    deallocation_time: wallClock(allocation.deallocateAt, account.settings.timeZone),
  }
}

/** "A-Party_Pin if tenant enabled a-party_pin": the PIN of a party without that setting works, but is not shown. */
function party(allocation: Allocation, name: PartyName, account: Account) {
  const { vns, numbers, pin } = allocation[name]
  const shown = account.settings.pinEnabled[name] && pin !== undefined
  return { vns, ...(numbers.length > 0 && { numbers }), ...(shown && { pin }) }
}
