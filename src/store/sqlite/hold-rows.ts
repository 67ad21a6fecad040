import type { Hold } from '../../engine/holds.ts'
import type { Rate } from '../../engine/rates.ts'
import { ms, text } from './time.ts'

export type HoldRow = {
  id: string
  account_id: string
  card_id: number
  call_id: string
  kind: Hold['kind']
  caller: string | null
  dialled: string
  rate: string
  also_rate: string | null
  held_micros: number
  longest_seconds: number
  state: Hold['state']
  opened_at: string
  answered_at: string | null
  also_answered_at: string | null
  ended_at: string | null
  charged_micros: number
  billed_seconds: number
}

const NAMES = [
  ...(['id', 'account_id', 'card_id', 'call_id', 'kind', 'caller', 'dialled', 'rate', 'also_rate'] as const),
  ...(['held_micros', 'longest_seconds', 'state', 'opened_at', 'answered_at', 'also_answered_at'] as const),
  ...(['ended_at', 'charged_micros', 'billed_seconds'] as const),
] as const
export const HOLD_COLUMNS = NAMES.join(', ')
export const HOLD_VALUES = NAMES.map((name) => `@${name}`).join(', ')

export function toHold(row: HoldRow): Hold {
  return {
    id: row.id,
    accountId: row.account_id,
    cardId: row.card_id,
    callId: row.call_id,
    kind: row.kind,
    from: row.caller ?? undefined,
    to: row.dialled,
    rate: JSON.parse(row.rate) as Rate,
    alsoRate: row.also_rate === null ? undefined : (JSON.parse(row.also_rate) as Rate),
    heldMicros: row.held_micros,
    longestSeconds: row.longest_seconds,
    state: row.state,
    openedAt: ms(row.opened_at),
    answeredAt: ms(row.answered_at),
    alsoAnsweredAt: ms(row.also_answered_at),
    endedAt: ms(row.ended_at),
    chargedMicros: row.charged_micros,
    billedSeconds: row.billed_seconds,
  }
}

export function toHoldRow(hold: Hold): HoldRow {
  return {
    id: hold.id,
    account_id: hold.accountId,
    card_id: hold.cardId,
    call_id: hold.callId,
    kind: hold.kind,
    caller: hold.from ?? null,
    dialled: hold.to,
    rate: JSON.stringify(hold.rate),
    also_rate: hold.alsoRate === undefined ? null : JSON.stringify(hold.alsoRate),
    held_micros: hold.heldMicros,
    longest_seconds: hold.longestSeconds,
    state: hold.state,
    opened_at: text(hold.openedAt),
    answered_at: text(hold.answeredAt),
    also_answered_at: text(hold.alsoAnsweredAt),
    ended_at: text(hold.endedAt),
    charged_micros: hold.chargedMicros,
    billed_seconds: hold.billedSeconds,
  }
}
