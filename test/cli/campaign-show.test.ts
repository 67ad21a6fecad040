import { randomInt } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { v7 as newId } from 'uuid'
import { addCampaign, changeCampaign, DEFAULT_CAMPAIGN } from '../../src/engine/campaigns.ts'
import type { Context } from '../../src/engine/context.ts'
import { beginSending, beginSpeaking, endTry } from '../../src/engine/sendings.ts'
import { initiate, type OfCampaign, unsubscribe, validatePin } from '../../src/engine/subscriptions.ts'
import type { SendingOutcome } from '../../src/engine/subscription-store.ts'
import { installation, SLOW_MS, type Installation, type Json } from './command.ts'

const ID = 'c71e2c2ee68b410a82d6c5f910c2d428'
const BODY = '{"key":"w0rd","text":"{{pin}}"}'
const WEBHOOK = {
  kind: 'webhook',
  url: 'https://gateway.example/send?key=s3cr3t&to=sms',
  contentType: 'application/json',
  body: BODY,
  headers: { authorization: 'Bearer b34rer', 'x-api-key': 'k3y' },
} as const

let pinbridge: Installation
let ctx: Context
let campaign: OfCampaign
/** Each event has an instant of its own, so that their order is known. */
let now: number
/** All PINs that were sent. They have nine digits, which nothing else that is printed has by chance. */
const pins = new Set<string>()

beforeEach(async () => {
  pinbridge = installation()
  await pinbridge.run('account', 'add', '--name', 'Acme', '--sid', 'acme', '--country', 'KE')
  now = Date.now()
  ctx = { store: pinbridge.store(), now: () => (now += 1_000), randomInt: (max) => randomInt(max), newId }
  const [account] = await ctx.store.accounts()
  const settings = { ...DEFAULT_CAMPAIGN, name: 'Test', service: '12345', allowed: ['254'], pinLength: 9 }
  campaign = { account: account!, campaign: await addCampaign(ctx, account!, { ...settings, id: ID }) }
}, SLOW_MS)
afterEach(() => pinbridge.close())

async function show(...options: string[]): Promise<Json> {
  const { code, document } = await pinbridge.json('campaign', 'show', ID, ...options)
  expect(code).toBe(0)
  return document
}

/** Has a PIN sent; resolves to it and to what is owed for it. */
async function sent(msisdn: string): Promise<{ pin: string; id: string; reference: string }> {
  expect(await initiate(ctx, campaign, msisdn, { email: 'me@subscriber.example' })).toMatchObject({
    status: 'pending_pin',
  })
  const found = await ctx.store.findSubscription(ID, msisdn)
  const pin = found!.subscription.pin!.digits
  pins.add(pin)
  return { pin, id: found!.sending!.id, reference: `AP:${found!.subscription.id}` }
}

async function tried(id: string, outcome: SendingOutcome): Promise<void> {
  expect(await beginSending(ctx, id)).toBeDefined()
  if (outcome === 'delivered') expect(await beginSpeaking(ctx, id)).toBe(true)
  await endTry(ctx, id, outcome)
}

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/)

test(
  'counts numbers by state and tells what became of the last PINs, without numbers and PINs',
  async () => {
    const heard = await sent('+254700000011')
    await tried(heard.id, 'delivered')
    await validatePin(ctx, campaign.campaign, '+254700000011', heard.pin)
    const gone = await sent('+254700000022')
    await unsubscribe(ctx, campaign.campaign, '+254700000022')
    const busy = await sent('+254700000033')
    await tried(busy.id, 'busy')
    const waiting = await sent('+254700000044')

    const document = await show()
    const common = { means: 'call', createdAt: INSTANT }
    expect(document['subscriptions']).toEqual({ pending_pin: 2, subscribed: 1, unsubscribed: 1 })
    expect(document['sendings']).toEqual([
      {
        ...{ id: waiting.id, reference: waiting.reference, to: '+25…44', ...common, state: 'waiting' },
        ...{ outcome: null, tries: 0, endedAt: null, nextTryAt: INSTANT },
      },
      {
        ...{ id: busy.id, reference: busy.reference, to: '+25…33', ...common, state: 'waiting' },
        ...{ outcome: 'busy', tries: 1, endedAt: null, nextTryAt: INSTANT },
      },
      {
        ...{ id: gone.id, reference: gone.reference, to: '+25…22', ...common, state: 'ended' },
        ...{ outcome: 'not_needed', tries: 0, endedAt: INSTANT, nextTryAt: null },
      },
      {
        ...{ id: heard.id, reference: heard.reference, to: '+25…11', ...common, state: 'ended' },
        ...{ outcome: 'delivered', tries: 1, endedAt: INSTANT, nextTryAt: null },
      },
    ])
    const two = await show('--sendings', '2')
    expect((two['sendings'] as Json[]).map(({ id }) => id)).toEqual([waiting.id, busy.id])
    expect(await show('--sendings', '0')).toMatchObject({ sendings: [], subscriptions: { pending_pin: 2 } })

    const { stdout } = await pinbridge.run('campaign', 'show', ID)
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/))
    expect(rows).toContainEqual(['numbers', '2 pending_pin, 1 subscribed, 1 unsubscribed'])
    expect(rows).toContainEqual([INSTANT, '+25…33', 'call', 'waiting', 'busy', '1', INSTANT, '-'])
    expect(rows).toContainEqual([INSTANT, '+25…11', 'call', 'ended', 'delivered', '1', '-', INSTANT])
    expect(pins.size).toBe(4)
    const told = [JSON.stringify(document), stdout].join('\n')
    for (const hidden of [...pins, '2547000000', 'subscriber.example']) expect(told).not.toContain(hidden)
  },
  SLOW_MS,
)

