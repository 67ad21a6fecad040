import { initiate, unsubscribe, validatePin } from '../../../engine/subscriptions.ts'
import { type Answer, Fault, granted } from './answers.ts'
import type { Asked } from './gate.ts'

/** "initiate": a PIN is sent to the number. Throws Fault. */
export async function initiating(asked: Asked<'initiate'>): Promise<Answer> {
  const { ctx, campaign, msisdn, phones, requestId, sent } = asked
  const { first_name, last_name, email, dob, ip, handset, custom_data, traffic_source } = sent
  const said = { first_name, last_name, email, dob, ip, handset, custom_data, traffic_source }
  const { status, subscription } = await initiate(ctx, asked, msisdn, present(said))
  const told = { campaign, subscription }
  if (status === 'quota' || status === 'locked') throw new Fault(status, told)
  if (status === 'pending_pin') phones.wakeSendings()
  return granted(told, status, requestId)
}

function present(said: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(said).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
  )
}

/** "validate_pin": the number is subscribed, if this is the PIN that it was sent. Throws Fault. */
export async function validating(asked: Asked<'validate_pin'>): Promise<Answer> {
  const { ctx, campaign, msisdn, phones, requestId, sent } = asked
  const { verdict, subscription } = await validatePin(ctx, campaign, msisdn, sent.pin)
  const told = { campaign, subscription }
  if (verdict === 'wrong') throw new Fault('wrongPin', told)
  // Nobody needs to be called for it any more.
  phones.wakeSendings()
  if (verdict === 'gone') throw new Fault('pinGone', told)
  return granted(told, 'subscribed', requestId)
}

/** "unsubscribe": the number is subscribed no more; one that never was is answered the same. */
export async function unsubscribing(asked: Asked<'unsubscribe'>): Promise<Answer> {
  const { ctx, campaign, msisdn, phones, requestId } = asked
  const subscription = await unsubscribe(ctx, campaign, msisdn)
  phones.wakeSendings()
  return granted({ campaign, subscription }, 'unsubscribed', requestId)
}
