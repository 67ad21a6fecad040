import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import type { AuditPart, Callback } from '../../src/engine/paid-call-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import type { Hold } from '../../src/engine/holds.ts'
import type { Store } from '../../src/engine/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import {
  addCard,
  addHold,
  addVouchers,
  endHold,
  holdOf,
  move,
  movement,
  rate,
  voucher,
} from './contract/card-given.ts'
import { account, call, T0 } from './contract/given.ts'

let folder: string
let file: string
let store: Store
let card: Card
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-audit-'))
  file = path.join(folder, 'pinbridge.db')
  store = openSqlite(file)
  await store.addAccount(account('acme'), [])
  await addCard(store)
  card = await addCard(store)
  await addCard(store, { openingMicros: 0 })
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

/** With a call that runs, one that was charged, one that was given back, one that was void, and a voucher that was used. */
async function busy() {
  await store.addCall(call({ id: 'live', state: 'talking' }))
  const running = await addHold(store, holdOf(card, { callId: 'live', heldMicros: 300_000 }))
  const charged = await endHold(store, await addHold(store, holdOf(card)), T0 + 1, 200_000)
  const given = await endHold(store, await addHold(store, holdOf(card)), T0 + 1, 100_000)
  const back = movement(100_000, { kind: 'refund', reference: given.id })
  await store.changeHold(given.id, () => ({ save: { ...given, chargedMicros: 0 }, move: back, result: 0 }))
  await endHold(store, await addHold(store, holdOf(card)), T0 + 1)
  await endHold(store, await addHold(store, holdOf(card)), T0 + 1, 0)
  const [used, fresh] = [voucher(), voucher()]
  await addVouchers(store, used, fresh)
  const use = { at: T0, move: movement(used.amountMicros, { kind: 'voucher', reference: used.id }) }
  const query = {
    accountId: 'acme',
    cardId: card.id,
    pin: used.pin,
    guesser: { caller: 'c', place: 'p', way: 'w' },
  }
  await store.useVoucher(query, () => ({ use, result: 0 }))
  return { running, charged, given, used, fresh }
}

function callbackOf(change: Partial<Callback>): Callback {
  return {
    ...{ id: '', accountId: 'acme', cardId: card.id, a: '+491', b: '+492', state: 'ringing_a' },
    ...{ outcome: undefined, callId: undefined, createdAt: T0, endedAt: undefined },
    ...change,
  }
}

/** What no code of ours could do: past checks, triggers and references. */
function damage(...statements: string[]): void {
  const db = new Database(file)
  db.pragma('ignore_check_constraints = on')
  db.pragma('foreign_keys = off')
  const triggers = db
    .prepare<[], { name: string }>(`select name from sqlite_schema where type = 'trigger'`)
    .all()
  for (const { name } of triggers) db.exec(`drop trigger ${name}`)
  db.exec('drop index ledger_once')
  for (const statement of statements)
    expect([statement, db.prepare(statement).run().changes]).toEqual([statement, 1])
  db.close()
}

const found = async () =>
  (await store.audit(99)).map(({ what, cardId, detail }) => `${what} ${cardId}: ${detail}`)

test('nothing is found where all is well', async () => {
  expect(await found()).toEqual([])
  await busy()
  expect(await found()).toEqual([])
  expect(await store.auditSize()).toEqual({ cards: 3, lines: 6 })
})

/** The name of a line of the card's ledger, by its kind. */
const line = (kind: string) => `(select id from ledger where kind = '${kind}' and card_id = 2)`

