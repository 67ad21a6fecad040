import { beforeEach, describe, expect, test } from '@jest/globals'
import { pinLine } from '../../src/calls/flows/pin-line.ts'
import type { Account, AccountSettings } from '../../src/engine/accounts.ts'
import type { CallRecord } from '../../src/engine/calls.ts'
import { checkPin } from '../../src/engine/pin-check.ts'
import { ANONYMOUS, deletePins, writeDatabase, writePins } from '../../src/engine/pin-databases.ts'
import type { PinAction, PinKey, PinUse } from '../../src/engine/pin-store.ts'
import { B, eventsOf, STRANGER, testAccount, testContext, VN1, type TestContext } from '../support/context.ts'
import { fakeCall, type FakeCall, type Script } from '../support/fake-call.ts'

const [DATABASE, OTHER] = [7, 8]
const PIN = '40717'
const PAN = '4111111111111111'
const ALWAYS = { beginsAt: undefined, expiresAt: undefined }
const ALL = { from: 0, to: Date.UTC(2100, 0) }

let ctx: TestContext
let account: Account

async function open(settings: Partial<AccountSettings> = {}): Promise<void> {
  ctx = testContext()
  account = await testAccount(ctx, { settings })
  await writePins(ctx, account, DATABASE, { start: PIN, end: PIN, ...ALWAYS }, 1)
  await writePins(ctx, account, OTHER, { start: '50000', end: '50009', ...ALWAYS }, 10)
}

beforeEach(() => open())

const does = (action: PinAction) => writeDatabase(ctx, account, DATABASE, { action }, ['gate'])

type Visit = { call: FakeCall; record: CallRecord; error: unknown }

/** One visit of a scripted caller, from the first ring to the record of it. */
async function visit(script: Script, database: number | undefined = DATABASE): Promise<Visit> {
  const call = fakeCall(ctx.newId(), ctx.clock, script)
  const vn = { number: VN1, accountId: account.id, flow: 'pin-line', database } as const
  const error: unknown = await pinLine(call, ctx, vn, account).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const record = await ctx.store.changeCall(call.id, (found) => ({ result: found }))
  if (!record) throw new Error('there is no record')
  return { call, record, error }
}

const uses = (database = DATABASE): Promise<PinUse[]> =>
  ctx.store.usesAfter(account.id, database, ALL, undefined, 1_000)
const keys = (database = DATABASE): Promise<PinKey[]> =>
  ctx.store.keysAfter(account.id, database, undefined, undefined, 1_000)

const ASKED = ['answer', 'ask enter-pin']
const REFUSED = [
  ...ASKED,
  ...['ask pin-wrong,enter-pin', 'ask pin-wrong,enter-pin', 'play pin-wrong', 'play goodbye'],
]

