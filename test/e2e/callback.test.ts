import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import { stopCallback } from '../../src/engine/callbacks.ts'
import type { Callback, CallbackOutcome, CallbackState } from '../../src/engine/paid-call-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import type { Context } from '../../src/engine/context.ts'
import type { Hold } from '../../src/engine/holds.ts'
import { invites } from '../support/card-stage.ts'
import {
  addCallback,
  beside,
  GERMANY as A,
  GERMANY_TOO as B,
  giveCard,
  PER_SECOND_MICROS,
} from '../support/paid.ts'
import type { Phone } from '../support/phone.ts'
import type { Callee, Step } from '../support/sip-script.ts'
import { useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const START_MICROS = 1_000 * PER_SECOND_MICROS

const stay: Step[] = [{ do: 'waitForHangUp' }]
const answers: Callee = { answers: 'after', ringMs: 200, steps: stay }
/** The other phone plays back what it hears. */
const speaks: Callee = { answers: 'after', ringMs: 200, steps: [{ do: 'speak' }, ...stay] }

const stage = useStage()
let ctx: Context
let account: Account
let card: Card

beforeAll(() => {
  ctx = beside(stage())
}, 60_000)
beforeEach(async () => {
  const { id } = (await ctx.store.accounts()).find(({ sid }) => sid === stage().sid)!
  card = await giveCard(ctx, id, { balanceMicros: START_MICROS, settings: { ringMs: 30_000 } })
  account = (await ctx.store.accounts()).find((one) => one.id === id)!
})
afterAll(() => ctx.store.close())

const rowOf = async ({ id }: Callback) => (await ctx.store.findCallback(account.id, id))!

async function reaches(callback: Callback, wanted: { state: CallbackState; outcome?: CallbackOutcome }) {
  await until(async () => expect(await rowOf(callback)).toMatchObject(wanted), { atMostMs: 15_000 })
}

/** Seconds that are paid for. */
const begun = (ms: number) => Math.ceil(ms / 1_000)

/** What a call has cost by its instants: A while B rang, and then both; or A alone. */
function dueFor({ alsoAnsweredAt = NaN, answeredAt, endedAt = NaN }: Hold): number {
  if (answeredAt === undefined) return Math.max(begun(endedAt - alsoAnsweredAt), 1) * PER_SECOND_MICROS
  return (begun(answeredAt - alsoAnsweredAt) + 2 * begun(endedAt - answeredAt)) * PER_SECOND_MICROS
}

/** What it has cost, when nothing is held any more and everything adds up: at most one call, charged once for what it was. */
async function charged(): Promise<{ talkedMs: number; aloneMs: number; lines: number }> {
  await until(async () => {
    const { heldMicros } = (await ctx.store.findCard({ accountId: account.id, id: card.id }))!
    expect(heldMicros).toBe(0)
  })
  const { balanceMicros } = (await ctx.store.findCard({ accountId: account.id, id: card.id }))!
  const charges = (await ctx.store.ledger(card.id, undefined, 10)).filter(({ kind }) => kind === 'charge')
  const hold = charges[0] && (await ctx.store.findHold(charges[0].reference!))
  expect(await ctx.store.audit(10)).toEqual([])
  expect(await ctx.store.openCalls()).toEqual([])
  expect(START_MICROS - balanceMicros).toBe(hold ? dueFor(hold) : 0)
  const { answeredAt, alsoAnsweredAt = NaN, endedAt = NaN } = hold ?? {}
  return {
    talkedMs: answeredAt === undefined ? 0 : endedAt - answeredAt,
    aloneMs: hold ? (answeredAt ?? endedAt) - alsoAnsweredAt : 0,
    lines: charges.length,
  }
}

const rang = (phone: Phone, number: string) => phone.messages().includes(`INVITE sip:${number}@`)

test('joins two phones, who hear each other, and is stopped by its id: charged to the second', async () => {
  await stage().answering({ [A]: speaks, [B]: answers }, async (phones) => {
    const callback = await addCallback(ctx, card)
    await reaches(callback, { state: 'talking' })
    const up = await stage().talking(2)
    await until(async () => {
      for (const { id } of up) {
        const { spoken, heard } = await stage().sound(id)
        expect([spoken > 50, heard > 50]).toEqual([true, true])
      }
    })
    await stopCallback(ctx, account, callback.id)
    await reaches(callback, { state: 'ended', outcome: 'stopped' })
    await stage().settled()
    expect([invites(phones), phones.messages().match(/^BYE sip:phone/gm)?.length]).toEqual([2, 2])
    // Both see what the account shows: its first number.
    const [number] = await ctx.store.numbers(account.id)
    const from = phones.messages().match(/^From: .*<sip:.*$/gm) ?? []
    expect(from.filter((line) => line.includes(`<sip:${number!.number}@`)).length).toBeGreaterThanOrEqual(2)
  })
  const { talkedMs, lines } = await charged()
  expect(talkedMs).toBeGreaterThan(0)
  expect(lines).toBe(1)
}, 60_000)

test('stopped while A rings: A is let go, and B never rings', async () => {
  await stage().answering({ [A]: { answers: 'never' }, [B]: answers }, async (phones) => {
    const callback = await addCallback(ctx, card)
    await until(() => expect(phones.messages()).toContain('SIP/2.0 180'))
    expect(await rowOf(callback)).toMatchObject({ state: 'ringing_a' })
    await stopCallback(ctx, account, callback.id)
    await reaches(callback, { state: 'ended', outcome: 'stopped' })
    await until(() => expect(phones.messages()).toContain(`CANCEL sip:${A}@`))
    expect(rang(phones, B)).toBe(false)
  })
  expect(await charged()).toMatchObject({ lines: 0 })
}, 60_000)

test('stopped while B rings: both are let go, and A is paid for', async () => {
  await stage().answering({ [A]: answers, [B]: { answers: 'never' } }, async (phones) => {
    const callback = await addCallback(ctx, card)
    await until(() => expect(rang(phones, B)).toBe(true))
    await stopCallback(ctx, account, callback.id)
    await reaches(callback, { state: 'ended', outcome: 'stopped' })
    await until(() => expect(phones.messages()).toContain(`CANCEL sip:${B}@`))
    await until(() => expect(phones.messages()).toContain('BYE sip:phone'))
  })
  expect(await charged()).toMatchObject({ talkedMs: 0, lines: 1 })
}, 60_000)

test.each<[string, Record<string, Callee>, CallbackOutcome, boolean]>([
  ['A is busy', { [A]: { answers: 'refuses', status: 486 }, [B]: answers }, 'a_busy', false],
  ['B is busy', { [A]: answers, [B]: { answers: 'refuses', status: 486 } }, 'b_busy', true],
  ['A does not exist', { [A]: { answers: 'refuses', status: 404 }, [B]: answers }, 'a_failed', false],
])(
  '%s: that is what becomes of it, and nobody pays but for A who has answered',
  async (_what, phones, outcome, ringsB) => {
    await stage().answering(phones, async (called) => {
      const callback = await addCallback(ctx, card)
      await reaches(callback, { state: 'ended', outcome })
      expect(rang(called, B)).toBe(ringsB)
      expect(invites(called)).toBe(ringsB ? 2 : 1)
    })
    expect(await charged()).toMatchObject({ talkedMs: 0, lines: ringsB ? 1 : 0 })
  },
  60_000,
)

test('B leaves: A is let go, and the talk is charged', async () => {
  const leaves: Callee = {
    answers: 'after',
    ringMs: 200,
    steps: [{ do: 'wait', ms: 2_300 }, { do: 'hangUp' }],
  }
  await stage().answering({ [A]: answers, [B]: leaves }, async () => {
    await reaches(await addCallback(ctx, card), { state: 'ended', outcome: 'completed' })
  })
  const { talkedMs, aloneMs } = await charged()
  expect(Math.abs(talkedMs - 2_300)).toBeLessThan(1_000)
  // B has rung for so long.
  expect(aloneMs).toBeGreaterThanOrEqual(200)
}, 60_000)

test('kill -9 before the application has seen it: it is placed when it is back, once', async () => {
  await stage().answering({ [A]: answers, [B]: answers }, async (phones) => {
    await stage().app().kill('SIGKILL')
    const callback = await addCallback(ctx, card)
    await stage().restart()
    await reaches(callback, { state: 'talking' })
    expect(invites(phones)).toBe(2)
    await stopCallback(ctx, account, callback.id)
    await reaches(callback, { state: 'ended', outcome: 'stopped' })
    await stage().settled()
    expect(invites(phones)).toBe(2)
  })
  expect((await charged()).lines).toBe(1)
}, 60_000)

test('kill -9 while A rings: A is let go, and is not rung again', async () => {
  await stage().answering({ [A]: { answers: 'never' }, [B]: answers }, async (phones) => {
    const callback = await addCallback(ctx, card)
    await until(() => expect(phones.messages()).toContain('SIP/2.0 180'))
    await stage().app().kill('SIGKILL')
    await stage().restart()
    await reaches(callback, { state: 'ended', outcome: 'failed' })
    await stage().settled()
    expect([invites(phones), rang(phones, B)]).toEqual([1, false])
  })
  expect(await charged()).toMatchObject({ lines: 0 })
}, 60_000)

test('kill -9 while they talk, and they go on: adopted, stopped by its id, charged once', async () => {
  await stage().answering({ [A]: answers, [B]: answers }, async (phones) => {
    const callback = await addCallback(ctx, card)
    await reaches(callback, { state: 'talking' })
    const before = await stage().joined(2)
    await stage().app().kill('SIGKILL')
    await stage().restart()
    expect(await stage().joined(2)).toEqual(before)
    expect(await rowOf(callback)).toMatchObject({ state: 'talking' })
    await stopCallback(ctx, account, callback.id)
    await reaches(callback, { state: 'ended', outcome: 'stopped' })
    expect(invites(phones)).toBe(2)
  })
  const { talkedMs, lines } = await charged()
  expect(talkedMs).toBeGreaterThan(0)
  expect(lines).toBe(1)
}, 60_000)

test('kill -9 while they talk, and B leaves before it is back: charged to that instant, once', async () => {
  const leaves: Callee = {
    answers: 'after',
    ringMs: 200,
    steps: [{ do: 'wait', ms: 3_300 }, { do: 'hangUp' }],
  }
  await stage().answering({ [A]: answers, [B]: leaves }, async (phones) => {
    const callback = await addCallback(ctx, card)
    await reaches(callback, { state: 'talking' })
    await stage().joined(2)
    await stage().app().kill('SIGKILL')
    await until(() => expect(phones.messages()).toMatch(/^BYE /m), { atMostMs: 10_000 })
    const leftAt = Date.now()
    await until(() => expect(Date.now() - leftAt).toBeGreaterThan(2_500))
    await stage().restart()
    await reaches(callback, { state: 'ended', outcome: 'completed' })
  })
  const { talkedMs, lines } = await charged()
  expect(lines).toBe(1)
  expect(Math.abs(talkedMs - 3_300)).toBeLessThan(1_000)
}, 60_000)

test('forty at once on a card for one call: one is rung, joined and paid for, and the others end', async () => {
  await stage().answering({ [A]: answers, [B]: answers }, async (phones) => {
    const all = await Promise.all(Array.from({ length: 40 }, () => addCallback(ctx, card)))
    const rows = () => Promise.all(all.map(rowOf))
    await until(async () => {
      const states = (await rows()).map(({ state }) => state).sort()
      expect(states).toEqual([...Array.from({ length: 39 }, () => 'ended'), 'talking'])
    })
    const [talks] = (await rows()).filter(({ state }) => state === 'talking')
    const others = (await rows()).filter(({ state }) => state === 'ended')
    expect(new Set(others.map(({ outcome }) => outcome))).toEqual(new Set(['too_many_calls']))
    await stopCallback(ctx, account, talks!.id)
    await reaches(talks!, { state: 'ended', outcome: 'stopped' })
    await stage().settled()
    expect(invites(phones)).toBe(2)
  })
  expect((await charged()).lines).toBe(1)
}, 60_000)

/** From now on numbers of the account ring for so long. */
async function ringFor(ringMs: number): Promise<void> {
  await ctx.store.changeAccount(account.id, (one) => ({
    save: { ...one!, settings: { ...one!.settings, ringMs } },
    result: undefined,
  }))
}

/** Nobody is in Asterisk any more, though nobody looks after it. Resolves to the instant by our clock. */
async function alone(): Promise<number> {
  await until(async () => expect(await stage().ari('GET', 'channels')).toEqual([]), { atMostMs: 30_000 })
  return Date.now()
}

test('kill -9 while A rings, who answers then, and nobody comes back: A is soon hung up, and nothing is charged', async () => {
  await ringFor(3_000)
  const late: Callee = { answers: 'after', ringMs: 1_500, steps: stay }
  let callback: Callback
  await stage().answering({ [A]: late, [B]: answers }, async (phones) => {
    callback = await addCallback(ctx, card)
    await until(() => expect(phones.messages()).toContain('SIP/2.0 180'))
    await stage().app().kill('SIGKILL')
    // Ten seconds more than it may ring, from its beginning.
    await until(() => expect(phones.messages()).toMatch(/^SIP\/2\.0 200 OK[^]*?CSeq: \d+ INVITE/m))
    const answeredAt = Date.now()
    const connectedMs = (await alone()) - answeredAt
    expect(connectedMs).toBeGreaterThan(8_000)
    expect(connectedMs).toBeLessThan(14_500)
    expect(phones.messages()).toContain('BYE sip:phone')
    expect(rang(phones, B)).toBe(false)
  })
  await stage().restart()
  await reaches(callback!, { state: 'ended', outcome: 'failed' })
  expect(await charged()).toMatchObject({ lines: 0 })
}, 90_000)

test('kill -9 while B rings, and nobody comes back: A is soon hung up, and pays to that instant, once', async () => {
  await ringFor(2_000)
  let callback: Callback
  let connectedMs = NaN
  await stage().answering({ [A]: answers, [B]: { answers: 'never' } }, async (phones) => {
    callback = await addCallback(ctx, card)
    await until(() => expect(rang(phones, B)).toBe(true))
    const [hold] = await ctx.store.openHolds()
    await stage().app().kill('SIGKILL')
    // What B may ring and fifteen seconds more, from A's answer.
    connectedMs = (await alone()) - hold!.alsoAnsweredAt!
    expect(connectedMs).toBeGreaterThan(16_000)
    expect(connectedMs).toBeLessThan(21_000)
    expect(phones.messages()).toContain('BYE sip:phone')
  })
  await stage().restart()
  await reaches(callback!, { state: 'ended', outcome: 'failed' })
  const { aloneMs, talkedMs, lines } = await charged()
  expect({ talkedMs, lines }).toEqual({ talkedMs: 0, lines: 1 })
  expect(Math.abs(aloneMs - connectedMs)).toBeLessThan(1_500)
}, 90_000)
