import * as z from 'zod'
import { duration, pinLength } from './schema.ts'

/** `true` and `"true"`: the vendor's settings have both. */
const yesNo = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])

const whole = (min: number, max: number) =>
  z.union([
    z.int().min(min).max(max),
    z
      .string()
      .regex(/^\d{1,5}$/)
      .transform(Number)
      .pipe(z.int().min(min).max(max)),
  ])

const endpoint = (description: string) =>
  z
    .string()
    .max(2_048)
    .nullish()
    .meta({
      description: `${description} Null or "" takes it away.`,
      examples: ['https://client.example/events'],
    })

/** The vendor's names of the events' receivers, and what each of them is told. */
const ENDPOINTS = {
  greenpin_call_complete_event_endpoint: endpoint('Where it is POSTed that a call has ended.'),
  greencall_complete_event_endpoint: endpoint('The same, by its name in GreenVN; the other name wins.'),
  failed_verification_event_endpoint: endpoint('Where it is POSTed that a caller did not key a right PIN.'),
  verified_caller_event_endpoint: endpoint('Where it is POSTed that a caller has joined by PIN.'),
  deallocation_callback_event_endpoint: endpoint('Where it is POSTed that an allocation has ended.'),
}

const both = "Of both sides; a side's own wins."

/** The body of `PUT settings`. What is absent or null stays. */
export const settingsBody = z
  .object({
    country: z
      .string()
      .max(255)
      .nullish()
      .meta({
        description: 'ISO 3166-1 alpha-2: whose national numbers are understood.',
        examples: ['IN'],
      }),
    intl_num_sup: yesNo.nullish().meta({ description: 'Whether numbers of other countries are accepted.' }),
    max_deallocation_time: z
      .union([z.enum(['-1']), z.literal(-1), duration])
      .nullish()
      .meta({ description: 'Longest life of an allocation, up to 170d; -1 for no end.', examples: ['170d'] }),
    timezone: z
      .string()
      .max(64)
      .nullish()
      .meta({ description: 'IST, UTC or an IANA name.', examples: ['IST'] }),
    deletion_time: whole(0, 86_400)
      .nullish()
      .meta({
        description: 'Seconds for which a PIN stays reserved after its allocation has ended.',
        examples: [0],
      }),
    ...ENDPOINTS,
    aparty_pin_length: pinLength.nullish().meta({ description: "Digits of side A's generated PINs." }),
    bparty_pin_length: pinLength.nullish().meta({ description: "Digits of side B's generated PINs." }),
    common_pin_length: pinLength.nullish().meta({ description: both }),
    aparty_pin_enabled: yesNo.nullish().meta({ description: 'Whether side A gets PINs and must key them.' }),
    bparty_pin_enabled: yesNo.nullish().meta({ description: 'Whether side B gets PINs and must key them.' }),
    common_pin_enabled: yesNo.nullish().meta({ description: both }),
    default_flow_id: z
      .union([z.string().max(255), z.number()])
      .nullish()
      .meta({
        description: 'Only `masking` exists; anything else is code 50.',
        examples: ['masking'],
      }),
    ring_strategy: z.enum(['in_turn', 'all']).nullish().meta({
      description: "How the other side's numbers are rung.",
    }),
    ring_time: duration
      .nullish()
      .meta({ description: 'How long one number rings: 5s to 120s.', examples: ['30s'] }),
    max_talk_time: duration.nullish().meta({ description: 'Longest talk: up to 24h.', examples: ['3h'] }),
    max_pin_attempts: whole(1, 10)
      .nullish()
      .meta({
        description: 'How often a caller may try a PIN in one call.',
        examples: [3],
      }),
    recording_enabled: yesNo.nullish().meta({ description: 'Whether talks are recorded.' }),
    recording_announcement: yesNo.nullish().meta({ description: 'Whether both are told so.' }),
    recording_retention: duration.nullish().meta({
      description: 'How long a recording is kept: up to 3650d.',
      examples: ['30d'],
    }),
  })
  .meta({
    id: 'WantedSettings',
    description: 'What is absent or null stays as it is.',
    examples: [{ deletion_time: 60, aparty_pin_length: 6 }],
  })

export type SentSettings = z.output<typeof settingsBody>

const url = z.string().nullable().meta({ description: 'Null: nobody is told.' })
const time = z.string().meta({ description: 'In the largest unit that says it exactly.', examples: ['170d'] })
const digits = z.int().min(1).max(9)

/** All settings, in the types of the vendor's settings page. */
export const settingsAnswer = z
  .object({
    country: z.string().meta({ examples: ['IN'] }),
    intl_num_sup: z.enum(['true', 'false']),
    max_deallocation_time: z.string().meta({ description: '-1: without end.', examples: ['170d'] }),
    timezone: z.string().meta({ examples: ['IST'] }),
    deletion_time: z.int().meta({ description: 'Seconds.', examples: [0] }),
    greenpin_call_complete_event_endpoint: url,
    failed_verification_event_endpoint: url,
    verified_caller_event_endpoint: url,
    deallocation_callback_event_endpoint: url,
    aparty_pin_length: digits,
    bparty_pin_length: digits,
    common_pin_length: digits.nullable().meta({ description: 'Null when the sides differ.' }),
    aparty_pin_enabled: z.boolean(),
    bparty_pin_enabled: z.boolean(),
    common_pin_enabled: z.boolean().nullable().meta({ description: 'Null when the sides differ.' }),
    default_flow_id: z.literal('masking'),
    ring_strategy: z.enum(['in_turn', 'all']),
    ring_time: time,
    max_talk_time: time,
    max_pin_attempts: z.int(),
    recording_enabled: z.boolean(),
    recording_announcement: z.boolean(),
    recording_retention: time,
  })
  .meta({ id: 'Settings' })

export type SettingsData = z.output<typeof settingsAnswer>
