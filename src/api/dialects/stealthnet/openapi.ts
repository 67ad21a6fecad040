import * as z from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiResponsesObject } from 'zod-openapi'
import { documentOf } from '../../openapi.ts'
import { jsonAnswers } from './answer-schema.ts'
import { ACTIONS, type ActionName } from './schema.ts'

const NAMES = Object.keys(ACTIONS) as ActionName[]

/** The parameters of all actions in one: no document can say that one parameter decides which others there are. */
function parameters(): z.ZodObject {
  const shape: Record<string, z.ZodType> = {}
  for (const name of new Set(NAMES.flatMap((action) => Object.keys(ACTIONS[action].shape)))) {
    const users = NAMES.filter((action) => name in ACTIONS[action].shape)
    const [schema] = users.map((action) => (ACTIONS[action].shape as Record<string, z.ZodType>)[name])
    const whose = users.length === NAMES.length ? '' : ` For ${users.join(', ')}.`
    if (schema && name !== 'action')
      shape[name] = schema.optional().meta({ description: `${describedBy(schema)}${whose}` })
  }
  const action = z
    .enum(NAMES)
    .optional()
    .meta({ description: 'What to do.', examples: ['download-db'] })
  return z.object({ action, ...shape })
}

/** What stands inside an optional counts too. */
function describedBy(schema: z.ZodType): string {
  const inner = schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : undefined
  return schema.description ?? inner?.description ?? ''
}

/** Records without a header row. None of what can stand in a cell needs quotes. */
const lines = (between: string) =>
  z.string().regex(new RegExp(`^(?:[^",\\n\\t]*(?:${between}[^",\\n\\t]*){1,3}\\n)*$`))
const csv = lines(',').meta({
  description: 'One record a line, in the order of the columns that the page has.',
  examples: ['7000,1,2027-01-31 23:59:59,\n'],
})
const tsv = lines('\\t').meta({ examples: ['7000\t1\t2027-01-31 23:59:59\t\n'] })
const sentence = z.string().meta({ description: 'What is wrong, for people.' })

const records = (json: z.ZodType) => ({
  'text/csv': { schema: csv },
  'text/tab-separated-values': { schema: tsv },
  'application/json': { schema: json },
})

const plain = { 'text/plain': { schema: sentence } }

const responses: ZodOpenApiResponsesObject = {
  200: {
    description:
      'Done. Records of what was asked for; blank where there are none, and for actions that change something.',
    content: records(z.union([...jsonAnswers.granted])),
  },
  401: { description: 'The uid or the token is wrong.', content: plain },
  403: {
    description:
      'Not allowed, or a parameter is invalid. For check-pin also: this PIN may not be used, with a record.',
    content: { ...plain, ...records(jsonAnswers.refused) },
  },
  500: { description: 'Our fault.', content: plain },
}

function operation(method: 'get' | 'post'): ZodOpenApiOperationObject {
  const [first, ...others] = NAMES.filter((action) => action !== 'upload-pins').map(
    (action) => ACTIONS[action],
  )
  const form = z.union([first ?? z.never(), ...others])
  const description = `What upload-pins takes: lines of PIN,DB,expires,begins. At most 64 MB.`
  const upload = z.string().meta({ description, examples: ['7000,1,2027-01-31 23:59:59,\n7001\n'] })
  const bodies = {
    'application/x-www-form-urlencoded': { schema: form },
    'text/csv': { schema: upload },
  }
  return {
    operationId: method === 'get' ? 'simplePins' : 'simplePinsByPost',
    summary: 'Manage databases of PINs',
    description: `Each parameter stands at most once, ${method === 'get' ? 'in the query' : 'in the query or in the form'}; which of them an action takes, the schema of its name says.`,
    requestParams: { query: parameters() },
    ...(method === 'post' && { requestBody: { required: false, content: bodies } }),
    responses,
  }
}

/** The OpenAPI 3.1 document of the dialect. */
export const openapi = documentOf(() => ({
  openapi: '3.1.1',
  info: {
    title: 'Simple PINs',
    version: '1',
    description: 'Databases of PINs that callers key, with a limit of different callers to a PIN.',
  },
  servers: [{ url: '/' }],
  security: [{ uid: [], token: [] }, { basic: [] }],
  paths: { '/simple-pins/': { get: operation('get'), post: operation('post') } },
  components: {
    securitySchemes: {
      uid: { type: 'apiKey', in: 'query', name: 'uid' },
      token: { type: 'apiKey', in: 'query', name: 'token' },
      basic: { type: 'http', scheme: 'basic' },
    },
  },
}))
