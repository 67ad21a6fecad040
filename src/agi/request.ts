import { MAX_DATABASE } from '../engine/pin-databases.ts'

/** What the dialplan asks for. */
export type CheckRequest = {
  /** The sid of an account; undefined: that of the number dialled, or the only one there is. */
  account: string | undefined
  /** Undefined: the dialled number's, or the first. */
  database: number | undefined
  /** Undefined: the caller is asked for it. */
  pin: string | undefined
  /** How often the caller is asked; undefined: as the account says. */
  attempts: number | undefined
}

/** The dialplan asks for something that cannot be done. The message holds nothing that a caller may have keyed. */
export class BadRequest extends Error {
  override name = 'BadRequest'
}

const SCRIPT = 'check'
const PARAMETERS = ['account', 'db', 'pin', 'attempts'] as const
type Parameter = (typeof PARAMETERS)[number]

/**
 * Reads `check?db=1`, what follows the host in `agi://…`, and the arguments of AGI() after it, which are parameters too:
 * Asterisk logs the address when nobody answers there, and never the arguments. Throws BadRequest.
 */
export function checkRequest(script: string, args: readonly string[] = []): CheckRequest {
  const [name = '', ...rest] = script.split('?')
  if (name !== SCRIPT) throw new BadRequest(`the only script is ${SCRIPT}`)
  const query = rest.join('?')
  const read = parameters([...(query === '' ? [] : query.split('&')), ...args])
  const account = read.get('account')
  if (account === '') throw new BadRequest('account is empty')
  return {
    account,
    database: number(read, 'db', MAX_DATABASE),
    pin: read.get('pin'),
    attempts: number(read, 'attempts', 9),
  }
}

/** By name. A plus is a plus here: numbers begin with it. */
function parameters(pairs: readonly string[]): Map<Parameter, string> {
  const read = new Map<Parameter, string>()
  for (const pair of pairs) {
    const [written = '', ...rest] = pair.split('=')
    const name = PARAMETERS.find((parameter) => parameter === written)
    // It may be a PIN that lacks its name: not to be repeated.
    if (name === undefined) throw new BadRequest('a parameter is unknown')
    if (read.has(name)) throw new BadRequest(`${name} is given twice`)
    read.set(name, decoded(name, rest.join('=')))
  }
  return read
}

function decoded(name: Parameter, value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw new BadRequest(`${name} is not percent-encoded`)
  }
}

function number(read: Map<Parameter, string>, name: 'db' | 'attempts', most: number): number | undefined {
  const value = read.get(name)
  if (value === undefined) return undefined
  if (!/^[1-9]\d{0,3}$/.test(value) || Number(value) > most)
    throw new BadRequest(`${name} is not a number from 1 to ${most}`)
  return Number(value)
}
