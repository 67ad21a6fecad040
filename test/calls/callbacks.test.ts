import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { media } from '../../src/calls/prompts.ts'
import type { CallDoor } from '../../src/calls/router.ts'
import { MOST_OF_ACCOUNT } from '../../src/calls/turns.ts'
import type { Account } from '../../src/engine/accounts.ts'
import { CALLBACK_PATIENCE_MS } from '../../src/engine/callback-states.ts'
import { stopCallback } from '../../src/engine/callbacks.ts'
import type { Callback, CallbackOutcome, CallbackState } from '../../src/engine/paid-call-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import type { Hold } from '../../src/engine/holds.ts'
import { testContext, VN1, type TestContext } from '../support/context.ts'
import { startFakeAri, type FakeAri } from '../support/fake-ari.ts'
import {
  addCallback,
  cardAccount,
  GERMANY as A,
  GERMANY_TOO as B,
  PER_SECOND_MICROS,
} from '../support/paid.ts'
import { doorsOf, type Doors } from './doors.ts'
import { fakeTime, soon } from './time.ts'

const START_MICROS = 100 * PER_SECOND_MICROS
/** How long the account lets a number ring. */
const RING_S = 30
/** Both numbers are paid for. */
const SECOND_MICROS = 2 * PER_SECOND_MICROS

let asterisk: FakeAri
let ctx: TestContext
let account: Account
let card: Card
let doors: Doors
let log: string[]

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  asterisk.model.settings.promptsLast = false
  ctx = testContext()
  ;({ account, card } = await cardAccount(ctx, { balanceMicros: START_MICROS }))
  doors = doorsOf(asterisk, ctx)
  ;({ log } = doors)
})

afterEach(async () => {
  for (const door of doors.alive()) await door.stop(0)
  await asterisk.stop()
  // Whatever happened, the books are right.
  expect(await ctx.store.audit(10)).toEqual([])
  await ctx.store.close()
  jest.useRealTimers()
})

const open: Doors['open'] = (store) => doors.open(store)
const openDoomed: Doors['openDoomed'] = () => doors.openDoomed()

const rowOf = async ({ id }: Callback) => (await ctx.store.findCallback(account.id, id))!
const moneyOf = async () => {
  const { balanceMicros, heldMicros } = (await ctx.store.findCard({ accountId: account.id, id: card.id }))!
  return { spentMicros: START_MICROS - balanceMicros, heldMicros }
}
const holdsOf = async () => (await ctx.store.openHolds()).filter(({ cardId }) => cardId === card.id)
/** The hold of a callback: while it is open, or when it was charged. */
async function holdOf({ id }: Callback): Promise<Hold> {
  const filter = { accountId: account.id, from: 0, to: Number.MAX_SAFE_INTEGER }
  const over = await ctx.store.holdsMatching(filter, undefined, 99)
  return [...(await holdsOf()), ...over].find(({ callId }) => callId === id)!
}
const legA = ({ id }: Callback) => `pinbridge-${id}-a`
const legB = ({ id }: Callback) => `pinbridge-${id}-1`
const dial = (leg: string) => `POST channels/${leg}/dial?timeout=30`
const everything = () => [...asterisk.model.channels.keys(), ...asterisk.model.bridges.keys()]
/** Who was rung, in order. */
const rung = () =>
  asterisk.requests
    .filter(({ what }) => what === 'POST channels/create')
    .map(({ body }) => /^PJSIP\/(.*)@trunk$/.exec(String(body['endpoint']))?.[1])
    .filter((number) => number !== undefined)
const played = () =>
  asterisk.requests
    .filter(({ what }) => what.endsWith('/play'))
    .flatMap(({ body }) => body['media'] as string[])

async function reaches(callback: Callback, state: CallbackState): Promise<void> {
  await soon(async () => expect(await rowOf(callback)).toMatchObject({ state }))
}

async function ends(callback: Callback, outcome: CallbackOutcome): Promise<void> {
  await soon(async () => expect(await rowOf(callback)).toMatchObject({ state: 'ended', outcome }))
  await soon(() => expect(everything()).toEqual([]))
  await soon(async () => expect((await moneyOf()).heldMicros).toBe(0))
}

