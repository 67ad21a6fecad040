import { CommanderError } from 'commander'
import { ConfigError, EX_CONFIG } from '../config.ts'
import { Refusal } from '../engine/errors.ts'

/** Wrong usage of the command line (sysexits.h EX_USAGE). */
const EX_USAGE = 64

/** Prints what a command found: for people, or as the one JSON document on stdout that scripts read. */
export function print(json: boolean | undefined, document: unknown, forPeople: string): void {
  process.stdout.on('error', leave)
  process.stdout.write(json ? `${JSON.stringify(document)}\n` : `${forPeople}\n`)
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}

/** RFC 4180, one line each; for columns without quotes and commas of their own. */
export function csv(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, ...rows].map((row) => row.join(',')).join('\n')
}

/** Tells why a command failed, and returns its exit code: 1 failed, 64 usage, 78 configuration. */
export function fail(error: unknown, json: boolean | undefined): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  const { exit, code, message, problems } = explain(error)
  if (json) print(true, { error: { code, message, problems } }, '')
  // Commander has told people already.
  else if (!(error instanceof CommanderError))
    process.stderr.write(`pinbridge: ${forPeople(error, message)}\n`)
  return exit
}

type Failure = { exit: number; code: string; message: string; problems?: readonly string[] }

function explain(error: unknown): Failure {
  if (error instanceof CommanderError) {
    const message =
      error.code === 'commander.help' ? 'a command is needed' : error.message.replace(/^error: /, '')
    return { exit: EX_USAGE, code: 'usage', message }
  }
  if (error instanceof ConfigError)
    return { exit: EX_CONFIG, code: 'config', message: 'wrong configuration', problems: error.problems }
  if (error instanceof Refusal) return { exit: 1, code: error.code, message: error.message }
  const { code = 'failed', message } = error as NodeJS.ErrnoException
  return { exit: 1, code, message }
}

/** What has a code comes from the machine, a taken port or a full disk; anything else is a bug, and its place helps. */
function forPeople(error: unknown, message: string): string {
  if (error instanceof ConfigError) return [message, ...error.problems].join('\n  ')
  const isBug = error instanceof Error && !(error instanceof Refusal) && !('code' in error)
  return isBug ? (error.stack ?? message) : message
}

/** Whoever reads a command's answer may have had enough of it (`| head`); `serve` has a log instead and goes on. */
function leave(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
}
