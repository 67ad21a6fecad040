import type { Account } from './accounts.ts'
import type { Context } from './context.ts'
import { isE164 } from './phone.ts'
import { arePrefixes, isLine, isWhole } from './settings-checks.ts'
import { granted, Refusal } from './errors.ts'
import { headersFault, type SentHeaders } from './sent-headers.ts'
import { isTemplate } from './sent-texts.ts'

/** How a campaign sends its PINs. */
export type Means =
  /** Asterisk calls, and says the digits. */
  | { kind: 'call' }
  /** A request to the account's SMS gateway, whose body is this template (sent-texts.ts) filled in; the headers are sent as they are. */
  | { kind: 'webhook'; url: string; contentType: ContentType; body: string; headers: SentHeaders }

export type ContentType = 'application/json' | 'application/x-www-form-urlencoded' | 'text/plain'

/** Something that people subscribe to by a PIN that is sent to their number. */
export type Campaign = {
  /** Chosen at random, or as a former provider has it: 8 to 64 letters, digits, `-` and `_`. Unique over all accounts. */
  id: string
  accountId: string
  name: string
  /** What its clients are told as `campaign_service`: a short code, usually. */
  service: string
  /** What its clients must name; undefined: whatever they do. */
  keyword: string | undefined
  /** `paused`: no PIN is sent any more, not even one that is owed; those that were sent are good still. */
  status: 'active' | 'paused'
  means: Means
  /** Digits of E.164 numbers to which PINs are sent, as those of CardSettings.allowed. Empty: to none. */
  allowed: readonly string[]
  /** What those who are called see, E.164; undefined: a number of the account. */
  callerId: string | undefined
  /** Digits of a PIN, 4 to 9. */
  pinLength: number
  /** How many wrong PINs are compared before the right one is none any more, 1 to 10. */
  attempts: number
  /** How long a PIN is good, in milliseconds, a minute to a day. */
  pinTtlMs: number
  /** How often somebody is called, or the gateway asked, for one PIN at most, 1 to 5. */
  tries: number
  /** How long after a try that failed the next one is made, in milliseconds, a second to an hour. */
  retryMs: number
  /** PINs to one number within any 24 hours, in all campaigns of the account; and PINs of this campaign within any hour. */
  pinsOfNumberADay: number
  pinsAnHour: number
  createdAt: number
}

/** What may be chosen. */
export type CampaignSettings = Omit<Campaign, 'id' | 'accountId' | 'createdAt'>

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** The document names neither attempts nor a lifetime, and says "5-6 digits". */
export const DEFAULT_CAMPAIGN: Omit<CampaignSettings, 'name' | 'service'> = {
  keyword: undefined,
  status: 'active',
  means: { kind: 'call' },
  allowed: [],
  callerId: undefined,
  pinLength: 5,
  attempts: 3,
  pinTtlMs: 10 * MINUTE_MS,
  tries: 3,
  retryMs: 30_000,
  pinsOfNumberADay: 5,
  pinsAnHour: 500,
}

/** The longest address of a gateway, in characters. */
export const LONGEST_URL = 2_000

/** Whether a campaign can have this id. */
export function isCampaignId(text: string): boolean {
  return /^[\w-]{8,64}$/.test(text)
}

/** Smallest and largest value of each number, the unit being that of the setting. */
export const CAMPAIGN_RANGES = {
  pinLength: [4, 9],
  attempts: [1, 10],
  pinTtlMs: [MINUTE_MS, DAY_MS],
  tries: [1, 5],
  retryMs: [1_000, 60 * MINUTE_MS],
  pinsOfNumberADay: [0, 1_000],
  pinsAnHour: [0, 100_000],
} as const

/**
 * Makes a campaign of the account. `id` undefined: one is chosen at random. Throws Refusal 'invalid' (with the setting's name),
 * 'duplicates' when the id is taken, or is another one's of the account and digits behind it: Mobivate's clients sign the id and a
 * number without anything between them, so that what is signed for one would do for the other.
 */
export async function addCampaign(
  ctx: Context,
  account: Account,
  wanted: CampaignSettings & { id?: string | undefined },
): Promise<Campaign> {
  const { id = ctx.newId().replaceAll('-', ''), ...settings } = wanted
  if (!isCampaignId(id)) throw new Refusal('invalid', 'id')
  checkCampaign(settings)
  const others = await ctx.store.campaigns(account.id)
  if (others.some((other) => areAlike(id, other.id)))
    throw new Refusal('duplicates', 'the id is that of another campaign, or one of theirs and digits')
  const campaign: Campaign = { ...settings, id, accountId: account.id, createdAt: ctx.now() }
  await ctx.store.addCampaign(campaign)
  return campaign
}

/**
 * Changes what is named. It holds for PINs that are asked for from now on, and how PINs are sent, and whether, also for those that are
 * owed. Throws Refusal 'invalid' (with the setting's name), 'not_found' when the account has no campaign of this id.
 */
export async function changeCampaign(
  ctx: Context,
  account: Account,
  id: string,
  wanted: Partial<CampaignSettings>,
): Promise<Campaign> {
  const result = await ctx.store.changeCampaign<Campaign | Refusal>(account.id, id, (found) => {
    if (!found) return { result: new Refusal('not_found', 'the account has no such campaign') }
    const save = { ...found, ...wanted }
    const wrong = whatIsWrong(save)
    return wrong === undefined ? { save, result: save } : { result: new Refusal('invalid', wrong) }
  })
  return granted(result)
}

/** Whether one is the other, or begins with it and goes on with digits only. */
function areAlike(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a]
  return long.startsWith(short) && /^\d*$/.test(long.slice(short.length))
}

/** Throws Refusal. */
function checkCampaign(settings: CampaignSettings): void {
  const wrong = whatIsWrong(settings)
  if (wrong !== undefined) throw new Refusal('invalid', wrong)
}

/** The name of a setting that cannot be; undefined when all can. */
function whatIsWrong(settings: CampaignSettings): string | undefined {
  const { name, service, keyword, allowed, callerId, means } = settings
  if (!isLine(name, 100)) return 'name'
  if (!isLine(service, 40)) return 'service'
  if (keyword !== undefined && !isLine(keyword, 100)) return 'keyword'
  if (!arePrefixes(allowed)) return 'allowed'
  if (callerId !== undefined && !isE164(callerId)) return 'callerId'
  // Where it leads is for whoever sends there to judge.
  if (means.kind === 'webhook' && !isLine(means.url, LONGEST_URL)) return 'url'
  if (means.kind === 'webhook' && !isTemplate(means)) return 'body'
  if (means.kind === 'webhook' && headersFault(means.headers)) return 'headers'
  const ranges = Object.entries(CAMPAIGN_RANGES) as [
    keyof typeof CAMPAIGN_RANGES,
    readonly [number, number],
  ][]
  return ranges.find(([one, [least, most]]) => !isWhole(settings[one], least, most))?.[0]
}
