import * as z from 'zod'
import type { MethodName } from './hash.ts'

const text = (description: string, example: string) =>
  z
    .string()
    .optional()
    .meta({ description, examples: [example] })

/** What stands in every request. Whoever leaves one of them out is not let in. */
const general = {
  u: z.string().meta({ description: 'The user name.', examples: ['admin'] }),
  hash: z.string().meta({
    description:
      'SHA-1, in hex with small letters, of the values of the required parameters in their order and of the API secret key, with nothing between them.',
    examples: ['e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4'],
  }),
}

const ANY = 'Letter case does not matter; `%` stands for any characters, `_` for one.'
const batch = 'A text that cards have in common.'

/** What each method reads. All of it is text, nothing else in a request counts, and an empty value is as good as none. */
export const PARAMETERS = {
  calling_cards_get: z
    .object({
      ...general,
      number: text(`Number of the card. ${ANY}`, '1111111119'),
      name: text(`Name of the card. ${ANY}`, 'test_card'),
      pin: text(`PIN of the card. ${ANY}`, '2668'),
      batch_number: text(`Batch number of the card. ${ANY}`, '5'),
      min_balance: text('The least balance.', '10'),
      max_balance: text('The largest balance.', '50'),
      callerid: text(`The number that calls without a PIN. ${ANY}`, '3'),
      language: text('Language of the card.', 'en'),
      sold: text('Whether the card is sold: `yes`, `no`, `1` or `0`.', '0'),
      distributor: text('The number of the distributor.', '2'),
      limit: text('The most cards that are answered. Not in MOR.', '100'),
      offset: text('How many cards are left out before that. Not in MOR.', '0'),
    })
    .meta({ id: 'calling_cards_get', description: 'The cards that are all that is asked for.' }),
  calling_cards_create: z
    .object({
      ...general,
      card_group_id: text('Required. The number of the card group.', '1'),
      cards_from: text('Required. The first number, as long as the group says.', '1000000025'),
      cards_till: text('Required. The last number.', '1000000035'),
      batch_number: text(batch, '50'),
      min_balance: text('What calls leave on each card; 0 when it is no amount.', '15'),
      language: text('Language of the cards; `en` when it is none.', 'en'),
      distributor_id: text('The number of the distributor; nobody when there is no such.', '2'),
    })
    .meta({ id: 'calling_cards_create', description: 'Makes cards with these numbers and random PINs.' }),
  calling_card_update: z
    .object({
      ...general,
      card_id: text('Required. The id of the card.', '1'),
      number: text('Its new number, as long as its group says.', '4673451679'),
      name: text('Its new name.', 'card'),
      pin: text('Its new PIN, as long as its group says.', '7468'),
      batch_number: text(batch, '5456484'),
      callerid: text('The number that calls without a PIN.', '2'),
      min_balance: text('What calls leave on the card.', '5'),
      balance: text('Moves its balance to this sum, by a correction. Not in MOR.', '12.5'),
      daily_charge_paid_till: text('Seconds since 1970 began in UTC.', '1446721871'),
      language: text('Its language.', 'en'),
      first_use: text('Seconds since 1970 began in UTC; `-1` takes it away.', '-1'),
      distributor: text('The number of the distributor; nobody when there is no such.', '2'),
    })
    .meta({ id: 'calling_card_update', description: 'Changes a card. What is left out stays as it is.' }),
  card_balance_get: z
    .object({ ...general, number: text('Required. Number of the card.', '1111111000') })
    .meta({ id: 'card_balance_get', description: 'What is on a card.' }),
} as const satisfies Record<MethodName, z.ZodObject>

/** Of a name or batch number, as MOR's columns have it: every search goes through these texts. */
export const LONGEST_TEXT = 255

/** What a request of this method says. */
export type Sent<M extends MethodName> = Partial<Record<keyof (typeof PARAMETERS)[M]['shape'], string>>

/** Takes what the method reads out of all that was sent. */
export function read<M extends MethodName>(method: M, sent: ReadonlyMap<string, string>): Sent<M> {
  const names = Object.keys(PARAMETERS[method].shape)
  return Object.fromEntries([...sent].filter(([name]) => names.includes(name))) as Sent<M>
}

/** A value that says something, or undefined. */
export function given(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value
}
