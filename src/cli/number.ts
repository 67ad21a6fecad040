import { Option, type Command } from 'commander'
import { FLOW_NAMES, type FlowName } from '../engine/accounts.ts'
import type { CardSettings } from '../engine/card-settings.ts'
import { virtualNumber } from '../engine/phone.ts'
import { DEFAULT_DATABASE } from '../engine/pin-databases.ts'
import { databaseNumber, jsonOption } from './options.ts'
import { print } from './output.ts'
import { withAccount } from './store.ts'

type AddOptions = { account: string; flow: FlowName; db?: number; json?: true }

/** `pinbridge number …`: the numbers that callers dial. */
export function addNumberCommands(program: Command): void {
  program
    .command('number')
    .description('the numbers that callers dial')
    .command('add')
    .description('give a number to an account')
    .argument('<number>', "E.164, or as written in the account's country")
    .requiredOption('--account <sid>', 'whose it is')
    .addOption(new Option('--flow <name>', 'what answers it').choices(FLOW_NAMES).default('masking'))
    .option(
      '--db <n>',
      `whose PINs open it: a database, with --flow pin-line only (default: ${DEFAULT_DATABASE})`,
      databaseNumber,
    )
    .addOption(jsonOption())
    .action(add)
}

async function add(
  written: string,
  { account: sid, flow, db, json }: AddOptions,
  command: Command,
): Promise<void> {
  if (db !== undefined && flow !== 'pin-line')
    command.error("error: option '--db <n>' is of use with --flow pin-line only")
  const database = flow === 'pin-line' ? (db ?? DEFAULT_DATABASE) : undefined
  const { number, cards } = await withAccount(sid, async ({ store }, account) => {
    const { country, cards: settings } = account.settings
    const e164 = virtualNumber(written, country)
    await store.addNumber({ number: e164, accountId: account.id, flow, database })
    return { number: e164, cards: settings }
  })
  const opened = database === undefined ? '' : ` with the PINs of database ${database}`
  print(
    json,
    { number: { number, account: sid, flow, ...(database !== undefined && { database }) } },
    `${number} belongs to ${sid} and is answered by ${flow}${opened}.${flow === 'calling-card' ? lacking(sid, cards) : ''}`,
  )
}

/** What callers would hear of first. */
function lacking(sid: string, { allowed, tariffId }: CardSettings): string {
  const missing = [
    ...(tariffId === undefined ? ['--tariff'] : []),
    ...(allowed.length === 0 ? ['--allow'] : []),
  ]
  if (missing.length === 0) return ''
  return `\nIts cards can call nowhere yet: pinbridge account cards ${sid} with ${missing.join(' and ')}.`
}
