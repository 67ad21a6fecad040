import type { AccountSettings } from '../../../engine/accounts.ts'
import { Refusal } from '../../../engine/errors.ts'
import type { EventType } from '../../../engine/events.ts'
import type { WantedSettings } from '../../../engine/settings.ts'
import { formatDuration, wholeSeconds } from '../../../engine/time.ts'
import type { GreenPinEvent } from './callback-schema.ts'
import { read } from './reading.ts'
import { settingsBody, type SentSettings, type SettingsData } from './settings-schema.ts'

/** The vendor's name of each event's receiver. */
const ENDPOINTS = {
  'call.completed': 'greenpin_call_complete_event_endpoint',
  'caller.refused': 'failed_verification_event_endpoint',
  'caller.verified': 'verified_caller_event_endpoint',
  'allocation.ended': 'deallocation_callback_event_endpoint',
} as const satisfies Record<GreenPinEvent, keyof SettingsData>

/** The vendor's names of settings that the engine refuses by its own. */
const NAMES: Record<string, keyof SettingsData> = {
  maxAllocationMs: 'max_deallocation_time',
  timeZone: 'timezone',
  ringMs: 'ring_time',
  maxTalkMs: 'max_talk_time',
  keepRecordingsMs: 'recording_retention',
}

/** The vendor's settings page has names of its own for time zones. */
const INDIA = 'Asia/Kolkata'

/**
 * The PUT parameters as the engine wants them; what was not sent is undefined.
 * Throws Refusal: invalid (with the parameter's name, also for receivers that `refusedReceiver` refuses), no_such_flow.
 */
export async function wantedSettings(
  sent: unknown,
  refusedReceiver: (url: string) => Promise<string | undefined>,
): Promise<WantedSettings> {
  const body = read(settingsBody, sent)
  const { default_flow_id: flow } = body
  if (flow != null && flow !== 'masking') throw new Refusal('no_such_flow', 'default_flow_id')
  const endpoints = wantedEndpoints(body)
  await checkEndpoints(endpoints, refusedReceiver)
  return {
    ...wantedRules(body),
    pinEnabled: {
      a: body.aparty_pin_enabled ?? body.common_pin_enabled ?? undefined,
      b: body.bparty_pin_enabled ?? body.common_pin_enabled ?? undefined,
    },
    pinLength: {
      a: body.aparty_pin_length ?? body.common_pin_length ?? undefined,
      b: body.bparty_pin_length ?? body.common_pin_length ?? undefined,
    },
    endpoints,
  }
}

function wantedRules(body: SentSettings): WantedSettings {
  const { max_deallocation_time: longest, deletion_time: coolOff } = body
  return {
    country: body.country ?? undefined,
    internationalNumbers: body.intl_num_sup ?? undefined,
    timeZone: zoneOf(body.timezone),
    maxAllocationMs: longest === '-1' || longest === -1 ? null : (longest ?? undefined),
    coolOffMs: coolOff == null ? undefined : coolOff * 1_000,
    ringStrategy: body.ring_strategy ?? undefined,
    ringMs: body.ring_time ?? undefined,
    maxTalkMs: body.max_talk_time ?? undefined,
    pinAttempts: body.max_pin_attempts ?? undefined,
    recordTalks: body.recording_enabled ?? undefined,
    announceRecording: body.recording_announcement ?? undefined,
    keepRecordingsMs: body.recording_retention ?? undefined,
  }
}

function zoneOf(written: string | null | undefined): string | undefined {
  if (written == null) return undefined
  const name = written.toUpperCase()
  if (name === 'UTC') return name
  return name === 'IST' ? INDIA : written
}

/** Here null says something: the event is not told any more. */
function wantedEndpoints(body: SentSettings): NonNullable<WantedSettings['endpoints']> {
  const { greencall_complete_event_endpoint: alias } = body
  const entries = Object.entries(ENDPOINTS).map(([type, name]) => [type, body[name]] as const)
  const urls = Object.fromEntries(entries) as Record<EventType, string | null | undefined>
  if (urls['call.completed'] === undefined) urls['call.completed'] = alias
  return Object.fromEntries(Object.entries(urls).map(([type, url]) => [type, url === '' ? null : url]))
}

async function checkEndpoints(
  endpoints: NonNullable<WantedSettings['endpoints']>,
  refusedReceiver: (url: string) => Promise<string | undefined>,
): Promise<void> {
  for (const [type, name] of Object.entries(ENDPOINTS)) {
    const url = endpoints[type as EventType]
    if (url == null) continue
    if ((await refusedReceiver(url)) !== undefined) throw new Refusal('invalid', name)
  }
}

/** The same refusal with the vendor's name of the setting. */
export function inVendorsWords(error: unknown): unknown {
  if (!(error instanceof Refusal) || error.code !== 'invalid') return error
  return new Refusal('invalid', NAMES[error.message] ?? error.message)
}

/** All settings in the vendor's words. */
export function settingsData(settings: AccountSettings): SettingsData {
  const { endpoints, pinEnabled, pinLength, maxAllocationMs } = settings
  return {
    country: settings.country,
    intl_num_sup: settings.internationalNumbers ? 'true' : 'false',
    max_deallocation_time: maxAllocationMs === null ? '-1' : formatDuration(maxAllocationMs),
    timezone: settings.timeZone === INDIA ? 'IST' : settings.timeZone,
    deletion_time: wholeSeconds(settings.coolOffMs),
    [ENDPOINTS['call.completed']]: endpoints['call.completed'] ?? null,
    [ENDPOINTS['caller.refused']]: endpoints['caller.refused'] ?? null,
    [ENDPOINTS['caller.verified']]: endpoints['caller.verified'] ?? null,
    [ENDPOINTS['allocation.ended']]: endpoints['allocation.ended'] ?? null,
    aparty_pin_length: pinLength.a,
    bparty_pin_length: pinLength.b,
    common_pin_length: pinLength.a === pinLength.b ? pinLength.a : null,
    aparty_pin_enabled: pinEnabled.a,
    bparty_pin_enabled: pinEnabled.b,
    common_pin_enabled: pinEnabled.a === pinEnabled.b ? pinEnabled.a : null,
    default_flow_id: 'masking',
    ring_strategy: settings.ringStrategy,
    ring_time: formatDuration(settings.ringMs),
    max_talk_time: formatDuration(settings.maxTalkMs),
    max_pin_attempts: settings.pinAttempts,
    recording_enabled: settings.recordTalks,
    recording_announcement: settings.announceRecording,
    recording_retention: formatDuration(settings.keepRecordingsMs),
  }
}
