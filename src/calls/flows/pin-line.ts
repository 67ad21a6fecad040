import type { Account, VirtualNumber } from '../../engine/accounts.ts'
import { endCall, openCall } from '../../engine/calls.ts'
import type { Context } from '../../engine/context.ts'
import { TRUNK } from '../../engine/guard.ts'
import { checkPin } from '../../engine/pin-check.ts'
import { DEFAULT_DATABASE, NEW_DATABASE } from '../../engine/pin-databases.ts'
import type { Call } from '../call.ts'
import { askPin } from './ask-pin.ts'
import { connect, whoLeft } from './connect.ts'

/**
 * A line that opens to whoever has a PIN (Simple PINs): asks for one of the number's database, writes its use down before
 * the caller hears that it was right, and then does what the database says.
 */
export async function pinLine(call: Call, ctx: Context, vn: VirtualNumber, account: Account): Promise<void> {
  const { id, channelId, from } = call
  const database = vn.database ?? DEFAULT_DATABASE
  await openCall(ctx, { id, channelId, from, accountId: account.id, vn: vn.number, startedAt: ctx.now() })
  try {
    await call.answer()
    let wrong = 0
    call.note({ db: database, verdict: 'refused', wrong })
    const right = await askPin(call, {
      attempts: account.settings.pinAttempts,
      check: async (pin) => {
        const verdict = await checkPin(ctx, { account, database, pin, key: from, way: TRUNK })
        // That one was not compared must not be hidden by what is keyed after it.
        if (verdict.status !== 'refused') call.note({ verdict: verdict.status })
        return verdict.status === 'ok' ? verdict : undefined
      },
      onWrong: () => call.note({ wrong: ++wrong }),
    })
    if (!right) return await call.play('goodbye')
    await call.play('pin-right')
    await admit(call, ctx, account, { vn: vn.number, database, keys: right.keys })
  } finally {
    await endCall(ctx, id, whoLeft(call))
  }
}

/** `keys`: how many the PIN has now. */
type Admission = { vn: string; database: number; keys: number }

async function admit(
  call: Call,
  ctx: Context,
  account: Account,
  { vn, database, keys }: Admission,
): Promise<void> {
  const { action } = (await ctx.store.findPinDatabase(account.id, database)) ?? NEW_DATABASE
  if (action.do === 'dial') return connect(call, ctx, account, { numbers: [action.number], callerId: vn })
  if (action.do === 'confirm') return
  // What becomes of the caller in the dialplan is not ours to tell.
  await endCall(ctx, call.id, { by: 'us' })
  const { context, extension } = action
  const variables = {
    PINBRIDGE_STATUS: 'OK',
    PINBRIDGE_DATABASE: String(database),
    PINBRIDGE_KEYS: String(keys),
    PINBRIDGE_CALL: call.id,
  }
  await call.continueAt({ context, extension, variables })
}
