import type * as z from 'zod'
import { Refusal } from '../../../engine/errors.ts'

/**
 * What was sent, as the schema reads it. Throws Refusal with the name of the parameter: 'invalid' for what is malformed,
 * 'missing' when nothing is but a mandatory one is absent, or null.
 */
export function read<T extends z.ZodType>(schema: T, sent: unknown): z.output<T> {
  const { success, data, error } = schema.safeParse(sent)
  if (success) return data
  const paths = error.issues.map(({ path }) => path)
  const malformed = paths.find((path) => path.length === 0 || valueAt(sent, path) != null)
  if (malformed) throw new Refusal('invalid', malformed.join('.') || 'the body must be a JSON object')
  throw new Refusal('missing', paths.map((path) => path.join('.')).join(', '))
}

function valueAt(sent: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    sent,
  )
}
