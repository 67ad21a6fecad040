import { createHash, createHmac } from 'node:crypto'
import { expect } from '@jest/globals'
import type { ApiParts } from '../../../src/api/server.ts'
import type { Account, SubscriptionSettings } from '../../../src/engine/accounts.ts'
import {
  addCampaign,
  type Campaign,
  type CampaignSettings,
  DEFAULT_CAMPAIGN,
} from '../../../src/engine/campaigns.ts'
import type { Context } from '../../../src/engine/context.ts'
import type { Sending, Subscription } from '../../../src/engine/subscription-store.ts'
import { testAccount, type TestContext } from '../../support/context.ts'
import { type Door, openDoor } from '../door.ts'

/** The vendor's example of a signature. */
export const ACCOUNT_ID = '43e36f54eef111e270639871000000f1'
export const CAMPAIGN_ID = 'c71e2c2ee68b410a82d6c5f910c2d428'
export const MSISDN = '254700000000'
export const SIGNATURE = '1af289e14aa593c843da7cd869a8e2f7'

export const KEYWORD = 'TEST'
export const SECRET = 'a secret of many random letters'

/** The vendor's fields, in the order of its samples. */
export type Body = {
  authenticated: boolean
  valid_msisdn: boolean
  valid_campaign: boolean
  campaign_status: string | null
  campaign_name: string | null
  campaign_service: string | null
  state: string | null
  error: string | null
  reference: string
}
export type Answer = { status: number; text: string; body: Body; headers: Headers }
export type Fields = Record<string, unknown>
export type Method = 'initiate' | 'validate_pin' | 'unsubscribe' | 'status'

/** The signature that the vendor's page describes, apart from the code that checks it. */
export function md5(msisdn: string, { accountId = ACCOUNT_ID, campaignId = CAMPAIGN_ID } = {}): string {
  return createHash('md5')
    .update(accountId + campaignId + msisdn)
    .digest('hex')
}

type Signed = { msisdn?: unknown; keyword?: unknown; pin?: unknown }

