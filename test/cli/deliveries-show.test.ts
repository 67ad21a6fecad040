import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { v7 } from 'uuid'
import type { Event } from '../../src/engine/events.ts'
import { loadSecrets } from '../../src/secrets.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'
import {
  addAccount,
  allocationEnded,
  callCompleted,
  callerRefused,
  callerVerified,
  CALLER,
  ENDPOINT,
  OTHER,
  PIN,
  smsRequested,
  VN,
} from './stored-events.ts'

let pinbridge: Installation

beforeEach(() => {
  pinbridge = installation()
})
afterEach(() => pinbridge.close())

describe('deliveries show', () => {
  const kinds = { callerRefused, callerVerified, allocationEnded, callCompleted, smsRequested }
  /** What gives somebody away, without the `+` and country that may be shown. */
  const CANARIES = [
    PIN,
    ...[CALLER, OTHER, VN].map((number) => number.slice(3)),
    'signature',
    'receivers-own',
  ]

  test.each(Object.entries(kinds))(
    '%s: PINs, numbers and links are hidden until revealed',
    async (_, kind) => {
      const event = kind((await addAccount(pinbridge, 'acme', ENDPOINT)).id)
      await pinbridge.store().addEvents([event])
      // A recording's address is signed with a secret that the first start makes.
      loadSecrets(pinbridge.data)

      const commands = [['list'], ['show', event.id]].flatMap((args) => [args, [...args, '--json']])
      const runs = await Promise.all(commands.map((args) => pinbridge.run('deliveries', ...args)))
      for (const { code, stdout, stderr } of runs) {
        expect([code, stderr]).toEqual([0, ''])
        expect(stdout).toContain(event.id)
        expect(CANARIES.filter((canary) => stdout.includes(canary))).toEqual([])
      }
      const bodies = await Promise.all(
        [[], ['--reveal']].map(async (reveal) => {
          const { document } = await pinbridge.json('deliveries', 'show', event.id, ...reveal)
          const shown = document['delivery'] as Json
          expect(shown).toMatchObject({ receiver: '127.0.0.1:9', revealed: reveal.length > 0 })
          return shown['body'] as Json
        }),
      )
      const [masked, body] = bodies as [Json, Json]
      expect(Object.keys(masked)).toEqual(Object.keys(body))
      expect(masked).toMatchObject(MASKED[event.type])
      expect(body).toMatchObject(REVEALED[event.type])
    },
    SLOW_MS,
  )

  const HIDDEN_CALLER = { caller: '+91…44', vn: '+91…71', pin: '****' }
  const TRANSACTION = { transaction_id: 'x+…25/1', greenpin_id: expect.any(String) }
  const MASKED: Record<Event['type'], Json> = {
    'caller.refused': HIDDEN_CALLER,
    'caller.verified': { ...HIDDEN_CALLER, ...TRANSACTION },
    'allocation.ended': {
      ...{ ...TRANSACTION, aparty_numbers: ['+91…44'], bparty_numbers: ['+91…25'], usage: 'twoway' },
      ...{ aparty_vns: ['+91…71'], aparty_pins: ['****'], bparty_pins: [] },
    },
    'call.completed': {
      ...TRANSACTION,
      from: '+91…44',
      to: '+91…25',
      recording_url: '****',
      on_call_duration: 17,
    },
    'sms.requested': { to: '+91…44', text: '…' },
  }
  const REVEALED: Record<Event['type'], Json> = {
    'caller.refused': { caller: CALLER, vn: VN, pin: PIN },
    'caller.verified': { caller: CALLER, vn: VN, pin: PIN, transaction_id: `x${OTHER}/1` },
    'allocation.ended': { aparty_numbers: [CALLER], bparty_numbers: [OTHER], aparty_pins: [PIN] },
    'call.completed': {
      ...{ from: CALLER, to: OTHER },
      recording_url: expect.stringMatching(/\/recordings\/[-0-9a-f]+\.wav\?expires=1893456000&signature=/),
    },
    'sms.requested': { to: CALLER, text: `Your PIN is ${PIN}, call ${VN}` },
  }

  test('for people: what became of it, and its body in one line', async () => {
    const event = callerRefused((await addAccount(pinbridge, 'acme')).id)
    await pinbridge.store().addEvents([event])
    const { stdout } = await pinbridge.run('deliveries', 'show', event.id)
    const at = new Date(event.at).toISOString()
    const [first, body] = stdout.trimEnd().split(/\n\n.*:\n/)
    expect(first?.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ...[
        ['id', event.id],
        ['account', 'acme'],
        ['event', 'caller.refused'],
        ['happened', at],
      ],
      ...[
        ['state', 'no_receiver'],
        ['attempts', '0'],
        ['next try', '-'],
        ['last word', '-'],
      ],
      ['receiver', 'none now'],
    ])
    expect(JSON.parse(body ?? '')).toMatchObject(HIDDEN_CALLER)
  })

  test('an event that is not there is refused', async () => {
    const { code, document } = await pinbridge.json('deliveries', 'show', v7())
    expect([code, document]).toMatchObject([1, { error: { code: 'not_found' } }])
  })
})
