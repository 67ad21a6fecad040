import { voice } from './audio.ts'
import { FORGET_MS, type Line } from './line.ts'
import { dialled, mediaPort, reply, sdp, type Message } from './sip.ts'

/** A party that will be rung. */
export type Callee = {
  /** Resolves to the instant of the INVITE. */
  invited: Promise<number>
  /** Resolves when Asterisk has hung up. */
  ended: Promise<void>
  forget: () => void
}

export type Callees = { expect: (number: string) => Callee }

type Expected = { invited: (at: number) => void; ended: () => void }

/** How long a party lets it ring, in milliseconds. */
const RING_MS = 200
/** A party that is connected says something this often, in milliseconds. */
const SPEAK_EVERY_MS = 50
/** A party hangs up if nobody does so for it, in milliseconds. */
const LONGEST_MS = 15_000

/** Answers the calls that come for expected numbers, rings, picks up, speaks until the other side hangs up. */
export function openCallees(line: Line): Callees {
  const expected = new Map<string, Expected>()
  line.onInvite((invite) => {
    const number = dialled(invite.text)
    const who = expected.get(number)
    if (!who) return line.send(reply(invite, '404 Not Found', line.sipPort, invite.callId))
    who.invited(performance.now())
    pickUp(line, invite, who.ended)
  })
  return {
    expect(number) {
      const invited = Promise.withResolvers<number>()
      const ended = Promise.withResolvers<undefined>()
      expected.set(number, { invited: invited.resolve, ended: () => ended.resolve(undefined) })
      return { invited: invited.promise, ended: ended.promise, forget: () => expected.delete(number) }
    },
  }
}

function pickUp(line: Line, invite: Message, ended: () => void): void {
  const tag = invite.callId
  const ringing = reply(invite, '180 Ringing', line.sipPort, tag)
  const answer = reply(invite, '200 OK', line.sipPort, tag, sdp(line.rtpPort))
  const { speak } = voice((packet) => line.sendAudio(packet, mediaPort(invite.text)))
  let speaking: NodeJS.Timeout | undefined
  let gone = false
  let repeated: () => void = () => undefined
  const answering = setTimeout(() => (repeated = line.insist(answer)), RING_MS)
  const forgetting = setTimeout(over, LONGEST_MS)
  const forget = line.onCall(invite.callId, (message) => {
    if (message.method === 'INVITE') line.send(ringing)
    if (message.method === 'ACK') {
      repeated()
      if (!gone) speaking ??= setInterval(speak, SPEAK_EVERY_MS)
    }
    if (message.method === 'CANCEL' || message.method === 'BYE') {
      line.send(reply(message, '200 OK', line.sipPort, tag))
      if (message.method === 'CANCEL') line.send(reply(invite, '487 Request Terminated', line.sipPort, tag))
      over()
    }
  })
  line.send(ringing)

  function over(): void {
    gone = true
    clearTimeout(answering)
    clearTimeout(forgetting)
    clearInterval(speaking)
    repeated()
    ended()
    setTimeout(forget, FORGET_MS)
  }
}