test.each<[string, (made: { running: Hold; charged: Hold; given: Hold }) => string[], RegExp[]]>([
  [
    'a balance that is not what the ledger says',
    () => [`update card set balance_micros = balance_micros + 1 where id = 2`],
    [
      /^balance 2: balance 6800001, .* adds up to 6800000$/,
      /^ledger 2: balance 6800001, and 6800000 after the last line$/,
    ],
  ],
  [
    'a balance of a card without a ledger',
    () => [`update card set balance_micros = 1 where id = 3`],
    [/^balance 3: /, /^ledger 3: /],
  ],
  [
    'a negative balance',
    () => [`update card set balance_micros = -1 where id = 3`],
    [/^balance 3: /, /^ledger 3: /, /^negative 3: balance -1, held 0$/],
  ],
  [
    'more held than there is',
    () => [`update card set held_micros = 5000001 where id = 1`],
    [/^held 1: held 5000001, and 0 for calls that run$/, /^negative 1: /],
  ],
  [
    'too little held',
    () => [`update card set held_micros = 299999 where id = 2`],
    [/^held 2: held 299999, and 300000 /],
  ],
  [
    'an amount that was changed',
    () => [`update ledger set amount_micros = 1 where id = ${line('opening')}`],
    [/^ledger 2: line 2: balance 5000000 instead of 1$/, /^balance 2: .* adds up to 1800001$/],
  ],
  [
    'a balance in the ledger that was changed',
    () => [`update ledger set balance_micros = 7 where id = ${line('refund')}`],
    [
      /^ledger 2: line 5: balance 7 instead of 4800000$/,
      /^ledger 2: line 6: balance 6800000 instead of 2000007$/,
    ],
  ],
  [
    'a line that is gone in the middle',
    () => [`delete from ledger where id = ${line('refund')}`],
    [/^ledger 2: line 6: /, /^balance 2: /, /^hold 2: call .*: charged 0, and 100000 in the ledger$/],
  ],
  [
    'a charge that is gone',
    () => [`delete from ledger where id = ${line('charge')} and reference = 'CHARGED'`],
    [/^ledger 2: line 4: /, /^balance 2: /, /^hold 2: call CHARGED: charged 200000, and 0 in the ledger$/],
  ],
  [
    'the last line gone',
    () => [`delete from ledger where id = ${line('voucher')}`],
    [/^balance 2: /, /^ledger 2: .* after the last line$/, /^ledger 2: voucher .*: 0 lines, used$/],
  ],
  ['a card that is gone', () => [`delete from card where id = 1`], [/^balance 1: the card is gone$/]],
  [
    'a line on another card',
    () => [`update ledger set card_id = 1 where id = ${line('voucher')}`],
    [
      /^ledger 1: line 6: balance 6800000 instead of 7000000$/,
      /^ledger 1: line 6: no voucher /,
      /^balance 1: /,
      /^ledger 1: /,
      /^balance 2: /,
      /^ledger 2: /,
    ],
  ],
  [
    'a charge of another sum than the call says',
    () => [`update hold set charged_micros = 199999 where id = 'CHARGED'`],
    [/^hold 2: call CHARGED: charged 199999, and 200000 in the ledger$/],
  ],
  [
    'more charged than was held',
    () => [`update hold set held_micros = 199999 where id = 'CHARGED'`],
    [/^hold 2: call CHARGED: settled, charged 200000 of 199999$/],
  ],
  [
    'a charge for a call that was not settled',
    () => [`update hold set state = 'void' where id = 'CHARGED'`],
    [
      /^ledger 2: line 3: charge without a settled call of this card$/,
      /^hold 2: call CHARGED: void, charged 200000 of/,
    ],
  ],
  [
    'a charge for a call that is not there',
    () => [`delete from hold where id = 'CHARGED'`],
    [/^ledger 2: line 3: charge without a settled call of this card$/],
  ],
  [
    'a call that is charged on another card',
    () => [`update hold set card_id = 1 where id = 'CHARGED'`],
    [/^ledger 2: line 3: charge without a settled call of this card$/],
  ],
  [
    'a call that was charged twice',
    () => [
      `insert into ledger (card_id, at, kind, amount_micros, balance_micros, reference, note)
       values (2, '', 'charge', -1, 6799999, 'CHARGED', '')`,
      `update card set balance_micros = 6799999 where id = 2`,
      `update hold set charged_micros = 200001 where id = 'CHARGED'`,
    ],
    [/^hold 2: call CHARGED: charged 2 times$/],
  ],
  [
    'money held for a call that has ended',
    () => [`update call set state = 'ended', ended_at = '2026' where id = 'live'`],
    [/^hold 2: call RUNNING: money is held, and the call has ended$/],
  ],
  [
    'money held for a call that is not there',
    () => [`delete from call where id = 'live'`],
    [/^hold 2: call RUNNING: money is held, and the call is not there$/],
  ],
  [
    'a hold that is gone',
    () => [`delete from hold where id = 'RUNNING'`],
    [/^held 2: held 300000, and 0 for calls that run$/],
  ],
  [
    'a voucher that was used without its money',
    () => [`update voucher set used_at = '2026', used_by = 3 where used_at is null`],
    [/^ledger 3: voucher .*: 0 lines, used$/],
  ],
  [
    'a voucher that is unused again',
    () => [`update voucher set used_at = null, used_by = null where used_at is not null`],
    [
      /^ledger 2: line 6: no voucher of 2000000 that was used for this card$/,
      /^ledger 0: voucher .*: 1 lines, not used$/,
    ],
  ],
  [
    'a voucher worth more than it was',
    () => [`update voucher set amount_micros = 2000001 where used_at is not null`],
    [/^ledger 2: line 6: no voucher of 2000000 /],
  ],
])('%s is found', async (_, how, expected) => {
  const made = await busy()
  const names = (text: string) =>
    text.replaceAll('CHARGED', made.charged.id).replaceAll('RUNNING', made.running.id)
  damage(...how(made).map(names))
  const findings = await found()
  expect(findings).toHaveLength(expected.length)
  for (const [i, pattern] of expected.entries())
    expect(findings[i]).toMatch(new RegExp(names(pattern.source)))
})

