import { beforeEach, describe, expect, test } from '@jest/globals'
import { Hangup } from '../../src/calls/call.ts'
import { callingCard } from '../../src/calls/flows/calling-card.ts'
import type { Account } from '../../src/engine/accounts.ts'
import type { CallRecord } from '../../src/engine/calls.ts'
import { updateCard } from '../../src/engine/card-admin.ts'
import type { Card } from '../../src/engine/cards.ts'
import { createCards } from '../../src/engine/create-cards.ts'
import { closeHold, type Hold, openHold } from '../../src/engine/holds.ts'
import { STRANGER, testContext, VN1, type TestContext } from '../support/context.ts'
import { fakeCall, type FakeCall, type Script } from '../support/fake-call.ts'
import { cardAccount, GERMANY, GERMANY_TOO, PER_SECOND_MICROS } from '../support/paid.ts'

/** As they are keyed in the account's country. */
const [KEYED, KEYED_TOO] = ['030901820', '004930901821']
const OUTSIDE = '0012025550123'
const CLI = '+4915112345678'

let ctx: TestContext
let account: Account
let card: Card

async function open(seconds = 725, wanted: Parameters<typeof cardAccount>[1] = {}): Promise<void> {
  ctx = testContext()
  const made = await cardAccount(ctx, { balanceMicros: seconds * PER_SECOND_MICROS, ...wanted })
  account = made.account
  card = made.card
}

beforeEach(() => open())

type Visit = { call: FakeCall; record: CallRecord; holds: Hold[]; open: Hold[]; after: Card; error: unknown }

/** One visit of a scripted caller, and what is written of it. */
async function visit(script: Partial<Script>): Promise<Visit> {
  const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, ...script })
  const vn = { number: VN1, accountId: account.id, flow: 'calling-card' as const }
  const error: unknown = await callingCard(call, ctx, vn, account).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const record = await ctx.store.changeCall(call.id, (found) => ({ result: found }))
  const filter = { accountId: account.id, from: 0, to: ctx.clock.ms + 1 }
  const holds = (await ctx.store.holdsMatching(filter, undefined, 100)).reverse()
  const after = await ctx.store.findCard({ accountId: account.id, id: card.id })
  expect(await ctx.store.audit(10)).toEqual([])
  const openHolds = await ctx.store.openHolds()
  return { call, record: record!, holds, open: openHolds, after: after!, error }
}

/** What the caller hears between the first word about the balance and goodbye. */
const heard = ({ call }: Visit) => call.said.join(' ')

const BALANCE = 'you-have 72 cents'
const MINUTES = 'you-have 12 minutes'

