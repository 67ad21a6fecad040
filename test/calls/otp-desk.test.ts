import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { CallDoor } from '../../src/calls/router.ts'
import { MOST_OF_ACCOUNT, MOST_RINGING } from '../../src/calls/turns.ts'
import type { Account } from '../../src/engine/accounts.ts'
import { type Campaign, changeCampaign } from '../../src/engine/campaigns.ts'
import type { Sending, SendingOutcome, SendingState } from '../../src/engine/subscription-store.ts'
import { unsubscribe, validatePin } from '../../src/engine/subscriptions.ts'
import { testContext, VN1, type TestContext } from '../support/context.ts'
import { startFakeAri, type FakeAri } from '../support/fake-ari.ts'
import { addCallback, giveCard } from '../support/paid.ts'
import {
  addCallingCampaign,
  callingCampaign,
  owePin,
  sendingOf,
  SUBSCRIBER,
  SUBSCRIBER_TOO,
  type OwedPin,
} from '../support/sent-pins.ts'
import { doorsOf, type Doors } from './doors.ts'
import { fakeTime, soon } from './time.ts'

/** How long the account lets a number ring. */
const RING_S = 20
const RETRY_MS = 5_000

let asterisk: FakeAri
let ctx: TestContext
let account: Account
let campaign: Campaign
let doors: Doors
let log: string[]

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  ctx = testContext()
  const settings = { ringMs: RING_S * 1_000 }
  ;({ account, campaign } = await callingCampaign(ctx, { retryMs: RETRY_MS }, { settings }))
  doors = doorsOf(asterisk, ctx, 'trace')
  ;({ log } = doors)
})

afterEach(async () => {
  asterisk.model.settings.promptsLast = false
  for (const id of channels()) asterisk.model.phones.hangsUp(id)
  for (const door of doors.alive()) {
    await soon(() => expect(door.live()).toBe(0))
    await door.stop(0)
  }
  expect(asterisk.model.stalls).toEqual([])
  expect(await ctx.store.openCalls()).toEqual([])
  await asterisk.stop()
  await ctx.store.close()
  jest.useRealTimers()
})

const open: Doors['open'] = (store) => doors.open(store)
const openDoomed: Doors['openDoomed'] = () => doors.openDoomed()

const owe = (msisdn = SUBSCRIBER): Promise<OwedPin> => owePin(ctx, account, campaign, msisdn)
const rowOf = ({ sending }: OwedPin): Promise<Sending> => sendingOf(ctx, sending)
const legOf = ({ sending: { id } }: OwedPin, tries = 1) => `pinbridge-${id}-try${tries}`
const channels = () => [...asterisk.model.channels.keys()]
const dialled = (leg: string) =>
  asterisk.asked().some((what) => what.startsWith(`POST channels/${leg}/dial?`))

/** The channels that were asked for, in order. */
const created = () =>
  asterisk.requests
    .filter(({ what }) => what === 'POST channels/create')
    .map(({ body }) => body as { channelId: string; endpoint: string; variables: Record<string, string> })
/** Who was rung, in order. */
const rung = () => created().map(({ endpoint }) => /^PJSIP\/(.*)@trunk$/.exec(endpoint)?.[1])
/** What was said to a leg, one list for each time. */
const saidTo = (leg: string) =>
  asterisk.requests
    .filter(({ what }) => what === `POST channels/${leg}/play`)
    .map(({ body }) => (body['media'] as string[]).map((uri) => uri.replace(/^sound:(pinbridge\/)?/, '')))
/** All digits that were said to a leg. */
const digitsTo = (leg: string) =>
  saidTo(leg)
    .flat()
    .flatMap((uri) => /^digits:(\d+)$/.exec(uri)?.[1] ?? [])
    .join('')

async function reaches(owed: OwedPin, state: SendingState, outcome?: SendingOutcome): Promise<void> {
  const wanted = { state, ...(outcome && { outcome }) }
  await soon(async () => expect(await rowOf(owed)).toMatchObject(wanted))
}

/** It has ended so, and nobody is in Asterisk any more. */
async function ends(owed: OwedPin, outcome: SendingOutcome): Promise<void> {
  await reaches(owed, 'ended', outcome)
  await soon(() => expect(channels()).toEqual([]))
}

/** Time passes, on the engine's clock too. */
async function later(ms: number): Promise<void> {
  ctx.clock.ms += ms
  await jest.advanceTimersByTimeAsync(ms)
}

type Stage = 'waiting' | 'ringing' | 'invited' | 'speaking'

