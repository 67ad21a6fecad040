import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../src/engine/accounts.ts'
import { createAllocation } from '../src/engine/allocate.ts'
import { endAllocation, readAllocation } from '../src/engine/allocations.ts'
import { callAnswered, callRinging, endCall, openCall } from '../src/engine/calls.ts'
import { checkPin } from '../src/engine/pin-check.ts'
import type { Rate } from '../src/engine/rates.ts'
import { changeSettings } from '../src/engine/settings.ts'
import { sweepRates, sweepRecordings, sweepStore } from '../src/sweep.ts'
import {
  eventsOf,
  testAccount,
  testContext,
  VN1,
  wantedAllocation,
  type TestContext,
} from './support/context.ts'
import { addCallingCampaign, owePin } from './support/sent-pins.ts'

let ctx: TestContext
let account: Account
let wakes: number
const sweep = () => sweepStore(ctx, { wake: () => wakes++ })
/** What is remembered of a caller's wrong PINs. */
const tallyOf = (caller: string) =>
  ctx.store.checkPin(
    { accountId: account.id, number: 1, pin: '1', key: 'k', guesser: { caller, place: '', way: '' } },
    ({ suspicion }) => ({ result: suspicion.tallies.caller }),
  )

beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
  wakes = 0
})
afterEach(() => ctx.store.close())

describe('the store is swept', () => {
  test('within a second, as something may be made meanwhile that falls due', async () => {
    expect(await sweep()).toBe(ctx.now() + 1_000)
    await createAllocation(ctx, account, wantedAllocation({ durationMs: 60_000 }))
    expect(await sweep()).toBe(ctx.now() + 1_000)
  })

  test('exactly when the next allocation ends', async () => {
    const { id, deallocateAt } = await createAllocation(ctx, account, wantedAllocation({ durationMs: 700 }))
    expect(await sweep()).toBe(deallocateAt)
    expect(await eventsOf(ctx)).toEqual([])
    ctx.clock.ms = deallocateAt
    await sweep()
    expect(await eventsOf(ctx)).toMatchObject([
      { type: 'allocation.ended', allocationId: id, at: deallocateAt },
    ])
    expect(await readAllocation(ctx, account, id)).toMatchObject({ state: 'vault', endedAt: deallocateAt })
  })

  test('exactly when the next PIN has cooled off', async () => {
    const settings = await changeSettings(ctx, account, { coolOffMs: 700 })
    const { id } = await createAllocation(ctx, account, wantedAllocation())
    await endAllocation(ctx, { ...account, settings }, id)
    expect(await sweep()).toBe(ctx.now() + 700)
    ctx.clock.ms += 700
    await sweep()
    expect(await ctx.store.pinsInUse([VN1], 3)).toEqual(new Set())
  })

  test('of wrong PINs that say nothing any more, a thousand at a time', async () => {
    const wrong = (key: string) => checkPin(ctx, { account, database: 1, pin: '1234', key, way: 'test' })
    const MANY = 1_500
    // They are let go six minutes later, those of a caller who was locked out a day after that is over.
    await Promise.all(Array.from({ length: MANY }, (_, n) => wrong(`caller${n}`)))
    for (let n = 0; n < 10; n++) await wrong('mallory')
    const names = [...Array.from({ length: MANY }, (_, n) => `caller${n}`), 'mallory']
    const left = async () => {
      const tallies = await Promise.all(names.map((name) => tallyOf(`${account.id} ${name}`)))
      return tallies.filter((tally) => tally !== undefined).length
    }
    expect(await sweep()).toBe(ctx.now() + 1_000)
    expect(await left()).toBe(MANY + 1)
    ctx.clock.ms += 6 * 60_000
    expect(await sweep()).toBe(ctx.now())
    expect(await sweep()).toBe(ctx.now() + 1_000)
    expect(await left()).toBe(1)
    ctx.clock.ms += 25 * 3_600_000
    await sweep()
    expect(await left()).toBe(0)
  })

  test('of requests that nobody may repeat any more, a thousand at a time', async () => {
    const MANY = 1_500
    const keys = Array.from({ length: MANY }, (_, n) => `request ${n}`)
    const forgetAt = ctx.now() + 180_000
    for (const key of keys) await ctx.store.beginRequest(key, forgetAt)
    await ctx.store.beginRequest('late', forgetAt + 1)
    await ctx.store.endRequest('late', 'answered')
    ctx.clock.ms = forgetAt - 1
    expect(await sweep()).toBe(ctx.now() + 1_000)
    expect(await ctx.store.beginRequest('request 7', forgetAt)).toEqual({ answer: undefined })
    ctx.clock.ms = forgetAt
    expect(await sweep()).toBe(ctx.now())
    expect(await sweep()).toBe(ctx.now() + 1_000)
    expect(await Promise.all(keys.map((key) => ctx.store.beginRequest(key, forgetAt)))).toEqual(
      keys.map(() => 'new'),
    )
    expect(await ctx.store.beginRequest('late', forgetAt)).toEqual({ answer: 'answered' })
  })

  test('of PINs that were sent and have expired, and of what waits to bring them, a thousand at a time', async () => {
    const MANY = 1_500
    const campaign = await addCallingCampaign(ctx, account)
    await Promise.all(
      Array.from({ length: MANY }, (_, n) => owePin(ctx, account, campaign, `+2547${String(10_000 + n)}`)),
    )
    ctx.clock.ms += 1
    const late = await owePin(ctx, account, campaign)
    const left = async () => {
      const sendings = await ctx.store.sendings(campaign.id, 2 * MANY)
      return sendings.filter(({ state }) => state === 'waiting').map(({ id }) => id)
    }
    ctx.clock.ms += campaign.pinTtlMs - 2
    expect(await sweep()).toBe(ctx.now() + 1_000)
    expect(await left()).toHaveLength(MANY + 1)
    ctx.clock.ms += 1
    expect(await sweep()).toBe(ctx.now())
    expect(await left()).toHaveLength(MANY + 1 - 1_000)
    expect(await sweep()).toBe(ctx.now() + 1_000)
    expect(await left()).toEqual([late.sending.id])
  })

  test('and the delivery is woken for what is due, whoever made it so', async () => {
    await sweep()
    expect(wakes).toBe(0)
    const { id } = await createAllocation(ctx, account, wantedAllocation())
    await endAllocation(ctx, account, id)
    await sweep()
    expect(wakes).toBe(1)
  })
})

