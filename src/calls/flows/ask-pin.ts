import type { Ask, PromptName } from '../call.ts'

/** Whoever can be asked for a PIN. */
export type Prompter = {
  play: (...prompts: PromptName[]) => Promise<void>
  ask: (ask: Ask<PromptName>) => Promise<string>
}

export type AskPin<T> = {
  attempts: number
  /** What the PIN opens; undefined when it opens nothing. */
  check: (pin: string) => Promise<T | undefined>
  /** Told of each PIN that opened nothing, before the caller hears so. */
  onWrong: (pin: string) => void
}

/**
 * Longer than any PIN, so that a payment card keyed by mistake is taken in whole and refused as one input instead
 * of leaving its last digits behind as the next one.
 */
const MAX_KEYS = 19

/** Asks for a PIN until one opens something or the attempts are used up; silence counts as an attempt. */
export async function askPin<T>(
  call: Prompter,
  { attempts, check, onWrong }: AskPin<T>,
): Promise<T | undefined> {
  let prompts: PromptName[] = ['enter-pin']
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const pin = await call.ask({ prompts, maxDigits: MAX_KEYS })
    const opened = pin === '' ? undefined : await check(pin)
    if (opened !== undefined) return opened
    if (pin !== '') onWrong(pin)
    prompts = [pin === '' ? 'pin-nothing' : 'pin-wrong', 'enter-pin']
  }
  await call.play(...prompts.slice(0, 1))
  return undefined
}
