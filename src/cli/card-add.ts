import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Account } from '../engine/accounts.ts'
import type { Card, CardGroup } from '../engine/cards.ts'
import type { Context } from '../engine/context.ts'
import { createCards, type WantedCards } from '../engine/create-cards.ts'
import { drawDigits } from '../engine/draw-digits.ts'
import { Refusal } from '../engine/errors.ts'
import { amount, cardNumber, language, whole, words } from './card-options.ts'
import { cardsAlike, groupNamed } from './cards.ts'
import { jsonOption } from './options.ts'
import { csv, print } from './output.ts'
import { showProgress } from './progress.ts'
import { shortPins, warnOf } from './short-pins.ts'
import { withAccount } from './store.ts'

/** After so many cards, and for so many milliseconds, whoever else writes to the database gets a chance: callers wait for it. */
const CARDS_A_GO = 500
const PAUSE_MS = 5
/** With their PINs they are in memory together. */
const MOST_CARDS = 100_000
/** Random numbers drawn for each that is wanted, before a group counts as used up. */
const MOST_DRAWS = 20

type AddOptions = {
  account: string
  group: string
  from?: string
  till?: string
  count?: number
  balance?: number
  name?: string
  batch?: string
  language?: string
  showPin?: true
  json?: true
}
type Made = { cards: Card[]; existed: number; stopped: Refusal | undefined }
type Told = Made & { warning: string | undefined }

/** `pinbridge card add …`: one card, or many. */
export function addCardAddCommand(card: Command): void {
  card
    .command('add')
    .description(
      'make one card, a range, or as many as are wanted with random numbers; each has a random PIN',
    )
    .requiredOption('--account <sid>', 'whose')
    .requiredOption('--group <name>', 'of which kind')
    .option('--from <number>', 'its number, or the first', cardNumber)
    .option('--till <number>', 'the last of a range; numbers that exist are left out', cardNumber)
    .option('--count <n>', 'instead: how many with random numbers', whole(1, MOST_CARDS))
    .option('--balance <amount>', "what each has on it (default: the group's)", amount)
    .option('--name <text>', 'what people call each', words)
    .option('--batch <text>', 'with which they are printed', words)
    .option('--language <code>', 'in which its callers are spoken to', language)
    .option(
      '--show-pin',
      'print number and PIN of each as CSV: anybody who reads them can talk the money away',
    )
    .addOption(jsonOption())
    .action(add)
}

async function add(options: AddOptions, command: Command): Promise<void> {
  const { account: sid, from, till, count, showPin, json } = options
  if ((from === undefined) === (count === undefined))
    command.error('error: either --from <number> or --count <n> is needed')
  if (till !== undefined && (from === undefined || wrongRange(from, till)))
    command.error(
      `error: option '--till <number>' needs a --from of as many digits, at most ${MOST_CARDS} below`,
    )
  const { cards, existed, stopped, warning } = await withAccount<Told>(sid, async (ctx, account) => {
    const group = await groupNamed(ctx.store, account, options.group)
    const all = from === undefined ? drawn(ctx, group, count ?? 0) : inRange(from, till ?? from)
    const made = await makeAll(ctx, account, wantedFrom(options, group), all, count)
    const { pinLength } = group
    return { ...made, warning: shortPins(pinLength, await cardsAlike(ctx.store, account, pinLength)) }
  })
  if (stopped && cards.length === 0) throw stopped
  const summary = inWords(cards, existed, stopped)
  const listed = cards.map(({ number, pin }) => (showPin ? { number, pin } : { number }))
  const document = {
    ...{ created: cards.length, existed, stopped: stopped?.message ?? null },
    ...{ warning: warning ?? null, cards: listed },
  }
  warnOf(warning, json)
  if (showPin && !json) process.stderr.write(`${summary}\n`)
  print(
    json,
    document,
    showPin
      ? csv(
          ['number', 'pin'],
          cards.map(({ number, pin }) => [number, pin]),
        )
      : summary,
  )
  if (stopped) process.exitCode = 1
}

function wrongRange(from: string, till: string): boolean {
  const count = BigInt(till) - BigInt(from) + 1n
  return from.length !== till.length || count < 1n || count > BigInt(MOST_CARDS)
}

function wantedFrom(options: AddOptions, { id: groupId }: CardGroup): Omit<WantedCards, 'numbers'> {
  const { balance, name, batch, language } = options
  const fields = {
    ...(name !== undefined && { name }),
    ...(batch !== undefined && { batch }),
    ...(language !== undefined && { language }),
  }
  return { groupId, fields, ...(balance !== undefined && { openingMicros: balance }) }
}

/** Makes cards until there are as many as wanted, no number is left, or the engine refuses. What is made by then stays. */
async function makeAll(
  ctx: Context,
  account: Account,
  wanted: Omit<WantedCards, 'numbers'>,
  numbers: Iterable<string[]>,
  count: number | undefined,
): Promise<Made> {
  const progress = showProgress('cards made:', count)
  const made: Made = { cards: [], existed: 0, stopped: undefined }
  try {
    for (const some of numbers) {
      const these = some.slice(0, (count ?? Infinity) - made.cards.length)
      if (these.length === 0) break
      const cards = await createCards(ctx, account, { ...wanted, numbers: these })
      // Of random numbers nobody wants to know which were taken.
      if (count === undefined) made.existed += these.length - cards.length
      made.cards.push(...cards)
      progress.at(made.cards.length)
      await pause(PAUSE_MS)
    }
    if (count !== undefined && made.cards.length < count)
      made.stopped = new Refusal('too_many', 'the numbers of the group are all but used up')
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    made.stopped = error
  } finally {
    progress.end()
  }
  return made
}

function* inRange(from: string, till: string): Generator<string[]> {
  const last = BigInt(till)
  let some: string[] = []
  for (let number = BigInt(from); number <= last; number++) {
    some.push(String(number).padStart(from.length, '0'))
    if (some.length === CARDS_A_GO) {
      yield some
      some = []
    }
  }
  if (some.length > 0) yield some
}

/** Without a leading 0, which spreadsheets lose. */
function* drawn({ randomInt }: Context, { numberLength }: CardGroup, count: number): Generator<string[]> {
  for (let draws = 0; draws < MOST_DRAWS * count + CARDS_A_GO; draws += CARDS_A_GO)
    yield drawDigits(randomInt, numberLength, CARDS_A_GO, { leadingZero: false })
}

function inWords(cards: Card[], existed: number, stopped: Refusal | undefined): string {
  const [first, last] = [cards[0]?.number, cards.at(-1)?.number]
  const which =
    cards.length === 0 ? '' : cards.length === 1 ? ` with number ${first}` : `, ${first} to ${last}`
  const skipped = existed > 0 ? ` ${existed} existed already.` : ''
  const why = stopped ? ` No more: ${stopped.message}.` : ''
  return `${cards.length} ${cards.length === 1 ? 'card is' : 'cards are'} ready${which}.${skipped}${why}`
}