describe('rates are swept', () => {
  const MANY = 1_500
  const rates = Array.from({ length: MANY }, (_, n): Rate => ({
    ...{ prefix: String(10_000 + n), name: 'Somewhere', perMinuteMicros: 1, setUpMicros: 0 },
    ...{ minimumSeconds: 0, incrementSeconds: 1 },
  }))
  const begin = async () => (await ctx.store.beginTariff(account.id, 'standard', ctx.now())).version
  /** How many there are to be swept still. */
  const left = () => ctx.store.forgetRates(10_000, 0)

  test('those that an import has replaced, a thousand at a time; the others stay', async () => {
    const first = await begin()
    await ctx.store.putRates(first, rates)
    await ctx.store.finishTariff(first)
    expect(await sweepRates(ctx)).toBe(ctx.now() + 1_000)
    const second = await begin()
    await ctx.store.putRates(second, rates.slice(0, 3))
    const { id } = await ctx.store.finishTariff(second)
    expect(await sweepRates(ctx)).toBe(ctx.now())
    expect(await sweepRates(ctx)).toBe(ctx.now() + 1_000)
    expect(await left()).toBe(0)
    expect(await ctx.store.ratesAfter(id, undefined, MANY)).toEqual(rates.slice(0, 3))
  })

  test('those of an import that was broken off a day ago, and not of one that goes on', async () => {
    const broken = await begin()
    await ctx.store.putRates(broken, rates.slice(0, 3))
    ctx.clock.ms += 86_400_000
    const other = await begin()
    await ctx.store.putRates(other, rates.slice(0, 2))
    await sweepRates(ctx)
    await ctx.store.putRates(broken, rates.slice(3, 4))
    ctx.clock.ms += 1
    await sweepRates(ctx)
    await expect(ctx.store.putRates(broken, rates.slice(4, 5))).rejects.toThrow('over')
    expect(await left()).toBe(0)
    expect((await ctx.store.finishTariff(other)).rates).toBe(2)
  })
})

describe('recordings are swept', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pinbridge-sweep-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function recorded(id: string, keepMs: number): Promise<string> {
    const { id: allocation, transactionId } = await createAllocation(
      ctx,
      account,
      wantedAllocation({ a: { vns: [VN1], pin: String(keepMs) }, b: { numbers: ['+919956555625'] } }),
    )
    const call = { id, accountId: account.id, vn: VN1, from: undefined, channelId: id, startedAt: ctx.now() }
    await openCall(ctx, call)
    await callRinging(ctx, id, '+919956555625', { id: allocation, transactionId, party: 'a' })
    await callAnswered(ctx, id, { number: '+919956555625', channelId: 'leg' }, keepMs)
    await endCall(ctx, id)
    const file = path.join(folder, `${id}.wav`)
    writeFileSync(file, 'RIFF')
    return file
  }

  test('when their time is over: the file goes, and nothing else in the folder', async () => {
    const [short, long] = [await recorded('short', 10_000), await recorded('long', 20_000)]
    expect(await sweepRecordings(ctx, folder)).toBe(ctx.now() + 1_000)
    expect([existsSync(short), existsSync(long)]).toEqual([true, true])
    ctx.clock.ms += 10_000
    await sweepRecordings(ctx, folder)
    expect([existsSync(short), existsSync(long)]).toEqual([false, true])
    ctx.clock.ms += 10_000
    rmSync(long) // by hand, before us
    await sweepRecordings(ctx, folder)
    expect(await ctx.store.dueRecordings(ctx.now(), 10)).toEqual([])
  })
})
