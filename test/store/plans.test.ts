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

/** Something for each of its places. */
function valuesOf(sql: string): unknown[] {
  const named = [...sql.matchAll(/@(\w+)/g)].map(([, name = '']) => [name, null] as const)
  return named.length > 0 ? [Object.fromEntries(named)] : [...sql.matchAll(/\?/g)].map(() => null)
}

/** How SQLite goes about it, a line for each step. */
function plan(sql: string): string[] {
  const steps = db.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(...valuesOf(sql))
  return steps.map(({ detail }) => detail)
}

/**
 * What is read whole on purpose: there are few accounts and endpoints, one life, of open calls, holds and callbacks and of SIP
 * lines all are wanted, as of campaigns, few versions of tariffs are over, a run of PINs counts itself up, and what a subquery
 * has found with its limit is counted.
 */
const WHOLE =
  /^SCAN (account|life|json_each|CONSTANT ROW|\d+ CONSTANT ROWS?|run$|voip_line$|\(subquery-1\)$|campaign USING INDEX campaign_made$|(call|hold|callback) USING INDEX \2_(open|begun)$|tariff_version USING COVERING INDEX tariff_version_over$)/
/** What is sorted on purpose: an account has few logins, and few places have wrong PINs to their name. */
const SORTED = /^select user from credential |from guess_tally\s+where scope = \? and forget_at/

/** Whether an insert scans only for rows that referred to the new one before it was there, and jumps that where there is none. */
function looksBack(sql: string, scans: string[]): boolean {
  if (!sql.startsWith('insert')) return false
  const steps = db.prepare<unknown[], { opcode: string }>(`explain ${sql}`).all(...valuesOf(sql))
  return steps.filter(({ opcode }) => opcode === 'FkIfZero').length >= scans.length
}

test('there are statements to look at', () => {
  expect(all.length).toBeGreaterThan(30)
})

test.each(all.map((sql) => [sql.replace(/\s+/g, ' '), sql]))('reads no more than it needs: %s', (_, sql) => {
  const steps = plan(sql)
  expect(steps.filter((step) => step.includes('TEMP B-TREE') && !SORTED.test(sql))).toEqual([])
  const scans = steps.filter((step) => step.startsWith('SCAN ') && !WHOLE.test(step))
  if (!looksBack(sql, scans)) expect(scans).toEqual([])
})

