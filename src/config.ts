import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import path from 'node:path'
import { isMap, LineCounter, parseDocument, type Scalar } from 'yaml'
import * as z from 'zod'

/** The exit code of a wrong configuration (sysexits.h EX_CONFIG). */
export const EX_CONFIG = 78

/** The application cannot start as it is set up. Each problem says where, what was found and what was expected. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

// What people read about each setting. Defaults are taken from here and nowhere else.
const TABLE = `
| Setting | Variable | Default | Unit or form | Meaning |
|---|---|---|---|---|
| data | PINBRIDGE_DATA | data | folder | Everything that is kept; the default lies in the folder of the package |
| http.host | PINBRIDGE_HTTP_HOST | 127.0.0.1 | address or host name of this machine | Where the HTTP APIs listen |
| http.port | PINBRIDGE_HTTP_PORT | 8080 | TCP port, 0 to 65535 | Port of the HTTP APIs; 0 takes a free one |
| asterisk.mode | PINBRIDGE_ASTERISK | local | local or none | Start an Asterisk of our own, or serve HTTP only |
| asterisk.ariUrl | PINBRIDGE_ARI_URL | | http://host:port or https://host:port | ARI of an Asterisk that runs already, used instead of our own |
| asterisk.ariUser | PINBRIDGE_ARI_USER | | letters, digits and . _ - | User at asterisk.ariUrl |
| asterisk.ariPassword | PINBRIDGE_ARI_PASSWORD | | at least 16 characters | Password at asterisk.ariUrl; our own Asterisk gets a generated one |
| asterisk.ariPort | PINBRIDGE_ARI_PORT | 8088 | TCP port, 1 to 65535 | Loopback port of our own Asterisk's ARI |
| asterisk.application | PINBRIDGE_ARI_APP | pinbridge | letters, digits, _ and - | Name by which the dialplan hands calls over, \`Stasis(name)\` |
| sip.host | PINBRIDGE_SIP_HOST | 0.0.0.0 | IP address of this machine | Where SIP listens |
| sip.port | PINBRIDGE_SIP_PORT | 5060 | UDP port, 1 to 65535 | Port of SIP |
| sip.trunk | PINBRIDGE_TRUNK | 127.0.0.1:5080 | host:port | The carrier: calls go there, and come from there only |
| sip.rtpPorts | PINBRIDGE_RTP_PORTS | 20000-20999 | first-last UDP port, 1024 to 65535, at least four | Audio; a connected call takes four |
| sip.mediaAddress | PINBRIDGE_MEDIA_ADDRESS | | IP address | Address of audio, bound and offered; else each call chooses by its route |
| sip.dtmf | PINBRIDGE_DTMF | auto | auto, auto_info, rfc4733, info or inband | How the trunk sends keys |
| sip.country | PINBRIDGE_COUNTRY | | two capital letters, ISO 3166-1 | Country of numbers that the trunk sends without a country code |
| digits.firstMs | PINBRIDGE_DIGITS_FIRST_MS | 8000 | milliseconds, 500 to 60000 | Wait for the first key after a prompt |
| digits.nextMs | PINBRIDGE_DIGITS_NEXT_MS | 4000 | milliseconds, 500 to 60000 | Wait for each further key |
| digits.totalMs | PINBRIDGE_DIGITS_TOTAL_MS | 30000 | milliseconds, 500 to 300000 | Wait for all keys of one input |
| webhooks.allowPrivate | PINBRIDGE_WEBHOOK_PRIVATE | false | true or false | Deliver events to private and loopback addresses too |
| log.level | PINBRIDGE_LOG_LEVEL | info | trace, debug, info, warn, error, fatal or silent | Least important line that is logged |
`

type Setting = { key: string; env: string; initial: string; expected: string; meaning: string }

const SETTINGS: readonly Setting[] = TABLE.trim()
  .split('\n')
  .slice(2)
  .map((line) => {
    const [, key = '', env = '', initial = '', expected = '', meaning = ''] = line
      .split('|')
      .map((s) => s.trim())
    return { key, env, initial, expected, meaning }
  })

const GROUPS = new Set(SETTINGS.slice(1).map(({ key }) => key.split('.')[0] ?? ''))
const DEFAULT_DATA = path.resolve(import.meta.dirname, '../data')

/** The settings as a Markdown table, for the README and `pinbridge settings`. */
export function settingsTable(): string {
  return TABLE.trim()
}

/** Everything may be written as text, as the environment knows nothing else. */
const whole = (min: number, max: number) =>
  z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.int().min(min).max(max))
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((value) => value === 'true')])
/** The empty message stands for the setting's "Unit or form". */
const text = (test: (value: string) => boolean) => z.string().refine(test, { error: '' })

const isHost = (name: string) => isIP(name) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name)
const isPort = (port: number) => port >= 1 && port <= 65_535
const ip = text((value) => isIP(value) !== 0)
const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
const WEAK = /^(asterisk|admin|secret|demo|password|pinbridge|changeme|qwerty|[-_.!0-9])+$/i