/** A callback that has come so far, and waits there for somebody to do something. */
async function upTo(state: CallbackState, door: CallDoor): Promise<Callback> {
  const { parties } = asterisk.model
  if (state !== 'ringing_a') parties.set(A, 'answers')
  if (state === 'talking') parties.set(B, 'answers')
  const callback = await addCallback(ctx, card)
  if (state === 'waiting') return callback
  door.wakeCallbacks()
  await reaches(callback, state)
  if (state === 'talking') {
    await soon(() => expect(door.talking()).toBe(1))
  } else {
    const leg = state === 'ringing_a' ? legA(callback) : legB(callback)
    await soon(() => expect(asterisk.asked()).toContain(dial(leg)))
    await asterisk.settled()
  }
  return callback
}

async function stop({ id }: Callback, door: CallDoor): Promise<void> {
  await stopCallback(ctx, account, id)
  door.wakeCallbacks()
}

describe('a callback', () => {
  test('rings A, then B, joins the two, and charges the price of both', async () => {
    const door = await open()
    const callback = await upTo('talking', door)
    expect(rung()).toEqual([A, B])
    expect([...asterisk.model.bridges.values()]).toEqual([[legA(callback), legB(callback)]])
    ctx.clock.ms += 12_300
    asterisk.model.phones.hangsUp(legB(callback))
    await ends(callback, 'completed')
    expect(await moneyOf()).toEqual({ spentMicros: 13 * SECOND_MICROS, heldMicros: 0 })
    expect((await holdOf(callback)).heldMicros).toBe(35 * SECOND_MICROS + RING_S * PER_SECOND_MICROS)
    const { reference } = (await ctx.store.ledger(card.id, undefined, 1))[0]!
    expect(await ctx.store.findHold(reference!)).toMatchObject({ kind: 'callback', from: A, to: B })
    expect(await rowOf(callback)).toMatchObject({ callId: callback.id, endedAt: ctx.now() })
    expect(log.join()).not.toMatch(/90182/)
  })

  test('whose B rings for a while costs the price of A for that, and then that of both', async () => {
    const door = await open()
    const callback = await upTo('ringing_b', door)
    ctx.clock.ms += 9_500
    asterisk.model.phones.answers(legB(callback))
    await soon(() => expect(door.talking()).toBe(1))
    ctx.clock.ms += 4_000
    asterisk.model.phones.hangsUp(legB(callback))
    await ends(callback, 'completed')
    expect((await moneyOf()).spentMicros).toBe(10 * PER_SECOND_MICROS + 4 * SECOND_MICROS)
  })

  test('whose first party waits has Asterisk end that soon, and note when; no more once it is paid for', async () => {
    const door = await open()
    const callback = await upTo('ringing_b', door)
    const { id } = await holdOf(callback)
    const variablesOf = (leg: string) => asterisk.model.channels.get(leg)?.variables
    const push = 'CHANNEL(hangup_handler_push)'
    expect(variablesOf(legA(callback))).toEqual({
      'TIMEOUT(absolute)': String(RING_S + 15),
      [push]: `pinbridge-paid-end,caller,1(${id})`,
    })
    const before = asterisk.requests.length
    asterisk.model.phones.answers(legB(callback))
    await soon(() => expect(door.talking()).toBe(1))
    // The first handler is taken away before there is another, so that one is left.
    const set = asterisk.requests
      .slice(before)
      .filter(({ path }) => path === `channels/${legA(callback)}/variable`)
      .map(({ body }) => `${String(body['variable'])}=${String(body['value'])}`)
    expect(set[0]).toBe('CHANNEL(hangup_handler_pop)=')
    expect(set.slice(1).sort()).toEqual([
      `${push}=pinbridge-paid-end,caller,1(${id},PJSIP/trunk-${legB(callback)})`,
      'TIMEOUT(absolute)=36',
    ])
    asterisk.model.phones.hangsUp(legB(callback))
    await ends(callback, 'completed')
    // One for each that was pushed, and none for those of a dialplan of one's own.
    const pops = asterisk.requests.filter(({ body }) => body['variable'] === 'CHANNEL(hangup_handler_pop)')
    expect(pops).toHaveLength(2)
    // To hear why it is over, and not as long as a caller's visit may last.
    expect(
      asterisk.requests.filter(({ body }) => body['variable'] === 'TIMEOUT(absolute)').at(-1)?.body,
    ).toMatchObject({ value: '15' })
  })

  test('whose B does not answer leaves nothing behind in Asterisk', async () => {
    const door = await open()
    const callback = await upTo('ringing_b', door)
    asterisk.model.settings.promptsLast = true
    asterisk.model.phones.hangsUp(legB(callback), 17, 486)
    await soon(() => expect(asterisk.model.channels.get(legA(callback))?.playing).toHaveLength(1))
    // A pays for hearing why.
    ctx.clock.ms += 3_000
    expect((await moneyOf()).spentMicros).toBe(0)
    asterisk.model.finishPrompt(legA(callback))
    await ends(callback, 'b_busy')
    expect((await moneyOf()).spentMicros).toBe(3 * PER_SECOND_MICROS)
    const pop = `channels/${legA(callback)}/variable`
    expect(asterisk.requests.filter(({ path }) => path === pop).at(-1)?.body).toEqual({
      ...{ variable: 'CHANNEL(hangup_handler_pop)', value: '' },
    })
  })

  test('whose A leaves while B rings and nobody is told: what Asterisk has noted counts, and is removed', async () => {
    const door = await open()
    const callback = await upTo('ringing_b', door)
    const { id, alsoAnsweredAt = NaN } = await holdOf(callback)
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    asterisk.model.phones.hangsUp(legA(callback))
    asterisk.model.globals.set(`PINBRIDGE_END_${id}`, String(alsoAnsweredAt + 6_500))
    ctx.clock.ms += 60_000
    asterisk.refuseSockets(undefined)
    await jest.advanceTimersByTimeAsync(3_000)
    await soon(() => expect(door.connected()).toBe(true))
    await ends(callback, 'b_no_answer')
    expect((await moneyOf()).spentMicros).toBe(7 * PER_SECOND_MICROS)
    await soon(() => expect(asterisk.model.globals.size).toBe(0))
  })

  test('whose A cannot be limited rings nobody else', async () => {
    asterisk.model.parties.set(A, 'answers')
    const door = await open()
    const callback = await addCallback(ctx, card)
    asterisk.refuse(`POST channels/${legA(callback)}/variable`, 500)
    door.wakeCallbacks()
    await ends(callback, 'failed')
    expect(rung()).toEqual([A])
  })

  test('each state is written before what it names is asked of Asterisk, and money is held before A is rung', async () => {
    asterisk.model.parties.set(A, 'answers').set(B, 'answers')
    const door = await open()
    const ringsA = asterisk.hold('POST channels/create')
    const callback = await addCallback(ctx, card)
    door.wakeCallbacks()
    const first = await ringsA
    expect(first.asked.body).toMatchObject({ channelId: legA(callback), endpoint: `PJSIP/${A}@trunk` })
    expect(await rowOf(callback)).toMatchObject({ state: 'ringing_a' })
    expect(await ctx.store.openHolds()).toMatchObject([{ callId: callback.id, alsoAnsweredAt: undefined }])
    // Money is held for a call that is not there yet, and that is well.
    expect(await ctx.store.audit(9)).toEqual([])
    const ringsB = asterisk.hold('POST channels/create')
    first.release()
    const second = await ringsB
    expect(second.asked.body).toMatchObject({ channelId: legB(callback), endpoint: `PJSIP/${B}@trunk` })
    expect(await rowOf(callback)).toMatchObject({ state: 'ringing_b' })
    expect(await ctx.store.openHolds()).toMatchObject([
      { callId: callback.id, state: 'open', alsoAnsweredAt: ctx.now(), answeredAt: undefined },
    ])
    const joins = asterisk.hold('POST bridges/*/addChannel')
    second.release()
    const third = await joins
    expect(await rowOf(callback)).toMatchObject({ state: 'talking' })
    third.release()
    await soon(() => expect(door.talking()).toBe(1))
  })

  test.each<[string, Partial<Account['settings']['cards']>, string, string]>([
    ['the number that the account shows', { callerId: '+4930555001' }, '+4930555001', 'allowed'],
    ["else the account's first number", {}, [VN1].sort()[0]!, 'allowed'],
  ])('shows both of them %s', async (_what, cards, shown, presentation) => {
    await ctx.store.changeAccount(account.id, (one) => {
      const settings = { ...one!.settings, cards: { ...one!.settings.cards, ...cards } }
      return { save: { ...one!, settings }, result: undefined }
    })
    const numbers = await ctx.store.numbers(account.id)
    const door = await open()
    await upTo('talking', door)
    const variables = asterisk.requests
      .filter(({ what }) => what === 'POST channels/create')
      .map(({ body }) => body['variables'])
    expect(variables).toHaveLength(2)
    for (const one of variables)
      expect(one).toMatchObject({
        'CONNECTEDLINE(num,i)': cards.callerId === undefined ? numbers[0]!.number : shown,
        'CONNECTEDLINE(num-pres)': presentation,
      })
  })

  test.each<[string, { cause: number; sip: number }, CallbackOutcome]>([
    ['is busy', { cause: 17, sip: 486 }, 'a_busy'],
    ['cannot be reached', { cause: 1, sip: 404 }, 'a_failed'],
  ])('whose A %s rings nobody else and costs nothing', async (_what, behaviour, outcome) => {
    asterisk.model.parties.set(A, behaviour)
    const door = await open()
    const callback = await addCallback(ctx, card)
    door.wakeCallbacks()
    await ends(callback, outcome)
    expect(rung()).toEqual([A])
    expect((await moneyOf()).spentMicros).toBe(0)
  })

  test('whose A does not answer rings as long as the account says, and nobody else', async () => {
    const door = await open()
    const callback = await upTo('ringing_a', door)
    asterisk.model.phones.rings(legA(callback))
    asterisk.model.phones.hangsUp(legA(callback), 19, 480)
    await ends(callback, 'a_no_answer')
    expect(rung()).toEqual([A])
  })

  test('whose A rings on though Asterisk should have given up is given up', async () => {
    const door = await open()
    const callback = await upTo('ringing_a', door)
    await jest.advanceTimersByTimeAsync(36_000)
    await ends(callback, 'a_no_answer')
  })

  test.each<[string, { cause: number; sip: number }, CallbackOutcome, Parameters<typeof media>[0]]>([
    ['is busy', { cause: 17, sip: 486 }, 'b_busy', 'party-busy'],
    ['cannot be reached', { cause: 1, sip: 404 }, 'b_failed', 'party-unreachable'],
  ])('whose B %s tells A so, and costs what A costs', async (_what, behaviour, outcome, prompt) => {
    asterisk.model.parties.set(A, 'answers').set(B, behaviour)
    const door = await open()
    const callback = await addCallback(ctx, card)
    door.wakeCallbacks()
    await ends(callback, outcome)
    expect(played()).toEqual([media(prompt)].flat())
    expect((await moneyOf()).spentMicros).toBe(PER_SECOND_MICROS)
  })

  test.each<[CallbackState, CallbackOutcome, number]>([
    ['ringing_b', 'b_no_answer', 5 / 2],
    ['talking', 'completed', 5],
  ])('whose A leaves while it is %s', async (state, outcome, seconds) => {
    const door = await open()
    const callback = await upTo(state, door)
    ctx.clock.ms += 5_000
    asterisk.model.phones.hangsUp(legA(callback))
    await ends(callback, outcome)
    expect((await moneyOf()).spentMicros).toBe(seconds * SECOND_MICROS)
  })

  test('goes on over a lost connection, A ringing or both talking', async () => {
    const door = await open()
    const callback = await upTo('ringing_a', door)
    const reconnected = async () => {
      asterisk.cut()
      await soon(() => expect(door.connected()).toBe(false))
      await jest.advanceTimersByTimeAsync(100)
      await soon(() => expect(door.connected()).toBe(true))
    }
    await reconnected()
    expect(asterisk.model.channels.has(legA(callback))).toBe(true)
    // It is nobody's who is gone.
    expect(await holdOf(callback)).toMatchObject({ state: 'open' })
    asterisk.model.parties.set(B, 'answers')
    asterisk.model.phones.answers(legA(callback))
    await soon(() => expect(door.talking()).toBe(1))
    await reconnected()
    expect(await rowOf(callback)).toMatchObject({ state: 'talking' })
    ctx.clock.ms += 2_000
    asterisk.model.phones.hangsUp(legB(callback))
    await ends(callback, 'completed')
    expect(rung()).toEqual([A, B])
    expect((await moneyOf()).spentMicros).toBe(2 * SECOND_MICROS)
  })
})

