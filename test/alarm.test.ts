import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { guessAlarm } from '../src/alarm.ts'
import type { Account } from '../src/engine/accounts.ts'
import { createAllocation } from '../src/engine/allocate.ts'
import { numberPlace, TRUNK, type Blame } from '../src/engine/guard.ts'
import { joinByPin } from '../src/engine/membership.ts'
import { checkPin } from '../src/engine/pin-check.ts'
import { writePins } from '../src/engine/pin-databases.ts'
import {
  B,
  testAccount,
  testContext,
  VN1,
  VN2,
  wantedAllocation,
  type TestContext,
} from './support/context.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** Looks the same as VN1 in a log. */
const ALIKE = '+916292134571'

let ctx: TestContext
let account: Account
let look: () => Promise<number>
let lines: string[]
let callers: number

beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx, { vns: [VN1, VN2, ALIKE] })
  for (const [vn, pin] of [
    [VN1, '713'],
    [ALIKE, '714'],
  ] as const)
    await createAllocation(
      ctx,
      account,
      wantedAllocation({ a: { numbers: [], vns: [vn], pin }, b: { numbers: [B] } }),
    )
  lines = []
  callers = 0
  // Not the application's log, which would hide a number by itself.
  look = guessAlarm(ctx, pino({ base: null }, { write: (line) => void lines.push(line) }))
})
afterEach(() => ctx.store.close())

/** What has been said since this was last asked. */
const told = () => lines.splice(0).map((line) => JSON.parse(line) as Record<string, unknown>)
const warning = (scope: string, name: string) => ({
  ...{ level: 40, scope, name, time: expect.any(Number) },
  msg: 'wrong PINs are at or near the limit: strangers are turned away',
})
/** One that nobody has been before. */
const stranger = () => `+9198123${String(callers++).padStart(5, '0')}`

/** On a number with a PIN of three digits five are the limit. */
async function guess(vn: string, times: number): Promise<void> {
  for (let n = 0; n < times; n++)
    await joinByPin(ctx, { account, vn, caller: stranger(), pin: '999', callId: 'call' })
}

async function guessIn(database: number, times: number, key = stranger): Promise<void> {
  for (let n = 0; n < times; n++)
    await checkPin(ctx, { account, database, pin: '9999', key: key(), way: TRUNK })
}

test('nothing is said before nine tenths, and the next look is in a minute', async () => {
  await guess(VN1, 4)
  expect(await look()).toBe(ctx.now() + MINUTE_MS)
  expect(told()).toEqual([])
})

test('a number is told with its digits hidden, once an hour for as long as that lasts', async () => {
  await guess(VN1, 5)
  expect(await look()).toBe(ctx.now() + MINUTE_MS)
  expect(lines.join()).not.toContain(VN1.slice(3, -2))
  expect(told()).toEqual([warning('place', 'vn +91…71')])
  for (let n = 1; n < 60; n++) {
    ctx.clock.ms += MINUTE_MS
    await look()
  }
  expect(told()).toEqual([])
  ctx.clock.ms += MINUTE_MS
  await look()
  expect(told()).toHaveLength(1)
  // Full, it takes a day to be empty: a tenth is 2.4 hours.
  ctx.clock.ms += 2 * HOUR_MS
  await look()
  expect(told()).toEqual([])
})

test('numbers that look alike with their digits hidden are two', async () => {
  await guess(VN1, 5)
  await look()
  await guess(ALIKE, 5)
  await look()
  expect(told()).toEqual([warning('place', 'vn +91…71'), warning('place', 'vn +91…71')])
})

test('a database is told by its account and number', async () => {
  const range = { start: '1000', end: '1009', beginsAt: undefined, expiresAt: undefined }
  await writePins(ctx, account, 7, range, 10)
  await guessIn(7, 5)
  await look()
  expect(told()).toEqual([warning('place', `db ${account.id} 7`)])
})

test('a way in is told from the 900th wrong PIN on', async () => {
  // Where there is no PIN to hit, only the way counts.
  await guessIn(1, 899)
  await look()
  expect(told()).toEqual([])
  await guessIn(1, 1)
  await look()
  expect(told()).toEqual([warning('way', 'trunk')])
})

test('a caller who is locked out is not', async () => {
  await guessIn(1, 10, () => 'mallory')
  expect((await ctx.store.guessTallies(ctx.now(), 10, 'caller'))[0]?.tally.strikes).toBe(1)
  await look()
  expect(told()).toEqual([])
})

test('neither many callers nor many numbers with a few wrong PINs keep one that is full from being told', async () => {
  const day = ctx.now() + 24 * HOUR_MS
  const until = (emptyAt: number) => ({ emptyAt, lockedUntil: 0, strikes: 0, forgetAt: emptyAt })
  const remember = (n: number, blame: Blame) =>
    ctx.store.checkPin(
      {
        ...{ accountId: account.id, number: 1, pin: '9999', key: 'k' },
        guesser: { caller: `caller ${n}`, place: numberPlace(`+91629${1_000_000 + n}`), way: 'some' },
      },
      () => ({ blame, result: undefined }),
    )
  const little = until(ctx.now() + HOUR_MS)
  const crowd = { caller: until(2 * day - ctx.now()), place: little, way: little }
  await Promise.all(Array.from({ length: 1_500 }, (_, n) => remember(n, crowd)))
  await remember(1_501, { ...crowd, place: until(day) })
  await look()
  expect(told()).toEqual([warning('place', 'vn +91…01')])
})

test('a clock that was set back does not silence it', async () => {
  await guess(VN1, 5)
  await look()
  ctx.clock.ms -= 2 * HOUR_MS
  await look()
  expect(told()).toHaveLength(2)
})
