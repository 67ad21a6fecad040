import type { Command } from 'commander'
import { loadConfig } from '../config.ts'
import { maskNumber } from '../engine/phone.ts'
import { referenceOf } from '../engine/sent-texts.ts'
import { SUBSCRIPTION_STATES, type Sending } from '../engine/subscription-store.ts'
import { campaignId } from './campaign-options.ts'
import { apiAddress, campaignOf, described, inRows, LACKS, lacksOf } from './campaigns.ts'
import { whole } from './card-options.ts'
import { utc } from './cards.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { withStore } from './store.ts'

const SENDINGS = 10
const MOST_SENDINGS = 1_000

type ShowOptions = { sendings: number; reveal?: true; json?: true }

/** `pinbridge campaign show …`: one campaign, how many have subscribed, and how the last PINs got there. */
export function addCampaignShowCommand(campaign: Command): void {
  campaign
    .command('show')
    .description('show a campaign, how many numbers are in it, and what became of its last PINs')
    .argument('<id>', 'which', campaignId)
    .option('--sendings <n>', 'of how many PINs', whole(0, MOST_SENDINGS), SENDINGS)
    .option('--reveal', "with the gateway's whole address, headers and body, which may hold its password")
    .addOption(jsonOption())
    .action(show)
}

async function show(id: string, { sendings: limit, reveal, json }: ShowOptions): Promise<void> {
  const config = loadConfig()
  const { campaign, account, subscriptions, sendings, lacks } = await withStore(config, async (store) => {
    const found = await campaignOf(store, id)
    return {
      ...found,
      subscriptions: await store.subscriptionCounts(id),
      sendings: limit === 0 ? [] : (await store.sendings(id, limit)).map(sendingShown),
      lacks: await lacksOf(store, config, found),
    }
  })
  const shown = described(campaign, account, reveal)
  const address = apiAddress(config, campaign)
  const counts = SUBSCRIPTION_STATES.map((state) => `${subscriptions[state]} ${state}`).join(', ')
  const people = [
    table([...inRows(shown), ['address', address], ['numbers', counts]]),
    ...inLines(sendings),
    ...(lacks.length > 0 ? ['', ...lacks.map((one) => LACKS[one](account.sid, id))] : []),
  ]
  print(json, { campaign: shown, address, subscriptions, sendings, lacks }, people.join('\n'))
}

/** For scripts too without the number: whoever may see that looks the reference up. */
function sendingShown({ id, subscriptionId, to, means, state, outcome, tries, ...times }: Sending) {
  return {
    ...{
      id,
      reference: referenceOf(subscriptionId),
      to: maskNumber(to),
      means,
      state,
      outcome: outcome ?? null,
    },
    ...{ tries, createdAt: utc(times.createdAt), endedAt: utc(times.endedAt) },
    nextTryAt: state === 'waiting' ? utc(times.dueAt) : null,
  }
}

function inLines(sendings: ReturnType<typeof sendingShown>[]): string[] {
  if (sendings.length === 0) return []
  const rows = sendings.map(({ createdAt, to, means, state, outcome, tries, nextTryAt, endedAt }) => [
    ...[createdAt, to, means, state, outcome ?? '-', String(tries), nextTryAt ?? '-', endedAt ?? '-'],
  ])
  const head = ['AT', 'TO', 'BY', 'STATE', 'OUTCOME', 'TRIES', 'NEXT TRY', 'ENDED']
  return ['', 'The last PINs, newest first:', table([head, ...rows])]
}
