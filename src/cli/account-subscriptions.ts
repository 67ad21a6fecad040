import type { Command } from 'commander'
import { changeSubscriptionSettings, MOST_PINS_A_DAY } from '../engine/subscription-settings.ts'
import { onOff, whole } from './card-options.ts'
import { given, jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { withAccount } from './store.ts'

type Options = { strongSignature?: boolean; pinsADay?: number; json?: true }

/** `pinbridge account subscriptions …`: what holds in all campaigns of an account. */
export function addSubscriptionSettingsCommand(account: Command): void {
  account
    .command('subscriptions')
    .description('show what holds in all campaigns of an account, and change what options name')
    .argument('<sid>', 'of which account')
    .option(
      '--strong-signature <on|off>',
      "whether clients must sign with their secret key: Mobivate's own signature is made of names alone",
      onOff,
    )
    .option(
      '--pins-a-day <n>',
      'how many PINs are sent in any 24 hours, all campaigns together',
      whole(0, MOST_PINS_A_DAY),
    )
    .addOption(jsonOption())
    .action(subscriptions)
}

async function subscriptions(sid: string, { strongSignature, pinsADay, json }: Options): Promise<void> {
  const wanted = { ...given('strongSignature', strongSignature), ...given('pinsADay', pinsADay) }
  const settings = await withAccount(sid, async (ctx, account) =>
    Object.keys(wanted).length === 0
      ? account.settings.subscriptions
      : changeSubscriptionSettings(ctx, account, wanted),
  )
  print(
    json,
    { account: sid, subscriptions: settings },
    table([
      ['signatures', settings.strongSignature ? 'with the secret key only' : "Mobivate's own too"],
      ['PINs a day', String(settings.pinsADay)],
    ]),
  )
}
