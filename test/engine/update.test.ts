import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import {
  type Allocation,
  endAllocation,
  endDueAllocations,
  readAllocation,
} from '../../src/engine/allocations.ts'
import type { Context } from '../../src/engine/context.ts'
import { isInUse, joinByPin, whoIsCalling } from '../../src/engine/membership.ts'
import type { WantedAllocation, WantedChange, WantedParty } from '../../src/engine/plan.ts'
import { changeSettings } from '../../src/engine/settings.ts'
import { updateAllocation } from '../../src/engine/update.ts'
import {
  A,
  B,
  VN1,
  VN2,
  VN3,
  STRANGER,
  eventsOf,
  testAccount,
  testContext,
  wantedAllocation,
  type TestContext,
  keyed,
} from '../support/context.ts'

const DAY_MS = 86_400_000
const OTHER = '+919812345670'
const FOREIGN_VN = '+916292134400'

let ctx: TestContext
let account: Account
/** A at VN1 with PIN 713, B at VN2 with PIN 884. */
let made: Allocation
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
  made = await create()
})

const create = (change?: Partial<WantedAllocation>) =>
  createAllocation(ctx, account, wantedAllocation(change))
const update = (change: WantedChange, id = made.id) => updateAllocation(ctx, account, id, change)
const read = (id = made.id) => readAllocation(ctx, account, id)
const refusal = (code: string) => expect.objectContaining({ name: 'Refusal', code })
const key = (vn: string, pin: string, caller?: string) =>
  joinByPin(ctx, { account, vn, pin, caller, callId: ctx.newId() })
const who = (vn: string, caller: string) => whoIsCalling(ctx, account, vn, caller)
const opens = (party: 'a' | 'b') => ({ party, allocation: { id: made.id } })

/** Whatever is refused leaves everything as it was: all allocations, what its PINs open, and no event. */
async function refused(change: WantedChange, code: string): Promise<void> {
  const everything = () => ctx.store.allocationsAfter(account.id, undefined, 100)
  const before = await everything()
  await expect(update(change)).rejects.toEqual(refusal(code))
  expect(await everything()).toEqual(before)
  expect(await eventsOf(ctx)).toEqual([])
  const allocation = await read()
  for (const party of ['a', 'b'] as const) {
    const { pin = '', vns } = allocation[party]
    for (const vn of vns)
      expect(await ctx.store.changeByPin(keyed(vn, pin), (result) => ({ result }))).toEqual({
        party,
        allocation,
      })
  }
}

describe('what is not mentioned stays', () => {
  test.each<[string, WantedChange, object]>([
    ['usage', { usage: 'oneway' }, { usage: 'oneway' }],
    ["A's numbers", { a: { numbers: [STRANGER] } }, { a: { numbers: [STRANGER], vns: [VN1], pin: '713' } }],
    ["B's numbers", { b: { numbers: [STRANGER] } }, { b: { numbers: [STRANGER], vns: [VN2], pin: '884' } }],
    ["A's numbers, emptied", { a: { numbers: [] } }, { a: { numbers: [], vns: [VN1], pin: '713' } }],
    ["A's VNs", { a: { vns: [VN3, VN1] } }, { a: { numbers: [A], vns: [VN3, VN1], pin: '713' } }],
    ["B's VNs, empty: A's", { b: { vns: [] } }, { b: { numbers: [B], vns: [VN1], pin: '884' } }],
    ["A's PIN", { a: { pin: '1' } }, { a: { numbers: [A], vns: [VN1], pin: '1' } }],
    ["B's PIN", { b: { pin: '0099' } }, { b: { numbers: [B], vns: [VN2], pin: '0099' } }],
    [
      'both',
      { a: { numbers: [B] }, b: { numbers: [A] } },
      { a: { numbers: [B], vns: [VN1], pin: '713' }, b: { numbers: [A], vns: [VN2], pin: '884' } },
    ],
    [
      'a party and undefined',
      { a: { numbers: undefined, vns: undefined, pin: '1', pinLength: undefined }, b: undefined },
      { a: { numbers: [A], vns: [VN1], pin: '1' } },
    ],
    [
      'empty VNs of one beside new ones of the other',
      { a: { vns: [] }, b: { vns: [VN3] } },
      { a: { numbers: [A], vns: [VN3], pin: '713' }, b: { numbers: [B], vns: [VN3], pin: '884' } },
    ],
  ])('%s', async (_, change, changed) => {
    const after = await update(change)
    expect(after).toEqual({ ...made, ...changed })
    expect(await read()).toEqual(after)
    expect(await eventsOf(ctx)).toEqual([])
  })

  test('who joined meanwhile is on the list, and a list that is sent replaces them too', async () => {
    await key(VN1, '713', STRANGER)
    expect(await update({ a: { pin: '5' } })).toMatchObject({ a: { numbers: [A, STRANGER] } })
    expect(await update({ a: { numbers: [OTHER] } })).toMatchObject({ a: { numbers: [OTHER] } })
  })

  test('lists are kept in order, once each, in E.164', async () => {
    const numbers = ['07987686144', STRANGER, '7987686144']
    expect((await update({ a: { numbers, vns: [VN3, VN1, VN3] } })).a).toEqual({
      ...{ numbers: [A, STRANGER], vns: [VN3, VN1], pin: '713' },
    })
  })
})

