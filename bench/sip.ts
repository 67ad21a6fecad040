/** Just enough SIP (RFC 3261) to play the phones of a load test on loopback. */

export const HOST = '127.0.0.1'
/** Payload types: u-law, and telephone events (RFC 4733). */
export const ULAW = 0
export const EVENTS = 101

export type Message = {
  text: string
  /** Undefined for a response. */
  method: string | undefined
  /** Undefined for a request. */
  status: number | undefined
  callId: string
  /** The method that the CSeq names. */
  about: string
}

/** The parts of a message that tell what it is; undefined for what is no SIP. */
export function read(text: string): Message | undefined {
  const [, status, method] = /^(?:SIP\/2\.0 (\d{3})|([A-Z]+) )/.exec(text) ?? []
  const [, callId] = /^Call-ID: *(\S+)/im.exec(text) ?? []
  const [, about] = /^CSeq: *\d+ +([A-Z]+)/im.exec(text) ?? []
  if (!callId || !about) return undefined
  return { text, method, status: status === undefined ? undefined : Number(status), callId, about }
}

/** The rest of the first line that begins with this header's name; '' without one. */
export function header(text: string, name: 'To' | 'From' | 'Contact' | 'CSeq'): string {
  const at = text.indexOf(`\r\n${name}: `)
  return at < 0 ? '' : text.slice(at + name.length + 4, text.indexOf('\r\n', at + 2))
}

/** Where the other side wants its audio, on this host. */
export function mediaPort(text: string): number {
  return Number(/^m=audio (\d+)/m.exec(text)?.[1] ?? 0)
}

/** The number that an INVITE is for. */
export function dialled(invite: string): string {
  return /^INVITE sip:([^@;]+)/.exec(invite)?.[1] ?? ''
}

/** The address in a Contact header. */
export function contactOf(text: string): string {
  return /<([^>]+)>/.exec(header(text, 'Contact'))?.[1] ?? ''
}

export type Request = {
  method: string
  uri: string
  from: string
  to: string
  callId: string
  cseq: number
  branch: string
  /** Our SIP port. */
  port: number
  body?: string
}

export function request({ method, uri, from, to, callId, cseq, branch, port, body }: Request): string {
  return message(
    [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${HOST}:${port};branch=z9hG4bK${branch}`,
      `From: ${from}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:phone@${HOST}:${port}>`,
      'Max-Forwards: 70',
    ],
    body,
  )
}

/** An answer to a request; `tag` makes ours out of a To that has none yet. */
export function reply(to: Message, status: string, port: number, tag = '', body?: string): string {
  const vias = to.text.match(/^Via: .*(?=\r$)/gim) ?? []
  const theirs = header(to.text, 'To')
  return message(
    [
      `SIP/2.0 ${status}`,
      ...vias,
      `From: ${header(to.text, 'From')}`,
      `To: ${theirs}${tag === '' || theirs.includes(';tag=') ? '' : `;tag=${tag}`}`,
      `Call-ID: ${to.callId}`,
      `CSeq: ${header(to.text, 'CSeq')}`,
      `Contact: <sip:phone@${HOST}:${port}>`,
    ],
    body,
  )
}

function message(lines: string[], body = ''): string {
  const type = body === '' ? [] : ['Content-Type: application/sdp']
  return [...lines, ...type, `Content-Length: ${body.length}`, '', body].join('\r\n')
}

export function sdp(port: number): string {
  return [
    'v=0',
    `o=phone 1 1 IN IP4 ${HOST}`,
    's=-',
    `c=IN IP4 ${HOST}`,
    't=0 0',
    `m=audio ${port} RTP/AVP ${ULAW} ${EVENTS}`,
    `a=rtpmap:${ULAW} PCMU/8000`,
    `a=rtpmap:${EVENTS} telephone-event/8000`,
    `a=fmtp:${EVENTS} 0-15`,
    'a=ptime:20',
    '',
  ].join('\r\n')
}
