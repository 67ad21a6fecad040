import { createReadStream } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Account } from '../engine/accounts.ts'
import type { Context } from '../engine/context.ts'
import { destination } from '../engine/destinations.ts'
import { Refusal } from '../engine/errors.ts'
import { formatAmount } from '../engine/money.ts'
import { virtualNumber } from '../engine/phone.ts'
import type { Rate } from '../engine/rates.ts'
import { importRates, type TariffReport } from '../engine/tariff-import.ts'
import { tariffNamed } from './account-cards.ts'
import { utc } from './cards.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { showProgress } from './progress.ts'
import { rateLines } from './rate-lines.ts'
import { withAccount } from './store.ts'

/** After each portion of rates, in milliseconds: whoever else writes to the database gets a chance, for callers wait for it. */
const PAUSE_MS = 5

type ImportOptions = { account: string; name: string; dryRun?: true; skipRefused?: true; json?: true }
type Options = { account: string; json?: true }

/** `pinbridge tariff …`: what calls cost. */
export function addTariffCommands(program: Command): void {
  const tariff = program.command('tariff').description('what calls of prepaid cards cost')
  tariff
    .command('import')
    .description(
      'put the rates of a CSV file in the place of a tariff, all at once: prefix, name, price a minute, and set-up fee, ' +
        'minimum and increment in seconds where they are not 0, 0 and 1; a first row may name the columns',
    )
    .argument('<file>', 'what to read; - for standard input')
    .requiredOption('--account <sid>', 'whose')
    .requiredOption('--name <name>', 'of which tariff, which is made if it is not there')
    .option('--dry-run', 'say what would happen, and write nothing')
    .option('--skip-refused', 'import the other lines when some are refused; else nothing is written then')
    .addOption(jsonOption())
    .action(importFile)
  tariff
    .command('list')
    .description('list the tariffs')
    .requiredOption('--account <sid>', 'whose')
    .addOption(jsonOption())
    .action(list)
  tariff
    .command('show')
    .description('show what a call to a number costs, or why there is none; exit code 1 then')
    .argument('<name>', 'by which tariff')
    .argument('<number>', "as callers key it in the account's country, or E.164")
    .requiredOption('--account <sid>', 'whose')
    .addOption(jsonOption())
    .action(show)
}

async function importFile(file: string, options: ImportOptions): Promise<void> {
  const { account: sid, name, dryRun = false, skipRefused = false, json } = options
  const report = await withAccount(sid, async (ctx, account) => {
    const reading = showProgress('lines read:')
    const writing = showProgress('rates written:')
    const input = file === '-' ? process.stdin : createReadStream(file)
    try {
      const list = rateLines(input, reading.at)
      return await importRates(considerate(ctx), account, name, list, {
        ...{ dryRun, skipRefused, onWritten: writing.at },
      })
    } finally {
      reading.end()
      writing.end()
    }
  })
  const { tariff, ...counts } = report
  const written = tariff !== undefined
  print(json, { import: { account: sid, name, dryRun, written, ...counts } }, inWords(report, name, dryRun))
  if (report.refused > 0 || (!written && !dryRun)) process.exitCode = 1
}

function considerate(ctx: Context): Context {
  const putRates = async (version: number, rates: Rate[]) => {
    await ctx.store.putRates(version, rates)
    await pause(PAUSE_MS)
  }
  return { ...ctx, store: { ...ctx.store, putRates } }
}

function inWords(report: TariffReport, name: string, dryRun: boolean): string {
  const { created, changed, unchanged, removed, refused, refusals, tariff } = report
  const counts = `${created} created, ${changed} changed, ${unchanged} unchanged, ${removed} removed, ${refused} refused`
  const lines = refusals.map(({ line, wrong }) => `  line ${line}: ${wrong}`)
  const more = refused > refusals.length ? [`  and ${refused - refusals.length} more`] : []
  const nothing =
    refused > 0 ? 'Mend the lines, or leave them out with --skip-refused.' : 'The file has no rates.'
  const end = tariff || dryRun ? [] : [`Nothing was written. ${nothing}`]
  const head = tariff ? `Tariff ${name} has ${tariff.rates} rates now` : `Tariff ${name} would have changed`
  return [`${head}: ${counts}.`, ...lines, ...more, ...end].join('\n')
}

async function list({ account: sid, json }: Options): Promise<void> {
  const { tariffs, own } = await withAccount(sid, async ({ store }, { id, settings }) => {
    return { tariffs: await store.tariffs(id), own: settings.cards.tariffId }
  })
  const shown = tariffs.map(({ id, name, rates, importedAt }) => {
    return { name, rates, importedAt: utc(importedAt), accounts: id === own }
  })
  const rows = shown.map(({ name, rates, importedAt, accounts }) => [
    ...[name, String(rates), importedAt, accounts ? 'all cards whose group has none' : '-'],
  ])
  const people = table([['NAME', 'RATES', 'IMPORTED', 'OF'], ...rows])
  print(json, { tariffs: shown }, rows.length > 0 ? people : 'There is no tariff yet.')
}

async function show(name: string, written: string, { account: sid, json }: Options): Promise<void> {
  const { number, refused, rate, currency } = await withAccount(sid, async ({ store }, account) => {
    const tariff = tariffNamed(name, await store.tariffs(account.id))
    const called = destination(written, account.settings)
    const e164 = called instanceof Refusal ? readable(written, account) : called
    return {
      number: e164,
      refused: called instanceof Refusal ? whyNot(written, called, account) : undefined,
      rate: e164 === undefined ? undefined : await store.findRate(tariff.id, e164.slice(1)),
      currency: account.settings.cards.currency,
    }
  })
  const why = refused ?? (rate ? undefined : 'the tariff has no rate for it')
  const money = (micros: number) => `${formatAmount(micros)} ${currency}`
  const price = rate && [
    ['prefix', `+${rate.prefix}`],
    ['destination', rate.name],
    ['a minute', money(rate.perMinuteMicros)],
    ['a call', money(rate.setUpMicros)],
    ['at least', `${rate.minimumSeconds} s`],
    ['by', `${rate.incrementSeconds} s`],
  ]
  const rows = [
    ['number', number ?? written],
    ['called', why === undefined ? 'yes' : `no: ${why}`],
    ...(price ?? []),
  ]
  const document = {
    number: number ?? null,
    called: why === undefined,
    why: why ?? null,
    currency,
    rate: rate ?? null,
  }
  print(json, document, table(rows))
  if (why !== undefined) process.exitCode = 1
}

/** Whether the account could allow it. */
function whyNot(written: string, { code, message }: Refusal, { settings }: Account): string {
  if (code !== 'not_allowed_destination') return message
  const anywhere = { ...settings.cards, allowed: ['1', '2', '3', '4', '5', '6', '7', '8', '9'] }
  const never = destination(written, { ...settings, cards: anywhere }) instanceof Refusal
  return never ? 'no card ever calls emergency, short, service and premium-rate numbers' : message
}

/** What is not called may be a number all the same. */
function readable(written: string, { settings }: Account): string | undefined {
  try {
    return virtualNumber(written, settings.country)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}