describe('without money', () => {
  test('that is known before: nobody is rung', async () => {
    ;({ account, card } = await cardAccount(ctx, { sid: 'poor', balanceMicros: SECOND_MICROS - 1 }))
    const door = await open()
    const callback = await addCallback(ctx, card)
    door.wakeCallbacks()
    await soon(async () =>
      expect(await rowOf(callback)).toMatchObject({ state: 'ended', outcome: 'no_money' }),
    )
    expect(rung()).toEqual([])
  })

  test('cannot become so while A rings: it is held', async () => {
    const door = await open()
    await upTo('ringing_a', door)
    const taken = ctx.store.changeCard({ accountId: account.id, id: card.id }, () => ({
      move: { at: ctx.now(), kind: 'correction', amountMicros: -1, reference: undefined, note: '' },
      result: undefined,
    }))
    await expect(taken).rejects.toThrow(/CHECK/)
  })

  test('for more than one call at a time: of forty callbacks at once one is rung, and the others end', async () => {
    asterisk.model.parties.set(A, 'answers').set(B, 'answers')
    const door = await open()
    const all: Callback[] = []
    for (let n = 0; n < 40; n++) all.push(await addCallback(ctx, card, { createdAt: ctx.now() + n }))
    door.wakeCallbacks()
    await soon(() => expect(door.talking()).toBe(1))
    for (const one of all.slice(1))
      await soon(async () =>
        expect(await rowOf(one)).toMatchObject({ state: 'ended', outcome: 'too_many_calls' }),
      )
    expect(await rowOf(all[0]!)).toMatchObject({ state: 'talking' })
    expect(rung()).toEqual([A, B])
    ctx.clock.ms += 3_000
    asterisk.model.phones.hangsUp(legB(all[0]!))
    await ends(all[0]!, 'completed')
    expect((await moneyOf()).spentMicros).toBe(3 * SECOND_MICROS)
  })

  test.each<[string, CallbackOutcome, Partial<Card>]>([
    ['a card that was blocked meanwhile', 'failed', { blocked: true }],
    [
      'what the minimal balance leaves',
      'no_money',
      { minimalBalanceMicros: START_MICROS - 31 * PER_SECOND_MICROS },
    ],
  ])('%s: nobody is rung', async (_what, outcome, change) => {
    await ctx.store.changeCard({ accountId: account.id, id: card.id }, (one) => ({
      save: { ...one!, ...change },
      result: undefined,
    }))
    const door = await open()
    const callback = await addCallback(ctx, card)
    door.wakeCallbacks()
    await ends(callback, outcome)
    expect(rung()).toEqual([])
  })

  test('that cannot be let go while the store is full: it is let go when it is not', async () => {
    let full = true
    const changeHold = (...args: Parameters<typeof ctx.store.changeHold>) =>
      full ? Promise.reject(new Error('disk full')) : ctx.store.changeHold(...args)
    const door = await open({ ...ctx.store, changeHold } as typeof ctx.store)
    const callback = await upTo('ringing_a', door)
    asterisk.model.phones.hangsUp(legA(callback), 17, 486)
    await soon(() => expect(log.join()).toContain('cannot be closed yet'))
    full = false
    await jest.advanceTimersByTimeAsync(1_000)
    await ends(callback, 'a_busy')
    expect(await holdsOf()).toMatchObject([])
  })
})

