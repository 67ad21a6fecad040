import type { PromptName, Spoken } from './call.ts'

/**
 * Recordings of Asterisk's own sound package that say exactly what is meant; all others are ours and lie in the
 * language's `pinbridge` folder (sounds/prompts.csv is the list of both).
 */
const CORE: Partial<Record<PromptName, string>> = {
  goodbye: 'vm-goodbye',
  'pin-right': 'auth-thankyou',
  'number-not-active': 'ss-noservice',
  'party-no-answer': 'number-not-answering',
  'you-have': 'vm-youhave',
  'less-than': 'queue-less-than',
  and: 'vm-and',
  dollars: 'digits/dollars',
  minute: 'minute',
  minutes: 'minutes',
  second: 'second',
  seconds: 'seconds',
}

/** The sound file of a prompt. Asterisk itself chooses the folder by the channel's language. */
export function soundFile(prompt: PromptName): string {
  return CORE[prompt] ?? `pinbridge/${prompt}`
}

/** The ARI media of what is said. */
export function media(spoken: Spoken): string {
  if (typeof spoken === 'string') return `sound:${soundFile(spoken)}`
  return 'number' in spoken ? `number:${spoken.number}` : `digits:${spoken.digits}`
}
