import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Phone } from '../support/phone.ts'
import {
  addLines,
  DATABASE,
  keying,
  keysOf,
  LINE,
  media,
  SECOND_DATABASE,
  usesOf,
  visit,
  withStoreOf,
  writePins,
} from '../support/pin-line.ts'
import type { Callee, Step } from '../support/sip-script.ts'
import { BOB, STRANGER, useStage } from '../support/stage.ts'
import { until } from '../support/until.ts'
import type { Witness } from '../support/witness.ts'

const DIALPLAN = `
[gate]
exten => 100,1,Wait(60)
 same => n,Hangup()

[engineer]
exten => _+X.,1,Stasis(\${PINBRIDGE_APP},pin-line,db=${SECOND_DATABASE})
 same => n,Hangup()
`

const stage = useStage({
  env: { PINBRIDGE_PIN_CONTEXTS: 'gate, engineer' },
  dialplan: DIALPLAN,
})

const PIN = '510001'
const stay: Step = { do: 'waitForHangUp' }
const answers: Callee = { answers: 'after', ringMs: 300, steps: [stay] }
const rings: Callee = { answers: 'never' }
const HEARD = [media.ask, media.right]

beforeAll(async () => {
  await addLines(stage())
  await writePins(stage(), PIN)
})

const does = (vnAction: string, target?: string) =>
  stage().pins({
    ...{ action: 'write-db', db: DATABASE, 'vn-action': vnAction },
    ...(target !== undefined && { target }),
  })
const uses = async () => (await usesOf(stage(), PIN)).length
const calls = () => stage().call(LINE, { from: STRANGER, steps: [{ do: 'speak' }, ...keying(PIN), stay] })
const openCalls = () => withStoreOf(stage(), (store) => store.openCalls())
const recordOf = (id: string) =>
  withStoreOf(stage(), (store) => store.changeCall(id, (record) => ({ result: record })))
const hears = (witness: Witness, prompt: string) =>
  until(() => expect(witness.played()).toContain(prompt), { atMostMs: 15_000 })
const channels = async () => (await stage().ari('GET', 'channels')) as Channel[]
type Channel = { id: string; state: string; dialplan: { context: string; exten: string } }

/** The caller once in the dialplan, at this extension of it. */
async function inDialplan(context: string): Promise<Channel> {
  let found: Channel | undefined
  await until(
    async () => {
      found = (await channels()).find(({ dialplan }) => dialplan.context === context)
      expect(found).toBeDefined()
    },
    { atMostMs: 15_000 },
  )
  return found!
}

async function variable(channelId: string, name: string): Promise<string | undefined> {
  const uri = `channels/${encodeURIComponent(channelId)}/variable?variable=${encodeURIComponent(name)}`
  return ((await stage().ari('GET', uri)) as { value?: string }).value
}

describe('dial', () => {
  beforeAll(() => does('dial', BOB))

  test('the number is rung from the line, and the two hear each other', async () => {
    const witness = await stage().witness()
    await stage().answering(answers, async (called) => {
      const caller = await calls()
      const up = await stage().talking(2)
      const [record] = await openCalls()
      expect(record).toMatchObject({ state: 'talking', vn: LINE, from: STRANGER, to: BOB })
      for (const { id } of up)
        await until(async () => expect((await stage().sound(id)).heard).toBeGreaterThan(25))
      expect(called.messages()).toContain(`INVITE sip:${BOB}@`)
      expect(called.messages()).toContain(`From: <sip:${LINE}@`)
      expect(called.messages()).not.toContain(STRANGER.slice(-7))
      caller.hangUp()
      await caller.ended
      await stage().settled()
      expect(await recordOf(record!.id)).toMatchObject({ state: 'ended', callType: 'completed' })
    })
    expect(witness.played()).toEqual(HEARD)
  }, 60_000)

  test('a number that is busy: the caller hears so', async () => {
    const witness = await stage().witness()
    await stage().answering({ answers: 'refuses', status: 486 }, async () => {
      expect(await visit(stage(), witness, STRANGER, [PIN])).toEqual([...HEARD, 'sound:pinbridge/party-busy'])
    })
  }, 60_000)
})