describe('stopped by its id', () => {
  test('before A is rung: nobody is', async () => {
    const door = await open()
    const callback = await upTo('waiting', door)
    await stop(callback, door)
    await ends(callback, 'stopped')
    expect(rung()).toEqual([])
  })

  test.each<[CallbackState, number]>([
    ['ringing_a', 0],
    ['ringing_b', 8 / 2],
    ['talking', 8],
  ])('while it is %s: everybody is hung up, and what was talked is paid for', async (state, seconds) => {
    const door = await open()
    const callback = await upTo(state, door)
    ctx.clock.ms += 7_500
    await stop(callback, door)
    await ends(callback, 'stopped')
    expect((await moneyOf()).spentMicros).toBe(seconds * SECOND_MICROS)
    expect(await ctx.store.openCalls()).toEqual([])
    // For good: another look changes nothing.
    const before = [await rowOf(callback), rung()]
    door.wakeCallbacks()
    await jest.advanceTimersByTimeAsync(1_000)
    expect([await rowOf(callback), rung()]).toEqual(before)
  })

  /** Every request that a callback makes of Asterisk, from the first to the last. */
  const STEPS = 19

  test.each(Array.from({ length: STEPS }, (_, n) => n))(
    'at the %sth request to Asterisk: all ends well',
    async (nth) => {
      asterisk.model.parties.set(A, 'answers').set(B, 'answers')
      const door = await open()
      const before = asterisk.requests.length
      const callback = await addCallback(ctx, card)
      door.wakeCallbacks()
      const about = () =>
        asterisk.requests
          .slice(before)
          .filter(({ path }) => path.includes(callback.id) || path.endsWith('create'))
      await soon(() => expect(about().length > nth || door.talking() > 0).toBe(true))
      await stop(callback, door)
      await ends(callback, 'stopped')
      expect(await ctx.store.openHolds()).toEqual([])
      expect(await ctx.store.openCalls()).toEqual([])
    },
  )

  test('after it was begun and before Asterisk is asked for anything: nobody is rung', async () => {
    let looks = 0
    const callbacksToPlace = (ofEach: number) => {
      looks++
      return ctx.store.callbacksToPlace(ofEach)
    }
    // Asked for what A shall see: stopped, and that has been seen, before there is an answer.
    const numbers = async (accountId: string) => {
      await stop(callback, door)
      const before = looks
      await soon(() => expect(looks).toBeGreaterThan(before))
      await asterisk.settled()
      return ctx.store.numbers(accountId)
    }
    const door: CallDoor = await open({ ...ctx.store, callbacksToPlace, numbers })
    const callback = await addCallback(ctx, card)
    door.wakeCallbacks()
    await ends(callback, 'stopped')
    expect(rung()).toEqual([])
  })

  test.each<[string, nth: number, string[]]>([
    ['B is rung', 1, [A]],
    ['the two are joined', 2, [A, B]],
  ])('just before %s: that is not done, though nobody has looked yet', async (_what, nth, wanted) => {
    asterisk.model.parties.set(A, 'answers').set(B, 'answers')
    let answers = 0
    // Each answer is written into the hold.
    const changeHold = async (...args: Parameters<typeof ctx.store.changeHold>) => {
      if (++answers === nth) await stopCallback(ctx, account, callback.id)
      return ctx.store.changeHold(...args)
    }
    const door = await open({ ...ctx.store, changeHold } as typeof ctx.store)
    const callback = await addCallback(ctx, card)
    door.wakeCallbacks()
    await ends(callback, 'stopped')
    expect(rung()).toEqual(wanted)
    expect(asterisk.asked().filter((what) => what.endsWith('/addChannel'))).toEqual([])
  })

  test('while Asterisk has not answered yet whether A can be rung', async () => {
    const door = await open()
    const create = asterisk.hold('POST channels/create')
    const callback = await addCallback(ctx, card)
    door.wakeCallbacks()
    const held = await create
    await stop(callback, door)
    await asterisk.settled()
    held.release()
    await ends(callback, 'stopped')
    expect(asterisk.asked()).not.toContain(dial(legA(callback)))
  })

  test('while there is no connection: as soon as there is one', async () => {
    const door = await open()
    const callback = await upTo('talking', door)
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    await stop(callback, door)
    asterisk.refuseSockets(undefined)
    await jest.advanceTimersByTimeAsync(3_000)
    await soon(() => expect(door.connected()).toBe(true))
    await jest.advanceTimersByTimeAsync(1_000)
    await ends(callback, 'stopped')
  })
})

