import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { DEFAULT_SETTINGS } from '../../../src/engine/accounts.ts'
import { beginCallback, callbackReached, endCallback } from '../../../src/engine/callback-states.ts'
import { updateCard } from '../../../src/engine/card-admin.ts'
import {
  addCard,
  addLogin,
  cardAccount,
  type CardDoor,
  clientOf,
  expectFault,
  expectPrinted,
  granted,
  openCardDoor,
  type Parameters,
} from './client.ts'

let door: CardDoor
beforeEach(async () => {
  door = await openCardDoor()
})
afterEach(() => door.close())

const UNKNOWN = [1001, 'Result Not Known'] as const
const ask = (form: Parameters, client = door.demo) => client.post('/v2/?webcallback', form)
const tryCall = (aNumber = '0302434299', bNumber = '0302434298', client = door.demo) =>
  ask({ act: 'trycallback', aNumber, bNumber }, client)
async function call(): Promise<string> {
  return (granted(await tryCall()) as { callId: string }).callId
}
const state = async (callId: string) => {
  const { state, outcome } = granted(await ask({ act: 'status', callId })) as {
    state: string
    outcome: unknown
  }
  return [state, outcome]
}
const found = (callId: string) => door.ctx.store.findCallback(door.account.id, callId.toLowerCase())

describe('status', () => {
  test('tells what has become of the call, at every stage and after it', async () => {
    const callId = await call()
    const id = callId.toLowerCase()
    expect(await state(callId)).toEqual(['waiting', null])
    await beginCallback(door.ctx, id)
    expect(await state(callId)).toEqual(['ringing_a', null])
    await callbackReached(door.ctx, id, 'ringing_b')
    expect(await state(callId)).toEqual(['ringing_b', null])
    await callbackReached(door.ctx, id, 'talking')
    expect(await state(callId)).toEqual(['talking', null])
    await endCallback(door.ctx, id, 'completed')
    door.ctx.clock.ms += 86_400_000
    expect(await state(callId)).toEqual(['ended', 'completed'])
  })

  test('has the two numbers, and the fields of the user', async () => {
    const callId = await call()
    expectPrinted(granted(await ask({ act: 'status', callId })), {
      ...{ callId, firstownnumber: '0049302434299', destinationnumber: '0049302434298' },
      ...{ state: 'waiting', outcome: null },
      ...{ customernumber: String(door.card.id).padStart(8, '0'), accountnumber: door.card.number },
      ...{ username: 'demo', customercurrency: 'eur', customeraccountstate: '15,44' },
    })
  })
})

describe('stopcallback: "An active call could be cutted at any time"', () => {
  test.each(['callId', 'callerId'])(
    'by %s, as the page has it in its answer and in its text',
    async (name) => {
      const callId = await call()
      const before = door.woken()
      const body = granted(await ask({ act: 'stopcallback', [name]: callId }))
      expect(body).toMatchObject({ callId, firstownnumber: null, destinationnumber: null, username: 'demo' })
      expect(await found(callId)).toMatchObject({ outcome: 'stopped' })
      expect(door.woken()).toBe(before + 1)
    },
  )

  test('in small letters too, again, and after the end: it stays as it ended', async () => {
    const callId = await call()
    granted(await ask({ act: 'stopcallback', callId: callId.toLowerCase() }))
    granted(await ask({ act: 'stopcallback', callId }))
    await endCallback(door.ctx, callId.toLowerCase(), 'failed')
    expect(await state(callId)).toEqual(['ended', 'stopped'])
    const over = await call()
    await endCallback(door.ctx, over.toLowerCase(), 'b_busy')
    granted(await ask({ act: 'stopcallback', callId: over }))
    expect(await state(over)).toEqual(['ended', 'b_busy'])
  })
})

test.each(['stopcallback', 'status'])(
  '%s of what there is not, of another card or of another account: 1001',
  async (act) => {
    const callId = await call()
    const other = await addCard(door.ctx, door.account, {}, 1_000_000)
    await addLogin(door.ctx, door.account, 'other', other.id)
    const foreign = await cardAccount(door.ctx, 'foreign')
    await addLogin(door.ctx, foreign, 'foreign', (await addCard(door.ctx, foreign)).id)
    for (const user of ['other', 'foreign'])
      expectFault(await ask({ act, callId }, clientOf(door, user)), ...UNKNOWN)
    for (const id of [
      '',
      'x',
      '4AF46744-C346-44FF-80E3-33D89FBE963B',
      `${callId} `,
      callId.replaceAll('-', ''),
    ])
      expectFault(await ask({ act, callId: id }), ...UNKNOWN)
    expectFault(await ask({ act }), 403, 'Parameter callId Missing')
    expect(await found(callId)).toMatchObject({ outcome: undefined })
  },
)

describe('trycallback', () => {
  const refused = async (fault: readonly [number, string], ...numbers: [string?, string?]) => {
    expectFault(await tryCall(...numbers), ...fault)
    expect(await door.ctx.store.openCallbacks()).toEqual([])
    expect(door.woken()).toBe(0)
  }

  test.each([
    ['0302434299', '0302434299'],
    ['0302434299', '+49302434299'],
    ['030 2434299', '0049 30 2434299'],
  ])('%s and %s are one number', async (a, b) => {
    await refused([403, 'Both Numbers Are The Same'], a, b)
  })

  test.each(['+442079460958', '00882161234567', '09001234567', '110', '112', '+49110', '1'])(
    '%s may not be called, from either side',
    async (number) => {
      await refused([403, 'Destination Not Allowed'], number)
      await refused([403, 'Destination Not Allowed'], undefined, number)
    },
  )

  test.each([
    '1/sip:x@evil',
    '030x2434299',
    '\uff10\uff13\uff10\uff12\uff14\uff13\uff14',
    '030 2434299;tag=x',
    '9'.repeat(40),
  ])('%s is no number', async (number) => {
    await refused([403, 'Number Not Valid'], number)
    await refused([403, 'Number Not Valid'], undefined, number)
  })

  test('without money, with a card that is blocked, or without a rate', async () => {
    const id = { id: door.card.id }
    await updateCard(door.ctx, door.account, id, { balanceMicros: 100 })
    await refused([403, 'Balance Too Low'])
    await updateCard(door.ctx, door.account, id, { balanceMicros: 1_000_000, blocked: true })
    await refused([403, 'Card Not Active'])
    await updateCard(door.ctx, door.account, id, { blocked: false })
    granted(await tryCall())
    const account = await cardAccount(door.ctx, 'wide', {
      cards: { ...DEFAULT_SETTINGS.cards, allowed: ['44'] },
    })
    await addLogin(door.ctx, account, 'wide', (await addCard(door.ctx, account, {}, 1_000_000)).id)
    expectFault(await tryCall('+442079460958', '+442079460959', clientOf(door, 'wide')), ...UNKNOWN)
  })

  test('a number is read as a caller would key it, with a + that is not escaped too', async () => {
    const path = '/v2/?webcallback&act=trycallback&aNumber=+49302434299&bNumber=0302434298'
    granted(await door.demo.get(path))
    expect(await door.ctx.store.openCallbacks()).toMatchObject([{ a: '+49302434299', b: '+49302434298' }])
  })
})
