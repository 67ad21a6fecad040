import type { Command } from 'commander'
import { words } from './card-options.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { withAccount } from './store.ts'

type Options = { account: string; json?: true }

/** `pinbridge distributor …`: who sells cards. */
export function addDistributorCommands(program: Command): void {
  const distributor = program.command('distributor').description('who sells prepaid cards')
  distributor
    .command('add')
    .description("add somebody who sells cards; MOR's clients know them by the number that this prints")
    .argument('<name>', 'what people call them', words)
    .requiredOption('--account <sid>', 'whose cards')
    .addOption(jsonOption())
    .action(add)
  distributor
    .command('list')
    .description('list who sells cards')
    .requiredOption('--account <sid>', 'whose cards')
    .addOption(jsonOption())
    .action(list)
}

async function add(name: string, { account: sid, json }: Options): Promise<void> {
  const { id } = await withAccount(sid, ({ store }, account) =>
    store.addDistributor({ accountId: account.id, name }),
  )
  print(json, { distributor: { id, name } }, `${name} has the number ${id}.`)
}

async function list({ account: sid, json }: Options): Promise<void> {
  const all = await withAccount(sid, ({ store }, { id }) => store.distributors(id))
  const rows = all.map(({ id, name }) => [String(id), name])
  print(
    json,
    { distributors: all.map(({ id, name }) => ({ id, name })) },
    rows.length > 0 ? table([['NO', 'NAME'], ...rows]) : 'There is no distributor yet.',
  )
}
