import { describe, expect, test } from '@jest/globals'
import { Webhook } from 'standardwebhooks'
import { initiate, unsubscribe, validatePin } from '../../src/engine/subscriptions.ts'
import type { OwedPin } from '../support/sent-pins.ts'
import { until } from '../support/until.ts'
import { TEMPLATE, useTexts } from './texts-desk.ts'

/** The default of a campaign. */
const TTL_MS = 600_000

const { sink, desk, acme, one, untilIs, ids } = useTexts()

describe('a PIN', () => {
  test('is POSTed as its campaign says, signed with the secret of the account', async () => {
    desk().start()
    const owed = await one()
    await untilIs(owed, { state: 'ended', outcome: 'delivered', tries: 1 })
    const body = `{"to":"254700001000","text":"Test Campaign ${owed.digits}"}`
    expect(sink().received).toMatchObject([{ method: 'POST', path: '/hook', body }])
    const { headers } = sink().received[0]!
    expect(headers).toMatchObject({
      ...{ 'content-type': 'application/json', 'user-agent': 'pinbridge', 'webhook-id': owed.sending.id },
      'content-length': String(Buffer.byteLength(body)),
      'webhook-timestamp': String(Math.floor(desk().ctx.clock.ms / 1_000)),
    })
    const at = new Date(desk().ctx.clock.ms)
    const signature = new Webhook(acme().account.webhookSecret).sign(owed.sending.id, at, body)
    expect(headers['webhook-signature']).toBe(signature)
    expect(desk().errors).toEqual([])
  })

  const hostile = 'A "b" \\ & c=d {{pin}} \u00e9\ud83d\udcf0 +%26'

  test.each([
    [
      'application/json',
      '{"id":"{{reference}}","from":"{{service}}","text":"{{campaign}}: {{pin}}","n":{{msisdn}}}',
      (body: string) => JSON.parse(body) as unknown,
      (pin: string, id: string) => ({
        ...{ id: `AP:${id}`, from: hostile.slice(0, 9), text: `${hostile}: ${pin}`, n: 254_700_001_000 },
      }),
    ],
    [
      'application/x-www-form-urlencoded',
      'to={{msisdn}}&text={{campaign}}:+{{pin}}&from={{service}}&id={{reference}}',
      (body: string) => Object.fromEntries(new URLSearchParams(body)),
      (pin: string, id: string) => ({
        ...{ to: '254700001000', text: `${hostile}: ${pin}`, from: hostile.slice(0, 9), id: `AP:${id}` },
      }),
    ],
    [
      'text/plain',
      'To: {{msisdn}}\nFrom: {{service}}\nRef: {{reference}}\n\n{{campaign}}: {{pin}}',
      (body: string) => body,
      (pin: string, id: string) =>
        `To: 254700001000\nFrom: ${hostile.slice(0, 9)}\nRef: AP:${id}\n\n${hostile}: ${pin}`,
    ],
  ] as const)('goes out as %s, whatever the campaign is called', async (contentType, body, read, wanted) => {
    const names = { name: hostile, service: hostile.slice(0, 9) }
    const loud = await desk().campaign('loud', { url: sink().url, contentType, body }, names)
    desk().start()
    const owed = await one(loud)
    await untilIs(owed, { outcome: 'delivered' })
    expect(sink().received[0]!.headers['content-type']).toBe(
      contentType === 'text/plain' ? 'text/plain; charset=utf-8' : contentType,
    )
    expect(read(sink().received[0]!.body)).toEqual(wanted(owed.digits, owed.sending.subscriptionId))
  })

  test('is in the body, and neither it nor the number nor a key is in what is logged', async () => {
    const { account, campaign } = await desk().campaign('loud', {
      url: `http://127.0.0.1:${sink().port}/{{pin}}`,
      headers: { 'x-api-key': 's3cr3t' },
    })
    sink().answer({ status: 500, headers: { 'retry-after': '120' }, body: 'no' }, 204)
    desk().start()
    const owed = [await one(), await one({ account, campaign })]
    await until(() => expect(desk().attempts).toHaveLength(2))
    const host = `127.0.0.1:${sink().port}`
    const [first, second] = desk().attempts
    expect([first?.status, second?.status].sort()).toEqual([204, 500])
    expect(Object.keys(first!).sort()).toEqual([
      ...['accountId', 'attempt', 'host', 'outcome', 'reason', 'sendingId', 'status'],
    ])
    expect([first?.host, second?.host]).toEqual([host, host])
    const logged = JSON.stringify(desk().attempts)
    expect(sink().received.map(({ headers }) => headers['x-api-key'])).toContain('s3cr3t')
    expect(logged).not.toMatch(/s3cr3t|x-api-key/)
    for (const { digits, sending } of owed) {
      expect(logged).not.toContain(digits)
      expect(logged).not.toContain(sending.to.slice(1))
      expect(sink().received.some(({ body }) => body.includes(digits))).toBe(true)
    }
  })

  test('that another process wrote is found without being woken', async () => {
    desk().start()
    const { account, campaign } = acme()
    await initiate(desk().ctx, { account, campaign }, '+254700001000')
    await until(() => expect(sink().received).toHaveLength(1))
  })

  test('that goes out as a call is none of its business', async () => {
    const calls = await desk().campaign('calls', { url: sink().url }, { means: { kind: 'call' } })
    await one(calls)
    await one()
    desk().start()
    await until(() => expect(desk().attempts).toHaveLength(1))
    expect(sink().received).toHaveLength(1)
    expect(await desk().ctx.store.sendings(calls.campaign.id, 1)).toMatchObject([
      { state: 'waiting', tries: 0 },
    ])
  })
})