const ariUrl = text((value) => /^https?:\/\/[^/?#]+\/?$/i.test(value) && URL.canParse(value))
  .refine((value) => !/\/\/[^/]*@/.test(value), {
    error: 'credentials in an address end up in logs, use PINBRIDGE_ARI_USER and PINBRIDGE_ARI_PASSWORD',
  })
  .transform((value) => new URL(value).origin)

const ariPassword = text((value) => value.length >= 16).refine(
  (value) => !WEAK.test(value) && new Set(value).size >= 6,
  { error: 'easily guessed, "openssl rand -base64 32" makes one that is not' },
)

const trunk = text((value) => /^(\[[0-9a-f:.]+\]|[^:[\]]+):\d{1,5}$/i.test(value))
  .transform((value) => {
    const colon = value.lastIndexOf(':')
    const host = value.slice(0, colon).replace(/^\[|\]$/g, '')
    return Object.freeze({ host, port: Number(value.slice(colon + 1)) })
  })
  .refine(({ host, port }) => isHost(host) && isPort(port), { error: '' })

const rtpPorts = text((value) => /^\d{4,5}-\d{4,5}$/.test(value))
  .transform((value) => {
    const [first = 0, last = 0] = value.split('-').map(Number)
    return Object.freeze({ first, last })
  })
  .refine(({ first, last }) => first >= 1024 && isPort(last) && last - first >= 3, { error: '' })

const SCHEMA = z.strictObject({
  data: text((value) => value !== ''),
  http: z.strictObject({ host: text(isHost), port: whole(0, 65_535) }).readonly(),
  asterisk: z
    .strictObject({
      mode: z.enum(['local', 'none']),
      ariUrl: ariUrl.optional(),
      ariUser: text((value) => /^[\w.-]+$/.test(value)).optional(),
      ariPassword: ariPassword.optional(),
      ariPort: whole(1, 65_535),
      application: text((value) => /^[\w-]+$/.test(value)),
    })
    .readonly(),
  sip: z
    .strictObject({
      host: ip,
      port: whole(1, 65_535),
      trunk,
      rtpPorts,
      mediaAddress: ip.optional(),
      dtmf: z.enum(['auto_info', 'auto', 'rfc4733', 'info', 'inband']),
      country: text((value) => /^[A-Z]{2}$/.test(value) && regions.of(value) !== undefined).optional(),
    })
    .readonly(),
  digits: z
    .strictObject({ firstMs: whole(500, 60_000), nextMs: whole(500, 60_000), totalMs: whole(500, 300_000) })
    .readonly(),
  webhooks: z.strictObject({ allowPrivate: flag }).readonly(),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']) })
    .readonly(),
})

/** Frozen. Absolute paths; ports and milliseconds are integers. */
export type Config = Readonly<z.output<typeof SCHEMA>>

type Tree = Record<string, unknown>
type Problem = readonly [at: readonly string[], problem: string]
type File = { tree: Tree; problems: string[]; place: (at: readonly string[]) => string | undefined }

const NO_FILE: File = { tree: {}, problems: [], place: () => undefined }

/**
 * Reads the configuration file and the environment, once. The file is the one that PINBRIDGE_CONFIG names, else
 * `pinbridge.yaml` in the data folder, if there is one. The environment wins; what is empty counts as not set.
 * Throws ConfigError with everything that is wrong.
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const data = path.resolve(env['PINBRIDGE_DATA'] || DEFAULT_DATA)
  const named = env['PINBRIDGE_CONFIG']
  const name = path.resolve(named || path.join(data, 'pinbridge.yaml'))
  const file = named || existsSync(name) ? readYaml(name) : NO_FILE
  const tree = { ...merge(file.tree, env), data }
  const parsed = SCHEMA.safeParse(tree)

  const problems = [...file.problems, ...misspelt(env)]
  const told = new Set<string>()
  for (const [at, problem] of [
    ...(parsed.error?.issues ?? []).flatMap(problemsOf),
    // A file that cannot be read leaves gaps of which nobody needs to hear.
    ...(file.problems.length > 0 ? [] : contradictions((key) => valueAt(tree, key.split('.')))),
  ]) {
    const key = at.join('.')
    if (told.has(key)) continue
    told.add(key)
    const variable = SETTINGS.find((setting) => setting.key === key)?.env ?? ''
    const place = env[variable] ? undefined : file.place(at)
    problems.push(
      `${place ? `${place}: ${key}` : `${variable} (${key})`}: found ${shown(key, valueAt(tree, at))}, ${problem}`,
    )
  }
  if ('data' in file.tree)
    problems.push(`${file.place(['data']) ?? name}: data: only PINBRIDGE_DATA can name the data folder`)
  if (!parsed.data || problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(parsed.data)
}

/** Defaults below the file below the environment. What should be a group and is none is left for the schema to refuse. */
function merge(file: Tree, env: NodeJS.ProcessEnv): Tree {
  const tree: Tree = { ...file }
  for (const { key, env: variable, initial } of SETTINGS.slice(1)) {
    const [group = '', leaf = ''] = key.split('.')
    const own = tree[group] ?? {}
    if (!isTree(own)) continue
    const value = env[variable] || (own[leaf] ?? initial)
    tree[group] = value === '' && own[leaf] == null ? own : { ...own, [leaf]: value }
  }
  return tree
}

function readYaml(name: string): File {
  const lines = new LineCounter()
  try {
    const document = parseDocument(readFileSync(name, 'utf8'), { lineCounter: lines, prettyErrors: false })
    const where = (offset = 0) => `${name}:${lines.linePos(offset).line}:${lines.linePos(offset).col}`
    const faults = [...document.errors, ...document.warnings]
    const problems = faults.map(({ pos, message }) => `${where(pos[0])}: ${message}`)
    const tree: unknown = problems.length > 0 ? {} : (document.toJS() ?? {})
    if (!isTree(tree)) problems.push(`${where()}: found ${shown('', tree)}, expected groups of settings`)
    const place = (at: readonly string[]) => {
      const parent = document.getIn(at.slice(0, -1), true)
      const pair = isMap<Scalar>(parent)
        ? parent.items.find(({ key }) => String(key) === at.at(-1))
        : undefined
      return pair?.key.range ? where(pair.key.range[0]) : undefined
    }
    return { tree: isTree(tree) ? tree : {}, problems, place }
  } catch (error) {
    return { ...NO_FILE, problems: [`${name}: cannot be read: ${(error as Error).message}`] }
  }
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const at = issue.path.map(String)
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => [[...at, key], unknownKey([...at, key])])
  const expected = SETTINGS.find(({ key }) => key === at.join('.'))?.expected ?? 'a group of settings'
  return [[at, (issue.code === 'custom' && issue.message) || `expected ${expected}`]]
}

function unknownKey(at: string[]): string {
  const key = at.join('.')
  if (at.length === 1 && SETTINGS.some((setting) => setting.key === key))
    return `expected "${key.replace('.', ':" and below it "')}:"`
  const hint = nearest(key, [...SETTINGS.map((setting) => setting.key), ...GROUPS], 3)
  return hint ? `did you mean ${hint}?` : 'which is no setting'
}

/** What no setting can know alone. Values are as written, right or wrong. */
function contradictions(value: (key: string) => unknown): Problem[] {
  const problems: Problem[] = []
  const wrong = (key: string, problem: string) => problems.push([key.split('.'), problem])
  const number = (key: string) => Number(value(key))

  const foreign = value('asterisk.ariUrl') !== undefined
  for (const key of ['asterisk.ariUser', 'asterisk.ariPassword'])
    if (foreign && value(key) === undefined) wrong(key, 'needed for asterisk.ariUrl')
    else if (!foreign && value(key) !== undefined) wrong(key, 'meaningless without asterisk.ariUrl')
  if (foreign && value('asterisk.mode') === 'none')
    wrong('asterisk.ariUrl', 'which contradicts asterisk.mode none')

  const [first = NaN, last = NaN] = String(value('sip.rtpPorts')).split('-').map(Number)
  if (number('sip.port') >= first && number('sip.port') <= last)
    wrong('sip.port', 'which lies within sip.rtpPorts')
  for (const key of ['digits.firstMs', 'digits.nextMs'])
    if (number(key) > number('digits.totalMs')) wrong(key, 'which is longer than digits.totalMs')
  return problems
}

/** A variable one slip away from a known one is a mistake; others may be an orchestrator's (PINBRIDGE_SERVICE_HOST). */
function misspelt(env: NodeJS.ProcessEnv): string[] {
  const known = [...SETTINGS.map((setting) => setting.env), 'PINBRIDGE_CONFIG']
  return Object.keys(env)
    .filter((name) => name.startsWith('PINBRIDGE_') && !known.includes(name))
    .flatMap((name) => {
      const hint = nearest(name, known, 2)
      return hint ? [`${name}: unknown, did you mean ${hint}?`] : []
    })
}

function nearest(word: string, known: readonly string[], limit: number): string | undefined {
  const ranked = known.map((candidate) => {
    const sameLeaf = candidate.endsWith(`.${word.split('.').at(-1) ?? ''}`)
    return { candidate, distance: sameLeaf ? 1 : edits(word, candidate) }
  })
  const near = ranked.filter(({ candidate, distance }) => distance <= Math.min(limit, candidate.length / 2))
  return near.sort((a, b) => a.distance - b.distance)[0]?.candidate
}

/** How many letters must be changed, put in or left out (Levenshtein). */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of Array.from(from).entries()) {
    const next = [i + 1]
    for (const [j, other] of Array.from(to).entries())
      next.push(
        Math.min((row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1),
      )
    row = next
  }
  return row.at(-1) ?? 0
}

function shown(key: string, value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing'
  if (/password/i.test(key)) return 'a value not shown here'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a group'
  return JSON.stringify(value)
    .replace(/\/\/[^/]*@/, '//***@')
    .slice(0, 80)
}

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const valueAt = (tree: Tree, at: readonly string[]): unknown =>
  at.reduce<unknown>((value, part) => (isTree(value) ? value[part] : undefined), tree)
