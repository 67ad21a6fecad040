import { granted, Refusal } from '../../../engine/errors.ts'
import { formatAmount } from '../../../engine/money.ts'
import { redeemVoucher, vouchersPlace } from '../../../engine/vouchers.ts'
import { Fault } from './answers.ts'
import { type Asked, customerNumber, ownCard, userFields } from './asked.ts'
import type { Sent } from './schema.ts'

/** "account": whose card it is, and what is on it. */
export async function account(asked: Asked): Promise<object> {
  const card = await ownCard(asked)
  const one = {
    customername: card.name,
    customernumber: customerNumber(card),
    accountnumber: card.number,
    amount: formatAmount(card.balanceMicros, 4, 4, ','),
    accountname: asked.account.name,
  }
  return { accounts: [one] }
}

/** "topup": a voucher's money for the card. */
export async function topup(asked: Asked, { pin }: Sent<'topup'>): Promise<object> {
  const { ctx, account, user } = asked
  const { id } = await ownCard(asked)
  // The login of a card is one person, and wrong PINs are that person's: no other client has used them up.
  const keyed = { account, pin, caller: `42com ${user}`, way: undefined }
  const redeemed = await redeemVoucher(ctx, { ...keyed, place: vouchersPlace(account.id) }, id)
  if (redeemed instanceof Refusal && redeemed.code === 'not_found') throw new Fault(1200)
  const { card, amountMicros } = granted(redeemed)
  return { amount: formatAmount(amountMicros, 2, 2, ','), ...userFields(asked, card) }
}

/** What of a line is the same for all, in the vendor's order around it. Our Asterisk takes SIP over UDP, and G.711. */
const SIP = {
  domain: '',
  stun_server: '',
  proxy: '',
  prefix: '',
  transport_tls: 'false',
  transport_tcp: 'false',
  transport_udp: 'true',
  transport_use_standard_ports: 'true',
  forbid_self_call: 'true',
  echo_cancellation: 'false',
  escape_plus: 'false',
  enable_outbound_proxy: 'false',
  wifi_only: 'false',
  unknown_incoming_call_name: 'Unbekannt',
  codec_speex16: 'false',
  codec_speex8: 'false',
  codec_ilbc: 'false',
}

/** "voiplist": the SIP accounts that call on the card. */
export async function voiplist(asked: Asked): Promise<object> {
  const card = await ownCard(asked)
  const lines = (await asked.ctx.store.lines(asked.account.id)).filter(({ cardId }) => cardId === card.id)
  const listed = lines.map(({ username, password }, i) => [
    `sip_${i + 1}`,
    { type: 'SIP', username, password: btoa(password), ip: asked.phones.sipAddress, ...SIP },
  ])
  return { voiplist: Object.fromEntries(listed) as object, ...userFields(asked, card) }
}
