import { createHash, timingSafeEqual } from 'node:crypto'

/** What a method demands, in the order of its manual: these values are hashed, and nothing else of a request is. */
export const HASHED = {
  calling_cards_get: [],
  calling_cards_create: ['card_group_id', 'cards_from', 'cards_till'],
  calling_card_update: ['card_id'],
  card_balance_get: ['number'],
} as const

export type MethodName = keyof typeof HASHED

/** SHA-1 in hex of the values, as they were sent, one after another and with nothing between, and of the secret key. */
export function hashOf(method: MethodName, sent: ReadonlyMap<string, string>, secretKey: string): string {
  const values = HASHED[method].map((name) => sent.get(name) ?? '')
  return createHash('sha1')
    .update(`${values.join('')}${secretKey}`)
    .digest('hex')
}

/** Whether the request was made by somebody who has the secret key. As in MOR, capital letters make another hash. */
export function isSigned(method: MethodName, sent: ReadonlyMap<string, string>, secretKey: string): boolean {
  const right = Buffer.from(hashOf(method, sent, secretKey))
  const given = Buffer.from(sent.get('hash') ?? '')
  return given.length === right.length && timingSafeEqual(given, right)
}
