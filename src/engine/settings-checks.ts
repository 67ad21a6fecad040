const MOST_PREFIXES = 1_000

/** Whether these are prefixes as CardSettings.allowed has them: digits of E.164, some after a `-`, none allowed and denied at once. */
export function arePrefixes(allowed: readonly string[]): boolean {
  const denied = new Set(allowed.filter((one) => one.startsWith('-')).map((one) => one.slice(1)))
  const isPrefix = (one: string) => /^-?[1-9]\d{0,14}$/.test(one) && !denied.has(one)
  return allowed.length <= MOST_PREFIXES && allowed.every(isPrefix)
}

/** Whether it is some text on one line, no longer than that. */
export function isLine(text: string, longest: number): boolean {
  const isSome = text.length <= longest && text.trim() !== ''
  return isSome && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) && text.isWellFormed()
}

/** Whether it is a whole number of this range, both ends of it included. */
export function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}
