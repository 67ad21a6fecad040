import fc from 'fast-check'
import type { Document, Schema } from './document.ts'

/** Values that mean something here, by the name of the property (or of the list) that they may stand in. */
export type Pool = Record<string, unknown[]>

/** Values that are as this schema of the document says: mostly from the pool, or its example. `name` is the property's. */
export function valid(document: Document, schema: Schema, pool: Pool = {}, name = ''): fc.Arbitrary<unknown> {
  const made = anyOfKind(document, schema, pool, name)
  const isValue =
    ![schema, ...(schema.anyOf ?? [])].some(({ type }) => type === 'array') && schema.type !== 'null'
  const known = isValue ? pool[name] : undefined
  const meant = known ?? schema.examples
  if (!meant) return made
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...meant) }, { weight: 1, arbitrary: made })
}

function anyOfKind(document: Document, schema: Schema, pool: Pool, name: string): fc.Arbitrary<unknown> {
  const { $ref, anyOf, enum: values, type, items, minItems = 0, maxItems = 3, properties = {} } = schema
  if ($ref !== undefined) return valid(document, resolve(document, $ref), pool, name)
  if (anyOf) {
    // What is listed first is what is meant; the rest is the other way to write it, or null.
    const [first, ...others] = anyOf.map((option) => valid(document, option, pool, name))
    return fc.oneof({ weight: 3, arbitrary: first! }, ...others)
  }
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (values) return fc.constantFrom(...values)
  if (type === 'array') {
    return fc.array(valid(document, items!, pool, name), {
      minLength: minItems,
      maxLength: Math.min(maxItems, 3),
    })
  }
  if (type !== 'object') return simple(schema)
  const model = Object.entries(properties).map(
    ([key, part]) => [key, valid(document, part, pool, key)] as const,
  )
  return fc.record(Object.fromEntries(model), { requiredKeys: schema.required ?? [] })
}

function resolve({ components }: Document, ref: string): Schema {
  const schema = components.schemas[ref.replace('#/components/schemas/', '')]
  if (!schema) throw new Error(`${ref} leads nowhere`)
  return schema
}

const LARGEST = 2 ** 31 - 1

function simple({ type, pattern, maxLength = 40, minimum = -9, maximum = 9 }: Schema): fc.Arbitrary<unknown> {
  switch (type) {
    case 'string':
      if (pattern === undefined) return fc.string({ maxLength: Math.min(maxLength, 40) })
      return fc.stringMatching(new RegExp(pattern)).filter(({ length }) => length <= maxLength)
    case 'integer':
    case 'number':
      return fc.integer({ min: Math.max(minimum, -LARGEST), max: Math.min(maximum, LARGEST) })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      throw new Error(`no values are made for the type ${type ?? 'that is missing'}`)
  }
}

const junk = fc.oneof(
  fc.constantFrom(null, '', '0', -1, 1.5, 1e21, true, [], {}, [[]], [null], { a: {} }, 'x'.repeat(300), '\0'),
  fc.constantFrom(
    '+',
    '1'.repeat(30),
    '\ud800',
    "' or 1=1",
    '1,2',
    '２',
    'null',
    '9999999999999d',
    4e15,
    '2020-02-30',
  ),
  fc.jsonValue({ maxDepth: 3 }),
)

/** The value with one of its parts made something else, taken away, added to, put in a list or multiplied. */
function mutated(value: unknown): fc.Arbitrary<unknown> {
  const ways = fc.constantFrom('replace', 'remove', 'add', 'wrap', 'many')
  return fc
    .tuple(fc.constantFrom(...placesIn(value)), ways, fc.string(), junk)
    .map(([place, way, key, other]) => changed(value, place, { way, key, other }))
}

/** Half of the values as they are made, half of them not quite. */
export function halfMutated(made: fc.Arbitrary<unknown>) {
  return fc.oneof(
    made.map((value) => ({ value, isValid: true })),
    made.chain((value) => mutated(value).map((changed) => ({ value: changed, isValid: false }))),
  )
}

function placesIn(value: unknown, place: string[] = []): string[][] {
  const children = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return [place, ...children.flatMap(([key, child]) => placesIn(child, [...place, key]))]
}

type Mutation = { way: string; key: string; other: unknown }

function changed(value: unknown, [key, ...rest]: string[], mutation: Mutation): unknown {
  const { way, other } = mutation
  const isObject = typeof value === 'object' && value !== null
  if (key !== undefined && isObject) {
    const entries = Object.entries(value).flatMap(([name, child]): [string, unknown][] => {
      if (name !== key) return [[name, child]]
      return rest.length === 0 && way === 'remove' ? [] : [[name, changed(child, rest, mutation)]]
    })
    return Array.isArray(value) ? entries.map(([, child]) => child) : Object.fromEntries(entries)
  }
  if (way === 'wrap') return [value]
  if (way === 'many') return Array.from({ length: 120 }, () => value)
  if (way === 'add' && isObject && !Array.isArray(value)) return { ...value, [mutation.key]: other }
  return other
}
