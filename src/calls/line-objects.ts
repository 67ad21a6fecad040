import type { VoipLine } from '../engine/paid-call-store.ts'

/** The context of the dialplan (dialplan/lines.conf) in which calls of lines arrive. */
export const LINE_CONTEXT = 'pinbridge-lines'

/** The endpoint that calls go out by, and that lines share their audio's address with. */
export const TRUNK = 'trunk'

/** An object of Asterisk's SIP configuration: of which type, and its options. */
export type SipObject = { type: 'auth' | 'aor' | 'endpoint'; options: Record<string, string> }

/** How options are told, and answered, over ARI. */
export type Tuple = { attribute: string; value: string }

/** A registration is only what keeps a phone content: nobody calls it. So it need not last, and a new one takes its place. */
const REGISTRATION = {
  max_contacts: '1',
  remove_existing: 'yes',
  minimum_expiration: '60',
  default_expiration: '300',
  maximum_expiration: '600',
  qualify_frequency: '0',
}

/** As hard as the trunk's in etc/pjsip.conf, and made for phones behind NAT. */
const ENDPOINT = {
  context: LINE_CONTEXT,
  identify_by: 'username',
  allow: '!all,ulaw,alaw',
  max_audio_streams: '1',
  max_video_streams: '0',
  dtmf_mode: 'auto_info',
  language: 'en',
  tone_zone: 'us',
  direct_media: 'no',
  force_rport: 'yes',
  rewrite_contact: 'yes',
  rtp_symmetric: 'yes',
  rtp_timeout: '60',
  rtp_timeout_hold: '300',
  timers: 'yes',
  trust_id_inbound: 'no',
  trust_id_outbound: 'no',
  trust_connected_line: 'no',
  send_pai: 'no',
  send_rpid: 'no',
  send_connected_line: 'no',
  send_diversion: 'no',
  allow_transfer: 'no',
  allow_subscribe: 'no',
  allow_overlap: 'no',
  redirect_method: 'user',
  t38_udptl: 'no',
  inband_progress: 'no',
}

/** What lines take over from the trunk: where audio is bound, and what address is offered for it. */
const SHARED = ['media_address', 'bind_rtp_to_media_address']

/**
 * What Asterisk must be told of a line, in this order: an endpoint whose password does not exist yet would let nobody in, and
 * one without a password everybody. `owner` marks the line as ours. `trunk`: the trunk's options, empty where unknown.
 */
export function lineObjects({ username, password }: VoipLine, owner: string, trunk: Tuple[]): SipObject[] {
  const shared = trunk.filter(({ attribute, value }) => SHARED.includes(attribute) && value !== '')
  return [
    { type: 'auth', options: { auth_type: 'userpass', username, password } },
    { type: 'aor', options: REGISTRATION },
    {
      type: 'endpoint',
      options: {
        ...ENDPOINT,
        ...Object.fromEntries(shared.map(({ attribute, value }) => [attribute, value])),
        auth: username,
        aors: username,
        accountcode: owner,
      },
    },
  ]
}

/** Whether an endpoint with these options is a line that we have told Asterisk of. */
export function isLine(options: Tuple[], owner: string): boolean {
  const has = (attribute: string, value: string) =>
    options.some((one) => one.attribute === attribute && one.value === value)
  return has('context', LINE_CONTEXT) && has('accountcode', owner)
}

/** Where an object is, for ARI. Endpoint first when they go, so that none is ever without its password. */
export const objectUri = (type: string, name: string): string =>
  `asterisk/config/dynamic/res_pjsip/${type}/${encodeURIComponent(name)}`

export const REMOVAL: readonly SipObject['type'][] = ['endpoint', 'aor', 'auth']

/** From which line a channel comes, by the name that Asterisk gives it; undefined when from none. */
export function lineOfChannel(name: string): string | undefined {
  return /^PJSIP\/([a-z0-9-]+)-[0-9a-f]{8}$/.exec(name)?.[1]
}