describe('a right PIN', () => {
  test('is a use before the caller hears that it was right', async () => {
    const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: [PIN] })
    const play = call.play.bind(call)
    let usesThen: PinUse[] = []
    call.play = async (...prompts) => {
      usesThen = await uses()
      await play(...prompts)
    }
    const at = ctx.clock.ms + 4_100
    await pinLine(
      call,
      ctx,
      { number: VN1, accountId: account.id, flow: 'pin-line', database: DATABASE },
      account,
    )
    expect(usesThen).toMatchObject([{ pin: PIN, key: STRANGER, at }])
    expect(call.said.at(-1)).toBe('pin-right')
  })

  test('where nothing follows: thank you, and the record of an attempt without any event', async () => {
    const startedAt = ctx.clock.ms
    const { call, record, error } = await visit({ from: STRANGER, keys: [PIN] })
    expect(error).toBeUndefined()
    expect(call.verbs).toEqual([...ASKED, 'play pin-right'])
    expect(record).toMatchObject({
      state: 'ended',
      vn: VN1,
      from: STRANGER,
      startedAt,
      endedAt: ctx.clock.ms,
    })
    expect(record).toMatchObject({ allocationId: undefined, ringingAt: undefined, to: undefined })
    expect(await keys()).toMatchObject([{ pin: PIN, key: STRANGER, firstUsedAt: startedAt + 4_100 }])
    expect(await eventsOf(ctx)).toEqual([])
  })

  test('counts in the database of the number only, which is 1 unless said otherwise', async () => {
    expect((await visit({ from: STRANGER, keys: [PIN] }, OTHER)).call.verbs).toContain('play goodbye')
    expect((await visit({ from: STRANGER, keys: [PIN] }, 4)).call.verbs).toContain('play goodbye')
    expect((await visit({ from: STRANGER, keys: ['50003'] }, OTHER)).call.said).toContain('pin-right')
    await writePins(ctx, account, 1, { start: '6', end: '6', ...ALWAYS }, 1)
    const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: ['6'] })
    await pinLine(call, ctx, { number: VN1, accountId: account.id, flow: 'pin-line' }, account)
    expect(call.said).toContain('pin-right')
  })

  test('withheld callers are one key', async () => {
    await writeDatabase(ctx, account, DATABASE, { maxKeys: 1 }, [])
    for (let n = 0; n < 2; n++) {
      const { call } = await visit({ from: undefined, keys: [PIN] })
      expect(call.said).toContain('pin-right')
    }
    expect(await keys()).toMatchObject([{ key: ANONYMOUS }])
    expect((await visit({ from: STRANGER, keys: [PIN] })).call.said.at(-1)).toBe('goodbye')
  })
})

describe('a wrong PIN', () => {
  const later = (ms: number) => ctx.clock.ms + ms

  test.each<[string, () => Promise<unknown>]>([
    ['unknown', () => deletePins(ctx, account, DATABASE, { start: PIN, end: PIN }, 1)],
    [
      'not begun',
      () =>
        writePins(
          ctx,
          account,
          DATABASE,
          { start: PIN, end: PIN, beginsAt: later(3_600_000), expiresAt: undefined },
          1,
        ),
    ],
    [
      'expired',
      () =>
        writePins(
          ctx,
          account,
          DATABASE,
          { start: PIN, end: PIN, beginsAt: undefined, expiresAt: later(0) },
          1,
        ),
    ],
    [
      'of as many callers as may have it',
      async () => {
        await writeDatabase(ctx, account, DATABASE, { maxKeys: 1 }, [])
        await checkPin(ctx, { account, database: DATABASE, pin: PIN, key: B, way: 'trunk' })
      },
    ],
    [
      'by one who has guessed too often',
      async () => {
        for (let n = 0; n < 10; n++)
          await checkPin(ctx, { account, database: DATABASE, pin: `9000${n}`, key: STRANGER, way: 'trunk' })
      },
    ],
  ])('%s: sounds as any other, and leaves no use', async (_why, given) => {
    await given()
    const before = await uses()
    const { call, record, error } = await visit({ from: STRANGER, keys: [PIN, PIN, PIN, PIN] })
    expect(error).toBeUndefined()
    expect(call.verbs).toEqual(REFUSED)
    expect(record).toMatchObject({ state: 'ended', callType: 'call-attempt', endedAt: ctx.clock.ms })
    expect(await uses()).toEqual(before)
    expect((await keys()).map(({ key }) => key)).not.toContain(STRANGER)
    expect(await eventsOf(ctx)).toEqual([])
  })

  test('then the right one', async () => {
    const { call } = await visit({ from: STRANGER, keys: ['1', '', PIN] })
    expect(call.verbs).toEqual([
      ...ASKED,
      'ask pin-wrong,enter-pin',
      'ask pin-nothing,enter-pin',
      'play pin-right',
    ])
  })

  test('the account says how many attempts there are', async () => {
    await open({ pinAttempts: 1 })
    const { call } = await visit({ from: STRANGER, keys: ['1', PIN] })
    expect(call.verbs).toEqual([...ASKED, 'play pin-wrong', 'play goodbye'])
  })

  test('a payment card number is taken as one wrong input and never looked up', async () => {
    const looked: string[] = []
    const { store } = ctx
    ctx.store = {
      ...store,
      checkPin: (query, decide) => {
        looked.push(query.pin)
        return store.checkPin(query, decide)
      },
    }
    const { call } = await visit({ from: STRANGER, keys: [PAN, PAN, PAN] })
    expect(call.verbs).toEqual(REFUSED)
    expect(looked).toEqual([])
  })
})

