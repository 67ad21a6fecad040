import { expect } from '@jest/globals'
import type { Scheduler } from 'fast-check'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import {
  type Allocation,
  type PartyName,
  endAllocation,
  endDueAllocations,
  readAllocation,
} from '../../src/engine/allocations.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { isInUse, joinByPin, whoIsCalling } from '../../src/engine/membership.ts'
import type { WantedAllocation, WantedChange } from '../../src/engine/plan.ts'
import type { Store } from '../../src/engine/store.ts'
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
  type TestContext,
} from '../support/context.ts'

export const VNS = [VN1, VN2, VN3]
export const NUMBERS_A = [A, '+919812345601']
export const NUMBERS_B = [B, '+919812345602']
export const CALLERS = [A, B, STRANGER]
export const PINS = ['00', '01', '02', '03', '04', '05', '06']

/** What can happen. `nth` counts the allocations that were made so far, from the newest and round and round. */
export type Step =
  | { do: 'create'; wanted: Omit<WantedAllocation, 'transactionId'>; transaction: number | undefined }
  | { do: 'update'; nth: number; change: WantedChange }
  | { do: 'bulk'; updates: { nth: number; change: WantedChange }[] }
  | { do: 'end'; nth: number }
  | { do: 'sweep' }
  | { do: 'join'; vn: string; pin: string; caller: string | undefined }

/** What happens at once, and how much time passes after it. */
export type Round = { steps: Step[]; passMs: number }

/** What the test itself knows of an allocation. `over`: when it ended, once it has. */
type Known = { last: Allocation; over: number | undefined; endedByHand: boolean }

/** Of the PINs that occur; the second only where a draw is asked for. */
const LENGTHS = [2, 3]
const NAMES = ['a', 'b'] as const

/**
 * One account with everything that happens to it, and beside it a plain model: the answers that were given and the clock
 * say what must be true, and `check` holds the store and the doors of the callers against that.
 */
export class World {
  readonly ctx: TestContext
  private readonly account: Account
  private readonly coolOffMs: number
  private readonly known = new Map<string, Known>()
  /** What this round's answers said of each allocation: one of them must be what is there now. */
  private answers = new Map<string, Allocation[]>()
  /** The context as the steps see it: each call of the store waits until the scheduler lets it through. */
  private readonly busy: TestContext

  static async begin(scheduler: Scheduler | undefined, coolOffMs: number): Promise<World> {
    // Few PINs are ever drawn, so that draws collide; counted here, so that a seed says everything.
    let drawn = 0
    const ctx = testContext((max) => drawn++ % Math.min(max, 3))
    // Only ends are told: the callers of `check` are nobody's business.
    const endpoints = { 'allocation.ended': 'https://client.example/events' }
    const settings = { pinEnabled: { a: true, b: true }, coolOffMs, endpoints }
    return new World(ctx, await testAccount(ctx, { vns: VNS, settings }), scheduler)
  }

  private constructor(ctx: TestContext, account: Account, scheduler: Scheduler | undefined) {
    this.ctx = ctx
    this.account = account
    this.coolOffMs = account.settings.coolOffMs
    this.busy = scheduler ? { ...ctx, store: scheduled(ctx.store, scheduler) } : ctx
  }

  async play(
    { steps, passMs }: Round,
    together: (work: Promise<unknown>) => Promise<unknown>,
  ): Promise<void> {
    this.answers = new Map()
    const held = this.holders()
    const refusals: { step: Step; refusal: Refusal }[] = []
    const one = async (step: Step) => {
      await this.run(step, (refusal, of = step) => refusals.push({ step: of, refusal }))
    }
    await together(Promise.all(steps.map(one)))
    for (const { step, refusal } of refusals) this.checkRefusal(step, refusal, held)
    await this.check()
    this.answers = new Map()
    if (this.pass(passMs)) await this.check()
  }

  /** Turns the clock; true if an allocation has run out by that. */
  private pass(ms: number): boolean {
    this.ctx.clock.ms += ms
    const due = [...this.known.values()].filter(
      ({ last, over }) => over === undefined && this.ctx.clock.ms >= last.deallocateAt,
    )
    for (const known of due) known.over = known.last.deallocateAt
    return due.length > 0
  }

  /** Long after the last life and the last cool-off nothing is left, and each has ended with one event. */
  async end(): Promise<void> {
    this.pass(60_000)
    while ((await endDueAllocations(this.ctx)).more);
    this.answers = new Map()
    await this.check()
    for (const length of LENGTHS) expect(await this.ctx.store.pinsInUse(VNS, length)).toEqual(new Set())
    for (const vn of VNS) expect(await isInUse(this.ctx, vn)).toBe(false)
    expect((await this.ends()).sort()).toEqual([...this.known.keys()].sort())
    await this.ctx.store.close()
  }

