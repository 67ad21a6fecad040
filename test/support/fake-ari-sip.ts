import type { Answer, Asked } from './fake-ari.ts'

type Route = [pattern: RegExp, answer: (asked: Asked, id: string) => Answer]
type Tuple = { attribute: string; value: string }

/** An object of the SIP configuration: `file` ones cannot be changed over ARI. */
type Kept = { options: Record<string, string>; file: boolean }

const NOT_FOUND: Answer = { status: 404, body: { message: 'not found' } }
const OBJECT = String.raw`asterisk/config/dynamic/res_pjsip/(\w+/[^/]+)$`

/** SIP's configuration, and what can be done to it over ARI, as Asterisk 22.10.1 answers. */
export function fakeSip() {
  /** By type and name: `endpoint/trunk`. */
  const objects = new Map<string, Kept>([['endpoint/trunk', { options: { context: 'inbound' }, file: true }]])
  const settings = {
    /** Whether there is a place for objects that come over ARI. */
    takes: true,
  }

  const forbidden = (what: string): Answer => ({ status: 403, body: { message: what } })
  const tuples = ({ options }: Kept): Tuple[] =>
    Object.entries(options).map(([attribute, value]) => ({ attribute, value }))

  function put({ body }: Asked, key: string): Answer {
    const before = objects.get(key)
    if (before?.file) return forbidden('Cannot update sorcery objects')
    if (!settings.takes) return forbidden('Cannot create sorcery objects')
    const fields = body['fields'] as Tuple[]
    const options = Object.fromEntries(fields.map(({ attribute, value }) => [attribute, value]))
    const kept = { options: { ...before?.options, ...options }, file: false }
    objects.set(key, kept)
    return { status: 200, body: tuples(kept) }
  }

  function remove(key: string): Answer {
    if (objects.get(key)?.file) return forbidden('Could not delete object')
    return objects.delete(key) ? { status: 204 } : NOT_FOUND
  }

  function get(key: string): Answer {
    const kept = objects.get(key)
    return kept ? { status: 200, body: tuples(kept) } : NOT_FOUND
  }

  function endpoints(): Answer {
    const names = [...objects.keys()].filter((key) => key.startsWith('endpoint/'))
    const body = names.map((key) => ({ technology: 'PJSIP', resource: key.slice('endpoint/'.length) }))
    return { status: 200, body }
  }

  const routes: Route[] = [
    [/^GET endpoints\/PJSIP$/, endpoints],
    [new RegExp(`^PUT ${OBJECT}`), put],
    [new RegExp(`^GET ${OBJECT}`), (_, key) => get(key)],
    [new RegExp(`^DELETE ${OBJECT}`), (_, key) => remove(key)],
  ]
  return { objects, settings, routes }
}