test(
  'all of its settings, for people and for scripts',
  async () => {
    const document = await show()
    const address = `https://pinbridge.example/ivr/subscriptions/v1/${ID}`
    expect(document).toEqual({
      campaign: {
        ...{ id: ID, account: 'acme', name: 'Test', service: '12345', keyword: null, status: 'active' },
        ...{ means: { kind: 'call' }, allowed: ['254'], callerId: null, pinLength: 9, attempts: 3 },
        ...{ pinTtlMs: 600_000, tries: 3, retryMs: 30_000, pinsOfNumberADay: 5, pinsAnHour: 500 },
        createdAt: INSTANT,
      },
      address,
      subscriptions: { pending_pin: 0, subscribed: 0, unsubscribed: 0 },
      sendings: [],
      lacks: ['asterisk', 'caller_id'],
    })
    const changed = {
      ...({
        keyword: 'JOIN',
        status: 'paused',
        callerId: '+254711000000',
        allowed: ['-25479', '254'],
      } as const),
      ...{ pinTtlMs: 90_000, retryMs: 120_000 },
    }
    await changeCampaign(ctx, campaign.account, ID, changed)
    const { stdout } = await pinbridge.run('campaign', 'show', ID)
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['id', ID],
      ['account', 'acme'],
      ['name', 'Test'],
      ['service', '12345'],
      ['keyword', 'JOIN'],
      ['status', 'paused'],
      ['sends', 'by a call'],
      ['caller id', '+254711000000'],
      ['may send to', '+254 not +25479'],
      ['PINs', '9 digits, good for 90 s and 3 attempts'],
      ['tries', '3, 2 min between them'],
      ['at most', '5 PINs to a number in 24 hours, 500 PINs an hour'],
      ['made', INSTANT],
      ['address', address],
      ['numbers', '0 pending_pin, 0 subscribed, 0 unsubscribed'],
      [''],
      ['It calls, and Asterisk is off here: asterisk.mode.'],
      [''],
    ])
  },
  SLOW_MS,
)

test(
  "the gateway's address, headers and body, which may hold a password, are shown on purpose only",
  async () => {
    await changeCampaign(ctx, campaign.account, ID, { means: WEBHOOK })
    const hidden = { ...WEBHOOK, url: 'https://gateway.example/****', body: '****' }
    const names = { headers: { authorization: '****', 'x-api-key': '****' } }
    expect(await show()).toMatchObject({ campaign: { means: { ...hidden, ...names } } })
    const plain = (await pinbridge.run('campaign', 'show', ID)).stdout
    expect(plain).not.toMatch(/s3cr3t|w0rd|b34rer|k3y/)
    expect(plain).toMatch(/\nheader +authorization: \*{4}\nheader +x-api-key: \*{4}\n/)
    expect(await show('--reveal')).toMatchObject({ campaign: { means: WEBHOOK } })
    const { stdout } = await pinbridge.run('campaign', 'show', ID, '--reveal')
    expect(stdout).toContain(`by POST to ${WEBHOOK.url}\n`)
    expect(stdout).toContain(BODY)
    expect(stdout).toMatch(/\nheader +authorization: Bearer b34rer\nheader +x-api-key: k3y\n/)
  },
  SLOW_MS,
)

test(
  'tells what it lacks to send anything',
  async () => {
    const lacks = async () => (await show())['lacks']
    await changeCampaign(ctx, campaign.account, ID, { allowed: ['-25479'], pinsAnHour: 0 })
    expect(await lacks()).toEqual(['destinations', 'quota', 'asterisk', 'caller_id'])
    await changeCampaign(ctx, campaign.account, ID, { allowed: ['254'], pinsAnHour: 1 })
    await pinbridge.run('number', 'add', '+254711000000', '--account', 'acme')
    expect(await lacks()).toEqual(['asterisk'])
    await changeCampaign(ctx, campaign.account, ID, { means: WEBHOOK, pinsOfNumberADay: 0 })
    expect(await lacks()).toEqual(['quota'])
    await changeCampaign(ctx, campaign.account, ID, { pinsOfNumberADay: 1 })
    await pinbridge.run('account', 'subscriptions', 'acme', '--pins-a-day', '0')
    expect(await lacks()).toEqual(['quota'])
    await pinbridge.run('account', 'subscriptions', 'acme', '--pins-a-day', '1')
    expect(await lacks()).toEqual([])
    // As it may have come from an installation that allows it.
    await changeCampaign(ctx, campaign.account, ID, { means: { ...WEBHOOK, url: 'ftp://gateway.example/' } })
    expect(await lacks()).toEqual(['url'])
    const { account } = campaign
    await ctx.store.addAccount({ ...account, id: 'old', sid: 'old' }, [])
    const old = { ...campaign.campaign, id: 'of-an-old-account', accountId: 'old', means: WEBHOOK }
    await ctx.store.addCampaign(old)
    const { document } = await pinbridge.json('campaign', 'show', 'of-an-old-account')
    expect(document['lacks']).toEqual(['login'])
    const { stdout } = await pinbridge.run('campaign', 'show', 'of-an-old-account')
    expect(stdout).toContain('No client can sign: pinbridge account token old --dialect mobivate.\n')
  },
  SLOW_MS,
)
