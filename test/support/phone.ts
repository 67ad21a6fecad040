import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sippCommand } from '../../src/asterisk.ts'
import { muLaw, tones } from './dtmf.ts'
import { TONES, VOICE, callerScript, calleeScript, type Behaviour, type Caller } from './sip-script.ts'

/** A SIPp process that plays one side of calls. */
export type Phone = {
  /** Resolves to SIPp's exit code: 0 when every call went as its script says. */
  ended: Promise<number>
  /** All SIP messages so far. */
  messages: () => string
  /** What SIPp complains about. */
  complaints: () => string
  /** Puts the handset down, at whatever step: CANCEL before the answer, BYE after it. */
  hangUp: () => void
  /** Takes no more calls and ends with the last one. */
  finish: () => void
  /** The phone vanishes without a word. */
  vanish: () => void
}

/** A little more than a second of what phones speak. */
const SPOKEN = Buffer.from('pinbridge'.repeat(1_000))
/** Half a minute and more. */
const SPEECH = Array.from({ length: 30 }, () => SPOKEN)

export type PhoneLine = {
  folder: string
  /** Where Asterisk takes calls. */
  asteriskPort: number
  /** Where this phone is: 127.0.0.1 unless said otherwise, and a port. */
  address?: string
  port: number
}

/** Places calls to a number: one, or one for each row (`[field0]`, `[field1]` ... in the script), all at once. */
export function placeCall(line: PhoneLine, to: string, caller: Caller, rows?: string[][]): Promise<Phone> {
  const count = rows?.length ?? 1
  const files: Record<string, string | Buffer> = {}
  if (rows) files['rows.csv'] = ['SEQUENTIAL', ...rows.map((row) => row.join(';'))].join('\n')
  for (const step of caller.steps)
    if (step.do === 'tones') files[TONES] = Buffer.concat([muLaw(tones(step.digits)), ...SPEECH])
  const many = rows ? ['-inf', 'rows.csv', '-r', String(count * 10), '-l', String(count)] : []
  const media = caller.deafOn === undefined ? [] : ['-mp', String(caller.deafOn)]
  const args = [...many, ...media, '-s', to, '-m', String(count), `127.0.0.1:${line.asteriskPort}`]
  return sipp(line, callerScript(caller), args, files)
}

/** Takes the calls that come to the trunk's port, `count` of them, and plays their own sound back to them. */
export function takeCalls(line: PhoneLine, behaviour: Behaviour, count = 1000): Promise<Phone> {
  return sipp(line, calleeScript(behaviour), ['-rtp_echo', '-m', String(count)])
}

async function sipp(
  line: PhoneLine,
  script: string,
  args: string[],
  files: Record<string, string | Buffer> = {},
): Promise<Phone> {
  const folder = mkdtempSync(path.join(line.folder, 'phone-'))
  for (const [name, content] of Object.entries({ ...files, [VOICE]: SPOKEN, 'script.xml': script }))
    writeFileSync(path.join(folder, name), content)
  const address = line.address ?? '127.0.0.1'
  const { command, args: all } = await sippCommand(folder, [
    ...['-sf', 'script.xml', '-i', address, '-mi', address, '-p', String(line.port), '-nostdin'],
    ...['-trace_msg', '-message_file', 'messages.log', '-trace_err', '-error_file', 'errors.log'],
    ...args,
  ])
  const child = spawn(command, all, { stdio: 'ignore' })
  const ended = new Promise<number>((done) => child.on('close', (code) => done(code ?? -1)))
  return {
    ended,
    messages: () => readIfThere(path.join(folder, 'messages.log')),
    complaints: () => readIfThere(path.join(folder, 'errors.log')),
    hangUp: () => {
      // The first signal lets calls end by themselves, the second ends them; two in one moment count as one.
      const again = setInterval(() => child.kill('SIGUSR1'), 50)
      void ended.then(() => clearInterval(again))
    },
    finish: () => child.kill('SIGUSR1'),
    vanish: () => child.kill('SIGKILL'),
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
