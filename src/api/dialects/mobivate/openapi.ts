import * as z from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject, ZodOpenApiResponsesObject } from 'zod-openapi'
import { documentOf } from '../../openapi.ts'
import { COMMON_STATUSES, grantedAnswer, OWN_STATUSES, refusedAnswer } from './answer-schema.ts'
import { FIELDS, type Method, METHODS, STATUS_QUERY } from './schema.ts'

const SUMMARIES: Record<Method, string> = {
  initiate: 'Send a PIN to a number',
  validate_pin: 'Subscribe a number by the PIN that it was sent',
  unsubscribe: 'End the subscription of a number',
  status: 'Where a number stands, and what has become of its last PIN',
}

const path = z.object({
  campaign_id: z
    .string()
    .meta({ description: 'The campaign.', examples: ['c71e2c2ee68b410a82d6c5f910c2d428'] }),
})

const refusals = new Map<number, z.ZodType>()
/** One schema for all methods. */
function refusal(status: number): z.ZodType {
  const schema = refusals.get(status) ?? refusedAnswer(status)
  refusals.set(status, schema)
  return schema
}

function responses(method: Method): ZodOpenApiResponsesObject {
  const json = (schema: z.ZodType) => ({ 'application/json': { schema } })
  const refused = [...COMMON_STATUSES, ...OWN_STATUSES[method]].sort().map((status) => {
    const schema = refusal(status)
    return [status, { description: schema.description ?? '', content: json(schema) }] as const
  })
  return {
    200: { description: 'Done.', content: json(grantedAnswer(method)) },
    ...Object.fromEntries(refused),
  }
}

function operations(method: Method): ZodOpenApiPathsObject[string] {
  const schema = FIELDS[method].meta({ id: method, description: SUMMARIES[method] })
  const post: ZodOpenApiOperationObject = {
    operationId: method,
    summary: SUMMARIES[method],
    description:
      'Fields stand in the body, each at most once, as a JSON object, which may also say that it is a form, or as a form. What is null or empty is as good as absent; others than these count for nothing.',
    requestParams: { path },
    requestBody: {
      required: true,
      content: { 'application/json': { schema }, 'application/x-www-form-urlencoded': { schema } },
    },
    responses: responses(method),
  }
  if (method !== 'status') return { post }
  const get: ZodOpenApiOperationObject = {
    operationId: 'status_by_get',
    summary: SUMMARIES[method],
    description: 'As by POST. Others may write down where a request goes, with number and signature in it.',
    requestParams: { path, query: STATUS_QUERY },
    responses: responses(method),
  }
  return { get, post }
}

/** The OpenAPI 3.1 document of the dialect. */
export const openapi = documentOf(() => ({
  openapi: '3.1.1',
  info: {
    title: 'Mobivate subscription API',
    version: '1',
    description:
      'Subscribes telephone numbers to campaigns by a PIN that is sent to them. Each request is signed in its field `signature`.',
  },
  servers: [{ url: '/' }],
  security: [],
  paths: Object.fromEntries(
    METHODS.map((method) => [`/subscriptions/v1/{campaign_id}/${method}`, operations(method)]),
  ),
}))
