import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { media } from '../../src/calls/prompts.ts'
import { takeCalls, type CallDoor } from '../../src/calls/router.ts'
import type { Account } from '../../src/engine/accounts.ts'
import { writeDatabase, writePins } from '../../src/engine/pin-databases.ts'
import type { PinAction } from '../../src/engine/pin-store.ts'
import { createLog } from '../../src/log.ts'
import { B, STRANGER, testAccount, testContext, VN1, VN2, type TestContext } from '../support/context.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { fakeTime, soon } from './time.ts'

const PIN = '40717'
const LINE = VN2
const MASKED = VN1
const DATABASE = 7
const ALWAYS = { beginsAt: undefined, expiresAt: undefined }
const ALL = { from: 0, to: Date.UTC(2100, 0) }

let asterisk: FakeAri
let ctx: TestContext
let account: Account
let doors: CallDoor[]
let lines: string[]

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  ctx = testContext()
  account = await testAccount(ctx, { vns: [MASKED] })
  await ctx.store.addNumber({ number: LINE, accountId: account.id, flow: 'pin-line', database: DATABASE })
  await writePins(ctx, account, DATABASE, { start: PIN, end: PIN, ...ALWAYS }, 1)
  doors = []
  lines = []
})

afterEach(async () => {
  expect(asterisk.model.stalls).toEqual([])
  expect(lines.join()).not.toContain(PIN)
  for (const door of doors) await door.stop(0)
  await asterisk.stop()
  await ctx.store.close()
  jest.useRealTimers()
})

