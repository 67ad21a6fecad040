import { createHash, createHmac } from 'node:crypto'
import { expect } from '@jest/globals'
import type { ApiParts } from '../../../src/api/server.ts'
import { type Account, type AccountSettings, DEFAULT_SETTINGS } from '../../../src/engine/accounts.ts'
import { createCards } from '../../../src/engine/create-cards.ts'
import { groupNamed } from '../../../src/engine/card-admin.ts'
import type { Card, CardFields } from '../../../src/engine/cards.ts'
import type { Context } from '../../../src/engine/context.ts'
import { granted as enforced } from '../../../src/engine/errors.ts'
import { closeHold, type Hold, holdAnswered, type HoldKind, openHold } from '../../../src/engine/holds.ts'
import type { Rate } from '../../../src/engine/rates.ts'
import type { TestContext } from '../../support/context.ts'
import { type Door, openDoor } from '../door.ts'

type Envelope = { error: boolean; codes: { code: number; description: string }[]; body?: unknown }
export type Answer = { status: number; text: string; envelope: Envelope }

/** The rates of the vendor's samples, and one more. */
const RATES: Rate[] = [
  rate('49', 'Germany', 40_000),
  rate('49177', 'Germany Mobile EPlus', 100_000),
  rate('49179', 'Germany Mobile O2', 72_000),
  rate('41', 'Switzerland', 12_345),
]

function rate(prefix: string, name: string, perMinuteMicros: number): Rate {
  return { prefix, name, perMinuteMicros, setUpMicros: 0, minimumSeconds: 0, incrementSeconds: 1 }
}

/** What the password of every login here is. */
export const PASSWORD = 'demo'

export function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}

/** What the vendor's page says that clients send for this date. */
export function signed(user: string, date: string, password = PASSWORD): Record<string, string> {
  const key = md5(password)
  const signature = createHmac('sha1', key).update(`${key}\n${date}`).digest('base64')
  return { 'x-date': date, 'x-authorization': `${user}:${signature}` }
}

/** A date as PHP's clients write it; `micros` tells two of the same millisecond apart. */
export function phpDate(instant: number, micros = 0): string {
  const [date = '', time = ''] = new Date(instant).toISOString().split('T')
  return `${date} ${time.slice(0, 12)}${String(micros % 1_000).padStart(3, '0')} GMT+0000`
}

export type CardDoor = Door & {
  /** Of the cards. */
  account: Account
  /** A card, and `demo`, the login for it. */
  card: Card
  demo: Client
  /** A login for no card: the shop that makes them. */
  shop: Client
  /** How often callbacks were woken. */
  woken: () => number
}

/** A German account with the rates of the samples, a card and two logins. */
export async function openCardDoor(
  settings: Partial<AccountSettings> = {},
  parts: Partial<ApiParts> & { ctx?: TestContext } = {},
): Promise<CardDoor> {
  let woken = 0
  const phones = {
    wakeCallbacks: () => {
      woken++
    },
    wakeSendings: () => undefined,
    sipAddress: '203.0.113.5:50123',
  }
  const door = await openDoor({ phones, ...parts })
  const ctx = parts.ctx ?? door.ctx
  const account = await cardAccount(ctx, 'shop', settings)
  const card = await addCard(ctx, account, {}, 15_442_600)
  await addLogin(ctx, account, 'demo', card.id)
  await addLogin(ctx, account, 'shop')
  const { url } = door
  return {
    ...{ ...door, ctx, account, card, woken: () => woken },
    demo: clientOf({ url, ctx }, 'demo'),
    shop: clientOf({ url, ctx }, 'shop'),
  }
}

/** An account that has the rates of the samples and may call them. */
export async function cardAccount(
  ctx: Context,
  sid: string,
  settings: Partial<AccountSettings> = {},
): Promise<Account> {
  const home = { country: 'DE', timeZone: 'Europe/Berlin' }
  const endpoints = { 'sms.requested': 'https://client.example/sms' }
  const bare = { id: ctx.newId(), sid, name: 'Account, Demo', webhookSecret: `whsec_${btoa(sid.repeat(9))}` }
  const account = { ...bare, settings: { ...DEFAULT_SETTINGS, ...home, endpoints, ...settings } }
  await ctx.store.addAccount(account, [])
  const { version } = await ctx.store.beginTariff(account.id, 'standard', ctx.now())
  await ctx.store.putRates(version, RATES)
  const { id: tariffId } = await ctx.store.finishTariff(version)
  // The vendor's sample number has a digit more than German mobiles: it needs a prefix of its own.
  const cards = { ...DEFAULT_SETTINGS.cards, allowed: ['49', '49179', '41'], ...settings.cards, tariffId }
  const save = { ...account, settings: { ...account.settings, cards } }
  await ctx.store.changeAccount(account.id, () => ({ save, result: undefined }))
  return save
}

