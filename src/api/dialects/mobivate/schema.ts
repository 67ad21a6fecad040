import * as z from 'zod'

/** What is asked of a number in a campaign: the end of the path. */
export const METHODS = ['initiate', 'validate_pin', 'unsubscribe', 'status'] as const
export type Method = (typeof METHODS)[number]

/** The words for where a number stands, as the vendor lists them. */
export const STATUS_WORDS = [
  ...['active', 'inactive', 'nf', 'nfi', 'ping', 'onhold', 'blocked', 'reinvite', 'doi-onhold'],
  ...['doi-declined', 'suspended', 'investigate', 'unsub'],
] as const

/** A space before digits is a `+` that a form or a query did not escape. */
export function unescaped(written: string): string {
  return written.replace(/^ (?=\d)/, '+')
}

const msisdn = z
  .union([
    z
      .string()
      .regex(/^[ +]?[1-9]\d{6,14}$/)
      .transform(unescaped),
    z.int().min(1_000_000).max(999_999_999_999_999).transform(String),
  ])
  .meta({
    description: 'The number, in international form, with or without `+`.',
    examples: ['254700000000', '+254700000000', 254700000000],
  })

const signature = z.string().meta({
  description:
    'In lower-case hex the MD5 of account id, campaign id and `msisdn` as it is sent, one after the other without anything between them. Or `v2.<seconds>.<hmac>`: seconds since the epoch, at most five minutes from now, and in lower-case hex the HMAC-SHA256, with the secret, of these with line feeds between them: those seconds, the method, the campaign id, `msisdn` as it is sent, `keyword`, `pin`, the last two empty where they are not sent.',
  examples: ['1af289e14aa593c843da7cd869a8e2f7'],
})

const keyword = z
  .union([z.string().max(100), z.number().transform(String)])
  .meta({ description: 'That of the campaign.', examples: ['WIN'] })
const onlyIfSent = keyword
  .optional()
  .meta({ description: 'That of the campaign; need not be sent.', examples: ['WIN'] })

// People write blanks between digits, and after them.
const digitsOf = (said: string) => said.replaceAll(/\s/g, '')

const pin = z
  .union([z.string().max(100).transform(digitsOf), z.int().min(0).max(999_999_999).transform(String)])
  .meta({ description: 'What the subscriber says it is.', examples: ['12345', 12345] })

const about = (description: string, ...examples: string[]) =>
  z
    .union([z.string().max(255), z.number().transform(String)])
    .optional()
    .meta({ description, examples })

/** Custom data must be shorter, in bytes of UTF-8. */
const CUSTOM_DATA_BYTES = 1_024

const customData = z
  .union([z.record(z.string(), z.unknown()).transform((sent) => JSON.stringify(sent)), z.string()])
  .refine((text) => Buffer.byteLength(text) < CUSTOM_DATA_BYTES && isJson(text))
  .optional()
  .meta({
    description: 'JSON of less than 1 kB, as an object or as text.',
    examples: ['{"visit":17}', { visit: 17 }],
  })

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const OCTET = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`

const subscriber = {
  first_name: about("The subscriber's first name.", 'Wanjiru'),
  last_name: about('The last name.', 'Kamau'),
  email: z
    .string()
    .max(254)
    .regex(/^[^\s@]+@[^\s@]+$/)
    .optional()
    .meta({ description: 'The e-mail address.', examples: ['w@example.org'] }),
  dob: about('The date of birth.', '1990-12-31'),
  ip: z
    .string()
    .regex(new RegExp(`^(?:${OCTET}\\.){3}${OCTET}$`))
    .optional()
    .meta({ description: 'The IPv4 address.', examples: ['192.0.2.17'] }),
  handset: about('The telephone.', 'Nokia 3310'),
  custom_data: customData,
  traffic_source: about('Where the subscriber came from.', 'banner-7'),
}

const BETWEEN = /[\s,'"[\]()]+/

const areWords = (words: string[]) => words.every((word) => STATUS_WORDS.some((known) => known === word))
const wordsText = z.string().max(500).transform(wordsIn)
const whichWords = `Which words to look for: ${STATUS_WORDS.join(', ')}. All when absent. In a text there are commas, spaces, quotes or brackets between them.`

const status = z
  .union([wordsText, z.array(z.string()).max(50)])
  .refine(areWords)
  .optional()
  .meta({
    description: whichWords,
    examples: ['active', "'active', 'inactive'", ['active', 'doi-onhold']],
  })

function wordsIn(text: string): string[] {
  return text.split(BETWEEN).filter((word) => word !== '')
}

const signed = { msisdn, signature }
const looking = { ...signed, keyword: onlyIfSent }

/** What each method reads, and in which order it complains. Other fields count for nothing. */
export const FIELDS = {
  initiate: z.object({
    ...{ ...signed, keyword },
    pin: pin
      .optional()
      .catch(undefined)
      .meta({
        description: 'Listed by the vendor, and of no use here.',
        examples: ['12345'],
      }),
    ...subscriber,
  }),
  validate_pin: z.object({ ...signed, keyword, pin }),
  unsubscribe: z.object(looking),
  status: z.object({ ...looking, status }),
} as const

/** What a query for `status` may say, where all is text. */
export const STATUS_QUERY = z.object({
  ...looking,
  status: wordsText
    .refine(areWords)
    .optional()
    .meta({ description: whichWords, examples: ['active', 'active,inactive'] }),
})

/** What a request for this method says. */
export type Sent<M extends Method> = z.output<(typeof FIELDS)[M]>

/** What was read; or the name of the first field that says nothing that can be understood. */
export type Read<M extends Method> = { sent: Sent<M> } | { wrong: string }

/** Whether a field says anything: clients send null, or nothing, for what they do not know. */
export function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}

/** Reads the fields of a request. */
export function read<M extends Method>(method: M, fields: ReadonlyMap<string, unknown>): Read<M> {
  const there = [...fields].filter(([, value]) => isThere(value))
  const { success, data, error } = FIELDS[method].safeParse(Object.fromEntries(there))
  if (success) return { sent: data as Sent<M> }
  const wrong = new Set(error.issues.map(({ path }) => path[0]))
  const first = Object.keys(FIELDS[method].shape).find((name) => wrong.has(name))
  return { wrong: first ?? '' }
}