async function open(contexts: string[] = []): Promise<CallDoor> {
  const door = takeCalls({
    ...{ url: asterisk.url, user: USER, password: PASSWORD, application: 'pinbridge', ctx, contexts },
    digits: { firstMs: 800, nextMs: 400, totalMs: 3_000 },
    country: undefined,
    log: createLog('info', { write: (line: string) => void lines.push(line) }),
    onReplaced: () => undefined,
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

/** A caller keys the PIN and hears that it was right. */
async function through(from = STRANGER, how: { to?: string; args?: string[] } = {}): Promise<string> {
  const caller = asterisk.model.phones.calls({ from, to: LINE, ...how })
  await hears(caller, 'enter-pin')
  asterisk.model.phones.presses(caller, `${PIN}#`)
  await hears(caller, 'pin-right')
  return caller
}

const over = (door: CallDoor) => soon(() => expect(door.live()).toBe(0))
const errors = () => lines.filter((line) => line.includes('"level":"error"'))
const does = (action: PinAction) => writeDatabase(ctx, account, DATABASE, { action }, ['gate'])
const uses = () => ctx.store.usesAfter(account.id, DATABASE, ALL, undefined, 100)
const keys = async () =>
  (await ctx.store.keysAfter(account.id, DATABASE, undefined, undefined, 100)).map(({ key }) => key)
const hangUps = () => asterisk.asked().filter((what) => what.startsWith('DELETE channels'))

describe('a number of the flow pin-line', () => {
  test('opens to a PIN of its database, says thank you, and hangs up', async () => {
    const door = await open()
    const caller = await through()
    await over(door)
    expect(hangUps()).toEqual([`DELETE channels/${caller}`])
    expect(await uses()).toMatchObject([{ pin: PIN, key: STRANGER }])
    expect(errors()).toEqual([])
  })

  test('has a line in the log for each call that says what became of the PINs', async () => {
    const door = await open()
    const guesser = asterisk.model.phones.calls({ from: STRANGER, to: LINE })
    await hears(guesser, 'enter-pin')
    asterisk.model.phones.presses(guesser, '60504#')
    await hears(guesser, 'pin-wrong')
    asterisk.model.phones.hangsUp(guesser)
    await over(door)
    await through()
    await over(door)
    const log = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(log.filter(({ msg }) => msg === 'call ended')).toMatchObject([
      { db: DATABASE, verdict: 'refused', wrong: 1 },
      { db: DATABASE, verdict: 'ok', wrong: 0 },
    ])
    const withoutIds = lines.join().replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
    expect(withoutIds).not.toContain('60504')
  })

  test('takes a number however the trunk writes it for the same key, and withheld ones for another', async () => {
    const door = await open()
    for (const from of ['+919812345678', '00919812345678', '09812345678', '919812345678', '9812345678'])
      await through(from)
    for (const from of ['tel:+919812345678', '+91 98123-45678', '%2B919812345678;user=phone'])
      await through(from)
    for (const from of ['', 'anonymous', 'unknown', '1001']) await through(from)
    await over(door)
    expect((await keys()).sort()).toEqual([STRANGER, 'anonymous'])
    expect(await uses()).toHaveLength(12)
  })

  test('rings and joins; the talk is adopted by the next process', async () => {
    await does({ do: 'dial', number: B })
    asterisk.model.parties.set(B, 'answers')
    const before = await open()
    const caller = await through()
    await soon(() => expect(before.talking()).toBe(1))
    const [[, members] = ['', []]] = [...asterisk.model.bridges]
    expect(members).toEqual([caller, expect.stringMatching(/^pinbridge-/)])
    await before.stop(0)
    const door = await open()
    expect(door.talking()).toBe(1)
    asterisk.model.phones.hangsUp(members[1] ?? '')
    await over(door)
    expect([...asterisk.model.channels.keys(), ...asterisk.model.bridges.keys()]).toEqual([])
    expect(await ctx.store.openCalls()).toEqual([])
  })
})

describe('going on in the dialplan', () => {
  beforeEach(async () => {
    await does({ do: 'continue', context: 'gate', extension: '100' })
    asterisk.model.dialplan.places = new Set(['gate,100'])
  })

  test('the caller goes, nobody hangs up, and neither does a new process', async () => {
    const door = await open(['gate'])
    const caller = await through()
    await over(door)
    expect(asterisk.model.channels.get(caller)).toMatchObject({ inStasis: false, exten: '100' })
    expect(await ctx.store.openCalls()).toEqual([])
    await door.stop(0)
    await open(['gate'])
    await asterisk.settled()
    expect(hangUps()).toEqual([])
    expect(asterisk.asked().filter((what) => what.endsWith('/play'))).toHaveLength(2)
    expect(errors()).toEqual([])
  })

  test('and may come back for another PIN: a new call', async () => {
    const door = await open(['gate'])
    const caller = await through()
    await over(door)
    await does({ do: 'confirm' })
    asterisk.model.enter(caller)
    await soon(() => expect(door.live()).toBe(1))
    asterisk.model.phones.hangsUp(caller)
    await over(door)
    expect(errors()).toEqual([])
  })

  test.each<[string, string[], string[]]>([
    ['the operator has taken the context back', ['another'], ['gate,100']],
    ['the dialplan has no such place', ['gate'], ['gate,200']],
  ])('%s: try later, one error in the log, and the use stays', async (_why, contexts, places) => {
    asterisk.model.dialplan.places = new Set(places)
    const door = await open(contexts)
    const caller = await through()
    await hears(caller, 'try-later')
    await over(door)
    expect(hangUps()).toEqual([`DELETE channels/${caller}?reason_code=38`])
    expect(errors()).toHaveLength(1)
    expect(errors()[0]).toContain('gate')
    expect(await uses()).toHaveLength(1)
    expect(await ctx.store.openCalls()).toEqual([])
  })
})

describe("a dialplan of one's own", () => {
  test('chooses the flow and the database for a call, and the number keeps its account', async () => {
    const door = await open()
    await through(STRANGER, { to: MASKED, args: ['pin-line', 'db=7'] })
    await over(door)
    expect(await uses()).toMatchObject([{ pin: PIN, key: STRANGER }])
    expect(lines.join()).toContain('"flow":"pin-line"')
  })

  test('and another call to that number has its own flow', async () => {
    const door = await open()
    const caller = asterisk.model.phones.calls({ to: MASKED })
    await hears(caller, 'number-not-active')
    await over(door)
  })

  test.each([[['callback']], [['pin-line', 'db=0']], [['pin-line', 'db=7', 'x']], [['masking', 'db=7']]])(
    'what it cannot ask for, %j: try later, and one error in the log',
    async (args) => {
      const door = await open()
      const caller = asterisk.model.phones.calls({ to: LINE, args })
      await hears(caller, 'try-later')
      await over(door)
      expect(hangUps()).toEqual([`DELETE channels/${caller}?reason_code=38`])
      expect(errors()).toHaveLength(1)
      expect(errors()[0]).toContain('Stasis()')
      expect(await ctx.store.openCalls()).toEqual([])
    },
  )

  test('that hands over a number which belongs to nobody: said so', async () => {
    const door = await open()
    const caller = asterisk.model.phones.calls({ to: '100', args: ['pin-line', 'db=7'] })
    await hears(caller, 'number-not-active')
    await over(door)
  })
})
