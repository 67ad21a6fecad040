import type { Command } from 'commander'
import { addGroup, type WantedGroup } from '../engine/card-admin.ts'
import type { CardGroup } from '../engine/cards.ts'
import { formatAmount } from '../engine/money.ts'
import { formatDuration } from '../engine/time.ts'
import { tariffNamed } from './account-cards.ts'
import { amount, whole, words } from './card-options.ts'
import { cardsAlike } from './cards.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { shortPins, warnOf } from './short-pins.ts'
import { withAccount } from './store.ts'

const DAY_MS = 86_400_000
const NUMBER_LENGTH = 10
/** Callers key nothing but the PIN: of so many digits even a million of them leave strangers a hundred wrong ones a day. */
const PIN_LENGTH = 10
/** What a new group is for at least. */
const SOME_CARDS = 100

type AddOptions = {
  account: string
  description?: string
  numberLength: number
  pinLength: number
  price?: number
  balance?: number
  tariff?: string
  validDays?: number
  json?: true
}
type ListOptions = { account: string; json?: true }

/** `pinbridge group …`: kinds of cards. */
export function addGroupCommands(program: Command): void {
  const group = program.command('group').description('the kinds of prepaid cards')
  group
    .command('add')
    .description('add a group of cards')
    .argument('<name>', 'what people call it', words)
    .requiredOption('--account <sid>', 'whose')
    .option('--description <text>', 'for people', words)
    .option('--number-length <n>', 'digits of the numbers of its cards', whole(4, 20), NUMBER_LENGTH)
    .option(
      '--pin-length <n>',
      'digits of their PINs; 10 do for a million cards, 8 for 10,000, 6 for 100',
      whole(4, 15),
      PIN_LENGTH,
    )
    .option('--price <amount>', 'what a card of it is sold for; nothing is booked by it', amount)
    .option('--balance <amount>', 'what a new card has on it when nothing else is said', amount)
    .option('--tariff <name>', "what its calls cost (default: the account's)")
    .option('--valid-days <n>', 'for how long a card is good after its first call', whole(1, 36_500))
    .addOption(jsonOption())
    .action(add)
  group
    .command('list')
    .description('list the groups of cards')
    .requiredOption('--account <sid>', 'whose')
    .addOption(jsonOption())
    .action(list)
}

async function add(name: string, options: AddOptions): Promise<void> {
  const { account: sid, description, numberLength, pinLength, price, balance, validDays, json } = options
  const { group, warning } = await withAccount(sid, async (ctx, account) => {
    const { tariff } = options
    const wanted: WantedGroup = {
      ...{ name, numberLength, pinLength },
      ...(description !== undefined && { description }),
      ...(price !== undefined && { priceMicros: price }),
      ...(balance !== undefined && { balanceMicros: balance }),
      ...(validDays !== undefined && { validMs: validDays * DAY_MS }),
      ...(tariff !== undefined && { tariffId: tariffNamed(tariff, await ctx.store.tariffs(account.id)).id }),
    }
    const group = await addGroup(ctx, account, wanted)
    const pins = (await cardsAlike(ctx.store, account, pinLength)) + SOME_CARDS
    return { group, warning: shortPins(pinLength, pins) }
  })
  warnOf(warning, json)
  print(
    json,
    { group: described(group), warning: warning ?? null },
    `Group ${name} (number ${group.id}) is ready: cards with numbers of ${group.numberLength} digits and PINs of ${group.pinLength}.`,
  )
}

async function list({ account: sid, json }: ListOptions): Promise<void> {
  const { groups, tariffs } = await withAccount(sid, async ({ store }, { id }) => {
    return { groups: await store.cardGroups(id), tariffs: await store.tariffs(id) }
  })
  const tariffOf = (group: CardGroup) => tariffs.find(({ id }) => id === group.tariffId)?.name
  const rows = groups.map((group) => [
    ...[String(group.id), group.name, String(group.cards), String(group.unsold)],
    ...[`${group.numberLength}/${group.pinLength}`, formatAmount(group.priceMicros)],
    ...[formatAmount(group.balanceMicros), tariffOf(group) ?? '-'],
    group.validMs === undefined ? '-' : formatDuration(group.validMs),
  ])
  const head = ['NO', 'NAME', 'CARDS', 'UNSOLD', 'DIGITS', 'PRICE', 'BALANCE', 'TARIFF', 'VALID']
  const shown = groups.map((one) => {
    return { ...described(one), tariff: tariffOf(one) ?? null, cards: one.cards, unsold: one.unsold }
  })
  print(json, { groups: shown }, rows.length > 0 ? table([head, ...rows]) : 'There is no group of cards yet.')
}

function described(group: CardGroup) {
  const { id, name, description, numberLength, pinLength, priceMicros, balanceMicros, validMs } = group
  return {
    ...{ id, name, description, numberLength, pinLength, priceMicros, balanceMicros },
    validMs: validMs ?? null,
  }
}
