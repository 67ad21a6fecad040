import type * as z from 'zod'
import { type Body, Fault } from './answers.ts'
import type { Asked } from './asked.ts'
import { account, topup, voiplist } from './card.ts'
import { mycard } from './mycard.ts'
import { numberCheck, rates } from './rates.ts'
import { callshopRecords, records } from './records.ts'
import { CHANGING, MODULE_NAMES, type ModuleName, PARAMETERS, type Sent } from './schema.ts'
import { webcallback } from './webcallback.ts'

const RUN: { [M in ModuleName]: (asked: Asked, sent: Sent<M>) => Promise<Body> } = {
  'mycard-v2': mycard,
  'number-check': numberCheck,
  account,
  'cdr-callshop': callshopRecords,
  cdrs: records,
  topup,
  voiplist,
  rates,
  webcallback,
}

/** A request that was understood. */
export type Understood = {
  module: ModuleName
  /** What it says, as far as the module reads it. */
  sent: object
  changes: boolean
  run: (asked: Asked) => Promise<Body>
}

/**
 * Which module a request is for, and what it asks of it. The name of the module is the end of the path, the parameter `m`, or
 * that of a parameter without a value. Throws Fault.
 */
export function understand(path: string | undefined, parameters: ReadonlyMap<string, string>): Understood {
  const name = moduleOf(path, parameters)
  if ((parameters.get('v') ?? 'json') !== 'json') throw new Fault(403, 'Parameter v Not Valid')
  return reading(name, parameters)
}

function moduleOf(path: string | undefined, parameters: ReadonlyMap<string, string>): ModuleName {
  const bare = MODULE_NAMES.filter((name) => parameters.get(name) === '')
  const named = new Set([path, parameters.get('m'), ...bare].filter((name) => name !== undefined))
  if (named.size > 1) throw new Fault(403, 'More Than One Module')
  const [name] = named
  const known = MODULE_NAMES.find((one) => one === name)
  if (!known) throw new Fault(404)
  return known
}

function reading(module: ModuleName, parameters: ReadonlyMap<string, string>): Understood {
  const sent = read(PARAMETERS[module], parameters)
  const acts: 'always' | readonly string[] = CHANGING[module] ?? []
  const changes = acts === 'always' || ('act' in sent && acts.includes(String(sent.act)))
  // What the module's own schema has read.
  const run = RUN[module] as (asked: Asked, sent: object) => Promise<Body>
  return { module, sent, changes, run: (asked) => run(asked, sent) }
}

function read(schema: z.ZodType<object>, parameters: ReadonlyMap<string, string>): object {
  const { success, data, error } = schema.safeParse(Object.fromEntries(parameters))
  if (success) return data
  const name = String(error.issues[0]?.path[0])
  throw new Fault(403, `Parameter ${name} ${parameters.has(name) ? 'Not Valid' : 'Missing'}`)
}
