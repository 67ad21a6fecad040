import * as z from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject, ZodOpenApiResponsesObject } from 'zod-openapi'
import { documentOf } from '../../openapi.ts'
import { grantedAnswer, refusedAnswer } from './answer-schema.ts'
import { MODULE_NAMES, type ModuleName, PARAMETERS } from './schema.ts'

const SUMMARIES: Record<ModuleName, string> = {
  'mycard-v2': 'Cards by CLI',
  'number-check': 'How the tariff splits a number',
  account: 'The card of the login',
  'cdr-callshop': 'Call detail records, as callshops have them',
  cdrs: 'Call detail records, as a table',
  topup: 'Redeem a voucher',
  voiplist: 'The SIP accounts of the card',
  rates: 'What a minute to a number costs',
  webcallback: 'Call two numbers and join them',
}

type Acts = { options: readonly z.ZodObject[] }

/** The parameters of all acts of a module in one: no document can say that one parameter decides which others there are. */
function parametersOf(module: ModuleName): z.ZodObject {
  const schema = PARAMETERS[module] as z.ZodObject | Acts
  if (!('options' in schema)) return schema
  const acts = schema.options.map(({ shape }) => {
    const { act, ...others } = shape as Record<string, z.ZodType> & { act: z.ZodLiteral<string> }
    return { name: act.value, others }
  })
  const shape: Record<string, z.ZodType> = {}
  for (const name of new Set(acts.flatMap(({ others }) => Object.keys(others)))) {
    const users = acts.filter(({ others }) => name in others)
    const first = users[0]?.others[name]
    const description = `${first?.description ?? ''} For ${users.map((act) => act.name).join(', ')}.`
    if (first) shape[name] = first.optional().meta({ description })
  }
  const names = z.enum(acts.map(({ name }) => name)).optional()
  return z.object({ act: names.meta({ description: 'What to do.' }), ...shape })
}

/** Every answer has HTTP status 200. */
function responses(modules: ModuleName[]): ZodOpenApiResponsesObject {
  const schema = z.union([...modules.map(grantedAnswer), refusedAnswer])
  return {
    200: {
      description: 'Done, or refused: `error` says which.',
      content: { 'application/json': { schema } },
    },
  }
}

const FORM = 'application/x-www-form-urlencoded'

function operations(module: ModuleName): ZodOpenApiPathsObject[string] {
  const schema = PARAMETERS[module].meta({ id: module, description: SUMMARIES[module] })
  const operation = (method: string): ZodOpenApiOperationObject => ({
    operationId: `${module} by ${method}`.replaceAll(/[- ](\w)/g, (_, letter: string) =>
      letter.toUpperCase(),
    ),
    summary: SUMMARIES[module],
    description:
      'Each parameter stands at most once, in the query, in a form or in a JSON object. What an act takes, the schema of the module says.',
    requestParams: { query: parametersOf(module) },
    ...(method === 'post' && {
      requestBody: { required: false, content: { [FORM]: { schema }, 'application/json': { schema } } },
    }),
    responses: responses([module]),
  })
  return { get: operation('get'), post: operation('post') }
}

/** Version 2 of the address: the module is a parameter, and all else as in version 3. */
function version2(): ZodOpenApiPathsObject[string] {
  const m = z
    .enum(MODULE_NAMES)
    .optional()
    .meta({ description: 'The module. A parameter of its name without a value says the same: `?account`.' })
  const v = z.literal('json').optional().meta({ description: 'The form of the answer.' })
  const parameters = z.looseObject({ m, v })
  const operation = (method: string): ZodOpenApiOperationObject => ({
    operationId: `version2By${method}`,
    summary: 'Every module',
    description: 'With the parameters that the module has below `/api/rest/v3/`.',
    requestParams: { query: z.object({ m, v }) },
    ...(method === 'Post' && {
      requestBody: {
        required: false,
        content: { [FORM]: { schema: parameters }, 'application/json': { schema: parameters } },
      },
    }),
    responses: responses(MODULE_NAMES),
  })
  return { get: operation('Get'), post: operation('Post') }
}

const sms = z
  .object({
    id: z.string().meta({ description: 'The same with every delivery of this event.' }),
    to: z
      .string()
      .regex(/^\+\d+$/)
      .meta({ description: 'E.164.', examples: ['+4917990000000'] }),
    text: z.string().meta({ examples: ['Your PIN is 321582778'] }),
  })
  .meta({ id: 'SmsRequested', description: 'A text message is to be sent by a gateway of the account.' })

/** The OpenAPI 3.1 document of the dialect. */
export const openapi = documentOf(() => ({
  openapi: '3.1.1',
  info: {
    title: '42com',
    version: '2',
    description: 'Prepaid cards by CLI, vouchers, rates, call detail records, callbacks.',
  },
  servers: [{ url: '/' }],
  security: [{ date: [], signature: [] }],
  paths: {
    '/api/rest/v2/': version2(),
    ...Object.fromEntries(MODULE_NAMES.map((module) => [`/api/rest/v3/${module}`, operations(module)])),
  },
  webhooks: {
    'sms.requested': {
      post: {
        operationId: 'sms.requested',
        security: [],
        description:
          'Signed as Standard Webhooks 1.0.0 say (headers webhook-id, webhook-timestamp, webhook-signature); the same event may come again with the same webhook-id.',
        requestBody: { required: true, content: { 'application/json': { schema: sms } } },
        responses: { '2XX': { description: 'Taken. Anything else is tried again later; 410 ends it.' } },
      },
    },
  },
  components: {
    securitySchemes: {
      date: {
        type: 'apiKey',
        in: 'header',
        name: 'x-date',
        description:
          'When the request was signed, within three minutes: `2014-02-20 18:23:38.000000 GMT+0000`, ISO 8601, or a Date of JavaScript as text.',
      },
      signature: {
        type: 'apiKey',
        in: 'header',
        name: 'x-authorization',
        description:
          '`user:signature`. The signature is the base64 of HMAC-SHA1; its key is the MD5 of the password in hex, its message that, a line feed and `x-date`.',
      },
    },
  },
}))
