import { describe, expect, test } from '@jest/globals'
import { callbackBody } from '../../../src/api/dialects/greenpin/callbacks.ts'
import { signedLinks } from '../../../src/api/links.ts'
import type { CallCompleted } from '../../../src/engine/events.ts'

const CALL_ID = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'
const CALL_SID = '0190a1b2c3d47e5f8a9b0c1d2e3f4a5b'
const common = { id: 'event', accountId: 'account', at: Date.UTC(2020, 2, 23, 12, 58, 22, 400) }
const allocation = { allocationId: '6447bb53-70c3-40ea-850b-de2fd3c585ee', transactionId: 'random_string' }

const completed: CallCompleted = {
  ...common,
  ...allocation,
  type: 'call.completed',
  callId: CALL_ID,
  vn: '+916292134464',
  from: '+917987686144',
  to: '+919956555625',
  callType: 'completed',
  dialStatus: 'completed',
  startedAt: Date.UTC(2020, 2, 23, 12, 58, 2, 100),
  dialMs: 20_300,
  talkMs: 17_900,
  recordedUntil: undefined,
}
const links = signedLinks('key', () => 'https://pins.example')
const text = (event: Parameters<typeof callbackBody>[0]) => JSON.stringify(callbackBody(event, links))

describe('Events Call Backs', () => {
  test('"On every call that happens in an allocation": fields, types and order of the sample', () => {
    expect(text(completed)).toBe(
      JSON.stringify({
        transaction_id: 'random_string',
        call_sid: CALL_SID,
        vn: '+916292134464',
        greenpin_id: '6447bb53-70c3-40ea-850b-de2fd3c585ee',
        from: '+917987686144',
        to: '+919956555625',
        call_type: 'completed',
        start_time: '2020-03-23T12:58:02+00:00',
        current_time: '2020-03-23T12:58:22+00:00',
        dial_call_duration: 20,
        on_call_duration: 17,
        direction: 'incoming',
        recording_url: null,
        dial_call_status: 'completed',
        source: 'exotel',
      }),
    )
  })

  test('what is not known is null, and no key is missing', () => {
    const attempt: CallCompleted = {
      ...completed,
      callType: 'call-attempt',
      from: undefined,
      to: undefined,
      dialStatus: undefined,
      dialMs: 0,
      talkMs: 0,
    }
    const body = JSON.parse(text(attempt)) as object
    expect(Object.keys(body)).toHaveLength(15)
    expect(body).toMatchObject({ from: null, to: null, dial_call_status: null, on_call_duration: 0 })
  })

  test('"Recording of the call conversation if enabled": a link that works for as long as it is kept', () => {
    const recordedUntil = Date.UTC(2020, 3, 22, 12, 58, 22)
    const body = callbackBody({ ...completed, recordedUntil }, links)
    expect(body).toMatchObject({ recording_url: links.recording(CALL_ID, recordedUntil) })
    expect(links.recording(CALL_ID, recordedUntil)).toContain('expires=1587560302&')
  })

  test('"If the user identifies himself with the correct pin": fields and order of the sample', () => {
    const event = { ...common, ...allocation, type: 'caller.verified', callId: CALL_ID } as const
    const verified = { vn: '+916292134471', caller: '+917987686144', party: 'a', pin: '0321' } as const
    expect(text({ ...event, ...verified })).toBe(
      JSON.stringify({
        caller: '+917987686144',
        greenpin_id: '6447bb53-70c3-40ea-850b-de2fd3c585ee',
        vn: '+916292134471',
        transaction_id: 'random_string',
        pin: '0321',
        call_sid: CALL_SID,
      }),
    )
    expect(callbackBody({ ...event, ...verified, caller: undefined }, links)).toMatchObject({ caller: null })
  })

  test('"If an unregistered caller fails to verify himself": fields and order of the sample', () => {
    const startedAt = Date.UTC(2021, 10, 9, 4, 39, 15)
    const refused = { vn: '+916292134471', caller: '+917987686144', startedAt, pin: '1234' }
    expect(text({ ...common, type: 'caller.refused', callId: CALL_ID, ...refused })).toBe(
      JSON.stringify({
        start_time: '2021-11-09T04:39:15+00:00',
        caller: '+917987686144',
        vn: '+916292134471',
        call_sid: CALL_SID,
        pin: '1234',
      }),
    )
  })

  test('"“vault” - The state when the allocation was deallocated": fields and order of the sample', () => {
    const a = { numbers: ['+917987686144'], vns: ['+916292134471', '+916292134464'], pin: '713' }
    const b = { numbers: ['+919956555625'], vns: ['+916292134465'], pin: undefined }
    expect(text({ ...common, ...allocation, type: 'allocation.ended', a, b, usage: 'twoway' })).toBe(
      JSON.stringify({
        transaction_id: 'random_string',
        aparty_numbers: ['+917987686144'],
        bparty_numbers: ['+919956555625'],
        aparty_vns: ['+916292134471', '+916292134464'],
        bparty_vns: ['+916292134465'],
        aparty_pins: ['713'],
        bparty_pins: [],
        usage: 'twoway',
        greenpin_id: '6447bb53-70c3-40ea-850b-de2fd3c585ee',
        state: 'vault',
      }),
    )
  })

  test('the same event always has the same bytes', () => {
    expect(text(structuredClone(completed))).toBe(text(completed))
  })
})
