import { createHash } from 'node:crypto'
import { expect } from '@jest/globals'
import type { Campaign, CampaignSettings } from '../../src/engine/campaigns.ts'
import type { Context } from '../../src/engine/context.ts'
import type { Sending } from '../../src/engine/subscription-store.ts'
import { soundFile, soundsIn } from './ear.ts'
import { beside } from './paid.ts'
import { addCallingCampaign } from './sent-pins.ts'
import type { Stage } from './stage.ts'
import { until } from './until.ts'

type Answer = { status: number; body: Record<string, unknown> }

/** What tests of PINs that are told by telephone need of a stage. */
export type OtpStage = {
  /** Makes one, whose PINs have four digits, and which tries again after a second. */
  campaign: (change?: Partial<CampaignSettings>) => Promise<OtpCampaign>
  /** From now on numbers ring for so long. */
  ringFor: (ringMs: number) => Promise<void>
  /** What those who are called see. */
  firstNumber: () => Promise<string>
  close: () => Promise<void>
}

/** A campaign as its client sees it, over HTTP, and what the database says of it. */
export type OtpCampaign = {
  /** A request of the client, signed. */
  ask: (
    method: 'initiate' | 'validate_pin' | 'unsubscribe' | 'status',
    msisdn: string,
    more?: Record<string, string>,
  ) => Promise<Answer>
  /** Has a PIN sent. */
  initiate: (msisdn: string) => Promise<void>
  /** Waits until "status" tells this of how the last PIN got there, 20 s unless said otherwise. */
  tells: (msisdn: string, wanted: Record<string, unknown>, atMostMs?: number) => Promise<void>
  /** The PIN that is good now; undefined when there is none. */
  pinOf: (msisdn: string) => Promise<string | undefined>
  /** From now on it sends none, whether the application runs or not. */
  pause: () => Promise<void>
  /** All that were ever owed, oldest first. */
  sendings: () => Promise<Sending[]>
}

export async function otpStage(stage: Stage): Promise<OtpStage> {
  const ctx = beside(stage)
  const { id } = (await ctx.store.accounts()).find(({ sid }) => sid === stage.sid)!
  return {
    campaign: async (change = {}) => {
      const wanted = { retryMs: 1_000, pinLength: 4, keyword: 'WIN', ...change }
      return client(stage, ctx, await addCallingCampaign(ctx, (await ctx.store.findAccount(id))!, wanted))
    },
    ringFor: (ringMs) =>
      ctx.store.changeAccount(id, (one) => ({
        save: { ...one!, settings: { ...one!.settings, ringMs } },
        result: undefined,
      })),
    firstNumber: async () => (await ctx.store.numbers(id))[0]!.number,
    close: () => ctx.store.close(),
  }
}

function client(stage: Stage, ctx: Context, campaign: Campaign): OtpCampaign {
  const ask: OtpCampaign['ask'] = async (method, msisdn, more = {}) => {
    const written = msisdn.replace('+', '')
    const signed = stage.mobivate.accountId + campaign.id + written
    const signature = createHash('md5').update(signed).digest('hex')
    const answer = await fetch(`${stage.http}/subscriptions/v1/${campaign.id}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ msisdn: written, signature, keyword: 'WIN', ...more }),
    })
    return { status: answer.status, body: (await answer.json()) as Answer['body'] }
  }
  return {
    ask,
    async initiate(msisdn) {
      const { status, body } = await ask('initiate', msisdn)
      expect([status, body['state'], body['error']]).toEqual([200, 'pending_pin', null])
    },
    tells: (msisdn, delivery, atMostMs = 20_000) =>
      until(async () => expect((await ask('status', msisdn)).body).toMatchObject({ delivery }), { atMostMs }),
    pinOf: async (msisdn) =>
      (await ctx.store.findSubscription(campaign.id, msisdn))?.subscription.pin?.digits,
    pause: () =>
      ctx.store.changeCampaign(campaign.accountId, campaign.id, (found) => ({
        save: { ...found!, status: 'paused' },
        result: undefined,
      })),
    sendings: async () => (await ctx.store.sendings(campaign.id, 1_000)).reverse(),
  }
}

const DIGITS = Array.from('0123456789')
const PROMPTS = ['code-press-key', 'code-is', 'code-again']

/** What a phone has heard, in order: digits, our prompts by their names, and `goodbye`; each whole, sample by sample. */
export async function wordsIn(heard: Buffer | undefined): Promise<string[]> {
  const sounds = new Map([
    ...(await Promise.all(DIGITS.map(async (one) => [one, await soundFile(`digits/${one}`)] as const))),
    ...(await Promise.all(PROMPTS.map(async (one) => [one, await soundFile(`pinbridge/${one}`)] as const))),
    ['goodbye', await soundFile('vm-goodbye')],
  ])
  return soundsIn(heard ?? Buffer.alloc(0), sounds)
}

/** The digits among them, as one PIN. */
export const digitsAmong = (words: readonly string[]): string =>
  words.filter((word) => DIGITS.includes(word)).join('')
