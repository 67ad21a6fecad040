import { pino, type DestinationStream, type LevelWithSilent, type Logger } from 'pino'

/** The logger that every part of the application takes a child of: `log.child({ call })`. */
export type Log = Logger

const SECRET = /(^|[^A-Za-z])[Pp][Ii][Nn][Ss]?$|[a-z]Pins?$|(digits?|dtmf|token|secret|password|authorization|cookie)$/i
const NUMBER = /^(from|to|caller|callee|numbers?|vns?)$/

/**
 * The application's log: one JSON object a line, on stdout unless told otherwise.
 * Whoever logs takes care of what it logs; this guards the line as a whole, children's fields and messages included:
 * nothing is written under the name of a secret, and of a telephone number only `+91…44`, at any depth.
 */
export function createLog(level: LevelWithSilent = 'info', destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describe, error: describe },
    hooks: { streamWrite: guardLine },
  }
  return pino(options, destination ?? pino.destination(1))
}

/** pino's own redaction needs each path spelt out and does not see messages. */
function guardLine(line: string): string {
  try {
    return `${JSON.stringify(JSON.parse(line, guard))}\n`
  } catch {
    return '{"level":"error","msg":"a line was withheld because it could not be checked for secrets"}\n'
  }
}

function guard(key: string, value: unknown): unknown {
  if (SECRET.test(key)) return '***'
  if (NUMBER.test(key)) return Array.isArray(value) ? value.map(maskWhole) : maskWhole(value)
  return typeof value === 'string' ? guardText(value) : value
}

function maskWhole(value: unknown): unknown {
  const digits = /^(?:number)?$/
  return value
}
