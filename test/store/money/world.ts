import type { Account } from '../../../src/engine/accounts.ts'
import { topUp, updateCard } from '../../../src/engine/card-admin.ts'
import type { Context } from '../../../src/engine/context.ts'
import { Refusal } from '../../../src/engine/errors.ts'
import { closeHold, holdAlsoAnswered, holdAnswered, openHold, refundHold } from '../../../src/engine/holds.ts'
import { redeemVoucher } from '../../../src/engine/vouchers.ts'
import type { Told } from './books.ts'
import type { Chance } from './chance.ts'

const UNIT = 1_000_000
/** Destinations of the world's tariff, one of which it does not have. */
const NUMBERS = ['+49301234567', '+4915112345678', '+12125550100', '+99912345']

/** What was asked for, and what came of it, over all lives of the process. */
export type Memory = {
  tell: (told: Told) => void
  /** Holds by card, as far as they were told. */
  holds: Map<number, string[]>
  /** Those of them that ring two numbers. */
  pairs: Set<string>
  /** At what instants a hold was said to have ended, by whoever said so. */
  ends: Map<string, number[]>
  /** How often what happened, so that a test can see that it did. */
  counts: Record<string, number>
  /** Counted up, at most to a million. */
  serial: number
}

/** One life of a process: what comes back after its end was never heard. */
export type Life = { ctx: Context; account: Account; over: boolean }

/** Everything that moves money, done at random to one card, with what is told about it written down. */
export class CardLife {
  readonly life: Life
  readonly cardId: number
  readonly memory: Memory
  readonly chance: Chance
  readonly vouchers: string[]

  constructor(life: Life, cardId: number, memory: Memory, chance: Chance, vouchers: string[]) {
    this.life = life
    this.cardId = cardId
    this.memory = memory
    this.chance = chance
    this.vouchers = vouchers
  }

  /** One of the things that happen to a card. Refusals are a result like any other. */
  async step(): Promise<void> {
    const steps: [share: number, name: string, act: () => Promise<void>][] = [
      [26, 'open', () => this.open()],
      [20, 'answer', () => this.answer()],
      [18, 'close', () => this.closeFromTwoSides(this.anyHold())],
      [12, 'top up', () => this.topUp()],
      [7, 'voucher', () => this.voucher()],
      [5, 'block', () => this.block()],
      [6, 'refund', () => this.refund()],
      [6, 'correct', () => this.correct()],
    ]
    let share = this.chance.int(100)
    for (const [of, name, act] of steps)
      if ((share -= of) < 0) {
        this.count(name)
        return act()
      }
  }

  private async open(): Promise<void> {
    const { account, ctx } = this.life
    const to = this.chance.pick(NUMBERS)!
    const alsoPays = this.chance.percent(40) ? this.chance.pick(NUMBERS) : undefined
    const hold = await openHold(ctx, {
      ...{ account, cardId: this.cardId, callId: 'visit', to },
      ...{ kind: alsoPays === undefined ? 'card' : 'callback', from: alsoPays, alsoPays },
    })
    if (hold instanceof Refusal) return this.heard(() => this.count(hold.code))
    this.heard(() => {
      this.count(alsoPays === undefined ? 'opened' : 'opened for two')
      if (alsoPays !== undefined) this.memory.pairs.add(hold.id)
      this.memory.tell({ what: 'opened', holdId: hold.id, heldMicros: hold.heldMicros })
      this.memory.holds.set(this.cardId, [...(this.memory.holds.get(this.cardId) ?? []), hold.id])
    })
  }

  private async answer(): Promise<void> {
    const id = this.anyHold()
    if (id === undefined) return
    const first = this.memory.pairs.has(id) && this.chance.percent(60)
    await (first ? holdAlsoAnswered : holdAnswered)(this.life.ctx, id)
    // Unless it was over by then.
    const what = first ? 'first answered' : 'answered'
    this.heard(() => this.memory.ends.has(id) || this.memory.tell({ what, holdId: id }))
  }

