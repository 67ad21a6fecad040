import { copyFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation } from './command.ts'

type Check = { name: string; state: string; found: string; todo?: string }

const ADD = ['campaign', 'add', 'acme', '--name', 'Test', '--service', '1']
const WEBHOOK = ['--deliver', 'webhook', '--url', 'https://gateway.example/']

let pinbridge: Installation

beforeEach(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme')
}, SLOW_MS)
afterEach(() => pinbridge.close())

async function doctor(): Promise<Check | undefined> {
  const { code, document } = await pinbridge.json('doctor')
  expect([code, document['ok']]).toEqual([0, true])
  return (document['checks'] as Check[]).find(({ name }) => name === 'campaigns')
}

test(
  'the doctor warns of campaigns that cannot send, and of those alone that should',
  async () => {
    expect(await doctor()).toBeUndefined()
    await pinbridge.run(...ADD, '--id', 'sends-all-right', '--allow', '49', ...WEBHOOK)
    expect(await doctor()).toEqual({ name: 'campaigns', state: 'ok', found: '1 can send their PINs' })
    await pinbridge.run(...ADD, '--id', 'sends-to-nobody', ...WEBHOOK)
    await pinbridge.run(...ADD, '--id', 'cannot-call', '--allow', '49')
    expect(await doctor()).toEqual({
      ...{ name: 'campaigns', state: 'warn', found: '2 of 3 lack something' },
      todo: expect.stringMatching(
        /^sends-to-nobody: It sends to nobody: .*\n +cannot-call: It calls, and Asterisk is off here: .* Whoever is called sees no number: /,
      ),
    })
    for (const id of ['sends-to-nobody', 'cannot-call'])
      await pinbridge.run('campaign', 'change', id, '--pause')
    expect(await doctor()).toMatchObject({ state: 'ok' })
  },
  SLOW_MS,
)

test(
  'the doctor leaves the database of an older release as it is',
  async () => {
    await pinbridge.run(...ADD)
    const file = path.join(pinbridge.data, 'pinbridge.db')
    const db = new Database(file)
    const version = db.pragma('user_version', { simple: true }) as number
    db.pragma(`user_version = ${version - 1}`)
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.close()
    copyFileSync(file, `${file}.before`)
    expect(await doctor()).toBeUndefined()
    expect(readFileSync(file).equals(readFileSync(`${file}.before`))).toBe(true)
  },
  SLOW_MS,
)