describe('what a caller finds afterwards', () => {
  test('the new PIN opens, the old one does not and is free', async () => {
    await update({ a: { pin: '999' } })
    expect(await key(VN1, '713')).toEqual(refusal('not_found'))
    expect(await key(VN1, '999')).toMatchObject(opens('a'))
    await expect(
      create({ a: { numbers: [A], vns: [VN1], pin: '713' }, b: { numbers: [B], vns: [VN1] } }),
    ).resolves.toBeDefined()
  })

  test('a PIN opens on the new virtual numbers, and no longer on the old', async () => {
    await update({ a: { vns: [VN3] } })
    expect(await key(VN1, '713')).toEqual(refusal('not_found'))
    expect(await key(VN3, '713')).toMatchObject(opens('a'))
    expect(await ctx.store.hasAllocations(VN1)).toBe(false)
  })

  test('who is not listed any more is unknown, who is, is known', async () => {
    await update({ b: { numbers: [OTHER] } })
    expect(await who(VN2, B)).toEqual({ kind: 'ask', membership: undefined })
    expect(await who(VN2, OTHER)).toMatchObject({ kind: 'known', membership: opens('b') })
  })
})

describe('PINs', () => {
  test('one that is sent beats a length', async () => {
    expect((await update({ a: { pin: '123', pinLength: 6 } })).a.pin).toBe('123')
  })

  test('a length that it has already keeps it, another draws', async () => {
    expect((await update({ a: { pinLength: 3 } })).a.pin).toBe('713')
    expect((await update({ a: { pinLength: 5 } })).a.pin).toMatch(/^\d{5}$/)
    expect((await update({ a: { pinLength: 1 } })).a.pin).toMatch(/^\d$/)
  })

  test('none is drawn for a party whose PIN the account does not want', async () => {
    expect(account.settings.pinEnabled.b).toBe(false)
    expect((await update({ b: { pinLength: 6 } })).b.pin).toBe('884')
    const { id } = await create({ a: { numbers: [A], vns: [VN1] }, b: { numbers: [B], vns: [VN1] } })
    expect((await update({ b: { pinLength: 6 } }, id)).b.pin).toBeUndefined()
    expect((await update({ b: { pin: '6' } }, id)).b.pin).toBe('6')
  })

  test.each<['a' | 'b', RegExp, WantedParty]>([
    ['a', /^\d{5}$/, {}],
    ['b', /^\d{6}$/, {}],
    ['b', /^\d{3}$/, { pinLength: 3 }],
    ['b', /^12$/, { pin: '12', pinLength: 3 }],
  ])('a party that had none and loses its numbers (%s) gets one, %s, for %j', async (party, pin, change) => {
    account.settings.pinEnabled = { a: false, b: false }
    account.settings.pinLength = { a: 5, b: 6 }
    const { id } = await create({ a: { numbers: [OTHER], vns: [VN1] }, b: { numbers: [B], vns: [VN3] } })
    const { [party]: changed } = await update({ [party]: { numbers: [], ...change } }, id)
    expect(changed).toMatchObject({ numbers: [], pin: expect.stringMatching(pin) })
    expect(await key(changed.vns[0] ?? '', changed.pin ?? '', STRANGER)).toMatchObject({ party })
    expect((await read(id))[party]).toEqual({ ...changed, numbers: [STRANGER] })
    // Once it has one it keeps it, with numbers or without.
    for (const numbers of [['+919812345671'], []])
      expect((await update({ [party]: { numbers, pinLength: 9 } }, id))[party].pin).toBe(changed.pin)
  })

  test('a party that had none and loses its numbers must find one, or nothing has changed', async () => {
    account.settings.pinEnabled = { a: true, b: false }
    const one = { a: { numbers: [OTHER], vns: [VN3], pinLength: 1 }, b: { numbers: [STRANGER], vns: [] } }
    for (let i = 0; i < 10; i++) await create(one)
    const { id } = await create({
      b: { numbers: [B], vns: [VN3] },
      a: { numbers: [A], vns: [VN1], pin: '5' },
    })
    const before = await read(id)
    const change = { b: { numbers: [], pinLength: 1 } }
    await expect(update(change, id)).rejects.toEqual(refusal('no_free_pin'))
    expect(await read(id)).toEqual(before)
  })

  test('one without numbers and PIN, of former times, gets one with the next change of anything', async () => {
    const party = { numbers: [], vns: [VN2], pin: undefined }
    const old = { ...made, b: party }
    await ctx.store.changeAllocation(account.id, made.id, () => ({ save: old, result: undefined }))
    expect((await update({ usage: 'oneway' })).b).toEqual({
      ...party,
      pin: expect.stringMatching(/^\d{4}$/),
    })
  })

  test('a party that had none gets one when its length is sent and the account wants it now', async () => {
    const { id } = await create({ a: { numbers: [A], vns: [VN1] }, b: { numbers: [B], vns: [VN1] } })
    account.settings.pinEnabled.b = true
    expect((await update({ b: { numbers: [OTHER] } }, id)).b.pin).toBeUndefined()
    expect((await update({ b: { pinLength: 6 } }, id)).b.pin).toMatch(/^\d{6}$/)
  })

  test('its own are no conflict', async () => {
    await expect(update({ a: { pin: '713' } })).resolves.toEqual(made)
    await expect(update({ a: { pin: '713', vns: [VN1, VN3] } })).resolves.toMatchObject({ a: { pin: '713' } })
    await expect(update({ b: { vns: [VN1, VN2] } })).resolves.toMatchObject({ b: { pin: '884' } })
  })

  test('one that others have is refused, on any of the virtual numbers and in either party', async () => {
    await create({
      a: { numbers: [OTHER], vns: [VN2], pin: '55' },
      b: { numbers: [STRANGER], vns: [VN2], pin: '66' },
    })
    for (const pin of ['55', '66']) {
      await refused({ b: { pin }, usage: 'oneway', durationMs: 1_000 }, 'pin_taken')
      await refused({ a: { vns: [VN1, VN2], pin } }, 'pin_taken')
    }
  })

  test("one that others have on the other party's virtual numbers only is no conflict", async () => {
    await create({
      a: { numbers: [OTHER], vns: [VN2], pin: '55' },
      b: { numbers: [STRANGER], vns: [VN3], pin: '66' },
    })
    for (const pin of ['55', '66'])
      await expect(update({ a: { pin } })).resolves.toMatchObject({ a: { vns: [VN1], pin } })
    await refused({ a: { vns: [VN3] } }, 'pin_taken')
    await expect(update({ a: { vns: [VN1, VN2] } })).resolves.toMatchObject({ a: { pin: '66' } })
    expect(await key(VN2, '66')).toMatchObject(opens('a'))
  })

  test("one is drawn though all are in use on the other party's virtual numbers", async () => {
    const full = { a: { numbers: [OTHER], vns: [VN2], pinLength: 1 }, b: { numbers: [STRANGER], vns: [] } }
    for (let i = 0; i < 10; i++) await create(full)
    expect((await update({ a: { pinLength: 1 } })).a.pin).toMatch(/^\d$/)
    await refused({ a: { vns: [VN1, VN2] } }, 'pin_taken')
    account.settings.pinEnabled.b = true
    await refused({ b: { pinLength: 1 } }, 'no_free_pin')
  })

  test('one that is kept while the virtual numbers change is refused where it is taken', async () => {
    await create({ a: { numbers: [OTHER], vns: [VN3], pin: '713' }, b: { numbers: [STRANGER], vns: [VN3] } })
    await refused({ a: { vns: [VN3] } }, 'pin_taken')
    await refused({ a: { vns: [VN1, VN3] } }, 'pin_taken')
    await expect(update({ b: { vns: [VN2, VN3] } })).resolves.toMatchObject({ b: { pin: '884' } })
    await expect(update({ a: { vns: [VN3], pin: '714' } })).resolves.toMatchObject({ a: { pin: '714' } })
  })

  test('the parties may swap theirs, on a virtual number that they share too', async () => {
    await update({ a: { pin: '884' }, b: { pin: '713' } })
    expect(await key(VN1, '884')).toMatchObject(opens('a'))
    expect(await key(VN2, '713')).toMatchObject(opens('b'))
    await update({ a: { vns: [VN1, VN2] }, b: { vns: [VN1, VN2] } })
    await update({ a: { pin: '713' }, b: { pin: '884' } })
    for (const vn of [VN1, VN2]) {
      expect(await key(vn, '713')).toMatchObject(opens('a'))
      expect(await key(vn, '884')).toMatchObject(opens('b'))
    }
  })

  test('both parties may have the same one only if they share no virtual number', async () => {
    await expect(update({ b: { pin: '713' } })).resolves.toMatchObject({ b: { pin: '713' } })
    await refused({ a: { vns: [VN2] } }, 'pin_taken')
    await refused({ b: { vns: [] } }, 'pin_taken')
    await expect(update({ a: { vns: [VN2], pin: '1' } })).resolves.toMatchObject({ a: { pin: '1' } })
  })

  test('a drawn one is never that of the other party', async () => {
    await update({ b: { pin: '0' } })
    const others = new Set<string | undefined>()
    for (let i = 0; i < 60; i++) {
      others.add((await update({ a: { pinLength: 1 } })).a.pin)
      await update({ a: { pinLength: 2 } })
    }
    expect(others.has('0')).toBe(false)
    expect(others.size).toBeGreaterThan(4)
  })

  test('the last one of a length is found, and then there is none', async () => {
    const one = { a: { numbers: [OTHER], vns: [VN1], pinLength: 1 }, b: { numbers: [STRANGER], vns: [VN1] } }
    for (let i = 0; i < 9; i++) await create(one)
    const { a } = await update({ a: { pinLength: 1 } })
    expect(await ctx.store.pinsInUse([VN1], 1)).toContain(a.pin)
    await update({ a: { pin: '713' } })
    await create(one)
    await refused({ a: { pinLength: 1 } }, 'no_free_pin')
  })

  test('one whose allocation has run out is free, though nobody has swept', async () => {
    const b = { numbers: [STRANGER], vns: [VN1] }
    await create({ a: { numbers: [OTHER], vns: [VN1], pin: '55' }, b, durationMs: 20_000 })
    ctx.clock.ms += 20_000
    await expect(update({ a: { pin: '55' } })).resolves.toMatchObject({ a: { pin: '55' } })
  })

  test('one that cools off is taken, until it has', async () => {
    await changeSettings(ctx, account, { coolOffMs: 10_000 })
    account.settings.coolOffMs = 10_000
    const b = { numbers: [STRANGER], vns: [VN1] }
    const { id } = await create({ a: { numbers: [OTHER], vns: [VN1], pin: '55' }, b })
    await endAllocation(ctx, account, id)
    ctx.clock.ms += 9_999
    await expect(update({ a: { pin: '55' } })).rejects.toEqual(refusal('pin_taken'))
    ctx.clock.ms += 1
    await expect(update({ a: { pin: '55' } })).resolves.toMatchObject({ a: { pin: '55' } })
  })
})

