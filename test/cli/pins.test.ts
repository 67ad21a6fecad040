import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

let pinbridge: Installation
let accountId: string

beforeEach(async () => {
  pinbridge = installation()
  const { document } = await pinbridge.json('account', 'add', '--name', 'Acme', '--sid', 'acme')
  accountId = (document['account'] as { id: string }).id
})
afterEach(() => pinbridge.close())

function file(...lines: string[]): string {
  const name = path.join(pinbridge.data, 'pins.csv')
  writeFileSync(name, lines.join('\n'))
  return name
}

const importing = async (name: string, ...more: string[]): Promise<{ code: number; report: Json }> => {
  const { code, document } = await pinbridge.json('pins', 'import', name, '--account', 'acme', ...more)
  return { code, report: (document['import'] ?? document['error']) as Json }
}
const inDatabase = (db: number) => pinbridge.store().pinsAfter(accountId, db, undefined, 1_000)

describe('pins import', () => {
  test(
    'writes what a download gives, and says what it did',
    async () => {
      const list = file(
        '7000,7,,',
        '"0700",7,2027-01-31 23:59:59,2026-12-01 00:00:00\r',
        '',
        'AB-1',
        '7001,,2027-01-31 23:59:59',
      )
      const { code, report } = await importing(list, '--db', '7')
      const none = { changed: 0, unchanged: 0, refused: 0, refusals: [] }
      const about = { account: 'acme', db: 7, dryRun: false }
      expect([code, report]).toEqual([0, { ...about, created: 4, ...none }])
      const expiresAt = Date.UTC(2027, 0, 31, 18, 29, 59)
      const always = { beginsAt: undefined, expiresAt: undefined }
      expect(await inDatabase(7)).toEqual([
        { pin: '0700', beginsAt: Date.UTC(2026, 10, 30, 18, 30), expiresAt },
        { pin: '7000', ...always },
        { pin: '7001', ...always, expiresAt },
        { pin: 'AB-1', ...always },
      ])
      const again = await importing(list, '--db', '7')
      expect(again).toEqual({ code: 0, report: { ...about, ...none, created: 0, unchanged: 4 } })
    },
    SLOW_MS,
  )

  test(
    'a dry run writes nothing; what is refused is named by its line, and never by the PIN',
    async () => {
      await importing(file('7000', '7001'), '--db', '7')
      const list = file(
        ...['7000,7,2027-01-01 00:00:00', '7001', '7002', '7003,8', '7004,7,2026-02-30 00:00:00'],
        ...[
          '7005,7,,24',
          '70"06',
          '7007,7,,,',
          '!7008',
          'x'.repeat(201),
          '7009,7,2026-01-01 00:00:00,2027-01-01 00:00:00',
        ],
      )
      const before = await inDatabase(7)
      const { code, report } = await importing(list, '--db', '7', '--dry-run')
      expect(await inDatabase(7)).toEqual(before)
      const refusals = [
        ...[
          { line: 4, wrong: 'db' },
          { line: 5, wrong: 'expires-at' },
          { line: 6, wrong: 'begins-at' },
          { line: 7, wrong: 'columns' },
          { line: 8, wrong: 'columns' },
          { line: 9, wrong: 'pin' },
          { line: 10, wrong: 'columns' },
          { line: 11, wrong: 'expires-at' },
        ],
      ]
      const counts = { created: 1, changed: 1, unchanged: 1, refused: 8, refusals }
      expect([code, report]).toEqual([1, { account: 'acme', db: 7, dryRun: true, ...counts }])
      const people = await pinbridge.run(
        'pins',
        'import',
        list,
        '--account',
        'acme',
        '--db',
        '7',
        '--dry-run',
      )
      expect(people.code).toBe(1)
      expect(people.stdout).toMatch(
        /^Would be in database 7 of acme: 1 created, 1 changed, 1 unchanged, 8 refused\.\n/,
      )
      expect(people.stdout).toContain('\n  line 4: another database, or a header row, which is not read\n')
      expect(people.stdout).not.toMatch(/70\d\d|!7008/)
      const done = await importing(list, '--db', '7')
      expect(done).toMatchObject({ code: 1, report: { ...counts, dryRun: false } })
      expect((await inDatabase(7)).map(({ pin }) => pin)).toEqual(['7000', '7001', '7002'])
    },
    SLOW_MS,
  )

  test(
    'takes long lists in pieces, and loses nothing between two',
    async () => {
      const lines = Array.from({ length: 20_000 }, (_, n) => `${100_000 + n},7,2027-01-31 23:59:59,`)
      const { code, report } = await importing(file(...lines), '--db', '7')
      expect([code, report]).toMatchObject([0, { created: 20_000, refused: 0 }])
    },
    SLOW_MS,
  )

  test(
    'reads standard input, however it comes',
    async () => {
      const bin = path.resolve(import.meta.dirname, '../../bin/pinbridge.js')
      const args = [bin, 'pins', 'import', '-', '--account', 'acme', '--db', '1']
      const child = spawn(process.execPath, args, {
        env: { PATH: process.env['PATH'], PINBRIDGE_DATA: pinbridge.data },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
      for (const piece of ['40', '01,1,20', '27-01-01 00:00:00\r', '\n4002\n', '4003'])
        child.stdin.write(piece)
      child.stdin.end()
      expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)
      expect(said).toBe('Now in database 1 of acme: 3 created, 0 changed, 0 unchanged, 0 refused.\n')
      expect((await inDatabase(1)).map(({ pin }) => pin)).toEqual(['4001', '4002', '4003'])
    },
    SLOW_MS,
  )

  test(
    'a file that is not there, one that cannot be read, and nobody',
    async () => {
      expect(await importing('/nowhere/pins.csv', '--db', '7')).toMatchObject({
        code: 1,
        report: { code: 'ENOENT' },
      })
      expect(await importing(pinbridge.data, '--db', '7')).toMatchObject({
        code: 1,
        report: { code: 'EISDIR' },
      })
      const nobody = await pinbridge.json('pins', 'import', file('1'), '--account', 'nobody', '--db', '7')
      expect(nobody).toMatchObject({ code: 1, document: { error: { code: 'not_found' } } })
      const zero = await pinbridge.json('pins', 'import', file('1'), '--account', 'acme', '--db', '0')
      expect(zero).toMatchObject({ code: 64, document: { error: { code: 'usage' } } })
    },
    SLOW_MS,
  )
})

describe('pins databases', () => {
  test(
    'tells what each is',
    async () => {
      const list = (...more: string[]) => pinbridge.run('pins', 'databases', '--account', 'acme', ...more)
      expect((await list()).stdout).toBe('There is no database yet.\n')
      await importing(file('1', '2'), '--db', '7')
      for (const [number, label, maxKeys, action] of [
        [7, 'Gold members', 3, { do: 'dial', number: '+919956555625' }],
        [8, '', 0, { do: 'continue', context: 'gate', extension: '100' }],
        [9, '', 1, { do: 'confirm' }],
      ] as const)
        await pinbridge.store().changePinDatabase(accountId, number, () => ({
          save: { label, maxKeys, action },
          result: undefined,
        }))
      expect((await list()).stdout).toBe(
        [
          'DB  LABEL         PINS  KEYS A PIN  A RIGHT PIN',
          '7   Gold members  2     3           rings +919956555625',
          '8   -             0     any         goes on at gate,100',
          '9   -             0     1           is confirmed\n',
        ].join('\n'),
      )
      expect(JSON.parse((await list('--json')).stdout)).toEqual({
        databases: [
          {
            ...{ number: 7, label: 'Gold members', pins: 2, maxKeys: 3 },
            action: { do: 'dial', number: '+919956555625' },
          },
          {
            ...{ number: 8, label: '', pins: 0, maxKeys: 0 },
            action: { do: 'continue', context: 'gate', extension: '100' },
          },
          { number: 9, label: '', pins: 0, maxKeys: 1, action: { do: 'confirm' } },
        ],
      })
    },
    SLOW_MS,
  )
})
