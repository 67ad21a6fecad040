import { describe, expect, test } from '@jest/globals'
import type { Bridge, Channel } from '../../src/calls/ari-types.ts'
import type { Snapshot } from '../../src/calls/ari.ts'
import { recovery, type Recovery } from '../../src/calls/recover.ts'
import type { CallRecord, CallState } from '../../src/engine/calls.ts'

const APP = 'pinbridge'
/** Calls have UUIDs. */
const [ONE, TWO] = ['019a0000-0000-7000-8000-000000000001', '019a0000-0000-7000-8000-000000000002']
const CALLER = 'in-1'
const LEG = `${APP}-${ONE}-1`
const BRIDGE = `${APP}-${ONE}`

function channel(id: string, appData = APP, appName = 'Stasis'): Channel {
  const nobody = { name: '', number: '' }
  const dialplan = { context: '', exten: '', priority: 1, app_name: appName, app_data: appData }
  const rest = { protocol_id: '', accountcode: '', creationtime: '', language: 'en' }
  return { id, name: `PJSIP/${id}`, state: 'Up', caller: nobody, connected: nobody, dialplan, ...rest }
}

function bridge(id: string, ...channels: string[]): Bridge {
  const rest = { technology: '', bridge_class: '', creator: '', name: '', creationtime: '' }
  return { id, channels, bridge_type: 'mixing', ...rest }
}

function record(state: CallState, change: Partial<CallRecord> = {}): CallRecord {
  return {
    ...{ id: ONE, accountId: 'a', vn: '+916292134471', from: '+917987686144', channelId: CALLER, state },
    ...{ allocationId: undefined, transactionId: undefined, party: undefined, startedAt: 0 },
    ...{
      to: state === 'ivr' ? undefined : '+919956555625',
      toChannelId: state === 'talking' ? LEG : undefined,
    },
    ...{ ringingAt: undefined, answeredAt: undefined, endedAt: undefined },
    ...{ callType: undefined, dialStatus: undefined, recordedUntil: undefined },
    ...change,
  }
}

const NOTHING: Recovery = { adopt: [], apologise: [], close: [], hangUp: [], removeBridges: [] }

function plan(
  records: CallRecord[],
  snapshot: Partial<Snapshot>,
  live: Record<string, string> = {},
  waitedFor: string[] = [],
): Recovery {
  const calls = new Map(Object.entries(live).map(([id, channelId]) => [id, { channelId }]))
  return recovery(APP, records, { channels: [], bridges: [], ...snapshot }, calls, (id) =>
    waitedFor.includes(id),
  )
}

describe('a caller who has gone on in the dialplan is not ours any more', () => {
  const elsewhere = [channel(CALLER, 'conference', 'ConfBridge')]

  test('with the record closed: nobody looks at the channel', () => {
    expect(plan([], { channels: elsewhere })).toEqual(NOTHING)
  })

  test.each<CallState>(['ivr', 'ringing', 'talking'])(
    'with the record still open (%s): it is closed, and the channel is left alone',
    (state) => {
      const open = record(state)
      expect(plan([open], { channels: elsewhere })).toEqual({ ...NOTHING, close: [open] })
    },
  )

  test('into another application: likewise', () => {
    const open = record('ivr')
    const other = [channel(CALLER, 'pinbridge-2,pin-line')]
    expect(plan([open], { channels: other })).toEqual({ ...NOTHING, close: [open] })
  })

  test('and back into ours, by a dialplan that asks for another PIN: is apologised to as a newcomer', () => {
    const back = [channel(CALLER, `${APP},pin-line,db=7`)]
    expect(plan([], { channels: back })).toEqual({
      ...NOTHING,
      apologise: [{ channelId: CALLER, record: undefined }],
    })
  })
})

