import * as z from 'zod'
import type { EventType } from '../../../engine/events.ts'
import { e164, greenpinId, transactionId, usage } from './answer-schema.ts'

/** What this vendor tells. */
export type GreenPinEvent = Exclude<EventType, 'sms.requested'>

const callSid = z
  .string()
  .regex(/^\w{1,64}$/)
  .meta({ description: 'The same in every event of a call.', examples: ['0190a1b2c3d47e5f8a9b0c1d2e3f4a5b'] })

const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00$/)
  .meta({ examples: ['2026-03-23T12:58:02+00:00'] })

const keyed = z.string().regex(/^\d{0,9}$/)
const caller = e164.nullable().meta({ description: 'Null when withheld.' })
const seconds = z
  .int()
  .nonnegative()
  .meta({ examples: [17] })
const pins = z.array(z.string().regex(/^\d{1,9}$/)).max(1)
const numbers = z.array(e164)
const vn = e164.meta({ description: 'The virtual number that was dialled.' })

/** What is POSTed to the account's receiver for each event. */
export const callbacks = {
  'call.completed': z
    .object({
      transaction_id: transactionId,
      call_sid: callSid,
      vn,
      greenpin_id: greenpinId,
      from: caller,
      to: e164.nullable().meta({ description: 'Who answered or was rung last; null when nobody was rung.' }),
      call_type: z.enum(['completed', 'incomplete', 'call-attempt', 'client-hangup']),
      start_time: instant,
      current_time: instant.meta({ description: 'When the call ended.' }),
      dial_call_duration: seconds,
      on_call_duration: seconds,
      direction: z.literal('incoming'),
      recording_url: z
        .string()
        .nullable()
        .meta({ description: 'Where the recording can be fetched for a time.' }),
      dial_call_status: z.enum(['completed', 'busy', 'no-answer', 'failed', 'canceled']).nullable(),
      source: z.literal('exotel'),
    })
    .meta({ id: 'CallCompleted', description: 'A call that reached an allocation has ended.' }),
  'caller.verified': z
    .object({
      caller,
      greenpin_id: greenpinId,
      vn,
      transaction_id: transactionId,
      pin: keyed.meta({ description: 'The PIN that was keyed.', examples: ['4321'] }),
      call_sid: callSid,
    })
    .meta({ id: 'CallerVerified', description: 'An unknown caller keyed a right PIN.' }),
  'caller.refused': z
    .object({
      start_time: instant,
      caller,
      vn,
      call_sid: callSid,
      pin: keyed.meta({
        description: 'What was keyed last; empty if that could be no PIN.',
        examples: ['1234'],
      }),
    })
    .meta({ id: 'CallerRefused', description: 'An unknown caller did not key a right PIN.' }),
  'allocation.ended': z
    .object({
      transaction_id: transactionId,
      aparty_numbers: numbers,
      bparty_numbers: numbers,
      aparty_vns: numbers,
      bparty_vns: numbers,
      aparty_pins: pins,
      bparty_pins: pins,
      usage,
      greenpin_id: greenpinId,
      state: z.literal('vault'),
    })
    .meta({ id: 'AllocationEnded', description: 'An allocation has ended, by its policy or by hand.' }),
} satisfies Record<GreenPinEvent, z.ZodType>

export type Callbacks = { [K in GreenPinEvent]: z.output<(typeof callbacks)[K]> }
