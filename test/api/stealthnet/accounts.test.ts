import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ACTIONS } from '../../../src/api/dialects/stealthnet/schema.ts'
import { checkPin } from '../../../src/engine/pin-check.ts'
import type { Account } from '../../../src/engine/accounts.ts'
import { STRANGER, testAccount } from '../../support/context.ts'
import { type Door, openDoor } from '../door.ts'
import { type Answer, clientOf, GRANTED, use } from './client.ts'

const SIDS = ['acme', 'other'] as const
type Sid = (typeof SIDS)[number]
const foe = (sid: Sid): Sid => (sid === 'acme' ? 'other' : 'acme')

/** What each has in its databases 1 and 2: PINs, keys and labels by which they are recognised. */
const OWN = {
  acme: { pins: ['7000', '7001', '7002', '7131'], key: '+919812300001', label: 'Acme gold' },
  other: { pins: ['7000', '7001', '7002', '8842'], key: '+919812300002', label: 'Other silver' },
} as const
const ONLY = { acme: '7131', other: '8842' } as const

let door: Door
let accounts: Record<Sid, Account>
beforeEach(async () => {
  door = await openDoor()
  accounts = { acme: door.account, other: await testAccount(door.ctx, { sid: 'other', vns: [] }) }
  for (const sid of SIDS) {
    const client = clientOf(door, sid)
    const { pins, key, label } = OWN[sid]
    for (const db of ['1', '2']) {
      await client.get({ action: 'write-db', db, label, 'max-keys': '2' })
      for (const pin of pins) {
        await client.get({ action: 'write-pins', db, 'start-pin': pin, 'end-pin': pin })
        await use(door, accounts[sid], pin, key, Number(db))
      }
    }
  }
})
afterEach(() => door.close())

/** Everything that an account could notice, read past the door. */
async function stateOf(sid: Sid): Promise<unknown> {
  const { store } = door.ctx
  const { id } = accounts[sid]
  const always = { from: 0, to: Infinity }
  const databases = await store.pinDatabases(id)
  const inside = databases.map(async ({ number }) => ({
    pins: await store.pinsAfter(id, number, undefined, 1_000),
    uses: await store.usesAfter(id, number, always, undefined, 1_000),
    keys: await store.keysAfter(id, number, undefined, undefined, 1_000),
  }))
  return { databases, inside: await Promise.all(inside) }
}

/** The action as this account asks for it, for a database that both have, one that the other has, and one of nobody. */
function asked(sid: Sid, action: string, db: string): Promise<Answer> {
  const client = clientOf(door, sid)
  const theirs = { pin: ONLY[foe(sid)], value: OWN[foe(sid)].key, key: OWN[foe(sid)].key }
  const granted = { ...GRANTED[action], action, db }
  const known = Object.entries(theirs).filter(([name]) => name in granted)
  const parameters = { ...granted, ...Object.fromEntries(known) }
  if (action === 'upload-pins')
    return client.upload(`${ONLY[foe(sid)]},${db},2020-01-01 00:00:00,\n`, parameters)
  return client.get(parameters)
}

test('every action that there is is tried', () => {
  expect(Object.keys(GRANTED).sort()).toEqual(Object.keys(ACTIONS).sort())
})

const CASES = SIDS.flatMap((sid) =>
  Object.keys(GRANTED).flatMap((action) => ['1', '2', '3'].map((db) => ({ sid, action, db }))),
)

describe("nothing of another account's can be seen, used or changed", () => {
  test.each(CASES)('$action of database $db as $sid', async ({ sid, action, db }) => {
    const victim = foe(sid)
    const before = await stateOf(victim)
    const { status, text } = await asked(sid, action, db)
    // Their PIN is nobody's here, and is refused; all else is about one's own database.
    expect(status).toBe(action === 'check-pin' ? 403 : 200)
    if (action !== 'check-pin') expect(text).not.toContain(ONLY[victim])
    for (const secret of [OWN[victim].key, OWN[victim].label]) expect(text).not.toContain(secret)
    expect(await stateOf(victim)).toEqual(before)
  })

  test.each(SIDS)('as %s: the same request leaves something with whoever makes it', async (sid) => {
    const before = await stateOf(sid)
    expect((await clientOf(door, sid).get({ ...GRANTED['delete-pins'], action: 'delete-pins' })).status).toBe(
      200,
    )
    expect(await stateOf(sid)).not.toEqual(before)
  })

  test("wrong PINs that are sent for one account lock nobody out of the other's", async () => {
    for (let i = 0; i < 40; i++)
      await clientOf(door, 'acme').get({ action: 'check-pin', pin: String(9_000 + i), key: STRANGER })
    const check = { action: 'check-pin', pin: '7000', key: STRANGER }
    expect((await clientOf(door, 'acme').get(check)).text).toBe('7000,1,LOCKED,0\n')
    expect((await clientOf(door, 'other').get(check)).text).toBe('7000,1,OK,2\n')
    const verdict = await checkPin(door.ctx, {
      ...{ account: accounts.other, database: 2, pin: '7000', key: STRANGER },
      way: 'trunk',
    })
    expect(verdict.status).toBe('ok')
  })
})
