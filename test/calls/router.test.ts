import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { media } from '../../src/calls/prompts.ts'
import { takeCalls, type CallDoor } from '../../src/calls/router.ts'
import type { Account } from '../../src/engine/accounts.ts'
import { createAllocation } from '../../src/engine/allocate.ts'
import { callRinging, openCall } from '../../src/engine/calls.ts'
import { changeSettings } from '../../src/engine/settings.ts'
import type { Context } from '../../src/engine/context.ts'
import { createLog } from '../../src/log.ts'
import {
  A,
  B,
  VN1,
  VN2,
  STRANGER,
  eventsOf,
  testAccount,
  testContext,
  wantedAllocation,
  type TestContext,
} from '../support/context.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { fakeTime, soon } from './time.ts'

let asterisk: FakeAri
let ctx: TestContext
let account: Account
let doors: CallDoor[]
let lines: string[]
let replaced: number

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  ctx = testContext()
  account = await testAccount(ctx)
  await createAllocation(ctx, account, wantedAllocation())
  ctx.clock.ms += 1_000
  doors = []
  lines = []
  replaced = 0
})

afterEach(async () => {
  expect(asterisk.model.stalls).toEqual([])
  for (const door of doors) await door.stop(0)
  await asterisk.stop()
  await ctx.store.close()
  jest.useRealTimers()
})

async function open(changed: Partial<Context> = {}, at = ctx): Promise<CallDoor> {
  const door = takeCalls({
    url: asterisk.url,
    user: USER,
    password: PASSWORD,
    application: 'pinbridge',
    ctx: { ...at, ...changed },
    digits: { firstMs: 800, nextMs: 400, totalMs: 3_000 },
    contexts: [],
    country: undefined,
    log: createLog('info', { write: (line: string) => void lines.push(line) }),
    onReplaced: () => replaced++,
  })
  doors.push(door)
  await soon(() => expect(door.connected()).toBe(true))
  return door
}

/** Follows a prompt to its end: the caller hears it now. */
async function hears(channelId: string, prompt: Parameters<typeof media>[0]): Promise<void> {
  await soon(() => {
    const [playing = ''] = asterisk.model.channels.get(channelId)?.playing ?? []
    expect(asterisk.model.playbacks.get(playing)?.media).toContain(media(prompt))
  })
  asterisk.model.finishPrompt(channelId)
}

/** A caller keys the PIN and is talking to the party that answered; resolves to the two channels. */
async function talk(from = STRANGER, pin = '713') {
  asterisk.model.parties.set(B, 'answers')
  const caller = asterisk.model.phones.calls({ from, to: VN1 })
  await hears(caller, 'enter-pin')
  asterisk.model.phones.presses(caller, `${pin}#`)
  let members: string[] = []
  await soon(() => {
    members = [...asterisk.model.bridges.values()].find((ids) => ids.includes(caller)) ?? []
    expect(members).toHaveLength(2)
    // The door has had Asterisk's answer by now.
    expect(doors.reduce((sum, door) => sum + door.talking(), 0)).toBeGreaterThan(0)
  })
  const [, leg = ''] = members
  return { caller, leg }
}

/** A leg that nobody in this process has asked for. */
function createLeg(channelId: string): void {
  const asked = { what: '', method: 'POST', path: 'channels/create', query: new URLSearchParams(), app: '' }
  const body = { channelId, endpoint: `PJSIP/${B}@trunk`, appArgs: 'leg,old' }
  asterisk.model.answer({ ...asked, body }).after?.()
}

const over = (door: CallDoor) => soon(() => expect(door.live()).toBe(0))
const everythingOf = () => [...asterisk.model.channels.keys(), ...asterisk.model.bridges.keys()]
const told = async () => (await eventsOf(ctx)).map(({ type }) => type)
const errors = () => lines.filter((line) => line.includes('"level":"error"'))
const ended = () =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === 'call ended')
const asked = (what: string) => soon(() => expect(asterisk.asked()).toContain(what))

