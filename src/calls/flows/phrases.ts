import type { Currency } from '../../engine/card-settings.ts'
import { UNIT_MICROS } from '../../engine/money.ts'
import type { PromptName, Spoken } from '../call.ts'

type Forms = { one: PromptName; many: PromptName }

/** What the units of a currency are called, and their hundredths. */
const NAMES: Record<Currency, { unit: Forms; hundredth: Forms }> = {
  EUR: { unit: { one: 'euro', many: 'euros' }, hundredth: { one: 'cent', many: 'cents' } },
  USD: { unit: { one: 'dollar', many: 'dollars' }, hundredth: { one: 'cent', many: 'cents' } },
  GBP: { unit: { one: 'pound', many: 'pounds' }, hundredth: { one: 'penny', many: 'pence' } },
}

const HUNDREDTH_MICROS = UNIT_MICROS / 100

/** A sum in words: five euros and twenty cents. Never more than there is; undefined for less than a cent. */
export function amount(micros: number, currency: Currency): Spoken[] | undefined {
  const hundredths = Math.floor(micros / HUNDREDTH_MICROS)
  if (hundredths <= 0) return undefined
  const { unit, hundredth } = NAMES[currency]
  const [units, rest] = [Math.floor(hundredths / 100), hundredths % 100]
  if (units === 0) return counted(rest, hundredth)
  return [...counted(units, unit), ...(rest === 0 ? [] : ['and' as const, ...counted(rest, hundredth)])]
}

/** How long somebody may talk, in whole minutes and never more than that: you have twelve minutes. */
export function minutesLeft(seconds: number): Spoken[] {
  const minutes = Math.floor(seconds / 60)
  if (minutes === 0) return ['you-have', 'less-than', { number: 1 }, 'minute']
  return ['you-have', ...counted(minutes, { one: 'minute', many: 'minutes' })]
}

/** How long a talk lasts yet: in minutes where it is whole minutes, else in seconds. */
export function timeLeft(ms: number): Spoken[] {
  const seconds = Math.ceil(ms / 1_000)
  if (seconds >= 60 && seconds % 60 === 0) return minutesLeft(seconds)
  return ['you-have', ...counted(seconds, { one: 'second', many: 'seconds' })]
}

function counted(number: number, { one, many }: Forms): Spoken[] {
  return [{ number }, number === 1 ? one : many]
}
