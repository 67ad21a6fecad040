import * as z from 'zod'
import { DEFAULT_DATABASE } from '../../../engine/pin-databases.ts'

/** What is sent is text throughout, and each parameter is there at most once (`readParameters`). */
const text = (pattern: RegExp) => z.string().regex(pattern)

/** Other forms than these two words of the page are ours: `json` "will likely follow". */
const OUTPUTS = ['csv', 'txt', 'json'] as const
export type Output = (typeof OUTPUTS)[number]

/** "Defaults to 1. May be any integer up to 9999." */
const db = text(/^[1-9]\d{0,3}$/)
  .prefault(String(DEFAULT_DATABASE))
  .transform(Number)
  .meta({ description: 'The number of the database, 1 to 9999; 1 when absent.', examples: ['1'] })

const output = z.enum(OUTPUTS).prefault('csv').meta({
  description: 'How records are written: comma-separated, TAB-separated or JSON; csv when absent.',
})

/** As `couldBeDatabasePin` has it, which a test compares; the engine looks again. */
const PIN = /^[0-9A-Za-z][0-9A-Za-z*#._-]{0,14}$/

const pin = text(PIN).meta({
  description:
    'A PIN: up to 15 digits, letters and the signs `* # . _ -`, beginning with a digit or a letter.',
  examples: ['7000'],
})
const bound = (which: string) =>
  text(PIN).meta({
    description: `The ${which} PIN of the range. Bounds of equal length keep their leading zeros; letters only where both are the same.`,
    examples: [which === 'last' ? '7500' : '7000'],
  })

/** A space before digits is a `+` that was not escaped: keys are mostly numbers in E.164. */
const unescaped = (written: string) => written.replace(/^ (?=\d)/, '+')

/** All that `canonicalKey` could take, and the signs that people write between the digits of a number. */
const key = text(/^[0-9A-Za-z+*#._() -]{1,40}$/)
  .transform(unescaped)
  .meta({
    description:
      'A security key: a telephone number, which is kept in E.164 however it is written, or 1 to 32 letters, digits and the signs `+ * # . _ -`.',
    examples: ['+447700900123'],
  })

/** A date as the page writes it; whether there is such a day and time is still to be seen. */
export const DATE = /^(?:19|[2-9]\d)\d{2}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/

const instant = (what: string) =>
  text(DATE).meta({
    description: `${what} \`YYYY-MM-DD HH:MM:SS\` in the time zone of the account, from the year 1900 on.`,
    examples: ['2027-01-31 23:59:59'],
  })

/** What may stand in every request: the page lists both with the general parameters. */
const general = { db, output }
const range = { 'start-pin': bound('first'), 'end-pin': bound('last') }

function action<A extends string, S extends z.ZodRawShape>(name: A, description: string, shape: S) {
  return z.strictObject({ action: z.literal(name), ...general, ...shape }).meta({ id: name, description })
}

/** What each action reads, in the order of the page; those after `delete-key` are ours. Anything else in a request is refused. */
export const ACTIONS = {
  'download-uses': action('download-uses', 'The uses of PINs on one day of the time zone of the account.', {
    year: text(/^(?:19|[2-9]\d)\d{2}$/).meta({ description: 'YYYY', examples: ['2026'] }),
    month: text(/^(?:0[1-9]|1[0-2])$/).meta({ description: 'MM', examples: ['03'] }),
    day: text(/^(?:0[1-9]|[12]\d|3[01])$/).meta({ description: 'DD', examples: ['29'] }),
  }),
  'download-dbs': action('download-dbs', 'The databases that have PINs.', {}),
  'download-db': action('download-db', 'The PINs of a database.', {}),
  'write-pins': action('write-pins', 'Adds PINs, or changes when those that are there are valid.', {
    ...range,
    'begins-at': instant('Valid from then on; at once when absent.').optional(),
    'expires-at': instant('Valid before then; for ever when absent.').optional(),
  }),
  'delete-pins': action('delete-pins', 'Deletes PINs; their uses and keys stay.', range),
  'download-keys': action('download-keys', 'The security keys of a PIN, or of all when it is absent.', {
    pin: pin.optional(),
  }),
  'delete-key': action('delete-key', 'Deletes one security key of a PIN.', { pin, value: key }),
  'delete-keys': action('delete-keys', 'Deletes all security keys of a PIN.', { pin }),
  'check-pin': action('check-pin', 'Uses a PIN, if it may be used now with this key.', {
    pin,
    key: key
      .optional()
      .meta({ description: 'Who uses it, written as `value`; all who are not named share one key.' }),
  }),
  'write-db': action('write-db', 'Makes a database, or changes it. What is absent stays as it is.', {
    'max-keys': text(/^(?:0|[1-9]\d{0,6})$/)
      .transform(Number)
      .optional()
      .meta({ description: 'How many different keys a PIN may have; 0: any number.', examples: ['3'] }),
    label: z
      .string()
      .max(100)
      .optional()
      .meta({ description: 'A name for people.', examples: ['Gold members'] }),
    'vn-action': z
      .enum(['confirm', 'dial', 'continue'])
      .optional()
      .meta({ description: 'What a line does with callers whose PIN is right.' }),
    target: z
      .string()
      .max(128)
      .optional()
      .meta({
        description:
          'For `dial` a telephone number, for `continue` a place in the dialplan: `context,extension`.',
        examples: ['+447700900123'],
      }),
  }),
  'upload-pins': action('upload-pins', 'Writes PINs line by line as download-db lists them.', {
    'dry-run': z
      .enum(['yes', 'no'])
      .prefault('no')
      .meta({ description: '`yes`: says what would happen, and no more.' }),
  }),
} as const

export type ActionName = keyof typeof ACTIONS

/** What a request for this action says. */
export type Sent<A extends ActionName> = z.output<(typeof ACTIONS)[A]>
