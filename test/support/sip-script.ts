/** What a phone does once the call is up, one thing after another. */
export type Step =
  | { do: 'wait'; ms: number }
  /** Keys as RFC 4733 events in the audio. */
  | { do: 'keys'; digits: string }
  /** Keys as SIP INFO, application/dtmf-relay. */
  | { do: 'info'; digits: string }
  /**
   * Keys as tones in the audio, which then goes on with speech while the next steps are taken; `,` waits for a second. Such a
   * phone offers no RFC 4733.
   */
  | { do: 'tones'; digits: string }
  /** Speaks from here on, while the next steps go on; what is keyed then must go by INFO. */
  | { do: 'speak' }
  /** Asks by REFER to be replaced by this number, and waits for no answer. */
  | { do: 'refer'; to: string }
  | { do: 'hangUp' }
  | { do: 'waitForHangUp' }

export type Caller = {
  /** What the From header says; `[field0]` takes it from the row of the call. */
  from: string
  /** Undefined: the call is answered. Else the final status that is expected instead. */
  refusedWith?: number
  steps: Step[]
  /** More lines for the INVITE. */
  headers?: string[]
  /** It registers first, and answers challenges. Then it is asked for the password, and says who it is, by this. */
  login?: { user: string; password: string }
  /** Where it would hear, if it were to. Else that may be where the called phone hears and plays back what it hears. */
  deafOn?: number
}

export type Callee =
  /** `hearsAt`: the UDP port of its ears, instead of SIPp's own. */
  | { answers: 'after'; ringMs: number; steps: Step[]; hearsAt?: number }
  /** Rings until the other side gives up. */
  | { answers: 'never' }
  /** `redirectsTo`: what a 3xx names instead. */
  | { answers: 'refuses'; status: number; ringMs?: number; redirectsTo?: string }

/** A file of raw u-law that the phone finds in its folder. */
export const VOICE = 'voice.ulaw'

/** Where the phone finds the sound of a step that keys by tones. */
export const TONES = 'tones.ulaw'

/** SIPp sends RFC 4733 events with this payload type. */
const EVENTS = 96
const SDP = `Content-Type: application/sdp
Content-Length: [len]

v=0
o=phone 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 ${EVENTS}
a=rtpmap:0 PCMU/8000
a=rtpmap:${EVENTS} telephone-event/8000
a=fmtp:${EVENTS} 0-16`

const SDP_WITHOUT_EVENTS = SDP.split('\n')
  .filter((line) => !line.startsWith(`a=rtpmap:${EVENTS}`) && !line.startsWith('a=fmtp'))
  .join('\n')
  .replace(` ${EVENTS}`, '')

const EMPTY = 'Content-Length: 0\n'

/** A SIPp scenario that places a call. */
export function callerScript(caller: Caller): string {
  const { from, refusedWith, steps, headers = [], login } = caller
  const request = (method: string, cseq: number, rest: string) =>
    [
      `${method} ${method === 'INVITE' ? 'sip:[service]@[remote_ip]:[remote_port]' : '[next_url]'} SIP/2.0`,
      'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]',
      `From: <sip:${from}@[local_ip]:[local_port]>;tag=[pid]c[call_number]`,
      `To: <sip:[service]@[remote_ip]:[remote_port]>${method === 'INVITE' ? '' : '[peer_tag_param]'}`,
      'Call-ID: [call_id]',
      `CSeq: ${cseq} ${method}`,
      'Contact: <sip:phone@[local_ip]:[local_port]>',
      'Max-Forwards: 70',
      ...(method === 'INVITE' ? headers : []),
      rest,
    ].join('\n')
  // SIPp speaks from another port than it keys from.
  const tones = steps.some((step) => step.do === 'tones')
  const speaks = tones || steps.some((step) => step.do === 'speak')
  const offer = tones ? SDP_WITHOUT_EVENTS : SDP
  const sdp = speaks ? offer.replace('[media_port]', '[rtpstream_audio_port]') : offer
  const cseq = login ? 2 : 1
  const ack = send(request('ACK', cseq, EMPTY))
  const refused = [...recvResponse(refusedWith ?? 200), ack]
  const answered = [
    ...recvResponse(200, 'rrs="true"'),
    ack,
    ...during(steps, (method, cseq, rest) => request(method, cseq, rest), cseq),
  ]
  const invite = login
    ? [
        ...registering(login),
        send(request('INVITE', 1, sdp)),
        '<recv response="401" auth="true"/>',
        send(request('ACK', 1, EMPTY)),
        send(request('INVITE', 2, `${authentication(login)}\n${sdp}`)),
      ]
    : [send(request('INVITE', 1, sdp))]
  return scenario([...invite, ...(refusedWith === undefined ? answered : refused)])
}

