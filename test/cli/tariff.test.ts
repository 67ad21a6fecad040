import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Rate } from '../../src/engine/rates.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

let pinbridge: Installation

beforeEach(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme', '--country', 'DE')
}, SLOW_MS)
afterEach(() => pinbridge.close())

const ACCOUNT = ['--account', 'acme']
const NAMED = [...ACCOUNT, '--name', 'standard']

function file(...lines: string[]): string {
  const name = path.join(pinbridge.data, 'rates.csv')
  writeFileSync(name, lines.join('\n'))
  return name
}

async function importing(name: string, ...options: string[]): Promise<{ code: number; report: Json }> {
  const { code, document } = await pinbridge.json('tariff', 'import', name, ...NAMED, ...options)
  return { code, report: (document['import'] ?? document['error']) as Json }
}

/** All that are in the tariff, by prefix. */
async function rates(name = 'standard'): Promise<Rate[]> {
  const store = pinbridge.store()
  const [account] = await store.accounts()
  const tariff = (await store.tariffs(account!.id)).find((one) => one.name === name)
  return tariff ? store.ratesAfter(tariff.id, undefined, 10_000) : []
}

const rate = (prefix: string, name: string, perMinuteMicros: number, more: Partial<Rate> = {}): Rate => {
  return { prefix, name, perMinuteMicros, setUpMicros: 0, minimumSeconds: 0, incrementSeconds: 1, ...more }
}
const NONE = { created: 0, changed: 0, unchanged: 0, removed: 0, refused: 0, refusals: [] }