describe('many', () => {
  /** A card that may have a hundred calls at once, each of five seconds at most. */
  async function busyCard(): Promise<void> {
    const cards = { card: { ...account.settings.cards.card, callsAtOnce: 100 } }
    const balanceMicros = 100 * START_MICROS
    const settings = { maxTalkMs: 5_000 }
    ;({ account, card } = await cardAccount(ctx, { sid: 'busy', cards, settings, balanceMicros }))
  }

  const waiting = async (count: number) => {
    const all: Callback[] = []
    for (let i = 0; i < count; i++)
      all.push(await addCallback(ctx, card, { a: `+4930901${900 + i}`, createdAt: ctx.now() + i }))
    return all
  }

  test('of one account are rung a few at a time, and the others as soon as there is room', async () => {
    await busyCard()
    const door = await open()
    const callbacks = await waiting(MOST_OF_ACCOUNT + 5)
    door.wakeCallbacks()
    await soon(() => expect(rung()).toHaveLength(MOST_OF_ACCOUNT))
    await asterisk.settled()
    expect(rung().sort()).toEqual(callbacks.slice(0, MOST_OF_ACCOUNT).map(({ a }) => a))
    for (const one of callbacks.slice(0, 3)) asterisk.model.phones.hangsUp(legA(one), 17, 486)
    // Nobody has to be woken.
    await soon(() => expect(rung()).toHaveLength(MOST_OF_ACCOUNT + 3))
    for (const one of callbacks.slice(0, 3)) expect(await rowOf(one)).toMatchObject({ outcome: 'a_busy' })
    // One that waits ends all the same when its time is over, or when it is stopped.
    const old = await addCallback(ctx, card, { createdAt: ctx.now() - CALLBACK_PATIENCE_MS - 1 })
    door.wakeCallbacks()
    await soon(async () => expect(await rowOf(old)).toMatchObject({ outcome: 'failed' }))
    await stop(callbacks.at(-1)!, door)
    expect(await rowOf(callbacks.at(-1)!)).toMatchObject({ state: 'ended', outcome: 'stopped' })
    expect(rung()).toHaveLength(MOST_OF_ACCOUNT + 3)
  })

  test("hold no other account's up: its callback is begun within a second", async () => {
    const [other, otherCard] = [account, card]
    await busyCard()
    const door = await open()
    await waiting(200)
    door.wakeCallbacks()
    await soon(() => expect(rung()).toHaveLength(MOST_OF_ACCOUNT))
    const late = await addCallback(ctx, otherCard, { createdAt: ctx.now() + 1_000 })
    // As the other process does that has written it: nobody is woken.
    ctx.clock.ms += 1_000
    await jest.advanceTimersByTimeAsync(1_000)
    await soon(async () =>
      expect(await ctx.store.findCallback(other.id, late.id)).toMatchObject({ state: 'ringing_a' }),
    )
    await soon(() => expect(rung()).toEqual([...rung().slice(0, MOST_OF_ACCOUNT), A]))
  })

  test('who talks keeps nobody from being rung', async () => {
    await busyCard()
    const door = await open()
    await upTo('talking', door)
    await waiting(MOST_OF_ACCOUNT)
    door.wakeCallbacks()
    await soon(() => expect(rung()).toHaveLength(2 + MOST_OF_ACCOUNT))
  })

  test.each([
    ['is rung when it has waited as long as may be', 0, [A]],
    ['is not rung any more when it has waited longer', 1, []],
  ])('one %s', async (_what, lateMs, wanted) => {
    const callback = await addCallback(ctx, card)
    ctx.clock.ms += CALLBACK_PATIENCE_MS + lateMs
    const door = await open()
    door.wakeCallbacks()
    await reaches(callback, wanted.length > 0 ? 'ringing_a' : 'ended')
    await soon(() => expect(rung()).toEqual(wanted))
    if (lateMs > 0) expect(await rowOf(callback)).toMatchObject({ outcome: 'failed' })
  })
})

