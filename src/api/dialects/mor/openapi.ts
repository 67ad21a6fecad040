import * as z from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiResponseObject } from 'zod-openapi'
import { documentOf } from '../../openapi.ts'
import { HASHED, type MethodName } from './hash.ts'
import { PARAMETERS } from './schema.ts'

/** Elements without attributes: an object's properties are the elements in it, a list is one element several times. */
const page = <S extends z.ZodRawShape>(id: string, shape: S) =>
  z.strictObject(shape).meta({ id, xml: { name: 'page' } })

const amount = z.string().regex(/^\d+\.\d{1,6}$/)
/** An element without text is empty. */
const time = z.string().regex(/^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} [+-]\d{4})?$/)
const whole = z.string().regex(/^\d+$/)

const card = z
  .strictObject({
    card_id: whole,
    card_number: whole,
    card_name: z.string(),
    card_pin: whole.optional().meta({ description: 'Not for accountants who may not see PINs.' }),
    card_batch_number: z.string(),
    card_callerid: z.string(),
    card_balance: amount,
    card_minimal_balance: amount,
    card_first_use: time,
    card_daily_charge_paid_till: time,
    card_sold: z.enum(['0', '1']),
    card_language: z.string(),
    card_distributor: z.string().optional().meta({ description: 'His name; left out where there is none.' }),
  })
  .meta({ id: 'Card' })

const error = z.string().meta({ description: 'What is wrong.', examples: ['Cards were not found'] })
const refused = page('Refused', { status: z.strictObject({ error }) })
const notRead = z
  .strictObject({ error })
  .meta({ id: 'NotLetIn', description: 'About the request itself.', xml: { name: 'status' } })

const GRANTED: Record<MethodName, z.ZodObject> = {
  calling_cards_get: page('CardsFound', { cards: z.strictObject({ card: z.array(card).min(1) }) }),
  calling_cards_create: page('CardsCreated', {
    status: z.string().regex(/^Cards created: \d+\/\d+$/),
  }),
  calling_card_update: page('CardUpdated', { success: z.literal('Calling Card successfully updated') }),
  card_balance_get: page('CardBalance', {
    calling_card: z.strictObject({ balance: amount, currency: z.string().regex(/^[A-Z]{3}$/) }),
  }),
}

const xml = (schema: z.ZodType) => ({ 'text/xml': { schema } })

function responses(method: MethodName): Record<'200', ZodOpenApiResponseObject> {
  return {
    200: {
      description: 'What was asked for, or an error: the status is 200 whatever MOR answers.',
      content: xml(z.union([GRANTED[method], refused, notRead])),
    },
  }
}

/** None of them must stand in the query, as they may stand in the body. */
function inQuery({ shape }: z.ZodObject): z.ZodObject {
  const entries = Object.entries(shape as Record<string, z.ZodType>).map(
    ([name, schema]) => [name, schema.optional().meta({ description: schema.description ?? '' })] as const,
  )
  return z.object(Object.fromEntries(entries))
}

function operation(method: MethodName, by: 'get' | 'post'): ZodOpenApiOperationObject {
  const schema = PARAMETERS[method]
  const hashed = HASHED[method].length === 0 ? 'no parameter' : HASHED[method].join(', ')
  return {
    operationId: by === 'get' ? `${method}_by_get` : method,
    summary: schema.description ?? '',
    description: `Hashed before the secret key: ${hashed}. ${by === 'get' ? 'Only where the account allows GET.' : 'Each parameter stands once, in the query or in the body.'}`,
    requestParams: { query: inQuery(schema) },
    ...(by === 'post' && {
      requestBody: {
        required: false,
        content: {
          'application/x-www-form-urlencoded': { schema },
          'application/json': { schema },
        },
      },
    }),
    responses: responses(method),
  }
}

/** The OpenAPI 3.1 document of the dialect. */
export const openapi = documentOf(() => ({
  openapi: '3.1.1',
  info: {
    title: 'MOR API: calling cards',
    version: '1',
    description:
      'Finds, makes and changes prepaid cards. Each request carries a user name and a hash made with a secret key.',
  },
  servers: [{ url: '/billing/api' }, { url: '/api' }],
  security: [],
  paths: Object.fromEntries(
    (Object.keys(HASHED) as MethodName[]).map((method) => [
      `/${method}`,
      { get: operation(method, 'get'), post: operation(method, 'post') },
    ]),
  ),
}))
