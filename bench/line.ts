import { createSocket, type Socket } from 'node:dgram'
import { randomBytes } from 'node:crypto'
import { HOST, read, type Message } from './sip.ts'

/**
 * One SIP and one RTP socket for all phones: what tells calls apart is the Call-ID, and for audio the port that
 * Asterisk sends it from. It costs a third of a socket a call, and nothing of a call's own is lost.
 */
export type Line = {
  /** Both the caller's address and the trunk to which Asterisk sends calls. */
  sipPort: number
  rtpPort: number
  /** A prefix of Call-IDs and branches that no other run has used. */
  name: string
  send: (sip: string) => void
  /** Sends a message again and again (RFC 3261, timer A) until the function that it returns is called. */
  insist: (sip: string) => () => void
  sendAudio: (packet: Buffer, port: number) => void
  /** All messages of a call, until the function that it returns is called. */
  onCall: (callId: string, take: (message: Message) => void) => () => void
  /** INVITEs of calls that nobody has taken; the last one to ask gets them. */
  onInvite: (take: (invite: Message) => void) => void
  /** All packets that Asterisk sends from a port, until the function that it returns is called. */
  onAudio: (port: number, take: (packet: Buffer) => void) => () => void
  close: () => Promise<void>
}

/** As much as an unprivileged process may have on most machines, in bytes. */
const BUFFER_BYTES = 212_992
/** Copies of messages may come when a call is over; they are answered for so long, in milliseconds. */
export const FORGET_MS = 4_000
const FIRST_REPEAT_MS = 500
const LAST_REPEAT_MS = 4_000

/** Opens both sockets on free ports of the loopback. `asteriskPort` is where Asterisk takes calls. */
export async function openLine(asteriskPort: number): Promise<Line> {
  const [sip, rtp] = [await bound(), await bound()]
  const calls = new Map<string, (message: Message) => void>()
  const audio = new Map<number, (packet: Buffer) => void>()
  let newcomer: (invite: Message) => void = () => undefined

  sip.on('message', (data) => {
    const message = read(data.toString('latin1'))
    if (!message) return
    const take = calls.get(message.callId)
    if (take) take(message)
    else if (message.method === 'INVITE') newcomer(message)
  })
  rtp.on('message', (packet, { port }) => audio.get(port)?.(packet))

  let open = true
  const send = (text: string) => {
    // What is repeated may fall due when all is over.
    if (open) sip.send(text, asteriskPort, HOST)
  }
  const insist = (text: string) => {
    let timer: NodeJS.Timeout | undefined
    const again = (wait: number) => {
      if (!open) return
      send(text)
      timer = setTimeout(() => again(Math.min(wait * 2, LAST_REPEAT_MS)), wait)
    }
    again(FIRST_REPEAT_MS)
    return () => clearTimeout(timer)
  }
  return {
    sipPort: sip.address().port,
    rtpPort: rtp.address().port,
    name: randomBytes(4).toString('hex'),
    send,
    insist,
    sendAudio: (packet, port) => {
      if (open) rtp.send(packet, port, HOST)
    },
    onCall: (callId, take) => keep(calls, callId, take),
    onInvite: (take) => (newcomer = take),
    onAudio: (port, take) => keep(audio, port, take),
    close: async () => {
      open = false
      await Promise.all([sip, rtp].map((socket) => new Promise<void>((done) => socket.close(done))))
    },
  }
}

function keep<K, T>(map: Map<K, T>, key: K, value: T): () => void {
  map.set(key, value)
  return () => {
    if (map.get(key) === value) map.delete(key)
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES })
  await new Promise<void>((done, fail) => socket.once('error', fail).bind(0, HOST, done))
  // Whatever goes wrong with one packet shows as a call that fails.
  socket.on('error', () => undefined)
  return socket
}