describe('a call', () => {
  test('from the first ring to the last hang-up: PIN, other party, bridge, record and events', async () => {
    const door = await open()
    const { caller, leg } = await talk()
    expect(door.live()).toBe(1)
    expect(await ctx.store.openCalls()).toMatchObject([
      { state: 'talking', from: STRANGER, to: B, channelId: caller, toChannelId: leg },
    ])
    ctx.clock.ms += 30_000
    asterisk.model.phones.hangsUp(leg)
    await over(door)
    expect(everythingOf()).toEqual([])
    expect(await ctx.store.openCalls()).toEqual([])
    expect(await told()).toEqual(['caller.verified', 'call.completed'])
    expect(errors()).toEqual([])
  })

  test('no secret and no whole number gets into the log', async () => {
    const door = await open()
    const { caller } = await talk()
    asterisk.model.phones.hangsUp(caller)
    await over(door)
    // An id may have these digits by chance.
    const log = lines.join().replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
    expect(log).toContain('call ended')
    for (const secret of ['713', STRANGER, STRANGER.slice(3), B, B.slice(3), A])
      expect(log).not.toContain(secret)
  })

  test('whose caller was asked for a PIN says at its end what became of that, and never a PIN', async () => {
    const door = await open()
    const guesser = asterisk.model.phones.calls({ from: STRANGER, to: VN1 })
    await hears(guesser, 'enter-pin')
    asterisk.model.phones.presses(guesser, '60504#')
    await hears(guesser, 'pin-wrong')
    asterisk.model.phones.presses(guesser, '60505#')
    await hears(guesser, 'pin-wrong')
    asterisk.model.phones.hangsUp(guesser)
    await over(door)
    const { caller } = await talk()
    asterisk.model.phones.hangsUp(caller)
    await over(door)
    expect(ended()).toMatchObject([
      { verdict: 'refused', wrong: 2 },
      { verdict: 'ok', wrong: 0 },
    ])
    const log = lines.join().replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
    for (const pin of ['60504', '60505', '713']) expect(log).not.toContain(pin)
  })

  test('whose caller was known says nothing of PINs', async () => {
    const door = await open()
    const caller = asterisk.model.phones.calls({ from: B, to: VN2 })
    await asked('POST channels/create')
    asterisk.model.phones.hangsUp(caller)
    await asterisk.settled()
    jest.advanceTimersByTime(5_000)
    await over(door)
    expect(ended().map((line) => Object.keys(line))).toEqual([['level', 'time', 'call', 'msg']])
  })

  test('to a number that nobody owns: an announcement, not answered, and hung up as unassigned', async () => {
    const door = await open()
    for (const to of ['+916292134499', 's', '', '+91', 'x'.repeat(200)]) {
      asterisk.requests.length = 0
      const caller = asterisk.model.phones.calls({ to })
      await hears(caller, 'number-not-active')
      await over(door)
      expect(asterisk.asked()).toEqual([
        `POST channels/${caller}/play`,
        `DELETE channels/${caller}?reason_code=1`,
      ])
    }
    expect(await ctx.store.openCalls()).toEqual([])
  })

  test('several at once do not know of each other', async () => {
    const door = await open()
    const first = await talk('+919812345670')
    const second = await talk('+919812345671')
    asterisk.model.phones.hangsUp(first.caller)
    await soon(() => expect(door.live()).toBe(1))
    expect(asterisk.model.channels.has(second.leg)).toBe(true)
    asterisk.model.phones.hangsUp(second.leg)
    await over(door)
    expect(everythingOf()).toEqual([])
  })

  test('whose leg enters after it is over: the leg is hung up', async () => {
    const door = await open()
    asterisk.model.settings.legsEnter = false
    const caller = asterisk.model.phones.calls({ from: B, to: VN2 })
    await asked('POST channels/create')
    asterisk.refuse('DELETE channels/*', 404) // as long as it does not exist yet
    asterisk.model.phones.hangsUp(caller)
    await soon(() => expect(asterisk.requests.at(-1)?.method).toBe('DELETE'))
    asterisk.model.enter([...asterisk.model.channels.keys()][0] ?? '')
    await asterisk.settled()
    jest.advanceTimersByTime(5_000)
    await over(door)
    expect(everythingOf()).toEqual([])
  })

  test('a leg that nobody waits for is hung up', async () => {
    const door = await open()
    createLeg('pinbridge-old-1')
    await asked('DELETE channels/pinbridge-old-1')
    expect(door.live()).toBe(0)
  })

  test('whose script fails: try later, hung up as out of order, one line in the log, and the next call works', async () => {
    let broken = true
    const findNumber: typeof ctx.store.findNumber = (number) =>
      broken ? Promise.reject(new Error('the disk is on fire')) : ctx.store.findNumber(number)
    const door = await open({ store: { ...ctx.store, findNumber } })
    const caller = asterisk.model.phones.calls()
    await hears(caller, 'try-later')
    await over(door)
    expect(asterisk.asked().at(-1)).toBe(`DELETE channels/${caller}?reason_code=38`)
    expect(errors()).toHaveLength(1)
    expect(errors()[0]).toContain('the disk is on fire')
    broken = false
    const { caller: next } = await talk()
    asterisk.model.phones.hangsUp(next)
    await over(door)
  })

  test('that hangs up is nothing to log as an error, whatever was in the way', async () => {
    const door = await open()
    const caller = asterisk.model.phones.calls()
    await soon(() => expect(asterisk.model.channels.get(caller)?.playing).toHaveLength(1))
    asterisk.model.phones.hangsUp(caller)
    await over(door)
    jest.advanceTimersByTime(5_000)
    await asterisk.settled()
    expect(errors()).toEqual([])
  })

  test('a prompt that Asterisk cannot play is an error in the log, also when it is the last one', async () => {
    const door = await open()
    asterisk.model.missing.add(media('number-not-active'))
    asterisk.model.phones.calls({ to: '+916292134499' })
    await soon(() => expect(asterisk.asked()).toHaveLength(1))
    await asterisk.settled()
    jest.advanceTimersByTime(1_000)
    await over(door)
    expect(errors()).toHaveLength(1)
    expect(errors()[0]).toContain('number-not-active')
  })
})