/** What of a field is signed. */
export function asSigned(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/** The strong signature of these fields at this second. */
export function v2(
  seconds: number,
  method: string,
  { msisdn, keyword, pin }: Signed,
  { secret = SECRET, campaignId = CAMPAIGN_ID } = {},
): string {
  const parts = [seconds, method, campaignId, msisdn, keyword, pin].map(asSigned)
  return `v2.${seconds}.${createHmac('sha256', secret).update(parts.join('\n')).digest('hex')}`
}

export type Mobivate = Door & {
  campaign: Campaign
  /** How often sendings were woken. */
  woken: () => number
  /** A POST of these fields as JSON, to the vendor's campaign unless another is named. */
  post: (method: string, fields: Fields | string, init?: Init) => Promise<Answer>
  /** The same with the vendor's number, its signature and the keyword, unless they are named. */
  ask: (method: Method, fields?: Fields, init?: Init) => Promise<Answer>
  /** A request as it is. */
  send: (path: string, init?: RequestInit) => Promise<Answer>
  /** What is kept of a number; the vendor's unless another is named. */
  kept: (msisdn?: string) => Promise<{ subscription?: Subscription; sending?: Sending | undefined }>
  /** Has a PIN sent to it, and tells it. */
  pinOf: (msisdn?: string) => Promise<string>
  change: (settings: Partial<SubscriptionSettings>) => Promise<void>
}
type Init = { type?: string; campaignId?: string }

/** A campaign with the id of the vendor's example, of an account with the vendor's account id for a login. */
export async function openMobivate(
  settings: Partial<CampaignSettings> = {},
  parts: Partial<ApiParts> & { ctx?: TestContext } = {},
): Promise<Mobivate> {
  let woken = 0
  const phones = {
    wakeCallbacks: () => undefined,
    wakeSendings: () => {
      woken++
    },
    sipAddress: '127.0.0.1:5060',
  }
  const door = await openDoor({ phones, ...parts })
  const ctx = parts.ctx ?? door.ctx
  const account = (await ctx.store.accounts()).find(({ sid }) => sid === 'acme') ?? (await testAccount(ctx))
  if (!(await ctx.store.findCampaign(CAMPAIGN_ID))) {
    await addLogin(ctx, account, ACCOUNT_ID)
    await makeCampaign(ctx, account, settings)
  }
  const { campaign } = (await ctx.store.findCampaign(CAMPAIGN_ID))!
  return { ...door, ctx, account, campaign, woken: () => woken, ...asking({ ...door, ctx, account }) }
}

function asking({
  ctx,
  account,
  url,
}: Door): Pick<Mobivate, 'send' | 'post' | 'ask' | 'kept' | 'pinOf' | 'change'> {
  const send: Mobivate['send'] = async (path, init) => {
    const got = await fetch(`${url}${path}`, init)
    const text = await got.text()
    expect(got.headers.get('content-type')).toBe('application/json; charset=utf-8')
    return { status: got.status, text, body: JSON.parse(text) as Body, headers: got.headers }
  }
  const post: Mobivate['post'] = (
    method,
    fields,
    { type = 'application/json', campaignId = CAMPAIGN_ID } = {},
  ) => {
    const body = typeof fields === 'string' ? fields : JSON.stringify(fields)
    const init = { method: 'POST', headers: { 'Content-Type': type }, body }
    return send(`/subscriptions/v1/${campaignId}/${method}`, init)
  }
  const ask: Mobivate['ask'] = (method, fields = {}, init = {}) => {
    const { msisdn = MSISDN } = fields
    const signature = md5(asSigned(msisdn), init)
    return post(method, { msisdn, signature, keyword: KEYWORD, ...fields }, init)
  }
  const kept: Mobivate['kept'] = async (msisdn = MSISDN) =>
    (await ctx.store.findSubscription(CAMPAIGN_ID, `+${msisdn}`)) ?? {}
  return {
    ...{ send, post, ask, kept },
    pinOf: async (msisdn) => {
      expectState(await ask('initiate', msisdn === undefined ? {} : { msisdn }), 200, 'pending_pin')
      return (await kept(msisdn)).subscription!.pin!.digits
    },
    change: async (wanted) => {
      await ctx.store.changeAccount(account.id, (found) => {
        const { settings } = found!
        const subscriptions = { ...settings.subscriptions, ...wanted }
        return { save: { ...found!, settings: { ...settings, subscriptions } }, result: undefined }
      })
    },
  }
}

export async function addLogin(
  ctx: Context,
  { id: accountId }: Account,
  user: string,
  secretHash = SECRET,
): Promise<void> {
  await ctx.store.addCredential({ dialect: 'mobivate', user, accountId, secretHash })
}

/** A campaign as the vendor's samples have it, which sends to Kenya. */
export function makeCampaign(
  ctx: Context,
  account: Account,
  settings: Partial<CampaignSettings & { id: string }> = {},
): Promise<Campaign> {
  const own = { id: CAMPAIGN_ID, name: 'Test Campaign', service: '12345', keyword: KEYWORD, allowed: ['254'] }
  return addCampaign(ctx, account, { ...DEFAULT_CAMPAIGN, pinsOfNumberADay: 100, ...own, ...settings })
}

/** Another PIN of as many digits. */
export function otherThan(pin: string): string {
  return pin.replace(/^./, (first) => String((Number(first) % 9) + 1))
}

/** Expects an answer of this status whose number is in this state, and gives it back. */
export function expectState(answer: Answer, status: number, state: string | null): Answer {
  expect({ status: answer.status, state: answer.body.state, text: answer.text }).toMatchObject({
    status,
    state,
  })
  return answer
}

const OF_CAMPAIGN = { campaign_status: 'active', campaign_name: 'Test Campaign', campaign_service: '12345' }
const OF_NONE = { campaign_status: null, campaign_name: null, campaign_service: null }

/** Expects exactly the vendor's nine fields, in its order, with this in them; the rest as in its sample of 200. */
export function expectPrinted(
  { status, text }: Answer,
  wanted: { status: number; state: string | null; error: string | null; reference?: string } & Partial<Body>,
  { knowsCampaign = true } = {},
): void {
  const { status: code, ...fields } = wanted
  const { reference } = JSON.parse(text) as Body
  expect(reference).toMatch(/^AP:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  const head = { authenticated: true, valid_msisdn: true, valid_campaign: true }
  const body = {
    ...{ ...head, ...(knowsCampaign ? OF_CAMPAIGN : OF_NONE) },
    ...{ state: null, error: null, reference },
  }
  expect({ status, text }).toEqual({ status: code, text: JSON.stringify({ ...body, ...fields }) })
}
