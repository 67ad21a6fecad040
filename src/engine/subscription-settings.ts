import type { Account, SubscriptionSettings } from './accounts.ts'
import type { Context } from './context.ts'
import { granted, Refusal } from './errors.ts'
import { isWhole } from './settings-checks.ts'

/** The largest quota of an account. */
export const MOST_PINS_A_DAY = 1_000_000

/**
 * Changes what the account has chosen for its campaigns: its quota holds for PINs that are sent from now on, its signature for the
 * next request. Throws Refusal 'invalid' (with the setting's name), 'not_found' when the account is gone.
 */
export async function changeSubscriptionSettings(
  ctx: Context,
  account: Account,
  wanted: Partial<SubscriptionSettings>,
): Promise<SubscriptionSettings> {
  const { pinsADay } = wanted
  if (pinsADay !== undefined && !isWhole(pinsADay, 0, MOST_PINS_A_DAY))
    throw new Refusal('invalid', 'pinsADay')
  const changed = await ctx.store.changeAccount<SubscriptionSettings | Refusal>(account.id, (found) => {
    if (!found) return { result: new Refusal('not_found', 'no such account') }
    const { subscriptions: old } = found.settings
    const subscriptions = {
      strongSignature: wanted.strongSignature ?? old.strongSignature,
      pinsADay: pinsADay ?? old.pinsADay,
    }
    return { save: { ...found, settings: { ...found.settings, subscriptions } }, result: subscriptions }
  })
  return granted(changed)
}