test('a record that the store does not take is closed when it does, with the instant of the hang-up', async () => {
  let full = false
  const changeCall: typeof ctx.store.changeCall = (id, decide) =>
    full ? Promise.reject(new Error('the disk is full')) : ctx.store.changeCall(id, decide)
  const door = await open({ store: { ...ctx.store, changeCall } })
  const { caller } = await talk()
  full = true
  asterisk.model.phones.hangsUp(caller)
  const leftAt = ctx.now()
  await over(door)
  expect(everythingOf()).toEqual([])
  for (const [attempt, pauseMs] of [
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
  ] as const) {
    await soon(() =>
      expect(lines.filter((line) => line.includes('cannot be closed yet'))).toHaveLength(attempt),
    )
    ctx.clock.ms += 60_000
    full = attempt < 3
    await asterisk.settled()
    jest.advanceTimersByTime(pauseMs)
  }
  await soon(async () => expect(await told()).toContain('call.completed'))
  expect(await ctx.store.openCalls()).toEqual([])
  expect((await eventsOf(ctx)).at(-1)).toMatchObject({ type: 'call.completed', at: leftAt })
})

describe('stopping', () => {
  test('new callers hear an apology', async () => {
    const door = await open()
    asterisk.model.phones.calls()
    await soon(() => expect(door.live()).toBe(1))
    const stopping = door.stop(3_000)
    const late = asterisk.model.phones.calls()
    await hears(late, 'try-later')
    await asked(`DELETE channels/${late}?reason_code=38`)
    jest.advanceTimersByTime(3_000)
    await stopping
  })

  test('those on their way get their time, are then hung up, and nothing of them is left', async () => {
    const door = await open()
    const caller = asterisk.model.phones.calls()
    await hears(caller, 'enter-pin')
    const stopping = door.stop(3_000)
    await asterisk.settled()
    jest.advanceTimersByTime(700)
    await asterisk.settled()
    expect(asterisk.model.channels.has(caller)).toBe(true)
    // Each wait for a key and each prompt uses some of it.
    jest.advanceTimersByTime(2_300)
    await stopping
    expect(asterisk.asked()).toContain(`DELETE channels/${caller}?reason_code=38`)
    expect(door.live()).toBe(0)
    expect(await ctx.store.openCalls()).toEqual([])
    await soon(() => expect(asterisk.apps()).toEqual([]))
  })

  test('while somebody is rung: it failed by us, and nobody gave up', async () => {
    const door = await open()
    asterisk.model.phones.calls({ from: B, to: VN2 })
    await soon(() => expect(asterisk.asked().at(-1)).toContain('/dial'))
    const stopping = door.stop(0)
    await asterisk.settled()
    jest.advanceTimersByTime(1)
    await stopping
    expect(everythingOf()).toEqual([])
    expect(await eventsOf(ctx)).toMatchObject([{ callType: 'incomplete', dialStatus: 'failed' }])
  })

  test('who gets through in that time talks on, and so does everybody else', async () => {
    const door = await open()
    const talking = await talk('+919812345670')
    const caller = asterisk.model.phones.calls({ from: STRANGER })
    await hears(caller, 'enter-pin')
    const stopping = door.stop(3_000)
    asterisk.model.phones.presses(caller, '713#')
    await soon(() => expect(asterisk.model.bridges.size).toBe(2))
    await asterisk.settled()
    jest.advanceTimersByTime(3_000)
    await stopping
    expect(door.live()).toBe(2)
    expect(asterisk.model.channels.has(talking.leg)).toBe(true)
    expect(asterisk.model.channels.size).toBe(4)
    expect(await ctx.store.openCalls()).toHaveLength(2)
  })

  test('nobody there: at once', async () => {
    const door = await open()
    await door.stop(3_000)
    await soon(() => expect(asterisk.apps()).toEqual([]))
    expect(door.connected()).toBe(false)
  })
})

