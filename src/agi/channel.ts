import { Hangup, type Ask, type PromptName } from '../calls/call.ts'
import { EMPTY, press } from '../calls/digits.ts'
import type { Prompter } from '../calls/flows/ask-pin.ts'
import { soundFile } from '../calls/prompts.ts'
import type { DigitTimes } from '../calls/voice.ts'
import type { AgiConnection } from './connection.ts'

/** A caller in somebody's dialplan: what FastAGI can do of a Call, and channel variables. */
export type AgiChannel = Prompter & {
  answer: () => Promise<void>
  /** Works on a channel that is hung up too. */
  setVariable: (name: string, value: string) => Promise<void>
  /** Waits for `work` and keeps what is keyed meanwhile for the next `ask`: between two commands Asterisk throws keys away. */
  meanwhile: <T>(work: Promise<T>) => Promise<T>
}

export type AgiChannelOptions = {
  times: DigitTimes
  /** Told of a prompt that Asterisk could not play; the call goes on without it. */
  onBadPrompt: (prompt: PromptName) => void
}

const KEYS = '0123456789*#ABCD'
/** How long Asterisk may take over a command beyond the time that the command itself takes, in milliseconds. */
const PATIENCE_MS = 10_000
/** Beyond this a prompt does not end by itself, in milliseconds. */
const LONGEST_PROMPT_MS = 60_000
/** How long one look for keys takes while something else is waited for, in milliseconds. */
const LOOK_MS = 20
/** More than any input has: a peer that keys without end must not fill the memory. */
const MOST_KEPT_KEYS = 64

/** Speaks to a caller, and listens, by AGI commands. All methods reject with Hangup once the caller is gone. */
export function agiChannel(connection: AgiConnection, { times, onBadPrompt }: AgiChannelOptions): AgiChannel {
  const kept: string[] = []

  async function run(verb: string, words: readonly (string | number)[], takesMs = 0): Promise<number> {
    const { code, result } = await connection.command(verb, words, takesMs + PATIENCE_MS)
    if (code === 511) throw new Hangup() // such a command needs a channel that lives
    if (result === undefined) throw new Error(`Asterisk answers ${code} to ${verb}`)
    return result
  }

  async function answer(): Promise<void> {
    if ((await run('ANSWER', [])) < 0) throw new Hangup()
  }

  /** Resolves to the key that stopped it, or undefined when it was heard to its end. */
  async function stream(prompt: PromptName, keys: string): Promise<string | undefined> {
    const result = await run('STREAM FILE', [soundFile(prompt), keys], LONGEST_PROMPT_MS)
    if (result >= 0) return keyOf(result)
    await answer() // only a channel that is gone cannot be answered: else it is the file
    onBadPrompt(prompt)
    return undefined
  }

  /** Resolves to undefined when none comes in time. */
  async function nextKey(withinMs: number): Promise<string | undefined> {
    const result = await run('WAIT FOR DIGIT', [Math.ceil(withinMs)], withinMs)
    if (result < 0) throw new Hangup()
    return keyOf(result)
  }

  const ask = async ({ prompts, maxDigits }: Ask<PromptName>): Promise<string> => {
    const overAt = performance.now() + times.totalMs
    let entry = EMPTY
    let keyed = false
    const take = (key: string) => {
      keyed = true
      entry = press(entry, key, maxDigits)
    }
    while (kept.length > 0 && !entry.complete) take(kept.shift() ?? '')
    for (const prompt of prompts) {
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- take() has seen to it
      if (keyed) break
      const key = await stream(prompt, KEYS)
      if (key !== undefined) take(key)
    }
    while (!entry.complete) {
      const leftMs = overAt - performance.now()
      if (leftMs <= 0) break
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- as above
      const key = await nextKey(Math.min(keyed ? times.nextMs : times.firstMs, leftMs))
      if (key === undefined) break
      take(key)
    }
    return entry.digits
  }

  async function meanwhile<T>(work: Promise<T>): Promise<T> {
    let over = false
    const done = work.finally(() => (over = true))
    done.catch(() => undefined) // until it is awaited
    try {
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- work sees to it
      while (!over) {
        const key = await nextKey(LOOK_MS)
        if (key !== undefined && kept.length < MOST_KEPT_KEYS) kept.push(key)
      }
    } catch (error) {
      await done // what is under way is nobody else's
      throw error
    }
    return done
  }

  return {
    answer,
    async play(...prompts) {
      for (const prompt of prompts) await stream(prompt, '')
    },
    ask,
    async setVariable(name, value) {
      await run('SET VARIABLE', [name, value])
    },
    meanwhile,
  }
}

/** Asterisk tells the character by its number. 0: none; other things that end a wait are no keys either. */
function keyOf(result: number): string | undefined {
  const character = String.fromCharCode(result)
  return result > 0 && KEYS.includes(character) ? character : undefined
}