/** A call that has come so far, and waits there for somebody to do something. */
async function upTo(stage: Stage, door: CallDoor, owed?: OwedPin, tries = 1): Promise<OwedPin> {
  const pin = owed ?? (await owe())
  const leg = legOf(pin, tries)
  if (stage === 'waiting') return pin
  door.wakeSendings()
  await soon(() => expect(dialled(leg)).toBe(true))
  await asterisk.settled()
  if (stage === 'ringing') return pin
  asterisk.model.phones.answers(leg)
  await saidSoFar(leg, 1)
  if (stage === 'invited') return pin
  asterisk.model.phones.presses(leg, '1')
  await saidSoFar(leg, 2)
  await reaches(pin, 'speaking')
  return pin
}

/** So many prompts have been begun, and the last one is being said. */
async function saidSoFar(leg: string, count: number): Promise<void> {
  await soon(() => {
    expect(saidTo(leg)).toHaveLength(count)
    expect(asterisk.model.channels.get(leg)?.playing).toHaveLength(1)
  })
}

/** Another PIN for the same number: the one before is none any more. */
async function overtake(door: CallDoor): Promise<OwedPin> {
  const next = await owe()
  door.wakeSendings()
  return next
}

describe('a PIN that is owed', () => {
  test('is told: the number is rung, and hears it after a key', async () => {
    const door = await open()
    const pin = await upTo('speaking', door)
    const leg = legOf(pin)
    expect(saidTo(leg)[0]).toEqual(['code-press-key'])
    const [first, ...others] = Array.from(pin.digits, (digit) => `digits:${digit}`)
    expect(saidTo(leg)[1]).toEqual(['code-is', first, ...others.flatMap((one) => ['pause', one])])
    expect(await rowOf(pin)).toMatchObject({ tries: 1, outcome: undefined })
    asterisk.model.finishPrompt(leg)
    await saidSoFar(leg, 3)
    asterisk.model.phones.presses(leg, '2')
    await saidSoFar(leg, 4)
    asterisk.model.finishPrompt(leg)
    await ends(pin, 'delivered')
    expect(rung()).toEqual([SUBSCRIBER])
    expect(saidTo(leg).slice(2)).toEqual([['code-again'], ['vm-goodbye']])
    expect((await validatePin(ctx, campaign, SUBSCRIBER, pin.digits)).verdict).toBe('right')
  })

  test.each<[string, string[], number]>([
    ['1', ['1'], 1],
    ['9 and then 1', ['9', '1'], 2],
    ['# and then 1', ['#', '1'], 2],
    ['* and then 1', ['*1'], 1],
  ])('is told whoever presses %s', async (_what, presses, invitations) => {
    const door = await open()
    const pin = await upTo('invited', door)
    const leg = legOf(pin)
    for (const [n, keys] of presses.entries()) {
      if (n > 0) await saidSoFar(leg, n + 1)
      asterisk.model.phones.presses(leg, keys)
    }
    await saidSoFar(leg, invitations + 1)
    expect(digitsTo(leg)).toBe(pin.digits)
  })

  test.each<[string, string]>([
    ['no key', ''],
    ['the hash alone', '#'],
    ['the star alone', '*'],
    ['another key', '7'],
  ])('is told nobody who presses %s, twice', async (_what, key) => {
    const door = await open()
    const pin = await upTo('invited', door)
    const leg = legOf(pin)
    for (let round = 1; round <= 2; round++) {
      await saidSoFar(leg, round)
      if (key === '') asterisk.model.finishPrompt(leg)
      else asterisk.model.phones.presses(leg, key)
      await soon(async () => {
        await jest.advanceTimersByTimeAsync(100)
        expect(saidTo(leg)).toHaveLength(round + 1)
      })
    }
    asterisk.model.finishPrompt(leg)
    await ends(pin, 'no_key')
    expect(saidTo(leg)).toEqual([['code-press-key'], ['code-press-key'], ['vm-goodbye']])
    await later(10 * RETRY_MS)
    expect(rung()).toEqual([SUBSCRIBER])
  })

  test('is told nobody for a key that came before the invitation', async () => {
    const door = await open()
    const pin = await upTo('ringing', door)
    const leg = legOf(pin)
    const stay = asterisk.hold(`POST channels/${leg}/variable`)
    asterisk.model.phones.answers(leg)
    const staying = await stay
    asterisk.model.phones.presses(leg, '11')
    await asterisk.settled()
    staying.release()
    await saidSoFar(leg, 1)
    asterisk.model.finishPrompt(leg)
    await soon(async () => {
      await jest.advanceTimersByTimeAsync(100)
      expect(saidTo(leg)).toHaveLength(2)
    })
    expect(saidTo(leg)).toEqual([['code-press-key'], ['code-press-key']])
  })

  test('is in no log, variable or request but the one that says it', async () => {
    campaign = await changeCampaign(ctx, account, campaign.id, { pinLength: 9 })
    const door = await open()
    const pin = await upTo('speaking', door)
    const uris = Array.from(pin.digits, (digit) => `digits:${digit}`)
    const saying = asterisk.requests.filter(({ body }) => JSON.stringify(body).includes('digits:'))
    expect(saying.map(({ what }) => what)).toEqual([`POST channels/${legOf(pin)}/play`])
    expect((saying[0]!.body['media'] as string[]).filter((uri) => uri.startsWith('digits'))).toEqual(uris)
    for (const one of asterisk.requests.filter((one) => !saying.includes(one)))
      expect(JSON.stringify(one)).not.toContain(pin.digits)
    asterisk.model.phones.hangsUp(legOf(pin))
    await ends(pin, 'hung_up')
    expect(log.join('')).toContain('"sending"')
    expect(log.join('').replaceAll(/\D/g, '')).not.toContain(pin.digits)
    expect(log.join('')).not.toContain(SUBSCRIBER.slice(-9))
  })

  test('that Asterisk cannot say does not get into the log by that either', async () => {
    const door = await open()
    asterisk.model.missing.add('sound:pinbridge/code-is')
    const pin = await upTo('invited', door)
    asterisk.model.phones.presses(legOf(pin), '1')
    await soon(async () => {
      await jest.advanceTimersByTimeAsync(100)
      expect(log.join('')).toContain('cannot play')
    })
    const line = log.find((one) => one.includes('cannot play'))!
    const { prompts } = JSON.parse(line) as { prompts: unknown[] }
    expect(prompts.filter((one) => one !== 'pause' && one !== 'code-is')).toEqual(
      Array.from(pin.digits, () => ({ digits: '***' })),
    )
    asterisk.model.phones.hangsUp(legOf(pin))
  })

  test('has Asterisk end the call: while it rings soon, and then before a word is said', async () => {
    const door = await open()
    const pin = await upTo('invited', door)
    expect(created()[0]?.variables).toMatchObject({ 'TIMEOUT(absolute)': String(RING_S + 10) })
    expect(asterisk.model.channels.get(legOf(pin))?.variables).toEqual({ 'TIMEOUT(absolute)': '180' })
    const about = asterisk.asked().filter((what) => what.startsWith(`POST channels/${legOf(pin)}/`))
    expect(about.map((what) => what.split('/').at(-1))).toEqual([
      `dial?timeout=${RING_S}`,
      'variable',
      'play',
    ])
  })

  test('in a call that Asterisk does not limit is not told, and the number is called again', async () => {
    const door = await open()
    asterisk.model.settings.promptsLast = false
    const pin = await upTo('ringing', door)
    asterisk.refuse(`POST channels/${legOf(pin)}/variable`, 500)
    asterisk.model.phones.answers(legOf(pin))
    await reaches(pin, 'waiting', 'failed')
    await soon(() => expect(channels()).toEqual([]))
    expect(saidTo(legOf(pin))).toEqual([['try-later']])
    expect(log.filter((line) => line.includes('a call failed'))).toHaveLength(1)
    await later(RETRY_MS)
    await soon(() => expect(dialled(legOf(pin, 2))).toBe(true))
  })

  test.each<[string, string | undefined, boolean, string]>([
    ["the campaign's number", '+254711222333', true, '+254711222333'],
    ["else the account's first", undefined, true, VN1],
    ['else none', undefined, false, 'anonymous'],
  ])('is told by a call that shows %s', async (_what, callerId, hasNumbers, shown) => {
    if (!hasNumbers) ({ account, campaign } = await callingCampaign(ctx, {}, { sid: 'bare' }))
    campaign = await changeCampaign(ctx, account, campaign.id, { callerId })
    const numbers = (await ctx.store.numbers(account.id)).map(({ number }) => number)
    const door = await open()
    await owe()
    door.wakeSendings()
    await soon(() => expect(created()).toHaveLength(1))
    expect(created()[0]?.variables).toMatchObject({
      'CONNECTEDLINE(num,i)': shown === VN1 ? numbers[0] : shown,
      'CONNECTEDLINE(num-pres)': shown === 'anonymous' ? 'prohib' : 'allowed',
    })
  })

  test('each of its states is written before what it names is asked of Asterisk', async () => {
    const door = await open()
    const create = asterisk.hold('POST channels/create')
    const pin = await owe()
    door.wakeSendings()
    const ringing = await create
    expect(await rowOf(pin)).toMatchObject({ state: 'trying', tries: 1 })
    ringing.release()
    await soon(() => expect(dialled(legOf(pin))).toBe(true))
    asterisk.model.phones.answers(legOf(pin))
    await saidSoFar(legOf(pin), 1)
    expect(await rowOf(pin)).toMatchObject({ state: 'trying' })
    const play = asterisk.hold(`POST channels/${legOf(pin)}/play`)
    asterisk.model.phones.presses(legOf(pin), '1')
    const saying = await play
    expect(await rowOf(pin)).toMatchObject({ state: 'speaking' })
    saying.release()
    asterisk.model.phones.hangsUp(legOf(pin))
    await ends(pin, 'hung_up')
  })

  test('is told over a lost connection, the number ringing or listening', async () => {
    const door = await open()
    const pin = await upTo('ringing', door)
    const reconnected = async () => {
      asterisk.cut()
      await soon(() => expect(door.connected()).toBe(false))
      await soon(async () => {
        await jest.advanceTimersByTimeAsync(100)
        expect(door.connected()).toBe(true)
      })
      await asterisk.settled()
      expect(channels()).toEqual([legOf(pin)])
    }
    await reconnected()
    await upTo('speaking', door, pin)
    await reconnected()
    expect(await rowOf(pin)).toMatchObject({ state: 'speaking' })
    asterisk.model.finishPrompt(legOf(pin))
    await saidSoFar(legOf(pin), 3)
    asterisk.model.phones.hangsUp(legOf(pin))
    await ends(pin, 'delivered')
    expect(rung()).toEqual([SUBSCRIBER])
  })

  test.each<[Exclude<Stage, 'waiting' | 'ringing'>, string]>([
    ['invited', ''],
    ['speaking', 'digits'],
  ])('whoever leaves while %s is not called again, and the PIN is good', async (stage) => {
    const door = await open()
    const pin = await upTo(stage, door)
    asterisk.model.phones.hangsUp(legOf(pin))
    await ends(pin, 'hung_up')
    await later(10 * RETRY_MS)
    expect(rung()).toEqual([SUBSCRIBER])
    expect((await validatePin(ctx, campaign, SUBSCRIBER, pin.digits)).verdict).toBe('right')
  })

  test.each([603, 607])(
    'is not told to whoever rejects the call with %s, who is not called again',
    async (sip) => {
      asterisk.model.parties.set(SUBSCRIBER, { cause: 21, sip })
      const door = await open()
      const pin = await owe()
      door.wakeSendings()
      await ends(pin, 'refused')
      await later(10 * RETRY_MS)
      expect(rung()).toEqual([SUBSCRIBER])
    },
  )

  test('ends with its last try', async () => {
    asterisk.model.parties.set(SUBSCRIBER, { cause: 17, sip: 486 })
    const door = await open()
    const pin = await owe()
    for (let tries = 1; tries <= campaign.tries; tries++) {
      door.wakeSendings()
      const last = tries === campaign.tries
      await soon(async () =>
        expect(await rowOf(pin)).toMatchObject({ state: last ? 'ended' : 'waiting', outcome: 'busy', tries }),
      )
      await later(RETRY_MS)
    }
    await later(10 * RETRY_MS)
    expect(created().map(({ channelId }) => channelId)).toEqual([1, 2, 3].map((n) => legOf(pin, n)))
  })

  test('is not told any more when its time is over before it is its turn', async () => {
    const door = await open()
    asterisk.model.parties.set(SUBSCRIBER, { cause: 17, sip: 486 })
    campaign = await changeCampaign(ctx, account, campaign.id, { pinTtlMs: 60_000, retryMs: 59_000 })
    const pin = await owe()
    door.wakeSendings()
    await reaches(pin, 'waiting', 'busy')
    ctx.clock.ms += 60_000
    door.wakeSendings()
    await ends(pin, 'not_needed')
    expect(rung()).toEqual([SUBSCRIBER])
  })
})

