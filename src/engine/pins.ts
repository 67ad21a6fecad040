/** Longest PIN that any allocation can have (GreenPin: "Allowed values are 1 to 9"). */
export const MAX_PIN_LENGTH = 9

/**
 * True for what looks like a payment card: 13 to 19 digits with a right check digit (ISO/IEC 7812-1).
 * Such input is refused unseen, so that no card number is ever compared, kept or told.
 */
export function looksLikePaymentCard(digits: string): boolean {
  if (!/^\d{13,19}$/.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i])
    const weighed = i % 2 === 0 ? digit : digit * 2
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum % 10 === 0
}

/** `0000`, `1234`, `4321`: what a guesser tries first. A PIN of one or two digits is never called weak: too few would be left. */
export function isWeak(pin: string): boolean {
  if (pin.length < 3) return false
  const steps = new Set<number>()
  for (let i = 1; i < pin.length; i++) steps.add(Number(pin[i]) - Number(pin[i - 1]))
  const [step = NaN] = steps
  return steps.size === 1 && Math.abs(step) <= 1
}
