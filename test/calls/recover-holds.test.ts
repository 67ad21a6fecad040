import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { media } from '../../src/calls/prompts.ts'
import { takeCalls, type CallDoor } from '../../src/calls/router.ts'
import type { Account } from '../../src/engine/accounts.ts'
import { updateCard } from '../../src/engine/card-admin.ts'
import type { Card } from '../../src/engine/cards.ts'
import type { Context } from '../../src/engine/context.ts'
import { type Hold, holdAnswered, openHold } from '../../src/engine/holds.ts'
import { createLog } from '../../src/log.ts'
import { STRANGER, testContext, type TestContext } from '../support/context.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { cardAccount, GERMANY, PER_SECOND_MICROS } from '../support/paid.ts'
import { fakeTime, soon } from './time.ts'

const CARDS = '+916292134468'
const KEYED = '030901820#'

let asterisk: FakeAri
let ctx: TestContext
let account: Account
let card: Card
let doors: CallDoor[]
let lines: string[]

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  asterisk.model.parties.set(GERMANY, 'answers')
  ctx = testContext()
  const made = await cardAccount(ctx, { balanceMicros: 100 * PER_SECOND_MICROS })
  account = made.account
  card = await updateCard(ctx, account, { id: made.card.id }, { cli: STRANGER })
  await ctx.store.addNumber({ number: CARDS, accountId: account.id, flow: 'calling-card' })
  doors = []
  lines = []
})

afterEach(async () => {
  expect(asterisk.model.stalls).toEqual([])
  for (const door of doors) await door.stop(0)
  await asterisk.stop()
  expect(await ctx.store.audit(10)).toEqual([])
  await ctx.store.close()
  jest.useRealTimers()
})

async function open(changed: Partial<Context> = {}): Promise<CallDoor> {
  const door = takeCalls({
    ...{ url: asterisk.url, user: USER, password: PASSWORD, application: 'pinbridge' },
    ctx: { ...ctx, now: () => ctx.clock.ms, ...changed },
    digits: { firstMs: 800, nextMs: 400, totalMs: 3_000 },
    ...{ contexts: [], country: undefined, onReplaced: () => undefined },
    log: createLog('info', { write: (line: string) => void lines.push(line) }),
  })
  doors.push(door)
  await soon(() => expect(door.connected()).toBe(true))
  return door
}

/** A paid call of a process that is gone. */
async function left(answered: 'answered' | 'unanswered', callId = ctx.newId()): Promise<Hold> {
  const wanted = { account, cardId: card.id, callId, kind: 'card' as const, from: undefined, to: GERMANY }
  const hold = (await openHold(ctx, wanted)) as Hold
  if (answered === 'answered') await holdAnswered(ctx, hold.id)
  return (await ctx.store.findHold(hold.id))!
}

const noteOf = ({ id }: Hold) => `PINBRIDGE_END_${id}`
const holdOf = async ({ id }: Hold) => (await ctx.store.findHold(id))!
const closed = (hold: Hold) => soon(async () => expect((await holdOf(hold)).state).not.toBe('open'))
const logged = (text: string) => lines.filter((line) => line.includes(text))

async function hears(channelId: string, prompt: Parameters<typeof media>[0]): Promise<void> {
  await soon(() => {
    const [playing = ''] = asterisk.model.channels.get(channelId)?.playing ?? []
    expect(asterisk.model.playbacks.get(playing)?.media).toContain(media(prompt))
  })
  asterisk.model.finishPrompt(channelId)
}

/** A caller calls on the card; resolves to the two channels and the hold when they talk. */
async function talk() {
  const caller = asterisk.model.phones.calls({ from: STRANGER, to: CARDS })
  await hears(caller, 'enter-number')
  asterisk.model.phones.presses(caller, KEYED)
  await hears(caller, 'you-have')
  await soon(() => expect(doors.reduce((sum, door) => sum + door.talking(), 0)).toBe(1))
  const [hold] = await ctx.store.openHolds()
  const [, leg = ''] = [...asterisk.model.bridges.values()].flat()
  return { caller, leg, hold: hold! }
}

/** Holds cannot be written to it, as long as it is full. */
function fullDisk() {
  const disk = { full: true, store: ctx.store }
  disk.store = new Proxy(ctx.store, {
    get(target, name: string) {
      const real = (Reflect.get(target, name) as (...all: unknown[]) => unknown).bind(target)
      if (name !== 'changeHold') return real
      return (...all: unknown[]) => (disk.full ? Promise.reject(new Error('disk full')) : real(...all))
    },
  })
  return disk
}