describe('a number that', () => {
  test.each<[string, SendingOutcome, (leg: string) => void | Promise<void>]>([
    ['is busy', 'busy', (leg) => asterisk.model.phones.hangsUp(leg, 17, 486)],
    [
      'does not answer',
      'no_answer',
      (leg) => {
        asterisk.model.phones.rings(leg)
        asterisk.model.phones.hangsUp(leg, 19, 480)
      },
    ],
    ['cannot be reached', 'failed', (leg) => asterisk.model.phones.hangsUp(leg, 1, 404)],
    ['rings on though Asterisk should have given up', 'no_answer', () => later((RING_S + 6) * 1_000)],
  ])('%s is rung again when that is due, and answers', async (_what, outcome, happens) => {
    const door = await open()
    const pin = await upTo('ringing', door)
    await happens(legOf(pin))
    await reaches(pin, 'waiting', outcome)
    await soon(() => expect(channels()).toEqual([]))
    await later((await rowOf(pin)).dueAt - ctx.now() - 1)
    door.wakeSendings()
    await asterisk.settled()
    expect(rung()).toEqual([SUBSCRIBER])
    // Nobody has to be woken.
    await later(1_000)
    await upTo('speaking', door, pin, 2)
    expect(await rowOf(pin)).toMatchObject({ tries: 2 })
    expect(rung()).toEqual([SUBSCRIBER, SUBSCRIBER])
    asterisk.model.phones.hangsUp(legOf(pin, 2))
    await ends(pin, 'hung_up')
  })

  test('answers an earlier call late is not taken for an answer to this one', async () => {
    const door = await open()
    const pin = await upTo('ringing', door)
    // We have given it up, and Asterisk does not hang up.
    asterisk.refuse(`DELETE channels/${legOf(pin)}?reason_code=16`, 500)
    await later((RING_S + 6) * 1_000)
    await reaches(pin, 'waiting', 'no_answer')
    await later(RETRY_MS)
    await upTo('ringing', door, pin, 2)
    asterisk.model.phones.answers(legOf(pin))
    await asterisk.settled()
    expect([saidTo(legOf(pin)), saidTo(legOf(pin, 2))]).toEqual([[], []])
    expect(await rowOf(pin)).toMatchObject({ state: 'trying', tries: 2 })
    await upTo('speaking', door, pin, 2)
    expect(digitsTo(legOf(pin, 2))).toBe(pin.digits)
    asterisk.model.vanish(legOf(pin))
  })

  test('cannot be asked for is not rung, and tried again', async () => {
    const numbers = () => Promise.reject(new Error('disk I/O error'))
    const door = await open({ ...ctx.store, numbers })
    const pin = await owe()
    door.wakeSendings()
    await reaches(pin, 'waiting', 'failed')
    expect(rung()).toEqual([])
    expect(log.join('')).toContain('a sending cannot be placed')
  })

  test('is busy while we look for what is owed is rung again, though it still looked as if it rang', async () => {
    let hold: (() => Promise<void>) | undefined
    const sendingsToMake = async (...args: Parameters<typeof ctx.store.sendingsToMake>) => {
      const read = await ctx.store.sendingsToMake(...args)
      await hold?.()
      return read
    }
    const door = await open({ ...ctx.store, sendingsToMake })
    const pin = await upTo('ringing', door)
    let over = false
    hold = async () => {
      hold = undefined
      asterisk.model.phones.hangsUp(legOf(pin), 17, 486)
      await reaches(pin, 'waiting', 'busy')
      await asterisk.settled()
      over = true
    }
    door.wakeSendings()
    await soon(() => expect(over).toBe(true))
    await later(1_000)
    expect(await rowOf(pin)).toMatchObject({ state: 'waiting', outcome: 'busy', tries: 1 })
  })

  test('was rung while the store was full: how that ended is written when it is not', async () => {
    let full = false
    const changeSending = (...args: Parameters<typeof ctx.store.changeSending>) =>
      full ? Promise.reject(new Error('disk full')) : ctx.store.changeSending(...args)
    const door = await open({ ...ctx.store, changeSending } as typeof ctx.store)
    const pin = await upTo('ringing', door)
    full = true
    asterisk.model.phones.hangsUp(legOf(pin), 17, 486)
    await soon(() => expect(log.join('')).toContain('cannot be closed yet'))
    full = false
    await later(1_000)
    await reaches(pin, 'waiting', 'busy')
  })
})

