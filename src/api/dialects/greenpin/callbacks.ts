import type {
  AllocationEnded,
  CallCompleted,
  CallerRefused,
  CallerVerified,
  Event,
} from '../../../engine/events.ts'
import { utcSeconds, wholeSeconds } from '../../../engine/time.ts'
import type { Links } from '../../links.ts'
import type { Callbacks } from './callback-schema.ts'

/**
 * What the manual's "Events Call Backs" POST for this event, in the order of their samples.
 * It depends on nothing but the event and where we are reached, so a repeated delivery has the same bytes. What is not
 * known is null.
 */
export function callbackBody(event: Event, links: Links): object | undefined {
  switch (event.type) {
    case 'call.completed':
      return callCompleted(event, links)
    case 'caller.verified':
      return verificationOk(event)
    case 'caller.refused':
      return verificationFailed(event)
    case 'allocation.ended':
      return deallocation(event)
    case 'sms.requested':
      return undefined
  }
}

function callCompleted(event: CallCompleted, links: Links): Callbacks['call.completed'] {
  const { callId, recordedUntil } = event
  return {
    transaction_id: event.transactionId,
    call_sid: callSid(event),
    vn: event.vn,
    greenpin_id: event.allocationId,
    from: event.from ?? null,
    to: event.to ?? null,
    call_type: event.callType,
    start_time: utcSeconds(event.startedAt),
    current_time: utcSeconds(event.at),
    dial_call_duration: wholeSeconds(event.dialMs),
    on_call_duration: wholeSeconds(event.talkMs),
    direction: 'incoming',
    recording_url: recordedUntil === undefined ? null : links.recording(callId, recordedUntil),
    dial_call_status: event.dialStatus ?? null,
    // The manual's constant; clients that check it stay unchanged.
    source: 'exotel',
  }
}

function verificationOk(event: CallerVerified): Callbacks['caller.verified'] {
  return {
    caller: event.caller ?? null,
    greenpin_id: event.allocationId,
    vn: event.vn,
    transaction_id: event.transactionId,
    pin: event.pin,
    call_sid: callSid(event),
  }
}

function verificationFailed(event: CallerRefused): Callbacks['caller.refused'] {
  return {
    start_time: utcSeconds(event.startedAt),
    caller: event.caller ?? null,
    vn: event.vn,
    call_sid: callSid(event),
    pin: event.pin,
  }
}

function deallocation({ a, b, ...event }: AllocationEnded): Callbacks['allocation.ended'] {
  return {
    transaction_id: event.transactionId,
    aparty_numbers: a.numbers,
    bparty_numbers: b.numbers,
    aparty_vns: a.vns,
    bparty_vns: b.vns,
    aparty_pins: a.pin === undefined ? [] : [a.pin],
    bparty_pins: b.pin === undefined ? [] : [b.pin],
    usage: event.usage,
    greenpin_id: event.allocationId,
    // The sample shows "active", the text calls "vault" the state "when the allocation was deallocated".
    state: 'vault',
  }
}

/** The samples' call_sid is one word of 32 characters. */
function callSid({ callId }: { callId: string }): string {
  return callId.replaceAll('-', '')
}
