import * as z from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi'
import { documentOf } from '../../openapi.ts'
import {
  bulkAnswer,
  byStatus,
  grantedAnswer,
  greenpinAnswer,
  listAnswer,
  PUT_HEAD,
  refused,
} from './answer-schema.ts'
import { APPENDIX, type Code } from './answers.ts'
import { callbacks } from './callback-schema.ts'
import { filters } from './list.ts'
import { bulkItem, bulkOf, update, wanted } from './schema.ts'
import { settingsAnswer, settingsBody } from './settings-schema.ts'

/** What any request can end with: not understood, not logged in, somebody else's, our fault. */
const ALWAYS: Code[] = [5, 7, 8, 0]
const CHANGING: Code[] = [3, 16, 13, 14, 19, 4]
const UPDATING: Code[] = [1, 22, ...CHANGING]

type Method = 'get' | 'post' | 'put' | 'delete'

type Described = {
  id: string
  summary: string
  body?: z.ZodType
  query?: z.ZodObject
  /** Its answers, by HTTP status. */
  granted: Partial<Record<200 | 207, z.ZodType>>
  codes: Code[]
}

const TENANT = { sid: z.string().meta({ description: 'The sid of the account.', examples: ['acme'] }) }
const GREENPIN = {
  ...TENANT,
  greenpin_id: z
    .string()
    .meta({ description: 'Which allocation.', examples: ['d7ffd4b3-c861-4bda-a024-9cef1ae2f2a8'] }),
}

function operation(method: Method, path: z.ZodObject, described: Described): ZodOpenApiOperationObject {
  const { id, summary, body, query, granted, codes } = described
  const head = method === 'put' ? PUT_HEAD : {}
  const refusals = byStatus([...codes, ...ALWAYS]).map(([status, own]) => {
    const schema = z.object({ ...head, ...refused(status, own).shape })
    const description = own.map((code) => `${code}: ${APPENDIX[code][1]}`).join('\n\n')
    return [status, { description, content: { 'application/json': { schema } } }] as const
  })
  const grants = Object.entries(granted).map(([status, schema]) => {
    const description = status === '207' ? 'Each allocation has its own outcome.' : 'Granted.'
    return [status, { description, content: { 'application/json': { schema } } }] as const
  })
  return {
    operationId: id,
    summary,
    requestParams: { path, ...(query && { query }) },
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: { ...Object.fromEntries(grants), ...Object.fromEntries(refusals) },
  }
}

const ok = (schema: z.ZodType) => ({ 200: schema })

const bulk = bulkOf(bulkItem).meta({ id: 'GreenpinBulkUpdate' })
const bulkGranted = bulkAnswer([...UPDATING, 5, 8, 0])

/** The operations on one allocation; `suffix` keeps the ids of the alias apart. */
function one(suffix: string): ZodOpenApiPathsObject[string] {
  const path = z.object(GREENPIN)
  return {
    get: operation('get', path, {
      id: `read${suffix}`,
      summary: 'Get details of a PIN allocation',
      granted: ok(greenpinAnswer(false)),
      codes: [1],
    }),
    put: operation('put', path, {
      id: `update${suffix}`,
      summary: 'Update a PIN allocation; a bulk update is understood here too',
      body: z.union([update, bulk]),
      granted: { 200: greenpinAnswer(true), 207: bulkGranted },
      codes: [17, ...UPDATING],
    }),
    delete: operation('delete', path, {
      id: `delete${suffix}`,
      summary: 'End a PIN allocation',
      granted: ok(greenpinAnswer(false)),
      codes: [1, 22],
    }),
  }
}

function all(): ZodOpenApiPathsObject[string] {
  const path = z.object(TENANT)
  return {
    post: operation('post', path, {
      id: 'create',
      summary: 'Create a PIN allocation',
      body: wanted,
      granted: ok(greenpinAnswer(false)),
      codes: [18, ...CHANGING],
    }),
    put: operation('put', path, {
      id: 'updateMany',
      summary: 'Update up to 100 PIN allocations, one after the other',
      body: bulk,
      granted: { 207: bulkGranted },
      codes: [3, 17],
    }),
    get: operation('get', path, {
      id: 'list',
      summary: 'List PIN allocations, newest first',
      query: filters,
      granted: ok(listAnswer),
      codes: [2, 16, 23],
    }),
  }
}

function settings(): ZodOpenApiPathsObject[string] {
  const path = z.object(TENANT)
  return {
    get: operation('get', path, {
      id: 'readSettings',
      summary: 'Read the settings of the account',
      granted: ok(grantedAnswer(settingsAnswer, false)),
      codes: [],
    }),
    put: operation('put', path, {
      id: 'changeSettings',
      summary: 'Change settings of the account',
      body: settingsBody,
      granted: ok(grantedAnswer(settingsAnswer, true)),
      codes: [15, 50],
    }),
  }
}

/** The bodies that the account's receivers are sent. */
function webhooks() {
  const entries = Object.entries(callbacks).map(([type, schema]) => {
    const post = {
      operationId: type,
      security: [],
      description:
        'Signed as Standard Webhooks 1.0.0 say (headers webhook-id, webhook-timestamp, webhook-signature); the same event may come again with the same webhook-id.',
      requestBody: { required: true, content: { 'application/json': { schema } } },
      responses: { '2XX': { description: 'Taken. Anything else is tried again later; 410 ends it.' } },
    }
    return [type, { post }]
  })
  return Object.fromEntries(entries) as Record<string, { post: ZodOpenApiOperationObject }>
}

/** The OpenAPI 3.1 document of the dialect. */
export const openapi = documentOf(() => ({
  openapi: '3.1.1',
  info: {
    title: 'GreenPin',
    version: '1',
    description: 'Two parties call each other through virtual numbers, by PIN; neither sees the other.',
  },
  servers: [{ url: '/' }],
  security: [{ basic: [] }],
  paths: {
    '/v1/tenants/{sid}/greenpin': all(),
    '/v1/tenants/{sid}/greenpin/{greenpin_id}': one('Greenpin'),
    '/v1/tenants/{sid}/greenvn/{greenpin_id}': one('Greenvn'),
    '/v1/tenants/{sid}/settings': settings(),
  },
  webhooks: webhooks(),
  components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' } } },
}))