type Login = NonNullable<Caller['login']>

const authentication = ({ user, password }: Login) => `[authentication username=${user} password=${password}]`

function registering(login: Login): string[] {
  const register = (cseq: number, ...more: string[]) =>
    send(
      [
        'REGISTER sip:[remote_ip]:[remote_port] SIP/2.0',
        'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]',
        `From: <sip:${login.user}@[remote_ip]:[remote_port]>;tag=[pid]r[call_number]`,
        `To: <sip:${login.user}@[remote_ip]:[remote_port]>`,
        'Call-ID: register///[call_id]',
        `CSeq: ${cseq} REGISTER`,
        'Contact: <sip:phone@[local_ip]:[local_port]>',
        'Max-Forwards: 70',
        'Expires: 300',
        ...more,
        EMPTY,
      ].join('\n'),
    )
  return [
    register(1),
    '<recv response="401" auth="true"/>',
    register(2, authentication(login)),
    '<recv response="200"/>',
  ]
}

/** How calls are taken: all alike, by the number that is called, or a list: one call after the other, and all further ones like the last. */
export type Behaviour = Callee | Record<string, Callee> | Callee[]

/** A SIPp scenario that takes calls. */
export function calleeScript(behaviour: Behaviour): string {
  const reply = (status: string, rest: string) =>
    [
      `SIP/2.0 ${status}`,
      ...[
        '[last_Via:]',
        '[last_From:]',
        '[last_To:];tag=[pid]s[call_number]',
        '[last_Call-ID:]',
        '[last_CSeq:]',
      ],
      'Contact: <sip:phone@[local_ip]:[local_port]>',
      rest,
    ].join('\n')
  const { actions, globals, used, callees } = choosing(behaviour)
  const alike = callees.length === 1
  const names = ['mine', 'theirs'].map((name) => {
    const header = name === 'mine' ? 'To:' : 'From:'
    return `<ereg regexp=".*" search_in="hdr" header="${header}" assign_to="${name}"/>`
  })
  const lines = [
    ...(alike ? [] : globals),
    `<recv request="INVITE" rrs="true"><action>${[...names, ...(alike ? [] : actions)].join('')}</action></recv>`,
    ...(alike ? [] : callees.map((_, n) => `<nop next="${n + 1}" test="is${n + 1}"/>`)),
    // Each behaviour is a block of its own; all end at label 90.
    ...callees.flatMap((callee, n) => [
      ...(alike ? [] : [`<label id="${n + 1}"/>`]),
      ...taking(callee, 10 * (n + 1), reply),
      '<nop next="90"/>',
    ]),
    '<label id="90"/>',
    `<Reference variables="${['mine', 'theirs', ...(alike ? [] : used)].join()}"/>`,
  ]
  return scenario(lines)
}

type Choice = {
  /** Set `is1`, `is2` and so on, the first of which that is true says how this call is taken. */
  actions: string[]
  globals: string[]
  /** Variables that are set and not read, of which SIPp would complain. */
  used: string[]
  callees: Callee[]
}

function choosing(behaviour: Behaviour): Choice {
  if (Array.isArray(behaviour)) {
    const isNth = (n: number) => {
      const compare = n === behaviour.length ? 'greater_than_equal' : 'equal'
      return `<test assign_to="is${n}" variable="calls" compare="${compare}" value="${n}"/>`
    }
    const actions = ['<add assign_to="calls" value="1"/>', ...behaviour.map((_, n) => isNth(n + 1))]
    return { actions, globals: ['<Global variables="calls"/>'], used: [], callees: behaviour }
  }
  if ('answers' in behaviour) return { actions: [], globals: [], used: [], callees: [behaviour as Callee] }
  const actions = [
    '<ereg regexp="sip:([+0-9]+)@" search_in="msg" check_it="true" assign_to="line,number"/>',
    ...Object.keys(behaviour).flatMap((number, n) => [
      `<strcmp assign_to="order${n + 1}" variable="number" value="${number}"/>`,
      `<test assign_to="is${n + 1}" variable="order${n + 1}" compare="equal" value="0"/>`,
    ]),
  ]
  return { actions, globals: [], used: ['line'], callees: Object.values(behaviour) }
}