describe('tariff import', () => {
  test(
    'takes the place of what was there, all at once, and says what that changed',
    async () => {
      const first = file(
        '49,Germany,0.04',
        '\r',
        '"49177","Germany, Mobile",0.10,0.05,60,60\r',
        '41,Switzerland,0.02',
      )
      const made = await importing(first)
      const about = { account: 'acme', name: 'standard', dryRun: false, written: true }
      expect(made).toEqual({ code: 0, report: { ...about, ...NONE, created: 3 } })
      const mobile = rate('49177', 'Germany, Mobile', 100_000, {
        ...{ setUpMicros: 50_000, minimumSeconds: 60, incrementSeconds: 60 },
      })
      expect(await rates()).toEqual([
        rate('41', 'Switzerland', 20_000),
        rate('49', 'Germany', 40_000),
        mobile,
      ])
      const second = file('49,Germany,0.05', '43,Austria,0.03', '49177,"Germany, Mobile",0.1,0.05,60,60')
      const counts = { ...NONE, created: 1, changed: 1, unchanged: 1, removed: 1 }
      const before = await rates()
      const dry = await importing(second, '--dry-run')
      expect(dry).toEqual({ code: 0, report: { ...about, dryRun: true, written: false, ...counts } })
      expect(await rates()).toEqual(before)
      expect(await importing(second)).toEqual({ code: 0, report: { ...about, ...counts } })
      expect((await rates()).map(({ prefix }) => prefix)).toEqual(['43', '49', '49177'])
    },
    SLOW_MS,
  )

  test(
    'semicolons, decimal commas and columns by name, as spreadsheets write them',
    async () => {
      const list = file(
        '\uFEFFDestination;Code;Comment;Rate;Billing Increments',
        'Germany;+49;x;0,04;60/6',
        '"Mobile; ""E""";0049177;;0,10;1/1',
      )
      expect((await importing(list)).code).toBe(0)
      expect(await rates()).toEqual([
        rate('49', 'Germany', 40_000, { minimumSeconds: 60, incrementSeconds: 6 }),
        rate('49177', 'Mobile; "E"', 100_000, { minimumSeconds: 1 }),
      ])
    },
    SLOW_MS,
  )

  test(
    'lines that cannot be read keep all from being written, unless they are to be left out; each is named',
    async () => {
      const name = file(
        '49,Germany,0.04',
        '4x,Nowhere,0.04',
        '41,Switzerland,"1.000,50"',
        '43,"Austria,0.03',
        '49,Twice,1',
      )
      const latin = path.join(pinbridge.data, 'latin.csv')
      const refused = await importing(name)
      expect(refused).toMatchObject({ code: 1, report: { written: false, created: 1, refused: 4 } })
      const lines = (refused.report['refusals'] as { line: number; wrong: string }[]).map(({ line }) => line)
      expect(lines).toEqual([2, 3, 4, 5])
      expect(await rates()).toEqual([])
      const people = await pinbridge.run('tariff', 'import', name, ...NAMED)
      expect(people.stdout).toMatch(
        /^Tariff standard would have changed: 1 created, .*, 4 refused\.\n {2}line 2: the prefix /,
      )
      expect(people.stdout).toMatch(/\nNothing was written\. .*--skip-refused\.\n$/)
      const skipped = await importing(name, '--skip-refused')
      expect(skipped).toMatchObject({ code: 1, report: { written: true, created: 1, refused: 4 } })
      expect(await rates()).toEqual([rate('49', 'Germany', 40_000)])
      writeFileSync(latin, Buffer.from('33,R\xe9union,1\n', 'latin1'))
      expect(await importing(latin)).toMatchObject({
        report: { refusals: [{ line: 1, wrong: 'it is not written in UTF-8' }] },
      })
      const head = await importing(file('prefix,cost', '49,1'))
      expect(head).toMatchObject({
        code: 1,
        report: { code: 'invalid', message: expect.stringContaining('first row') },
      })
      expect(await importing(file(''))).toMatchObject({ code: 1, report: { written: false } })
      expect(await importing('/nowhere/rates.csv')).toMatchObject({ code: 1, report: { code: 'ENOENT' } })
      expect(await rates()).toEqual([rate('49', 'Germany', 40_000)])
    },
    SLOW_MS,
  )

  test(
    'many refusals are named up to a hundred',
    async () => {
      const { report } = await importing(file(...Array.from({ length: 250 }, () => 'x,y,z')))
      expect(report).toMatchObject({ refused: 250 })
      expect(report['refusals']).toHaveLength(100)
      const { stdout } = await pinbridge.run(
        'tariff',
        'import',
        path.join(pinbridge.data, 'rates.csv'),
        ...NAMED,
      )
      expect(stdout).toContain('\n  and 150 more\n')
    },
    SLOW_MS,
  )

  test(
    'reads standard input, however it comes, while the application runs',
    async () => {
      await pinbridge.serve()
      const bin = path.resolve(import.meta.dirname, '../../bin/pinbridge.js')
      const child = spawn(process.execPath, [bin, 'tariff', 'import', '-', ...NAMED], {
        env: { PATH: process.env['PATH'], PINBRIDGE_DATA: pinbridge.data },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
      const closed = new Promise((resolve) => child.on('close', resolve))
      const lines = Array.from({ length: 5_000 }, (_, n) => `${10_000 + n},Somewhere,0.01\n`).join('')
      for (let at = 0; at < lines.length; at += 7_777) child.stdin.write(lines.slice(at, at + 7_777))
      child.stdin.end()
      expect(await closed).toBe(0)
      expect(said).toMatch(/^Tariff standard has 5000 rates now: 5000 created, 0 changed, /)
      expect(await rates()).toHaveLength(5_000)
    },
    SLOW_MS,
  )
})

describe('tariff list and show', () => {
  test(
    'which there are, and which one cards have',
    async () => {
      const list = () => pinbridge.run('tariff', 'list', ...ACCOUNT)
      expect((await list()).stdout).toBe('There is no tariff yet.\n')
      await importing(file('49,Germany,0.04', '41,Switzerland,0.02'))
      await pinbridge.run('tariff', 'import', file('49,Germany,1'), ...ACCOUNT, '--name', 'dear')
      await pinbridge.run('account', 'cards', 'acme', '--tariff', 'dear')
      expect((await list()).stdout).toMatch(
        /^NAME .*\ndear +1 +\d{4}-\S+ +all cards whose group has none\nstandard +2 +\S+ +-\n$/,
      )
    },
    SLOW_MS,
  )

  test(
    'what a number costs, or why it is not called',
    async () => {
      await importing(file('49,Germany,0.04', '49177,Germany Mobile,0.1,0.05,60,30', '43,Austria,0.03'))
      await pinbridge.run('account', 'cards', 'acme', '--allow', '49,41')
      const show = async (number: string) => {
        const { code, document } = await pinbridge.json('tariff', 'show', 'standard', number, ...ACCOUNT)
        return { code, ...document }
      }
      const mobile = {
        perMinuteMicros: 100_000,
        setUpMicros: 50_000,
        minimumSeconds: 60,
        incrementSeconds: 30,
      }
      expect(await show('0177 1234567')).toEqual({
        ...{ code: 0, number: '+491771234567', called: true, why: null, currency: 'EUR' },
        rate: { prefix: '49177', name: 'Germany Mobile', ...mobile },
      })
      expect(await show('+493012345678')).toMatchObject({ code: 0, rate: { prefix: '49' } })
      const why = (said: string) => ({ code: 1, called: false, why: expect.stringContaining(said) })
      expect(await show('0043 1 5123456')).toMatchObject({
        ...why('does not allow'),
        rate: { name: 'Austria' },
      })
      expect(await show('+41441234567')).toMatchObject({
        ...why('no rate'),
        number: '+41441234567',
        rate: null,
      })
      for (const number of ['112', '110', '+491805123456', '0900 1234567'])
        expect([number, await show(number)]).toEqual([
          number,
          expect.objectContaining(why('no card ever calls')),
        ])
      expect(await show('nobody')).toMatchObject({ ...why('not a telephone number'), number: null })
      const { code, stdout } = await pinbridge.run('tariff', 'show', 'standard', '+491771234567', ...ACCOUNT)
      expect([
        code,
        stdout
          .trimEnd()
          .split('\n')
          .map((line) => line.split(/ {2,}/)),
      ]).toEqual([
        0,
        [
          ...[
            ['number', '+491771234567'],
            ['called', 'yes'],
            ['prefix', '+49177'],
          ],
          ...[
            ['destination', 'Germany Mobile'],
            ['a minute', '0.10 EUR'],
            ['a call', '0.05 EUR'],
          ],
          ...[
            ['at least', '60 s'],
            ['by', '30 s'],
          ],
        ],
      ])
      const other = await pinbridge.json('tariff', 'show', 'other', '1', ...ACCOUNT)
      expect(other).toMatchObject({ code: 1, document: { error: { code: 'not_found' } } })
    },
    SLOW_MS,
  )
})
