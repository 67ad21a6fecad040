import * as z from 'zod'
import { parseAmount } from '../../../engine/money.ts'

// What is sent is text throughout, and each parameter is there at most once (`readAnyParameters`).

/** A space before digits is a `+` that was not escaped. */
const unescaped = (written: string) => written.replace(/^ (?=\d)/, '+')

const text = z.string().min(1).max(41).transform(unescaped)

const number = (what: string) =>
  text.meta({
    description: `${what} With its country code, with or without \`+\` or \`00\`, or beginning with a single 0 as it is dialled within the country of the account.`,
    examples: ['4917990000000', '+49 179 90000000'],
  })

const dialled = (what: string) =>
  text.meta({
    description: `${what} As a caller would key it in the country of the account, or with \`+\`.`,
    examples: ['0302434299', '+49302434299'],
  })

const realm = z
  .string()
  .max(100)
  .optional()
  .meta({ description: 'Understood and of no meaning here.', examples: ['testRealm'] })

const pin = (what: string, digits: string) =>
  z
    .string()
    .regex(/^\d{4,15}$/)
    .meta({ description: `${what} ${digits} digits.`, examples: ['321582778'] })

const Telefon = number('The CLI: from this number the card is called with without a PIN.')
const cli = number('The CLI of the card.')

const act = <A extends string, S extends z.ZodRawShape>(name: A, description: string, shape: S) =>
  z.object({ act: z.literal(name), ...shape }).meta({ description })

const mycard = z.discriminatedUnion('act', [
  act('insert', 'Puts money on the card with this CLI; makes one if there is none.', {
    Telefon,
    Kunde: z
      .string()
      .max(100)
      .prefault('')
      .meta({ description: 'The name of the customer; the CLI when empty.', examples: ['Jon Doe'] }),
    Amount: z
      .string()
      .regex(/^\d{1,7}(?:[.,]\d{1,2})?$/)
      // However it is written, it is the same sum, and so the same request.
      .transform((sent) => parseAmount(sent) ?? 0)
      .refine((micros) => micros > 0)
      .meta({
        description: 'In the currency of the account; more than nothing.',
        examples: ['0.10', '5,00'],
      }),
    sendSmsInfo: z
      .enum(['0', '1', 'false', 'true', ''])
      .prefault('')
      .transform((sent) => sent === '1' || sent === 'true')
      .meta({
        description: 'Whether a text message to the CLI is asked for (webhook `sms.requested`).',
        examples: ['1'],
      }),
    smsinfo_message: z
      .string()
      .max(480)
      .prefault('')
      .meta({
        description:
          'Its text; `{pin}`, `{serial}` and `{amount}` stand for those of the card. Ours when empty.',
        examples: ['Your PIN is {pin}'],
      }),
  }),
  act('show', 'A card.', { Telefon }),
  act('blockcard', 'Blocks a card: it can be neither called with nor opened.', { Telefon }),
  act('unblockcard', 'Ends that.', { Telefon }),
  act('disableCliByNumber', 'Gives a card up, until its PIN activates it again.', { realm, cli }),
  act('changeCliByNumber', 'Gives a card another CLI.', { realm, cli, newCli: number('The new CLI.') }),
  act('activateMyCard', 'Gives the card with this PIN this CLI, and ends its being given up.', {
    realm,
    cli,
    PIN: pin("The card's PIN.", '4 to 15'),
  }),
])

const day = (which: string) =>
  z
    .string()
    .regex(/^(?:\d{2}\.\d{2}\.\d{4}|\d{4}-\d{2}-\d{2})$/)
    .optional()
    .meta({ description: which, examples: ['2014-02-20', '20.02.2014'] })

/** The most calls that one answer lists. */
const MOST_RECORDS = 1_000

const period = z.object({
  from: day('The first day, in the time zone of the account; whatever day when absent.'),
  to: day('The last day, which counts whole; whatever day when absent.'),
  show: z
    .string()
    .regex(/^(?:[1-9]\d{0,2}|1000)$/)
    .transform(Number)
    .prefault(String(MOST_RECORDS))
    .meta({ description: 'How many at most: the newest, 1 to 1000.', examples: ['2'] }),
})

/** The most numbers that are rated with one request. */
const MOST_NUMBERS = 100

const callId = z
  .string()
  .max(40)
  .optional()
  .meta({
    description: 'Of the answer to `trycallback`.',
    examples: ['4AF46744-C346-44FF-80E3-33D89FBE963B'],
  })
const ofCall = { callId, callerId: callId }

/** What each module reads. Other parameters count for nothing. */
export const PARAMETERS = {
  'mycard-v2': mycard,
  'number-check': z.object({
    prefix: z
      .string()
      .regex(/^ ?\+?\d{1,4}$/)
      .meta({ description: 'The country code.', examples: ['49'] }),
    number: z
      .string()
      .min(1)
      .max(40)
      .meta({ description: 'The rest.', examples: ['179123456789'] }),
  }),
  account: z.object({}),
  'cdr-callshop': period,
  cdrs: period,
  topup: z.object({ pin: pin('Of a voucher.', '6 to 15') }),
  voiplist: z.object({}),
  rates: z.object({
    numbers: z
      .string()
      .min(1)
      .max(41 * MOST_NUMBERS)
      .transform((sent) => sent.split('|').map(unescaped))
      .refine((all) => all.length <= MOST_NUMBERS)
      .meta({
        description: 'Numbers with `|` between them, at most 100, each as a caller would key it.',
        examples: ['0177123456|030123456'],
      }),
  }),
  webcallback: z.discriminatedUnion('act', [
    act('trycallback', 'Calls A, then B, and joins the two.', {
      aNumber: dialled('Who is called first.'),
      bNumber: dialled('Who is called then.'),
    }),
    act('stopcallback', 'Ends it.', ofCall),
    act('status', 'What has become of it.', ofCall),
  ]),
} as const

export type ModuleName = keyof typeof PARAMETERS
export const MODULE_NAMES = Object.keys(PARAMETERS) as ModuleName[]

/** What a request for this module says. */
export type Sent<M extends ModuleName> = z.output<(typeof PARAMETERS)[M]>

/** For each module those of its acts that change something; `always` where it has no acts. */
export const CHANGING: Partial<Record<ModuleName, 'always' | readonly string[]>> = {
  'mycard-v2': [
    'insert',
    'blockcard',
    'unblockcard',
    'disableCliByNumber',
    'changeCliByNumber',
    'activateMyCard',
  ],
  topup: 'always',
  webcallback: ['trycallback', 'stopcallback'],
}
