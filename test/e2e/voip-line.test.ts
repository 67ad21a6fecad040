import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { VoipLine } from '../../src/engine/paid-call-store.ts'
import type { Card } from '../../src/engine/cards.ts'
import type { Context } from '../../src/engine/context.ts'
import { addLine, beside, GERMANY, giveCard, PER_SECOND_MICROS } from '../support/paid.ts'
import { sipRequest, type SipRequest } from '../support/sip-login.ts'
import { ALICE, useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

/** Where the phones of lines are: anywhere but at the trunk. */
const HOME = '127.0.0.3'
const CLI = '+4930555001'
const START_MICROS = 60 * PER_SECOND_MICROS

const stage = useStage({
  dialplan: `[pinbridge-inbound](+)
exten => ${GERMANY},1,Stasis(pinbridge,line,line-of-bob)
`,
})
let ctx: Context
let card: Card
let bob: VoipLine
let carol: VoipLine

beforeAll(async () => {
  ctx = beside(stage())
  const account = (await ctx.store.accounts()).find(({ sid }) => sid === stage().sid)
  card = await giveCard(ctx, account!.id, { cli: CLI, incrementSeconds: 4, balanceMicros: START_MICROS })
  bob = await addLine(ctx, card, { username: 'line-of-bob', password: 'Secret-of-bob' })
  carol = await addLine(ctx, card, { username: 'line-of-carol', password: 'Secret-of-carol' })
}, 60_000)
beforeEach(() => until(async () => expect(await lineNames()).toEqual([bob.username, carol.username])))
afterAll(() => ctx.store.close())

async function lineNames(): Promise<string[]> {
  const endpoints = (await stage().ari('GET', 'endpoints/PJSIP')) as { resource: string }[]
  return endpoints
    .map(({ resource }) => resource)
    .filter((name) => name !== 'trunk')
    .sort()
}

const money = async () => (await ctx.store.findCard({ accountId: card.accountId, id: card.id }))!
const loginOf = ({ username: user, password }: VoipLine) => ({ user, password })
const asks = (method: SipRequest['method'], from: string, more: Partial<SipRequest> = {}) =>
  sipRequest({ method, port: stage().sipPort, address: HOME, from, ...more })
/** Calls from the line's phone. */
const call = (line: VoipLine, to: string, refusedWith?: number) =>
  stage().call(
    to,
    {
      ...{ from: line.username, login: loginOf(line), steps: [{ do: 'waitForHangUp' }] },
      ...(refusedWith !== undefined && { refusedWith }),
    },
    undefined,
    HOME,
  )

test('a line registers, calls on its card, and is charged to the increment', async () => {
  const answers = {
    answers: 'after',
    ringMs: 300,
    steps: [{ do: 'wait', ms: 2_500 }, { do: 'hangUp' }],
  } as const
  await stage().answering({ ...answers, steps: [...answers.steps] }, async (callee) => {
    const phone = await call(bob, '030 901820'.replaceAll(' ', ''))
    expect(await phone.ended).toBe(0)
    expect(phone.messages()).toMatch(/^SIP\/2\.0 200 OK\r?\n(?:.+\r?\n)+?Contact: <sip:phone@127\.0\.0\.3/m)
    expect(callee.messages()).toContain(`INVITE sip:${GERMANY}@`)
    expect(callee.messages()).toMatch(new RegExp(`^From: .*<sip:\\${CLI}@`, 'm'))
    expect(callee.messages()).not.toMatch(/line-of-bob|127\.0\.0\.3/)
  })
  await stage().settled()
  expect(await money()).toMatchObject({ balanceMicros: START_MICROS - 4 * PER_SECOND_MICROS, heldMicros: 0 })
  const [charge] = await ctx.store.ledger(card.id, undefined, 1)
  const hold = await ctx.store.findHold(charge!.reference!)
  expect(hold).toMatchObject({ kind: 'line', to: GERMANY, from: CLI, state: 'settled', billedSeconds: 4 })
  expect(await ctx.store.audit(10)).toEqual([])
}, 60_000)

describe('nobody else gets in', () => {
  test.each(['REGISTER', 'INVITE', 'OPTIONS'] as const)(
    'a name that is none is answered %s as one with a wrong password is',
    async (method) => {
      const wrong = (user: string) =>
        asks(method, user, { to: GERMANY, login: { user, password: 'Secret-of-nobody' } })
      for (const user of ['line-of-nobody', 'trunk', 'artificial', 'pinbridge'])
        for (const login of [{}, { login: { user, password: 'Secret-of-nobody' } }])
          expect(await asks(method, user, { to: GERMANY, ...login })).toEqual({
            ...(await asks(method, bob.username, { to: GERMANY })),
          })
      expect(await wrong('line-of-nobody')).toEqual(await wrong(bob.username))
      expect((await wrong(bob.username)).status).toBe(401)
    },
  )

  test('a line opens to its own secret and its own name only', async () => {
    const register = async (from: VoipLine, to: string, login: VoipLine) =>
      (await asks('REGISTER', from.username, { to, login: loginOf(login) })).status
    expect(await register(carol, carol.username, carol)).toBe(200)
    expect(await register(carol, carol.username, bob)).toBe(401)
    expect(await register(bob, bob.username, { ...bob, password: carol.password })).toBe(401)
    // Bob is known, and registers somebody else.
    expect(await register(bob, carol.username, bob)).toBe(404)
    expect(await register(bob, 'line-of-nobody', bob)).toBe(404)
    expect(await register(bob, 'trunk', bob)).toBe(404)
  })

  test('a dialplan that says of a channel of the trunk that it is a line lets nobody call on a card', async () => {
    await stage().answering(
      { answers: 'after', ringMs: 1, steps: [{ do: 'waitForHangUp' }] },
      async (callee) => {
        const phone = await stage().call(GERMANY, { from: ALICE, refusedWith: 403, steps: [] })
        expect(await phone.ended).toBe(0)
        expect(callee.messages()).toBe('')
      },
    )
  })

  test('a call from the trunk is one, whatever it says of itself', async () => {
    const phone = await stage().call('+916292134499', { from: bob.username, refusedWith: 404, steps: [] })
    expect(await phone.ended).toBe(0)
  })

  test('a line that is removed calls and registers no more', async () => {
    const dave = await addLine(ctx, card, { username: 'line-of-dave', password: 'Secret-of-dave' })
    const register = async () => (await asks('REGISTER', dave.username, { login: loginOf(dave) })).status
    await until(async () => expect(await register()).toBe(200))
    await ctx.store.removeLine(card.accountId, dave.username)
    await until(async () => expect(await register()).toBe(401))
    const invite = await asks('INVITE', dave.username, { to: GERMANY, login: loginOf(dave) })
    expect(invite).toEqual(await asks('INVITE', 'line-of-nobody', { to: GERMANY }))
  })
})

test.each([
  ['a number that the account does not allow', '0044207946000', 403],
  ['an emergency number', '112', 403],
  ['a number of no country', '0099912345678', 484],
])(
  '%s is refused without an answer, and nobody is rung',
  async (_what, dialled, status) => {
    const before = await money()
    await stage().answering(
      { answers: 'after', ringMs: 1, steps: [{ do: 'waitForHangUp' }] },
      async (callee) => {
        expect(await (await call(bob, dialled, status)).ended).toBe(0)
        expect(callee.messages()).toBe('')
      },
    )
    expect(await money()).toEqual(before)
  },
  60_000,
)

test.each([
  ['is busy', { answers: 'refuses', status: 486 } as const, 486],
  ['cannot be reached', { answers: 'refuses', status: 503 } as const, 480],
])(
  'the called %s: the phone is told, and nothing is charged',
  async (_what, behaviour, status) => {
    const before = await money()
    await stage().answering(behaviour, async () => {
      expect(await (await call(bob, GERMANY, status)).ended).toBe(0)
    })
    await stage().settled()
    expect(await money()).toEqual(before)
  },
  60_000,
)

const registers = async (line: VoipLine) =>
  (await asks('REGISTER', line.username, { login: loginOf(line) })).status

test('Asterisk dies: the one that takes its place knows the lines, from the application', async () => {
  process.kill(stage().asteriskPid(), 'SIGKILL')
  await until(async () => expect(await registers(bob)).toBe(200), { atMostMs: 30_000 })
  expect(await registers({ ...bob, password: carol.password })).toBe(401)
}, 60_000)

test('the application is away: a call is not answered, and a line removed meanwhile is gone when it is back', async () => {
  const erin = await addLine(ctx, card, { username: 'line-of-erin', password: 'Secret-of-erin' })
  await until(async () => expect(await registers(erin)).toBe(200))
  await stage().app().kill('SIGKILL')
  expect(await (await call(bob, GERMANY, 500)).ended).toBe(0)
  await ctx.store.removeLine(card.accountId, erin.username)
  await stage().restart()
  await until(async () => expect(await registers(erin)).toBe(401))
  expect(await registers(bob)).toBe(200)
}, 60_000)

test('secrets of lines are in no log and no file but the database', () => {
  for (const { file, text } of stage().written())
    for (const { password } of [bob, carol]) expect([file, text.includes(password)]).toEqual([file, false])
})
