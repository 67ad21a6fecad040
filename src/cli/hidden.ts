import type { Links } from '../api/links.ts'
import type { Event } from '../engine/events.ts'
import { maskNumber } from '../engine/phone.ts'

/** Instead of a secret: not even its length. */
export const HIDDEN = '****'

/** Whoever has the address of a recording may listen to it. */
export const HIDDEN_LINKS: Links = { recording: () => HIDDEN }

type FieldOf<E> = E extends Event ? keyof E : never

/** What is shown as it is: our own ids and words. All other text of an event is hidden, and so is a new field until it stands here. */
const PLAIN: ReadonlySet<string> = new Set<FieldOf<Event>>([
  ...(['type', 'id', 'accountId', 'callId', 'allocationId', 'callType', 'dialStatus', 'usage'] as const),
  'party',
])

/** The event without PINs, and of telephone numbers only country and last two digits: for screens and their logs. */
export function hidden(event: Event): Event {
  // Elements of an array come under their index, which is no plain field.
  return JSON.parse(JSON.stringify(event), (field, value: unknown) =>
    typeof value === 'string' ? hiddenText(field, value) : value,
  ) as Event
}

function hiddenText(field: string, value: string): string {
  if (PLAIN.has(field)) return value
  // An empty one says that nothing was keyed.
  if (field === 'pin') return value === '' ? '' : HIDDEN
  // The client's own words, and some clients write a telephone number there.
  if (field === 'transactionId') return value.replaceAll(/\d{7,}/g, (digits) => `…${digits.slice(-2)}`)
  return maskNumber(value)
}
