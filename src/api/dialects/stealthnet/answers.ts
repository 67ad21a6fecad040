import type { Request, Response } from 'express'
import type { Account } from '../../../engine/accounts.ts'
import type { Context } from '../../../engine/context.ts'
import { Refusal, type RefusalCode } from '../../../engine/errors.ts'
import type { PinLimits } from '../../door.ts'
import { BadRequest, isBadRequest } from '../../fields.ts'

/** A request of a client who has logged in. */
export type Asked = { ctx: Context; account: Account; limits: PinLimits; req: Request; res: Response }

/** "You have your credentials wrong" */
export class WrongCredentials extends Error {
  override name = 'WrongCredentials'
}

type Answer = { status: 401 | 403 | 500; sentence: string }

const REFUSED = 'This request is not allowed.'

/** What the page answers each refusal with: 403, and what we add: a sentence. `about`: the name of a parameter. */
const SENTENCES: Record<RefusalCode, (about: string) => string> = {
  invalid: (about) => `The parameter ${about} is invalid.`,
  missing: (about) => `The parameter ${about} is missing.`,
  too_many: (about) => `There are more PINs up to ${about} than one request may name.`,
  invalid_number: (about) => `The parameter ${about} is no number that this account may call.`,
  forbidden: (about) => `The parameter ${about} names what this account may not use.`,
  region_not_supported: () => REFUSED,
  not_found: () => REFUSED,
  deleted: () => REFUSED,
  duplicate_transaction: () => REFUSED,
  duplicates: () => REFUSED,
  same_number_in_both_parties: () => REFUSED,
  pin_taken: () => REFUSED,
  no_free_pin: () => REFUSED,
  number_taken: () => REFUSED,
  no_such_flow: () => REFUSED,
  duplicate_card: () => REFUSED,
  card_not_usable: () => REFUSED,
  no_money: () => REFUSED,
  no_rate: () => REFUSED,
  not_allowed_destination: () => REFUSED,
  too_many_calls: () => REFUSED,
}

/** What this error is answered with. It names parameters and never repeats what was sent. */
export function answerTo(error: unknown): Answer {
  if (error instanceof WrongCredentials) return { status: 401, sentence: 'The uid or the token is wrong.' }
  if (error instanceof Refusal) return { status: 403, sentence: SENTENCES[error.code](error.message) }
  if (error instanceof BadRequest)
    return { status: 403, sentence: `The request is refused: ${error.message}.` }
  if (isBadRequest(error)) return { status: 403, sentence: 'The request cannot be read.' }
  return { status: 500, sentence: 'Something went wrong here, and the request was stopped.' }
}

/** "The body will be blank. A response code 200 indicates success." */
export function blank(res: Response): void {
  res.status(200).end()
}
