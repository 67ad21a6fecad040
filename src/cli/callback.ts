import type { Command } from 'commander'
import { maskNumber } from '../engine/phone.ts'
import { utc } from './cards.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { withAccount } from './store.ts'

type ListOptions = { account: string; json?: true }

/** `pinbridge callback …`: calls that we owe. */
export function addCallbackCommands(program: Command): void {
  program
    .command('callback')
    .description('calls that clients have asked for')
    .command('list')
    .description('list those that have not ended, oldest first')
    .requiredOption('--account <sid>', 'whose')
    .addOption(jsonOption())
    .action(list)
}

async function list({ account: sid, json }: ListOptions): Promise<void> {
  const callbacks = await withAccount(sid, async ({ store }, { id: accountId }) => {
    const own = (await store.openCallbacks()).filter((one) => one.accountId === accountId)
    return Promise.all(
      own.map(async ({ id, cardId, a, b, state, outcome, createdAt }) => {
        const card = await store.findCard({ accountId, id: cardId })
        const numbers = { a: maskNumber(a), b: maskNumber(b) }
        const stopping = outcome === 'stopped'
        return { id, state, stopping, ...numbers, card: card?.number ?? null, createdAt: utc(createdAt) }
      }),
    )
  })
  const rows = callbacks.map(({ id, state, stopping, a, b, card, createdAt }) => [
    ...[id, stopping ? `${state}, stopping` : state, a, b, card ?? '-', createdAt],
  ])
  const people = table([['ID', 'STATE', 'FIRST', 'THEN', 'CARD', 'ASKED'], ...rows])
  print(json, { callbacks }, rows.length > 0 ? people : 'No callback is under way.')
}
