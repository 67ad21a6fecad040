import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { takeCalls, type CallDoor } from '../../src/calls/router.ts'
import type { Account } from '../../src/engine/accounts.ts'
import type { Card } from '../../src/engine/cards.ts'
import { createLog } from '../../src/log.ts'
import { testContext, VN1, type TestContext } from '../support/context.ts'
import { PASSWORD, startFakeAri, USER, type FakeAri } from '../support/fake-ari.ts'
import { addLine, cardAccount, GERMANY, PER_SECOND_MICROS } from '../support/paid.ts'
import { fakeTime, soon } from './time.ts'

const START_MICROS = 100 * PER_SECOND_MICROS
const CLI = '+4930555001'

let asterisk: FakeAri
let ctx: TestContext
let account: Account
let card: Card
let doors: CallDoor[]
let log: string[]

beforeEach(async () => {
  fakeTime()
  asterisk = await startFakeAri()
  asterisk.model.settings.promptsLast = false
  ctx = testContext()
  ;({ account, card } = await cardAccount(ctx, { balanceMicros: START_MICROS, cli: CLI }))
  await addLine(ctx, card)
  doors = []
  log = []
})

afterEach(async () => {
  for (const door of doors) await door.stop(0)
  await asterisk.stop()
  expect(await ctx.store.audit(10)).toEqual([])
  await ctx.store.close()
  jest.useRealTimers()
})

async function open(): Promise<CallDoor> {
  const door = takeCalls({
    ...{ url: asterisk.url, user: USER, password: PASSWORD, application: 'pinbridge', ctx },
    ...{ digits: { firstMs: 800, nextMs: 400, totalMs: 3_000 }, contexts: [], country: undefined },
    log: createLog('info', { write: (line: string) => void log.push(line) }),
    onReplaced: () => undefined,
  })
  doors.push(door)
  await soon(() => expect(door.connected()).toBe(true))
  return door
}

const BOB = { args: ['line', 'bob'], name: 'PJSIP/bob-0000002a', from: 'bob' }
const created = () => asterisk.requests.filter(({ what }) => what === 'POST channels/create')
const hungUpWith = (id: string) =>
  asterisk.requests
    .filter(({ method, path }) => method === 'DELETE' && path === `channels/${id}`)
    .map(({ query }) => query.get('reason_code'))
const over = (door: CallDoor) => soon(() => expect(door.live()).toBe(0))
const balance = async () => (await ctx.store.findCard({ accountId: account.id, id: card.id }))!

