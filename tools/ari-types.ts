/**
 * Writes src/calls/ari-types.ts from the descriptions that Asterisk ships (share/asterisk/rest-api/*.json).
 * Usage: node tools/ari-types.ts <folder with the .json files> > src/calls/ari-types.ts
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

type Property = { type: string; required?: boolean; allowableValues?: { values?: string[] } }
type Model = { id: string; subTypes?: string[]; properties: Record<string, Property> }

/** What the product reads; the models that these mention come along. */
const WANTED = [
  'StasisStart',
  'StasisEnd',
  'ChannelDestroyed',
  'ChannelDtmfReceived',
  'PlaybackFinished',
  'RecordingFinished',
  'RecordingFailed',
  'Dial',
  'ApplicationReplaced',
  'Bridge',
]

const PRIMITIVE: Record<string, string> = {
  string: 'string',
  int: 'number',
  long: 'number',
  double: 'number',
  boolean: 'boolean',
  Date: 'string',
  object: 'unknown',
}

const [folder = ''] = process.argv.slice(2)
const models = new Map<string, Model>()
for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  const document = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as {
    models?: Record<string, Model>
  }
  for (const [id, model] of Object.entries(document.models ?? {})) models.set(id, model)
}

const parentOf = (id: string) => [...models.values()].find((model) => model.subTypes?.includes(id))
const queue = [...WANTED]
const written = new Map<string, string>()
for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
  if (written.has(id) || !models.has(id)) continue
  written.set(id, render(id))
}
const sorted = [...written].sort(([a], [b]) => a.localeCompare(b)).map(([, text]) => text)
process.stdout.write(
  `// Written by tools/ari-types.ts from Asterisk's own descriptions. Do not edit.\n\n${sorted.join('\n\n')}\n`,
)

function render(id: string): string {
  const lines = Object.entries(inherited(id)).map(([name, property]) => {
    const optional = property.required ? '' : '?'
    return `  ${name}${optional}: ${name === 'type' && parentOf(id) ? `'${id}'` : typeOf(property)}`
  })
  return `export type ${id} = {\n${lines.join('\n')}\n}`
}

function inherited(id: string): Record<string, Property> {
  const parent = parentOf(id)
  return { ...(parent ? inherited(parent.id) : {}), ...models.get(id)?.properties }
}

function typeOf({ type, allowableValues }: Property): string {
  if (allowableValues?.values?.length) return allowableValues.values.map((value) => `'${value}'`).join(' | ')
  const list = /^List\[(.+)\]$/.exec(type)?.[1]
  if (list) return `${typeOf({ type: list })}[]`
  if (PRIMITIVE[type]) return PRIMITIVE[type]
  queue.push(type)
  return models.has(type) ? type : 'unknown'
}
