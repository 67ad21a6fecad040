import { AriError } from './ari-socket.ts'
import type { Ari } from './ari.ts'
import type { Recording, Spoken } from './call.ts'
import { media } from './prompts.ts'

export type RecordingOptions = {
  /** Of the recording and its file, without the extension. */
  name: string
  /** Longer than this no talk lasts, in milliseconds. */
  longestMs: number
  playbackId: string
  /** Whether both talk on, asked when something ended that ends with the talk too. */
  stillTalking: () => Promise<boolean>
  /** Told when the talk is not recorded to its end. */
  onFault: (why: Error) => void
  /** Told when the announcement could not be played. */
  onBadPrompt: (prompts: Spoken[]) => void
}

/** How much longer than the longest talk a recording may be, in seconds: it is the talk that is limited. */
const SLACK_S = 60

/** The recording of a talk, which Asterisk ends when the last of the two leaves the bridge. */
export type Tape = {
  /** Resolves when it is known whether Asterisk records. */
  readonly begun: Promise<void>
  /** The talk is over: whatever ends from now on ends with it. */
  over: () => void
}

/** Records a bridge in which two talk, and tells them so if that is wanted. */
export function recordBridge(
  ari: Ari,
  bridge: string,
  { announced, onFailed }: Recording,
  options: RecordingOptions,
): Tape {
  const { name, playbackId, stillTalking } = options
  let isOver = false
  const offs: (() => void)[] = []

  function over(): void {
    isOver = true
    for (const off of offs.splice(0)) off()
  }

  async function begin(): Promise<void> {
    offs.push(ari.onRecordingEnded(name, () => void ended()))
    const refusal = await order()
    if (refusal) {
      over()
      options.onFault(refusal)
      onFailed()
    } else if (announced) {
      // Never before: who is told so must be recorded. Not awaited: the two talk already.
      void announce()
    }
  }

  /** Resolves to the reason when Asterisk does not record. */
  async function order(): Promise<Error | undefined> {
    try {
      await ari.request('POST', `${bridge}/record`, {
        ...{ name, format: 'wav', ifExists: 'fail', beep: false, terminateOn: 'none' },
        maxDurationSeconds: Math.ceil(options.longestMs / 1000) + SLACK_S,
      })
      return undefined
    } catch (error) {
      // An answer that was lost on its way back has begun it all the same.
      const unknown = error instanceof AriError && error.status === 0
      return unknown && (await mayExist(ari, `recordings/live/${name}`)) ? undefined : (error as Error)
    }
  }

  /** One that could not be written, or no further, ends as if all were well, but before the talk. */
  async function ended(): Promise<void> {
    if (!(await stillTalking()) || isOver) return
    over()
    options.onFault(new Error('the recording has ended before the talk'))
    // What there is of it is kept and removed like a whole one.
    if (!(await mayBeStored(ari, name))) onFailed()
  }

  async function announce(): Promise<void> {
    if (isOver) return
    offs.push(
      ari.onPlaybackFinished(playbackId, (state) => {
        if (state === 'failed') void unheard()
      }),
    )
    await ari
      .request('POST', `${bridge}/play`, { media: [media('call-recorded')], playbackId })
      .catch(unheard)
  }

  /** A hang-up too ends the announcement as failed. */
  async function unheard(): Promise<void> {
    if (await stillTalking()) options.onBadPrompt(['call-recorded'])
  }

  return { begun: begin(), over }
}

/** Whether a talk that should have been recorded may have left something. */
const mayBeStored = (ari: Ari, name: string): Promise<boolean> => mayExist(ari, `recordings/stored/${name}`)

/** Whether Asterisk may be recording the talk now, or has done so. */
export const mayBeRecorded = async (ari: Ari, name: string): Promise<boolean> =>
  (await mayExist(ari, `recordings/live/${name}`)) || (await mayBeStored(ari, name))

/** Only a plain no counts: better a link to nothing than a recording that nobody removes. */
function mayExist(ari: Ari, uri: string): Promise<boolean> {
  return ari.request('GET', uri).then(
    () => true,
    (error: unknown) => !(error instanceof AriError && error.status === 404),
  )
}
