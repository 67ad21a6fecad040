/** Longest PIN that any allocation can have (GreenPin: "Allowed values are 1 to 9"). */
export const MAX_PIN_LENGTH = 9

/** Whether this could be a PIN at all: one to nine digits. All else is refused before anything is looked up. */
export function couldBePin(text: string): boolean {
  return /^\d{1,9}$/.test(text)
}

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

/**
 * Up to `count` different PINs of `length` digits, each drawn uniformly from those that are neither weak nor in use.
 * Fewer when fewer are left, none when the space is full. `randomInt(max)` is uniform in [0, max).
 * The time depends on how many are in use, never on how many are free: nothing is tried twice.
 */
export function drawPins(
  randomInt: (max: number) => number,
  length: number,
  count: number,
  inUse: ReadonlySet<string> = new Set(),
): string[] {
  const blocked = [...new Set([...inUse, ...weakPins(length)])]
    .filter((pin) => pin.length === length)
    .map(Number)
    .sort((a, b) => a - b)
  const drawn: string[] = []
  while (drawn.length < count && blocked.length < 10 ** length) {
    const { value, at } = nthFree(blocked, randomInt(10 ** length - blocked.length))
    blocked.splice(at, 0, value)
    drawn.push(String(value).padStart(length, '0'))
  }
  return drawn
}

/** The n-th number from 0 on that is not in the sorted list, and where the list would take it. */
function nthFree(blocked: readonly number[], n: number): { value: number; at: number } {
  let low = 0
  let high = blocked.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((blocked[middle] ?? Infinity) - middle > n) high = middle
    else low = middle + 1
  }
  return { value: n + low, at: low }
}

function weakPins(length: number): string[] {
  const pins: string[] = []
  for (let first = 0; first <= 9; first++) {
    for (const step of [-1, 0, 1]) {
      const last = first + step * (length - 1)
      if (last < 0 || last > 9) continue
      const pin = Array.from({ length }, (_, i) => first + step * i).join('')
      if (isWeak(pin)) pins.push(pin)
    }
  }
  return pins
}
