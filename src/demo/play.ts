import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPhone, type Phone } from './phone.ts'
import type { Receiver } from './receiver.ts'
import { openSound, voice } from './sound.ts'
import { setStage, type Stage, type StageOptions } from './stage.ts'
import type { Cast, Evidence } from './story.ts'

/** Of 20 ms both hold whole waves. */
const [ANNS_VOICE, BOBS_VOICE] = [voice(400), voice(1_000)]

/** How long Ann listens to the prompt before she keys, in milliseconds. */
const LISTENS_MS = 1_500
/** After this the call is taken as lost, in milliseconds. */
const LONGEST_CALL_MS = 60_000
/** How long what must follow the call may take, in milliseconds. */
const AFTERWARDS_MS = 5_000
const LOOK_AGAIN_MS = 50

/** Lets Ann call Bob through a pinbridge of the demo's own. Nothing is left of it when this settles. */
export async function playCall(options: StageOptions): Promise<Evidence> {
  const { cast, say, signal } = options
  await using end = new AsyncDisposableStack()
  const stage = await setStage(end, options)
  say('calling; this takes about ten seconds')
  const { ann, bob } = await startPhones(end, stage, cast)

  const atMost = (ms: number) => sleep(ms, undefined, { signal, ref: false })
  const over = Promise.race([ann.ended, atMost(LONGEST_CALL_MS)])
  const keying = await keyPin(ann, stage.pin, over, signal)
  await over
  await Promise.race([bob.ended, atMost(AFTERWARDS_MS)])
  await untilToldOf(stage.receiver, 2, signal)
  return {
    cast,
    annsMessages: ann.messages(),
    bobsMessages: bob.messages(),
    complaints: [ann.complaint(), bob.complaint()].filter(Boolean),
    ...keying,
    digits: stage.pin.length,
    annHeardBob: ann.sound.heard(),
    bobHeardAnn: bob.sound.heard(),
    webhooks: stage.receiver.received,
  }
}

/** Bob's telephone waits, Ann's dials. */
async function startPhones(
  end: AsyncDisposableStack,
  stage: Stage,
  cast: Cast,
): Promise<Record<'ann' | 'bob', Phone>> {
  const { home, sipPort, annsPort, bobsPort } = stage
  const annsSound = end.adopt(await openSound(ANNS_VOICE, BOBS_VOICE), (sound) => sound.close())
  const bobsSound = end.adopt(await openSound(BOBS_VOICE, ANNS_VOICE), (sound) => sound.close())
  const start = async (
    script: 'caller' | 'callee',
    sound: Phone['sound'],
    port: number,
    args: string[] = [],
  ) => {
    const phone = await startPhone({ folder: path.join(home, script), script, sound, port, args })
    end.defer(phone.end)
    return phone
  }
  const bob = await start('callee', bobsSound, bobsPort)
  const dial = ['-key', 'cli', cast.ann, '-s', cast.vn, `127.0.0.1:${sipPort}`]
  return { bob, ann: await start('caller', annsSound, annsPort, dial) }
}

type Keying = Pick<Evidence, 'promptHeardAt' | 'keyedAt'>

/** Listens to the prompt for a while, then keys over it. Gives up when the call is over. */
async function keyPin(
  { sound }: Phone,
  pin: string,
  over: Promise<unknown>,
  signal: AbortSignal,
): Promise<Keying> {
  const lost = over.then(() => undefined)
  const promptHeardAt = await Promise.race([sound.firstHeard, lost])
  if (promptHeardAt === undefined) return { promptHeardAt, keyedAt: undefined }
  await sleep(LISTENS_MS, undefined, { signal })
  return { promptHeardAt, keyedAt: await Promise.race([sound.press(`${pin}#`), lost]) }
}

async function untilToldOf({ received }: Receiver, events: number, signal: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + AFTERWARDS_MS
  while (received.length < events && performance.now() < giveUpAt)
    await sleep(LOOK_AGAIN_MS, undefined, { signal })
}