describe('what is noted for the log', () => {
  const refused = { db: DATABASE, verdict: 'refused' }

  test.each<[string, Script, object]>([
    ['a right PIN', { from: STRANGER, keys: [PIN] }, { db: DATABASE, verdict: 'ok', wrong: 0 }],
    ['wrong, then right', { from: STRANGER, keys: ['1', PIN] }, { db: DATABASE, verdict: 'ok', wrong: 1 }],
    ['wrong, a card, wrong', { from: STRANGER, keys: ['1', PAN, '3'] }, { ...refused, wrong: 3 }],
    ['wrong, then gone', { from: STRANGER, keys: ['1'], leavesAt: 2 }, { ...refused, wrong: 1 }],
    ['silence', { from: STRANGER }, { ...refused, wrong: 0 }],
  ])('%s: how many were wrong, and no PIN', async (_what, script, notes) => {
    expect((await visit(script)).call.notes).toEqual(notes)
  })

  test('a caller who is locked out: locked, whatever is keyed afterwards', async () => {
    for (let n = 0; n < 10; n++)
      await checkPin(ctx, { account, database: DATABASE, pin: '1', key: STRANGER, way: 'trunk' })
    const { call } = await visit({ from: STRANGER, keys: [PIN, PAN, PAN] })
    expect(call.notes).toEqual({ db: DATABASE, verdict: 'locked', wrong: 3 })
  })
})

describe('dial', () => {
  beforeEach(() => does({ do: 'dial', number: B }))

  test('rings the number from the virtual number, as the account wants it, and the two talk', async () => {
    await open({ ringMs: 12_000, maxTalkMs: 60_000, ringStrategy: 'all' })
    await does({ do: 'dial', number: B })
    const { call, record, error } = await visit({ from: STRANGER, keys: [PIN], talkMs: 5_000 })
    expect(error).toBeUndefined()
    expect(call.verbs).toEqual([...ASKED, 'play pin-right', 'ring', 'talk'])
    expect(call.rung).toEqual([
      { numbers: [B], callerId: VN1, strategy: 'all', ringMs: 12_000, maxTalkMs: 60_000 },
    ])
    const { ms } = ctx.clock
    expect(record).toMatchObject({
      ...{
        state: 'ended',
        to: B,
        toChannelId: `leg-${call.id}`,
        ringingAt: ms - 11_000,
        answeredAt: ms - 5_000,
      },
      ...{ endedAt: ms, callType: 'completed', dialStatus: 'completed', allocationId: undefined },
    })
    expect(call.recordings).toEqual([undefined])
    // Events of calls belong to allocations.
    expect(await eventsOf(ctx)).toEqual([])
  })

  test('is recorded where the account wants that', async () => {
    await open({ recordTalks: true, announceRecording: true, keepRecordingsMs: 1_000 })
    await does({ do: 'dial', number: B })
    const { call, record } = await visit({ from: STRANGER, keys: [PIN] })
    expect(call.recordings).toMatchObject([{ announced: true }])
    expect(record.recordedUntil).toBe((record.endedAt ?? NaN) + 1_000)
  })

  test.each([
    ['busy', 'party-busy'],
    ['no-answer', 'party-no-answer'],
    ['failed', 'party-unreachable'],
  ] as const)('%s: the caller hears %s', async (status, prompt) => {
    const { call, record } = await visit({ from: STRANGER, keys: [PIN], ring: status })
    expect(call.verbs.slice(3)).toEqual(['ring', `play ${prompt}`])
    expect(record).toMatchObject({ callType: 'incomplete', dialStatus: status, to: B })
    expect(record.endedAt).toBe(ctx.clock.ms - 2_000)
  })
})

