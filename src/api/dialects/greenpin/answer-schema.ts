import * as z from 'zod'
import { APPENDIX, type Code } from './answers.ts'

/** E.164. */
export const e164 = z
  .string()
  .regex(/^\+[1-9]\d{6,14}$/)
  .meta({ description: 'E.164.', examples: ['+917987686144'] })

export const greenpinId = z.string().meta({
  description: 'The identifier of the allocation.',
  examples: ['d7ffd4b3-c861-4bda-a024-9cef1ae2f2a8'],
})

export const transactionId = z
  .string()
  .meta({ description: 'The identifier that the client gave.', examples: ['order-1047'] })

export const usage = z.enum(['oneway', 'twoway']).meta({ examples: ['twoway'] })

const party = z
  .object({
    vns: z.array(e164).min(1).meta({ description: 'The virtual numbers that this side dials and sees.' }),
    numbers: z.array(e164).min(1).optional().meta({ description: 'Who belongs to this side.' }),
    pin: z
      .string()
      .regex(/^\d{1,9}$/)
      .optional()
      .meta({ description: 'Shown where the account wants a PIN from this side.', examples: ['713'] }),
  })
  .meta({ id: 'Party', description: 'One side of an allocation.' })

const greenpin = z
  .object({
    transaction_id: transactionId,
    greenpin_id: greenpinId,
    a: party,
    b: party,
    usage,
    state: z.enum(['active', 'vault']).meta({ description: '`vault`: it has ended, and never comes back.' }),
    deallocation_time: z
      .string()
      .regex(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/)
      .optional()
      .meta({
        description: 'When it ends by itself, in the time zone of the account. Left out when it does not.',
        examples: ['2026-03-27 12:17:09'],
      }),
  })
  .meta({ id: 'Greenpin', description: 'An allocation.' })

export type GreenpinData = z.output<typeof greenpin>

function granted<T extends z.ZodType>(data: T) {
  return z.object({
    success: z.literal(true),
    status: z.literal(200),
    code: z.null(),
    message: z.null(),
    data,
  })
}

const requestId = z.string().meta({
  description: 'The identifier of this request, for questions about it.',
  examples: ['019ab7c2-1d2e-7f30-8a41-5b6c7d8e9f00'],
})

/** What a PUT's answer carries before the envelope. */
export const PUT_HEAD = { request_id: requestId, method: z.literal('PUT') }

/** The envelope of a request that was granted; `put` when it was a PUT. */
export function grantedAnswer<T extends z.ZodType>(data: T, put: boolean) {
  const envelope = granted(data)
  return put ? z.object({ ...PUT_HEAD, ...envelope.shape }) : envelope
}

/** The envelope of a refusal with one of these codes, which all have this HTTP status. */
export function refused(status: number, codes: readonly Code[]) {
  return z.object({
    success: z.literal(false),
    status: z.literal(status),
    code: z.literal([...codes]),
    message: z.string().meta({ examples: [codes[0] === undefined ? '' : APPENDIX[codes[0]][1]] }),
    data: z.null(),
  })
}

/** The codes by their HTTP status. */
export function byStatus(codes: readonly Code[]): [status: number, codes: Code[]][] {
  const statuses = new Map<number, Code[]>()
  for (const code of codes) {
    const [status] = APPENDIX[code]
    statuses.set(
      status,
      [...(statuses.get(status) ?? []), code].sort((one, other) => one - other),
    )
  }
  return [...statuses].sort(([one], [other]) => one - other)
}

export const greenpinAnswer = (put: boolean) => grantedAnswer(greenpin, put)

/** The answer of the bulk PUT; `codes` are those that an item can have. */
export function bulkAnswer(codes: readonly Code[]) {
  const item = z.union([granted(greenpin), ...byStatus(codes).map(([status, own]) => refused(status, own))])
  const count = z.int().nonnegative()
  return z
    .object({
      ...PUT_HEAD,
      http_code: z.literal(207),
      metadata: z.object({ failed: count, total: count, success: count }),
      response: z.array(item).meta({ description: 'One for each allocation, in the order of the request.' }),
    })
    .meta({ id: 'BulkAnswer' })
}

/** The answer of the list. */
export const listAnswer = z
  .object({
    request_id: requestId,
    method: z.literal('GET'),
    http_code: z.literal(200),
    metadata: z.object({
      page_size: z.int().min(1).max(100).meta({ description: 'The `limit` of the request.' }),
      count: z.int().nonnegative().meta({ description: 'How many are on this page.' }),
      next_page_uri: z
        .string()
        .nullable()
        .meta({ description: 'Path and query of the next page; null on the last.' }),
    }),
    response: z.array(granted(greenpin)).meta({ description: 'Newest first.' }),
  })
  .meta({ id: 'ListAnswer' })
