/** Numbers that follow from a seed: mulberry32. */
export type Chance = {
  /** Uniform integer in [0, max). */
  int: (max: number) => number
  /** True so often of a hundred times. */
  percent: (share: number) => boolean
  pick: <T>(from: readonly T[]) => T | undefined
}

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (max: number) => Math.floor(next() * max)
  return { int, percent: (share) => int(100) < share, pick: (from) => from[int(from.length)] }
}