/** Steps that are loops within one another have the same parent; the outer one comes first. */
test.each(all.filter((sql) => sql.includes('json_each')).map((sql) => [sql.replace(/\s+/g, ' '), sql]))(
  'goes through a list that is given once, and not for each row: %s',
  (_, sql) => {
    const query = db.prepare<unknown[], { parent: number; detail: string }>(`explain query plan ${sql}`)
    const steps = query.all(...valuesOf(sql)).filter(({ detail }) => /^(SCAN|SEARCH) /.test(detail))
    const inner = steps.filter(({ parent, detail }, i) => {
      const isWithin = steps.slice(0, i).some((outer) => outer.parent === parent)
      return isWithin && detail.startsWith('SCAN json_each')
    })
    expect(inner).toEqual([])
  },
)

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
  ['from guess_tally where forget_at <= ?', 'guess_tally_forget', '(forget_at<?)'],
  // What every paid call asks. Of the rates one look, of the holds those that run and those of a day, of an account its slots.
  ['from rate where version = ? and prefix <= ?', 'PRIMARY KEY', '(version=? AND prefix<?)'],
  [
    'from hold where account_id = ? and card_id = ? and state',
    'hold_running',
    '(account_id=? AND card_id=?)',
  ],
  ['from hold where account_id = ? and state', 'hold_running', '(account_id=?)'],
  ['from hold where card_id = @card and opened_at > @hour', 'hold_of_card', '(card_id=? AND opened_at>?)'],
  [
    "card_id = @card and state = 'settled' and ended_at > @hour",
    'hold_charged',
    '(card_id=? AND ended_at>?)',
  ],
  ['from account_usage where account_id = @account and slot', 'PRIMARY KEY', '(account_id=? AND slot>?)'],
  ['delete from account_usage', 'PRIMARY KEY', '(account_id=? AND slot<?)'],
  // What is looked for each second, however many callbacks of whom wait.
  ["select min(account_id) from callback where state = 'waiting'", 'callback_waiting', '(account_id>?)'],
  ["from callback where state = 'waiting' and account_id = ?", 'callback_waiting', '(account_id=?)'],
  // What everything asks that is wanted of a subscription, however many PINs were sent.
  [
    'from subscription where campaign_id = ? and msisdn = ?',
    'sqlite_autoindex_subscription_2',
    '(campaign_id=? AND msisdn=?)',
  ],
  [
    'ended_at from sending where subscription_id = ? order by n desc',
    'sending_of_subscription',
    '(subscription_id=?)',
  ],
  [
    'from sending where account_id = ? and number = ?',
    'sending_of_number',
    '(account_id=? AND number=? AND created_at>? AND created_at<?)',
  ],
  [
    'from sending where campaign_id = @id',
    'sending_of_campaign',
    '(campaign_id=? AND created_at>? AND created_at<?)',
  ],
  [
    'from sending where account_id = @id',
    'sending_of_account',
    '(account_id=? AND created_at>? AND created_at<?)',
  ],
  [
    "where kind = 'campaign' and id = @id and minute",
    'PRIMARY KEY',
    '(kind=? AND id=? AND minute>? AND minute<?)',
  ],
  [
    "where kind = 'account' and id = @id and minute",
    'PRIMARY KEY',
    '(kind=? AND id=? AND minute>? AND minute<?)',
  ],
  ['from subscription_count where campaign_id = ?', 'PRIMARY KEY', '(campaign_id=?)'],
  [
    'from subscription where pin is not null and pin_expires_at <= ?',
    'subscription_pin',
    '(pin_expires_at<?)',
  ],
  [
    'from subscription where pin is not null and pin_expires_at > ?',
    'subscription_pin',
    '(pin_expires_at>?)',
  ],
  ["update sending set state = 'ended'", 'INTEGER PRIMARY KEY', '(rowid=?)'],
  // What is looked for each second, however many sendings of whom wait, and those of a campaign.
  ["from sending where state in ('trying', 'speaking') and means = ?", 'sending_begun', '(means=?)'],
  [
    "select min(campaign_id) from sending where state = 'waiting' and means = ?",
    'sending_waiting',
    '(means=? AND campaign_id>?)',
  ],
  [
    "from sending where state = 'waiting' and means = ? and campaign_id = ?",
    'sending_waiting',
    '(means=? AND campaign_id=? AND due_at<?)',
  ],
  ['from sending where campaign_id = ? order by', 'sending_of_campaign', '(campaign_id=?)'],
  ['from campaign where account_id = ?', 'campaign_list', '(account_id=?)'],
  // Cards by whatever they are called.
  [', card.held_micros from card where id = ?', 'INTEGER PRIMARY KEY', '(rowid=?)'],
  [', card.held_micros from card where number = ?', 'card_number', '(account_id=? AND number=?)'],
  [', card.held_micros from card where pin = ?', 'card_pin', '(account_id=? AND pin=?)'],
  [', card.held_micros from card where cli = ?', 'card_cli', '(account_id=? AND cli=?)'],
  ["type = 'sms.requested' and body ->> '$.at' >= ?", 'event_sms', '(account_id=? AND <expr>>?)'],
  // A page of each list, from any place in it.
  ['select group_id, number from card', 'card_list', '(account_id=? AND (group_id,number)>(?,?))'],
  ['and (group_id, number) <= (@toGroup', 'card_list', '(account_id=? AND (group_id,number)>(?,?) AND'],
  ['account_id = @account and number = @number and (group_id', 'card_number', '(account_id=? AND number=?)'],
  ['account_id = @account and pin = @pin and (group_id', 'card_pin', '(account_id=? AND pin=?)'],
  ['account_id = @account and cli = @cli and (group_id', 'card_cli', '(account_id=? AND cli=?)'],
  ['from ledger where card_id = ? and id < ?', 'ledger_list', '(card_id=? AND id<?)'],
  [
    "from hold where account_id = @id and state = 'settled'",
    'hold_list',
    '(account_id=? AND opened_at>? AND',
  ],
  ['from hold where card_id = @card and +account_id', 'hold_of_card', '(card_id=? AND opened_at>? AND'],
  ['from rate where version = ? and prefix > ?', 'PRIMARY KEY', '(version=? AND prefix>?)'],
  ['delete from rate', 'PRIMARY KEY', '(version=? AND prefix=?)'],
  ['update tariff_version set over = 1', 'tariff_version_begun', '(begun_at<?)'],
  ['select key from request where forget_at', 'request_forget', '(forget_at<?)'],
  // A page of an audit.
  ['from ledger left join hold', 'ledger_list', '(card_id=? AND id>?)'],
  ['from hold where id > ?', 'PRIMARY KEY', '(id>?)'],
  ["where kind = 'charge' and reference = hold.id", 'ledger_once', '(kind=? AND reference=?)'],
  ["where kind in ('charge', 'refund') and reference", 'ledger_once', '(kind=? AND reference=?)'],
  ["where kind = 'voucher' and reference", 'ledger_once', '(kind=? AND reference=?)'],
  ['where scope = ? and forget_at > ?', 'PRIMARY KEY', '(scope=?)'],
])('%s uses %s %s', (part, index, terms) => {
  // The same statement may be prepared in two places.
  const found = [...new Set(all)].filter((sql) => sql.replace(/\s+/g, ' ').includes(part))
  expect(found).toHaveLength(1)
  expect(plan(found[0]!).join('\n')).toMatch(
    new RegExp(`USING ((COVERING )?INDEX )?${index} ?${terms.replace(/[()?+*]/g, '\\$&')}`),
  )
})