export async function addLogin(
  ctx: Context,
  { id: accountId }: Account,
  user: string,
  cardId?: number,
  secretHash = md5(PASSWORD),
): Promise<void> {
  await ctx.store.addCredential({ dialect: '42com', user, accountId, secretHash, cardId })
}

let number = 7_346_165
/** A card with so much on it. */
export async function addCard(
  ctx: Context,
  account: Account,
  fields: CardFields = {},
  openingMicros = 0,
): Promise<Card> {
  const group = await groupNamed(ctx, account, { name: 'plain', numberLength: 7, pinLength: 8 })
  const numbers = [String(number++)]
  const wanted = { groupId: group.id, numbers, fields: { name: 'Demo Kunde', ...fields }, openingMicros }
  const [card] = await createCards(ctx, account, wanted)
  return card!
}

export type Parameters = Record<string, string>
export type Client = {
  /** Headers that sign a request, each time another. */
  sign: () => Record<string, string>
  /** A GET of this path below `/api/rest`. */
  get: (path: string, headers?: Record<string, string>) => Promise<Answer>
  /** A POST of these parameters as a form, or of this text as one. */
  post: (path: string, form: Parameters | string, headers?: Record<string, string>) => Promise<Answer>
  /** A POST as the samples of mycard-v2 have it. */
  mycard: (act: string, parameters: Parameters) => Promise<Answer>
}

/** A call that was answered at this instant, has lasted so long and is paid. */
export async function talk(
  ctx: TestContext,
  account: Account,
  card: Card,
  wanted: { at: number; ms: number; to?: string; from?: string | undefined; kind?: HoldKind },
): Promise<Hold> {
  const { at, ms, to = '+49179123456', kind = 'card' } = wanted
  const from = 'from' in wanted ? wanted.from : '+493019991390875'
  const before = ctx.clock.ms
  ctx.clock.ms = at - 1_500
  const hold = enforced(
    await openHold(ctx, { account, cardId: card.id, callId: ctx.newId(), kind, from, to }),
  )
  ctx.clock.ms = at
  await holdAnswered(ctx, hold.id)
  const closed = await closeHold(ctx, hold.id, at + ms)
  ctx.clock.ms = before
  return closed!
}

let micros = 0
export function clientOf(
  { url, ctx }: { url: string; ctx: Context },
  user: string,
  password = PASSWORD,
): Client {
  const sign = () => signed(user, phpDate(ctx.now(), ++micros), password)
  const get: Client['get'] = (path, headers = sign()) => answer(fetch(`${url}/api/rest${path}`, { headers }))
  const post: Client['post'] = (path, form, headers = sign()) => {
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const body = typeof form === 'string' ? form : new URLSearchParams(form).toString()
    return answer(fetch(`${url}/api/rest${path}`, { method: 'POST', headers: { ...type, ...headers }, body }))
  }
  return {
    ...{ sign, get, post },
    mycard: (act, parameters) => post('/v2/', { m: 'mycard-v2', v: 'json', act, ...parameters }),
  }
}

export async function answer(sent: Promise<Response>): Promise<Answer> {
  const got = await sent
  const text = await got.text()
  expect({ type: got.headers.get('content-type') }).toEqual({ type: 'application/json; charset=utf-8' })
  return { status: got.status, text, envelope: JSON.parse(text) as Envelope }
}

const OK = { error: false, codes: [{ code: 200, description: 'OK' }] }

/** The body of an answer that must be a success, exactly in the vendor's envelope. */
export function granted({ status, text, envelope }: Answer): unknown {
  expect({ status, text }).toEqual({ status: 200, text: JSON.stringify({ ...OK, body: envelope.body }) })
  return envelope.body
}

/** Expects the vendor's envelope of a refusal, exactly. */
export function expectFault({ status, text }: Answer, code: number, description: string): void {
  const envelope = { error: true, codes: [{ code, description }], body: [] }
  expect({ status, text }).toEqual({ status: 200, text: JSON.stringify(envelope) })
}

/** The same keys in the same order, with the same values: as it is printed. */
export function expectPrinted(got: unknown, wanted: unknown): void {
  expect(JSON.stringify(got, undefined, 1)).toBe(JSON.stringify(wanted, undefined, 1))
}
