import * as z from 'zod'

const db = z
  .int()
  .min(1)
  .max(9_999)
  .meta({ description: 'The number of the database.', examples: [1] })
const pin = z.string().meta({ description: 'A PIN.', examples: ['7000'] })
const value = z.string().meta({ description: 'A security key.', examples: ['+447700900123'] })
const count = z.int().min(0)
const DATE = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/)
  .meta({ description: 'In the time zone of the account.', examples: ['2027-01-31 23:59:59'] })

const database = z.object({
  db,
  pins: z.int().min(1).meta({ description: 'How many PINs it has.' }),
  label: z.string().meta({ description: 'A name for people.' }),
  'max-keys': count.meta({ description: 'How many different keys a PIN may have; 0: any number.' }),
  'vn-action': z.enum(['confirm', 'dial', 'continue']),
  target: z.string().nullable(),
})

const report = z.object({
  created: count,
  changed: count,
  unchanged: count,
  refused: count,
  refusals: z
    .array(
      z.object({ line: z.int().min(1), wrong: z.enum(['pin', 'db', 'expires-at', 'begins-at', 'columns']) }),
    )
    .max(100)
    .meta({ description: 'The first hundred lines that were refused.' }),
})

const checked = (status: 'granted' | 'refused') =>
  z.object({
    pin,
    db,
    status: status === 'granted' ? z.literal('OK') : z.enum(['REFUSED', 'LOCKED']),
    keys: count.meta({ description: 'How many keys the PIN has.' }),
  })

/** What `output=json` answers; the names are those of the page's parameters. */
export const jsonAnswers = {
  granted: [
    z.array(z.object({ pin, db, at: DATE, value })).meta({ id: 'Uses' }),
    z.array(database).meta({ id: 'Databases' }),
    z
      .array(z.object({ pin, db, 'expires-at': DATE.nullable(), 'begins-at': DATE.nullable() }))
      .meta({ id: 'Pins' }),
    z.array(z.object({ pin, db, value, 'first-used-at': DATE })).meta({ id: 'Keys' }),
    z.array(checked('granted')).length(1).meta({ id: 'Checked' }),
    report.meta({ id: 'UploadReport', description: 'What upload-pins did, or would do.' }),
  ],
  refused: z.array(checked('refused')).length(1).meta({ id: 'NotGranted' }),
} as const
