import type { Account, VirtualNumber } from '../../engine/accounts.ts'
import { callReached, endCall, openCall, type Reached } from '../../engine/calls.ts'
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
import { turnAway, UNASSIGNED, type Call, type PromptName } from '../call.ts'
import { askPin } from './ask-pin.ts'
import { connect, whoLeft } from './connect.ts'

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
    await reach(call, ctx, account, member)
  } finally {
    await endCall(ctx, id, whoLeft(call))
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
  let wrongs = 0
  call.note({ verdict: 'refused', wrong: wrongs })
  let member: Membership | undefined
  try {
    member = await askPin(call, {
      attempts: visit.account.settings.pinAttempts,
      check: async (pin) => {
        const joined = await joinByPin(ctx, { ...visit, pin })
        if (joined instanceof Refusal) return undefined
        call.note({ verdict: 'ok' })
        return joined
      },
      onWrong: (pin) => {
        wrong = pin
        call.note({ wrong: ++wrongs })
      },
    })
    if (!member) wrong ??= '' // silence to the end is a failure too
    return member
  } finally {
    if (!member && wrong !== undefined) await refuseCaller(ctx, { ...visit, pin: wrong })
  }
}

async function reach(call: Call, ctx: Context, account: Account, member: Membership): Promise<void> {
  const { numbers, vn: callerId } = othersOf(member)
  const [first, ...more] = numbers
  // A party that others join by PIN may have no number yet.
  if (first === undefined) return turnBack(call, ctx, member, 'party-unreachable')
  await connect(call, ctx, account, { numbers: [first, ...more], callerId, reached: reached(member) })
}

/** Rings nobody, and says why. */
async function turnBack(call: Call, ctx: Context, member: Membership, why: PromptName): Promise<void> {
  await callReached(ctx, call.id, reached(member))
  await call.play(why)
}

function reached({ allocation, party }: Membership): Reached {
  return { id: allocation.id, transactionId: allocation.transactionId, party }
}
