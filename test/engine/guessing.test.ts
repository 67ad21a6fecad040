import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { RISK_A_DAY } from '../../src/engine/guard.ts'
import { cardByPin, cardsPlace } from '../../src/engine/card-pins.ts'
import type { Card } from '../../src/engine/cards.ts'
import { newCard } from '../../src/engine/create-cards.ts'
import { addGroup } from '../../src/engine/card-admin.ts'
import { joinByPin } from '../../src/engine/membership.ts'
import { checkPin } from '../../src/engine/pin-check.ts'
import type { Membership, Store } from '../../src/engine/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { crowd, testAccount, testContext, VN1, VN2, type TestContext } from '../support/context.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const PINS = 1_000

let folder: string
let ctx: TestContext
let account: Account
/** How many PINs were compared with what is there: counted where that is looked at, not where it is decided. */
let compared: number
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-guessing-'))
  ctx = { ...testContext(), store: open() }
  account = await testAccount(ctx)
  compared = 0
})
afterEach(async () => {
  await ctx.store.close()
  rmSync(folder, { recursive: true })
})

function open(): Store {
  return counting(openSqlite(path.join(folder, 'pinbridge.db')))
}

async function restart(): Promise<void> {
  await ctx.store.close()
  ctx.store = open()
}

/** The same store, which gives bait for what it has not: to tell that it is another account's, or no PIN, takes a look. */
function counting(store: Store): Store {
  const bait: Membership = {
    party: 'a',
    get allocation(): Membership['allocation'] {
      compared++
      return { accountId: 'nobody' } as Membership['allocation']
    },
  }
  return {
    ...store,
    changeByPin: (query, decide) =>
      store.changeByPin(query, (found, suspicion) => decide(found ?? bait, suspicion)),
    checkPin: (query, decide) =>
      store.checkPin(query, (seen) =>
        decide({
          ...seen,
          get pin() {
            if (!seen.pin) compared++
            return seen.pin
          },
        }),
      ),
    checkCardPin: (query, decide) =>
      store.checkCardPin(query, (seen) =>
        decide({
          ...seen,
          get card(): Card | undefined {
            if (!seen.card) compared++
            return seen.card
          },
        }),
      ),
  }
}

/** Somewhere that PINs are keyed. */
type Door = {
  /** Makes the PINs `first` and those that follow, each of a caller of its own. */
  open: (first: string) => Promise<void>
  /** Whether it opened. */
  key: (caller: string | undefined, pin: string, of?: Account) => Promise<boolean>
}

const owner = (n: number) => `+9198${String(n).padStart(8, '0')}`
const stranger = (n: number) => `+9170${String(n).padStart(8, '0')}`
const nth = (first: string, n: number) => String(Number(first) + n).padStart(first.length, '0')

const line: Door = {
  open: async (first) => {
    await crowd(ctx, account, PINS, (n) => ({
      a: { numbers: [owner(n)], vns: [VN1], pin: nth(first, n) },
      b: { numbers: ['+919956555625'], vns: [VN2], pin: undefined },
    }))
  },
  key: async (caller, pin, of = account) => {
    const joined = await joinByPin(ctx, { account: of, vn: VN1, caller, pin, callId: 'call' })
    return !(joined instanceof Refusal)
  },
}

const database: Door = {
  open: async (first) => {
    const always = { beginsAt: undefined, expiresAt: undefined }
    await ctx.store.writePins(account.id, 1, { first, count: PINS }, always)
    const used = await Promise.all(
      Array.from({ length: PINS }, (_, n) => database.key(owner(n), nth(first, n))),
    )
    expect(used).not.toContain(false)
  },
  key: async (caller, pin, of = account) =>
    (await checkPin(ctx, { account: of, database: 1, key: caller, pin, way: 'trunk' })).status === 'ok',
}

/** `cli`: whether each card is called with from its owner's number; else each owner has keyed the PIN once. */
const cardsDoor = (cli: boolean): Door => ({
  open: async (first) => {
    const group = await addGroup(ctx, account, { name: first, pinLength: first.length })
    const save = Array.from({ length: PINS }, (_, n) => {
      const names = { number: nth('1000000000', n), pin: nth(first, n), cli: cli ? owner(n) : undefined }
      return newCard(group, names, 1_000_000, ctx.now())
    })
    const query = { accountId: account.id, groupId: group.id, numbers: [], pins: [], clis: [] }
    await ctx.store.addCards(query, () => ({ save, result: undefined }))
    if (cli) return
    for (let n = 0; n < PINS; n++) expect(await cards.key(owner(n), nth(first, n))).toBe(true)
  },
  key: async (caller, pin, of = account) => {
    const keyed = { account: of, pin, caller, place: cardsPlace(of.id), way: 'trunk' }
    return !((await cardByPin(ctx, keyed)) instanceof Refusal)
  },
})
const [cards, cardsByPin] = [cardsDoor(true), cardsDoor(false)]