describe('a call from a line', () => {
  test('is answered when the called answers, and charged to the card', async () => {
    asterisk.model.parties.set(GERMANY, 'answers')
    const door = await open()
    const answer = asterisk.hold('POST channels/*/answer')
    const id = asterisk.model.phones.calls({ ...BOB, to: '030901820' })
    const held = await answer
    expect(held.asked.path).toBe(`channels/${id}/answer`)
    const [leg] = created()
    expect(leg!.body).toMatchObject({
      endpoint: `PJSIP/${GERMANY}@trunk`,
      variables: { 'CONNECTEDLINE(num,i)': CLI, 'CONNECTEDLINE(num-pres)': 'allowed' },
    })
    held.release()
    await soon(() => expect(door.talking()).toBe(1))
    ctx.clock.ms += 7_100
    asterisk.model.phones.hangsUp(id)
    await over(door)
    expect(await balance()).toMatchObject({
      ...{ balanceMicros: START_MICROS - 8 * PER_SECOND_MICROS, heldMicros: 0 },
    })
    const [line] = await ctx.store.ledger(card.id, undefined, 1)
    expect(await ctx.store.findHold(line!.reference!)).toMatchObject({ kind: 'line', from: CLI, to: GERMANY })
    expect(log.join()).not.toMatch(/555001|901820/)
  })

  test.each<[string, { cause: number; sip: number }, string]>([
    ['is busy', { cause: 17, sip: 486 }, '17'],
    ['cannot be reached', { cause: 1, sip: 404 }, '20'],
  ])('whose called %s is told so without being answered', async (_what, behaviour, cause) => {
    asterisk.model.parties.set(GERMANY, behaviour)
    const door = await open()
    const id = asterisk.model.phones.calls({ ...BOB, to: GERMANY })
    await soon(() => expect(hungUpWith(id)).toEqual([cause]))
    await over(door)
    expect(asterisk.asked()).not.toContain(`POST channels/${id}/answer`)
    expect((await balance()).balanceMicros).toBe(START_MICROS)
  })

  test.each([
    ['no number', '0099912345678', '28'],
    ['a number that the account does not allow', '+442079460000', '21'],
    ['an emergency number', '112', '21'],
  ])('to %s is refused, and rings nobody', async (_what, to, cause) => {
    const door = await open()
    const id = asterisk.model.phones.calls({ ...BOB, to })
    await soon(() => expect(hungUpWith(id)).toEqual([cause]))
    await over(door)
    expect(created()).toEqual([])
  })

  test('without money is refused', async () => {
    await ctx.store.changeCard({ accountId: account.id, id: card.id }, () => ({
      move: {
        at: ctx.now(),
        kind: 'correction',
        amountMicros: -START_MICROS,
        reference: undefined,
        note: '',
      },
      result: undefined,
    }))
    const door = await open()
    const id = asterisk.model.phones.calls({ ...BOB, to: GERMANY })
    await soon(() => expect(hungUpWith(id)).toEqual(['21']))
    await over(door)
    expect(created()).toEqual([])
  })

  test('while the card has as many calls as it may is refused', async () => {
    asterisk.model.parties.set(GERMANY, 'answers')
    const door = await open()
    const first = asterisk.model.phones.calls({ ...BOB, to: GERMANY })
    await soon(() => expect(door.talking()).toBe(1))
    const second = asterisk.model.phones.calls({ ...BOB, name: 'PJSIP/bob-0000002b', to: GERMANY })
    await soon(() => expect(hungUpWith(second)).toEqual(['21']))
    expect(created()).toHaveLength(1)
    asterisk.model.phones.hangsUp(first)
    await over(door)
  })

  test.each<[string, Parameters<FakeAri['model']['phones']['calls']>[0]]>([
    ['of the trunk', { args: BOB.args, name: 'PJSIP/trunk-0000002a' }],
    ['of another line', { args: BOB.args, name: 'PJSIP/carol-0000002a' }],
    ['of a line whose name begins alike', { args: BOB.args, name: 'PJSIP/bob-too-0000002a' }],
    ['made by a dialplan', { args: BOB.args, name: 'Local/bob-0000002a' }],
    ['whose name looks like it', { args: BOB.args, name: 'Local/x@PJSIP/bob-0000002a' }],
    ['of a line that is none any more', { args: ['line', 'gone'], name: 'PJSIP/gone-0000002a' }],
    ['that names nobody', { args: ['line'], name: 'PJSIP/bob-0000002a' }],
    ['that names another one', { args: ['line', 'carol'], name: 'PJSIP/bob-0000002a' }],
  ])('that is only said to be one, on a channel %s, is refused', async (_what, channel) => {
    asterisk.model.parties.set(GERMANY, 'answers')
    const door = await open()
    const id = asterisk.model.phones.calls({ ...channel, from: 'bob', to: GERMANY })
    await soon(() => expect(hungUpWith(id)).toEqual(['21']))
    await over(door)
    expect(created()).toEqual([])
  })

  test.each([
    ["the account's, where the card's CLI is no number", 'Bob', '+4930555002', '+4930555002'],
    ["the account's first number, where there is no other", undefined, undefined, VN1],
  ])('shows %s', async (_what, cli, callerId, shown) => {
    const cards = { ...account.settings.cards, callerId }
    await ctx.store.changeAccount(account.id, (one) => ({
      save: { ...one!, settings: { ...one!.settings, cards } },
      result: undefined,
    }))
    await ctx.store.changeCard({ accountId: account.id, id: card.id }, (one) => ({
      save: { ...one!, cli },
      result: undefined,
    }))
    const door = await open()
    const id = asterisk.model.phones.calls({ ...BOB, to: GERMANY })
    await soon(() => expect(created()).toHaveLength(1))
    const numbers = (await ctx.store.numbers(account.id)).map(({ number }) => number)
    expect(created()[0]!.body['variables']).toMatchObject({
      'CONNECTEDLINE(num,i)': shown === VN1 ? numbers[0] : shown,
    })
    asterisk.model.phones.hangsUp(id)
    await over(door)
    expect((await balance()).heldMicros).toBe(0)
  })
})
