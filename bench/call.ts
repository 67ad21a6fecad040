import { setTimeout as pause } from 'node:timers/promises'
import { isSpeech, voice } from './audio.ts'
import { openCallees, type Callee, type Callees } from './callee.ts'
import { FORGET_MS, type Line } from './line.ts'
import { contactOf, header, HOST, mediaPort, reply, request, sdp, type Message } from './sip.ts'

/** One call to place. */
type Plan = {
  from: string
  to: string
  /** What is keyed, with its `#`. */
  keys: string
  /** The party that must be rung and spoken with; undefined: the call is over with the first sound after the keys. */
  party: string | undefined
}

/** What became of it. Times in milliseconds. */
export type Outcome = {
  failed: string | undefined
  /** From the INVITE to its answer. */
  answerMs: number
  /** From the last key to what it caused: the second INVITE, or the first sound. */
  decisionMs: number
}

/** Places calls, and answers those that they cause. */
export type Phones = { call: (plan: Plan) => Promise<Outcome> }

/** From the first sound of the prompt to the first key, in milliseconds. */
const THINK_MS = 100
/** From the first word of the other party to the hang-up, in milliseconds. */
const TALK_MS = 100
/** A call that takes longer has failed. It takes less than 2 s where nothing is late. */
const CALL_MS = 10_000

export function phonesOn(line: Line): Phones {
  const callees = openCallees(line)
  let count = 0
  return { call: (plan) => placed(line, callees, plan, `${line.name}-${++count}`) }
}

async function placed(line: Line, callees: Callees, plan: Plan, callId: string): Promise<Outcome> {
  const outcome: Outcome = { failed: undefined, answerMs: Infinity, decisionMs: Infinity }
  const caller = openCaller(line, plan, callId)
  const callee = plan.party === undefined ? undefined : callees.expect(plan.party)
  const overdue = new AbortController()
  let step = 'the answer'
  try {
    const late = pause(CALL_MS, undefined, { signal: overdue.signal }).then(() => {
      throw new Error(`${step} is overdue`)
    })
    await Promise.race([goThrough(caller, callee, plan, outcome, (next) => (step = next)), caller.lost, late])
  } catch (error) {
    outcome.failed = (error as Error).message
    void caller.hangUp().catch(() => undefined)
  } finally {
    overdue.abort()
    callee?.forget()
    setTimeout(caller.forget, FORGET_MS)
  }
  return outcome
}

async function goThrough(
  caller: Caller,
  callee: Callee | undefined,
  { keys }: Plan,
  outcome: Outcome,
  next: (step: string) => void,
): Promise<void> {
  const calledAt = performance.now()
  const answeredAt = await caller.invite()
  outcome.answerMs = answeredAt - calledAt
  next('the prompt')
  await caller.hears(() => true)
  await pause(THINK_MS)
  const keyedAt = await caller.type(keys)
  next('the decision')
  const decidedAt = await (callee ? callee.invited : caller.hears(() => true))
  outcome.decisionMs = decidedAt - keyedAt
  if (callee) {
    next('the other party')
    await caller.hears(isSpeech)
    await pause(TALK_MS)
  }
  next('the end')
  await caller.hangUp()
  await callee?.ended
}

type Caller = {
  /** Resolves to the instant of the answer. */
  invite: () => Promise<number>
  type: (keys: string) => Promise<number>
  /** Resolves to the instant of the next packet of this kind. */
  hears: (kind: (packet: Buffer) => boolean) => Promise<number>
  hangUp: () => Promise<unknown>
  /** Rejects when the other side ends the call. */
  lost: Promise<never>
  forget: () => void
}

function openCaller(line: Line, { from, to }: Plan, callId: string): Caller {
  const me = `<sip:${from}@${HOST}:${line.sipPort}>;tag=${callId}`
  const number = `sip:${to}@${HOST}`
  const lost = Promise.withResolvers<never>()
  lost.promise.catch(() => undefined)
  const waiting = new Map<string, { resolve: (answer: Message) => void; stop: () => void }>()
  let dialog = { uri: number, to: `<${number}>` }
  let forgetAudio: () => void = () => undefined
  let take: (packet: Buffer) => void = () => undefined
  let toPort = 0
  let over = false
  let bye: Promise<unknown> | undefined

  const compose = (method: string, cseq: number, body?: string) => {
    const common = { method, cseq, from: me, callId, port: line.sipPort, branch: `${callId}-${method}` }
    return request({ ...common, ...dialog, ...(body !== undefined && { body }) })
  }
  const forgetCall = line.onCall(callId, (message) => {
    if (message.method === 'BYE') {
      line.send(reply(message, '200 OK', line.sipPort))
      if (!over) lost.reject(new Error('Asterisk hung up'))
    } else if (message.status !== undefined) onAnswer(message)
  })

  function onAnswer(message: Message): void {
    const { status = 0, about } = message
    const pending = waiting.get(about)
    pending?.stop()
    if (status < 200) return
    // An answer that comes again asks for its ACK again.
    if (about === 'INVITE' && status < 300 && !pending) return line.send(compose('ACK', 1))
    waiting.delete(about)
    if (status < 300) pending?.resolve(message)
    else lost.reject(new Error(`${about} was answered with ${status}`))
  }

  function transact(method: string, cseq: number, body?: string): Promise<Message> {
    return new Promise((resolve) => {
      waiting.set(method, { resolve, stop: line.insist(compose(method, cseq, body)) })
    })
  }

  const speech = voice((packet) => line.sendAudio(packet, toPort))
  return {
    type: speech.type,
    lost: lost.promise,
    async invite() {
      const { text } = await transact('INVITE', 1, sdp(line.rtpPort))
      const answeredAt = performance.now()
      dialog = { uri: contactOf(text), to: header(text, 'To') }
      line.send(compose('ACK', 1))
      toPort = mediaPort(text)
      forgetAudio = line.onAudio(toPort, (packet) => take(packet))
      return answeredAt
    },
    hears: (kind) =>
      new Promise((resolve) => {
        take = (packet) => {
          if (!kind(packet)) return
          take = () => undefined
          resolve(performance.now())
        }
      }),
    hangUp() {
      over = true
      return (bye ??= transact('BYE', 2))
    },
    forget() {
      over = true
      for (const { stop } of waiting.values()) stop()
      forgetCall()
      forgetAudio()
    },
  }
}
