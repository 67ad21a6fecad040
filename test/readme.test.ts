import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { settingsTable } from '../src/config.ts'

const CHECKOUT = path.resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(path.join(CHECKOUT, file), 'utf8')
const pages = ['README.md', 'CHANGELOG.md', ...below('docs'), 'sounds/README.md']

test('the table of settings is the one that the settings are read by', () => {
  const [, table = ''] = /<!-- settings -->\n(.*)<!-- \/settings -->/s.exec(read('README.md')) ?? []
  expect(cells(table)).toEqual(cells(settingsTable()))
})

test('every rule about imports is in the table of the architecture', () => {
  const load = createRequire(import.meta.url)
  const { forbidden } = load('../.dependency-cruiser.cjs') as { forbidden: { name: string }[] }
  const rules = Array.from(read('docs/architecture.md').matchAll(/^\| `([a-z-]+)` /gm), ([, name]) => name)
  for (const { name } of forbidden) expect(rules).toContain(name)
})

test('every command that the README shows is one of package.json', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const shown = pages.flatMap((page) =>
    Array.from(read(page).matchAll(/npm run ([\w:-]+)/g), ([, name]) => name),
  )
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(shown))
})

test.each(pages)('%s: whatever it links to is there', (page) => {
  const links = Array.from(read(page).matchAll(/\]\(([^)#]+)/g), ([, link = '']) => link)
  const files = links.filter((link) => !/^https?:/.test(link))
  const missing = files.filter((file) => !existsSync(path.join(CHECKOUT, path.dirname(page), file)))
  expect(missing).toEqual([])
})

function below(folder: string): string[] {
  const names = readdirSync(path.join(CHECKOUT, folder), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.md')).map((name) => path.join(folder, name))
}

/** A Markdown table without the padding that makes it readable. */
function cells(table: string): string[][] {
  const lines = table.trim().split('\n')
  return lines.map((line) => line.split('|').map((cell) => cell.trim().replace(/^-+$/, '---')))
}