describe('the card', () => {
  test('by PIN: balance, destination, minutes, and the two talk', async () => {
    const all = await visit({ keys: [card.pin, KEYED], talkMs: 61_000, leavesAt: 6 })
    expect(heard(all)).toBe(`enter-pin ${BALANCE} enter-number ${MINUTES} you-have 66 cents enter-number`)
    const { call, holds, after, record } = all
    expect(call.rung).toEqual([
      { numbers: [GERMANY], callerId: VN1, strategy: 'in_turn', ringMs: 30_000, maxTalkMs: 725_000 },
    ])
    expect(call.limits).toMatchObject([{ holdId: holds[0]!.id, longestMs: 725_000, warnMs: 60_000 }])
    expect(call.limits[0]!.warning).toEqual(['call-ends-soon', 'you-have', { number: 1 }, 'minute'])
    expect(call.recordings).toEqual([undefined])
    expect(holds).toMatchObject([
      { state: 'settled', callId: call.id, from: STRANGER, to: GERMANY, kind: 'card' },
    ])
    expect(holds[0]).toMatchObject({ billedSeconds: 61, chargedMicros: 61 * PER_SECOND_MICROS })
    expect(after).toMatchObject({ balanceMicros: 664 * PER_SECOND_MICROS, heldMicros: 0 })
    expect(record).toMatchObject({
      state: 'ended',
      callType: 'completed',
      vn: VN1,
      from: STRANGER,
      to: GERMANY,
    })
    expect(call.notes).toEqual({ verdict: 'ok', wrong: 0 })
  })

  test('by number: no PIN is asked for, and none is noted', async () => {
    await open(725, { cli: CLI })
    const { call } = await visit({ from: CLI, keys: [KEYED] })
    expect(call.said.slice(0, 4)).toEqual(['you-have', '72', 'cents', 'enter-number'])
    expect(call.notes).toEqual({})
  })

  test('of the number that calls has no money: the caller hears so, and keys another one’s PIN', async () => {
    await open(725)
    const { groupId } = card
    const [empty] = await createCards(ctx, account, {
      groupId,
      numbers: ['9'.repeat(card.number.length)],
      fields: { cli: CLI },
      openingMicros: 0,
    })
    const all = await visit({ from: CLI, keys: [card.pin, KEYED], talkMs: 61_000 })
    expect(all.call.said.slice(0, 6)).toEqual([
      'no-money',
      'enter-pin',
      'you-have',
      '72',
      'cents',
      'enter-number',
    ])
    expect(all.holds).toMatchObject([{ cardId: card.id, billedSeconds: 61 }])
    // Its own PIN leads no further.
    const again = await visit({ from: CLI, keys: [empty!.pin] })
    expect(heard(again)).toBe('no-money enter-pin no-money goodbye')
  })

  test('is opened by no number where the account wants a PIN from everybody', async () => {
    await open(725, { cli: CLI })
    const { cards } = account.settings
    account = { ...account, settings: { ...account.settings, cards: { ...cards, pinless: false } } }
    const { call } = await visit({ from: CLI, keys: [card.pin, KEYED] })
    expect(call.said.slice(0, 3)).toEqual(['enter-pin', 'you-have', '72'])
  })

  test.each([
    ['blocked', { blocked: true }],
    ['disabled', { disabled: true }],
    ['not valid yet', { validFrom: Date.UTC(2040, 1) }],
    ['not valid any more', { validUntil: 0 }],
  ])('that is %s opens by neither', async (_, fields) => {
    await open(725, { cli: CLI })
    await updateCard(ctx, account, { id: card.id }, fields)
    const { call, holds } = await visit({ from: CLI, keys: [card.pin, card.pin, card.pin, KEYED] })
    expect(call.said.join(' ')).toBe('enter-pin pin-wrong enter-pin pin-wrong enter-pin pin-wrong goodbye')
    expect({ rung: call.rung, holds }).toEqual({ rung: [], holds: [] })
  })

  test('a withheld number has a PIN to key', async () => {
    const { call } = await visit({ from: undefined, keys: [card.pin] })
    expect(call.said.slice(0, 3)).toEqual(['enter-pin', 'you-have', '72'])
  })

  test('a wrong PIN, none, then the right one', async () => {
    const { call } = await visit({ keys: ['999999999', '', card.pin] })
    expect(call.said.slice(0, 6)).toEqual([
      'enter-pin',
      'pin-wrong',
      'enter-pin',
      'pin-nothing',
      'enter-pin',
      'you-have',
    ])
    expect(call.notes).toEqual({ verdict: 'ok', wrong: 1 })
  })

  test('as often as the account lets them try, and no oftener', async () => {
    account = { ...account, settings: { ...account.settings, pinAttempts: 2 } }
    const { call, record } = await visit({ keys: ['111111111', '222222222', card.pin] })
    expect(call.said.join(' ')).toBe('enter-pin pin-wrong enter-pin pin-wrong goodbye')
    expect(record).toMatchObject({ state: 'ended', callType: 'call-attempt' })
    expect(call.notes).toEqual({ verdict: 'refused', wrong: 2 })
  })

  test('after too many wrong ones from a number, the right one is not even compared', async () => {
    account = { ...account, settings: { ...account.settings, pinAttempts: 10 } }
    const wrong = Array.from({ length: 10 }, (_, n) => `10000009${n}`)
    await visit({ keys: wrong })
    const { call } = await visit({ keys: [card.pin] })
    expect(call.said.slice(0, 2)).toEqual(['enter-pin', 'pin-wrong'])
    expect(call.notes).toMatchObject({ verdict: 'locked' })
    // Nor does somebody else pay for that.
    expect((await visit({ from: CLI, keys: [card.pin] })).call.notes).toMatchObject({ verdict: 'ok' })
  })
})

