import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation } from './command.ts'

const CHECKOUT = path.resolve(import.meta.dirname, '../..')
const BIN = path.join(CHECKOUT, 'bin/pinbridge.js')

/** What the README tells people to key, by its title. */
const BLOCKS = new Map(
  Array.from(
    readFileSync(path.join(CHECKOUT, 'README.md'), 'utf8').matchAll(
      /<!-- cards: (.*?) -->\n\n```sh\n(.*?)```/gs,
    ),
    ([, title = '', commands = '']) => [title, commands],
  ),
)

let pinbridge: Installation
let folder: string
let http: string

beforeEach(async () => {
  pinbridge = installation()
  folder = mkdtempSync(path.join(os.tmpdir(), 'pinbridge-readme-'))
  http = await pinbridge.serve()
}, SLOW_MS)
afterEach(async () => {
  await pinbridge.close()
  rmSync(folder, { recursive: true })
})

/** Runs commands as somebody would who keys them, one block after another in the same shell; resolves to what the last printed. */
function keyed(titles: string[], variables: Record<string, string> = {}): Promise<string> {
  const [last = '', ...before] = titles.map((title) => BLOCKS.get(title) ?? '').reverse()
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
  }
  return new Promise((resolve, reject) => {
    const text = script.join('\n').replaceAll('http://127.0.0.1:8080', http)
    execFile(
      'bash',
      ['-c', text],
      { cwd: folder, env: { ...env, ...variables } },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${stderr}\n${stdout}`))
        else resolve(stdout)
      },
    )
  })
}

const word = (text: string, label: string) => new RegExp(`${label} +(\\S+)`).exec(text)?.[1] ?? ''

test(
  'prepaid cards from nothing, as the README says',
  async () => {
    expect([...BLOCKS.keys()]).toEqual(['set-up', '42com', 'mor', 'one card', 'anna', 'shop'])
    const setUp = await keyed(['set-up'])
    const TALK_PASSWORD = word(setUp, '42com password')
    expect(setUp).toMatch(/\nnumber,pin\n1000000025,\d{10}\n/)
    expect(setUp).toMatch(/\nnumber +\+491771234567\ncalled +yes\n/)

    const first = await keyed(['42com'], { TALK_PASSWORD })
    const [insert, block, rates] = first
      .split('}{')
      .map((one) => one.replace(/^(?!{)/, '{').replace(/(?<!})$/, '}'))
    for (const answer of [insert, block, rates]) expect(answer).toContain('"codes":[{"code":200,')
    expect(insert).toContain('"CLI":"4917712345678","Amount":"5,00 EUR","AmountAll":"5,00 EUR"')
    expect(block).toContain('"active":""')
    expect(rates).toMatch(/"01771234567".*"Germany Mobile".*"0,10".*"030123456".*"Germany".*"0,04"/)

    const mor = await keyed(['mor'], { MOR_KEY: word(setUp, 'MOR secret key') })
    expect(mor).toContain('<card_callerid>+4917712345678</card_callerid>')
    expect(mor).toContain('<status>Cards created: 3/3</status>')

    const ANNA_PASSWORD = word(await keyed(['one card']), 'with this password:\n\n')
    const vouchers = readFileSync(path.join(folder, 'vouchers.csv'), 'utf8').trimEnd().split('\n')
    expect(vouchers).toHaveLength(11)
    const [, VOUCHER_PIN = ''] = vouchers[1]?.split(',') ?? []
    const anna = await keyed(['42com', 'anna'], { TALK_PASSWORD, ANNA_PASSWORD, VOUCHER_PIN })
    expect(anna.match(/"codes":\[\{"code":\d+/g)).toEqual(
      Array.from({ length: 4 }, () => '"codes":[{"code":200'),
    )
    expect(anna).toMatch(/"callId":"[-0-9A-Fa-f]{36}"/)
    expect(anna).toMatch(/"username":"line-\w+"/)
    expect(anna).toContain('"amount":"15,0000"')

    const shop = await keyed(['shop'])
    expect(shop).toMatch(/\nbalance +15\.00 EUR\n/)
    expect(shop).toContain('12.50 EUR are on card 1000000025 now, 27.50 EUR in all.')
    expect(shop).toContain('Nobody can call with card 1000000026 any more.')
    expect(shop).toMatch(/\nmor +clerk +- +accountant-no-pins +-\n/)
    expect(shop).toMatch(/\n15 cards, 17 lines of the ledger: all adds up\.\n$/)
  },
  SLOW_MS,
)
