import fc from 'fast-check'
import { halfMutated, type Pool, valid } from '../arbitrary.ts'
import type { Document, Operation, Parameter } from '../document.ts'

/** A request as it is sent. `isValid`: its body is as the document says. */
export type Generated = { user: string; path: string; body: unknown; isValid: boolean }

/** Requests of this operation: half of their bodies and queries as described, half not quite. */
export function requestsFor(
  document: Document,
  path: string,
  { parameters = [], requestBody }: Operation,
  pool: Pool,
): fc.Arbitrary<Generated> {
  const ofParameters = (where: string) =>
    record(
      document,
      parameters.filter((one) => one.in === where),
      pool,
    )
  const body = requestBody
    ? halfMutated(valid(document, requestBody.content['application/json'].schema, pool))
    : fc.constant({ value: undefined, isValid: true })
  const hasQuery = parameters.some((one) => one.in === 'query')
  return fc
    .record({
      user: fc.constantFrom('acme', 'acme', 'acme', 'acme', 'other', 'nobody'),
      names: ofParameters('path'),
      query: hasQuery ? halfMutated(ofParameters('query')) : fc.constant({ value: {} }),
      body,
    })
    .map(({ user, names, query, body: { value, isValid } }) => {
      return { user, path: `${filled(path, names as Names)}${queryOf(query.value)}`, body: value, isValid }
    })
}

type Names = Record<string, string>

/** The path with names in place of its parameters. */
export function filled(path: string, names: Names): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => segment(names[name] ?? ''))
}

function record(document: Document, parameters: Parameter[], pool: Pool): fc.Arbitrary<unknown> {
  const model = parameters.map(({ name, schema }) => [name, valid(document, schema, pool, name)] as const)
  const requiredKeys = parameters.filter(({ required }) => required === true).map(({ name }) => name)
  return fc.record<Record<string, unknown>>(Object.fromEntries(model), { requiredKeys })
}

/** Broken escapes are sent as they are. A name of dots or of nothing would be another path. */
function segment(name: string): string {
  if (/^%(ZZ|00)?$/.test(name)) return name
  return /^\.*$/.test(name) ? 'dots' : escaped(name)
}

function queryOf(filters: unknown): string {
  const entries = typeof filters === 'object' && filters !== null ? Object.entries(filters) : []
  // Node itself refuses what is longer than 16 kB.
  const short = (value: unknown) => escaped(value).slice(0, 180).replace(/%.?$/, '')
  const text = entries
    .slice(0, 60)
    .map(([name, value]) => `${short(name)}=${short(value)}`)
    .join('&')
  return text === '' ? '' : `?${text}`
}

function escaped(value: unknown): string {
  return encodeURIComponent((typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed())
}
