import type { Account } from '../../../engine/accounts.ts'
import type { Campaign } from '../../../engine/campaigns.ts'
import type { Context } from '../../../engine/context.ts'
import { Refusal } from '../../../engine/errors.ts'
import { keyedNumber } from '../../../engine/phone.ts'
import { msisdnOf, type OfCampaign } from '../../../engine/subscriptions.ts'
import type { Phones } from '../../door.ts'
import { Fault } from './answers.ts'
import { isThere, type Method, read, type Sent, unescaped } from './schema.ts'
import { type Signed, type SignedFields, WINDOW_MS, whoSigned } from './signature.ts'

/** A request as it came. */
export type Wanted<M extends Method> = {
  method: M
  campaignId: string
  fields: ReadonlyMap<string, unknown>
}

/** A request that was let in. */
export type Asked<M extends Method> = OfCampaign & {
  ctx: Context
  phones: Phones
  requestId: string
  /** E.164. */
  msisdn: string
  signed: Signed
  sent: Sent<M>
}

type LetIn<M extends Method> = Omit<Asked<M>, 'ctx' | 'phones' | 'requestId'>

/**
 * Whom a request is from and what it is about: its campaign, its signature, its number, its keyword, its other fields, in this order.
 * `authenticated` is told of the account as soon as it is known. Throws Fault; one that comes before the signature is found right tells
 * nothing of the campaign.
 */
export async function letIn<M extends Method>(
  ctx: Context,
  wanted: Wanted<M>,
  authenticated: (account: Account) => void,
): Promise<LetIn<M>> {
  const { method, fields } = wanted
  const { campaign, account } = await campaignOf(ctx, wanted)
  const signed = await signedBy(ctx, wanted, account)
  authenticated(account)
  const told = { campaign }
  const found = read(method, fields)
  const wrong = 'wrong' in found ? found.wrong : undefined
  const msisdn =
    wrong === 'msisdn' ? undefined : numberOf(method, { campaign, account }, textOf(fields, 'msisdn'))
  if (msisdn === undefined) throw new Fault('wrongMsisdn', told)
  if (msisdn instanceof Refusal) throw new Fault('msisdnNotAllowed', told)
  checkKeyword(campaign, method, textOf(fields, 'keyword'))
  if ('wrong' in found) {
    const why = isThere(fields.get(found.wrong)) ? 'not valid' : 'missing'
    throw new Fault('wrongField', told, `Bad request: ${found.wrong} is ${why}`)
  }
  return { campaign, account, msisdn, signed, sent: found.sent }
}

/** One that is paused sends nothing any more, and to who wants it to is none. */
async function campaignOf(ctx: Context, { method, campaignId }: Wanted<Method>): Promise<OfCampaign> {
  const found = await ctx.store.findCampaign(campaignId)
  if (!found || (method === 'initiate' && found.campaign.status === 'paused'))
    throw new Fault('unknownCampaign', {}, `CampaignID '${shortened(campaignId)}' not found!`)
  return found
}

/** Throws Fault. */
async function signedBy(ctx: Context, wanted: Wanted<Method>, account: Account): Promise<Signed> {
  const { method, campaignId, fields } = wanted
  const logins = await ctx.store.logins(account.id, 'mobivate')
  const over: SignedFields = {
    ...{ method, campaignId },
    ...{ msisdn: textOf(fields, 'msisdn'), keyword: textOf(fields, 'keyword'), pin: textOf(fields, 'pin') },
  }
  const signed = whoSigned(logins, over, textOf(fields, 'signature'))
  if (!signed) throw new Fault('wrongSignature')
  if (signed.at === undefined) {
    if (account.settings.subscriptions.strongSignature) throw new Fault('weakSignature')
  } else if (Math.abs(ctx.now() - signed.at) > WINDOW_MS) throw new Fault('oldSignature')
  return signed
}

/** No campaign's id is longer. */
const LONGEST_ID = 64

function shortened(id: string): string {
  const letters = Array.from(id)
  return letters.length > LONGEST_ID ? `${letters.slice(0, LONGEST_ID).join('')}…` : id
}

/** A field as it is signed: the text, or the number as JSON has it; '' for what is absent or anything else. */
function textOf(fields: ReadonlyMap<string, unknown>, name: keyof SignedFields | 'signature'): string {
  const value = fields.get(name)
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string') return ''
  return name === 'msisdn' ? unescaped(value) : value
}

/**
 * E.164; undefined for what is no number. Returns Refusal for one to which no PIN may be sent. Who was sent one before it was so can
 * still name it, and leave.
 */
function numberOf(method: Method, of: OfCampaign, written: string): string | Refusal | undefined {
  const number = msisdnOf(of, written)
  if (!(number instanceof Refusal)) return number
  if (number.code === 'invalid_number') return undefined
  return method === 'initiate'
    ? number
    : keyedNumber(`+${written.replace('+', '')}`, of.account.settings.country)
}

/** A campaign without one takes any, but where the vendor requires it there must be one. Throws Fault. */
function checkKeyword(campaign: Campaign, method: Method, keyword: string): void {
  const isRequired = method === 'initiate' || method === 'validate_pin'
  if (keyword === '') {
    if (isRequired) throw new Fault('noKeyword', { campaign })
  } else if (campaign.keyword !== undefined && keyword !== campaign.keyword)
    throw new Fault('wrongKeyword', { campaign })
}