describe('an earlier process has left a paid call of which nothing is there any more', () => {
  test('Asterisk has noted its end: it is charged to that, and the note is removed', async () => {
    const hold = await left('answered')
    asterisk.model.globals.set(noteOf(hold), String(ctx.clock.ms + 30_500))
    await ctx.store.touch(ctx.clock.ms + 5_000)
    ctx.clock.ms += 3_600_000
    await open()
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({
      ...{ state: 'settled', endedAt: hold.answeredAt! + 30_500 },
      ...{ billedSeconds: 31, chargedMicros: 31 * PER_SECOND_MICROS },
    })
    await soon(() => expect(asterisk.model.globals.size).toBe(0))
    expect(logged('has not noted')).toEqual([])
  })

  test('it has noted nothing: the last heartbeat counts, and that is logged', async () => {
    const hold = await left('answered')
    await ctx.store.touch(ctx.clock.ms + 5_000)
    ctx.clock.ms += 3_600_000
    await open()
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ state: 'settled', billedSeconds: 5 })
    expect(logged('has not noted')).toHaveLength(1)
  })

  test('and nobody knows when it was alive: the shortest talk', async () => {
    const hold = await left('answered')
    ctx.clock.ms += 3_600_000
    await open()
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ state: 'settled', billedSeconds: 1 })
  })

  test('what cannot have been noted yet counts as now', async () => {
    const hold = await left('answered')
    asterisk.model.globals.set(noteOf(hold), String(ctx.clock.ms + 50_000))
    ctx.clock.ms += 20_000
    await open()
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ billedSeconds: 20, endedAt: ctx.clock.ms })
  })

  test('it was never answered: nothing is charged, and Asterisk is not asked', async () => {
    const hold = await left('unanswered')
    await ctx.store.touch(ctx.clock.ms + 5_000)
    await open()
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ state: 'void', chargedMicros: 0 })
    expect(asterisk.asked().filter((what) => what.startsWith('GET asterisk/variable'))).toEqual([])
  })

  test('the store is full: it is tried again with the same instant, and the note stays until then', async () => {
    const hold = await left('answered')
    asterisk.model.globals.set(noteOf(hold), String(ctx.clock.ms + 10_000))
    ctx.clock.ms += 60_000
    const disk = fullDisk()
    await open({ store: disk.store })
    await soon(() => expect(logged('cannot be closed yet')).toHaveLength(1))
    expect(asterisk.model.globals.size).toBe(1)
    disk.full = false
    ctx.clock.ms += 60_000
    jest.advanceTimersByTime(1_000)
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ billedSeconds: 10 })
    await soon(() => expect(asterisk.model.globals.size).toBe(0))
  })
})

describe('a paid talk that goes on', () => {
  test('in this process is left alone when the connection comes back', async () => {
    const door = await open()
    const { caller, leg, hold } = await talk()
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    await soon(() => {
      jest.advanceTimersByTime(1)
      expect(door.connected()).toBe(true)
    })
    expect(await holdOf(hold)).toMatchObject({ state: 'open' })
    ctx.clock.ms += 7_000
    asterisk.model.phones.hangsUp(leg)
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ billedSeconds: 7 })
    await hears(caller, 'enter-number')
    asterisk.model.phones.hangsUp(caller)
    await soon(() => expect(door.live()).toBe(0))
  })

  test("whose end cannot be written down is nobody else's, though its call has ended and the connection comes back", async () => {
    const disk = fullDisk()
    disk.full = false
    const door = await open({ store: disk.store })
    const { caller, leg, hold } = await talk()
    await ctx.store.touch(ctx.clock.ms)
    ctx.clock.ms += 7_000
    disk.full = true
    asterisk.model.phones.hangsUp(leg)
    await soon(() => expect(logged('cannot be closed yet')).toHaveLength(1))
    await hears(caller, 'try-later')
    await soon(() => expect(door.live()).toBe(0))
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    disk.full = false
    ctx.clock.ms += 60_000
    await soon(() => {
      jest.advanceTimersByTime(1)
      expect(door.connected()).toBe(true)
    })
    jest.advanceTimersByTime(1_000)
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ state: 'settled', billedSeconds: 7 })
  })

  test('after its process is adopted with its limit, and charged once when it ends', async () => {
    await (await talkLeft()).door.stop(0)
    const { leg, hold } = await talking()
    ctx.clock.ms += 20_000
    const next = await open()
    await soon(() => expect(next.talking()).toBe(1))
    expect(await holdOf(hold)).toMatchObject({ state: 'open' })
    ctx.clock.ms += 10_000
    asterisk.model.phones.hangsUp(leg)
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ state: 'settled', billedSeconds: 30 })
    await soon(() => expect(next.live()).toBe(0))
    expect(await ctx.store.openCalls()).toEqual([])
  })

  test('beyond its limit is cut as soon as it is found, and costs what was held', async () => {
    await (await talkLeft()).door.stop(0)
    const { caller, leg, hold } = await talking()
    ctx.clock.ms += 150_000
    const next = await open()
    await soon(() => expect(asterisk.model.channels.has(leg)).toBe(false))
    await closed(hold)
    expect(await holdOf(hold)).toMatchObject({ billedSeconds: 100, chargedMicros: 100 * PER_SECOND_MICROS })
    await hears(caller, 'time-over')
    await soon(() => expect(next.live()).toBe(0))
    expect(asterisk.model.channels.size).toBe(0)
  })

  const talkLeft = async () => {
    const door = await open()
    await talk()
    return { door }
  }

  async function talking() {
    const [hold] = await ctx.store.openHolds()
    const [caller = '', leg = ''] = [...asterisk.model.bridges.values()].flat()
    return { caller, leg, hold: hold! }
  }
})
