import type { Socket } from 'node:net'
import { Hangup } from '../calls/call.ts'
import { deferred, type Deferred } from '../calls/deferred.ts'
import { answerReader, type Answer } from './answers.ts'
import { environmentReader, type Environment } from './environment.ts'
import { lineCutter } from './lines.ts'

type Word = string | number

/** One run of AGI() in somebody's dialplan. */
export type AgiConnection = {
  /** Rejects with Hangup when there is none, or none in time. */
  environment: Promise<Environment>
  /**
   * Sends a command once all before it are answered: to Asterisk the arrival of another is an order to stop what it does.
   * Texts among the words are quoted. Rejects with Hangup once the caller or Asterisk is gone, or when no answer has come
   * within `patienceMs`; with another error for a text that no line of AGI can hold.
   */
  command: (verb: string, words: readonly Word[], patienceMs: number) => Promise<Answer>
  /** Hands the channel back to the dialplan: nothing is sent any more, and what waits is rejected. */
  end: () => void
  /** Why it ended, unless we ended it or the caller hung up. */
  fault: () => string | undefined
}

/** How long Asterisk may take over its environment, in milliseconds. It sends that at once. */
const ENVIRONMENT_MS = 5_000
/** How long it may take to close a connection that we have ended, in milliseconds. */
const CLOSE_MS = 5_000
/** Asterisk's own limit has been 8 kB since 22.6, and 2 kB before that. */
const MOST_LINE_BYTES = 8_192
const MOST_COMMAND_BYTES = 2_000
/** Each command waits for its answer: so much is unread only by a peer that answers without listening. */
const MOST_UNREAD_BYTES = 65_536

type Waiting = { line: string; patienceMs: number; answer: Deferred<Answer> }

/** Speaks AGI over a socket. The peer may be no Asterisk, or a hostile one. */
export function agiConnection(socket: Socket): AgiConnection {
  const environment = deferred<Environment>()
  const queue: Waiting[] = []
  let sent: Waiting | undefined
  let over = false
  let fault: string | undefined
  let timer = setTimeout(() => broken('it sends no environment'), ENVIRONMENT_MS)

  const readEnvironment = environmentReader()
  const readAnswer = answerReader(answered, ended)
  let read = (line: string): void => {
    const all = readEnvironment(line)
    if (!all) return
    clearTimeout(timer)
    read = readAnswer
    environment.resolve(all)
  }
  const cut = lineCutter(MOST_LINE_BYTES, (line) => {
    if (!over) read(line)
  })

  socket.on('data', (piece) => {
    if (over) return // such as the HANGUP that follows the last command
    try {
      cut(piece)
    } catch (error) {
      broken((error as Error).message)
    }
  })
  socket.on('error', () => undefined) // a close follows
  socket.on('end', ended)
  socket.on('close', () => {
    ended()
    clearTimeout(timer)
  })

  function answered(answer: Answer): void {
    if (!sent) throw new Error('an answer without a command')
    clearTimeout(timer)
    sent.answer.resolve(answer)
    sent = undefined
    sendNext()
  }

  function sendNext(): void {
    if (sent || over) return
    sent = queue.shift()
    if (!sent) return
    timer = setTimeout(() => broken('it does not answer'), sent.patienceMs)
    socket.write(sent.line)
    if (socket.writableLength > MOST_UNREAD_BYTES) broken('it does not read')
  }

  function ended(): void {
    if (over) return
    over = true
    clearTimeout(timer)
    environment.reject(new Hangup())
    for (const { answer } of [...(sent ? [sent] : []), ...queue.splice(0)]) answer.reject(new Hangup())
    if (socket.destroyed) return
    socket.end()
    timer = setTimeout(() => socket.destroy(), CLOSE_MS)
  }

  function broken(why: string): void {
    if (over) return
    fault = why
    ended()
    socket.destroy()
  }

  async function command(verb: string, words: readonly Word[], patienceMs: number): Promise<Answer> {
    const line = `${[verb, ...words.map(quoted)].join(' ')}\n`
    if (Buffer.byteLength(line) > MOST_COMMAND_BYTES) throw new Error(`${verb} is too long for AGI`)
    if (over) throw new Hangup()
    const answer = deferred<Answer>()
    queue.push({ line, patienceMs, answer })
    sendNext()
    return answer.promise
  }

  return { environment: environment.promise, command, end: ended, fault: () => fault }
}

/** A backslash keeps the next character from meaning anything. Nothing keeps a line feed from ending the command. */
function quoted(word: Word): string {
  if (typeof word === 'number') return String(word)
  if (/\p{Cc}/u.test(word)) throw new Error('AGI takes no control characters')
  return `"${word.replaceAll(/["\\]/g, '\\$&')}"`
}
