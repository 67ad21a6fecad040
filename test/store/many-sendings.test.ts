import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import Database from 'better-sqlite3'
import type { Campaign } from '../../src/engine/campaigns.ts'
import type { Store } from '../../src/engine/store.ts'
import type { Subscription } from '../../src/engine/subscription-store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { account, T0 } from './contract/given.ts'
import { addCampaign, addSent, look } from './contract/subscription-given.ts'

const SENDINGS = 200_000
const SECOND_MS = 1_000
const DAY_MS = 86_400_000
const NOW = T0 + SENDINGS * SECOND_MS

const folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-many-'))
const file = path.join(folder, 'pinbridge.db')
let campaign: Campaign
let subscription: Subscription
let store: Store
/** How many rows have been looked at. */
let looked = 0
beforeAll(async () => {
  const first = openSqlite(file)
  await first.addAccount(account('acme'), [])
  await first.addAccount(account('other'), [])
  campaign = await addCampaign(first)
  subscription = (await addSent(first, campaign)).subscription
  await addSent(first, await addCampaign(first, { accountId: 'other' }), {}, {}, {})
  await first.close()
  fill()
  store = openCounting()
}, 120_000)
beforeEach(() => void (looked = 0))
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

/** One a second, all to one number of one campaign; every other one waits. */
function fill(): void {
  const db = new Database(file)
  db.prepare(
    `insert into sending (id, subscription_id, account_id, campaign_id, number, means, state, outcome, tries, created_at, due_at, ended_at)
     with recursive
       run (i) as (select 1 union all select i + 1 from run where i < ?),
       made (i, at) as (select i, strftime('%Y-%m-%dT%H:%M:%fZ', ? / 1000 + i, 'unixepoch') from run)
     select 'many-' || i, ?, 'acme', ?, ?, 'call', iif(i % 2, 'waiting', 'ended'), iif(i % 2, null, 'busy'), 0, at, at,
       iif(i % 2, null, at)
     from made`,
  ).run(SENDINGS, T0, subscription.id, campaign.id, subscription.msisdn)
  db.close()
}

/**
 * The store on the same file, where each row of these tables counts itself when it is looked at: what the store takes for a table
 * is a view that asks of each row whether it may be seen. Nothing can be written through it.
 */
function openCounting(): Store {
  const db = new Database(file)
  db.exec(`alter table sending rename to real_sending; alter table sending_minute rename to real_minute;
    create view sending as select * from real_sending where looked();
    create view sending_minute as select * from real_minute where looked()`)
  for (const [name, change] of [
    ['add', 'insert'],
    ['change', 'update'],
  ])
    // prettier-ignore
    db.exec(`create trigger no_${name} instead of ${change} on sending begin select raise(abort, 'no'); end`)
  db.close()
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with what it belongs to
  const prepare = Database.prototype.prepare
  const spy = jest.spyOn(Database.prototype, 'prepare').mockImplementation(function (
    this: Database.Database,
    sql,
  ) {
    this.function('looked', { deterministic: false, directOnly: false }, () => ++looked && 1)
    return prepare.call(this, sql)
  })
  const opened = openSqlite(file)
  spy.mockRestore()
  return opened
}

/** Counts what was sent since then, each up to its limit; by the clock that stands so far before the last of them. */
function counting(sinceMs: number, [number, ofCampaign, ofAccount]: [number, number, number], beforeMs = 0) {
  const until = NOW - beforeMs
  const since = until - sinceMs
  return {
    until,
    number: { since, limit: number },
    campaign: { since, limit: ofCampaign },
    account: { since, limit: ofAccount },
  }
}

/** Rows: the last sending, those to the number, and twice the minutes, and the sendings of the two that count in part. */
const looksFor = (minutes: number, ofNumber: number) => 1 + ofNumber + 2 * (minutes + 2 * 60)

test('rows count themselves, and the index alone knows the way to those that are wanted', async () => {
  expect(await store.sendings(campaign.id, SENDINGS)).toHaveLength(SENDINGS)
  expect(looked).toBe(SENDINGS)
  looked = 0
  expect(await store.sendings(campaign.id, 10)).toHaveLength(10)
  expect(looked).toBe(10)
})

test('what is wanted of a subscription looks at no more rows than its limits and the minutes of a day', async () => {
  const day = await look(store, subscription, counting(DAY_MS, [5, 500, 5_000]))
  expect(day.sent).toEqual({ number: 5, campaign: 500, account: 5_000 })
  expect(day.sending?.id).toBe(`many-${SENDINGS}`)
  expect(looked).toBeLessThanOrEqual(looksFor(1_440, 5))
})

test('however much an account may send, and however much it has sent', async () => {
  const all = await look(store, subscription, counting(DAY_MS, [1_000, 100_000, 1_000_000]))
  // One a second, the first and the last of them included.
  expect(all.sent).toEqual({ number: 1_000, campaign: 86_401, account: 86_401 })
  expect(looked).toBeLessThanOrEqual(looksFor(1_440, 1_000))
})

test('and however much lies ahead of its clock, which counts for nothing', async () => {
  const aheadMs = NOW - T0 - DAY_MS - 30_000
  const all = await look(store, subscription, counting(DAY_MS, [1_000, 100_000, 1_000_000], aheadMs))
  expect(all.sent).toEqual({ number: 1_000, campaign: 86_401, account: 86_401 })
  expect(looked).toBeLessThanOrEqual(looksFor(1_440, 1_000))
})

test('to compare a PIN, or to say where a number stands, looks at one row', async () => {
  expect((await look(store, subscription)).sending?.id).toBe(`many-${SENDINGS}`)
  expect(looked).toBe(1)
  const found = await store.findSubscription(campaign.id, subscription.msisdn)
  expect([found?.sending?.id, looked]).toEqual([`many-${SENDINGS}`, 2])
})

test('looking for what is to be made looks at the first of each campaign, whether it is due or not', async () => {
  const first = await store.sendingsToMake('call', NOW, 10)
  expect(first.map(({ accountId }) => accountId).sort()).toEqual([
    ...Array.from({ length: 10 }, () => 'acme'),
    ...['other', 'other'],
  ])
  // And at one of each, to find whose turn it is.
  expect(looked).toBe(first.length + 2)
  looked = 0
  expect(await store.sendingsToMake('call', T0 - 1, 10)).toEqual([])
  expect(looked).toBe(2)
  expect(await store.sendingsToMake('webhook', NOW, 10)).toEqual([])
  expect(looked).toBe(2)
})
