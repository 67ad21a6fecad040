import type { Command } from 'commander'
import { loadConfig, type Config } from '../config.ts'
import type { Account } from '../engine/accounts.ts'
import { addCampaign, type Campaign, changeCampaign, DEFAULT_CAMPAIGN } from '../engine/campaigns.ts'
import { whyRefused } from '../webhooks/guard.ts'
import {
  addCampaignOptions,
  campaignId,
  type CampaignOptions,
  line,
  settingsFrom,
} from './campaign-options.ts'
import { addCampaignShowCommand } from './campaign-show.ts'
import { apiAddress, campaignOf, described, inRows, LACKS, lacksOf, type Lack } from './campaigns.ts'
import { mobivateIds } from './logins.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { accountBySid, withContext } from './store.ts'

type AddOptions = CampaignOptions & { name: string; service: string; id?: string; json?: true }
type ListOptions = { account?: string; json?: true }
type ChangeOptions = CampaignOptions & { pause?: true; resume?: true; json?: true }

/** `pinbridge campaign …`: what people subscribe to by a PIN that is sent to them. */
export function addCampaignCommands(program: Command): void {
  const campaign = program
    .command('campaign')
    .description('campaigns: what people subscribe to by a PIN that is sent to their number')
  const adding = campaign
    .command('add')
    .description('make a campaign; prints what its clients need')
    .argument('<sid>', 'of which account')
    .requiredOption('--name <text>', 'what people call it', line(100))
    .requiredOption('--service <code>', 'what clients are told as campaign_service', line(40))
    .option('--id <id>', 'as clients have it from before (default: a random one)', campaignId)
  addCampaignOptions(adding)
  adding.addOption(jsonOption()).action(add)
  campaign
    .command('list')
    .description('list the campaigns')
    .option('--account <sid>', 'only those of this account')
    .addOption(jsonOption())
    .action(list)
  addCampaignShowCommand(campaign)
  const changing = campaign
    .command('change')
    .description('change what options name; it holds for PINs that are sent from now on')
    .argument('<id>', 'which', campaignId)
    .option('--name <text>', 'what people call it', line(100))
    .option('--service <code>', 'what clients are told as campaign_service', line(40))
    .option('--pause', 'send no PIN any more; those that were sent are good still')
    .option('--resume', 'send PINs again')
  addCampaignOptions(changing)
  changing.addOption(jsonOption()).action(change)
}

async function add(sid: string, { id, json, ...options }: AddOptions, command: Command): Promise<void> {
  const config = loadConfig()
  await checkUrl(options, config, command)
  const { name, service } = options
  const { account, campaign, accountIds, lacks } = await withContext(config, async (ctx) => {
    const owner = await accountBySid(ctx.store, sid)
    const wanted = settingsFrom(options, owner.settings.country, undefined, command)
    const made = await addCampaign(ctx, owner, { ...DEFAULT_CAMPAIGN, ...wanted, name, service, id })
    const both = { campaign: made, account: owner }
    return {
      ...both,
      accountIds: await mobivateIds(ctx.store, owner),
      lacks: await lacksOf(ctx.store, config, both),
    }
  })
  const address = apiAddress(config, campaign)
  print(
    json,
    { campaign: described(campaign, account), address, accountIds, lacks },
    `Campaign ${campaign.id} is ready.

${table([
  ['  first', `POST ${address}/initiate`],
  ['  then', `POST ${address}/validate_pin`],
  ['  and', `…/unsubscribe, …/status`],
  ...accountIds.map((one) => ['  account_id', one]),
])}

${howToSign(account)}${hints(lacks, account, campaign)}`,
  )
}

/** In words, for whoever writes the client. */
function howToSign({ sid, settings }: Account): string {
  const fields =
    'Clients send JSON with msisdn, keyword (any, unless the campaign has one), signature and, to validate it, pin.'
  const strong = `\`v2.\`, the time in Unix seconds, \`.\`, and in small hexadecimal the HMAC-SHA256 by the Mobivate secret key of
time, method, campaign id, msisdn, keyword and pin (nothing for what is not sent), joined by line feeds.`
  if (settings.subscriptions.strongSignature) return `${fields}\nThe signature is ${strong}`
  return `${fields}
The signature is the MD5, in small hexadecimal, of account_id, campaign id and msisdn, one directly after the other. It never
ends, and whoever knows the account_id can make it: keep that as secret as a password. Better is
${strong}
pinbridge account subscriptions ${sid} --strong-signature on accepts no other.`
}

function hints(lacks: Lack[], { sid }: Account, { id }: Campaign): string {
  return lacks.length > 0 ? `\n\n${lacks.map((one) => LACKS[one](sid, id)).join('\n')}` : ''
}

/** Ends the command when nothing would ever be sent there. */
async function checkUrl({ url }: CampaignOptions, { webhooks }: Config, command: Command): Promise<void> {
  const refused = url === undefined ? undefined : await whyRefused(url, webhooks)
  if (refused !== undefined) command.error(`error: option '--url <url>' is refused. ${refused}`)
}

async function list({ account: sid, json }: ListOptions): Promise<void> {
  const campaigns = await withContext(loadConfig(), async ({ store }) => {
    const accounts = await store.accounts()
    const { id } = sid === undefined ? {} : await accountBySid(store, sid)
    const found = await store.campaigns(id)
    return found.flatMap((one) => {
      const owner = accounts.find((account) => account.id === one.accountId)
      return owner ? [described(one, owner)] : []
    })
  })
  const rows = campaigns.map(({ id, account, name, service, status, means, createdAt }) => [
    ...[id, account, name, service, status, means.kind, createdAt],
  ])
  const people = table([['ID', 'ACCOUNT', 'NAME', 'SERVICE', 'STATUS', 'BY', 'MADE'], ...rows])
  print(json, { campaigns }, rows.length > 0 ? people : 'There is no campaign yet.')
}

async function change(
  id: string,
  { pause, resume, json, ...options }: ChangeOptions,
  command: Command,
): Promise<void> {
  if (pause && resume) command.error('error: --pause and --resume contradict each other')
  if (!pause && !resume && Object.keys(options).length === 0)
    command.error('error: nothing to change: name it by an option')
  const config = loadConfig()
  await checkUrl(options, config, command)
  const { campaign, account, lacks } = await withContext(config, async (ctx) => {
    const { campaign: old, account: owner } = await campaignOf(ctx.store, id)
    const wanted = settingsFrom(options, owner.settings.country, old, command)
    const status = pause ? { status: 'paused' as const } : resume ? { status: 'active' as const } : {}
    const changed = await changeCampaign(ctx, owner, id, { ...wanted, ...status })
    const both = { campaign: changed, account: owner }
    return { ...both, lacks: await lacksOf(ctx.store, config, both) }
  })
  const shown = described(campaign, account)
  print(json, { campaign: shown, lacks }, `${table(inRows(shown))}${hints(lacks, account, campaign)}`)
}
