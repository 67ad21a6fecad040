import { httpAddress, type Config } from '../config.ts'
import type { Account } from '../engine/accounts.ts'
import type { Campaign } from '../engine/campaigns.ts'
import { Refusal } from '../engine/errors.ts'
import type { SentHeaders } from '../engine/sent-headers.ts'
import { DEFAULT_BODY } from '../engine/sent-texts.ts'
import type { Store } from '../engine/store.ts'
import { whyRefused } from '../webhooks/guard.ts'
import { speltPrefixes } from './card-options.ts'
import { utc } from './cards.ts'
import { HIDDEN } from './hidden.ts'
import { mobivateIds } from './logins.ts'

/** Throws Refusal 'not_found'. */
export async function campaignOf(
  store: Store,
  id: string,
): Promise<{ campaign: Campaign; account: Account }> {
  const found = await store.findCampaign(id)
  if (!found) throw new Refusal('not_found', `no campaign has the id ${id}: see pinbridge campaign list`)
  return found
}

/** Where clients send their requests; what they want stands behind it, after a `/`. */
export function apiAddress({ http }: Config, { id }: Pick<Campaign, 'id'>): string {
  return `${httpAddress(http, http.port)}/subscriptions/v1/${id}`
}

/**
 * A campaign for scripts. A gateway's password stands in its address, in a header or in the body, so that whatever may hold one is
 * shown on purpose.
 */
export function described(campaign: Campaign, { sid }: Account, reveal = false) {
  const { id, name, service, keyword, status, means, allowed, callerId, createdAt } = campaign
  const { pinLength, attempts, pinTtlMs, tries, retryMs, pinsOfNumberADay, pinsAnHour } = campaign
  return {
    ...{ id, account: sid, name, service, keyword: keyword ?? null, status },
    means: means.kind === 'call' || reveal ? means : { ...means, ...hiddenParts(means) },
    ...{ allowed, callerId: callerId ?? null, pinLength, attempts, pinTtlMs, tries, retryMs },
    ...{ pinsOfNumberADay, pinsAnHour, createdAt: utc(createdAt) },
  }
}

function hiddenParts({ url, body, headers }: { url: string; body: string; headers: SentHeaders }) {
  const { origin, pathname, search } = new URL(url)
  return {
    url: pathname === '/' && search === '' ? url : `${origin}/${HIDDEN}`,
    body: body === DEFAULT_BODY ? body : HIDDEN,
    headers: Object.fromEntries(Object.keys(headers).map((name) => [name, HIDDEN])),
  }
}

/** The same for people, a line each. */
export function inRows(shown: ReturnType<typeof described>): string[][] {
  const { means } = shown
  const sends =
    means.kind === 'call'
      ? [['sends', 'by a call'] as const, ['caller id', shown.callerId ?? 'a number of the account'] as const]
      : [
          ['sends', `by POST to ${means.url}`] as const,
          ['body', means.body] as const,
          ['of type', means.contentType] as const,
          ...Object.entries(means.headers).map(([name, value]) => ['header', `${name}: ${value}`] as const),
        ]
  return [
    ['id', shown.id],
    ['account', shown.account],
    ['name', shown.name],
    ['service', shown.service],
    ['keyword', shown.keyword ?? 'any'],
    ['status', shown.status],
    ...sends.map(([label, value]) => [label, value]),
    ['may send to', shown.allowed.length > 0 ? speltPrefixes(shown.allowed) : 'nobody'],
    ['PINs', `${shown.pinLength} digits, good for ${inUnits(shown.pinTtlMs)} and ${shown.attempts} attempts`],
    ['tries', `${shown.tries}, ${inUnits(shown.retryMs)} between them`],
    ['at most', `${shown.pinsOfNumberADay} PINs to a number in 24 hours, ${shown.pinsAnHour} PINs an hour`],
    ['made', shown.createdAt],
  ]
}

function inUnits(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1_000} s`
}

/** Why nothing is sent, or nobody can ask for it, though all was well when it was set up. */
export const LACKS = {
  login: (sid: string) => `No client can sign: pinbridge account token ${sid} --dialect mobivate.`,
  destinations: (_sid: string, id: string) =>
    `It sends to nobody: pinbridge campaign change ${id} --allow 49.`,
  quota: (_sid: string, id: string) =>
    `Its quota is 0: pinbridge campaign change ${id} --pins-to-a-number and --pins-an-hour, account subscriptions.`,
  asterisk: () => 'It calls, and Asterisk is off here: asterisk.mode.',
  caller_id: (sid: string, id: string) =>
    `Whoever is called sees no number: pinbridge campaign change ${id} --caller-id, or number add --account ${sid}.`,
  url: (_sid: string, id: string) =>
    `Its gateway may not be asked, see webhooks.allowPrivate: pinbridge campaign change ${id} --url.`,
} satisfies Record<string, (sid: string, id: string) => string>
export type Lack = keyof typeof LACKS

/** What stands in the way of a campaign, paused or not. */
export async function lacksOf(
  store: Store,
  config: Config,
  { campaign, account }: { campaign: Campaign; account: Account },
): Promise<Lack[]> {
  const { means, allowed, callerId, pinsOfNumberADay, pinsAnHour } = campaign
  const calls = means.kind === 'call'
  const lacks: Record<Lack, boolean> = {
    login: (await mobivateIds(store, account)).length === 0,
    destinations: !allowed.some((one) => !one.startsWith('-')),
    quota: [pinsOfNumberADay, pinsAnHour, account.settings.subscriptions.pinsADay].includes(0),
    asterisk: calls && config.asterisk.mode === 'none',
    caller_id: calls && callerId === undefined && (await store.numbers(account.id)).length === 0,
    url: !calls && (await whyRefused(means.url, config.webhooks)) !== undefined,
  }
  return (Object.keys(lacks) as Lack[]).filter((one) => lacks[one])
}