  private async run(step: Step, refused: (refusal: Refusal, of?: Step) => void): Promise<void> {
    const { busy, account } = this
    if (step.do === 'sweep') {
      await endDueAllocations(busy)
      return
    }
    if (step.do === 'bulk') {
      // As a bulk update does it: one after the other, and a refusal does not keep the next from its turn.
      for (const one of step.updates) {
        const update = { do: 'update', ...one } as const
        await this.run(update, (refusal) => refused(refusal, update))
      }
      return
    }
    const work = {
      create: (of: Step & { do: 'create' }) => {
        const transactionId = of.transaction === undefined ? busy.newId() : `t${of.transaction}`
        return createAllocation(busy, account, { transactionId, ...of.wanted })
      },
      update: (of: Step & { do: 'update' }) => updateAllocation(busy, account, this.nth(of.nth), of.change),
      end: (of: Step & { do: 'end' }) => endAllocation(busy, account, this.nth(of.nth)),
      join: async ({ vn, pin, caller }: Step & { do: 'join' }) => {
        const joined = await joinByPin(busy, { account, vn, pin, caller, callId: 'call' })
        if (joined instanceof Refusal) throw joined
        return joined.allocation
      },
    }
    try {
      this.answered(step, await (work[step.do] as (of: Step) => Promise<Allocation>)(step))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refused(error)
    }
  }

  private nth(nth: number): string {
    return [...this.known.keys()].reverse()[nth % this.known.size] ?? 'none'
  }

  private answered(step: Step, answer: Allocation): void {
    const known = this.known.get(answer.id) ?? { last: answer, over: undefined, endedByHand: false }
    // Nothing but this round's own end can have ended it; and what was over before answers nobody.
    if (known.over !== undefined && !known.endedByHand)
      throw new Error(`${step.do} reached ${answer.id} after its end`)
    if (step.do !== 'end' && answer.state !== 'active')
      throw new Error(`${step.do} changed ${answer.id} after its end`)
    if (step.do === 'end') {
      if (known.endedByHand) throw new Error(`${answer.id} ended twice`)
      Object.assign(known, { endedByHand: true, over: this.ctx.clock.ms })
    }
    this.known.set(answer.id, known)
    this.answers.set(answer.id, [...(this.answers.get(answer.id) ?? []), answer])
  }

  /** A refusal must have had its reason, now or before: nothing that is over may be in the way. */
  private checkRefusal(step: Step, { code }: Refusal, before: Map<string, string[]>): void {
    const answers = [...this.answers.values()].flat()
    // Fifteen allocations of two parties cannot fill a space of a hundred.
    if (this.known.size < 15) expect(code).not.toBe('no_free_pin')
    if (code === 'duplicate_transaction' && step.do === 'create') {
      const has = ({ transactionId }: Allocation) => transactionId === `t${step.transaction}`
      const alive = [...this.known.values()].filter(
        ({ over }) => over === undefined || over === this.ctx.clock.ms,
      )
      expect([...answers, ...alive.map(({ last }) => last)].some(has)).toBe(true)
    }
    if (code === 'pin_taken' && step.do === 'create') {
      const { a, b } = step.wanted
      if (a.pin === b.pin) return
      const held = new Set([
        ...before.keys(),
        ...this.holders().keys(),
        ...answers.flatMap((answer) => pinsOf(answer)),
      ])
      expect(VNS.some((vn) => held.has(`${vn} ${a.pin}`) || held.has(`${vn} ${b.pin}`))).toBe(true)
    }
  }

  /** Who has each PIN on each virtual number by now: allocations that are alive, and those that are cooling off. */
  private holders(): Map<string, string[]> {
    const holders = new Map<string, string[]>()
    for (const { last, over } of this.known.values()) {
      if (over !== undefined && this.ctx.clock.ms >= over + this.coolOffMs) continue
      for (const place of pinsOf(last)) holders.set(place, [...(holders.get(place) ?? []), last.id])
    }
    return holders
  }

  private async check(): Promise<void> {
    await this.checkAllocations()
    const held = this.holders()
    expect([...held].filter(([, ids]) => ids.length > 1)).toEqual([])
    const alive = [...this.known.values()].filter(({ over }) => over === undefined).map(({ last }) => last)
    const transactions = alive.map(({ transactionId }) => transactionId)
    expect(new Set(transactions).size).toBe(transactions.length)
    await this.checkReserved(held)
    await this.checkPins(alive)
    await this.checkCallers(alive)
  }

