import * as z from 'zod'
import { createDocument, type CreateDocumentOptions, type ZodOpenApiObject } from 'zod-openapi'

/** Puts back the examples of what is transformed when it is read: zod fears that they are of the result. Ours are as sent. */
const withExamples: NonNullable<CreateDocumentOptions['override']> = ({ zodSchema, jsonSchema }) => {
  const { examples } = z.globalRegistry.get(zodSchema) ?? {}
  if (examples && jsonSchema.$ref === undefined) jsonSchema.examples = examples
}

/** An OpenAPI 3.1 document that is made when it is asked for first, from the schemas that requests are read with. */
export function documentOf(describe: () => ZodOpenApiObject): () => object {
  let made: object | undefined
  return () => (made ??= createDocument(describe(), { override: withExamples }))
}