describe('a PIN that is none any more', () => {
  const ends: [string, (owed: OwedPin) => Promise<unknown>][] = [
    ['was replaced', ({ sending }) => initiate(desk().ctx, acme(), sending.to)],
    ['is not wanted', ({ sending }) => unsubscribe(desk().ctx, acme().campaign, sending.to)],
    ['was right', ({ sending, digits }) => validatePin(desk().ctx, acme().campaign, sending.to, digits)],
  ]

  test.each(ends)('as it %s is not sent', async (how, end) => {
    const owed = await one()
    await end(owed)
    desk().start()
    // The one in its place is.
    if (how === 'was replaced') await until(() => expect(desk().attempts).toHaveLength(1))
    await untilIs(await oneToo(), { outcome: 'delivered' })
    expect(ids(sink().received)).not.toContain(owed.sending.id)
    expect(await desk().now(owed)).toMatchObject({ state: 'ended', outcome: 'not_needed', tries: 0 })
  })

  test.each(ends)('as it %s is given up while it is sent, and ends as that', async (_, end) => {
    sink().answer('hang', 204)
    const { wake } = desk().start()
    const owed = await one()
    await until(() => expect(sink().received).toHaveLength(1))
    await end(owed)
    wake()
    await untilIs(owed, { state: 'ended', outcome: 'not_needed', tries: 1 })
    expect(desk().attempts.find(({ sendingId }) => sendingId === owed.sending.id)).toMatchObject({
      ...{ outcome: 'not_needed', reason: 'overtaken' },
    })
  })

  test('is not sent any more while the name of its gateway is looked up', async () => {
    const named = await desk().campaign('named', { url: `http://sms.example:${sink().port}/` })
    const asked: string[] = []
    const found = Promise.withResolvers<string[]>()
    const { wake } = desk().start({
      resolve: (name) => {
        asked.push(name)
        return found.promise
      },
    })
    const owed = await one(named)
    await until(() => expect(asked).toHaveLength(1))
    await unsubscribe(desk().ctx, named.campaign, owed.sending.to)
    wake()
    await untilIs(owed, { state: 'ended', outcome: 'not_needed' })
    found.resolve(['127.0.0.1'])
    await untilIs(await oneToo(), { outcome: 'delivered' })
    expect(ids(sink().received)).not.toContain(owed.sending.id)
  })

  test('as it has expired is not sent, however many there are', async () => {
    const owed = await desk().owe(acme(), 45)
    desk().ctx.clock.ms += TTL_MS
    desk().start()
    await until(async () => {
      const states = await Promise.all(owed.map(async (pin) => (await desk().now(pin)).outcome))
      expect(new Set(states)).toEqual(new Set(['not_needed']))
    })
    expect(sink().connections).toBe(0)
  })

  /** Another account's, by which one sees that all that was due has been looked at. */
  async function oneToo(): Promise<OwedPin> {
    return one(await desk().campaign('too', { url: sink().url }))
  }
})

test('a template that was never checked fails, and says nothing of what it would have said', async () => {
  const { campaign } = acme()
  const means = { kind: 'webhook', url: sink().url, body: TEMPLATE, headers: {} } as const
  const name = 'half a pair \ud83d'
  await desk().ctx.store.changeCampaign(campaign.accountId, campaign.id, (found) => ({
    save: { ...found!, name, means: { ...means, contentType: 'application/x-www-form-urlencoded' } },
    result: undefined,
  }))
  desk().start()
  await untilIs(await one(), { state: 'waiting', outcome: 'failed' })
  expect(desk().attempts).toMatchObject([{ outcome: 'failed', reason: 'URIError' }])
  expect(sink().connections).toBe(0)
})