describe('a recorded talk', () => {
  const RECORD = 'POST bridges/*/record'
  const recording = () => [...asterisk.model.bridging.recordings]
  const asksToRecord = () => asterisk.asked().filter((what) => what.endsWith('/record'))
  /** Of the one talk that was: when it ended, by what its end says of the recording; undefined where there is none. */
  const recordedTo = async () => {
    const completed = (await eventsOf(ctx)).filter((event) => event.type === 'call.completed')
    expect(completed).toHaveLength(1)
    const [{ at, recordedUntil: until } = { at: NaN }] = completed
    if (until === undefined) return undefined
    expect(until - account.settings.keepRecordingsMs).toBe(at)
    return at
  }

  beforeEach(async () => {
    await changeSettings(ctx, account, { recordTalks: true })
  })

  test('has the id of the call, and its end tells until when it is kept', async () => {
    const door = await open()
    const { leg } = await talk()
    const [call] = await ctx.store.openCalls()
    await soon(() => expect(recording()).toEqual([[call?.id, `pinbridge-${call?.id}`]]))
    ctx.clock.ms += 30_000
    asterisk.model.phones.hangsUp(leg)
    await over(door)
    expect(recording()).toEqual([[call?.id, undefined]])
    expect(await recordedTo()).toBe(ctx.clock.ms)
    expect(errors()).toEqual([])
  })

  test('is refused: an error in the log, and the end of the talk tells of no recording', async () => {
    asterisk.refuse(RECORD, 500)
    const door = await open()
    const { leg } = await talk()
    await soon(() => expect(errors()).toHaveLength(1))
    expect(errors()[0]).toContain('a talk is not recorded')
    asterisk.model.phones.hangsUp(leg)
    await over(door)
    expect(await recordedTo()).toBeUndefined()
  })

  test('is adopted: not recorded anew, and its end tells of the recording all the same', async () => {
    const before = await open()
    const { leg } = await talk()
    await soon(() => expect(recording()).toHaveLength(1))
    await before.stop(0)
    const door = await open()
    ctx.clock.ms += 30_000
    asterisk.model.phones.hangsUp(leg)
    await over(door)
    expect(asksToRecord()).toHaveLength(1)
    expect(await recordedTo()).toBe(ctx.clock.ms)
  })

  test('is adopted though the process died before it was recorded: its end tells of no recording', async () => {
    const before = await open()
    asterisk.refuse(RECORD, 500)
    const { leg } = await talk()
    await soon(() => expect(errors()).toHaveLength(1))
    await before.stop(0)
    // As the row was when the process died.
    const [left] = await ctx.store.openCalls()
    const recordedUntil = ctx.clock.ms + 1_000
    await ctx.store.changeCall(left?.id ?? '', (call) => ({
      ...(call && { save: { ...call, recordedUntil } }),
      result: undefined,
    }))
    const door = await open()
    asterisk.model.phones.hangsUp(leg)
    await over(door)
    expect(await recordedTo()).toBeUndefined()
  })

  test.each([
    ['before it was recorded: there is no recording', false],
    ['while it was recorded: there is one', true],
  ])('was lost with its process %s', async (_when, begun) => {
    if (!begun) asterisk.drop(RECORD)
    const before = await open()
    const answeredAt = ctx.clock.ms
    const { caller, leg } = await talk()
    await soon(() => expect(asksToRecord()).toHaveLength(1))
    asterisk.refuseSockets(503)
    void before.stop(0)
    await soon(() => expect(asterisk.apps()).toEqual([]))
    for (const id of [caller, leg]) asterisk.model.phones.hangsUp(id)
    asterisk.refuseSockets(undefined)
    await open()
    await soon(async () => expect(await told()).toEqual(['caller.verified', 'call.completed']))
    expect(await recordedTo()).toBe(begun ? answeredAt : undefined)
  })
})

