import { expect } from '@jest/globals'
import { type Account, DEFAULT_SETTINGS } from '../../src/engine/accounts.ts'
import { type Campaign, type CampaignSettings, changeCampaign } from '../../src/engine/campaigns.ts'
import { beginSending, beginSpeaking, endTry } from '../../src/engine/sendings.ts'
import type { Sending, SendingOutcome, SentPin, Subscription } from '../../src/engine/subscription-store.ts'
import { initiate, standing, unsubscribe, validatePin } from '../../src/engine/subscriptions.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'
import { addCallingCampaign, SUBSCRIBER, SUBSCRIBER_TOO } from '../support/sent-pins.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const NUMBERS = [SUBSCRIBER, SUBSCRIBER_TOO]
/** Small, so that all of them are met. */
const PINS_A_DAY = 16
const PINS_OF_NUMBER_A_DAY = 10
const CAMPAIGNS: Partial<CampaignSettings>[] = [
  { attempts: 3, pinTtlMs: 10 * MINUTE_MS, tries: 3, retryMs: 30_000, pinsAnHour: 6 },
  {
    ...{ attempts: 1, pinTtlMs: MINUTE_MS, tries: 2, retryMs: 50_000, pinsAnHour: 7, pinLength: 4 },
    means: {
      ...{ kind: 'webhook', url: 'https://sms.example/', contentType: 'text/plain', body: '{{pin}}' },
      headers: {},
    },
  },
]
/** Wrong PINs of a number before which nobody is locked out. */
const SAFE_WRONGS = 10

/** What can happen. `nth` counts round and round. */
export type Step =
  | { do: 'initiate' | 'unsubscribe' | 'status'; of: Of }
  | { do: 'validate'; of: Of; pin: 'last' | 'wrong' | 'replaced' | 'nonsense' }
  | { do: 'begin' | 'speak'; nth: number }
  | { do: 'end' | 'try'; nth: number; outcome: SendingOutcome }
  | { do: 'pause' | 'resume'; campaign: number }
  | { do: 'sweep' | 'next try' }
  | { do: 'pass'; ms: number }

export type Of = { campaign: number; number: number }

/** What the answers so far say of a number in a campaign. */
type Known = {
  state: Subscription['state'] | 'none'
  pin: SentPin | undefined
  /** Every PIN that it was sent, the last one last. */
  sent: string[]
  /** For each of them: how often it was right, and how many wrong ones were told to be wrong. */
  right: number[]
  wrong: number[]
}

/**
 * An account with two campaigns and everything that happens in them, and beside it a plain model. Each answer must be what the model
 * says, but for numbers at which so much was guessed that they may be locked; and after each step the store must have what it says.
 */
export class SubscriptionWorld {
  /** What has been met, so that a test sees whether it has seen enough. */
  readonly met = new Map<string, number>()
  private readonly ctx: TestContext
  private readonly account: Account
  private readonly campaigns: Campaign[]
  private readonly known = new Map<string, Known>()
  private readonly wrongs = new Map<string, number>()
  private readonly spoken = new Set<string>()
  /** When each PIN was sent, in which campaign to whom, in their order. */
  private readonly log: { at: number; campaign: string; number: string }[] = []

  static async begin(): Promise<SubscriptionWorld> {
    let drawn = 1
    const ctx = testContext((max) => {
      drawn = (drawn * 48_271) % 2_147_483_647
      return drawn % max
    })
    const subscriptions = { ...DEFAULT_SETTINGS.subscriptions, pinsADay: PINS_A_DAY }
    const account = await testAccount(ctx, { settings: { subscriptions } })
    const campaigns: Campaign[] = []
    for (const wanted of CAMPAIGNS) {
      const quota = { pinsOfNumberADay: PINS_OF_NUMBER_A_DAY }
      campaigns.push(await addCallingCampaign(ctx, account, { ...quota, ...wanted }))
    }
    return new SubscriptionWorld(ctx, account, campaigns)
  }

  private constructor(ctx: TestContext, account: Account, campaigns: Campaign[]) {
    this.ctx = ctx
    this.account = account
    this.campaigns = campaigns
  }

