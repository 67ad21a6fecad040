import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { sippCommand } from '../asterisk.ts'
import type { Sound } from './sound.ts'

/** A telephone: SIPp signals, and `sound` speaks, listens and keys. */
export type Phone = {
  sound: Sound
  /** Resolves when SIPp has ended: by its script, or because it can go no further. */
  ended: Promise<void>
  /** What it wrote to its standard error. */
  complaint: () => string
  /** The SIP messages of the call, oldest first. */
  messages: () => Message[]
  /** The telephone vanishes without a word. */
  end: () => Promise<void>
}

/** One SIP message as the telephone saw it on the wire. */
export type Message = {
  /** Milliseconds since the epoch. */
  at: number
  sent: boolean
  /** `INVITE`, or the status of a response: `200 INVITE`. */
  what: string
  text: string
}

export type PhoneOptions = {
  /** Kept here: the scenario's trace. */
  folder: string
  script: 'caller' | 'callee'
  sound: Sound
  /** UDP port of its SIP. */
  port: number
  /** What else SIPp is told. */
  args: string[]
}

/** Takes a telephone into use. The caller's dials at once. */
export async function startPhone({ folder, script, sound, port, args }: PhoneOptions): Promise<Phone> {
  mkdirSync(folder)
  const sipp = await sippCommand(
    folder,
    [
      ...['-sf', `/srv/scenarios/${script}.xml`, '-key', 'sound', String(sound.port), '-m', '1'],
      ...['-i', '127.0.0.1', '-p', String(port), '-nostdin', '-trace_msg', '-message_file', 'messages.log'],
      ...args,
    ],
    import.meta.dirname,
  )
  const child = spawn(sipp.command, sipp.args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const ended = new Promise<void>((done) => {
    child.on('error', ({ message }) => {
      complaint += message
      done()
    })
    child.on('close', () => done())
  })
  return {
    sound,
    ended,
    complaint: () => complaint.trim(),
    messages: () => parseTrace(readIfThere(path.join(folder, 'messages.log'))),
    end: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** SIPp's message file: a line of dashes with the instant, a line that says sent or received, the message. */
function parseTrace(trace: string): Message[] {
  const parts = trace.split(/^-{20,} (\d{4}-\S+Z)$/m).slice(1)
  const messages: Message[] = []
  for (let i = 0; i < parts.length; i += 2) {
    const [at = '', text = ''] = parts.slice(i, i + 2)
    const [, direction, request, status] =
      /message (sent|received).*?^(?:([A-Z]+) sip|SIP\/2\.0 (\d{3}))/ms.exec(text) ?? []
    const method = /^CSeq: *\d+ (\w+)/im.exec(text)?.[1] ?? ''
    if (direction === undefined) continue
    messages.push({
      at: Date.parse(at),
      sent: direction === 'sent',
      what: request ?? `${status} ${method}`,
      text,
    })
  }
  return messages
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