describe('what an update takes away cools off', () => {
  const COOL_OFF_MS = 10_000
  /** Somebody else who wants this PIN there. */
  const wants = (vn: string, pin: string) =>
    create({ a: { numbers: [OTHER], vns: [vn], pin }, b: { numbers: [STRANGER], vns: [vn] } })
  const setCoolOff = async (coolOffMs: number) => {
    await changeSettings(ctx, account, { coolOffMs })
    account.settings.coolOffMs = coolOffMs
  }
  beforeEach(() => setCoolOff(COOL_OFF_MS))

  test.each<[string, WantedChange, string, string]>([
    ['a PIN that another was sent for', { a: { pin: '999' } }, VN1, '713'],
    ['a PIN that another was drawn for', { a: { pinLength: 6 } }, VN1, '713'],
    ["B's PIN", { b: { pin: '999' } }, VN2, '884'],
    ['a PIN on a virtual number that is left', { a: { vns: [VN3] } }, VN1, '713'],
    ['a PIN on one of several', { b: { vns: [] } }, VN2, '884'],
    ['a PIN that goes with its virtual number', { a: { vns: [VN3], pin: '999' } }, VN1, '713'],
  ])('%s', async (_, change, vn, pin) => {
    const after = await update(change)
    // It opens nothing any more.
    expect(await key(vn, pin)).toEqual(refusal('not_found'))
    expect(await ctx.store.pinsInUse([vn], 3)).toContain(pin)
    await expect(wants(vn, pin)).rejects.toEqual(refusal('pin_taken'))
    ctx.clock.ms += COOL_OFF_MS - 1
    await expect(wants(vn, pin)).rejects.toEqual(refusal('pin_taken'))
    ctx.clock.ms += 1
    const next = await wants(vn, pin)
    expect(await key(vn, pin)).toMatchObject({ party: 'a', allocation: { id: next.id } })
    expect(await read()).toEqual(after)
  })

  test("not what stays: the other party's, and the same PIN on the virtual numbers that are kept", async () => {
    await update({ a: { vns: [VN1, VN3] } })
    await update({ a: { vns: [VN3] } })
    ctx.clock.ms += COOL_OFF_MS
    await endDueAllocations(ctx)
    expect(await key(VN3, '713')).toMatchObject(opens('a'))
    expect(await key(VN2, '884')).toMatchObject(opens('b'))
    for (const vn of [VN3, VN2])
      await expect(wants(vn, vn === VN3 ? '713' : '884')).rejects.toEqual(refusal('pin_taken'))
  })

  test('the virtual number that is left is not in use by that', async () => {
    await update({ a: { vns: [VN3] } })
    expect(await isInUse(ctx, VN1)).toBe(false)
    expect(await isInUse(ctx, VN3)).toBe(true)
  })

  test('the same allocation may take back what it gave up, and then it opens and does not cool off', async () => {
    await update({ a: { pin: '999' } })
    ctx.clock.ms += COOL_OFF_MS / 2
    await update({ a: { pin: '713' } })
    expect(await key(VN1, '713')).toMatchObject(opens('a'))
    await expect(wants(VN1, '999')).rejects.toEqual(refusal('pin_taken'))
    ctx.clock.ms += COOL_OFF_MS / 2
    await endDueAllocations(ctx)
    await expect(wants(VN1, '713')).rejects.toEqual(refusal('pin_taken'))
    expect(await key(VN1, '713')).toMatchObject(opens('a'))
    ctx.clock.ms += COOL_OFF_MS / 2
    await expect(wants(VN1, '999')).resolves.toBeDefined()
  })

  test('its other party may have it too', async () => {
    await update({ a: { pin: '999' } })
    await update({ b: { vns: [VN1], pin: '713' } })
    expect(await key(VN1, '713')).toMatchObject(opens('b'))
    await update({ a: { pin: '713', vns: [VN2] }, b: { pin: '884' } })
    expect(await key(VN2, '713')).toMatchObject(opens('a'))
    expect(await key(VN1, '713')).toEqual(refusal('not_found'))
  })

  test('parties that swap their PINs on a virtual number give none up', async () => {
    await update({ a: { vns: [VN1] }, b: { vns: [VN1] } })
    await update({ a: { pin: '884' }, b: { pin: '713' } })
    ctx.clock.ms += COOL_OFF_MS
    await endDueAllocations(ctx)
    expect(await key(VN1, '884')).toMatchObject(opens('a'))
    expect(await key(VN1, '713')).toMatchObject(opens('b'))
  })

  test('what is given up twice counts from the second time', async () => {
    await update({ a: { pin: '999' } })
    ctx.clock.ms += COOL_OFF_MS / 2
    await update({ a: { pin: '713' } })
    await update({ a: { pin: '999' } })
    ctx.clock.ms += COOL_OFF_MS - 1
    await expect(wants(VN1, '713')).rejects.toEqual(refusal('pin_taken'))
    ctx.clock.ms += 1
    await expect(wants(VN1, '713')).resolves.toBeDefined()
  })

  test('the end of the allocation neither frees it nor holds it longer', async () => {
    await update({ a: { pin: '999' } })
    ctx.clock.ms += COOL_OFF_MS / 2
    await endAllocation(ctx, account, made.id)
    await expect(wants(VN1, '713')).rejects.toEqual(refusal('pin_taken'))
    ctx.clock.ms += COOL_OFF_MS / 2
    await expect(wants(VN1, '713')).resolves.toBeDefined()
    await expect(wants(VN1, '999')).rejects.toEqual(refusal('pin_taken'))
    ctx.clock.ms += COOL_OFF_MS / 2
    await expect(wants(VN1, '999')).resolves.toBeDefined()
  })

  test('none is drawn, and when all others are in use there is none until then', async () => {
    const one = { a: { numbers: [OTHER], vns: [VN1], pinLength: 1 }, b: { numbers: [STRANGER], vns: [VN1] } }
    const { a } = await update({ a: { pinLength: 1 } })
    await update({ a: { pin: '713' } })
    for (let i = 0; i < 9; i++) expect((await create(one)).a.pin).not.toBe(a.pin)
    await expect(create(one)).rejects.toEqual(refusal('no_free_pin'))
    ctx.clock.ms += COOL_OFF_MS
    await expect(create(one)).resolves.toMatchObject({ a: { pin: a.pin } })
  })

  test('a refused change gives nothing up, and an account without cool-off nothing to wait for', async () => {
    await refused({ a: { pin: '999', vns: [VN1, FOREIGN_VN] } }, 'forbidden')
    expect(await ctx.store.pinsInUse([VN1], 3)).toEqual(new Set(['713']))
    await setCoolOff(0)
    await update({ a: { pin: '999' } })
    expect(await ctx.store.pinsInUse([VN1], 3)).toEqual(new Set(['999']))
    await expect(wants(VN1, '713')).resolves.toBeDefined()
  })

  test('who joins by PIN takes nothing away', async () => {
    await key(VN1, '713', STRANGER)
    ctx.clock.ms += COOL_OFF_MS
    await endDueAllocations(ctx)
    expect(await key(VN1, '713')).toMatchObject(opens('a'))
  })
})

