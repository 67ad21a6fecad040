import * as z from 'zod'
import { MAX_NUMBERS, MAX_VNS } from '../../../engine/plan.ts'
import { parseDuration } from '../../../engine/time.ts'

/** JSON numbers are taken for what they write, also where the manual shows strings. They have lost their leading zeros. */
const text = z.union([z.string().max(255), z.int().nonnegative().transform(String)])

const phone = text.meta({
  description:
    'A telephone number: E.164, or national as written in the country of the account; spaces, `-`, `.` and brackets may stand between the digits.',
  examples: ['+917987686144'],
})

/** `20s`, `15m`, `2h`, `170d` -> milliseconds. */
export const duration = z
  .string()
  .max(13)
  .regex(/^0{0,11}[1-9]\d{0,11}[smhd]$/)
  .transform((written, issues) => {
    const ms = parseDuration(written)
    if (ms === undefined) issues.addIssue('not a duration')
    return ms ?? 0
  })
  .meta({ description: 'A whole number of seconds, minutes, hours or days.', examples: ['1200s'] })

/** A PIN's length, as the manual's samples write it: `3` and `"3"`. */
export const pinLength = z
  .union([
    z.int().min(1).max(9),
    z
      .string()
      .regex(/^[1-9]$/)
      .transform(Number),
  ])
  .meta({ description: 'Digits of a generated PIN.', examples: [4] })

const pin = z
  .union([z.string().regex(/^\d{1,9}$/), z.int().min(0).max(999_999_999).transform(String)])
  .meta({ description: 'One to nine digits. As a JSON number it has no leading zeros.', examples: ['713'] })

const vn = text.meta({ description: 'A virtual number of the account.', examples: ['+916292134471'] })

const party = z
  .object({
    vns: z.array(vn).max(MAX_VNS).nullish().meta({
      description: "The virtual numbers that this side dials. Without any, the other side's.",
    }),
    numbers: z.array(phone).max(MAX_NUMBERS).nullish().meta({
      description: 'Who belongs to this side. Without any, whoever keys its PIN.',
    }),
    pin: pin.nullish().meta({ description: "This side's PIN; without one it is generated." }),
    pin_length: pinLength.nullish().meta({ description: 'Of the generated PIN; a PIN that is sent wins.' }),
  })
  .meta({
    id: 'WantedParty',
    description: 'One side of an allocation.',
    examples: [{ vns: ['+916292134471'], numbers: ['+917987686144'] }],
  })

const policy = z.object({ duration: duration.nullish() }).meta({
  id: 'DeallocationPolicy',
  description: 'When the allocation ends by itself.',
  examples: [{ duration: '1200s' }],
})

const usage = z.enum(['oneway', 'twoway']).meta({
  description: '`oneway`: only side A may call the other.',
  examples: ['twoway'],
})

/** What can be said about an allocation that is made or changed. Unknown keys are ignored: clients send more than the manual lists. */
const changeable = z.object({
  a: party.nullish(),
  b: party.nullish(),
  usage: usage.nullish(),
  deallocation_policy: policy.nullish(),
  Deallocation_policy: policy.nullish().meta({
    description: "The same as `deallocation_policy`, as the manual's table spells it.",
    deprecated: true,
  }),
})

const PARTIES = {
  a: { vns: ['+916292134471'], numbers: ['+917987686144'] },
  b: { vns: ['+916292134464'], numbers: ['+919956555625'] },
}

/** The body of POST. */
export const wanted = changeable
  .extend({
    transaction_id: text.meta({
      description:
        "The client's own identifier, 1 to 255 characters without control characters, unique among the active allocations.",
      examples: ['order-1047'],
    }),
  })
  .meta({
    id: 'WantedGreenpin',
    description: 'At least one side has numbers, and at least one has virtual numbers.',
    examples: [{ transaction_id: 'order-1047', ...PARTIES }],
  })

/** The body of PUT. */
export const update = changeable.meta({
  id: 'GreenpinUpdate',
  description:
    'At least one of these. What is absent or null stays as it is; lists replace the ones that are there.',
  examples: [{ a: { numbers: ['+917987686145'] }, usage: 'oneway' }],
})

/** One allocation in the body of the bulk PUT. */
export const bulkItem = changeable
  .extend({
    greenpin_id: text.meta({
      description: 'Which allocation.',
      examples: ['d7ffd4b3-c861-4bda-a024-9cef1ae2f2a8'],
    }),
  })
  .meta({
    id: 'GreenpinBulkItem',
    description: 'As in the update of one allocation.',
    examples: [{ greenpin_id: 'd7ffd4b3-c861-4bda-a024-9cef1ae2f2a8', usage: 'oneway' }],
  })

/** Most allocations in one request. */
const MAX_BULK = 100

/** The body of the bulk PUT. It is read with items of any kind: a malformed one must not harm the others. */
export function bulkOf<T extends z.ZodType>(item: T) {
  return z.object({ greenpins: z.array(item).min(1).max(MAX_BULK) })
}

export type SentChange = z.output<typeof changeable>
