import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Account } from '../../src/engine/accounts.ts'
import {
  addCampaign,
  CAMPAIGN_RANGES,
  type CampaignSettings,
  changeCampaign,
  DEFAULT_CAMPAIGN,
} from '../../src/engine/campaigns.ts'
import { DEFAULT_BODY } from '../../src/engine/sent-texts.ts'
import { changeSubscriptionSettings } from '../../src/engine/subscription-settings.ts'
import { testAccount, testContext, type TestContext } from '../support/context.ts'

let ctx: TestContext
let account: Account
beforeEach(async () => {
  ctx = testContext()
  account = await testAccount(ctx)
})
afterEach(() => ctx.store.close())

const SETTINGS: CampaignSettings = { ...DEFAULT_CAMPAIGN, name: 'News', service: '82777', allowed: ['254'] }
const WEBHOOK = {
  kind: 'webhook',
  url: 'https://sms.example/send',
  contentType: 'application/json',
  body: DEFAULT_BODY,
  headers: { authorization: 'Bearer s3cr3t' },
} as const
const refusal = (code: string, message: string) => expect.objectContaining({ name: 'Refusal', code, message })
const kept = async (id: string) => (await ctx.store.findCampaign(id))?.campaign

describe('a campaign', () => {
  test('is kept as it was wanted, under an id that nobody can guess', async () => {
    const made = await addCampaign(ctx, account, SETTINGS)
    const other = await addCampaign(ctx, account, SETTINGS)
    expect(made).toEqual({ ...SETTINGS, id: made.id, accountId: account.id, createdAt: ctx.clock.ms })
    expect(made.id).toMatch(/^[\da-f]{32}$/)
    expect(other.id).not.toBe(made.id)
    expect(await kept(made.id)).toEqual(made)
  })

  test('can have the id that it had elsewhere, which no other account can have then', async () => {
    const id = 'c71e2c2ee68b410a82d6c5f910c2d428'
    expect(await addCampaign(ctx, account, { ...SETTINGS, id })).toMatchObject({ id })
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    await expect(addCampaign(ctx, other, { ...SETTINGS, id })).rejects.toMatchObject({ code: 'duplicates' })
    expect(await kept(id)).toMatchObject({ accountId: account.id })
  })

  test.each([
    '',
    'short',
    'x'.repeat(65),
    'with space',
    'slash/slash',
    '../../../etc',
    'ümlaute-too',
    'line\nline',
  ])('cannot have the id %j', async (id) => {
    await expect(addCampaign(ctx, account, { ...SETTINGS, id })).rejects.toEqual(refusal('invalid', 'id'))
  })

  const ranges = Object.entries(CAMPAIGN_RANGES) as [
    keyof typeof CAMPAIGN_RANGES,
    readonly [number, number],
  ][]
  test.each(ranges)('has a %s of %j and nothing else', async (name, [least, most]) => {
    for (const value of [least, most])
      expect(await addCampaign(ctx, account, { ...SETTINGS, [name]: value })).toMatchObject({ [name]: value })
    for (const value of [least - 1, most + 1, least + 0.5, NaN, Infinity])
      await expect(addCampaign(ctx, account, { ...SETTINGS, [name]: value })).rejects.toEqual(
        refusal('invalid', name),
      )
  })

  test.each<[string, Partial<CampaignSettings>]>([
    ['name', { name: '' }],
    ['name', { name: ' \u00a0' }],
    ['name', { name: 'x'.repeat(101) }],
    ['name', { name: 'two\nlines' }],
    ['name', { name: 'two\u2028lines' }],
    ['name', { name: 'null\0' }],
    ['name', { name: 'half a pair \ud83d' }],
    ['service', { service: 'x'.repeat(41) }],
    ['service', { service: '\t' }],
    ['keyword', { keyword: '' }],
    ['keyword', { keyword: 'two\rlines' }],
    ['allowed', { allowed: ['+254'] }],
    ['allowed', { allowed: ['254', '-254'] }],
    ['callerId', { callerId: '254700000000' }],
    ['url', { means: { ...WEBHOOK, url: '' } }],
    ['url', { means: { ...WEBHOOK, url: `https://sms.example/${'x'.repeat(2_000)}` } }],
    ['body', { means: { ...WEBHOOK, body: 'no PIN' } }],
    ['headers', { means: { ...WEBHOOK, headers: { 'x-api-key': 'two\r\nlines' } } }],
  ])('is refused by the %s of %j, new or changed, and stays as it was', async (setting, wrong) => {
    const made = await addCampaign(ctx, account, SETTINGS)
    await expect(addCampaign(ctx, account, { ...SETTINGS, ...wrong })).rejects.toEqual(
      refusal('invalid', setting),
    )
    await expect(changeCampaign(ctx, account, made.id, wrong)).rejects.toEqual(refusal('invalid', setting))
    expect(await ctx.store.campaigns(account.id)).toEqual([made])
  })

  test('takes names of any script, as long as they may be', async () => {
    for (const name of ['x'.repeat(100), 'Habari & "Michezo" <5>', 'समाचार 📰', "'; drop table campaign; --"])
      expect(await addCampaign(ctx, account, { ...SETTINGS, name })).toMatchObject({ name })
  })

  test('is changed where that is wanted, and nowhere else', async () => {
    const made = await addCampaign(ctx, account, { ...SETTINGS, keyword: 'NEWS' })
    ctx.clock.ms += 1_000
    const paused = await changeCampaign(ctx, account, made.id, { status: 'paused', means: WEBHOOK })
    expect(paused).toEqual({ ...made, status: 'paused', means: WEBHOOK })
    const free = await changeCampaign(ctx, account, made.id, { keyword: undefined })
    expect(free).toEqual({ ...paused, keyword: undefined })
    expect(await kept(made.id)).toEqual(free)
  })

  test('is changed by its own account alone', async () => {
    const made = await addCampaign(ctx, account, SETTINGS)
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    await expect(changeCampaign(ctx, other, made.id, { name: 'Ours' })).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(await kept(made.id)).toEqual(made)
  })
})