describe('after the connection is back', () => {
  test('nothing there, nothing to do', () => {
    expect(plan([], {})).toEqual(NOTHING)
  })

  test('two people talk: they are adopted, and nothing of theirs is touched', () => {
    const open = record('talking')
    const found = plan([open], {
      channels: [channel(CALLER), channel(LEG)],
      bridges: [bridge(BRIDGE, CALLER, LEG)],
    })
    expect(found).toEqual({
      ...NOTHING,
      adopt: [{ record: open, answered: { number: '+919956555625', channelId: LEG } }],
    })
  })

  test.each([
    ['the caller is left', [CALLER], [CALLER], [CALLER]],
    ['the party is left', [LEG], [LEG], [LEG]],
    ['both are there but were not joined yet', [CALLER, LEG], [], [CALLER, LEG]],
    ['only the caller is in the bridge', [CALLER, LEG], [CALLER], [CALLER, LEG]],
    ['both are gone', [], [], []],
  ])('a talk of which %s is closed and cleared away', (_, channels, members, hangUp) => {
    const open = record('talking')
    const found = plan([open], {
      channels: channels.map((id) => channel(id)),
      bridges: [bridge(BRIDGE, ...members)],
    })
    expect({ ...found, hangUp: found.hangUp.sort() }).toEqual({
      ...NOTHING,
      close: [open],
      hangUp: hangUp.sort(),
      removeBridges: [BRIDGE],
    })
  })

  test('a talk whose bridge is gone is closed', () => {
    const open = record('talking')
    const found = plan([open], { channels: [channel(CALLER), channel(LEG)] })
    expect(found).toEqual({ ...NOTHING, close: [open], hangUp: [CALLER, LEG] })
  })

  test.each(['ivr', 'ringing'] as const)(
    'a caller in state %s hears an apology; what rang is hung up',
    (state) => {
      const open = record(state)
      const found = plan([open], { channels: [channel(CALLER), channel(LEG)] })
      expect(found).toEqual({ ...NOTHING, apologise: [{ channelId: CALLER, record: open }], hangUp: [LEG] })
    },
  )

  test.each(['ivr', 'ringing'] as const)(
    'a caller in state %s who is gone: the record is closed',
    (state) => {
      const open = record(state)
      expect(plan([open], {})).toEqual({ ...NOTHING, close: [open] })
      expect(plan([open], { channels: [channel(LEG)] })).toEqual({ ...NOTHING, close: [open], hangUp: [LEG] })
    },
  )

  test('a caller without a record, who came while nobody listened, hears an apology', () => {
    const found = plan([], { channels: [channel(CALLER), channel('in-2', `${APP},pin-line,db=7`)] })
    expect(found).toEqual({
      ...NOTHING,
      apologise: [
        { channelId: CALLER, record: undefined },
        { channelId: 'in-2', record: undefined },
      ],
    })
  })

  test('legs and bridges of calls that are over go', () => {
    const found = plan([], {
      channels: [channel(LEG), channel(`${APP}-${TWO}-3`, '', '')],
      bridges: [bridge(BRIDGE), bridge(`${APP}-${TWO}`, 'x')],
    })
    expect(found).toEqual({
      ...NOTHING,
      hangUp: [LEG, `${APP}-${TWO}-3`],
      removeBridges: [BRIDGE, `${APP}-${TWO}`],
    })
  })

  test('calls whose scripts run are left to themselves', () => {
    const open = record('ringing')
    const snapshot = { channels: [channel(CALLER), channel(LEG)], bridges: [bridge(BRIDGE)] }
    expect(plan([open], snapshot, { [ONE]: CALLER }, [LEG])).toEqual(NOTHING)
    // But a leg that the script has given up during the outage is nobody's any more.
    expect(plan([open], snapshot, { [ONE]: CALLER })).toEqual({ ...NOTHING, hangUp: [LEG] })
    // One that has no record yet, too.
    expect(plan([], { channels: [channel('in-2')] }, { [TWO]: 'in-2' })).toEqual(NOTHING)
    // And one that is gone: its script has been told and closes the record itself.
    expect(plan([open], {}, { [ONE]: CALLER })).toEqual(NOTHING)
  })

  test('what belongs to others is not touched', () => {
    const foreign = {
      channels: [
        channel('ext-1', 'ivr'),
        channel('ext-2', `${APP}2`),
        channel('ext-3', 'SIP/1', 'Dial'),
        channel('ext-4', '', ''),
        channel('ext-5', `other,${APP}`),
        // An application beside ours whose name begins with ours.
        channel(`${APP}-staging-${ONE}-1`, `${APP}-staging,leg,${ONE}`),
        channel(`${APP}x`, 'other'),
      ],
      bridges: [
        bridge('ivr-1', 'ext-1'),
        bridge(`${APP}-staging-${ONE}`, `${APP}-staging-${ONE}-1`),
        bridge(APP),
        bridge(`${APP}-of-somebody`),
      ],
    }
    expect(plan([], foreign)).toEqual(NOTHING)
    expect(plan([record('talking')], foreign).hangUp).toEqual([])
  })

  test('several calls at once are told apart', () => {
    const talking = record('talking')
    const waiting = record('ivr', { id: TWO, channelId: 'in-2' })
    const found = plan([talking, waiting], {
      channels: [channel('in-2'), channel(LEG), channel(CALLER), channel(`${APP}-${TWO}-1`), channel('in-3')],
      bridges: [bridge(BRIDGE, CALLER, LEG), bridge(`${APP}-${TWO}`)],
    })
    expect(found.adopt.map((one) => one.record)).toEqual([talking])
    expect(found.apologise).toEqual([
      { channelId: 'in-2', record: waiting },
      { channelId: 'in-3', record: undefined },
    ])
    expect(found).toMatchObject({ close: [], hangUp: [`${APP}-${TWO}-1`], removeBridges: [`${APP}-${TWO}`] })
  })
})
