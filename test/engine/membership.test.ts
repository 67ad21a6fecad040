import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import type { WantedAllocation } from '../../src/engine/plan.ts'
import { readAllocation } from '../../src/engine/allocations.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { joinByPin, mayCall, othersOf, refuseCaller, whoIsCalling } from '../../src/engine/membership.ts'
import type { Membership } from '../../src/engine/store.ts'
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
} from '../support/context.ts'

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
})

const create = (change?: Partial<WantedAllocation>) =>
  createAllocation(ctx, account, wantedAllocation(change))
const refusal = (code: string) => expect.objectContaining({ name: 'Refusal', code })
const types = async () => (await eventsOf(ctx)).map(({ type }) => type)
const key = (vn: string, pin: string, caller: string | undefined) =>
  joinByPin(ctx, { account, vn, pin, caller, callId: ctx.newId() })
const who = (vn: string, caller: string | undefined) => whoIsCalling(ctx, account, vn, caller)

describe('who is calling', () => {
  test('listed once and no PIN wanted: known', async () => {
    const made = await create()
    expect(await who(VN2, B)).toEqual({ kind: 'known', membership: { allocation: made, party: 'b' } })
  })

  test('"to be used for verification of a-party_caller": the account wants the PIN from those listed too', async () => {
    const made = await create()
    expect(await who(VN1, A)).toEqual({ kind: 'ask', membership: { allocation: made, party: 'a' } })
    await create({ b: { numbers: [B], vns: [VN2], pin: '1' }, a: { numbers: [STRANGER], vns: [VN3] } })
    account.settings.pinEnabled.a = false
    const { a } = await create({
      a: { numbers: ['9812345670'], vns: [VN1] },
      b: { numbers: ['9812345671'], vns: [VN1] },
    })
    expect(a.pin).toBeUndefined()
    expect(await who(VN1, '+919812345670')).toMatchObject({ kind: 'known', membership: { party: 'a' } })
  })

  test('a party without PIN is never asked for one', async () => {
    const made = await create({ b: { numbers: [B], vns: [VN2] } })
    account.settings.pinEnabled.b = true
    expect(await who(VN2, B)).toEqual({ kind: 'known', membership: { allocation: made, party: 'b' } })
  })

  test('listed twice, not here, withheld, or nobody: ask', async () => {
    await create()
    await create({
      a: { numbers: ['9812345670'], vns: [VN1], pin: '1' },
      b: { numbers: [B], vns: [VN2], pin: '2' },
    })
    const nobody = { kind: 'ask', membership: undefined }
    expect(await who(VN2, B)).toEqual(nobody)
    expect(await who(VN1, B)).toEqual(nobody)
    expect(await who(VN2, undefined)).toEqual(nobody)
    expect(await who(VN2, STRANGER)).toEqual(nobody)
  })
})