describe('what an account chooses for its campaigns', () => {
  const change = (wanted: Parameters<typeof changeSubscriptionSettings>[2]) =>
    changeSubscriptionSettings(ctx, account, wanted)
  const chosen = async () => (await ctx.store.findAccount(account.id))?.settings

  test('is changed where it is named, and everything else stays', async () => {
    expect(await change({ pinsADay: 0 })).toEqual({ strongSignature: false, pinsADay: 0 })
    expect(await change({ strongSignature: true })).toEqual({ strongSignature: true, pinsADay: 0 })
    expect(await change({})).toEqual({ strongSignature: true, pinsADay: 0 })
    const subscriptions = { strongSignature: true, pinsADay: 0 }
    expect(await chosen()).toEqual({ ...account.settings, subscriptions })
  })

  test.each([-1, 1_000_001, 0.5, NaN])('cannot be %p PINs a day', async (pinsADay) => {
    await expect(change({ strongSignature: true, pinsADay })).rejects.toEqual(refusal('invalid', 'pinsADay'))
    expect(await chosen()).toEqual(account.settings)
    expect(await change({ pinsADay: 1_000_000 })).toMatchObject({ pinsADay: 1_000_000 })
  })

  test('is refused to an account that is not there', async () => {
    const gone = { ...account, id: 'gone' }
    await expect(changeSubscriptionSettings(ctx, gone, {})).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('ids that a signature cannot tell apart', () => {
  const withId = (of: Account, id: string) => addCampaign(ctx, of, { ...SETTINGS, id })

  test.each([
    ['club-news', 'club-news1'],
    ['club-news12', 'club-news'],
    ['20260101', '2026010199'],
  ])('%s and %s are not both of one account', async (first, second) => {
    await withId(account, first)
    await expect(withId(account, second)).rejects.toMatchObject({ code: 'duplicates' })
    expect(await ctx.store.findCampaign(second)).toBeUndefined()
    const other = await testAccount(ctx, { sid: 'other', vns: [] })
    await expect(withId(other, second)).resolves.toMatchObject({ id: second })
  })

  test.each([
    ['club-news', 'club-newsy'],
    ['club-news', 'club-news-1'],
    ['club-1-news', 'club-news'],
  ])('%s and %s can be', async (first, second) => {
    await withId(account, first)
    await expect(withId(account, second)).resolves.toMatchObject({ id: second })
  })
})
