import { connect, type Socket } from 'node:net'

/** Asterisk's environment as one of its calls has it, by name without `agi_`. */
export function environmentOf(more: Record<string, string> = {}): string {
  const all = {
    network: 'yes',
    network_script: 'check?db=1',
    request: 'agi://127.0.0.1:4573/check?db=1',
    channel: 'PJSIP/trunk-00000001',
    language: 'en',
    callerid: '+919811111111',
    calleridname: 'unknown',
    callingpres: '0',
    dnid: '4900',
    extension: 's',
    ...more,
  }
  return `${Object.entries(all)
    .map(([name, value]) => `agi_${name}: ${value}\n`)
    .join('')}\n`
}

/** What happens on the channel. */
export type Caller = {
  environment?: Record<string, string>
  /**
   * One character for each prompt and each wait: the key that comes, or `.` for none. What follows `>` comes while the
   * application is busy, and `!` is Asterisk's own word that a prompt was stopped. When all are used up none comes.
   */
  keys?: string
  /** The channel is hung up already, as in the extension h. */
  dead?: boolean
  /** Hangs up during this command, counted from 0. */
  hangsUpAt?: number
  /** Asterisk is told to close the connection then (AGIEXITONHANGUP) instead of saying HANGUP. */
  closes?: boolean
  /** Sound files that are not there. */
  missing?: string[]
  /** How long a wait is that is a look for keys while the application is busy, in milliseconds: 20 unless said otherwise. */
  lookMs?: number
}

export type Visit = {
  /** Every command, as it came. */
  commands: string[]
  /** Sound files in the order of their playing. */
  played: string[]
  variables: Record<string, string>
  answered: boolean
  /** Resolves when the connection is closed. */
  over: Promise<void>
  socket: Socket
}

const NEEDS_LIFE = /^(ANSWER|STREAM FILE|WAIT FOR DIGIT)/

/** Calls the application as an Asterisk whose dialplan runs AGI(), and keeps to its rules: one command at a time. */
export function visit(port: number, caller: Caller = {}): Visit {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const done: Visit = {
    commands: [],
    played: [],
    variables: {},
    answered: false,
    over: new Promise((resolve) => socket.on('close', () => resolve())),
    socket,
  }
  const keys = Array.from(caller.keys ?? '')
  let dead = caller.dead ?? false
  let busy = false
  let text = ''
  socket.on('error', () => undefined)
  socket.on('connect', () => socket.write(environmentOf(caller.environment)))
  socket.on('data', (piece) => {
    if (busy) throw new Error(`${String(piece)} came before the last command was answered`)
    text += String(piece)
    if (!text.endsWith('\n')) return
    busy = true
    const line = text.slice(0, -1)
    text = ''
    if (line.includes('\n')) throw new Error('two commands in one')
    setImmediate(() => {
      busy = false
      answer(line)
    })
  })

  function answer(line: string): void {
    if (socket.destroyed) return
    const hangsUp = done.commands.length === caller.hangsUpAt
    done.commands.push(line)
    if (hangsUp) {
      dead = true
      if (caller.closes) return void socket.end()
      return void socket.write(`200 result=-1${line.startsWith('STREAM') ? ' endpos=0' : ''}\nHANGUP\n`)
    }
    if (dead && NEEDS_LIFE.test(line))
      return void socket.write('511 Command Not Permitted on a dead channel or intercept routine\n')
    socket.write(`${resultOf(line)}\n`)
  }

  function resultOf(line: string): string {
    const [, name = '', value = ''] = /^SET VARIABLE "(\w+)" "(.*)"$/.exec(line) ?? []
    if (name !== '') {
      done.variables[name] = value
      return '200 result=1'
    }
    if (line === 'ANSWER') {
      done.answered = true
      return '200 result=0'
    }
    const [, file, stops] = /^STREAM FILE "([\w/-]+)" "(.*)"$/.exec(line) ?? []
    if (file !== undefined && caller.missing?.includes(file)) return '200 result=-1 endpos=0'
    if (file !== undefined) {
      done.played.push(file)
      return `200 result=${stops === '' ? 0 : nextKey()} endpos=8000`
    }
    const [, ms] = /^WAIT FOR DIGIT (\d+)$/.exec(line) ?? []
    if (ms === undefined) return '510 Invalid or unknown command'
    if (Number(ms) !== (caller.lookMs ?? 20)) return `200 result=${nextKey()}`
    if (keys[0] !== '>') return '200 result=0'
    keys.shift()
    return `200 result=${nextKey()}`
  }

  function nextKey(): number {
    const key = keys.shift() ?? '.'
    if (key === '!') return 1_000 // AST_CONTROL_STREAM_STOP
    return key === '.' ? 0 : key.charCodeAt(0)
  }

  return done
}