describe('the destination', () => {
  const answerTo = async (keyed: string) => {
    const { call, holds } = await visit({ keys: [card.pin, keyed] })
    expect({ rung: call.rung, holds }).toEqual({ rung: [], holds: [] })
    return call.said[5]
  }

  test.each([
    ['nothing', '', 'number-nothing'],
    ['112', '112', 'number-short'],
    ['911', '911', 'number-short'],
    ['a country that the account does not allow', OUTSIDE, 'number-not-allowed'],
    ['no number', '03090182012345678', 'number-invalid'],
    ['a payment card', '4111111111111111', 'number-invalid'],
  ])('%s: nobody is rung, and the caller hears why', async (_, keyed, why) => {
    expect(await answerTo(keyed)).toBe(why)
  })

  test('that is allowed but not in the tariff', async () => {
    const { cards } = account.settings
    account = { ...account, settings: { ...account.settings, cards: { ...cards, allowed: ['49', '1'] } } }
    expect(await answerTo(OUTSIDE)).toBe('number-not-allowed')
  })

  test('that the money does not pay for', async () => {
    await open(9, { incrementSeconds: 10 })
    const { call } = await visit({ keys: [card.pin, KEYED] })
    expect(call.said.slice(1, 4)).toEqual(['enter-number', 'money-not-enough', 'enter-number'])
  })

  test('while another call is made with the card', async () => {
    const { id: accountId } = account
    const wanted = {
      account,
      cardId: card.id,
      callId: 'other',
      kind: 'card' as const,
      from: undefined,
      to: GERMANY,
    }
    const held = (await openHold(ctx, wanted)) as Hold
    await closeHold(ctx, held.id, ctx.now())
    await updateCard(ctx, account, { id: card.id }, { minimalBalanceMicros: 1 })
    // With half of its money set aside, so that there is some to be told.
    const { settings } = account
    const short = { ...account, settings: { ...settings, maxTalkMs: 300_000 } }
    expect(await openHold(ctx, { ...wanted, account: short })).toMatchObject({
      longestSeconds: 300,
      accountId,
    })
    const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: [card.pin, KEYED] })
    await callingCard(call, ctx, { number: VN1, accountId, flow: 'calling-card' }, account)
    expect(call.said.slice(0, 6)).toEqual([
      'enter-pin',
      'you-have',
      '42',
      'cents',
      'enter-number',
      'card-busy',
    ])
    expect(call.rung).toEqual([])
  })

  test('as often as the account lets them try; a call that rang somebody starts the count anew', async () => {
    const keys = [card.pin, '', OUTSIDE, KEYED, '', '112', '']
    const { call } = await visit({ keys, ring: 'busy' })
    expect(call.verbs.filter((verb) => verb.startsWith('ask'))).toHaveLength(7)
    expect(call.rung).toHaveLength(1)
    expect(call.said.slice(-2)).toEqual(['number-nothing', 'goodbye'])
  })

  test('keyed anew after a mistake: the balance is not said again', async () => {
    const { call } = await visit({ keys: [card.pin, '112', KEYED] })
    expect(call.verbs.slice(2, 5)).toEqual([
      'ask you-have,72,cents,enter-number',
      'ask number-short,enter-number',
      'play you-have,12,minutes',
    ])
  })
})

describe('nobody answers', () => {
  test.each([
    ['busy', 'party-busy'],
    ['no-answer', 'party-no-answer'],
    ['failed', 'party-unreachable'],
  ] as const)('%s: the caller hears so, pays nothing, and calls somebody else', async (status, why) => {
    const { call, after, holds } = await visit({
      keys: [card.pin, KEYED, KEYED_TOO],
      ring: [status, undefined],
      talkMs: 30_000,
    })
    expect(call.said).toContain(why)
    expect(call.rung.map(({ numbers }) => numbers)).toEqual([[GERMANY], [GERMANY_TOO]])
    expect(holds).toMatchObject([{ to: GERMANY_TOO, chargedMicros: 30 * PER_SECOND_MICROS }])
    expect(after).toMatchObject({ balanceMicros: 695 * PER_SECOND_MICROS, heldMicros: 0 })
  })

  test('what was set aside is free before the caller hears why', async () => {
    const free: number[] = []
    const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: [card.pin, KEYED], ring: 'busy' })
    const ask = call.ask.bind(call)
    call.ask = async (asked) => {
      free.push((await ctx.store.findCard({ accountId: account.id, id: card.id }))!.heldMicros)
      return ask(asked)
    }
    await callingCard(call, ctx, { number: VN1, accountId: account.id, flow: 'calling-card' }, account)
    expect(free.length).toBeGreaterThan(2)
    expect(new Set(free)).toEqual(new Set([0]))
  })
})