describe('the policy', () => {
  test('counts from now, up and down', async () => {
    ctx.clock.ms += 3_600_000
    expect((await update({ durationMs: 20_000 })).deallocateAt).toBe(ctx.now() + 20_000)
    ctx.clock.ms += 10_000
    expect((await update({ durationMs: 60_000 })).deallocateAt).toBe(ctx.now() + 60_000)
    ctx.clock.ms += 59_999
    expect(await key(VN1, '713')).toMatchObject(opens('a'))
    ctx.clock.ms += 1
    expect(await key(VN1, '713')).toEqual(refusal('not_found'))
    expect(await read()).toMatchObject({ state: 'vault', endedAt: ctx.now() })
  })

  test('is cut to the longest that the account allows', async () => {
    ctx.clock.ms += DAY_MS
    expect((await update({ durationMs: 400 * DAY_MS })).deallocateAt).toBe(ctx.now() + 170 * DAY_MS)
  })

  test('is not made anew by other changes, however long it has run', async () => {
    ctx.clock.ms += DAY_MS
    expect((await update({ usage: 'oneway' })).deallocateAt).toBe(made.deallocateAt)
    account.settings.maxAllocationMs = 1_000
    expect((await update({ usage: 'twoway' })).deallocateAt).toBe(made.deallocateAt)
  })

  test('of an account without a longest life may say anything, even never', async () => {
    account.settings.maxAllocationMs = null
    const year = 365 * DAY_MS
    expect((await update({ durationMs: 50 * year })).deallocateAt).toBe(ctx.now() + 50 * year)
    for (const durationMs of [1_000 * year, 999_999_999_999 * DAY_MS, Infinity]) {
      expect((await update({ durationMs })).deallocateAt).toBe(Infinity)
      expect(await read()).toMatchObject({ deallocateAt: Infinity })
    }
    expect((await update({ durationMs: 1_000 })).deallocateAt).toBe(ctx.now() + 1_000)
  })
})