describe('the application is killed', () => {
  test('before it has seen it: the next one places it, once', async () => {
    const { kill } = await openDoomed()
    const callback = await addCallback(ctx, card)
    kill()
    const door = await open()
    door.wakeCallbacks()
    await reaches(callback, 'ringing_a')
    await soon(() => expect(rung()).toEqual([A]))
  })

  test('while A rings: A is hung up, and is not rung again', async () => {
    const { door: before, kill } = await openDoomed()
    const callback = await upTo('ringing_a', before)
    kill()
    const door = await open()
    door.wakeCallbacks()
    await ends(callback, 'failed')
    expect(rung()).toEqual([A])
  })

  test('before Asterisk was asked to ring A: A is not rung', async () => {
    const { door: before, kill } = await openDoomed()
    asterisk.drop('POST channels/create')
    const callback = await addCallback(ctx, card)
    before.wakeCallbacks()
    await soon(() => expect(rung()).toEqual([A]))
    kill()
    const door = await open()
    door.wakeCallbacks()
    await ends(callback, 'failed')
    expect(rung()).toEqual([A])
  })

  test.each<[string, number | undefined, number]>([
    ['to the end that Asterisk has noted', 7_200, 8],
    ['else to the last heartbeat', undefined, 3],
  ])(
    'while B rings: A is told, everybody is hung up, and A is charged once, %s',
    async (_what, notedMs, seconds) => {
      const { door: before, kill } = await openDoomed()
      const callback = await upTo('ringing_b', before)
      kill()
      const { id, alsoAnsweredAt } = await holdOf(callback)
      await ctx.store.touch(alsoAnsweredAt! + 2_500)
      if (notedMs !== undefined)
        asterisk.model.globals.set(`PINBRIDGE_END_${id}`, String(alsoAnsweredAt! + notedMs))
      ctx.clock.ms += 3_600_000
      const door = await open()
      await jest.advanceTimersByTimeAsync(1_000)
      door.wakeCallbacks()
      await soon(() => expect(everything()).toEqual([]))
      await jest.advanceTimersByTimeAsync(1_000)
      await ends(callback, 'failed')
      expect(played()).toEqual([media('try-later')].flat())
      expect((await moneyOf()).spentMicros).toBe(seconds * PER_SECOND_MICROS)
      expect((await ctx.store.ledger(card.id, undefined, 9)).map(({ kind }) => kind)).toEqual([
        'charge',
        'opening',
      ])
      expect(asterisk.model.globals.size).toBe(0)
      expect(rung()).toEqual([A, B])
    },
  )

  test.each<[string, CallbackOutcome]>([
    ['they go on, and are charged once', 'completed'],
    ['they go on, and can be stopped', 'stopped'],
  ])('while they talk: %s', async (_what, outcome) => {
    const { door: before, kill } = await openDoomed()
    const callback = await upTo('talking', before)
    ctx.clock.ms += 4_000
    kill()
    const door = await open()
    await soon(() => expect(door.talking()).toBe(1))
    door.wakeCallbacks()
    await asterisk.settled()
    expect(await rowOf(callback)).toMatchObject({ state: 'talking' })
    ctx.clock.ms += 5_500
    if (outcome === 'stopped') await stop(callback, door)
    else asterisk.model.phones.hangsUp(legB(callback))
    await soon(() => expect(door.live()).toBe(0))
    await jest.advanceTimersByTimeAsync(1_000)
    await ends(callback, outcome)
    expect((await moneyOf()).spentMicros).toBe(10 * SECOND_MICROS)
    expect((await ctx.store.ledger(card.id, undefined, 10)).map(({ kind }) => kind)).toEqual([
      'charge',
      'opening',
    ])
    expect(rung()).toEqual([A, B])
  })
})

