import type { Ari } from './ari.ts'
import type { Ask, Call, Spoken } from './call.ts'
import type { Caller } from './caller.ts'
import { deferred, rearmable, within } from './deferred.ts'
import { EMPTY, press, type Entry } from './digits.ts'
import { media } from './prompts.ts'

/** How long a caller may take over keys, in milliseconds. */
export type DigitTimes = {
  /** From the end of the prompt to the first key. */
  firstMs: number
  /** From each key to the next. */
  nextMs: number
  /** For the whole input. */
  totalMs: number
}

export type VoiceOptions = {
  times: DigitTimes
  newId: () => string
  /** Told of prompts that Asterisk could not play; the call goes on without them. */
  onBadPrompt: (prompts: Spoken[]) => void
}

type Playing = { ended: Promise<'done' | 'stopped'>; stop: () => void }

/** `start`: says something and does not wait for its end. */
export type Voice = Pick<Call, 'play' | 'ask'> & { start: (spoken: Spoken[]) => Promise<Playing> }

/** Beyond this a prompt is taken as ended even if Asterisk never says so, in milliseconds. */
const LONGEST_PROMPT_MS = 60_000
/** How long a prompt that was stopped may take to end, in milliseconds. */
export const STOP_MS = 1_000

/** Speaking to a caller and listening to the keys. */
export function voice(ari: Ari, caller: Caller, options: VoiceOptions): Voice {
  const { times } = options

  async function start(prompts: Spoken[]): Promise<Playing> {
    const playbackId = `${ari.application}-${options.newId()}`
    const ended = deferred<'done' | 'stopped'>()
    const forget = ari.onPlaybackFinished(playbackId, (state) => {
      forget()
      if (state === 'failed') void failed()
      else ended.resolve('done')
    })
    // A hang-up too ends a prompt as failed, a moment before it is told itself.
    const failed = () =>
      caller.stillHere().then(
        () => {
          options.onBadPrompt(prompts)
          ended.resolve('done')
        },
        () => undefined,
      )
    caller.onGone(() => {
      forget()
      ended.resolve('stopped')
    })
    try {
      await caller.act('POST', `channels/${caller.channelId}/play`, { media: prompts.map(media), playbackId })
    } catch (error) {
      forget()
      throw error
    }
    let over = false
    void ended.promise.then(() => (over = true))
    const stop = () => {
      if (over || caller.goneAt() !== undefined) return
      over = true // every further key would ask again
      ari.request('DELETE', `playbacks/${playbackId}`, undefined, 'urgent').catch(() => undefined)
    }
    return { ended: ended.promise, stop }
  }

  async function play(...prompts: Spoken[]): Promise<void> {
    const playing = await start(prompts)
    const how = await caller.whileHere(within(playing.ended, LONGEST_PROMPT_MS))
    if (how === 'timeout') playing.stop()
  }

  async function ask({ prompts, maxDigits, afresh = false }: Ask): Promise<string> {
    if (afresh) caller.listen(() => 'more')()
    const complete = deferred<undefined>()
    const silence = rearmable(() => complete.resolve(undefined))
    const total = rearmable(() => complete.resolve(undefined))
    let entry: Entry = EMPTY
    const keyed = { any: false }
    let playing: Playing | undefined
    const stopListening = caller.listen((key) => {
      keyed.any = true
      playing?.stop()
      silence.arm(times.nextMs)
      entry = press(entry, key, maxDigits)
      if (!entry.complete) return 'more'
      complete.resolve(undefined)
      return 'enough' // what is typed from here on is for the next question
    })
    try {
      total.arm(times.totalMs)
      if (!keyed.any) {
        playing = await start(prompts)
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- a key may have come meanwhile
        if (keyed.any) playing.stop()
        void playing.ended.then(() => {
          if (!keyed.any) silence.arm(times.firstMs)
        })
      }
      await caller.whileHere(complete.promise)
      return entry.digits
    } finally {
      stopListening()
      silence.stop()
      total.stop()
      playing?.stop()
      // Most requests about a channel wait until its prompt is over, so none is made before.
      if (playing) await within(playing.ended, STOP_MS)
    }
  }

  return { play, ask, start }
}