describe('a new process', () => {
  test('adopts talks, and ends them like its own', async () => {
    const before = await open()
    const { caller, leg } = await talk()
    await before.stop(0)
    const door = await open()
    expect(door.live()).toBe(1)
    expect(asterisk.asked().filter((what) => what.startsWith('DELETE channels'))).toEqual([
      `DELETE channels/${caller}/ring`,
    ])
    ctx.clock.ms += 60_000
    asterisk.model.phones.hangsUp(leg)
    await over(door)
    expect(everythingOf()).toEqual([])
    expect(await told()).toEqual(['caller.verified', 'call.completed'])
    expect((await eventsOf(ctx)).at(-1)).toMatchObject({ talkMs: 60_000, to: B })
  })

  test('apologises to callers whose script is gone, and hangs up what rang for them', async () => {
    // What a process that crashed while it rang the other party left behind, and one who came after that.
    const caller = asterisk.model.phones.calls({ from: B, to: VN2 })
    const id = ctx.newId()
    createLeg(`pinbridge-${id}-1`)
    await openCall(ctx, {
      id,
      accountId: account.id,
      vn: VN2,
      from: B,
      channelId: caller,
      startedAt: ctx.now(),
    })
    const [known] = await ctx.store.membershipsOn(VN2, B)
    if (!known) throw new Error('B is registered')
    const { id: allocationId, transactionId } = known.allocation
    await callRinging(ctx, id, A, { id: allocationId, transactionId, party: 'b' })
    const stranger = asterisk.model.phones.calls({ from: STRANGER })
    const door = await open()
    await hears(caller, 'try-later')
    await hears(stranger, 'try-later')
    await over(door)
    expect(everythingOf()).toEqual([])
    expect(await ctx.store.openCalls()).toEqual([])
    expect(await told()).toEqual(['call.completed'])
    expect((await eventsOf(ctx))[0]).toMatchObject({ callType: 'incomplete', from: B, to: A })
  })

  test('closes the records of callers who left meanwhile, at the instant up to which anybody was alive', async () => {
    const before = await open()
    const { caller, leg } = await talk()
    await before.stop(0)
    const aliveAt = ctx.clock.ms + 10_000
    await ctx.store.touch(aliveAt)
    asterisk.model.vanish(caller)
    asterisk.model.vanish(leg)
    ctx.clock.ms += 3_600_000
    const door = await open()
    expect(door.live()).toBe(0)
    expect(await ctx.store.openCalls()).toEqual([])
    expect((await eventsOf(ctx)).at(-1)).toMatchObject({ type: 'call.completed', talkMs: 10_000 })
    expect(everythingOf()).toEqual([]) // the bridge too
  })

  test('clears a talk of which one side is left', async () => {
    const before = await open()
    const { caller } = await talk()
    await before.stop(0)
    asterisk.model.vanish(caller)
    const door = await open()
    await soon(() => expect(everythingOf()).toEqual([]))
    expect(door.live()).toBe(0)
    expect(await told()).toEqual(['caller.verified', 'call.completed'])
  })

  test('serves who comes while it connects', async () => {
    asterisk.greet((app) => {
      if (app === 'pinbridge') asterisk.model.phones.calls({ id: 'early', from: STRANGER })
    })
    const door = await open()
    await hears('early', 'enter-pin')
    asterisk.model.phones.hangsUp('early')
    await over(door)
  })

  test('takes over from one that still lives, which goes', async () => {
    const before = await open()
    await open()
    await soon(() => expect(replaced).toBe(1))
    expect(before.connected()).toBe(false)
  })
})

