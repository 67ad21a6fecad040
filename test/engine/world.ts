import { expect } from '@jest/globals'
import type { Scheduler } from 'fast-check'
import type { Account, AccountSettings } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import {
  type Allocation,
  type PartyName,
  endAllocation,
  endDueAllocations,
  readAllocation,
} from '../../src/engine/allocations.ts'
import type { Context } from '../../src/engine/context.ts'
import { Refusal } from '../../src/engine/errors.ts'
import { isInUse, joinByPin, mayCall, whoIsCalling } from '../../src/engine/membership.ts'
import type { WantedAllocation, WantedChange } from '../../src/engine/plan.ts'
import type { Membership, Store } from '../../src/engine/store.ts'
import { updateAllocation } from '../../src/engine/update.ts'
import {
  A,
  B,
  VN1,
  VN2,
  VN3,
  STRANGER,
  eventsOf,
  keyed,
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

/** What the test itself knows of an allocation. */
type Known = {
  last: Allocation
  /** When it ended, once it has. */
  over: number | undefined
  endedByHand: boolean
  /** Whether its end has reached the store. */
  swept: boolean
  /** Until when each place that it gave up by an update is reserved for it. */
  retired: Map<string, number>
}

/** What an account wants, as far as it matters here. */
export type Wishes = Pick<AccountSettings, 'coolOffMs' | 'pinEnabled'>

/** A step that was refused; `id` is the allocation that it was about, if any. */
type Refused = { step: Step; id: string | undefined; refusal: Refusal }

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
  /** Every PIN that anybody ever had. */
  private readonly pins = new Set(PINS)
  /** The context as the steps see it: each call of the store waits until the scheduler lets it through. */
  private readonly busy: TestContext

  static async begin(scheduler: Scheduler | undefined, wishes: Wishes): Promise<World> {
    // Few PINs are ever drawn, so that draws collide; counted here, so that a seed says everything.
    let drawn = 0
    const ctx = testContext((max) => drawn++ % Math.min(max, 3))
    // Only ends are told: the callers of `check` are nobody's business.
    const endpoints = { 'allocation.ended': 'https://client.example/events' }
    const settings = { ...wishes, pinLength: { a: 2, b: 2 }, endpoints }
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
    const refusals: Refused[] = []
    await together(Promise.all(steps.map((step) => this.run(step, refusals))))
    for (const refused of refusals) this.checkRefusal(refused, held)
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

  private async run(step: Step, refusals: Refused[]): Promise<void> {
    const { busy, account } = this
    if (step.do === 'sweep') {
      await endDueAllocations(busy)
      return
    }
    if (step.do === 'bulk') {
      // As a bulk update does it: one after the other, and a refusal does not keep the next from its turn.
      for (const one of step.updates) await this.run({ do: 'update', ...one }, refusals)
      return
    }
    const id = 'nth' in step ? this.nth(step.nth) : undefined
    const work = {
      create: (of: Step & { do: 'create' }) => {
        const transactionId = of.transaction === undefined ? busy.newId() : `t${of.transaction}`
        return createAllocation(busy, account, { transactionId, ...of.wanted })
      },
      update: (of: Step & { do: 'update' }) => updateAllocation(busy, account, id ?? '', of.change),
      end: () => endAllocation(busy, account, id ?? ''),
      join: async ({ vn, pin, caller }: Step & { do: 'join' }) => {
        const joined = await joinByPin(unsuspicious(busy), { account, vn, pin, caller, callId: 'call' })
        if (joined instanceof Refusal) throw joined
        return joined.allocation
      },
    }
    try {
      this.answered(step, await (work[step.do] as (of: Step) => Promise<Allocation>)(step))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refusals.push({ step, id, refusal: error })
    }
  }

  private nth(nth: number): string {
    return [...this.known.keys()].reverse()[nth % this.known.size] ?? 'none'
  }

  private answered(step: Step, answer: Allocation): void {
    const known = this.known.get(answer.id) ?? { ...UNKNOWN, last: answer, retired: new Map() }
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
    for (const { pin } of [answer.a, answer.b]) if (pin !== undefined) this.pins.add(pin)
    this.answers.set(answer.id, [...(this.answers.get(answer.id) ?? []), answer])
  }

  /** A refusal must have had its reason, now or before: nothing that is over may be in the way. */
  private checkRefusal({ step, id, refusal: { code } }: Refused, before: Map<string, string[]>): void {
    const answers = [...this.answers.values()].flat()
    // A space of a hundred has room for them all, whoever has them and whoever had them.
    if (this.pins.size < 60) expect(code).not.toBe('no_free_pin')
    if (code === 'duplicate_transaction' && step.do === 'create') {
      const has = ({ transactionId }: Allocation) => transactionId === `t${step.transaction}`
      const alive = [...this.known.values()].filter(
        ({ over }) => over === undefined || over === this.ctx.clock.ms,
      )
      expect([...answers, ...alive.map(({ last }) => last)].some(has)).toBe(true)
    }
    if (code !== 'pin_taken') return
    const byOthers = new Set<string>()
    for (const [place, ids] of [...before, ...this.holders()])
      if (ids.some((holder) => holder !== id)) byOthers.add(place)
    for (const answer of answers)
      if (answer.id !== id) for (const place of pinsOf(answer)) byOthers.add(place)
    expect(this.askedFor(step, id).some((place) => place === 'both' || byOthers.has(place))).toBe(true)
  }

  /** Where a step may have wanted a PIN to be free; `both` when that may have been twice the same place. */
  private askedFor(step: Step, id = ''): string[] {
    const { a, b }: WantedChange =
      step.do === 'create' ? step.wanted : step.do === 'update' ? step.change : {}
    const known = this.known.get(id)
    const states = step.do === 'update' && known ? [known.last, ...(this.answers.get(id) ?? [])] : []
    const vnsOf = (name: PartyName) => ({ a, b })[name]?.vns ?? states.flatMap((state) => state[name].vns)
    const [places = [], others = []] = NAMES.map((name) => {
      const own = vnsOf(name)
      const vns = own.length > 0 ? own : vnsOf(name === 'a' ? 'b' : 'a')
      const pin = { a, b }[name]?.pin
      const pins = pin === undefined ? states.map((state) => state[name].pin) : [pin]
      return vns.flatMap((vn) => pins.flatMap((one) => (one === undefined ? [] : [`${vn} ${one}`])))
    })
    return [...places, ...others, ...(places.some((place) => others.includes(place)) ? ['both'] : [])]
  }

  /** Who has each PIN on each virtual number by now: who is alive, who cools off, and who has given it up just now. */
  private holders(): Map<string, string[]> {
    const holders = new Map<string, string[]>()
    const hold = (place: string, id: string) => holders.set(place, [...(holders.get(place) ?? []), id])
    for (const { last, over, retired } of this.known.values()) {
      for (const [place, freeAt] of retired) if (this.ctx.clock.ms < freeAt) hold(place, last.id)
      if (over !== undefined && this.ctx.clock.ms >= over + this.coolOffMs) continue
      for (const place of pinsOf(last)) hold(place, last.id)
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
    await this.checkCounts()
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
      known.swept = kept?.state === 'vault'
      if (known.swept) vaults.push(id)
      this.retire(known, found)
      known.last = found
      // Nobody could ever come into a party that has neither.
      for (const { numbers, pin } of [found.a, found.b])
        expect(numbers.length > 0 || pin !== undefined).toBe(true)
    }
    same(seen, expected)
    same((await this.ends()).sort(), vaults.sort())
  }

  /** What it had in this round and has no more was taken away by an update; what it took back cools off no more. */
  private retire({ last, retired }: Known, found: Allocation): void {
    for (const state of [last, ...(this.answers.get(found.id) ?? [])])
      for (const place of pinsOf(state)) retired.set(place, this.ctx.clock.ms + this.coolOffMs)
    for (const place of pinsOf(found)) retired.delete(place)
  }

  /** No PIN can be had that somebody has: neither while it opens nor while it cools off. */
  private async checkReserved(held: Map<string, string[]>): Promise<void> {
    const inUse = new Set<string>()
    for (const vn of VNS)
      for (const length of LENGTHS)
        for (const pin of await this.ctx.store.pinsInUse([vn], length)) inUse.add(`${vn} ${pin}`)
    expect([...held.keys()].filter((place) => !inUse.has(place))).toEqual([])
    // A virtual number is in use by those who are there, and not by those who were.
    const there = [...this.known.values()].filter(({ swept }) => !swept).map(({ last }) => last)
    for (const vn of VNS) {
      const isThere = there.some(({ a, b }) => [...a.vns, ...b.vns].includes(vn))
      same([vn, await isInUse(this.ctx, vn)], [vn, isThere])
    }
  }

  /** The guard is told how many PINs of each length open something there, as long as nobody has ended them. */
  private async checkCounts(): Promise<void> {
    const places = [...this.known.values()].flatMap(({ last, swept }) => (swept ? [] : pinsOf(last)))
    for (const vn of VNS)
      for (const length of LENGTHS) {
        const alike = places.filter(
          (place) => place.startsWith(`${vn} `) && place.length === vn.length + 1 + length,
        )
        const counted = await this.ctx.store.changeByPin(
          keyed(vn, '9'.repeat(length)),
          (_, { pinsAlike }) => ({
            result: pinsAlike,
          }),
        )
        same([vn, length, counted], [vn, length, alike.length])
      }
  }

  /** Each PIN opens what has it on that virtual number, and all others nothing. A withheld caller changes nothing. */
  private async checkPins(alive: Allocation[]): Promise<void> {
    const open = new Map<string, object>()
    for (const allocation of alive)
      for (const party of NAMES)
        for (const place of pinsOf(allocation, party)) open.set(place, { allocation, party })
    const tries = VNS.flatMap((vn) => [...this.pins].map((pin) => ({ vn, pin })))
    const opened = new Map<string, object>()
    await Promise.all(
      tries.map(async ({ vn, pin }) => {
        const keyed = { account: this.account, vn, pin, caller: undefined, callId: 'check' }
        const joined = await joinByPin(unsuspicious(this.ctx), keyed)
        if (!(joined instanceof Refusal)) opened.set(`${vn} ${pin}`, joined)
      }),
    )
    for (const place of new Set([...opened.keys(), ...open.keys()]))
      same([place, opened.get(place)], [place, open.get(place)])
  }

  /** A number belongs to what lists it on that virtual number, if that is one and only one, or if no PIN could tell. */
  private async checkCallers(alive: Allocation[]): Promise<void> {
    const [known, expected]: [unknown[], unknown[]] = [[], []]
    for (const vn of VNS)
      for (const caller of new Set([...NUMBERS_A, ...NUMBERS_B, ...CALLERS])) {
        const lists = alive.flatMap((allocation) =>
          NAMES.filter(
            (name) => allocation[name].vns.includes(vn) && allocation[name].numbers.includes(caller),
          ).map((party) => ({ allocation, party })),
        )
        const { membership } = await whoIsCalling(this.ctx, this.account, vn, caller)
        const meant = lists.length > 1 ? ofSeveral(lists) : lists
        const right = meant.find((one) => JSON.stringify(one) === JSON.stringify(membership)) ?? meant[0]
        known.push({ vn, caller, membership })
        expected.push({ vn, caller, membership: right })
      }
    same(known, expected)
  }

  /** The allocation of each end that was told. */
  private async ends(): Promise<string[]> {
    const events = await eventsOf(this.ctx)
    return events.flatMap((event) => (event.type === 'allocation.ended' ? [event.allocationId] : []))
  }
}

const UNKNOWN = { over: undefined, endedByHand: false, swept: false }

/** The same, but each wrong PIN is somebody's first: how many may be keyed is another matter (guessing.test.ts). */
function unsuspicious<C extends Context>(ctx: C): C {
  const { store } = ctx
  const changeByPin: Store['changeByPin'] = (query, decide) => {
    const [caller, place, way] = [ctx.newId(), ctx.newId(), ctx.newId()]
    return store.changeByPin({ ...query, guesser: { caller, place, way } }, decide)
  }
  return { ...ctx, store: { ...store, changeByPin } }
}

/** Only a PIN tells which is meant; where nobody has one it is the newest that may call, of which there may be several. */
function ofSeveral(lists: Membership[]): Membership[] {
  if (lists.some(({ allocation, party }) => allocation[party].pin !== undefined)) return []
  const callers = lists.filter(mayCall)
  const meant = callers.length > 0 ? callers : lists
  const newest = Math.max(...meant.map(({ allocation }) => allocation.createdAt))
  return meant.filter(({ allocation }) => allocation.createdAt === newest)
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
