import { isWeak, looksLikePaymentCard } from './pins.ts'

/** Digits drawn at a time: `randomInt` has no room for more than 14. */
const AT_ONCE = 6
/** Draws that are made for each wanted one, at most: of a space that is nearly used up fewer come back. */
const MOST_TRIES = 20

/**
 * Whether these digits may be a PIN of a card or of a voucher: 4 to 15 of them. What could be a payment card's number is none, as
 * no caller's input that looks so is compared with anything.
 */
export function couldBeCardPin(text: string): boolean {
  return /^\d{4,15}$/.test(text) && !looksLikePaymentCard(text)
}

/**
 * Up to `count` different texts of `length` digits, drawn uniformly from those that are neither weak nor look like a payment
 * card; `leadingZero`: whether the first may be 0. For spaces of which a small part is in use: what is drawn is not compared with
 * what there is. `randomInt(max)` is uniform in [0, max).
 */
export function drawDigits(
  randomInt: (max: number) => number,
  length: number,
  count: number,
  { leadingZero = true }: { leadingZero?: boolean } = {},
): string[] {
  const drawn = new Set<string>()
  for (let tries = count * MOST_TRIES; tries > 0 && drawn.size < count; tries--) {
    const digits = draw(randomInt, length)
    if (!leadingZero && digits.startsWith('0')) continue
    if (!isWeak(digits) && !looksLikePaymentCard(digits)) drawn.add(digits)
  }
  return [...drawn]
}

function draw(randomInt: (max: number) => number, length: number): string {
  let digits = ''
  while (digits.length < length) {
    const part = Math.min(length - digits.length, AT_ONCE)
    digits += String(randomInt(10 ** part)).padStart(part, '0')
  }
  return digits
}