describe('a PIN that is overtaken', () => {
  const causes: [string, (door: CallDoor, pin: OwedPin) => Promise<unknown>][] = [
    ['by another one', (door) => overtake(door)],
    ['by the end of the wish', () => unsubscribe(ctx, campaign, SUBSCRIBER)],
    ['by being named', (_door, { digits }) => validatePin(ctx, campaign, SUBSCRIBER, digits)],
  ]

  test.each(causes)('%s before anybody is rung: nobody is rung for it', async (_what, happens) => {
    const door = await open()
    const pin = await owe()
    const next = (await happens(door, pin)) as OwedPin | undefined
    door.wakeSendings()
    await reaches(pin, 'ended', 'not_needed')
    await asterisk.settled()
    expect(created().map(({ channelId }) => channelId)).not.toContain(legOf(pin))
    if (next && 'sending' in next) await soon(() => expect(dialled(legOf(next))).toBe(true))
  })

  test.each(causes)('%s while it rings: the number is let go', async (_what, happens) => {
    const door = await open()
    const pin = await upTo('ringing', door)
    await happens(door, pin)
    door.wakeSendings()
    await reaches(pin, 'ended', 'not_needed')
    await soon(() => expect(channels()).not.toContain(legOf(pin)))
    expect(saidTo(legOf(pin))).toEqual([])
  })

  test.each<[Stage]>([['ringing'], ['invited'], ['speaking']])(
    'while the number is %s: that call ends first, then another one says the new PIN',
    async (stage) => {
      const door = await open()
      const old = await upTo(stage, door)
      const hangsUp = asterisk.hold(`DELETE channels/${legOf(old)}*`)
      const next = await overtake(door)
      const held = await hangsUp
      // As long as it is not over, the number is not called a second time.
      await later(3_000)
      await asterisk.settled()
      expect(rung()).toEqual([SUBSCRIBER])
      held.release()
      await reaches(old, 'ended', 'not_needed')
      await upTo('speaking', door, next)
      expect(digitsTo(legOf(next))).toBe(next.digits)
      expect(digitsTo(legOf(old))).toBe(stage === 'speaking' ? old.digits : '')
      expect(rung()).toEqual([SUBSCRIBER, SUBSCRIBER])
    },
  )

  test('just when a key is pressed: its digits are not said, though nobody has looked yet', async () => {
    const door = await open()
    const pin = await upTo('invited', door)
    await unsubscribe(ctx, campaign, SUBSCRIBER)
    asterisk.model.phones.presses(legOf(pin), '1')
    await saidSoFar(legOf(pin), 2)
    expect(saidTo(legOf(pin))).toEqual([['code-press-key'], ['vm-goodbye']])
    asterisk.model.finishPrompt(legOf(pin))
    await ends(pin, 'not_needed')
  })

  test('and that is seen by another process: within a second', async () => {
    const door = await open()
    const pin = await upTo('speaking', door)
    await unsubscribe(ctx, campaign, SUBSCRIBER)
    await later(1_000)
    await ends(pin, 'not_needed')
  })

  test('while there is no connection: as soon as there is one', async () => {
    const door = await open()
    const pin = await upTo('speaking', door)
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    await unsubscribe(ctx, campaign, SUBSCRIBER)
    door.wakeSendings()
    asterisk.refuseSockets(undefined)
    await soon(async () => {
      await later(500)
      expect(await rowOf(pin)).toMatchObject({ state: 'ended', outcome: 'not_needed' })
    })
    await soon(() => expect(channels()).toEqual([]))
  })

  test('named while its digits are said is said to its end', async () => {
    const door = await open()
    const pin = await upTo('speaking', door)
    await validatePin(ctx, campaign, SUBSCRIBER, pin.digits)
    door.wakeSendings()
    await later(1_000)
    asterisk.model.finishPrompt(legOf(pin))
    await saidSoFar(legOf(pin), 3)
    asterisk.model.phones.hangsUp(legOf(pin))
    await ends(pin, 'delivered')
  })

  /** Every request that such a call makes of Asterisk, from the first to the last. */
  const STEPS = 9

  test.each(Array.from({ length: STEPS }, (_, n) => n))(
    'at the %sth request to Asterisk: all ends well',
    async (nth) => {
      asterisk.model.settings.promptsLast = false
      asterisk.model.parties.set(SUBSCRIBER, 'answers')
      const door = await open()
      const before = asterisk.requests.length
      const pin = await owe()
      const about = () =>
        asterisk.requests
          .slice(before)
          .filter(({ path }) => path.includes(pin.sending.id) || path.endsWith('create'))
      door.wakeSendings()
      await soon(async () => {
        if (saidTo(legOf(pin)).length === 1) asterisk.model.phones.presses(legOf(pin), '1')
        await jest.advanceTimersByTimeAsync(100)
        expect(about().length > nth || (await rowOf(pin)).state === 'ended').toBe(true)
      })
      await unsubscribe(ctx, campaign, SUBSCRIBER)
      door.wakeSendings()
      await soon(async () => {
        await jest.advanceTimersByTimeAsync(100)
        expect(await rowOf(pin)).toMatchObject({ state: 'ended' })
      })
      expect(['not_needed', 'delivered']).toContain((await rowOf(pin)).outcome)
      await soon(() => expect(channels()).toEqual([]))
      expect(rung()).toEqual([SUBSCRIBER])
    },
  )
})

