import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { until } from '../support/until.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

const NUMBER = '1000000025'

let pinbridge: Installation

beforeEach(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme')
  await pinbridge.run('group', 'add', 'Basic', '--account', 'acme', '--balance', '5')
  await pinbridge.run(
    'card',
    'add',
    '--account',
    'acme',
    '--group',
    'Basic',
    '--from',
    NUMBER,
    '--till',
    '1000000026',
  )
  await pinbridge.run('card', 'top-up', NUMBER, '1', '--account', 'acme')
}, SLOW_MS)
afterEach(() => pinbridge.close())

/** Somebody edits the file by hand. */
function tamper(sql: string): void {
  const db = new Database(path.join(pinbridge.data, 'pinbridge.db'))
  db.exec(sql)
  db.close()
}

describe('audit', () => {
  test(
    'where all adds up it says so, and changes nothing',
    async () => {
      expect(await pinbridge.run('audit')).toEqual({
        ...{ code: 0, stdout: '2 cards, 3 lines of the ledger: all adds up.\n', stderr: '' },
      })
      expect(await pinbridge.json('audit')).toEqual({
        code: 0,
        document: { ok: true, cards: 2, lines: 3, findings: [] },
      })
    },
    SLOW_MS,
  )

  test(
    'a balance that no line explains, and a line that was changed, are found by card; the exit code is 1',
    async () => {
      tamper(`update card set balance_micros = balance_micros + 1000000 where number = '${NUMBER}'`)
      const { code, document } = await pinbridge.json('audit')
      expect([code, document]).toMatchObject([1, { ok: false, cards: 2, lines: 3 }])
      const findings = document['findings'] as Json[]
      expect(findings).toContainEqual({
        ...{ what: 'balance', cardId: 1, account: 'acme', card: NUMBER },
        detail: 'balance 7000000, and the ledger adds up to 6000000',
      })
      expect(findings.filter(({ card }) => card !== NUMBER)).toEqual([])

      tamper(`update card set balance_micros = balance_micros - 1000000 where number = '${NUMBER}';
        drop trigger ledger_is_not_changed; update ledger set amount_micros = amount_micros + 1 where card_id = 2`)
      const people = await pinbridge.run('audit')
      expect(people.code).toBe(1)
      expect(people.stdout).toMatch(/^WHAT +ACCOUNT +CARD +FOUND\n/)
      expect(people.stdout).toMatch(
        /\nledger +acme +1000000026 +line 2: balance 5000000 instead of 5000001\n/,
      )
      expect(people.stdout).toMatch(/\n\n2 cards, 3 lines of the ledger: \d findings\.\n$/)
      expect(people.stdout).not.toContain(NUMBER)
    },
    SLOW_MS,
  )
})

describe('the application audits when it starts', () => {
  const ledger = async (http: string) => {
    const answer = await fetch(`${http}/readyz`, { headers: { connection: 'close' } })
    return [answer.status, ((await answer.json()) as { checks: Json }).checks['ledger']]
  }

  test(
    'and says how it did, and takes calls all the same',
    async () => {
      const well = await pinbridge.serve()
      await until(async () => expect(await ledger(well)).toEqual([200, 'ok']))
      tamper(`update card set balance_micros = balance_micros + 1 where number = '${NUMBER}'`)
      const ill = await pinbridge.serve()
      expect((await ledger(ill))[0]).toBe(200)
      await until(async () => expect(await ledger(ill)).toEqual([200, '2 findings']), { atMostMs: 30_000 })
    },
    SLOW_MS,
  )
})
