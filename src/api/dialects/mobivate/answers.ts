import type { Campaign } from '../../../engine/campaigns.ts'
import { referenceOf } from '../../../engine/sent-texts.ts'
import type { Subscription } from '../../../engine/subscription-store.ts'
import { BadRequest, isBadRequest } from '../../fields.ts'

/** What every answer has, in the vendor's order. */
type AnswerBody = {
  authenticated: boolean
  valid_msisdn: boolean
  valid_campaign: boolean
  campaign_status: Campaign['status'] | null
  campaign_name: string | null
  campaign_service: string | null
  state: string | null
  error: string | null
  reference: string
}
export type Answer = { status: number; body: AnswerBody }

/** What an answer may tell. */
export type Told = {
  /** Undefined as long as nobody has shown that it is theirs. */
  campaign?: Campaign | undefined
  subscription?: Subscription | undefined
}

type Flag = 'authenticated' | 'valid_msisdn' | 'valid_campaign'
type Kind = { status: number; error: string; flag?: Flag }

/** Every refusal, and which of the three flags says so. The words of 417 and 440 are the vendor's, as are those of `unknownCampaign`. */
export const REFUSALS = {
  badRequest: { status: 400, error: 'Bad request' },
  tooLarge: { status: 413, error: 'Bad request: the body is too large' },
  noSuchMethod: {
    status: 404,
    error: 'No such method: v1 has initiate, validate_pin, unsubscribe and status',
  },
  notAllowed: { status: 405, error: 'Method not allowed' },
  unknownCampaign: { status: 404, error: 'CampaignID not found!', flag: 'valid_campaign' },
  wrongSignature: { status: 401, error: 'Invalid signature', flag: 'authenticated' },
  weakSignature: { status: 401, error: 'Signature must be made with the secret', flag: 'authenticated' },
  oldSignature: { status: 401, error: 'Signature is too old, or of the future', flag: 'authenticated' },
  wrongMsisdn: { status: 400, error: 'Invalid MSISDN', flag: 'valid_msisdn' },
  msisdnNotAllowed: { status: 400, error: 'MSISDN not allowed in this campaign', flag: 'valid_msisdn' },
  noKeyword: { status: 400, error: 'Missing keyword' },
  wrongKeyword: { status: 400, error: 'Invalid keyword' },
  wrongField: { status: 400, error: 'Bad request' },
  wrongPin: { status: 417, error: 'Invalid PIN' },
  pinGone: { status: 440, error: 'Maximum number of failed attempts! PIN is no longer existing!' },
  quota: { status: 429, error: 'Too many PINs were sent' },
  locked: { status: 429, error: 'Too many wrong PINs for this MSISDN' },
  unknownResult: { status: 409, error: 'Same request was sent before, its result is not known' },
} as const satisfies Record<string, Kind>
type RefusalName = keyof typeof REFUSALS

/** What is told of a bug: nothing. */
export const BROKEN = { status: 500, error: 'Request could not be served' } as const

/** A request that ends without what it asks for. `error`: other words than those of the table. */
export class Fault extends Error {
  override name = 'Fault'
  readonly refusal: RefusalName
  readonly told: Told

  constructor(refusal: RefusalName, told: Told = {}, error: string = REFUSALS[refusal].error) {
    super(error)
    this.refusal = refusal
    this.told = told
  }
}

/** The answer to a request that was carried out. `more`: what we add to the vendor's fields. */
export function granted(told: Told, state: string | null, requestId: string, more: object = {}): Answer {
  return { status: 200, body: { ...bodyOf(told, state, null, requestId), ...more } }
}

/** The answer to a request that was refused; undefined when the error is none that clients are to know: a bug, a full disk. */
export function refused(error: unknown, requestId: string): Answer | undefined {
  const fault = faultOf(error)
  if (!fault) return undefined
  const { status, flag }: Kind = REFUSALS[fault.refusal]
  const { told, message } = fault
  const body = bodyOf(told, told.subscription?.state ?? null, message, requestId)
  return { status, body: flag ? { ...body, [flag]: false } : body }
}

/** The answer to a request that has met a bug. */
export function broken(requestId: string): Answer {
  return { status: BROKEN.status, body: bodyOf({}, null, BROKEN.error, requestId) }
}

function faultOf(error: unknown): Fault | undefined {
  if (error instanceof Fault) return error
  if (error instanceof BadRequest) return new Fault('badRequest', {}, `Bad request: ${error.message}`)
  if (!isBadRequest(error)) return undefined
  return new Fault((error as { status?: unknown }).status === 413 ? 'tooLarge' : 'badRequest')
}

/** A flag is false only where it names what is wrong: the vendor's 404 has all others true, though nobody has looked at them. */
function bodyOf(
  { campaign, subscription }: Told,
  state: string | null,
  error: string | null,
  requestId: string,
): AnswerBody {
  return {
    authenticated: true,
    valid_msisdn: true,
    valid_campaign: true,
    campaign_status: campaign?.status ?? null,
    campaign_name: campaign?.name ?? null,
    campaign_service: campaign?.service ?? null,
    state,
    error,
    reference: referenceOf(subscription?.id ?? requestId),
  }
}
