import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { isMap, LineCounter, parseDocument, type Scalar } from 'yaml'
import type * as z from 'zod'
import { SCHEMA, type Config } from './config/schema.ts'
import { SETTINGS } from './config/settings.ts'

export { settingsTable } from './config/settings.ts'
export type { Config }

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

/** Our HTTP address without a path: as clients reach it, or as it is listened at on this port. */
export function httpAddress({ host, publicUrl }: Config['http'], port: number): string {
  return publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

const GROUPS = new Set(SETTINGS.slice(1).map(({ key }) => key.split('.')[0] ?? ''))
const DEFAULT_DATA = path.resolve(import.meta.dirname, '../data')

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

  if (!foreign && value('asterisk.recordings') !== undefined)
    wrong('asterisk.recordings', 'meaningless without asterisk.ariUrl')

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
