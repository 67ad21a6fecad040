import { createHash } from 'node:crypto'
import { addGroup } from '../../../src/engine/card-admin.ts'
import { type CardSettings, changeCardSettings } from '../../../src/engine/card-settings.ts'
import type { Role } from '../../../src/engine/accounts.ts'
import type { Card, CardFields, CardGroup } from '../../../src/engine/cards.ts'
import { createCards } from '../../../src/engine/create-cards.ts'
import { type Door, openDoor } from '../door.ts'
import { parseXml, toObject } from './strict-xml.ts'

/** The manual's own. */
const SECRET_KEY = 'secret'

export type Parameters = Record<string, string>
export type Answer = { status: number; text: string; headers: Headers }
export type Method = 'calling_cards_get' | 'calling_cards_create' | 'calling_card_update' | 'card_balance_get'

const HASHED: Record<Method, string[]> = {
  calling_cards_get: [],
  calling_cards_create: ['card_group_id', 'cards_from', 'cards_till'],
  calling_card_update: ['card_id'],
  card_balance_get: ['number'],
}

/** The hash by the words of the wiki, apart from the code that it checks. */
export function hashFor(method: Method, parameters: Parameters, key = SECRET_KEY): string {
  const values = HASHED[method].map((name) => parameters[name] ?? '').join('')
  return createHash('sha1')
    .update(values + key)
    .digest('hex')
}

export type Mor = {
  door: Door
  group: CardGroup
  /** A signed POST with all parameters in the query, as the manual prints it. */
  ask: (method: Method, parameters?: Parameters, user?: string) => Promise<Answer>
  /** A request as it is. */
  send: (path: string, init?: RequestInit) => Promise<Answer>
  /** Makes a card of the group with this number. */
  card: (
    number: string,
    fields?: Omit<CardFields, 'number'>,
    openingMicros?: number,
    group?: CardGroup,
  ) => Promise<Card>
  login: (user: string, role?: Role, secretKey?: string) => Promise<void>
  /** Changes what the account allows of this API. */
  allow: (mor: Partial<CardSettings['mor']>) => Promise<void>
}

/** A door with user `admin`, whose key is the manual's, and a group of cards with numbers of 10 and PINs of 4 digits. */
export async function openMor(door?: Door): Promise<Mor> {
  const open = door ?? (await openDoor())
  const { ctx, account } = open
  const send = async (path: string, init?: RequestInit): Promise<Answer> => {
    const got = await fetch(`${open.url}${path}`, { method: 'POST', ...init })
    return { status: got.status, headers: got.headers, text: await got.text() }
  }
  const login: Mor['login'] = async (user, role, secretKey = SECRET_KEY) => {
    const credential = { dialect: 'mor', user, accountId: account.id, secretHash: secretKey } as const
    await ctx.store.addCredential(
      role === undefined ? credential : { ...credential, role, cardId: undefined },
    )
  }
  await login('admin')
  const group = await addGroup(ctx, account, { name: 'cards', numberLength: 10, pinLength: 4 })
  return {
    door: open,
    group,
    login,
    send,
    allow: async (mor) => {
      await changeCardSettings(ctx, account, { mor })
    },
    ask: (method, parameters = {}, u = 'admin') => {
      const hash = hashFor(method, parameters)
      return send(`/billing/api/${method}?${new URLSearchParams({ u, ...parameters, hash }).toString()}`)
    },
    card: async (number, fields = {}, openingMicros = 0, { id: groupId } = group) => {
      const [made] = await createCards(ctx, account, { groupId, numbers: [number], fields, openingMicros })
      return made!
    },
  }
}

/** The cards that an answer has, as objects of text. */
export function cardsIn({ text }: Answer): Record<string, string>[] {
  const { page } = { page: toObject(parseXml(text), ['card']) } as {
    page: { cards?: { card: Record<string, string>[] } }
  }
  if (!page.cards) throw new Error(`no cards: ${text}`)
  return page.cards.card
}

/** `bare`: about the request itself, in no page. */
export function errorXml(text: string, { bare = false } = {}): string {
  const lines = ['<status>', `  <error>${text}</error>`, '</status>']
  const page = bare ? lines : ['<page>', ...lines.map((line) => `  ${line}`), '</page>']
  return ['<?xml version="1.0" encoding="UTF-8"?>', ...page, ''].join('\n')
}

export const NONE = errorXml('Cards were not found')