describe('a connection that comes back', () => {
  test('finds the calls of this process as they were, and they go on', async () => {
    const door = await open()
    const talking = await talk('+919812345670')
    const caller = asterisk.model.phones.calls({ from: STRANGER })
    await soon(() => expect(asterisk.model.channels.get(caller)?.playing).toHaveLength(1))
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    await soon(() => expect(door.connected()).toBe(true))
    expect(door.live()).toBe(2)
    await hears(caller, 'enter-pin')
    asterisk.model.phones.presses(caller, '713#')
    await soon(() => expect(asterisk.model.bridges.size).toBe(2))
    asterisk.model.phones.hangsUp(caller)
    asterisk.model.phones.hangsUp(talking.leg)
    await over(door)
    expect(everythingOf()).toEqual([])
    expect(errors()).toEqual([])
  })

  test('finds a leg that its script has given up: the leg is hung up', async () => {
    const door = await open()
    const creating = asterisk.hold('POST channels/create')
    const caller = asterisk.model.phones.calls({ from: B, to: VN2 })
    const { perform } = await creating
    asterisk.model.settings.legsEnter = false
    asterisk.refuse('DELETE channels/*', 404) // what the leg itself asks for comes too early
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    perform()
    asterisk.refuseSockets(undefined)
    await soon(() => {
      jest.advanceTimersByTime(1)
      expect(door.connected()).toBe(true)
    })
    await hears(caller, 'party-unreachable')
    await over(door)
    await soon(() => expect(everythingOf()).toEqual([]))
  })

  test('finds that a party has hung up: the caller is hung up too', async () => {
    const door = await open()
    const { leg } = await talk()
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    const lostAt = ctx.now()
    ctx.clock.ms += 3_600_000
    asterisk.model.phones.hangsUp(leg)
    asterisk.refuseSockets(undefined)
    await soon(() => {
      jest.advanceTimersByTime(1)
      expect(door.connected()).toBe(true)
    })
    await over(door)
    expect(everythingOf()).toEqual([])
    expect(await told()).toEqual(['caller.verified', 'call.completed'])
    // An outage of an hour is no talk of an hour.
    expect((await eventsOf(ctx)).at(-1)).toMatchObject({ at: lostAt })
  })

  test('finds that Asterisk has been restarted: every call ended when it was lost', async () => {
    const door = await open()
    await talk()
    asterisk.refuseSockets(503)
    asterisk.cut()
    await soon(() => expect(door.connected()).toBe(false))
    const lostAt = ctx.now()
    ctx.clock.ms += 60_000
    for (const id of [...asterisk.model.channels.keys()]) asterisk.model.vanish(id)
    asterisk.model.bridges.clear()
    asterisk.refuseSockets(undefined)
    await soon(() => {
      jest.advanceTimersByTime(1)
      expect(door.connected()).toBe(true)
    })
    await over(door)
    expect(await ctx.store.openCalls()).toEqual([])
    expect((await eventsOf(ctx)).at(-1)).toMatchObject({ type: 'call.completed', at: lostAt })
  })
})