describe('the application stops', () => {
  test('while A rings: A is hung up, and that is the end of it', async () => {
    const door = await open()
    const callback = await upTo('ringing_a', door)
    await door.stop(0)
    expect(await rowOf(callback)).toMatchObject({ state: 'ended', outcome: 'a_failed' })
    expect(everything()).toEqual([])
  })

  test('while B rings: both are hung up', async () => {
    const door = await open()
    const callback = await upTo('ringing_b', door)
    const stopped = door.stop(1_000)
    await soon(async () => {
      await jest.advanceTimersByTimeAsync(1_000)
      expect(everything()).toEqual([])
    })
    await stopped
    expect(await rowOf(callback)).toMatchObject({ state: 'ended', outcome: 'failed' })
    expect((await moneyOf()).spentMicros).toBe(PER_SECOND_MICROS)
  })

  test('while they talk: they go on, for the next one to end', async () => {
    const door = await open()
    const callback = await upTo('talking', door)
    await door.stop(0)
    expect(await rowOf(callback)).toMatchObject({ state: 'talking' })
    const next = await open()
    await soon(() => expect(next.talking()).toBe(1))
    asterisk.model.phones.hangsUp(legA(callback))
    await soon(() => expect(next.live()).toBe(0))
    await jest.advanceTimersByTimeAsync(1_000)
    await ends(callback, 'completed')
  })
})
