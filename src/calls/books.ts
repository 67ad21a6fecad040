import type { Ari } from './ari.ts'
import type { Call } from './call.ts'
import { forgetEnd, notedEnd } from './noted-ends.ts'

/** The holds of one call. */
export type Books = Pick<Call, 'settle'> & {
  /** From now on Asterisk may note the end of what this hold pays for. */
  noting: (holdId: string) => void
  /** Removes the notes of holds that are closed. Not before both parties are gone: the last of them would note its end anew. */
  forget: () => Promise<void>
}

/** `insist` rejects when the work does, and tries it again in the background; `missed`: whether an end was not seen. */
export function books(
  ari: Ari,
  { insist, missed }: { insist: (work: () => Promise<void>) => Promise<void>; missed: () => boolean },
): Books {
  const noted = new Set<string>()
  const settled = new Set<string>()
  return {
    noting: (holdId) => void noted.add(holdId),
    async settle(holdId, endedAt, close) {
      const at = noted.has(holdId) && missed() ? await notedEnd(ari, holdId) : undefined
      await insist(() => close(at ?? endedAt))
      settled.add(holdId)
    },
    async forget() {
      for (const holdId of noted) if (settled.has(holdId)) await forgetEnd(ari, holdId)
    },
  }
}
