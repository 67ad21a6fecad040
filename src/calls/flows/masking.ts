import type { Account, VirtualNumber } from '../../engine/accounts.ts'
import {
  callAnswered,
  callNotRecorded,
  callReached,
  callRinging,
  endCall,
  openCall,
  type CallEnd,
  type Unanswered,
} from '../../engine/calls.ts'
import type { Context } from '../../engine/context.ts'
import { Refusal } from '../../engine/errors.ts'
import {
  isInUse,
  joinByPin,
  mayCall,
  othersOf,
  refuseCaller,
  whoIsCalling,
  type RefusedCall,
} from '../../engine/membership.ts'
import type { Membership } from '../../engine/store.ts'
import { turnAway, UNASSIGNED, type Answered, type Call, type PromptName, type Recording } from '../call.ts'
import { askPin } from './ask-pin.ts'

/**
 * Two people behind virtual numbers (GreenPin): whoever calls one and is known there, or keys a PIN, is connected
 * to the other party. Neither sees the other's number.
 */
export async function masking(call: Call, ctx: Context, vn: VirtualNumber, account: Account): Promise<void> {
  const { id, channelId, from } = call
  const startedAt = ctx.now()
  await openCall(ctx, { id, channelId, from, accountId: account.id, vn: vn.number, startedAt })
  try {
    if (!(await isInUse(ctx, vn.number))) return await turnAway(call, 'number-not-active', UNASSIGNED)
    await call.answer()
    const member = await admit(call, ctx, { account, vn: vn.number, caller: from, callId: id, startedAt })
    if (!member) return await call.play('goodbye')
    if (!mayCall(member)) return await turnBack(call, ctx, member, 'not-allowed')
    await connect(call, ctx, account, member)
  } finally {
    await endCall(ctx, id, whoLeft(call))
  }
}

/** The caller's hang-up, or our own giving up while the caller is still there. */
function whoLeft({ goneAt, dismissed }: Call): CallEnd {
  return { endedAt: goneAt, by: goneAt === undefined || dismissed ? 'us' : 'caller' }
}

/** Goes on with a talk that an earlier process connected. */
export async function resumeTalk(call: Call, ctx: Context, answered: Answered): Promise<void> {
  try {
    await endCall(ctx, call.id, { endedAt: await call.talk(answered) })
  } finally {
    await endCall(ctx, call.id, whoLeft(call))
  }
}

/** Finds out to whom the caller belongs, asking for a PIN where the number alone does not say it. */
async function admit(
  call: Call,
  ctx: Context,
  visit: Omit<RefusedCall, 'pin'>,
): Promise<Membership | undefined> {
  const who = await whoIsCalling(ctx, visit.account, visit.vn, visit.caller)
  if (who.kind === 'known') return who.membership
  // Whatever becomes of the PIN, this is a call to the one allocation that lists the caller.
  if (who.membership) await callReached(ctx, call.id, reached(who.membership))
  let wrong: string | undefined
  let member: Membership | undefined
  try {
    member = await askPin(call, {
      attempts: visit.account.settings.pinAttempts,
      check: async (pin) => {
        const joined = await joinByPin(ctx, { ...visit, pin })
        return joined instanceof Refusal ? undefined : joined
      },
      onWrong: (pin) => (wrong = pin),
    })
    if (!member) wrong ??= '' // silence to the end is a failure too
    return member
  } finally {
    if (!member && wrong !== undefined) await refuseCaller(ctx, { ...visit, pin: wrong })
  }
}

const WHY_NOT: Record<Unanswered['status'], PromptName> = {
  busy: 'party-busy',
  'no-answer': 'party-no-answer',
  failed: 'party-unreachable',
}

async function connect(call: Call, ctx: Context, account: Account, member: Membership): Promise<void> {
  const { numbers, vn: callerId } = othersOf(member)
  const [first] = numbers
  // A party that others join by PIN may have no number yet.
  if (first === undefined) return turnBack(call, ctx, member, 'party-unreachable')
  await callRinging(ctx, call.id, reached(member), first)
  const { ringStrategy: strategy, ringMs, maxTalkMs } = account.settings
  const rung = await call.ring({ numbers, callerId, strategy, ringMs, maxTalkMs })
  if ('unanswered' in rung) {
    // The attempt ends here: what the caller is told afterwards is no part of it.
    await endCall(ctx, call.id, { unanswered: rung.unanswered })
    return call.play(WHY_NOT[rung.unanswered.status])
  }
  const { recordTalks, announceRecording: announced, keepRecordingsMs } = account.settings
  await callAnswered(ctx, call.id, rung.answered, recordTalks ? keepRecordingsMs : undefined)
  const recording: Recording = {
    announced,
    // A store that refuses this refuses the end of the call too, and that is where it is said.
    onFailed: () => void callNotRecorded(ctx, call.id).catch(() => undefined),
  }
  await endCall(ctx, call.id, {
    endedAt: await call.talk(rung.answered, recordTalks ? recording : undefined),
  })
}

/** Rings nobody, and says why. */
async function turnBack(call: Call, ctx: Context, member: Membership, why: PromptName): Promise<void> {
  await callReached(ctx, call.id, reached(member))
  await call.play(why)
}

function reached({ allocation, party }: Membership) {
  return { id: allocation.id, transactionId: allocation.transactionId, party }
}
