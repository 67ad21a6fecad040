import { Option, type Command } from 'commander'
import { loadConfig } from '../config.ts'
import type { FlowName } from '../engine/accounts.ts'
import { virtualNumber } from '../engine/phone.ts'
import { jsonOption } from './options.ts'
import { print } from './output.ts'
import { accountBySid, withStore } from './store.ts'

const FLOWS: readonly FlowName[] = ['masking']

type AddOptions = { account: string; flow: FlowName; json?: true }

/** `pinbridge number …`: the numbers that callers dial. */
export function addNumberCommands(program: Command): void {
  program
    .command('number')
    .description('the numbers that callers dial')
    .command('add')
    .description('give a number to an account')
    .argument('<number>', "E.164, or as written in the account's country")
    .requiredOption('--account <sid>', 'whose it is')
    .addOption(new Option('--flow <name>', 'what answers it').choices(FLOWS).default('masking'))
    .addOption(jsonOption())
    .action(add)
}

async function add(written: string, { account: sid, flow, json }: AddOptions): Promise<void> {
  const number = await withStore(loadConfig(), async (store) => {
    const account = await accountBySid(store, sid)
    const e164 = virtualNumber(written, account.settings.country)
    await store.addNumber({ number: e164, accountId: account.id, flow })
    return e164
  })
  print(
    json,
    { number: { number, account: sid, flow } },
    `${number} belongs to ${sid} and is answered by ${flow}.`,
  )
}
