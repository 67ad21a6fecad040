import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { type AccountSettings, DEFAULT_SETTINGS } from '../../src/engine/accounts.ts'
import type { CallRecord } from '../../src/engine/calls.ts'
import { DEFAULT_CAMPAIGN } from '../../src/engine/campaigns.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { keyed } from '../support/context.ts'
import { addCard, addTariff, groupOf, holdOf, rate } from './contract/card-given.ts'
import { account, ALL, allocation, call, ENDPOINT, FAR, refused, T0, VN1, VN2 } from './contract/given.ts'
import { addCampaign, addSent } from './contract/subscription-given.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-migrate-'))
  file = path.join(folder, 'pinbridge.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

const at = (ms: number) => new Date(ms).toISOString()
const [ACTIVE, OVER] = [allocation(), allocation()]
const ENDED = call({ state: 'ended', endedAt: T0 + 1 })
/** The settings that schema 1 knew, one of them chosen. */
const OLD: Partial<AccountSettings> = {
  ...{ country: 'IN', internationalNumbers: false, timeZone: 'Asia/Kolkata', ringStrategy: 'in_turn' },
  ...{ pinEnabled: { a: true, b: false }, pinLength: { a: 4, b: 4 }, ringMs: 12_345, endpoints: ALL },
  ...{ maxAllocationMs: DEFAULT_SETTINGS.maxAllocationMs, maxTalkMs: 3 * 3_600_000, pinAttempts: 3 },
}

/** A database as the first release left it, with a row in each table. */
function written(): void {
  const db = new Database(file)
  migrated(db, 1, '0001-init.sql')
  const insert = (table: string, ...values: unknown[]) =>
    db.prepare(`insert into ${table} values (${values.map(() => '?').join(', ')})`).run(...values)
  insert('account', 'acme', 'sid-acme', 'acme', JSON.stringify(OLD), 'whsec_acme')
  insert('credential', 'greenpin', 'key', 'acme', 'hash')
  for (const vn of [VN1, VN2]) insert('virtual_number', vn, 'acme', 'masking')
  for (const { id, transactionId, a, b } of [ACTIVE, OVER]) {
    const [state, endedAt] = id === ACTIVE.id ? ['active', null] : ['vault', at(T0 + 1)]
    const parties = [JSON.stringify(a), JSON.stringify(b)]
    insert(
      'allocation',
      ...[id, 'acme', transactionId, ...parties, 'twoway', state, at(T0), at(T0 + 3_600_000), endedAt],
    )
  }
  for (const [vn, { pin, numbers }, party] of [
    [VN1, ACTIVE.a, 'a'],
    [VN2, ACTIVE.b, 'b'],
  ] as const) {
    insert('allocation_pin', vn, pin, ACTIVE.id, party)
    insert('allocation_member', vn, numbers[0], ACTIVE.id, party)
  }
  const none = Array.from({ length: 5 }, () => null)
  insert(
    'call',
    ...[ENDED.id, 'acme', VN1, ENDED.from, ENDED.channelId, 'ended', ...none, at(T0), null, null],
    ...[at(T0 + 1), null, null],
  )
  for (const [id, state] of [
    ['e1', 'waiting'],
    ['e2', 'dead'],
  ] as const) {
    const body = JSON.stringify(refused('acme', T0, id))
    insert(
      'event',
      id,
      'acme',
      'caller.refused',
      body,
      state,
      2,
      state === 'waiting' ? at(T0) : null,
      'HTTP 500',
    )
  }
  insert('life', 1, at(T0))
  db.close()
}

function migrated(db: Database.Database, version: number, name: string): void {
  db.exec(readFileSync(new URL(`../../src/store/migrations/${name}`, import.meta.url), 'utf8'))
  db.pragma(`user_version = ${version}`)
}

test('all that the first schema had is there, and works, under the newest', async () => {
  written()
  const store = openSqlite(file)
  const over = { ...OVER, state: 'vault', endedAt: T0 + 1, pinsFreeAt: undefined }
  expect(await store.findAllocation('acme', ACTIVE.id)).toEqual(ACTIVE)
  expect(await store.allocationsAfter('acme', undefined, 10)).toEqual([over, ACTIVE])
  expect(await store.changeByPin(keyed(VN1, '713'), (found) => ({ result: found }))).toEqual({
    ...{ allocation: ACTIVE, party: 'a' },
  })
  expect(await store.changeCall(ENDED.id, (found) => ({ result: found }))).toEqual(ENDED)
  expect((await store.events({ limit: 10 })).map(({ event, state }) => [event.id, state])).toEqual([
    ['e2', 'dead'],
    ['e1', 'waiting'],
  ])
  expect(await store.deliveryCounts()).toEqual({ waiting: 1, dead: 1 })
  expect(await store.lastAlive()).toBe(T0)

  const cooling = { ...ACTIVE, state: 'vault' as const, endedAt: T0 + 2, pinsFreeAt: T0 + 3 }
  await store.changeAllocation('acme', ACTIVE.id, () => ({ save: cooling, result: 0 }))
  expect(await store.findAllocation('acme', ACTIVE.id)).toEqual(cooling)
  expect(await store.nextDueAt()).toBe(T0 + 3)
  expect(await store.releasePins(T0 + 3, 10)).toBe(2)
  const save: CallRecord = { ...ENDED, recordedUntil: T0 + 5 }
  await store.changeCall(ENDED.id, () => ({ save, result: 0 }))
  expect(await store.dueRecordings(T0 + 5, 10)).toEqual([ENDED.id])
  await store.close()
  const db = new Database(file, { readonly: true })
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(db.pragma('foreign_key_check')).toEqual([])
  db.close()
})

test('all that the second schema had is there, and works with what the third has', async () => {
  written()
  const old = new Database(file)
  migrated(old, 2, '0002-whole-greenpin.sql')
  old.prepare(`update allocation set pins_free_at = ? where state = 'vault'`).run(at(T0 + 9))
  old.prepare(`insert into allocation_pin values (?, '55', ?, 'a', ?)`).run(VN1, OVER.id, at(T0 + 9))
  old.prepare(`update call set recorded_until = ?`).run(at(T0 + 7))
  old.close()
  const store = openSqlite(file)
  const over = { ...OVER, state: 'vault', endedAt: T0 + 1, pinsFreeAt: T0 + 9 }
  expect(await store.allocationsAfter('acme', undefined, 10)).toEqual([over, ACTIVE])
  expect(await store.pinsInUse([VN1], 2)).toEqual(new Set(['55']))
  expect(await store.dueRecordings(T0 + 7, 10)).toEqual([ENDED.id])
  expect((await store.findNumber(VN1))?.number).toEqual({ number: VN1, accountId: 'acme', flow: 'masking' })
  const alike = (pin: string) =>
    store.changeByPin(keyed(VN1, pin), (_, { pinsAlike }) => ({ result: pinsAlike }))
  // One of two digits cools off and opens nothing.
  expect([await alike('999'), await alike('99')]).toEqual([1, 0])

  const line = { number: '+916292134499', accountId: 'acme', flow: 'pin-line' as const, database: 9_999 }
  await store.addNumber(line)
  expect((await store.findNumber(line.number))?.number).toEqual(line)
  const validity = { beginsAt: undefined, expiresAt: undefined }
  await store.writePins('acme', 9_999, { first: '00', count: 100 }, validity)
  const guesser = { caller: 'c', place: 'p', way: 'w' }
  const query = { accountId: 'acme', number: 9_999, pin: '07', key: 'k', guesser }
  expect(await store.checkPin(query, ({ pin }) => ({ use: { at: T0 }, result: pin }))).toEqual(validity)
  expect(await store.keysAfter('acme', 9_999, undefined, undefined, 9)).toHaveLength(1)
  await store.close()
  const db = new Database(file, { readonly: true })
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(db.pragma('foreign_key_check')).toEqual([])
  db.close()
})

test('all that the third schema had is there, and works with what the fourth has', async () => {
  written()
  const old = new Database(file)
  migrated(old, 2, '0002-whole-greenpin.sql')
  migrated(old, 3, '0003-simple-pins.sql')
  old.exec(`insert into pin_database values (1, 'acme', 7, 'door', 2, '{"do":"confirm"}');
    insert into pin values (1, '4711', null, null); insert into pin_length values (1, 4, 1);
    update virtual_number set flow = 'pin-line', pin_database = 7 where number = '${VN2}';
    insert into guess_tally values ('way', 'trunk', '${at(T0)}', '${at(T0)}', 1, '${at(FAR)}')`)
  old.close()
  const store = openSqlite(file)
  expect(await store.findLogin('greenpin', 'key')).toEqual({
    ...{
      account: expect.objectContaining({ id: 'acme' }),
      secretHash: 'hash',
      cardId: undefined,
      role: undefined,
    },
  })
  expect(await store.numbers('acme')).toEqual([
    { number: VN2, accountId: 'acme', flow: 'pin-line', database: 7 },
    { number: VN1, accountId: 'acme', flow: 'masking' },
  ])
  expect(await store.pinsAfter('acme', 7, undefined, 9)).toEqual([{ pin: '4711', beginsAt: undefined, expiresAt: undefined }]) // prettier-ignore
  expect(await store.guessTallies(T0, 9)).toHaveLength(1)
  expect(await store.findAllocation('acme', ACTIVE.id)).toEqual(ACTIVE)

  const { id: tariffId } = await addTariff(store, [rate('91')])
  const { id: groupId } = await store.addCardGroup(groupOf({ tariffId }))
  const card = await addCard(store, { groupId })
  await store.addCredential({
    dialect: '42com',
    user: 'key',
    accountId: 'acme',
    secretHash: 'h',
    cardId: card.id,
  })
  expect((await store.findLogin('42com', 'key'))?.cardId).toBe(card.id)
  await store.addCall(call({ id: 'live' }))
  const query = { accountId: 'acme', cardId: card.id, digits: '9179', now: T0 }
  expect(await store.openHold(query, (seen) => ({ hold: holdOf(card, { callId: 'live' }), result: seen.rate }))).toEqual(rate('91')) // prettier-ignore
  expect(await store.audit(9)).toEqual([])
  await store.close()
  const db = new Database(file, { readonly: true })
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(db.pragma('foreign_key_check')).toEqual([])
  expect(db.pragma('user_version', { simple: true })).toBe(5)
  db.close()
})

test('all that the fourth schema had is there, and works with what the fifth has', async () => {
  written()
  const old = new Database(file)
  migrated(old, 2, '0002-whole-greenpin.sql')
  migrated(old, 3, '0003-simple-pins.sql')
  migrated(old, 4, '0004-cards.sql')
  const cards = { ...DEFAULT_SETTINGS.cards, allowed: ['49'], tariffId: 7 }
  const settings = JSON.stringify({ ...OLD, cards })
  old.prepare(`insert into account values ('other', 'sid-other', 'other', ?, 'whsec_other')`).run(settings)
  old.exec(`insert into guess_tally values ('way', 'trunk', '${at(T0)}', '${at(T0)}', 1, '${at(FAR)}');
    insert into request values ('key', 'answer', '${at(FAR)}')`)
  old.close()
  const store = openSqlite(file)
  const [acme, other] = await store.accounts()
  expect(acme?.settings.subscriptions).toEqual(DEFAULT_SETTINGS.subscriptions)
  expect(other?.settings).toEqual({ ...DEFAULT_SETTINGS, ...OLD, cards })
  expect(await store.findAllocation('acme', ACTIVE.id)).toEqual(ACTIVE)
  expect(await store.guessTallies(T0, 9)).toHaveLength(1)
  expect(await store.beginRequest('key', FAR)).toEqual({ answer: 'answer' })

  await store.addCredential({ dialect: 'mobivate', user: 'key', accountId: 'acme', secretHash: 's' })
  expect((await store.findLogin('mobivate', 'key'))?.account.id).toBe('acme')
  const campaign = await addCampaign(store)
  const { subscription, sendings } = await addSent(store, campaign, {}, {})
  expect(await store.findSubscription(campaign.id, subscription.msisdn)).toEqual({
    subscription,
    sending: sendings[0],
  })
  expect(await store.audit(9)).toEqual([])
  await store.close()
  const db = new Database(file, { readonly: true })
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(db.pragma('foreign_key_check')).toEqual([])
  db.close()
})

test('settings that did not exist when a campaign was written have their defaults, wherever it is read', async () => {
  const store = openSqlite(file)
  await store.addAccount(account('acme', ALL), [])
  const campaign = await addCampaign(store, { attempts: 7 })
  const { subscription, sendings } = await addSent(store, campaign, {}, {})
  await store.close()
  const db = new Database(file)
  db.exec(`update campaign set settings = '{"name":"News","service":"82777","attempts":7}'`)
  db.close()
  const again = openSqlite(file)
  const { id, accountId, createdAt } = campaign
  const expected = {
    ...{ ...DEFAULT_CAMPAIGN, id, accountId, createdAt, name: 'News', service: '82777' },
    attempts: 7,
  }
  expect(await again.findCampaign(id)).toStrictEqual({ campaign: expected, account: account('acme', ALL) })
  expect(await again.campaigns()).toStrictEqual([expected])
  expect(await again.campaigns('acme')).toStrictEqual([expected])
  expect(await again.changeCampaign('acme', id, (found) => ({ result: found }))).toStrictEqual(expected)
  expect(await again.changeSending(sendings[0]!.id, (seen) => ({ result: seen }))).toStrictEqual({
    ...{ campaign: expected, subscription, sending: sendings[0] },
  })
  await again.close()
})

test('text messages that were asked for before are counted', async () => {
  written()
  const old = new Database(file)
  migrated(old, 2, '0002-whole-greenpin.sql')
  const event = { type: 'sms.requested', id: 'e3', accountId: 'acme', at: T0, to: '+49', text: '' }
  old.prepare(`insert into event values ('e3', 'acme', 'sms.requested', ?, 'dead', 0, null, null)`).run(JSON.stringify(event)) // prettier-ignore
  old.close()
  const store = openSqlite(file)
  const counted = (smsSince: number) =>
    store.changeCard({ accountId: 'acme', id: 1, smsSince }, (_, __, sms) => ({ result: sms }))
  expect([await counted(T0), await counted(T0 + 1)]).toEqual([1, 0])
  await store.close()
})

test('settings that did not exist when an account was written have their defaults, wherever it is read', async () => {
  written()
  const store = openSqlite(file)
  const acme = account('acme', ALL)
  const expected = { ...acme, settings: { ...acme.settings, ringMs: 12_345 } }
  expect(await store.accounts()).toEqual([expected])
  expect((await store.findLogin('greenpin', 'key'))?.account).toEqual(expected)
  expect((await store.findNumber(VN1))?.account).toEqual(expected)
  expect(await store.dueAllocations(FAR, 1)).toEqual([{ account: expected, id: ACTIVE.id }])
  expect(await store.changeAccount('acme', (found) => ({ result: found }))).toEqual(expected)
  expect(await store.dueDeliveries(FAR, 1)).toMatchObject([{ endpoint: ENDPOINT, attempts: 2 }])
  // A receiver that is gone is written down for an old account as for a new one.
  await store.deliveryDone(
    { eventId: 'e1', attempts: 2, dueAt: T0, endpoint: ENDPOINT },
    { state: 'gone', reason: 'HTTP 410' },
  )
  expect(await store.accounts()).toEqual([{ ...expected, settings: { ...expected.settings, endpoints: {} } }])
  await store.close()
})

test('what an account has chosen is not its default again, not even null', async () => {
  const store = openSqlite(file)
  const acme = account('acme', ALL)
  const chosen = { ...acme, settings: { ...acme.settings, maxAllocationMs: null, coolOffMs: 7 } }
  await store.addAccount(chosen, [])
  expect(await store.accounts()).toEqual([chosen])
  await store.close()
})

test('never is the last instant of the calendar on the disk, in the order of the others', async () => {
  written()
  const store = openSqlite(file)
  await store.changeAllocation('acme', ACTIVE.id, () => ({
    save: { ...ACTIVE, deallocateAt: Infinity },
    result: 0,
  }))
  await store.close()
  const db = new Database(file, { readonly: true })
  expect(db.prepare('select deallocate_at from allocation order by deallocate_at').pluck().all()).toEqual([
    ...[at(T0 + 3_600_000), '9999-12-31T23:59:59.999Z'],
  ])
  db.close()
})

test('only an allocation that has ended can cool off', async () => {
  written()
  await openSqlite(file).close()
  const db = new Database(file)
  const spoil = db.prepare(`update allocation set pins_free_at = ? where state = 'active'`)
  expect(() => spoil.run(at(T0))).toThrow(/CHECK/)
  db.close()
})