  async play(step: Step): Promise<void> {
    await this.run(step)
    await this.check()
  }

  end(): Promise<void> {
    return this.ctx.store.close()
  }

  private async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'pass':
        this.ctx.clock.ms += step.ms
        return
      case 'next try': {
        const waiting = (await this.sendings()).filter(({ state }) => state === 'waiting')
        this.ctx.clock.ms = Math.max(this.ctx.clock.ms, ...waiting.map(({ dueAt }) => dueAt))
        return
      }
      case 'sweep':
        return this.sweep()
      case 'pause':
      case 'resume': {
        const status = step.do === 'pause' ? 'paused' : 'active'
        const { id } = this.campaigns[step.campaign]!
        this.campaigns[step.campaign] = await changeCampaign(this.ctx, this.account, id, { status })
        return
      }
      case 'initiate':
        return this.initiate(step.of)
      case 'validate':
        return this.validate(step.of, step.pin)
      case 'unsubscribe':
        return this.unsubscribe(step.of)
      case 'status':
        return this.status(step.of)
      case 'begin':
        await this.beginOne(step.nth)
        return
      case 'speak':
        return this.speak(step.nth)
      case 'end':
        return this.endOne(await this.nthUnderWay(step.nth), step.outcome)
      case 'try':
        return this.endOne(await this.beginOne(step.nth), step.outcome)
    }
  }

  private async initiate(of: Of): Promise<void> {
    const { campaign, number, known } = this.at(of)
    const { ms } = this.ctx.clock
    const { status } = await initiate(this.ctx, { campaign, account: this.account }, number)
    this.meet(`initiate ${status}`)
    if (this.mayBeLocked(number, status === 'locked')) return
    const count = (sinceMs: number, is: (one: (typeof this.log)[number]) => boolean) =>
      this.log.filter((one) => one.at >= ms - sinceMs && is(one)).length
    const isFull =
      count(DAY_MS, (one) => one.number === number) >= PINS_OF_NUMBER_A_DAY ||
      count(HOUR_MS, (one) => one.campaign === campaign.id) >= campaign.pinsAnHour ||
      count(DAY_MS, () => true) >= PINS_A_DAY
    const expected = known.state === 'subscribed' ? 'subscribed' : isFull ? 'quota' : 'pending_pin'
    expect(status).toBe(expected)
    if (status !== 'pending_pin') return
    const pin = (await this.found(of))!.subscription.pin!
    const { attempts, pinTtlMs } = campaign
    expect(pin).toEqual({ digits: pin.digits, expiresAt: ms + pinTtlMs, wrong: 0, attempts })
    this.known.set(key(of), {
      ...{ state: 'pending_pin', pin, sent: [...known.sent, pin.digits] },
      ...{ right: [...known.right, 0], wrong: [...known.wrong, 0] },
    })
    this.log.push({ at: ms, campaign: campaign.id, number })
    this.checkQuotas()
  }

  private async validate(of: Of, what: 'last' | 'wrong' | 'replaced' | 'nonsense'): Promise<void> {
    const { campaign, number, known } = this.at(of)
    const { pin } = known
    const named = {
      last: known.sent.at(-1) ?? '12121',
      replaced: known.sent.at(-2) ?? '12121',
      wrong: notOf(known.sent),
      nonsense: 'x1234',
    }[what]
    const { verdict, subscription } = await validatePin(this.ctx, campaign, number, named)
    this.meet(`validate ${what} ${verdict}`)
    expect(subscription).toEqual((await this.found(of))?.subscription)
    if (!pin || this.ctx.clock.ms >= pin.expiresAt) {
      expect(verdict).toBe('gone')
      return
    }
    const isRight = named === pin.digits
    const isLast = pin.wrong + 1 >= pin.attempts
    // The last wrong one and one that is not looked at are told the same; the PIN is there still after the latter.
    if (verdict === 'gone' && (isRight || what === 'nonsense' || !isLast || subscription?.pin)) {
      this.mayBeLocked(number, true)
      return
    }
    if (what === 'nonsense') {
      expect(verdict).toBe('wrong')
      return
    }
    if (isRight) {
      expect(verdict).toBe('right')
      known.right[known.right.length - 1]!++
      this.known.set(key(of), { ...known, state: 'subscribed', pin: undefined })
      return
    }
    expect(verdict).toBe(isLast ? 'gone' : 'wrong')
    known.wrong[known.wrong.length - 1]!++
    this.wrongs.set(number, (this.wrongs.get(number) ?? 0) + 1)
    this.known.set(key(of), { ...known, pin: isLast ? undefined : { ...pin, wrong: pin.wrong + 1 } })
  }

  private async unsubscribe(of: Of): Promise<void> {
    const { campaign, number, known } = this.at(of)
    const left = await unsubscribe(this.ctx, campaign, number)
    expect(left?.state).toBe(known.state === 'none' ? undefined : 'unsubscribed')
    if (left) this.known.set(key(of), { ...known, state: 'unsubscribed', pin: undefined })
  }

  private async status(of: Of): Promise<void> {
    const { campaign, number, known } = this.at(of)
    const { state, pin } = known
    const { status } = await standing(this.ctx, campaign, number)
    this.meet(`status ${status}`)
    const waits = pin && this.ctx.clock.ms < pin.expiresAt ? 'pending' : 'lapsed'
    const words = { none: 'none', subscribed: 'active', unsubscribed: 'unsubscribed', pending_pin: waits }
    expect(status).toBe(words[state])
  }

  private async sweep(): Promise<void> {
    const { ms } = this.ctx.clock
    let expired = 0
    for (const known of this.known.values())
      if (known.pin && ms >= known.pin.expiresAt) {
        expired++
        known.pin = undefined
      }
    expect(await this.ctx.store.forgetSentPins(ms, 1_000)).toBe(expired)
  }

  /** Of all that are not begun, those not due too. */
  private async beginOne(nth: number): Promise<Sending | undefined> {
    const waiting = (await this.sendings()).filter(({ state }) => state === 'waiting')
    const sending = waiting[nth % Math.max(waiting.length, 1)]
    if (!sending) return undefined
    const { ms } = this.ctx.clock
    const { campaign, known, last } = await this.behind(sending)
    const begun = await beginSending(this.ctx, sending.id)
    const isGood = known.pin !== undefined && ms < known.pin.expiresAt
    const expected = sending.dueAt <= ms && isGood && campaign.status === 'active'
    this.meet(`begin ${expected ? sending.tries + 1 : 'not'}`)
    expect(begun !== undefined).toBe(expected)
    if (!begun) return undefined
    expect(begun.digits).toBe(known.pin?.digits)
    expect(begun.sending).toEqual({ ...sending, state: 'trying', tries: sending.tries + 1 })
    expect(sending.id).toBe(last?.id)
    expect(this.spoken).not.toContain(sending.id)
    return begun.sending
  }

  private async speak(nth: number): Promise<void> {
    const sending = await this.nthUnderWay(nth)
    if (!sending) return
    const { known } = await this.behind(sending)
    const isGood = known.pin !== undefined && this.ctx.clock.ms < known.pin.expiresAt
    const may = await beginSpeaking(this.ctx, sending.id)
    this.meet(`speak ${may}`)
    expect(may).toBe(isGood && sending.outcome !== 'not_needed')
    if (may) this.spoken.add(sending.id)
  }

  private async endOne(sending: Sending | undefined, outcome: SendingOutcome): Promise<void> {
    if (!sending) return
    const { campaign } = await this.behind(sending)
    const ended = await endTry(this.ctx, sending.id, outcome)
    this.meet(`end ${ended?.state ?? ''} ${ended?.outcome ?? ''}`)
    expect(ended!.tries).toBe(sending.tries)
    if (ended!.state === 'ended') return
    // It waits for another try.
    expect(['busy', 'no_answer', 'failed']).toContain(outcome)
    expect(sending).toMatchObject({ state: 'trying' })
    expect(sending.outcome).not.toBe('not_needed')
    expect(ended).toMatchObject({ state: 'waiting', dueAt: this.ctx.clock.ms + campaign.retryMs })
    expect(ended!.tries).toBeLessThan(campaign.tries)
  }

  private async nthUnderWay(nth: number): Promise<Sending | undefined> {
    const begun = (await this.sendings()).filter(({ state }) => state === 'trying' || state === 'speaking')
    return begun[nth % Math.max(begun.length, 1)]
  }

  /** All of them, each campaign's in the order in which they were made. */
  private async sendings(): Promise<Sending[]> {
    const of = this.campaigns.map(async ({ id }) => (await this.ctx.store.sendings(id, 1_000)).reverse())
    return (await Promise.all(of)).flat()
  }

  private async check(): Promise<void> {
    for (const [at, { state, pin, right, wrong }] of this.known) {
      const [campaign = 0, number = 0] = at.split(' ').map(Number)
      const { attempts } = this.campaigns[campaign]!
      const found = await this.found({ campaign, number })
      expect({ state: found?.subscription.state, pin: found?.subscription.pin }).toEqual({ state, pin })
      expect(Math.max(...right)).toBeLessThanOrEqual(1)
      expect(Math.max(...wrong)).toBeLessThanOrEqual(attempts)
    }
    const sendings = await this.sendings()
    for (const of of this.campaigns.flatMap((_, campaign) =>
      NUMBERS.map((_, number) => ({ campaign, number })),
    )) {
      const { campaign, number } = this.at(of)
      const mine = sendings.filter(({ campaignId, to }) => campaignId === campaign.id && to === number)
      const open = mine.filter(({ state, outcome }) => state !== 'ended' && outcome !== 'not_needed')
      expect(open.length).toBeLessThanOrEqual(1)
      expect(mine).toHaveLength(this.at(of).known.sent.length)
      expect(Math.max(0, ...mine.map(({ tries }) => tries))).toBeLessThanOrEqual(campaign.tries)
    }
  }

  /** Whatever window one looks at, wherever the clock went. */
  private checkQuotas(): void {
    for (const { at, campaign, number } of this.log) {
      const within = (ms: number) => this.log.filter((one) => one.at >= at && one.at < at + ms)
      const day = within(DAY_MS)
      expect(day.length).toBeLessThanOrEqual(PINS_A_DAY)
      const ofNumber = day.filter((one) => one.number === number)
      expect(ofNumber.length).toBeLessThanOrEqual(PINS_OF_NUMBER_A_DAY)
      const { pinsAnHour } = this.campaigns.find(({ id }) => id === campaign)!
      const ofCampaign = within(HOUR_MS).filter((one) => one.campaign === campaign)
      expect(ofCampaign.length).toBeLessThanOrEqual(pinsAnHour)
    }
  }

  private at(of: Of): { campaign: Campaign; number: string; known: Known } {
    const nothing: Known = { state: 'none', pin: undefined, sent: [], right: [], wrong: [] }
    const known = this.known.get(key(of)) ?? nothing
    return { campaign: this.campaigns[of.campaign]!, number: NUMBERS[of.number]!, known }
  }

  private found(of: Of) {
    const { campaign, number } = this.at(of)
    return this.ctx.store.findSubscription(campaign.id, number)
  }

  private async behind(sending: Sending) {
    const campaign = this.campaigns.findIndex(({ id }) => id === sending.campaignId)
    const of = { campaign, number: NUMBERS.indexOf(sending.to) }
    return { ...this.at(of), last: (await this.found(of))?.sending }
  }

  /** Whether this may have been refused because of what was guessed at the number. */
  private mayBeLocked(number: string, isRefused: boolean): boolean {
    if (isRefused) expect(this.wrongs.get(number) ?? 0).toBeGreaterThanOrEqual(SAFE_WRONGS)
    return isRefused
  }

  private meet(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1)
  }
}

function key({ campaign, number }: Of): string {
  return `${campaign} ${number}`
}

/** Five digits that are no PIN of these. */
function notOf(sent: string[]): string {
  for (let n = 13_579; ; n++) if (!sent.includes(String(n))) return String(n)
}
