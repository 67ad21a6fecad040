import { createReadStream } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { pinLines } from '../api/dialects/stealthnet/pin-lines.ts'
import { importPins, type ImportReport } from '../engine/pin-import.ts'
import type { PinAction } from '../engine/pin-store.ts'
import { databaseNumber, jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { showProgress } from './progress.ts'
import { withAccount } from './store.ts'

/** After so many lines, and for so many milliseconds, whoever else writes to the database gets a chance: callers wait for it. */
const LINES_A_GO = 1_000
const PAUSE_MS = 5

type ImportOptions = { account: string; db: number; dryRun?: boolean; json?: true }
type ListOptions = { account: string; json?: true }

/** `pinbridge pins …`: the databases of PINs. */
export function addPinCommands(program: Command): void {
  const pins = program.command('pins').description('the databases of PINs that callers key')
  pins
    .command('import')
    .description(
      'write the PINs of a CSV file, as the action download-db writes it: PIN, DB, expires, begins',
    )
    .argument('<file>', 'what to read; - for standard input')
    .requiredOption('--account <sid>', 'whose they are')
    .requiredOption('--db <n>', 'in which database, which is made if it is not there', databaseNumber)
    .option('--dry-run', 'say what would happen, and write nothing')
    .addOption(jsonOption())
    .action(importFile)
  pins
    .command('databases')
    .description('list the databases of an account')
    .requiredOption('--account <sid>', 'whose')
    .addOption(jsonOption())
    .action(listDatabases)
}

async function importFile(
  file: string,
  { account: sid, db, dryRun = false, json }: ImportOptions,
): Promise<void> {
  const report = await withAccount(sid, async (ctx, account) => {
    const progress = showProgress('lines read:')
    const input = file === '-' ? process.stdin : createReadStream(file)
    const list = pinLines(input, { db, timeZone: account.settings.timeZone, onLine: progress.at })
    try {
      return await importPins(ctx, account, db, inGoes(list), dryRun)
    } finally {
      progress.end()
    }
  })
  print(json, { import: { account: sid, db, dryRun, ...report } }, inWords(report, sid, db, dryRun))
  if (report.refused > 0) process.exitCode = 1
}

async function* inGoes<T>(list: AsyncIterable<T>): AsyncGenerator<T> {
  let count = 0
  for await (const one of list) {
    if (++count % LINES_A_GO === 0) await pause(PAUSE_MS)
    yield one
  }
}

/** Names lines, and never a PIN. */
function inWords(report: ImportReport, sid: string, db: number, dryRun: boolean): string {
  const { created, changed, unchanged, refused, refusals } = report
  const counts = `${created} created, ${changed} changed, ${unchanged} unchanged, ${refused} refused`
  const where = `in database ${db} of ${sid}`
  const lines = refusals.map(({ line, wrong }) => `  line ${line}: ${WRONG[wrong] ?? wrong}`)
  const more = refused > refusals.length ? [`  and ${refused - refusals.length} more`] : []
  return [`${dryRun ? 'Would be' : 'Now'} ${where}: ${counts}.`, ...lines, ...more].join('\n')
}

const WRONG: Record<string, string> = {
  pin: 'no PIN: up to 15 digits, letters and * # . _ -, with commas between the columns',
  db: 'another database, or a header row, which is not read',
  columns: 'not CSV of at most four columns',
  'expires-at': 'no instant at which it could expire',
  'begins-at': 'no instant at which it could begin',
}

async function listDatabases({ account: sid, json }: ListOptions): Promise<void> {
  const databases = await withAccount(sid, ({ store }, { id }) => store.pinDatabases(id))
  const rows = databases.map(({ number, label, pins, maxKeys, action }) => [
    ...[String(number), label || '-', String(pins), maxKeys === 0 ? 'any' : String(maxKeys), spelt(action)],
  ])
  print(
    json,
    {
      databases: databases.map(({ number, label, pins, maxKeys, action }) => {
        return { number, label, pins, maxKeys, action }
      }),
    },
    rows.length > 0
      ? table([['DB', 'LABEL', 'PINS', 'KEYS A PIN', 'A RIGHT PIN'], ...rows])
      : 'There is no database yet.',
  )
}

function spelt(action: PinAction): string {
  if (action.do === 'dial') return `rings ${action.number}`
  if (action.do === 'continue') return `goes on at ${action.context},${action.extension}`
  return 'is confirmed'
}