test('nothing is found of callbacks of which only the first party has answered, or rings', async () => {
  const alone = { ...(await addHold(store, holdOf(card, { alsoRate: rate('91') }))), alsoAnsweredAt: T0 }
  const save: Hold = { ...alone, state: 'settled', endedAt: T0 + 9, chargedMicros: 50_000, billedSeconds: 1 }
  const paid = movement(-50_000, { kind: 'charge', reference: alone.id })
  await store.changeHold(alone.id, () => ({ save, move: paid, result: 0 }))
  // There is no call yet.
  await store.addCallback(callbackOf({ id: 'ringing', state: 'ringing_a' }))
  await addHold(store, holdOf(card, { callId: 'ringing', heldMicros: 0 }))
  expect(await store.openHolds()).toHaveLength(1)
  expect(await found()).toEqual([])
})

test.each<[string, Partial<Callback>]>([
  ['waits, and rings nobody', { state: 'waiting' }],
  ['has ended', { state: 'ended', outcome: 'failed', endedAt: T0 }],
])('money held for a callback that %s is found', async (_, change) => {
  await store.addCallback(callbackOf({ id: 'one', ...change }))
  await addHold(store, holdOf(card, { callId: 'one' }))
  expect(await found()).toMatchObject([/^hold 2: call .*: money is held, and the call is not there$/].map((pattern) => expect.stringMatching(pattern))) // prettier-ignore
})

test('no more is found than is asked for', async () => {
  damage(
    `update card set balance_micros = 1 where id = 3`,
    `update card set balance_micros = -1 where id = 2`,
  )
  expect(await store.audit(2)).toHaveLength(2)
  expect(await store.audit(99)).toHaveLength(5)
})

test('long ledgers, many cards and many calls are gone through in turns, to the last line', async () => {
  const cards = await Promise.all(Array.from({ length: 250 }, () => addCard(store)))
  await Promise.all(Array.from({ length: 1_700 }, (_, n) => move(store, card, n + 1)))
  for (const one of cards.slice(0, 2))
    await Promise.all(
      Array.from({ length: 600 }, async () =>
        endHold(store, await addHold(store, holdOf(one, { heldMicros: 1 })), T0 + 1, 1),
      ),
    )
  await store.addCall(call({ id: 'live', state: 'talking' }))
  const looked = new Map<AuditPart, number[]>()
  const onLooked = (part: AuditPart, rows: number) => looked.set(part, [...(looked.get(part) ?? []), rows])
  let busyWith: string[] = []
  const audited = store.audit(9, onLooked)
  // Money that moves meanwhile is no finding.
  const moving = Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      for (let turns = n; turns > 0; turns--) await new Promise(setImmediate)
      const hold = await addHold(store, holdOf(card, { callId: 'live', heldMicros: 9 }))
      await endHold(store, hold, T0 + 1, n % 3)
      busyWith = [...busyWith, hold.id]
    }),
  )
  expect(await audited).toEqual([])
  await moving
  const { cards: made, lines } = await store.auditSize()
  const [ledger, calls] = [looked.get('ledger')!, looked.get('calls')!]
  expect(ledger.at(-1)).toBeLessThanOrEqual(made + lines)
  // In turns of a few hundred rows: none of them was much of it.
  for (const all of [ledger, calls]) for (const [i, rows] of all.entries()) expect(rows - (all[i - 1] ?? 0)).toBeLessThan(1_500) // prettier-ignore
  expect(ledger.length).toBeGreaterThan(3)
  expect(calls.length).toBeGreaterThan(1)
  damage(
    `update ledger set amount_micros = amount_micros + 1 where id = (select max(id) from ledger where card_id = 2)`,
  )
  expect((await found())[0]).toMatch(/^ledger 2: line \d+: /)
  expect(busyWith).toHaveLength(50)
}, 30_000)

test('who follows an audit can end it', async () => {
  await Promise.all(Array.from({ length: 1_000 }, (_, n) => move(store, card, n + 1)))
  const stopped = store.audit(9, () => {
    throw new Error('enough')
  })
  await expect(stopped).rejects.toThrow('enough')
})
