import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, jest, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { openSqlite } from '../../src/store/sqlite.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-plans-'))
const file = path.join(folder, 'pinbridge.db')
const all = await statements()
const db = new Database(file)
afterAll(() => {
  db.close()
  rmSync(folder, { recursive: true })
})

/** Every statement on rows that the store prepares when it opens a database that is there. */
async function statements(): Promise<string[]> {
  await openSqlite(file).close()
  const spy = jest.spyOn(Database.prototype, 'prepare')
  await openSqlite(file).close()
  const found = spy.mock.calls.map(([sql]) => sql)
  spy.mockRestore()
  return found.filter((sql) => /^(select|update|delete|insert|with)/.test(sql))
}

/** How SQLite goes about it, a line for each step. */
function plan(sql: string): string[] {
  const named = [...sql.matchAll(/@(\w+)/g)].map(([, name = '']) => [name, null] as const)
  const places = [...sql.matchAll(/\?/g)].map(() => null)
  const values = named.length > 0 ? [Object.fromEntries(named)] : places
  const steps = db.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(...values)
  return steps.map(({ detail }) => detail)
}

/**
 * What is read whole on purpose: there are few accounts and endpoints, one life, of open calls all are wanted, and a run of
 * PINs counts itself up.
 */
const WHOLE =
  /^SCAN (account|life|json_each|CONSTANT ROW|\d+ CONSTANT ROWS?|run$|call USING INDEX call_open$)/
/** What is sorted on purpose: an account has few logins, and few places have wrong PINs to their name. */
const SORTED = /^select user from credential |from guess_tally\s+where scope = \? and forget_at/

test('there are statements to look at', () => {
  expect(all.length).toBeGreaterThan(30)
})

test.each(all.map((sql) => [sql.replace(/\s+/g, ' '), sql]))('reads no more than it needs: %s', (_, sql) => {
  const steps = plan(sql)
  expect(steps.filter((step) => step.includes('TEMP B-TREE') && !SORTED.test(sql))).toEqual([])
  const scans = steps.filter((step) => step.startsWith('SCAN ') && !WHOLE.test(step))
  expect(scans).toEqual([])
})

test.each([
  [
    'from allocation where account_id = ? and (created_at, id)',
    'allocation_list',
    '(account_id=? AND (created_at,id)<(?,?))',
  ],
  [
    'from allocation where account_id = ? and transaction_id = ? and (created_at, id)',
    'allocation_named',
    '(account_id=? AND transaction_id=? AND (created_at,id)<(?,?))',
  ],
  ["from call where state = 'ended' and recorded_until", 'call_recorded', '(recorded_until<?)'],
  ['select vn, pin from allocation_pin where free_at', 'allocation_pin_free', '(free_at<?)'],
  ["from allocation where state = 'active' and deallocate_at", 'allocation_due', '(deallocate_at<?)'],
  // What every turn of the sweeper asks: only the first entry of each index.
  ['select min(deallocate_at) from allocation', 'allocation_due', ''],
  ['select min(free_at) from allocation_pin', 'allocation_pin_free', ''],
  ['from event where account_id = @account and id', 'event_list', '(account_id=? AND id<?)'],
  ['from event where state = @state and id', 'event_state', '(state=? AND id<?)'],
  ['from event where +account_id = @account and state = @state and id', 'event_state', '(state=? AND id<?)'],
  // What every delivery and every turn of its loop asks.
  ['select min(due_at) from event', 'event_waiting', ''],
  ['select id from account where exists', 'event_due', '(account_id=? AND due_at<?)'],
  ['select type, body, attempts, due_at from event', 'event_due', '(account_id=? AND due_at<?)'],
  ["set state = 'dead', due_at = null", 'event_due', '(account_id=?)'],
  ["count(*) from event where state = 'dead'", 'event_state', '(state=?)'],
  // A page of each list of a database of PINs, from any place in it.
  ['from pin where database_id = ? and pin > ?', 'PRIMARY KEY', '(database_id=? AND pin>?)'],
  ['from pin_use where database_id = ? and (at, id)', 'pin_use_list', '(database_id=? AND at>? AND at<?)'],
  ['from pin_key where database_id = ? and (pin, key)', 'PRIMARY KEY', '(database_id=? AND (pin,key)>(?,?))'],
  [
    'from pin_key where database_id = ? and pin = ? and key >',
    'PRIMARY KEY',
    '(database_id=? AND pin=? AND key>?)',
  ],
  // A run of PINs: one look for each of them.
  ['update pin set', 'PRIMARY KEY', '(database_id=? AND pin=?)'],
  ['delete from pin where', 'PRIMARY KEY', '(database_id=? AND pin=?)'],
  // What every PIN that is keyed asks.
  [
    "select scope, empty_at, locked_until, strikes from guess_tally where scope = 'caller'",
    'PRIMARY KEY',
    '(scope=? AND name=?)',
  ],
  ['where forget_at <= ?', 'guess_tally_forget', '(forget_at<?)'],
  ['where scope = ? and forget_at > ?', 'PRIMARY KEY', '(scope=?)'],
])('%s uses %s %s', (part, index, terms) => {
  // The same statement may be prepared in two places.
  const found = [...new Set(all)].filter((sql) => sql.replace(/\s+/g, ' ').includes(part))
  expect(found).toHaveLength(1)
  expect(plan(found[0]!).join('\n')).toMatch(
    new RegExp(`USING ((COVERING )?INDEX )?${index} ?${terms.replace(/[()?+*]/g, '\\$&')}`),
  )
})
