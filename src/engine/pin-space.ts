/** Of all PINs of one length at most this part is given out, so that most guesses are wrong (MOR has the same rule). */
const FILLED_AT_MOST = 0.2

/** How many PINs of this length may be given out. */
export function mostOfLength(length: number): number {
  return 10 ** length * FILLED_AT_MOST
}

/** How many PINs to draw for so many that are needed: of those drawn at most a fifth is taken, and luck may be bad. */
export function withSpares(needed: number): number {
  return Math.ceil(needed * 1.4) + 16
}
