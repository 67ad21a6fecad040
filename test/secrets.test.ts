import { execFile } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ConfigError } from '../src/config.ts'
import { linkKey, loadSecrets } from '../src/secrets.ts'

const run = promisify(execFile)
let parent: string
let data: string
let file: string

beforeEach(() => {
  parent = mkdtempSync(path.join(os.tmpdir(), 'pinbridge-secrets-'))
  data = path.join(parent, 'deep', 'data')
  file = path.join(data, 'secrets.json')
})
afterEach(() => rmSync(parent, { recursive: true }))

const mode = (name: string) => (statSync(name).mode & 0o777).toString(8)

function problem(): string {
  try {
    loadSecrets(data)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

describe('the first start', () => {
  test('makes secrets of 32 random bytes in a file and a folder for this user only', () => {
    const secrets = loadSecrets(data)
    expect(Object.keys(secrets).sort()).toEqual(['ariPassword'])
    for (const secret of Object.values(secrets)) {
      expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
      expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
    }
    expect([mode(data), mode(file)]).toEqual(['700', '600'])
    expect(readdirSync(data)).toEqual(['secrets.json'])
  })

  test('the key of links is the same for ever, another for each installation, and tells nothing', () => {
    const secrets = loadSecrets(data)
    expect(linkKey(loadSecrets(data))).toBe(linkKey(secrets))
    expect(linkKey(loadSecrets(path.join(parent, 'other')))).not.toBe(linkKey(secrets))
    expect(linkKey(secrets)).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(linkKey(secrets)).not.toBe(secrets.ariPassword)
  })

  test('no two installations have the same', () => {
    const other = path.join(parent, 'other')
    const all = [...Object.values(loadSecrets(data)), ...Object.values(loadSecrets(other))]
    expect(new Set(all).size).toBe(2)
  })

  test('a permissive umask of the user does not open them', () => {
    const before = process.umask(0)
    try {
      loadSecrets(data)
    } finally {
      process.umask(before)
    }
    expect([mode(data), mode(file)]).toEqual(['700', '600'])
  })

  test('a folder that is there already keeps its mode, because others may share it', () => {
    mkdirSync(data, { recursive: true })
    chmodSync(data, 0o755)
    loadSecrets(data)
    expect([mode(data), mode(file)]).toEqual(['755', '600'])
  })

  test('processes that start together agree', async () => {
    const module = new URL('../src/secrets.ts', import.meta.url).href
    const script = `import(${JSON.stringify(module)}).then((m) => console.log(JSON.stringify(m.loadSecrets(${JSON.stringify(data)}))))`
    const runs = await Promise.all(Array.from({ length: 6 }, () => run(process.execPath, ['-e', script])))
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(1)
    expect(readdirSync(data)).toEqual(['secrets.json'])
  })
})

describe('later starts', () => {
  test('use the same secrets', () => {
    const first = loadSecrets(data)
    const bytes = readFileSync(file)
    expect(loadSecrets(data)).toEqual(first)
    expect(readFileSync(file)).toEqual(bytes)
  })

  test.each([0o644, 0o640, 0o604, 0o660])('refuse a file that others may read (%o)', (loose) => {
    loadSecrets(data)
    chmodSync(file, loose)
    expect(problem()).toMatch(`${file}: found mode ${loose.toString(8)}, expected 600. `)
    expect(problem()).toContain(`chmod 600 ${file}`)
  })

  const good = 'a'.repeat(43)
  test.each([
    ['', 'no JSON object'],
    ['not json hunter2', 'no JSON object'],
    [`{"ariPassword":"${good}"`, 'no JSON object'],
    ['[]', 'no JSON object'],
    ['null', 'no JSON object'],
    ['{}', 'a wrong or missing ariPassword'],
    [`{"ariPassword":"hunter2"}`, 'a wrong or missing ariPassword'],
    [`{"ariPassword":"${good}","more":1}`, 'a wrong or missing more'],
  ])('refuse the damaged file %j, leave it alone and repeat no secret', (content, found) => {
    mkdirSync(data, { recursive: true })
    writeFileSync(file, content, { mode: 0o600 })
    const told = problem()
    expect(told).toContain(`${file}: found ${found}. `)
    expect(told).not.toMatch(/hunter2|aaaa/)
    expect(readFileSync(file, 'utf8')).toBe(content)
  })

  test('tell a file that is none', () => {
    mkdirSync(file, { recursive: true, mode: 0o700 })
    expect(problem()).toMatch(`${file}: EISDIR`)
  })
})

test('a data folder that cannot be made is told', () => {
  writeFileSync(path.join(parent, 'deep'), 'a file where a folder should be')
  expect(problem()).toMatch(`${file}: ENOTDIR`)
})
