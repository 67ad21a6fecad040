import type { Account } from '../../engine/accounts.ts'
import {
  callAnswered,
  callNotRecorded,
  callRinging,
  endCall,
  type CallEnd,
  type Reached,
  type Unanswered,
} from '../../engine/calls.ts'
import type { Context } from '../../engine/context.ts'
import type { Answered, Call, PromptName, Recording, TalkEnd } from '../call.ts'

/** Who is rung for the caller. */
export type Party = {
  /** E.164, in the order in which they are rung. */
  numbers: readonly [string, ...string[]]
  /** What the party sees: a virtual number, E.164. */
  callerId: string
  /** The allocation that the call belongs to, if to any. */
  reached?: Reached
}

const WHY_NOT: Record<Unanswered['status'], PromptName> = {
  busy: 'party-busy',
  'no-answer': 'party-no-answer',
  failed: 'party-unreachable',
}

/**
 * Rings the party as the account wants it, joins the two until one of them leaves, and writes each step down before it is
 * taken. A caller whom nobody answers hears why.
 */
export async function connect(
  call: Call,
  ctx: Context,
  { settings }: Account,
  { numbers, callerId, reached }: Party,
): Promise<void> {
  await callRinging(ctx, call.id, numbers[0], reached)
  const { ringStrategy: strategy, ringMs, maxTalkMs } = settings
  const rung = await call.ring({ numbers: [...numbers], callerId, strategy, ringMs, maxTalkMs })
  if ('unanswered' in rung) {
    // The attempt ends here: what the caller is told afterwards is no part of it.
    await endCall(ctx, call.id, { unanswered: rung.unanswered })
    return call.play(WHY_NOT[rung.unanswered.status])
  }
  const { recordTalks, announceRecording: announced, keepRecordingsMs } = settings
  await callAnswered(ctx, call.id, rung.answered, recordTalks ? keepRecordingsMs : undefined)
  const recording: Recording = {
    announced,
    // A store that refuses this refuses the end of the call too, and that is where it is said.
    onFailed: () => void callNotRecorded(ctx, call.id).catch(() => undefined),
  }
  const { at: endedAt } = await call.talk(rung.answered, recordTalks ? { recording } : {})
  await endCall(ctx, call.id, { endedAt })
}

/** Goes on with a talk that an earlier process connected, as `talk` says. */
export async function resumeTalk(
  call: Call,
  ctx: Context,
  answered: Answered,
  talk: () => Promise<TalkEnd> = () => call.talk(answered),
): Promise<void> {
  try {
    const { at: endedAt, by } = await talk()
    await endCall(ctx, call.id, { endedAt })
    if (by === 'limit') await call.play('time-over', 'goodbye')
  } finally {
    await endCall(ctx, call.id, whoLeft(call))
  }
}

/** The caller's hang-up, or our own giving up while the caller is still there. */
export function whoLeft({ goneAt, dismissed }: Call): CallEnd {
  return { endedAt: goneAt, by: goneAt === undefined || dismissed ? 'us' : 'caller' }
}
