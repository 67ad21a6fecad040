import { createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'

const ANSWER_WITHIN_MS = 5_000

export type SipRequest = {
  method: 'REGISTER' | 'INVITE' | 'OPTIONS'
  /** Asterisk's SIP port on 127.0.0.1. */
  port: number
  /** Where it comes from. */
  address: string
  /** Who it says it is. */
  from: string
  /** Whose registration it changes, or whom it calls. */
  to?: string
  /** With whose name and which password the challenge is answered; undefined: it is not. */
  login?: { user: string; password: string }
}

/** The final answer: its status, and all lines but those that are different for every request. */
export type SipAnswer = { status: number; lines: string[] }

const md5 = (text: string) => createHash('md5').update(text).digest('hex')
const token = () => randomBytes(8).toString('hex')

/** One SIP request from a socket of its own, challenge answered (RFC 3261, RFC 2617), as no phone of SIPp would send it. */
export async function sipRequest(request: SipRequest): Promise<SipAnswer> {
  const socket = createSocket('udp4')
  await new Promise<void>((bound) => socket.bind(0, request.address, bound))
  try {
    const dialog = { callId: token(), tag: token(), local: socket.address().port }
    const send = (cseq: number, authorization?: string) =>
      answerTo(socket, request.port, written(request, dialog, cseq, authorization))
    const first = await send(1)
    const answer = request.login ? await send(2, authorization(request, request.login, first)) : first
    return { status: Number(answer.split(' ')[1]), lines: lasting(answer) }
  } finally {
    socket.close()
  }
}

type Dialog = { callId: string; tag: string; local: number }

function written(
  { method, port, address, from, to = from }: SipRequest,
  { callId, tag, local }: Dialog,
  cseq: number,
  authorization?: string,
): string {
  return [
    `${method} ${uriOf({ method, port, to })} SIP/2.0`,
    `Via: SIP/2.0/UDP ${address}:${local};branch=z9hG4bK${token()};rport`,
    `From: <sip:${from}@127.0.0.1>;tag=${tag}`,
    `To: <sip:${to}@127.0.0.1>`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:${from}@${address}:${local}>`,
    'Max-Forwards: 70',
    ...(authorization === undefined ? [] : [authorization]),
    ...['Content-Length: 0', '', ''],
  ].join('\r\n')
}

const uriOf = ({ method, port, to }: { method: string; port: number; to: string }) =>
  method === 'REGISTER' ? `sip:127.0.0.1:${port}` : `sip:${to}@127.0.0.1:${port}`

function authorization(
  { method, port, from, to = from }: SipRequest,
  { user, password }: { user: string; password: string },
  challenge: string,
): string {
  const given = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1] ?? ''
  const [realm, nonce, opaque] = [given('realm'), given('nonce'), given('opaque')]
  const uri = uriOf({ method, port, to })
  const response = md5(
    [md5(`${user}:${realm}:${password}`), nonce, '00000001', 'c', 'auth', md5(`${method}:${uri}`)].join(':'),
  )
  const quoted = { username: user, realm, nonce, uri, response, cnonce: 'c', opaque }
  const parts = Object.entries(quoted).map(([name, value]) => `${name}="${value}"`)
  return `Authorization: Digest ${[...parts, 'algorithm=MD5', 'qop=auth', 'nc=00000001'].join(', ')}`
}

function answerTo(socket: ReturnType<typeof createSocket>, port: number, text: string): Promise<string> {
  return new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error(`no answer to ${text.split(' ')[0]}`)), ANSWER_WITHIN_MS)
    const heard = (data: Buffer) => {
      if (/^SIP\/2\.0 1/.test(data.toString())) return
      clearTimeout(late)
      socket.off('message', heard)
      done(data.toString())
    }
    socket.on('message', heard)
    socket.send(text, port, '127.0.0.1')
  })
}

function lasting(answer: string): string[] {
  return answer
    .replaceAll(/(nonce|opaque)="[^"]*"/g, '$1')
    .split('\r\n')
    .filter((line) => line !== '' && !/^(Via|From|To|Call-ID|CSeq|Date):/.test(line))
}
