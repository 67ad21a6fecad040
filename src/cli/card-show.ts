import type { Command } from 'commander'
import type { LedgerLine } from '../engine/card-store.ts'
import type { Hold } from '../engine/holds.ts'
import { formatAmount } from '../engine/money.ts'
import { cardNumber, whole } from './card-options.ts'
import { cardNumbered, described, utc } from './cards.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { withAccount } from './store.ts'

const LINES = 10

type ShowOptions = { account: string; lines: number; showPin?: true; json?: true }

/** `pinbridge card show …`: one card, its last movements and its calls. */
export function addCardShowCommand(card: Command): void {
  card
    .command('show')
    .description('show a card, the last movements of its money, and its calls that run')
    .argument('<number>', "the card's number", cardNumber)
    .requiredOption('--account <sid>', 'whose')
    .option('--lines <n>', 'how many movements', whole(0, 1_000), LINES)
    .option('--show-pin', 'with its PIN: anybody who reads it can talk the money away')
    .addOption(jsonOption())
    .action(show)
}

async function show(number: string, { account: sid, lines, showPin, json }: ShowOptions): Promise<void> {
  const { card, group, ledger, calls, currency } = await withAccount(sid, async ({ store }, account) => {
    const found = await cardNumbered(store, account, number)
    return {
      card: found,
      group: (await store.findCardGroup(account.id, found.groupId))?.name,
      ledger: lines === 0 ? [] : await store.ledger(found.id, undefined, lines),
      calls: (await store.openHolds()).filter(({ cardId }) => cardId === found.id),
      currency: account.settings.cards.currency,
    }
  })
  const shown = described(card, group, Date.now(), showPin)
  const document = { ...shown, currency, ledger: ledger.map(movement), calls: calls.map(call) }
  const money = (micros: number) => `${formatAmount(micros)} ${currency}`
  const about = table([
    ['number', shown.number],
    ...(showPin ? [['PIN', card.pin]] : []),
    ['group', shown.group ?? '-'],
    ['name', shown.name || '-'],
    ['state', shown.state],
    ['balance', money(shown.balanceMicros)],
    ['held for calls', money(shown.heldMicros)],
    ['stays on it', money(shown.minimalBalanceMicros)],
    ['calls without PIN from', shown.cli ?? '-'],
    ['language', shown.language],
    ['batch', shown.batch || '-'],
    ['sold', shown.sold ? 'yes' : 'no'],
    ['valid', `${shown.validFrom ?? 'always'} - ${shown.validUntil ?? 'for ever'}`],
    ['first used', shown.firstUsedAt ?? 'never'],
    ['made', shown.createdAt],
  ])
  const people = [
    about,
    ...inLines('Movements, newest first:', movements(ledger)),
    ...inLines('Calls that run:', running(calls)),
  ]
  print(json, { card: document }, people.join('\n'))
}

function inLines(title: string, rows: string[][]): string[] {
  return rows.length > 1 ? ['', title, table(rows)] : []
}

function movements(ledger: LedgerLine[]): string[][] {
  const rows = ledger.map(({ at, kind, amountMicros, balanceMicros, reference, note }) => [
    ...[
      utc(at),
      kind,
      formatAmount(amountMicros),
      formatAmount(balanceMicros),
      reference ?? '-',
      note || '-',
    ],
  ])
  return [['AT', 'WHAT', 'AMOUNT', 'BALANCE', 'OF', 'NOTE'], ...rows]
}

function running(calls: Hold[]): string[][] {
  const rows = calls.map(({ id, to, rate, openedAt, answeredAt, heldMicros, longestSeconds }) => [
    ...[id, to, rate.name, utc(openedAt), answeredAt === undefined ? 'rings' : `since ${utc(answeredAt)}`],
    ...[formatAmount(heldMicros), `${longestSeconds} s`],
  ])
  return [['ID', 'TO', 'DESTINATION', 'BEGAN', 'TALKS', 'HELD', 'AT MOST'], ...rows]
}

function movement({ id, at, kind, amountMicros, balanceMicros, reference, note }: LedgerLine) {
  return { id, at: utc(at), kind, amountMicros, balanceMicros, reference: reference ?? null, note }
}

function call({ id, kind, from, to, rate, openedAt, answeredAt, heldMicros, longestSeconds }: Hold) {
  return {
    ...{ id, kind, from: from ?? null, to, destination: rate.name, prefix: rate.prefix },
    openedAt: utc(openedAt),
    answeredAt: utc(answeredAt),
    ...{ heldMicros, longestSeconds },
  }
}
