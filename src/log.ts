import { pino, type DestinationStream, type LevelWithSilent, type Logger } from 'pino'

/** The logger that the doors share; a line about a call carries its id as `call`. */
export type Log = Logger

/** `pin`, `a_pin`, `partyPin` and the like, but not `spin`. */
const PIN = /(^|[^A-Za-z])(pins?|PINS?)$|[a-z]Pins?$/
const SECRET = /(digits?|dtmf|token|secret|password|authorization|cookie)$/i
const NUMBER = /^(from|to|caller|callee|numbers?|vns?)$/
/** What stands in texts such as an error's message or an address. */
const NUMBER_IN_TEXT = /(?:\+|%2B)\d{7,15}/gi
const SECRET_IN_TEXT =
  /\b((?:basic|bearer) +|whsec_|(?:token|secret|password|pin)["']? *[=:] *["']?|pin (?=\d))[^\s&,;"']+/gi

const MAX_CAUSES = 5

/**
 * The application's log: one JSON object a line, on stdout unless told otherwise.
 * Whoever logs takes care of what it logs. This guards the whole line, children's fields and messages included:
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
  return pino(options, destination ?? standardOutput())
}

const unmoved = () => undefined

/** Whoever reads the log may go: that must neither end nor hold up what it tells of, with calls on it. */
function standardOutput(): DestinationStream {
  // Once, however many logs there are.
  process.stdout.off('error', unmoved).on('error', unmoved)
  // Not the stream itself: pino would put a writer of its own in its place, which tries a broken pipe for ever.
  return { write: (line) => void process.stdout.write(line) }
}

/** pino's own redaction sees no messages, and needs every path spelt out. */
function guardLine(line: string): string {
  try {
    return `${JSON.stringify(JSON.parse(line, guard))}\n`
  } catch {
    return '{"level":"error","msg":"a line is withheld: it could not be checked for secrets"}\n'
  }
}

function guard(key: string, value: unknown): unknown {
  if (PIN.test(key) || SECRET.test(key)) return '***'
  if (NUMBER.test(key) && Array.isArray(value)) return value.map(maskNumber)
  if (NUMBER.test(key)) return maskNumber(value)
  return typeof value === 'string' ? guardText(value) : value
}

function guardText(text: string): string {
  return text.replace(SECRET_IN_TEXT, '$1***').replace(NUMBER_IN_TEXT, mask)
}

function maskNumber(value: unknown): unknown {
  const text = typeof value === 'number' ? String(value) : value
  return typeof text === 'string' && /^\+?\d[\d ().-]{4,}$/.test(text) ? mask(text) : value
}

function mask(number: string): string {
  return `${number.slice(0, 3)}…${number.slice(-2)}`
}

/** What helps to find the fault, and nothing that hangs on the error, such as the answer of a receiver. */
function describe(error: unknown): unknown {
  return describeTo(MAX_CAUSES, error)
}

function describeTo(depth: number, error: unknown): unknown {
  if (!(error instanceof Error) || depth === 0) return typeof error === 'object' ? undefined : error
  const { code, status } = error as { code?: unknown; status?: unknown }
  const errors =
    error instanceof AggregateError ? error.errors.map((one) => describeTo(depth - 1, one)) : undefined
  const cause = describeTo(depth - 1, error.cause)
  return { type: error.name, message: error.message, code, status, stack: error.stack, cause, errors }
}
