import { beforeEach, describe, expect, test } from '@jest/globals'
import { type Account, MAX_ALLOCATION_MS } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import { endAllocation } from '../../src/engine/allocations.ts'
import { changeSettings, type WantedSettings } from '../../src/engine/settings.ts'
import {
  A,
  B,
  VN1,
  eventsOf,
  testAccount,
  testContext,
  wantedAllocation,
  type TestContext,
} from '../support/context.ts'

const DAY_MS = 86_400_000

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
})

const change = (wanted: WantedSettings) => changeSettings(ctx, account, wanted)
const kept = async () => (await ctx.store.accounts()).find(({ id }) => id === account.id)
const refusal = (code: string, message: string) => expect.objectContaining({ name: 'Refusal', code, message })

describe('what is not mentioned stays', () => {
  test.each<WantedSettings>([
    { country: 'DE' },
    { internationalNumbers: true },
    { timeZone: 'Europe/Berlin' },
    { maxAllocationMs: 1_000 },
    { maxAllocationMs: MAX_ALLOCATION_MS },
    { maxAllocationMs: null },
    { coolOffMs: 0 },
    { coolOffMs: DAY_MS },
    { ringStrategy: 'all' },
    { ringMs: 5_000 },
    { ringMs: 120_000 },
    { maxTalkMs: 1_000 },
    { maxTalkMs: DAY_MS },
    { pinAttempts: 1 },
    { pinAttempts: 10 },
    { recordTalks: true },
    { announceRecording: true },
    { keepRecordingsMs: 1_000 },
    { keepRecordingsMs: 3_650 * DAY_MS },
    { country: 'DE', timeZone: 'Europe/Berlin', ringStrategy: 'all' },
  ])('%j', async (wanted) => {
    const expected = { ...account.settings, ...wanted }
    expect(await change(wanted)).toEqual(expected)
    expect(await kept()).toEqual({ ...account, settings: expected })
  })

  test('one party of two, one event of four', async () => {
    const { pinEnabled, pinLength, endpoints } = account.settings
    await change({ pinEnabled: { b: true } })
    await change({ pinLength: { a: 9 } })
    await change({ endpoints: { 'call.completed': 'https://new.example' } })
    expect((await kept())?.settings).toEqual({
      ...account.settings,
      pinEnabled: { ...pinEnabled, b: true },
      pinLength: { ...pinLength, a: 9 },
      endpoints: { ...endpoints, 'call.completed': 'https://new.example' },
    })
  })

  test('undefined says nothing, at every depth', async () => {
    const nothing: WantedSettings = {
      ...{ country: undefined, timeZone: undefined, maxAllocationMs: undefined, coolOffMs: undefined },
      ...{ ringMs: undefined, recordTalks: undefined },
      pinEnabled: { a: undefined, b: undefined },
      pinLength: { a: undefined },
      endpoints: { 'call.completed': undefined },
    }
    expect(await change(nothing)).toEqual(account.settings)
    expect(await change({ pinEnabled: undefined, pinLength: undefined, endpoints: undefined })).toEqual(
      account.settings,
    )
    expect(await change({})).toEqual(account.settings)
  })

  test('changes at the same time do not undo each other', async () => {
    await Promise.all([
      change({ ringMs: 5_000 }),
      change({ pinLength: { b: 6 } }),
      change({ pinLength: { a: 5 } }),
    ])
    expect((await kept())?.settings).toEqual({
      ...account.settings,
      ringMs: 5_000,
      pinLength: { a: 5, b: 6 },
    })
  })
})

