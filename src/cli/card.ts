import type { Command } from 'commander'
import type { Account } from '../engine/accounts.ts'
import { topUp, updateCard } from '../engine/card-admin.ts'
import type { CardFilter } from '../engine/card-store.ts'
import type { Card, CardGroup } from '../engine/cards.ts'
import { granted, Refusal } from '../engine/errors.ts'
import { refundHold } from '../engine/holds.ts'
import { formatAmount } from '../engine/money.ts'
import { maskNumber } from '../engine/phone.ts'
import type { Store } from '../engine/store.ts'
import { addCardAddCommand } from './card-add.ts'
import { amount, cardNumber, language, sum, words } from './card-options.ts'
import { addCardShowCommand } from './card-show.ts'
import { cardNumbered, described, groupNamed, stateOf } from './cards.ts'
import { jsonOption, rowLimit, uuid } from './options.ts'
import { print, table } from './output.ts'
import { withAccount } from './store.ts'

const LIST_LIMIT = 50

type ListOptions = {
  account: string
  group?: string
  number?: string
  name?: string
  cli?: string
  batch?: string
  language?: string
  minBalance?: number
  maxBalance?: number
  sold?: boolean
  limit: number
  after?: string
  showPin?: true
  json?: true
}
type ChangeOptions = { account: string; note?: string; json?: true }

/** `pinbridge card …`: prepaid cards and their money. */
export function addCardCommands(program: Command): void {
  const card = program.command('card').description('prepaid cards and their money')
  addCardAddCommand(card)
  addListCommand(card)
  addCardShowCommand(card)
  const ofCard = (name: string, description: string) =>
    card
      .command(name)
      .description(description)
      .argument('<number>', "the card's number", cardNumber)
      .requiredOption('--account <sid>', 'whose')
  ofCard('top-up', 'put money on a card')
    .argument('<amount>', 'how much, such as 12.50', sum)
    .option('--note <text>', 'why; it is kept with the movement', words)
    .addOption(jsonOption())
    .action(putMoney)
  ofCard('correct', 'make what is on a card another sum; the difference is a movement of its own')
    .argument('<amount>', 'the sum, such as 12.50; not below what is held for calls', amount)
    .addOption(jsonOption())
    .action(correct)
  for (const blocked of [true, false])
    ofCard(
      blocked ? 'block' : 'unblock',
      blocked ? 'let nobody call with a card' : 'let a card be called with again',
    )
      .addOption(jsonOption())
      .action((number: string, options: ChangeOptions) => block(number, blocked, options))
  card
    .command('refund')
    .description('give back what a call has cost, once')
    .argument('<call>', 'its id, as card show has it', uuid)
    .requiredOption('--account <sid>', 'whose')
    .option('--note <text>', 'why; it is kept with the movement', words)
    .addOption(jsonOption())
    .action(refund)
}

function addListCommand(card: Command): void {
  card
    .command('list')
    .description(
      'list cards, by group and number; in number, name, caller and batch % stands for any characters, _ for one',
    )
    .requiredOption('--account <sid>', 'whose')
    .option('--group <name>', 'only those of this group')
    .option('--number <number>', 'only those with this number')
    .option('--name <text>', 'only those with this name')
    .option('--cli <number>', 'only the one that needs no PIN from this number, E.164')
    .option('--batch <text>', 'only those of this batch')
    .option('--language <code>', 'only those whose callers are spoken to in this language', language)
    .option('--min-balance <amount>', 'only those with as much or more', amount)
    .option('--max-balance <amount>', 'only those with as much or less', amount)
    .option('--sold', 'only those that are sold')
    .option('--no-sold', 'only those that are not')
    .option('--limit <n>', 'how many at most', rowLimit, LIST_LIMIT)
    .option('--after <number>', 'only those after the card with this number', cardNumber)
    .option('--show-pin', 'with their PINs: anybody who reads them can talk the money away')
    .addOption(jsonOption())
    .action(list)
}