describe('keying a PIN', () => {
  test('a listed caller passes; that is no news', async () => {
    const allocation = await create()
    expect(await key(VN1, '713', A)).toEqual({ allocation, party: 'a' })
    expect(await eventsOf(ctx)).toEqual([])
  })

  test('a stranger joins the party of the PIN, once', async () => {
    const { id } = await create()
    const joined = await key(VN2, '884', STRANGER)
    expect(joined).toMatchObject({ party: 'b', allocation: { id, b: { numbers: [B, STRANGER] } } })
    expect(await who(VN2, STRANGER)).toMatchObject({ kind: 'known', membership: { party: 'b' } })
    await key(VN2, '884', STRANGER)
    const [event, ...others] = await eventsOf(ctx)
    expect(others).toEqual([])
    expect(event).toMatchObject({
      type: 'caller.verified',
      allocationId: id,
      vn: VN2,
      caller: STRANGER,
      party: 'b',
      pin: '884',
    })
  })

  test('"any number (other than b-party_numbers)": the other side\'s members are refused', async () => {
    await create({ a: { numbers: [], vns: [VN1, VN2], pin: '713' } })
    expect(await key(VN1, '713', B)).toEqual(refusal('not_found'))
    expect(await key(VN1, '713', STRANGER)).toMatchObject({
      party: 'a',
      allocation: { a: { numbers: [STRANGER] } },
    })
  })

  test('the PIN of a party that the account does not ask still opens to strangers', async () => {
    account.settings.pinEnabled = { a: false, b: false }
    await create()
    expect(await key(VN2, '884', STRANGER)).toMatchObject({ party: 'b' })
  })

  test('nobody joins whom the account would not ring', async () => {
    const { id } = await create()
    for (const caller of [undefined, '+442079460000', VN2])
      expect(await key(VN1, '713', caller)).toMatchObject({ party: 'a' })
    expect(await readAllocation(ctx, account, id)).toMatchObject({ a: { numbers: [A] } })
    expect(await types()).toEqual(['caller.verified', 'caller.verified', 'caller.verified'])
  })

  test.each(['+870773123456', '+882161234567', '+979912345678', '+449091234567', '+9118601234567'])(
    '%s is let in, but not listed, even where the account takes the whole world',
    async (caller) => {
      account.settings.internationalNumbers = true
      const made = await create()
      expect(await key(VN1, '713', caller)).toEqual({ allocation: made, party: 'a' })
      expect(await readAllocation(ctx, account, made.id)).toEqual(made)
      expect(await eventsOf(ctx)).toMatchObject([{ type: 'caller.verified', caller, party: 'a' }])
      expect(await who(VN1, caller)).toEqual({ kind: 'ask', membership: undefined })
      expect(await key(VN1, '713', '+442079460000')).toMatchObject({
        allocation: { a: { numbers: [A, '+442079460000'] } },
      })
    },
  )

  test('the eleventh is let in, but not listed', async () => {
    const numbers = Array.from({ length: 10 }, (_, i) => `98123456${10 + i}`)
    await create({ a: { numbers, vns: [VN1], pin: '713' } })
    const joined = await key(VN1, '713', STRANGER)
    expect((joined as Membership).allocation.a.numbers).toHaveLength(10)
    expect(await types()).toEqual(['caller.verified'])
  })

  test('wrong ones, those of another virtual number, and what cannot be a PIN are the same "no"', async () => {
    await create()
    let lookUps = 0
    const { store } = ctx
    ctx.store = {
      ...store,
      changeByPin: (...args) => {
        lookUps++
        return store.changeByPin(...args)
      },
    }
    for (const pin of ['714', '0713']) expect(await key(VN1, pin, STRANGER)).toEqual(refusal('not_found'))
    expect(await key(VN2, '713', STRANGER)).toEqual(refusal('not_found'))
    expect(lookUps).toBe(3)
    for (const pin of ['', '4111111111111111', '1234567890', '713#', '71 3', 'abc']) {
      expect(await key(VN1, pin, STRANGER)).toEqual(refusal('not_found'))
    }
    expect(lookUps).toBe(3)
  })

  test('the virtual number of another account opens nothing', async () => {
    await create()
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    const joined = await joinByPin(ctx, {
      account: other,
      vn: VN1,
      pin: '713',
      caller: STRANGER,
      callId: 'c',
    })
    expect(joined).toBeInstanceOf(Refusal)
    expect(await whoIsCalling(ctx, other, VN2, B)).toEqual({ kind: 'ask', membership: undefined })
  })

  test('strangers who key at once all join', async () => {
    const { id } = await create()
    await Promise.all(Array.from({ length: 9 }, (_, i) => key(VN1, '713', `+91981234560${i}`)))
    expect((await readAllocation(ctx, account, id)).a.numbers).toHaveLength(10)
    expect(await types()).toHaveLength(9)
  })
})

describe('who is rung', () => {
  test('the other side, which sees a number of its own', async () => {
    const allocation = await create({ b: { numbers: [B, STRANGER], vns: [VN3, VN2], pin: '884' } })
    expect(othersOf({ allocation, party: 'a' })).toEqual({ numbers: [B, STRANGER], vn: VN3 })
    expect(othersOf({ allocation, party: 'b' })).toEqual({ numbers: [A], vn: VN1 })
  })

  test('"oneway" allocations only permit a-party callers to talk to the b-party', async () => {
    const allocation = await create({ usage: 'oneway' })
    expect(mayCall({ allocation, party: 'a' })).toBe(true)
    expect(mayCall({ allocation, party: 'b' })).toBe(false)
    expect(await key(VN2, '884', STRANGER)).toEqual({ allocation, party: 'b' })
    expect(await eventsOf(ctx)).toEqual([])
    expect(
      mayCall({
        allocation: await create({ a: { numbers: [A], vns: [VN3] }, b: { numbers: [B], vns: [] } }),
        party: 'b',
      }),
    ).toBe(true)
  })
})

test('a caller who failed is told about with what was keyed last, unless that was no PIN', async () => {
  const call = { account, callId: 'c', vn: VN1, caller: STRANGER, startedAt: ctx.now() - 9_000 }
  for (const pin of ['1234', '', '4111111111111111', '12345678901234'])
    await refuseCaller(ctx, { ...call, pin })
  const told = (await eventsOf(ctx)).map((event) => event.type === 'caller.refused' && event.pin)
  expect(told).toEqual(['1234', '', '', ''])
})
