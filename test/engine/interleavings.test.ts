import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import { endAllocation, endDueAllocations, readAllocation } from '../../src/engine/allocations.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { joinByPin } from '../../src/engine/membership.ts'
import { A, B, VN1, VN2, eventsOf, testAccount, testContext, type TestContext } from '../support/context.ts'

let drawn = 0

describe('whatever happens in whatever order', () => {
  const vns = fc.subarray([VN1, VN2], { minLength: 1 })
  const pin = fc.option(fc.constantFrom('00', '01', '02', '03'), { nil: undefined })
  const party = (number: string) =>
    fc.record({ numbers: fc.constant([number] as string[]), vns, pin, pinLength: fc.constant(2) })
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('create' as const),
        a: party(A),
        b: party(B),
        seconds: fc.nat(9),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), nth: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('join' as const),
        pin: fc.constantFrom('00', '01', '02'),
        nth: fc.nat(9),
      }),
    },
  )

  test('no virtual number has a PIN twice, and everything ends once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12 }), async (rounds) => {
        // Few PINs are left, so that draws collide.
        const here = testContext((max) => drawn++ % Math.min(max, 3))
        const own = await testAccount(here, {
          vns: [VN1, VN2],
          settings: { pinEnabled: { a: true, b: true } },
        })
        const ids: string[] = []
        const run = async (what: (typeof rounds)[number][number]) => {
          if (what.do === 'sweep') return endDueAllocations(here)
          if (what.do === 'end') return endAllocation(here, own, ids[what.nth % ids.length] ?? 'none')
          if (what.do === 'join') {
            const caller = `+91981234560${what.nth}`
            return joinByPin(here, { account: own, vn: VN1, caller, pin: what.pin, callId: 'c' })
          }
          const durationMs = 1_000 + what.seconds * 1_000
          const { id } = await createAllocation(here, own, {
            transactionId: here.newId(),
            a: what.a,
            b: what.b,
            durationMs,
          })
          return ids.push(id)
        }
        for (const round of rounds) {
          const results = await Promise.allSettled(round.map(run))
          for (const result of results)
            if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(Refusal)
          here.clock.ms += 700
          await checkPins(here, own, ids)
        }
        await checkEnds(here, own, ids)
        await here.store.close()
      }),
      { numRuns: 250 },
    )
  })

  async function checkPins(here: TestContext, own: Account, ids: string[]) {
    const inUse: string[] = []
    for (const id of ids) {
      const found = await here.store.findAllocation(own.id, id)
      if (found?.state !== 'active') continue
      for (const { vns, pin } of [found.a, found.b]) inUse.push(...vns.map((vn) => `${vn} ${pin}`))
    }
    expect(new Set(inUse).size).toBe(inUse.length)
  }

  async function checkEnds(here: TestContext, own: Account, ids: string[]) {
    here.clock.ms += 60_000
    while ((await endDueAllocations(here)).ended > 0);
    const ended = (await eventsOf(here)).flatMap((event) =>
      event.type === 'allocation.ended' ? [event.allocationId] : [],
    )
    expect([...ended].sort()).toEqual([...ids].sort())
    for (const vn of [VN1, VN2]) expect(await here.store.pinsInUse([vn], 2)).toEqual(new Set())
    for (const id of ids) expect(await readAllocation(here, own, id)).toMatchObject({ state: 'vault' })
  }
})
