import type { Means } from './campaigns.ts'
import type { BegunSending } from './sendings.ts'

/** What a template may name, and what is put in its place. */
type SentText = {
  pin: string
  /** E.164 without `+`. */
  msisdn: string
  campaign: string
  service: string
  /** As the client knows the subscription. */
  reference: string
}

type Webhook = Pick<Extract<Means, { kind: 'webhook' }>, 'contentType' | 'body'>
type ContentType = Webhook['contentType']

const NAMES: readonly (keyof SentText)[] = ['pin', 'msisdn', 'campaign', 'service', 'reference']
const PLACE = /\{\{(\w*)\}\}/g
const LONGEST_BODY = 4_096

/** What a campaign sends to a gateway when nothing else is said. */
export const DEFAULT_BODY =
  '{"to":"{{msisdn}}","text":"{{campaign}}: your code is {{pin}}","reference":"{{reference}}"}'

/** What clients and gateways know a subscription by, as the vendor writes it; and a request that is about none. */
export function referenceOf(id: string): string {
  return `AP:${id}`
}

/** How a value is written so that it stays one value in a body of this type. */
const WRITTEN: Record<ContentType, (value: string) => string> = {
  'application/json': (value) => JSON.stringify(value).slice(1, -1),
  'application/x-www-form-urlencoded': encodeURIComponent,
  'text/plain': (value) => value,
}

/** The body that brings a PIN to its subscriber. Throws what a template throws that was not checked. */
export function textOf(webhook: Webhook, { digits, sending, campaign, subscription }: BegunSending): string {
  return fillIn(webhook, {
    pin: digits,
    msisdn: sending.to.slice(1),
    campaign: campaign.name,
    service: campaign.service,
    reference: referenceOf(subscription.id),
  })
}

/**
 * Fills a template in, once: what looks like a place in a value is none. Each value is written as the type of the body needs it, so
 * that none can end the place that it stands in.
 */
function fillIn({ contentType, body }: Webhook, text: SentText): string {
  const write = WRITTEN[contentType]
  return body.replaceAll(PLACE, (_all, name: string) => write(text[name as keyof SentText]))
}

/**
 * Whether a template can be filled in: it names the PIN and nothing that is not known, and whatever its values are the body is one of
 * its type, in which they stand in values and the PIN in one of them.
 */
export function isTemplate(webhook: Webhook): boolean {
  const { contentType, body } = webhook
  const names = [...body.matchAll(PLACE)].map(([, name]) => name as keyof SentText)
  if (body.length > LONGEST_BODY || !body.isWellFormed() || !names.includes('pin')) return false
  // Braces that are left over are a place that is written wrong: it would be sent as it stands.
  if (!names.every((name) => NAMES.includes(name)) || body.replaceAll(PLACE, '').includes('{{')) return false
  return IS_OF_TYPE[contentType](body)
}

const IS_OF_TYPE: Record<ContentType, (body: string) => boolean> = {
  'application/json': isJson,
  'application/x-www-form-urlencoded': isForm,
  'text/plain': () => true,
}

/** Two that have nothing in common. The first is hostile, and a backslash before one of them shows with one or the other. */
const SAMPLES: readonly SentText[] = [
  { pin: '1', msisdn: '2', campaign: '"', service: '\\', reference: referenceOf('"') },
  { pin: '904173582', msisdn: '817263544', campaign: 'x', service: 'x', reference: 'xAP' },
]

/** Whether it is JSON with these names, whatever is filled in, and the PIN in a value. */
function isJson(body: string): boolean {
  try {
    const found = SAMPLES.map((sample) => {
      const { names, values } = leaves(JSON.parse(fillIn({ contentType: 'application/json', body }, sample)))
      const hasPin = values.some((value) => value === Number(sample.pin) || holds(value, sample.pin))
      return { names: JSON.stringify(names), hasPin }
    })
    return found.every(({ names, hasPin }) => hasPin && names === found[0]?.names)
  } catch {
    return false
  }
}

function holds(value: unknown, pin: string): boolean {
  return typeof value === 'string' && value.includes(pin)
}

/** All names and all values in a JSON document, in order. */
function leaves(json: unknown): { names: string[]; values: unknown[] } {
  if (typeof json !== 'object' || json === null) return { names: [], values: [json] }
  const parts = Object.values(json).map(leaves)
  return {
    names: [...Object.keys(json), ...parts.flatMap(({ names }) => names)],
    values: parts.flatMap(({ values }) => values),
  }
}

/** Visible ASCII but for `%`, which two hexadecimal digits follow. */
const ENCODED = /^(?:[!-$&-~]|%[\da-f]{2})*$/i

/** `name=value&name=value`, with places in values only. */
function isForm(body: string): boolean {
  return body.split('&').every((pair) => {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    // No digit of a number: a value must not become part of a character.
    return at > 0 && !/[{}]/.test(name) && ENCODED.test(pair.replaceAll(PLACE, 'x'))
  })
}
