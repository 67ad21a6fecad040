import { askForCallback, stopCallback } from '../../../engine/callbacks.ts'
import type { Callback } from '../../../engine/paid-call-store.ts'
import { granted } from '../../../engine/errors.ts'
import { Fault } from './answers.ts'
import { type Asked, ownCard, userFields } from './asked.ts'
import { withZeros } from './numbers.ts'
import type { Sent } from './schema.ts'

/** "webcallback": two telephones are called and joined, for the card's money. */
export async function webcallback(asked: Asked, sent: Sent<'webcallback'>): Promise<object> {
  const { ctx, account, phones } = asked
  const card = await ownCard(asked)
  if (sent.act === 'trycallback') {
    const wanted = { cardId: card.id, a: sent.aNumber, b: sent.bNumber }
    const { id } = granted(await askForCallback(ctx, account, wanted))
    phones.wakeCallbacks()
    return { ...callFields(id), ...userFields(asked, card) }
  }
  const found = await ownCallback(asked, card.id, sent.callId ?? sent.callerId)
  if (sent.act === 'status') return { ...statusOf(found), ...userFields(asked, card) }
  await stopCallback(ctx, account, found.id)
  phones.wakeCallbacks()
  return { ...callFields(found.id), ...userFields(asked, card) }
}

/** The vendor's text asks for the "callerId", and its answer has a `callId`: it is the same. Throws Fault 1001, or 403 without any. */
async function ownCallback(
  { ctx, account }: Asked,
  cardId: number,
  sent: string | undefined,
): Promise<Callback> {
  if (sent === undefined) throw new Fault(403, 'Parameter callId Missing')
  const callback = await ctx.store.findCallback(account.id, sent.toLowerCase())
  if (callback?.cardId !== cardId) throw new Fault(1001)
  return callback
}

/** As the sample prints them, where nothing is known of either number. */
function callFields(id: string) {
  return { callId: id.toUpperCase(), firstownnumber: null, destinationnumber: null }
}

function statusOf({ id, a, b, state, outcome }: Callback) {
  return {
    callId: id.toUpperCase(),
    firstownnumber: withZeros(a),
    destinationnumber: withZeros(b),
    state,
    outcome: state === 'ended' ? (outcome ?? null) : null,
  }
}