describe('two PINs to one number', () => {
  test('of two campaigns, of one account or two: one call after the other', async () => {
    const door = await open()
    const second = await addCallingCampaign(ctx, account)
    const other = await callingCampaign(ctx, {}, { sid: 'other' })
    const pins = [
      await owe(),
      await owePin(ctx, account, second),
      await owePin(ctx, other.account, other.campaign),
    ]
    const elsewhere = await owe(SUBSCRIBER_TOO)
    door.wakeSendings()
    await soon(() => expect(dialled(legOf(elsewhere))).toBe(true))
    const called: string[] = []
    for (let n = 1; n <= pins.length; n++) {
      await soon(async () => {
        await later(100)
        expect(rung().filter((number) => number === SUBSCRIBER)).toHaveLength(n)
      })
      const rings = channels().filter((id) => id !== legOf(elsewhere))
      expect(rings).toHaveLength(1)
      called.push(...rings)
      await soon(() => expect(dialled(rings[0]!)).toBe(true))
      asterisk.model.phones.answers(rings[0]!)
      await saidSoFar(rings[0]!, 1)
      // Whoever listens is not rung either.
      await later(2_000)
      expect(rung().filter((number) => number === SUBSCRIBER)).toHaveLength(n)
      asterisk.model.phones.hangsUp(rings[0]!)
    }
    expect(called.sort()).toEqual(pins.map((pin) => legOf(pin)).sort())
    for (const pin of pins) await reaches(pin, 'ended', 'hung_up')
  })
})