describe.each([
  ['a virtual number', line],
  ['a database of PINs', database],
  ['cards', cards],
  ['cards that are opened by PIN only', cardsByPin],
])('on %s', (_, door) => {
  describe.each([
    ['', false],
    [', with a restart in the middle', true],
  ])('30,000 guesses of 10,000 callers in an hour%s', (_, restarted) => {
    const [CALLERS, EACH, AT_ONCE] = [10_000, 3, 200]
    const FIRST = '40000000'
    const rounds = (CALLERS * EACH) / AT_ONCE

    test('are compared as far as the risk of a day goes, and whoever has a PIN is served meanwhile', async () => {
      await door.open(FIRST)
      compared = 0
      const calls = { served: 0, refused: 0 }
      for (let round = 0; round < rounds; round++) {
        if (restarted && round === rounds / 2) await restart()
        ctx.clock.ms += HOUR / rounds
        const guesses = Array.from({ length: AT_ONCE }, (_, n) => {
          const wrong = String(randomInt(40_000_000)).padStart(8, '0')
          return door.key(stranger((round * AT_ONCE + n) % CALLERS), wrong)
        })
        const registered = Array.from({ length: 10 }, async (_, n) => {
          const one = (round * 10 + n) % PINS
          calls[(await door.key(owner(one), nth(FIRST, one))) ? 'served' : 'refused']++
        })
        expect(await Promise.all(guesses)).not.toContain(true)
        await Promise.all(registered)
      }
      const budget = ((RISK_A_DAY / 2) * (1 + HOUR / DAY)) / (PINS / 1e8)
      expect(compared).toBeLessThanOrEqual(budget)
      expect(compared).toBeGreaterThan(budget - 2)
      expect(calls).toEqual({ served: rounds * 10, refused: 0 })
    }, 120_000)
  })

  test('a guess in ten minutes for a week, of callers never heard of, stays within ten a day where PINs are short', async () => {
    await door.open('400000')
    const days: number[] = []
    for (let n = 0; n < 7 * 24 * 6; n++) {
      if (n % (24 * 6) === 0) days.unshift((compared = 0))
      ctx.clock.ms += HOUR / 6
      expect(await door.key(stranger(n), '999999')).toBe(false)
      days[0] = compared
    }
    // Five at once, and one in 4.8 hours.
    expect(days.toReversed()).toEqual([9, 5, 5, 5, 5, 5, 5])
  }, 60_000)

  test('one caller is compared ten times, then after an hour, two, four … a day, whatever the place allows', async () => {
    await door.open('400000000')
    const heard: number[] = []
    for (let minute = 0; minute < 4 * 24 * 60; minute += 6) {
      for (let n = 0; n < 11; n++) {
        compared = 0
        await door.key(stranger(1), '999999999')
        if (compared > 0) heard.push(minute)
      }
      ctx.clock.ms += HOUR / 10
    }
    const hours = [...new Set(heard)].map((minute) => minute / 60)
    expect(hours).toEqual([0, 1, 3, 7, 15, 31, 55, 79])
    expect(heard).toHaveLength(8 * 10)
  }, 60_000)

  test('whoever is locked out is so with a right PIN too, also after a restart, and nobody else is', async () => {
    await door.open('400000000')
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    for (let n = 0; n < 10; n++) await door.key(owner(1), '999999999')
    await restart()
    expect(await door.key(owner(1), '400000001')).toBe(false)
    expect(await door.key(owner(2), '400000002')).toBe(true)
    expect(await door.key(owner(2), '400000001')).toBe(true)
    // Nor is the same caller in another account.
    compared = 0
    await door.key(owner(1), '999999999', other)
    expect(compared).toBe(1)
    ctx.clock.ms += HOUR
    expect(await door.key(owner(1), '400000001')).toBe(true)
  })

  test('withheld callers are one', async () => {
    await door.open('400000000')
    for (let n = 0; n < 10; n++) expect(await door.key(undefined, '999999999')).toBe(false)
    expect(await door.key(undefined, '400000001')).toBe(false)
    ctx.clock.ms += HOUR
    expect(await door.key(undefined, '400000001')).toBe(true)
  })

  test('right PINs cost nothing', async () => {
    await door.open('400000000')
    for (let n = 0; n < 50; n++) expect(await door.key(owner(3), '400000003')).toBe(true)
    for (let n = 0; n < 9; n++) expect(await door.key(owner(3), '999999999')).toBe(false)
    expect(await door.key(owner(3), '400000003')).toBe(true)
  })
})

test('whoever is listed on a virtual number guesses the PINs of others there as a stranger does', async () => {
  await line.open('400000')
  compared = 0
  for (let n = 0; n < 100; n++) expect(await line.key(owner(n), '999999')).toBe(false)
  expect(compared).toBe(5)
  // Nor is the PIN of another one of them opened then, and after ten tries not even one's own.
  for (let n = 0; n < 10; n++) expect(await line.key(owner(200), String(400_300 + n))).toBe(false)
  expect(await line.key(owner(200), '400200')).toBe(false)
  expect(await line.key(owner(201), '400201')).toBe(true)
})

test('whoever has a PIN of a database guesses others as a stranger does, from however many numbers', async () => {
  await database.open('400000')
  for (let n = 0; n < 100; n++) expect(await database.key(stranger(n), '400000')).toBe(true)
  compared = 0
  for (let n = 0; n < 100; n++) expect(await database.key(stranger(n), '999999')).toBe(false)
  expect(compared).toBe(5)
  // Nor does it help to come as the owner while the place is full: after ten tries not even the right one is heard.
  for (let n = 0; n < 10; n++) expect(await database.key(owner(7), String(500_000 + n))).toBe(false)
  expect(await database.key(owner(7), '400007')).toBe(false)
  expect(await database.key(owner(8), '400008')).toBe(true)
})

test('whoever has a card guesses the PINs of others as a stranger does', async () => {
  await cards.open('400000')
  compared = 0
  for (let n = 0; n < 100; n++) expect(await cards.key(owner(n), '999999')).toBe(false)
  expect(compared).toBe(5)
  expect(await cards.key(stranger(1), '400200')).toBe(false)
  expect(await cards.key(owner(201), '400201')).toBe(true)
})