async function list(options: ListOptions): Promise<void> {
  const { account: sid, limit, showPin, json } = options
  const { cards, groups, more } = await withAccount(sid, async ({ store }, account) => {
    const all = await store.cardGroups(account.id)
    const group = options.group === undefined ? undefined : await groupNamed(store, account, options.group)
    const after = await position(store, account, options.after, group)
    // One more tells whether there are more.
    const found = await store.cardsMatching(account.id, filterFrom(options), after, limit + 1)
    const own = group ? found.filter(({ groupId }) => groupId === group.id) : found
    return { cards: own.slice(0, limit), groups: all, more: own.length > limit }
  })
  const now = Date.now()
  const nameOf = (card: Card) => groups.find(({ id }) => id === card.groupId)?.name
  const next = more ? (cards.at(-1)?.number ?? null) : null
  const rows = cards.map((card) => [
    ...[card.number, ...(showPin ? [card.pin] : []), nameOf(card) ?? '-', formatAmount(card.balanceMicros)],
    ...[stateOf(card, now), card.cli === undefined ? '-' : maskNumber(card.cli), card.batch || '-'],
    ...[card.sold ? 'yes' : 'no', card.name || '-'],
  ])
  const head = [
    'NUMBER',
    ...(showPin ? ['PIN'] : []),
    'GROUP',
    'BALANCE',
    'STATE',
    'CALLER',
    'BATCH',
    'SOLD',
    'NAME',
  ]
  const people = [table([head, ...rows])]
  if (next !== null) people.push('', `There are more: --after ${next}`)
  const shown = cards.map((card) => described(card, nameOf(card), now, showPin))
  print(json, { cards: shown, next }, rows.length > 0 ? people.join('\n') : 'There is no such card.')
}

/** Before the first card of the group, or behind the named one. */
async function position(
  store: Store,
  account: Account,
  after: string | undefined,
  group: CardGroup | undefined,
) {
  if (after === undefined) return group && { groupId: group.id, number: '' }
  const { groupId, number } = await cardNumbered(store, account, after)
  if (group && groupId !== group.id) throw new Refusal('not_found', `the card ${after} is of another group`)
  return { groupId, number }
}

function filterFrom(options: ListOptions): CardFilter {
  const { number, name, cli, batch, language: code, minBalance, maxBalance, sold } = options
  return {
    ...(number !== undefined && { number }),
    ...(name !== undefined && { name }),
    ...(cli !== undefined && { cli }),
    ...(batch !== undefined && { batch }),
    ...(code !== undefined && { language: code }),
    ...(minBalance !== undefined && { minBalanceMicros: minBalance }),
    ...(maxBalance !== undefined && { maxBalanceMicros: maxBalance }),
    ...(sold !== undefined && { sold }),
  }
}

async function putMoney(number: string, micros: number, options: ChangeOptions): Promise<void> {
  const { account: sid, note = '', json } = options
  const { card, currency } = await withAccount(sid, async (ctx, account) => {
    return {
      card: await topUp(ctx, account, { number }, micros, { note }),
      currency: account.settings.cards.currency,
    }
  })
  const { balanceMicros } = card
  const people = `${formatAmount(micros)} ${currency} are on card ${number} now, ${formatAmount(balanceMicros)} ${currency} in all.`
  print(json, { card: { number, balanceMicros }, amountMicros: micros }, people)
}

async function correct(number: string, micros: number, { account: sid, json }: ChangeOptions): Promise<void> {
  const { balanceMicros } = await withAccount(sid, (ctx, account) =>
    updateCard(ctx, account, { number }, { balanceMicros: micros }),
  )
  print(
    json,
    { card: { number, balanceMicros } },
    `${formatAmount(balanceMicros)} are on card ${number} now.`,
  )
}

async function block(number: string, blocked: boolean, options: ChangeOptions): Promise<void> {
  const { account: sid, json } = options
  const card = await withAccount(sid, (ctx, account) => updateCard(ctx, account, { number }, { blocked }))
  const state = stateOf(card, Date.now())
  const people = blocked
    ? `Nobody can call with card ${number} any more. A call that runs goes on.`
    : `Card ${number} is not blocked any more${state === 'ok' ? '' : `, but ${state}`}.`
  print(json, { card: { number, blocked: card.blocked, state } }, people)
}

async function refund(id: string, { account: sid, note = '', json }: ChangeOptions): Promise<void> {
  const { number, micros, currency } = await withAccount(sid, async (ctx, account) => {
    const hold = granted(await refundHold(ctx, account, id, note))
    const card = await ctx.store.findCard({ accountId: account.id, id: hold.cardId })
    return {
      number: card?.number ?? '',
      micros: hold.chargedMicros,
      currency: account.settings.cards.currency,
    }
  })
  const people = `${formatAmount(micros)} ${currency} are back on card ${number}.`
  print(json, { call: id, card: { number }, amountMicros: micros }, people)
}