describe('many', () => {
  const numbersOf = (count: number, area = 1) =>
    Array.from({ length: count }, (_, n) => `+254700${area}${10_000 + n}`)

  async function oweAll(count: number, area?: number): Promise<OwedPin[]> {
    const pins: OwedPin[] = []
    for (const number of numbersOf(count, area)) {
      pins.push(await owe(number))
      ctx.clock.ms++
    }
    return pins
  }

  test('of one account are called a few at a time, and the others as soon as there is room', async () => {
    const door = await open()
    const pins = await oweAll(MOST_OF_ACCOUNT + 5)
    door.wakeSendings()
    await soon(() => expect(rung()).toHaveLength(MOST_OF_ACCOUNT))
    await asterisk.settled()
    expect(rung().sort()).toEqual(numbersOf(MOST_OF_ACCOUNT))
    for (const pin of pins.slice(0, 3)) asterisk.model.phones.hangsUp(legOf(pin), 17, 486)
    // Who listens has not made room yet.
    asterisk.model.phones.answers(legOf(pins[3]!))
    await soon(() => expect(rung()).toHaveLength(MOST_OF_ACCOUNT + 3))
    await asterisk.settled()
    expect(rung()).toHaveLength(MOST_OF_ACCOUNT + 3)
    for (const pin of pins.slice(0, 3)) expect(await rowOf(pin)).toMatchObject({ outcome: 'busy' })
  })

  test("hold no other account's up, and of all accounts as many are called as may be", async () => {
    const door = await open()
    for (const [n, sid] of ['one', 'two', 'three', 'four'].entries()) {
      ;({ account, campaign } = await callingCampaign(ctx, {}, { sid }))
      await oweAll(MOST_OF_ACCOUNT, n)
    }
    door.wakeSendings()
    await soon(() => expect(rung()).toHaveLength(MOST_RINGING))
    const late = await callingCampaign(ctx, {}, { sid: 'late' })
    const pin = await owePin(ctx, late.account, late.campaign)
    // As the other process does that has written it: nobody is woken.
    await later(1_000)
    await soon(() => expect(dialled(legOf(pin))).toBe(true))
    expect(rung()).toEqual([...rung().slice(0, MOST_RINGING), SUBSCRIBER])
  })

  test('to a number that is being called take no place from others', async () => {
    const door = await open()
    const pins = await oweAll(MOST_OF_ACCOUNT - 1)
    door.wakeSendings()
    await soon(() => expect(rung()).toHaveLength(MOST_OF_ACCOUNT - 1))
    const [busy] = numbersOf(1)
    const again = await owePin(ctx, account, await addCallingCampaign(ctx, account), busy)
    ctx.clock.ms++
    const other = await owe()
    door.wakeSendings()
    await soon(() => expect(dialled(legOf(other))).toBe(true))
    expect((await rowOf(again)).state).toBe('waiting')
    asterisk.model.phones.hangsUp(legOf(pins[0]!), 17, 486)
    await soon(() => expect(dialled(legOf(again))).toBe(true))
  })

  test('do not hold callbacks up, nor these them', async () => {
    const card = await giveCard(ctx, account.id, { balanceMicros: 1_000_000 })
    const door = await open()
    await oweAll(MOST_OF_ACCOUNT)
    door.wakeSendings()
    await soon(() => expect(rung()).toHaveLength(MOST_OF_ACCOUNT))
    const { a } = await addCallback(ctx, card)
    door.wakeCallbacks()
    await soon(() => expect(rung()).toEqual([...rung().slice(0, MOST_OF_ACCOUNT), a]))
  })
})