describe('continue', () => {
  beforeEach(() => does({ do: 'continue', context: 'gate', extension: '100' }))

  test('goes on there with what was decided, and never with the PIN; the record is closed before', async () => {
    const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: [PIN] })
    const goOn = call.continueAt.bind(call)
    let open: CallRecord[] | undefined
    call.continueAt = async (place) => {
      open = await ctx.store.openCalls()
      await goOn(place)
    }
    await pinLine(
      call,
      ctx,
      { number: VN1, accountId: account.id, flow: 'pin-line', database: DATABASE },
      account,
    )
    expect(open).toEqual([])
    expect(call.verbs).toEqual([...ASKED, 'play pin-right', 'continueAt'])
    const variables = {
      ...{ PINBRIDGE_STATUS: 'OK', PINBRIDGE_DATABASE: '7', PINBRIDGE_KEYS: '1', PINBRIDGE_CALL: call.id },
    }
    expect(call.sentTo).toEqual([{ context: 'gate', extension: '100', variables }])
  })

  test('the number of keys is that of the PIN now', async () => {
    await checkPin(ctx, { account, database: DATABASE, pin: PIN, key: B, way: 'trunk' })
    const { call } = await visit({ from: STRANGER, keys: [PIN] })
    expect(call.sentTo[0]?.variables).toMatchObject({ PINBRIDGE_KEYS: '2' })
    const again = await visit({ from: STRANGER, keys: [PIN] })
    expect(again.call.sentTo[0]?.variables).toMatchObject({ PINBRIDGE_KEYS: '2' })
  })

  test('what cannot be done is thrown, with the record closed and the use kept', async () => {
    const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: [PIN] })
    call.continueAt = () => Promise.reject(new Error('no such place'))
    const vn = { number: VN1, accountId: account.id, flow: 'pin-line', database: DATABASE } as const
    await expect(pinLine(call, ctx, vn, account)).rejects.toThrow('no such place')
    expect(await ctx.store.openCalls()).toEqual([])
    expect(await uses()).toHaveLength(1)
  })
})

test('the action is what the database says when the PIN has been found right', async () => {
  const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: [PIN] })
  const ask = call.ask.bind(call)
  call.ask = async (question) => {
    const keyed = await ask(question)
    await does({ do: 'dial', number: B })
    return keyed
  }
  await pinLine(
    call,
    ctx,
    { number: VN1, accountId: account.id, flow: 'pin-line', database: DATABASE },
    account,
  )
  expect(call.rung).toHaveLength(1)
})

describe('the caller hangs up', () => {
  const actions: PinAction[] = [
    { do: 'confirm' },
    { do: 'dial', number: B },
    { do: 'continue', context: 'gate', extension: '100' },
  ]
  const scripts = actions.flatMap((action) => [
    { action, keys: [PIN], kept: 1 },
    { action, keys: ['1', '2', '3'], kept: 0 },
  ])

  test.each(scripts)(
    'at each step, where the database says $action.do, keying $keys',
    async ({ action, keys: keyed, kept }) => {
      for (let leavesAt = 0; ; leavesAt++) {
        await open()
        await does(action)
        const { call, record, error } = await visit({ from: STRANGER, keys: keyed, leavesAt })
        if (call.verbs.length <= leavesAt) {
          // To the end, without leaving.
          expect(error).toBeUndefined()
          expect(leavesAt).toBeGreaterThan(2)
          return
        }
        expect(error).toMatchObject({ name: 'Hangup' })
        expect(record.state).toBe('ended')
        // Closed with the instant of the hang-up, or before where the dialplan takes over.
        if (call.verbs.at(-1) !== 'continueAt') expect(record.endedAt).toBe(call.goneAt)
        expect(await ctx.store.openCalls()).toEqual([])
        // A PIN that was asked for and not checked is no use.
        expect(await uses()).toHaveLength(leavesAt <= 1 ? 0 : kept)
      }
    },
  )
})
