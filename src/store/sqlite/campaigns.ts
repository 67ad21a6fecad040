import type { Database } from 'better-sqlite3'
import { type Campaign, type CampaignSettings, DEFAULT_CAMPAIGN, type Means } from '../../engine/campaigns.ts'
import type { SubscriptionState, SubscriptionStore } from '../../engine/subscription-store.ts'
import { accountFinder } from './account-rows.ts'
import type { Commit } from './group-commit.ts'
import { unless } from './refused.ts'
import { ms, text } from './time.ts'

type Campaigns = Pick<
  SubscriptionStore,
  'addCampaign' | 'changeCampaign' | 'findCampaign' | 'campaigns' | 'subscriptionCounts'
>
type Row = { id: string; account_id: string; settings: string; created_at: string }
type CountRow = { state: SubscriptionState; numbers: number }

const COLUMNS = 'id, account_id, settings, created_at'

/** What people subscribe to. */
export function campaigns(db: Database, commit: Commit): Campaigns {
  const find = campaignFinder(db)
  const findAccount = accountFinder(db)
  const insert = db.prepare<[Row]>(
    `insert into campaign (${COLUMNS}) values (@id, @account_id, @settings, @created_at)`,
  )
  const update = db.prepare<[string, string]>(`update campaign set settings = ? where id = ?`)
  const ofAccount = db.prepare<[string], Row>(
    `select ${COLUMNS} from campaign where account_id = ? order by created_at, id`,
  )
  const all = db.prepare<[], Row>(`select ${COLUMNS} from campaign order by created_at, id`)
  const counts = db.prepare<[string], CountRow>(
    `select state, numbers from subscription_count where campaign_id = ?`,
  )

  return {
    addCampaign: (campaign) =>
      commit(() =>
        unless(
          'duplicates',
          'there is a campaign of this id already',
          () => void insert.run(toRow(campaign)),
        ),
      ),
    changeCampaign: (accountId, id, decide) =>
      commit(() => {
        const found = find(id)
        const mine = found?.accountId === accountId ? found : undefined
        const { save, result } = decide(mine)
        if (mine && save) update.run(toRow(save).settings, mine.id)
        return result
      }),
    findCampaign: (id) => {
      const campaign = find(id)
      const account = campaign && findAccount(campaign.accountId)
      return Promise.resolve(account && { campaign, account })
    },
    campaigns: (accountId) =>
      Promise.resolve((accountId === undefined ? all.all() : ofAccount.all(accountId)).map(toCampaign)),
    subscriptionCounts: (campaignId) => {
      const found: Record<SubscriptionState, number> = { pending_pin: 0, subscribed: 0, unsubscribed: 0 }
      for (const { state, numbers } of counts.all(campaignId)) found[state] = numbers
      return Promise.resolve(found)
    },
  }
}

/** Finds a campaign by its id. */
export function campaignFinder(db: Database): (id: string) => Campaign | undefined {
  const find = db.prepare<[string], Row>(`select ${COLUMNS} from campaign where id = ?`)
  return (id) => {
    const row = find.get(id)
    return row && toCampaign(row)
  }
}

function toRow({ id, accountId, createdAt, ...settings }: Campaign): Row {
  return { id, account_id: accountId, settings: JSON.stringify(settings), created_at: text(createdAt) }
}

type OldMeans = Exclude<Means, { kind: 'webhook' }> | (Omit<Webhook, 'headers'> & Partial<Webhook>)
type Webhook = Extract<Means, { kind: 'webhook' }>
type Chosen = Omit<Partial<CampaignSettings>, 'means'> &
  Pick<CampaignSettings, 'name' | 'service'> & { means?: OldMeans }

/** A row written before a setting existed lacks it, as it does one that is undefined, and means its default. */
function toCampaign(row: Row): Campaign {
  const { means = DEFAULT_CAMPAIGN.means, ...settings } = JSON.parse(row.settings) as Chosen
  const { id, account_id: accountId } = row
  const whole = means.kind === 'webhook' ? { headers: {}, ...means } : means
  return { ...DEFAULT_CAMPAIGN, ...settings, means: whole, id, accountId, createdAt: ms(row.created_at) }
}