describe('the application is killed', () => {
  test('before it has seen it: the next one calls, once', async () => {
    const { kill } = await openDoomed()
    const pin = await owe()
    kill()
    const door = await open()
    await upTo('speaking', door, pin)
    expect(rung()).toEqual([SUBSCRIBER])
  })

  test.each<[string, 'ringing' | 'invited']>([
    ['while the number rings', 'ringing'],
    ['while it is invited to press a key', 'invited'],
  ])('%s: that call ends, and the next one calls again when it is due', async (_what, stage) => {
    const { door: before, kill } = await openDoomed()
    const pin = await upTo(stage, before)
    kill()
    const door = await open()
    door.wakeSendings()
    await reaches(pin, 'waiting', 'failed')
    await soon(() => expect(channels()).toEqual([]))
    await later(RETRY_MS)
    await upTo('speaking', door, pin, 2)
    expect(rung()).toEqual([SUBSCRIBER, SUBSCRIBER])
    expect(digitsTo(legOf(pin))).toBe('')
  })

  test('before Asterisk was asked to ring: the next one calls', async () => {
    const { door: before, kill } = await openDoomed()
    asterisk.drop('POST channels/create')
    const pin = await owe()
    before.wakeSendings()
    await soon(() => expect(rung()).toEqual([SUBSCRIBER]))
    kill()
    const door = await open()
    door.wakeSendings()
    await reaches(pin, 'waiting', 'failed')
    await later(RETRY_MS)
    await upTo('ringing', door, pin, 2)
    expect(channels()).toEqual([legOf(pin, 2)])
  })

  test('while it rings for the last time: that was none, and the next one calls at once', async () => {
    campaign = await changeCampaign(ctx, account, campaign.id, { tries: 1, retryMs: 3_600_000 })
    const { door: before, kill } = await openDoomed()
    const pin = await upTo('ringing', before)
    kill()
    const door = await open()
    door.wakeSendings()
    await reaches(pin, 'waiting', 'failed')
    // It is looked for in the next second.
    await later(1_000)
    await upTo('speaking', door, pin, 2)
    expect(rung()).toEqual([SUBSCRIBER, SUBSCRIBER])
  })

  test('while the digits are said: that call ends, and nobody is called again', async () => {
    const { door: before, kill } = await openDoomed()
    const pin = await upTo('speaking', before)
    kill()
    const door = await open()
    door.wakeSendings()
    await ends(pin, 'hung_up')
    await later(10 * RETRY_MS)
    expect(rung()).toEqual([SUBSCRIBER])
    expect((await validatePin(ctx, campaign, SUBSCRIBER, pin.digits)).verdict).toBe('right')
  })

  test.each<[Exclude<Stage, 'waiting'>]>([['ringing'], ['invited'], ['speaking']])(
    'while %s, and the PIN is overtaken before the next one is there: only the new one is told',
    async (stage) => {
      const { door: before, kill } = await openDoomed()
      const pin = await upTo(stage, before)
      kill()
      const next = await owe()
      const door = await open()
      door.wakeSendings()
      await reaches(pin, 'ended', 'not_needed')
      await upTo('speaking', door, next)
      expect(rung()).toEqual([SUBSCRIBER, SUBSCRIBER])
      expect(digitsTo(legOf(next))).toBe(next.digits)
    },
  )
})