  /** As the call and somebody else do who finds it over, each with an instant of its own. */
  async closeFromTwoSides(id: string | undefined): Promise<void> {
    if (id === undefined) return
    const { ctx } = this.life
    const ends = [ctx.now(), ctx.now() - this.chance.int(3_000)]
    const tried = [...(this.memory.ends.get(id) ?? []), ...ends]
    this.memory.ends.set(id, tried)
    const sides = ends.map(async (endedAt) => {
      const hold = await closeHold(ctx, id, endedAt)
      this.heard(() => {
        if (!hold) throw new Error(`hold ${id} was told of, and is not there`)
        const { state, endedAt: at = NaN, openedAt, answeredAt, alsoAnsweredAt, billedSeconds } = hold
        if (![...tried, openedAt, answeredAt, alsoAnsweredAt].includes(at))
          throw new Error(`hold ${id} ended at ${at}`)
        this.count(state)
        if (alsoAnsweredAt !== undefined) this.count(answeredAt === undefined ? 'first alone' : 'both')
        this.memory.tell({ what: 'closed', holdId: id, state, endedAt: at, billedSeconds })
        if (hold.chargedMicros > 0) this.line('charge', { reference: id })
      })
    })
    await Promise.all(sides)
  }

  private async topUp(): Promise<void> {
    const note = `top-up ${++this.memory.serial}`
    const { ctx, account } = this.life
    await topUp(ctx, account, { id: this.cardId }, (1 + this.chance.int(3)) * UNIT, { note })
    this.heard(() => this.line('top_up', { note }))
  }

  private async voucher(): Promise<void> {
    const { ctx, account } = this.life
    // Each in the name of somebody else: how often one may guess is another matter.
    const [caller, place, way] = [ctx.newId(), ctx.newId(), ctx.newId()]
    const [id, pin] = (this.chance.pick(this.vouchers) ?? '').split(' ') as [string, string]
    const redeemed = await redeemVoucher(ctx, { account, pin, caller, place, way }, this.cardId)
    this.heard(() => {
      if (redeemed instanceof Refusal) return this.count(`voucher ${redeemed.code}`)
      this.count('redeemed')
      this.line('voucher', { reference: id })
    })
  }

  private async block(): Promise<void> {
    const { ctx, account } = this.life
    await updateCard(ctx, account, { id: this.cardId }, { blocked: this.chance.percent(40) })
  }

  /** To a balance that no other correction leads to. */
  private async correct(): Promise<void> {
    const { ctx, account } = this.life
    const balance = this.chance.int(3) * UNIT + ++this.memory.serial
    try {
      await updateCard(ctx, account, { id: this.cardId }, { balanceMicros: balance })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return this.heard(() => this.count('correction refused'))
    }
    this.heard(() => this.memory.tell({ what: 'corrected', cardId: this.cardId, balance }))
  }

  /** Twice at once, as somebody does who clicks twice. */
  private async refund(): Promise<void> {
    const id = this.anyHold(9)
    if (id === undefined) return
    const { ctx, account } = this.life
    const both = await Promise.all(['', ''].map((note) => refundHold(ctx, account, id, note)))
    const given = both.filter((one) => !(one instanceof Refusal))
    this.heard(() => {
      if (given.length > 1) throw new Error(`hold ${id} was given back twice`)
      if (given.length === 0) return
      this.count('given back')
      this.line('refund', { reference: id })
    })
  }

  private line(kind: string, by: { note: string } | { reference: string }): void {
    this.memory.tell({ what: 'line', cardId: this.cardId, kind, by })
  }

  /** Of the last few, so that most of them still run. */
  private anyHold(last = 3): string | undefined {
    return this.chance.pick((this.memory.holds.get(this.cardId) ?? []).slice(-last))
  }

  private heard(note: () => void): void {
    if (!this.life.over) note()
  }

  private count(what: string): void {
    this.memory.counts[what] = (this.memory.counts[what] ?? 0) + 1
  }
}