describe('refused, and nothing has changed', () => {
  const eleven = Array.from({ length: 11 }, (_, i) => `98123456${10 + i}`)
  test.each<[string, WantedChange]>([
    ['missing', {}],
    ['missing', { a: {}, b: { numbers: undefined } }],
    ['missing', { a: { numbers: [] }, b: { numbers: [] } }],
    ['missing', { a: { vns: [] }, b: { vns: [] } }],
    ['invalid', { a: { numbers: eleven } }],
    ['invalid', { b: { vns: Array.from({ length: 51 }, () => VN1) } }],
    ['invalid', { a: { pin: '' } }],
    ['invalid', { a: { pin: '1234567890' } }],
    ['invalid', { b: { pinLength: 0 } }],
    ['invalid', { b: { pinLength: 10 } }],
    ['invalid', { usage: 'oneway', durationMs: 0 }],
    ['invalid', { durationMs: -1 }],
    ['invalid', { durationMs: NaN }],
    ['invalid_number', { a: { numbers: ['1/sip:x@evil'] } }],
    ['invalid_number', { a: { numbers: ['+442079460000'] } }],
    ['invalid_number', { a: { numbers: [VN2] } }],
    ['invalid_number', { b: { vns: [A] } }],
    ['duplicates', { a: { numbers: [STRANGER, '09812345678'] } }],
    ['same_number_in_both_parties', { a: { numbers: [STRANGER, B] } }],
    ['same_number_in_both_parties', { b: { numbers: [A], pin: '5' } }],
    ['forbidden', { a: { vns: [VN1, FOREIGN_VN] } }],
    ['pin_taken', { a: { pin: '5' }, b: { pin: '5', vns: [VN1] } }],
  ])('%s: %j', (code, change) => refused(change, code))

  test("forbidden: another account's virtual number", async () => {
    await testAccount(ctx, { sid: 'other', vns: [FOREIGN_VN] })
    await refused({ a: { vns: [FOREIGN_VN] } }, 'forbidden')
  })

  test("missing: the only numbers are the other party's, and are emptied", async () => {
    await update({ a: { numbers: [] } })
    await refused({ b: { numbers: [] } }, 'missing')
  })

  test('same_number_in_both_parties: one of them has joined by PIN', async () => {
    await key(VN1, '713', STRANGER)
    const before = await read()
    await expect(update({ b: { numbers: [STRANGER] } })).rejects.toEqual(
      refusal('same_number_in_both_parties'),
    )
    expect(await read()).toEqual(before)
  })

  test('not_found: no such allocation, or that of another account', async () => {
    const other = await testAccount(ctx, { sid: 'other', vns: [FOREIGN_VN] })
    await expect(update({ usage: 'oneway' }, 'nobody')).rejects.toEqual(refusal('not_found'))
    await expect(updateAllocation(ctx, other, made.id, { usage: 'oneway' })).rejects.toEqual(
      refusal('not_found'),
    )
    expect(await read()).toEqual(made)
  })

  test('deleted: ended by hand', async () => {
    const ended = await endAllocation(ctx, account, made.id)
    await expect(update({ a: { pin: '5' } })).rejects.toEqual(refusal('deleted'))
    expect(await read()).toEqual(ended)
    expect(await eventsOf(ctx)).toHaveLength(1)
  })

  test('deleted: run out at this very instant, and not prolonged by being asked to', async () => {
    await update({ durationMs: 20_000 })
    ctx.clock.ms += 20_000
    await expect(update({ durationMs: 60_000 })).rejects.toEqual(refusal('deleted'))
    expect(await read()).toMatchObject({ state: 'vault', endedAt: ctx.now() })
  })

  test('deleted: an ended one that is not even sensibly changed', async () => {
    await endAllocation(ctx, account, made.id)
    await expect(update({ a: { numbers: [B] } })).rejects.toEqual(refusal('deleted'))
  })
})

