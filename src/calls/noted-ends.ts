import type { Ari } from './ari.ts'

/**
 * When a paid talk has ended is noted by Asterisk itself, in a global variable under the id of the hold, by the first of the two
 * to leave (dialplan/paid-end.conf): whoever was dead or not connected meanwhile reads it there.
 */
const CONTEXT = 'pinbridge-paid-end'
const variableOf = (holdId: string) => `PINBRIDGE_END_${holdId}`

/** A hang-up handler for one of the two. The caller's hangs the other up, named as Asterisk names channels. */
export function endHandler(whose: 'caller' | 'called', holdId: string, other?: string): string {
  // Nothing that could end the argument: a name that Asterisk would not give is none.
  const name = other !== undefined && /^[\w/.@-]+$/.test(other) ? `,${other}` : ''
  return `${CONTEXT},${whose},1(${holdId}${name})`
}

/** When the talk of a hold has ended, in milliseconds since the epoch; undefined where nothing was noted. Never rejects. */
export async function notedEnd(ari: Ari, holdId: string): Promise<number | undefined> {
  const uri = `asterisk/variable?variable=${variableOf(holdId)}`
  const answer = await ari.request('GET', uri).catch(() => undefined)
  const { value = '' } = (answer ?? {}) as { value?: string }
  return /^\d{13}$/.test(value) ? Number(value) : undefined
}

/** Removes what was noted of a hold, if anything. Never rejects: what stays is gone when Asterisk is started anew. */
export async function forgetEnd(ari: Ari, holdId: string): Promise<void> {
  // Without a value Asterisk removes the variable; with an empty one it would keep it.
  await ari.request('POST', `asterisk/variable?variable=${variableOf(holdId)}`).catch(() => undefined)
}