  /** What is there is what some answer said, or as it was; what is over stays as it ended, with one event. */
  private async checkAllocations(): Promise<void> {
    const [seen, expected, vaults]: [unknown[], unknown[], string[]] = [[], [], []]
    for (const [id, known] of this.known) {
      const found = await readAllocation(this.ctx, this.account, id)
      const said = (this.answers.get(id) ?? [known.last]).map(footing)
      if (!said.includes(footing(found))) expect(said).toContain(footing(found))
      seen.push({ id, state: found.state, endedAt: found.endedAt })
      expected.push({ id, state: known.over === undefined ? 'active' : 'vault', endedAt: known.over })
      const kept = await this.ctx.store.findAllocation(this.account.id, id)
      if (kept?.state === 'vault') vaults.push(id)
      known.last = found
    }
    same(seen, expected)
    same((await this.ends()).sort(), vaults.sort())
  }

  /** No PIN can be had that somebody has: neither while it opens nor while it cools off. */
  private async checkReserved(held: Map<string, string[]>): Promise<void> {
    const inUse = new Set<string>()
    for (const vn of VNS)
      for (const length of LENGTHS)
        for (const pin of await this.ctx.store.pinsInUse([vn], length)) inUse.add(`${vn} ${pin}`)
    expect([...held.keys()].filter((place) => !inUse.has(place))).toEqual([])
    for (const vn of VNS) {
      const isThere = [...held.keys()].some((place) => place.startsWith(vn) && this.isAlive(held.get(place)))
      if (isThere) expect(await isInUse(this.ctx, vn)).toBe(true)
    }
  }

  private isAlive(ids: string[] = []): boolean {
    return ids.some((id) => this.known.get(id)?.over === undefined)
  }

  /** Each PIN opens what has it on that virtual number, and all others nothing. A withheld caller changes nothing. */
  private async checkPins(alive: Allocation[]): Promise<void> {
    const open = new Map<string, object>()
    for (const allocation of alive)
      for (const party of NAMES)
        for (const place of pinsOf(allocation, party)) open.set(place, { allocation, party })
    const pins = new Set([
      ...PINS,
      ...[...this.known.values()].flatMap(({ last }) => [last.a.pin, last.b.pin]),
    ])
    const tries = VNS.flatMap((vn) => [...pins].flatMap((pin = '') => [{ vn, pin }]))
    const opened = new Map<string, object>()
    await Promise.all(
      tries.map(async ({ vn, pin }) => {
        const keyed = { account: this.account, vn, pin, caller: undefined, callId: 'check' }
        const joined = await joinByPin(this.ctx, keyed)
        if (!(joined instanceof Refusal)) opened.set(`${vn} ${pin}`, joined)
      }),
    )
    for (const place of new Set([...opened.keys(), ...open.keys()]))
      same([place, opened.get(place)], [place, open.get(place)])
  }

  /** A number belongs to what lists it on that virtual number, if that is one and only one. */
  private async checkCallers(alive: Allocation[]): Promise<void> {
    const [known, expected]: [unknown[], unknown[]] = [[], []]
    for (const vn of VNS)
      for (const caller of new Set([...NUMBERS_A, ...NUMBERS_B, ...CALLERS])) {
        const lists = alive.flatMap((allocation) =>
          NAMES.filter(
            (name) => allocation[name].vns.includes(vn) && allocation[name].numbers.includes(caller),
          ).map((party) => ({ allocation, party })),
        )
        expected.push({ vn, caller, membership: lists.length === 1 ? lists[0] : undefined })
        const { membership } = await whoIsCalling(this.ctx, this.account, vn, caller)
        known.push({ vn, caller, membership })
      }
    same(known, expected)
  }

  /** The allocation of each end that was told. */
  private async ends(): Promise<string[]> {
    const events = await eventsOf(this.ctx)
    return events.flatMap((event) => (event.type === 'allocation.ended' ? [event.allocationId] : []))
  }
}

/** `toEqual`, but fast where the two are equal. */
function same(got: unknown, wanted: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) expect(got).toEqual(wanted)
}

/** What changes and answers are about: all but the end. */
function footing({ a, b, usage, deallocateAt, transactionId, createdAt }: Allocation): string {
  return JSON.stringify({ a, b, usage, deallocateAt, transactionId, createdAt })
}

/** `<vn> <pin>` for each virtual number of the party, or of both. */
function pinsOf(allocation: Allocation, only?: PartyName): string[] {
  return NAMES.filter((name) => only === undefined || name === only).flatMap((name) => {
    const { vns, pin } = allocation[name]
    return pin === undefined ? [] : vns.map((vn) => `${vn} ${pin}`)
  })
}

/** The same store, but each call waits for its turn: what is read may be old when it is used. */
function scheduled(store: Store, scheduler: Scheduler): Store {
  const entries = Object.entries(store).map(([name, method]) => {
    const work = method as (...args: unknown[]) => Promise<unknown>
    return [
      name,
      (...args: unknown[]) => scheduler.schedule(Promise.resolve(), name).then(() => work(...args)),
    ]
  })
  return Object.fromEntries(entries) as Store
}