describe('at the same time as', () => {
  test('a caller who joins: what is not mentioned keeps the caller', async () => {
    await Promise.all([update({ a: { pin: '5' } }), key(VN2, '884', STRANGER), update({ usage: 'oneway' })])
    expect(await read()).toMatchObject({ usage: 'oneway', a: { pin: '5' }, b: { numbers: [B, STRANGER] } })
    expect(await who(VN2, STRANGER)).toMatchObject({ membership: opens('b') })
  })

  /** Lets something happen once, after the next update has looked and before it decides. */
  function meanwhile(work: (store: Context['store']) => Promise<unknown>): void {
    const { store } = ctx
    let done = false
    ctx.store = {
      ...store,
      updateAllocation: async (query, decide) => {
        if (!done) {
          done = true
          await work(store)
        }
        return store.updateAllocation(query, decide)
      },
    }
  }

  test('a caller who joins between the look and the change: nobody is lost', async () => {
    meanwhile(() => key(VN2, '884', STRANGER))
    await update({ a: { pin: '5' } })
    expect(await read()).toMatchObject({ a: { pin: '5' }, b: { numbers: [B, STRANGER] } })
  })

  test('a caller who joins the other party then: the decision refuses, and does not throw', async () => {
    meanwhile(() => key(VN2, '884', STRANGER))
    const { store } = ctx
    const decided: unknown[] = []
    ctx.store = {
      ...store,
      updateAllocation: (query, decide) =>
        store.updateAllocation(query, (...seen) => {
          const change = decide(...seen)
          decided.push(change.result)
          return change
        }),
    }
    const wanted = update({ a: { numbers: [STRANGER] } })
    await expect(wanted).rejects.toEqual(refusal('same_number_in_both_parties'))
    expect(decided).toEqual([refusal('same_number_in_both_parties')])
    expect(await read()).toMatchObject({ a: { numbers: [A] }, b: { numbers: [B, STRANGER] } })
  })

  test('a change of its PIN then: the new one is looked up where the virtual numbers lead', async () => {
    const b = { numbers: [STRANGER], vns: [VN3] }
    await create({ a: { numbers: [OTHER], vns: [VN3], pin: '55' }, b })
    meanwhile((store) => updateAllocation({ ...ctx, store }, account, made.id, { a: { pin: '55' } }))
    await expect(update({ a: { vns: [VN3] } })).rejects.toEqual(refusal('pin_taken'))
    expect(await read()).toMatchObject({ a: { vns: [VN1], pin: '55' } })
  })

  test('its running out then: it is not prolonged any more', async () => {
    await update({ durationMs: 20_000 })
    const { deallocateAt } = await read()
    ctx.clock.ms = deallocateAt - 1
    meanwhile(() => Promise.resolve((ctx.clock.ms = deallocateAt)))
    await expect(update({ durationMs: 20_000 })).rejects.toEqual(refusal('deleted'))
    expect(await read()).toMatchObject({ state: 'vault', endedAt: deallocateAt })
  })

  test('a sweep that has looked before: what was prolonged lives on', async () => {
    await update({ durationMs: 20_000 })
    ctx.clock.ms += 20_000
    const { store } = ctx
    const sweeping = {
      ...store,
      dueAllocations: async (now: number, limit: number) => {
        const due = await store.dueAllocations(now, limit)
        ctx.clock.ms -= 1
        await update({ durationMs: 60_000 })
        ctx.clock.ms += 1
        return due
      },
    }
    expect(await endDueAllocations({ ...ctx, store: sweeping })).toMatchObject({ ended: 0 })
    expect(await read()).toMatchObject({ state: 'active' })
    expect(await eventsOf(ctx)).toEqual([])
  })

  test('other changes: each is made of what the one before has left', async () => {
    await Promise.all([
      update({ a: { numbers: [OTHER] } }),
      update({ a: { pin: '5' } }),
      update({ b: { vns: [VN3] } }),
      update({ b: { numbers: [STRANGER] } }),
      update({ usage: 'oneway' }),
      update({ durationMs: 20_000 }),
    ])
    expect(await read()).toMatchObject({
      a: { numbers: [OTHER], vns: [VN1], pin: '5' },
      b: { numbers: [STRANGER], vns: [VN3], pin: '884' },
      usage: 'oneway',
      deallocateAt: ctx.now() + 20_000,
    })
  })

  test('however many others: nobody is told that there were no PINs', async () => {
    const changes = Array.from({ length: 20 }, (_, i) => update({ a: { pin: String(100 + i) } }))
    const drawn = Array.from({ length: 20 }, (_, i) => update({ a: { pinLength: 4 + (i % 3) } }))
    await Promise.all([...changes, ...drawn])
    const { a } = await read()
    expect(await ctx.store.pinsInUse([VN1], a.pin?.length ?? 0)).toEqual(new Set([a.pin]))
    expect(await key(VN1, a.pin ?? '')).toMatchObject(opens('a'))
  })

  test('another that wants the same PIN: one of them gets it', async () => {
    const other = await create({
      a: { numbers: [OTHER], vns: [VN1], pin: '1' },
      b: { numbers: [STRANGER], vns: [VN1] },
    })
    const results = await Promise.allSettled([
      update({ a: { pin: '77' } }),
      update({ a: { pin: '77' } }, other.id),
      create({ a: { numbers: [OTHER], vns: [VN1], pin: '77' }, b: { numbers: [STRANGER], vns: [VN1] } }),
    ])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toEqual(refusal('pin_taken'))
  })

  test('two that swap their PINs with each other: neither can, for each sees the PIN in use', async () => {
    const other = await create({
      a: { numbers: [OTHER], vns: [VN1], pin: '1' },
      b: { numbers: [STRANGER], vns: [VN1] },
    })
    const swap = [update({ a: { pin: '1' } }), update({ a: { pin: '713' } }, other.id)]
    for (const result of await Promise.allSettled(swap))
      expect(result).toMatchObject({ reason: refusal('pin_taken') })
  })

  test('racers for the last ones: each gets another, and the slowest none', async () => {
    const wanted = { b: { numbers: [STRANGER], vns: [VN1] } }
    const ids = [made.id]
    for (let i = 0; i < 14; i++)
      ids.push((await create({ ...wanted, a: { numbers: [OTHER], vns: [VN1], pinLength: 4 } })).id)
    const results = await Promise.allSettled(ids.map((id) => update({ a: { pinLength: 1 } }, id)))
    const pins = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.a.pin] : []))
    expect(new Set(pins).size).toBe(10)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toEqual(refusal('no_free_pin'))
  })

  test('its end: whichever comes first, it has ended once, and nothing of it is left', async () => {
    for (const endFirst of [true, false]) {
      const wanted = { a: { numbers: [OTHER], vns: [VN3], pin: '3' }, b: { numbers: [STRANGER], vns: [VN3] } }
      const { id } = await create(wanted)
      const change = () => update({ a: { pin: '4', vns: [VN1] }, b: { vns: [VN1] } }, id)
      const end = () => endAllocation(ctx, account, id)
      const [first, second] = endFirst ? [end, change] : [change, end]
      await Promise.allSettled([first(), second()])
      expect(await read(id)).toMatchObject({ state: 'vault' })
      for (const vn of [VN1, VN3]) expect(await ctx.store.pinsInUse([vn], 1)).toEqual(new Set())
    }
    expect((await eventsOf(ctx)).map(({ type }) => type)).toEqual(['allocation.ended', 'allocation.ended'])
  })

  test('its end between the look and the change: deleted', async () => {
    meanwhile(() => endAllocation(ctx, account, made.id))
    await expect(update({ usage: 'oneway' })).rejects.toEqual(refusal('deleted'))
    expect(await read()).toMatchObject({ state: 'vault', usage: 'twoway' })
  })
})