describe('the application stops', () => {
  test('while a number rings for the last time: it is let go, and called again by the next one', async () => {
    campaign = await changeCampaign(ctx, account, campaign.id, { tries: 1 })
    const door = await open()
    const pin = await upTo('ringing', door)
    await door.stop(0)
    expect(channels()).toEqual([])
    expect(await rowOf(pin)).toMatchObject({ state: 'waiting', outcome: 'failed', tries: 1 })
    const next = await open()
    await upTo('ringing', next, pin, 2)
  })

  test.each<['invited' | 'speaking', SendingState, SendingOutcome]>([
    ['invited', 'waiting', 'failed'],
    ['speaking', 'ended', 'hung_up'],
  ])('while somebody is %s: hung up, and it is %s', async (stage, state, outcome) => {
    const door = await open()
    const pin = await upTo(stage, door)
    const stopped = door.stop(1_000)
    await soon(async () => {
      await jest.advanceTimersByTimeAsync(1_000)
      expect(channels()).toEqual([])
    })
    await stopped
    expect(await rowOf(pin)).toMatchObject({ state, outcome })
  })

  test('while somebody hears the digits, who may hear them to their end', async () => {
    const door = await open()
    const pin = await upTo('speaking', door)
    asterisk.model.settings.promptsLast = false
    const stopped = door.stop(3_000)
    asterisk.model.finishPrompt(legOf(pin))
    await soon(async () => {
      await jest.advanceTimersByTimeAsync(100)
      expect(await rowOf(pin)).toMatchObject({ state: 'ended', outcome: 'delivered' })
    })
    await stopped
  })

  test('while it looks for what is owed: nothing of that is begun', async () => {
    const looked = Promise.withResolvers<undefined>()
    let looks = 0
    const sendingsToMake = async (...args: Parameters<typeof ctx.store.sendingsToMake>) => {
      const read = await ctx.store.sendingsToMake(...args)
      if (read.length > 0 && ++looks === 1) await looked.promise
      return read
    }
    const door = await open({ ...ctx.store, sendingsToMake })
    const pin = await owe()
    door.wakeSendings()
    await soon(() => expect(looks).toBe(1))
    const stopped = door.stop(0)
    looked.resolve(undefined)
    await stopped
    expect([rung(), await rowOf(pin)]).toMatchObject([[], { state: 'waiting', tries: 0 }])
  })

  test('nobody is rung any more', async () => {
    const door = await open()
    await door.stop(0)
    const pin = await owe()
    door.wakeSendings()
    await later(2_000)
    expect([rung(), (await rowOf(pin)).state]).toEqual([[], 'waiting'])
  })
})
