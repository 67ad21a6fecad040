import type { Command } from 'commander'
import { Refusal } from '../engine/errors.ts'
import { formatAmount } from '../engine/money.ts'
import { parseWallClock } from '../engine/time.ts'
import { makeVouchers, vouchersAlike } from '../engine/vouchers.ts'
import { sum, whole } from './card-options.ts'
import { utc } from './cards.ts'
import { jsonOption } from './options.ts'
import { csv, print } from './output.ts'
import { shortPins, warnOf } from './short-pins.ts'
import { withAccount } from './store.ts'

const MOST_VOUCHERS = 100_000
const PIN_LENGTH = 12

type AddOptions = {
  account: string
  count: number
  amount: number
  length: number
  until?: string
  json?: true
}

/** `pinbridge voucher …`: PINs with money behind them, good once for any card. */
export function addVoucherCommands(program: Command): void {
  program
    .command('voucher')
    .description('PINs with money behind them, each good once for any card of the account')
    .command('add')
    .description('make vouchers and print their PINs as CSV, once')
    .requiredOption('--account <sid>', 'whose')
    .requiredOption('--count <n>', 'how many', whole(1, MOST_VOUCHERS))
    .requiredOption('--amount <amount>', 'what each is worth', sum)
    .option('--length <n>', 'digits of the PINs', whole(6, 15), PIN_LENGTH)
    .option(
      '--until <time>',
      "when they end, 2027-01-31 or 2027-01-31 12:00:00 on the account's clock (default: never)",
    )
    .addOption(jsonOption())
    .action(add)
}

async function add({ account: sid, count, amount, length, until, json }: AddOptions): Promise<void> {
  const { vouchers, currency, warning } = await withAccount(sid, async (ctx, account) => {
    const { timeZone, cards } = account.settings
    const validUntil = until === undefined ? undefined : instant(until, timeZone)
    const wanted = { count, pinLength: length, amountMicros: amount, validUntil }
    const vouchers = await makeVouchers(ctx, account, wanted)
    const warning = shortPins(length, await vouchersAlike(ctx, account, length))
    return { vouchers, currency: cards.currency, warning }
  })
  const listed = vouchers.map(({ id, pin, amountMicros, validUntil }) => {
    return { id, pin, amountMicros, validUntil: utc(validUntil) }
  })
  const rows = listed.map(({ id, pin, amountMicros, validUntil }) => [
    ...[id, pin, formatAmount(amountMicros), currency, validUntil ?? ''],
  ])
  if (!json)
    process.stderr.write(`${count} vouchers are ready. Keep the PINs now: they are not shown again.\n`)
  warnOf(warning, json)
  print(
    json,
    { currency, warning: warning ?? null, vouchers: listed },
    csv(['voucher', 'pin', 'amount', 'currency', 'until'], rows),
  )
}

/** Throws Refusal 'invalid'. */
function instant(written: string, timeZone: string): number {
  const found = parseWallClock(written, timeZone)
  if (found === undefined) throw new Refusal('invalid', `${written} is no date such as 2027-01-31`)
  if (found <= Date.now()) throw new Refusal('invalid', `${written} is over`)
  return found
}