describe('one after another', () => {
  test('until the money ends: the talk is cut, the caller hears why, and that there is no more', async () => {
    const all = await visit({ keys: [card.pin, KEYED, KEYED_TOO], talkMs: [600_000, 600_000] })
    const { call, holds, after, record } = all
    expect(call.limits.map((limit) => limit?.longestMs)).toEqual([725_000, 125_000])
    expect(heard(all)).toBe(
      `enter-pin ${BALANCE} enter-number ${MINUTES} you-have 12 cents enter-number you-have 2 minutes time-over no-money goodbye`,
    )
    expect(holds.map(({ chargedMicros }) => chargedMicros)).toEqual([600_000, 125_000])
    expect(after.balanceMicros).toBe(0)
    expect(record).toMatchObject({ state: 'ended', callType: 'completed', to: GERMANY_TOO })
  })

  test('the record goes back to its beginning in between', async () => {
    const states: string[] = []
    const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: [card.pin, KEYED, KEYED_TOO] })
    for (const verb of ['ask', 'ring', 'talk'] as const) {
      const real = call[verb].bind(call) as (...all: unknown[]) => Promise<never>
      call[verb] = async (...all: unknown[]) => {
        const record = await ctx.store.changeCall(call.id, (found) => ({ result: found }))
        states.push(`${verb} ${record?.state} ${record?.toChannelId === undefined ? '' : 'joined'}`.trim())
        return real(...all)
      }
    }
    await callingCard(call, ctx, { number: VN1, accountId: account.id, flow: 'calling-card' }, account)
    expect(states.slice(0, 7)).toEqual([
      ...['ask ivr', 'ask ivr', 'ring ringing', 'talk talking joined'],
      ...['ask ivr', 'ring ringing', 'talk talking joined'],
    ])
  })

  test('a card that was blocked meanwhile calls nobody else', async () => {
    const call = fakeCall(ctx.newId(), ctx.clock, { from: STRANGER, keys: [card.pin, KEYED, KEYED_TOO] })
    const talk = call.talk.bind(call)
    call.talk = async (...all) => {
      await updateCard(ctx, account, { id: card.id }, { blocked: true })
      return talk(...all)
    }
    await callingCard(call, ctx, { number: VN1, accountId: account.id, flow: 'calling-card' }, account)
    expect(call.said.slice(-2)).toEqual(['card-not-usable', 'goodbye'])
    expect(call.rung).toHaveLength(1)
  })

  test('an empty card is told so at once', async () => {
    await open(0)
    const { call } = await visit({ keys: [card.pin, KEYED] })
    expect(call.said.join(' ')).toBe('enter-pin no-money goodbye')
  })

  test('less than a cent is not said, and calls what it pays for', async () => {
    await open(9)
    const { call, holds } = await visit({ keys: [card.pin, KEYED], talkMs: 60_000 })
    expect(call.said.join(' ')).toBe(
      'enter-pin enter-number you-have less-than 1 minute time-over no-money goodbye',
    )
    expect(holds).toMatchObject([{ chargedMicros: 9_000 }])
  })
})

describe('the caller leaves', () => {
  // answer, ask for the PIN, ask for a number, minutes, ring, talk
  test.each([
    ['as the call is answered', 0],
    ['asked for the PIN', 1],
    ['asked for a number', 2],
    ['told how long the money lasts', 3],
    ['while it rings', 4],
  ])('%s: nothing is held, nothing is charged', async (_, leavesAt) => {
    const { open: left, holds, after, error, record } = await visit({ keys: [card.pin, KEYED], leavesAt })
    expect(error).toBeInstanceOf(Hangup)
    expect({ left, holds }).toEqual({ left: [], holds: [] })
    expect(after).toMatchObject({ balanceMicros: 725_000, heldMicros: 0, firstUsedAt: undefined })
    expect(record.state).toBe('ended')
  })

  test('in the talk: it is charged to the instant of that', async () => {
    const { call, holds, after } = await visit({ keys: [card.pin, KEYED], leavesAt: 5, talkMs: 61_000 })
    expect(call.settled).toEqual([{ holdId: holds[0]!.id, endedAt: call.goneAt }])
    // Half of the talk: 30.5 seconds.
    expect(holds).toMatchObject([{ state: 'settled', billedSeconds: 31 }])
    expect(after).toMatchObject({ balanceMicros: (725 - 31) * PER_SECOND_MICROS, heldMicros: 0 })
  })
})
