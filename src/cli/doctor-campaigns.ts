import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import type { Config } from '../config.ts'
import type { Check } from './check.ts'
import { LACKS, lacksOf } from './campaigns.ts'
import { databaseFile, withStore } from './store.ts'

const MIGRATIONS = path.resolve(import.meta.dirname, '../store/migrations')
/** More of them would fill the screen. */
const MOST_TOLD = 5

/** Whether each campaign can send its PINs; nothing where there is none, and while the database is not of this release. */
export async function checkCampaigns(config: Config): Promise<Check[]> {
  if (!(await isOfThisRelease(databaseFile(config)))) return []
  return withStore(config, async (store) => {
    const accounts = new Map((await store.accounts()).map((one) => [one.id, one]))
    const campaigns = (await store.campaigns()).filter(({ status }) => status === 'active')
    const lacking: string[] = []
    for (const campaign of campaigns) {
      const account = accounts.get(campaign.accountId)
      const lacks = account ? await lacksOf(store, config, { campaign, account }) : []
      if (account && lacks.length > 0)
        lacking.push(`${campaign.id}: ${lacks.map((one) => LACKS[one](account.sid, campaign.id)).join(' ')}`)
    }
    return judge(campaigns.length, lacking)
  })
}

function judge(active: number, lacking: string[]): Check[] {
  const name = 'campaigns'
  if (active === 0) return []
  if (lacking.length === 0) return [{ name, state: 'ok', found: `${active} can send their PINs` }]
  const todo = [...lacking.slice(0, MOST_TOLD), ...(lacking.length > MOST_TOLD ? ['…'] : [])].join('\n      ')
  return [{ name, state: 'warn', found: `${lacking.length} of ${active} lack something`, todo }]
}

/** Opening another one would bring it up to date, and the doctor changes nothing. */
async function isOfThisRelease(file: string): Promise<boolean> {
  if (!existsSync(file)) return false
  try {
    const { default: Database } = await import('better-sqlite3')
    const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 2_000 })
    const version = db.pragma('user_version', { simple: true }) as number
    db.close()
    return version === Math.max(...readdirSync(MIGRATIONS).map((name) => Number.parseInt(name, 10) || 0))
  } catch {
    // What is wrong with it has its own check.
    return false
  }
}
