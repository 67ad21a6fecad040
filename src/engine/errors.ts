/** Why the engine refused. Each door translates the word in one table of its own; nobody parses the message. */
export type RefusalCode =
  | 'invalid'
  | 'missing'
  | 'too_many'
  | 'invalid_number'
  | 'region_not_supported'
  | 'not_found'
  | 'deleted'
  | 'forbidden'
  | 'duplicate_transaction'
  | 'duplicates'
  | 'same_number_in_both_parties'
  | 'pin_taken'
  | 'no_free_pin'
  | 'number_taken'
  | 'no_such_flow'
  | 'duplicate_card'
  | 'card_not_usable'
  | 'no_money'
  | 'no_rate'
  | 'not_allowed_destination'
  | 'too_many_calls'

/** A business "no". Everything else that is thrown is a bug. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Throws what a decision refused, after the store has kept the rest of it. */
export function granted<T>(result: T | Refusal): T {
  if (result instanceof Refusal) throw result
  return result
}
