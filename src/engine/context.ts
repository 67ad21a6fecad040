import type { Store } from './store.ts'

/** The engine's only doors to the outside. */
export type Context = {
  store: Store
  /** Milliseconds since the epoch. */
  now: () => number
  /** Uniform integer in [0, max), from a cryptographic source. */
  randomInt: (max: number) => number
  /** A new time-ordered identifier (UUID version 7, RFC 9562). */
  newId: () => string
}