describe('continue', () => {
  test('the caller goes on in the dialplan, which knows what was decided and not the PIN', async () => {
    await does('continue', 'gate,100')
    const witness = await stage().witness()
    const caller = await calls()
    const { id, dialplan } = await inDialplan('gate')
    expect(dialplan.exten).toBe('100')
    expect(await openCalls()).toEqual([])
    const call = await variable(id, 'PINBRIDGE_CALL')
    expect(await recordOf(call ?? '')).toMatchObject({ state: 'ended', channelId: id })
    expect(await variable(id, 'PINBRIDGE_STATUS')).toBe('OK')
    expect(await variable(id, 'PINBRIDGE_DATABASE')).toBe(DATABASE)
    expect(await variable(id, 'PINBRIDGE_KEYS')).toBe(String((await keysOf(stage(), PIN)).length))
    const log = () => stage().app().log()
    await until(() => expect(log().at(-1)).toMatchObject({ msg: 'call ended', call }))

    // Whether the application goes or comes, the caller is not its own any more.
    await stage().app().kill('SIGKILL')
    await stage().restart()
    const agreed = log().findLast(({ msg }) => msg === 'agreed with Asterisk')
    expect(agreed).toMatchObject({ adopt: 0, apologise: 0, close: 0, hangUp: 0 })
    expect((await channels()).map(({ id: one }) => one)).toEqual([id])
    caller.hangUp()
    await caller.ended
    expect(witness.played()).toEqual(HEARD)
  }, 60_000)

  test('the dialplan may ask for a PIN of another database, whatever the number says', async () => {
    await does('continue', `engineer,${LINE}`)
    await writePins(stage(), '520001', '520001', { db: SECOND_DATABASE })
    const witness = await stage().witness()
    const before = await uses()
    expect(await visit(stage(), witness, STRANGER, [PIN, '', '520001'])).toEqual([...HEARD, ...HEARD])
    expect(await uses()).toBe(before + 1)
    expect(await usesOf(stage(), '520001', SECOND_DATABASE)).toEqual([STRANGER])
  }, 60_000)

  test('to a place that the dialplan does not have: try later, and an error in the log', async () => {
    await does('continue', 'gate,101')
    stage().expectError('a call failed')
    const witness = await stage().witness()
    expect(await visit(stage(), witness, STRANGER, [PIN])).toEqual([...HEARD, media.later])
    expect(stage().app().rawLog()).toContain('the dialplan has no 101 in the context gate')
  }, 60_000)

  test('to a context that the operator does not offer any more: likewise', async () => {
    const action = { do: 'continue', context: 'closed', extension: '100' } as const
    await withStoreOf(stage(), async (store) => {
      const [account] = await store.accounts()
      await store.changePinDatabase(account!.id, Number(DATABASE), () => ({
        save: { label: '', maxKeys: 0, action },
        result: undefined,
      }))
    })
    stage().expectError('a call failed')
    const witness = await stage().witness()
    expect(await visit(stage(), witness, STRANGER, [PIN])).toEqual([...HEARD, media.later])
  }, 60_000)

  test('where Asterisk cannot say what there is: it hangs up itself, and logs why', async () => {
    await does('continue', 'gate,102')
    await stage().ari('DELETE', 'asterisk/modules/func_dialplan.so')
    const witness = await stage().witness()
    expect(await visit(stage(), witness, STRANGER, [PIN])).toEqual(HEARD)
    const log = readFileSync(path.join(stage().data, 'asterisk/log/messages.log'), 'utf8')
    expect(log).toMatch(/sent to invalid extension but no invalid handler: context,exten,priority=gate,102,1/)
    await stage().ari('POST', 'asterisk/modules/func_dialplan.so')
  }, 60_000)
})

describe('the caller hangs up', () => {
  /** `used`: whether the PIN has been keyed by then. */
  type Moment = {
    when: string
    action: [string, string?]
    used: number
    moment: (called: Phone, witness: Witness) => Promise<unknown>
  }
  const moments: Moment[] = [
    {
      when: 'while the prompt plays',
      action: ['confirm'],
      used: 0,
      moment: (_called, witness) => hears(witness, media.ask),
    },
    {
      when: 'while it is said that the PIN was right',
      action: ['confirm'],
      used: 1,
      moment: (_called, witness) => hears(witness, media.right),
    },
    {
      when: 'while the other party rings',
      action: ['dial', BOB],
      used: 1,
      moment: (called) =>
        until(() => expect(called.messages()).toContain('SIP/2.0 180'), { atMostMs: 15_000 }),
    },
    { when: 'in the dialplan', action: ['continue', 'gate,100'], used: 1, moment: () => inDialplan('gate') },
  ]

  test.each(moments)('$when: nothing is left', async ({ action, used, moment }) => {
    await does(...action)
    const witness = await stage().witness()
    const called = await stage().answer(rings)
    const before = await uses()
    const caller = await calls()
    await moment(called, witness)
    caller.hangUp()
    await caller.ended
    await stage().settled()
    expect(await openCalls()).toEqual([])
    expect(await uses()).toBe(before + used)
  })

  test.each([1, 2, 3])('in the moment in which it would go on in the dialplan, try %d', async () => {
    await does('continue', 'gate,100')
    const witness = await stage().witness()
    const caller = await calls()
    await hears(witness, media.right)
    // The prompt is over now, and the call is on its way.
    await until(async () => expect(await openCalls()).toEqual([]))
    caller.hangUp()
    await caller.ended
    await stage().settled()
  })
})

describe('the application is killed', () => {
  afterEach(() => does('confirm'))

  test('when the use is in the database: it is there once, and the caller hears an apology', async () => {
    await does('dial', BOB)
    const witness = await stage().witness()
    const before = await uses()
    const caller = await calls()
    await withStoreOf(stage(), async (store) => {
      const [account] = await store.accounts()
      const span = { from: 0, to: Date.UTC(2100, 0) }
      await until(
        async () => {
          const all = await store.usesAfter(account!.id, Number(DATABASE), span, undefined, 1_000)
          expect(all.filter(({ pin }) => pin === PIN)).toHaveLength(before + 1)
        },
        { atMostMs: 15_000 },
      )
    })
    await stage().app().kill('SIGKILL')
    await stage().restart()
    expect(await caller.ended).toBe(0)
    expect(witness.played().at(-1)).toBe(media.later)
    expect(await uses()).toBe(before + 1)
    expect(await openCalls()).toEqual([])
  }, 60_000)
})
