import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Installation } from './command.ts'

const CHECKOUT = path.resolve(import.meta.dirname, '../..')
const BIN = path.join(CHECKOUT, 'bin/pinbridge.js')

/** What the README tells people to key about something. */
export type Keyboard = {
  /** The titles of its blocks of commands, in their order. */
  titles: string[]
  /** Where the commands are run; what they write is there. */
  folder: string
  /** Runs blocks as somebody would who keys them, one after another in the same shell; resolves to what the last one printed. */
  keyed: (titles: string[], variables?: Record<string, string>) => Promise<string>
  close: () => void
}

/** The blocks `<!-- topic: title -->` of the README, for an installation that serves at this address. */
export function keyboard(topic: string, pinbridge: Installation, http: string): Keyboard {
  const text = readFileSync(path.join(CHECKOUT, 'README.md'), 'utf8')
  const found = text.matchAll(new RegExp(`<!-- ${topic}: (.*?) -->\n\n\`\`\`sh\n(.*?)\`\`\``, 'gs'))
  const blocks = new Map(Array.from(found, ([, title = '', commands = '']) => [title, commands]))
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pinbridge-readme-'))

  function keyed(titles: string[], variables: Record<string, string> = {}): Promise<string> {
    const [last = '', ...before] = titles.map((title) => blocks.get(title) ?? '').reverse()
    const npx = 'npx() { [ "$1" = pinbridge ] && shift && "$NODE" "$BIN" "$@"; }'
    // Of the blocks before, what they define: their commands have been run.
    const known = before.reverse().map((block) => `npx() { :; }; curl() { :; }\n${block}`)
    const script = ['set -e', 'exec 3>&1 >/dev/null', ...known, 'unset -f curl', npx, 'exec >&3', last]
    const env = {
      PATH: process.env['PATH'],
      HOME: folder,
      PINBRIDGE_DATA: pinbridge.data,
      NODE: process.execPath,
      BIN,
      ...variables,
    }
    const commands = script.join('\n').replaceAll('http://127.0.0.1:8080', http)
    return new Promise((resolve, reject) => {
      execFile('bash', ['-c', commands], { cwd: folder, env }, (error, stdout, stderr) => {
        if (error) reject(new Error(`${stderr}\n${stdout}`))
        else resolve(stdout)
      })
    })
  }

  return { titles: [...blocks.keys()], folder, keyed, close: () => rmSync(folder, { recursive: true }) }
}

/** What a command has printed behind a label. */
export function word(text: string, label: string): string {
  return new RegExp(`${label} +(\\S+)`).exec(text)?.[1] ?? ''
}