function taking(callee: Callee, label: number, reply: (status: string, rest: string) => string): string[] {
  const ringing = send(reply('180 Ringing', EMPTY))
  if (callee.answers === 'refuses') {
    const before = callee.ringMs === undefined ? [] : [ringing, `<pause milliseconds="${callee.ringMs}"/>`]
    const no = reply(`${callee.status} No`, EMPTY)
    const elsewhere = `sip:${callee.redirectsTo ?? 'phone'}@[local_ip]:[local_port]`
    return [
      ...before,
      send(no.replace('sip:phone@[local_ip]:[local_port]', elsewhere), true),
      '<recv request="ACK"/>',
    ]
  }
  const cancelled = [
    send(reply('200 OK', EMPTY).replace(';tag=[pid]s[call_number]', '')),
    send(
      reply('487 Request Terminated', EMPTY).replace('[last_CSeq:]', 'CSeq: [last_cseq_number] INVITE'),
      true,
    ),
    '<recv request="ACK"/>',
    '<nop next="90"/>',
  ]
  if (callee.answers === 'never') return [ringing, '<recv request="CANCEL"/>', ...cancelled]
  const speaks = callee.steps.some((step) => step.do === 'speak')
  const ears = String(callee.hearsAt ?? (speaks ? '[rtpstream_audio_port]' : '[media_port]'))
  return [
    ringing,
    `<recv request="CANCEL" timeout="${Math.max(1, callee.ringMs)}" ontimeout="${label}"/>`,
    ...cancelled,
    `<label id="${label}"/>`,
    send(reply('200 OK', SDP.replace('[media_port]', ears)), true),
    '<recv request="ACK"/>',
    ...during(callee.steps, (method, cseq, rest) => inDialog(method, cseq, rest)),
  ]
}

/** A request of the called party: its From is what the INVITE called To. */
function inDialog(method: string, cseq: number, rest: string): string {
  return [
    `${method} [next_url] SIP/2.0`,
    'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]',
    'From:[$mine];tag=[pid]s[call_number]',
    'To:[$theirs]',
    '[last_Call-ID:]',
    `CSeq: ${cseq} ${method}`,
    'Max-Forwards: 70',
    rest,
  ].join('\n')
}

function during(
  steps: Step[],
  request: (method: string, cseq: number, rest: string) => string,
  lastCseq = 1,
): string[] {
  let cseq = lastCseq
  return steps.flatMap((step) => {
    switch (step.do) {
      case 'wait':
        return [`<pause milliseconds="${step.ms}"/>`]
      case 'keys':
        return [`<nop><action><exec play_dtmf="${step.digits}"/></action></nop>`]
      case 'info':
        return keysByInfo(step.digits, (body) => request('INFO', ++cseq, body))
      case 'tones':
        return [`<nop><action><exec rtp_stream="${TONES},1,0,PCMU/8000"/></action></nop>`]
      case 'speak':
        return [`<nop><action><exec rtp_stream="${VOICE},-1,0,PCMU/8000"/></action></nop>`]
      case 'refer': {
        const contact = 'Contact: <sip:phone@[local_ip]:[local_port]>'
        const target = `${contact}\nRefer-To: <sip:${step.to}@[local_ip]:[local_port]>\n${EMPTY}`
        return [send(request('REFER', ++cseq, target))]
      }
      case 'hangUp':
        return [send(request('BYE', ++cseq, EMPTY), true), '<recv response="200"/>']
      case 'waitForHangUp':
        return ['<recv request="BYE"/>', send(OK)]
    }
  })
}

/** Nothing follows the last key: whatever it brings about can come at once. A row's digits are one INFO each too. */
function keysByInfo(digits: string, request: (body: string) => string): string[] {
  const keys = digits.match(/\[\w+\]|[0-9*#]/g) ?? []
  return keys.flatMap((key, n) => {
    const body = `Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal=${key}\nDuration=100`
    const pause = n === keys.length - 1 ? [] : ['<pause milliseconds="200"/>']
    return [send(request(body), true), '<recv response="200"/>', ...pause]
  })
}

const OK = `SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0
`

function recvResponse(status: number, attributes = ''): string[] {
  const provisional = [100, 180, 183].map((code) => `<recv response="${code}" optional="true"/>`)
  return [...provisional, `<recv response="${status}" ${attributes}/>`]
}

function send(message: string, again = false): string {
  return `<send${again ? ' retrans="500"' : ''}><![CDATA[\n\n${message}\n]]></send>`
}

function scenario(lines: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="phone">\n${lines.join('\n')}\n</scenario>\n`
}