describe('refused, and nothing has changed', () => {
  test.each<[string, string, WantedSettings]>([
    ['region_not_supported', 'country', { country: 'XX' }],
    ['region_not_supported', 'country', { country: 'in' }],
    ['region_not_supported', 'country', { country: '' }],
    ['invalid', 'timeZone', { timeZone: 'Europe/Bonn' }],
    ['invalid', 'timeZone', { timeZone: '+05:30' }],
    ['invalid', 'maxAllocationMs', { maxAllocationMs: 0 }],
    ['invalid', 'maxAllocationMs', { maxAllocationMs: -1 }],
    ['invalid', 'maxAllocationMs', { maxAllocationMs: NaN }],
    ['invalid', 'maxAllocationMs', { maxAllocationMs: MAX_ALLOCATION_MS + 1 }],
    ['invalid', 'maxAllocationMs', { maxAllocationMs: Infinity }],
    ['invalid', 'pinLength', { pinLength: { a: 0 } }],
    ['invalid', 'pinLength', { pinLength: { a: 4, b: 10 } }],
    ['invalid', 'pinLength', { pinLength: { b: 4.5 } }],
    ['invalid', 'coolOffMs', { coolOffMs: -1 }],
    ['invalid', 'coolOffMs', { coolOffMs: DAY_MS + 1 }],
    ['invalid', 'coolOffMs', { coolOffMs: 1.5 }],
    ['invalid', 'coolOffMs', { coolOffMs: NaN }],
    ['invalid', 'ringMs', { ringMs: 4_999 }],
    ['invalid', 'ringMs', { ringMs: 120_001 }],
    ['invalid', 'maxTalkMs', { maxTalkMs: 999 }],
    ['invalid', 'maxTalkMs', { maxTalkMs: DAY_MS + 1 }],
    ['invalid', 'pinAttempts', { pinAttempts: 0 }],
    ['invalid', 'pinAttempts', { pinAttempts: 11 }],
    ['invalid', 'pinAttempts', { pinAttempts: Infinity }],
    ['invalid', 'keepRecordingsMs', { keepRecordingsMs: 0 }],
    ['invalid', 'keepRecordingsMs', { keepRecordingsMs: 3_650 * DAY_MS + 1 }],
    ['invalid', 'ringMs', { country: 'DE', recordTalks: true, ringMs: 0 }],
  ])('%s %s: %j', async (code, name, wanted) => {
    await expect(change(wanted)).rejects.toEqual(refusal(code, name))
    expect(await kept()).toEqual(account)
  })

  test('an account that is not there', async () => {
    await expect(changeSettings(ctx, { ...account, id: 'nobody' }, {})).rejects.toMatchObject({
      code: 'not_found',
    })
  })
})

describe('endpoints', () => {
  test('null takes one away, and what waits for it is given up', async () => {
    const b = { numbers: [B], vns: [VN1] }
    const { id } = await createAllocation(
      ctx,
      account,
      wantedAllocation({ a: { numbers: [A], vns: [VN1] }, b }),
    )
    await endAllocation(ctx, account, id)
    const [waiting] = await eventsOf(ctx)
    expect(waiting).toMatchObject({ type: 'allocation.ended' })
    const { endpoints } = await change({ endpoints: { 'allocation.ended': null } })
    const others = ['call.completed', 'caller.verified', 'caller.refused']
    expect(Object.keys(endpoints)).toEqual(others)
    expect(await ctx.store.findEvent(waiting?.id ?? '')).toMatchObject({ state: 'dead' })
    expect(await eventsOf(ctx)).toEqual([])
  })

  test('null for one that is not there is no change', async () => {
    await change({ endpoints: { 'call.completed': null } })
    const { endpoints } = await change({ endpoints: { 'call.completed': null } })
    expect(Object.keys(endpoints)).not.toContain('call.completed')
  })

  test('those of other accounts stay', async () => {
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    await change({ endpoints: { 'allocation.ended': null }, country: 'DE' })
    expect((await ctx.store.accounts()).find(({ id }) => id === other.id)).toEqual(other)
  })
})

test('they hold for what begins from now on', async () => {
  await change({ pinLength: { a: 6 }, maxAllocationMs: 1_000 })
  const login = await ctx.store.findLogin('greenpin', account.sid)
  const wanted = wantedAllocation({ a: { numbers: [A], vns: [VN1] }, b: { numbers: [B], vns: [VN1] } })
  const made = await createAllocation(ctx, login?.account ?? account, wanted)
  expect(made.a.pin).toMatch(/^\d{6}$/)
  expect(made.deallocateAt).toBe(ctx.now() + 1_000)
})
